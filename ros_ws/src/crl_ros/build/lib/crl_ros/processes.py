"""Nodes as processes: started with their parameters, watched, and ended whatever happens to who started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

PATIENCE = 10.0
"""Seconds that a process has for its orderly end."""
LOCALHOST = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}
"""Nobody beyond this machine hears or commands these nodes, unless the user's environment says otherwise."""
_PR_SET_PDEATHSIG = 1


def environment() -> dict[str, str]:
    """The environment of nodes: on this machine only by default, and with this package to be found."""
    here = str(Path(__file__).resolve().parents[1])
    paths = [here, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    threads = {name: os.environ.get(name, "1") for name in ("OMP_NUM_THREADS",)}
    return {**LOCALHOST, **os.environ, **threads, "PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))}


class Processes:
    """Starts modules of this package as processes; as a context manager it ends them.

    Args:
        namespace: Namespace of all nodes.
        output: Where their output goes: a folder, one file each; ``None``: to this process' own.
    """

    def __init__(self, namespace: str = "", output: Path | None = None) -> None:
        self._namespace = namespace
        self._output = output
        self._folder = tempfile.TemporaryDirectory(prefix="crl_ros_")
        self._files: list[Any] = []
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        """By name; processes that have ended stay until :meth:`end`."""

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def start(
        self,
        name: str,
        module: str,
        parameters: Mapping[str, Any] | None = None,
        remaps: Mapping[str, str] | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a node.

        Args:
            name: By which it is known here.
            module: Such as ``crl_ros.agent_node``.
            parameters: Of the node.
            remaps: Names of topics.
            extra: Further environment variables.
        """
        file = Path(self._folder.name) / f"{name}.yaml"
        # A file keeps types and quotes as they are; the command line would read strings as YAML again.
        file.write_text(yaml.safe_dump({"/**": {"ros__parameters": dict(parameters or {})}}), encoding="utf-8")
        command = [sys.executable, "-m", module, "--ros-args"]
        command += ["--params-file", str(file)] if parameters else []
        command += ["-r", f"__ns:=/{self._namespace.strip('/')}"] if self._namespace else []
        for there, here in (remaps or {}).items():
            command += ["-r", f"{there}:={here}"]
        output = None
        if self._output is not None:
            output = (self._output / f"{name}.log").open("ab")
            self._files.append(output)
        self.running[name] = subprocess.Popen(
            command,
            env={**environment(), **(extra or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            # Ctrl-C is for who started them: the order of their ends matters.
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )
        return self.running[name]

    def dead(self, names: Sequence[str] | None = None) -> list[str]:
        """Names of processes that have ended."""
        wanted = self.running if names is None else names
        return [name for name in wanted if name in self.running and self.running[name].poll() is not None]

    def stop(self, name: str) -> int | None:
        """End one process in an orderly way, or else by force; its exit code, ``None`` if there is no such process."""
        process = self.running.pop(name, None)
        if process is None:
            return None
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)  # one that was stopped hears nothing else
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def end(self) -> None:
        """End all, the last begun first."""
        for name in reversed(list(self.running)):
            self.stop(name)
        for file in self._files:
            file.close()
        self._files = []
        self._folder.cleanup()


def wait_for_end(process: subprocess.Popen[bytes], seconds: float = PATIENCE) -> bool:
    """Whether a process ends within some seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.poll() is not None


def fresh_domain() -> int:
    """A ROS domain that is probably nobody else's, 1..101."""
    return 1 + (os.getpid() * 7 + time.monotonic_ns() // 1000) % 101


def _end_with_parent() -> None:
    """In the child: it is told to end when its parent dies, however that dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
