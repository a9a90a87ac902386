"""How far each point of a sweep is, from its folders alone: whoever asks, and whether or not the sweep runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from crl.reading.plain import open_plain
from crl.reading.schema import flag, mapping, number
from crl.reporting.store.holder import holder
from crl.sweeps import record as records
from crl.sweeps.folder import SweepFolder
from crl.sweeps.points.point import Point
from crl.sweeps.record import Record
from crl.training.runs.folder import RunFolder
from crl.training.runs.results_file import read_line, read_results

_PHASE = mapping({"wall": number}, ("wall",))
Name = Literal["waiting", "running", "finished", "failed", "stopped", "killed"]
TAIL = 1 << 16
"""Bytes at the end of a log in which the newest lines are looked for."""
RECENT = 10
"""Training episodes whose share of successes is shown of a run that is not finished."""


@dataclass(frozen=True)
class State:
    """A row of the table.

    Attributes:
        point: Name.
        state: ``waiting`` (nothing done yet, or to be done anew), ``running``, ``finished``, ``failed`` (with an
            error), ``stopped`` (by Ctrl-C or SIGTERM; what it learned is saved) or ``killed`` (begun, and nobody works
            on it).
        step: Environment steps so far.
        budget: Environment steps it may cost; 0 where not known.
        success: Average success over the tasks of a finished run, else the share among its newest training episodes.
        minutes: Wall time (min), that before interruptions included.
        error: First line of what failed.
    """

    point: str
    state: Name
    step: int = 0
    budget: int = 0
    success: float | None = None
    minutes: float | None = None
    error: str | None = None

    def to_plain(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def done(folder: SweepFolder, point: Point, code: str | None) -> bool:
    """Whether a point's run is finished, with these settings and this code; ``code=None`` takes any code's."""
    record = records.read(folder.point(point.name))
    return record is not None and fits(record, point, code) and _finished(folder.run(point.name), point)


def fits(record: Record, point: Point, code: str | None) -> bool:
    """Whether what a record tells of was begun with a point's settings, and with this code."""
    return point.is_of(record.fingerprint) and code in (None, record.code)


def states(folder: SweepFolder) -> list[State]:
    """All points, in their order.

    Raises:
        SweepFolderError: The sweep can't be read.
    """
    return [state(folder, name) for name in folder.names()]


def state(folder: SweepFolder, name: str) -> State:
    """One point."""
    place, point = folder.point(name), folder.read_point(name)
    record = records.read(place)
    if point is None or record is None or not point.is_of(record.fingerprint):
        running = holder(place) is not None
        return State(name, "running" if running else "waiting", budget=point.budget if point else 0)
    run = folder.run(name)
    results = _results(run) if _finished(run, point) else None
    if results is not None:
        wall = results.get("wall_seconds")
        return State(
            name,
            "finished",
            int(results.get("env_steps") or 0),
            point.budget,
            results.get("average_success"),
            wall / 60 if isinstance(wall, (int, float)) else None,
        )
    lines = _lines(run / "metrics.jsonl")
    step = int(lines[-1]["step"]) if lines else 0
    episodes = [line["success"] for line in lines if line["kind"] == "episode" and flag(line.get("success")) is None]
    newest = episodes[-RECENT:]
    facts = (step, point.budget, sum(newest) / len(newest) if newest else None, _minutes(run / "timing.jsonl"))
    if holder(place) is not None:
        return State(name, "running", *facts)
    if record.outcome == "failed":
        return State(name, "failed", *facts, (record.error or "").splitlines()[0] if record.error else None)
    return State(name, "stopped" if record.outcome == "stopped" else "killed", *facts)


def _finished(run: Path, point: Point) -> bool:
    folder = RunFolder(run)
    return point.is_of(folder.fingerprint()) and folder.status() == "finished"


def _results(run: Path) -> dict[str, Any] | None:
    try:
        return read_results(run).entries
    except (OSError, ValueError):
        return None


def _lines(path: Path) -> list[dict[str, Any]]:
    """The newest lines of a log. The first and the last may be cut off, and are passed over then."""
    try:
        with open_plain(path) as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    found = []
    for line in text.splitlines():
        if (read := read_line(line.encode())) is not None:
            found.append(read)
    return found


def _minutes(path: Path) -> float | None:
    """Wall time up to the last checkpoint (min)."""
    clocks = [line for line in _lines(path) if line["kind"] == "clock"]
    if not clocks:
        return None
    phases = [phase for phase in clocks[-1].values() if _PHASE(phase) is None]
    return sum(float(phase["wall"]) for phase in phases) / 60
