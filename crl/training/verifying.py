"""Whether a run that is killed and resumed ends as one that was never stopped, to the bit.

Two runs are made in processes of their own, with a checkpoint after every unit of work. One goes through. The other is
killed (SIGKILL) while it works, and resumed, several times. Then all that two equal runs share is compared: every line
of the log, the results without times, and the last checkpoint's state.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.checks.states import differences
from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointStore
from crl.training.runs.folder import RunFolder

NAME = "run"
"""Name of both runs, in folders of their own."""
SETTINGS = (f"name={NAME}", "checkpoint.seconds=0", "videos=false", "callbacks=[]")
TIMES = ("wall_seconds", "cpu_seconds", "time", "decision_ms", "run", "commit")
"""Entries of the results that may differ between equal runs."""
POLL = 0.02
"""Seconds between two looks at how far a run is."""


@dataclass(frozen=True)
class Verified:
    """What was found.

    Attributes:
        kills: How often the run was killed before it finished.
        lines: Lines of the log that were compared.
        found: Where the two runs differ, the first difference first; empty if they are equal to the bit.
    """

    kills: int
    lines: int
    found: list[str]


def verify_resume(
    settings: Sequence[str], folder: Path, kills: int = 3, told: Callable[[str], None] = lambda text: None
) -> Verified:
    """Make a run twice, kill and resume the second, and compare both.

    Args:
        settings: ``key=value`` of the run, as for ``crl train``.
        folder: An empty folder for both runs.
        kills: How often to kill the second one, spread over its log.
        told: Is told what happens.

    Raises:
        CrlError: A run failed for another reason than a kill, or was over before it could be killed.
    """
    whole, killed = folder / "whole", folder / "killed"
    told("a run that goes through")
    _through([*_training(settings, whole)])
    lines = _lines(whole / NAME)
    done = 0
    for kill in range(1, kills + 1):
        # The first line is written before anything is saved, so a kill waits for the second one.
        wanted = max(2, round(kill * lines / (kills + 1)))
        command = _training(settings, killed) if not (killed / NAME).exists() else _resuming(killed / NAME)
        if not _killed(command, killed / NAME, wanted):
            break
        done += 1
        told(f"killed at line {_lines(killed / NAME)} of {lines}, and resumed")
    if not done:
        raise CrlError(
            "the run was over before it could be killed", "make it longer: more steps, or more tasks (steps=2000)"
        )
    _through(_resuming(killed / NAME))
    return Verified(done, lines, compare(whole / NAME, killed / NAME))


def compare(one: Path, other: Path) -> list[str]:
    """Where two finished runs differ in what equal runs share; the first line of the log that differs comes first.

    Args:
        one: Folder of a run.
        other: Folder of another one.
    """
    found = []
    logs = [RunFolder(path).metrics.read_text(encoding="utf-8").splitlines() for path in (one, other)]
    for number, (mine, theirs) in enumerate(zip(*logs, strict=False), start=1):
        if mine != theirs:
            found += _named(f"line {number} of the log", json.loads(mine), json.loads(theirs))
            break
    if len(logs[0]) != len(logs[1]):
        found.append(f"the log: {len(logs[0])} and {len(logs[1])} lines")
    results = [json.loads(RunFolder(path).results.read_text(encoding="utf-8")) for path in (one, other)]
    plain = [{name: value for name, value in result.items() if name not in TIMES} for result in results]
    found += differences(plain[0], plain[1], "results")
    states = [dict(CheckpointStore(path / "checkpoints").load_latest().state) for path in (one, other)]
    for state in states:
        del state["clock"]
    return found + differences(states[0], states[1], "checkpoint")


def _named(where: str, mine: Any, theirs: Any) -> list[str]:
    """Where two lines differ; two texts of the same values differ as texts."""
    return differences(mine, theirs, where) or [f"{where}: written differently"]


def _training(settings: Sequence[str], runs: Path) -> list[str]:
    return [sys.executable, "-m", "crl.cli", "train", *settings, f"run_dir={runs}", *SETTINGS]


def _resuming(run: Path) -> list[str]:
    return [sys.executable, "-m", "crl.cli", "resume", str(run)]


@contextmanager
def _started(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], Callable[[], None]]]:
    """A process, which is killed at the end if it is still there.

    Yields:
        The process, and a function that waits for it, and raises :class:`~crl.errors.CrlError` with its last words
        if it has failed.
    """
    # A pipe that nobody reads fills up, and so the words go to a file.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as words:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=words, text=True)

        def check() -> None:
            if process.wait():
                words.seek(0)
                last = " ".join(words.read().strip().splitlines()[-3:])
                raise CrlError(f"a run failed with the exit code {process.returncode}: {last}")

        try:
            yield process, check
        finally:
            process.kill()
            process.wait()


def _through(command: Sequence[str]) -> None:
    """Let a process finish.

    Raises:
        CrlError: It failed.
    """
    with _started(command) as (_, check):
        check()


def _killed(command: Sequence[str], run: Path, lines: int) -> bool:
    """Kill a process once its run has so many lines in the log; whether it had not finished by then."""
    with _started(command) as (process, check):
        while process.poll() is None and _lines(run) < lines:
            time.sleep(POLL)
        if process.poll() is None:
            return True
        check()
        return False


def _lines(run: Path) -> int:
    try:
        return RunFolder(run).metrics.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0
