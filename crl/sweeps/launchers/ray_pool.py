"""``launcher=ray``: Ray hands the points to its workers, on this machine or in a cluster.

A Ray worker only starts the point's own process and waits for it. It is told apart from the run's death: if either
dies, the point counts as killed and is handed over again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from crl.cores import cores
from crl.errors import CrlError
from crl.sweeps.launchers.pool import Ended
from crl.sweeps.launchers.process import died, run_to_end
from crl.sweeps.points.point import Point

AHEAD = 2
"""Points handed over per running one: what waits lets a cluster that can grow do so, and no core idles."""


@dataclass
class Ray:
    """``launcher=ray``. ``init`` and ``remote`` are those of hydra-ray-launcher."""

    address: str | None = None
    """A cluster (``auto``, ``HOST:6379`` or ``ray://HOST:10001``); by default a local instance for this sweep."""
    workers: int | None = None
    """Runs at a time in a local instance; as many as there are cores, by default."""
    retries: int = 2
    """Times that a run is handed over again whose worker died."""
    init: dict[str, Any] = field(default_factory=dict)
    """Further arguments of ``ray.init``, such as ``runtime_env``."""
    remote: dict[str, Any] = field(default_factory=dict)
    """Further arguments of ``ray.remote``, such as ``num_cpus`` per run (default: the run's threads), ``num_gpus``."""


class RayPool:
    """Workers of Ray.

    Args:
        folder: The sweep; all machines of a cluster must see it under this path.
        settings: Of the launcher.
        any_code: Whether runs count that other code made.

    Raises:
        CrlError: Ray is not installed, or the cluster can't be reached.
    """

    def __init__(self, folder: Path, settings: Ray, any_code: bool) -> None:
        self._folder, self._any_code, self._settings = folder, any_code, settings
        self._ray = _start(settings)
        # A worker that dies is this pool's affair: Ray would start the task again without a word.
        self._task = self._ray.remote(max_retries=0)(run_to_end)
        self._running: dict[Any, Point] = {}

    @property
    def parallel(self) -> int:
        """Points that run at a time, as far as CPUs decide it."""
        each = float(self._settings.remote.get("num_cpus", 1)) or 1.0
        return max(1, int(self._ray.cluster_resources().get("CPU", 1) / each))

    @property
    def room(self) -> int:
        """Points that may be handed over."""
        return max(0, AHEAD * self.parallel - len(self._running))

    def start(self, point: Point) -> None:
        """Hand a point to Ray."""
        options = {"num_cpus": point.threads, **self._settings.remote}
        task = self._task.options(name=point.name, **options)
        self._running[task.remote(str(self._folder), point.name, point.threads, self._any_code)] = point

    def wait(self, seconds: float) -> list[Ended]:
        """Points whose worker has ended."""
        if not self._running:
            return []
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        return [Ended(self._running.pop(task), self._status(task)) for task in ready]

    def stop(self) -> None:
        """Let the workers save and end."""
        for task in self._running:
            self._ray.cancel(task)

    def close(self) -> None:
        """End Ray, or let go of the cluster."""
        self._ray.shutdown()

    def _status(self, task: Any) -> str | None:
        errors = self._ray.exceptions
        try:
            return died(self._ray.get(task))
        except (errors.TaskCancelledError, KeyboardInterrupt):
            return None
        except errors.RayTaskError as error:
            return f"its Ray worker failed: {_last_line(error)}"
        except errors.RayError as error:
            return f"its Ray worker died: {type(error).__name__}"


def _start(settings: Ray) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray gives its workers the lowest priority, so that beside anything else on the machine a sweep would stand still.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        ray: Any = import_module("ray")
    except ImportError as error:
        raise CrlError("launcher=ray needs Ray, which is not installed", "pip install 'crl[ray]'") from error
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    arguments: dict[str, Any] = {**quiet, **_defaults(settings), **settings.init}
    try:
        ray.init(**arguments)
    except Exception as error:  # Ray raises a dozen of kinds
        where = f"the Ray cluster {settings.address}" if settings.address else "a local Ray instance"
        raise CrlError(
            f"{where} can't be reached: {_last_line(error)}",
            "see `ray status` there; without launcher.address a local instance is started",
        ) from error
    return ray


def _defaults(settings: Ray) -> Mapping[str, Any]:
    if settings.address is not None:
        return {"address": settings.address}
    # Runs share nothing through Ray: its store may be as small as Ray allows.
    return {"num_cpus": settings.workers or cores(), "include_dashboard": False, "object_store_memory": 80_000_000}


def _last_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__
