"""Finished runs as records: what reports, tables and plots read, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError
from crl.reading.schema import Check, count, listed, mapping, named, number, optional, text, whole
from crl.training.runs.folder import LATEST
from crl.training.runs.results_file import NEEDED, read_log, read_results
from crl.training.runs.settings import CHANGED, recorded_settings


@dataclass(frozen=True)
class RunRecord:
    """A finished run: its folder, its ``results.json`` and the lines of its ``metrics.jsonl``."""

    path: Path
    results: dict[str, Any]

    @property
    def label(self) -> str:
        """Strategy of the run; of a run of another agent, that agent's name."""
        return str(self.results["strategy"])

    @property
    def seed(self) -> int:
        """Seed of the run."""
        return int(self.results["seed"])

    @property
    def stated_bytes(self) -> int | None:
        """Bytes per task that the strategy says it stores; ``None`` if it says nothing."""
        return _whole(self._memory.get("stated_bytes_per_task", self.results.get("bytes_per_task")))

    @property
    def measured_bytes(self) -> int | None:
        """Bytes per task by which its state was seen to grow; ``None`` in runs that did not measure it."""
        return _whole(self._memory.get("measured_bytes_per_task"))

    @property
    def constant_bytes(self) -> int | None:
        """Bytes kept however many tasks were learned; ``None`` in runs that did not measure them."""
        return _whole(self._memory.get("measured_bytes_constant"))

    @property
    def revisits_data(self) -> bool | None:
        """Whether the strategy says that it looks at old transitions again."""
        found = self._memory.get("revisits_data", self.results.get("revisits_data"))
        return None if found is None else bool(found)

    @property
    def old_rows_read(self) -> int | None:
        """Old transitions that it was seen to read; ``None`` in runs that did not count them."""
        return _whole(self._memory.get("old_rows_read"))

    @property
    def commit(self) -> str | None:
        """Commit of the code that made the run, where it is known."""
        found = self.results.get("commit")
        return str(found) if found else None

    @property
    def _memory(self) -> dict[str, Any]:
        return self.results.get("memory") or {}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Settings of the run as nested dicts; empty if its ``config.yaml`` is missing, broken or was changed."""
        return recorded_settings(self.path).plain or {}

    @property
    def life(self) -> dict[str, Any] | None:
        """The life that it lived, as :meth:`crl.training.lives.record.LifeRecord.results` counts it, if any.

        One that lacks an entry, or has one of another type, is passed over.
        """
        found = self.results.get("life")
        return found if isinstance(found, dict) and _is_life(found) else None

    @cached_property
    def missions(self) -> list[dict[str, Any]]:
        """Missions that the run flew, one record each as :func:`crl.training.missions.flying.fly` makes them.

        What lacks an entry, or has one of another type, is passed over; without milliseconds a mission still counts.
        """
        found = self.results.get("missions")
        records = [record for record in found if _is_mission(record)] if isinstance(found, list) else []
        return [{**record, "ms": _milliseconds(record.get("ms"))} for record in records]

    def plasticity(self, name: str) -> list[float | None]:
        """A measure of the network after every visit, such as ``dormant_units``; ``None`` where it is not known."""
        return [(visit.get("plasticity") or {}).get(name) for visit in self.results["visits"]]

    @property
    def lost_lines(self) -> int:
        """Lines of the log that can't be read."""
        return self._logged[1]

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Lines of one kind, in order; those that can't be read are passed over."""
        return [line for line in self._logged[0] if line["kind"] == kind]

    @cached_property
    def _logged(self) -> tuple[list[dict[str, Any]], int]:
        return read_log(self.path / "metrics.jsonl")

    def matrix(self, name: str = "matrix") -> NDArray[np.float64]:
        """A reward matrix [visits, tasks]; NaN where nothing was evaluated."""
        return np.array(
            [[np.nan if value is None else value for value in row] for row in self.results[name]], dtype=np.float64
        )


Groups = Mapping[str, Sequence[RunRecord]]
"""Finished runs by strategy."""


def read_run(path: Path) -> RunRecord:
    """Read one finished run.

    Raises:
        CrlError: The folder holds no readable ``results.json``, or one without what a report needs.
    """
    try:
        found = read_results(path)
    except (OSError, ValueError) as error:
        raise CrlError(
            f"{path} is not a finished run: {error}", f"finish it with: crl resume {shlex.quote(str(path))}"
        ) from error
    if lacking := [name for name in NEEDED if name not in found.entries]:
        why = "; ".join(found.wrong) or f"it lacks {', '.join(lacking)}"
        raise CrlError(f"the results.json of {path} can't be used: {why}", "write it again from the last checkpoint")
    return RunRecord(path, found.entries)


def by_strategy(paths: Iterable[Path]) -> tuple[dict[str, list[RunRecord]], list[str]]:
    """Finished runs grouped by strategy and ordered by seed; what does not count comes back as messages.

    Of two runs of one strategy with the same seed, the one whose folder's name sorts first counts: the other is the
    same run again, or one with other settings, and no further seed in either case.
    """
    groups: dict[str, list[RunRecord]] = {}
    problems: list[str] = []
    for path in sorted(paths):
        try:
            record = read_run(path)
        except CrlError:
            found = (path / "results.json").exists()
            problems.append(f"{path.name} " + ("has a broken results.json" if found else "is not finished"))
            continue
        if recorded_settings(path).changed:
            problems.append(f"{path.name}: {CHANGED}")
        if record.lost_lines:
            problems.append(f"{path.name}: {record.lost_lines} lines of metrics.jsonl can't be read; the others count")
        group = groups.setdefault(record.label, [])
        twin = next((other for other in group if other.seed == record.seed), None)
        if twin is None:
            group.append(record)
        else:
            problems.append(
                f"{path.name} is left out: {twin.path.name} is a run of {record.label} with seed {record.seed}, too"
                + (" (with other settings)" if differ(twin, record) else "")
            )
    for records in groups.values():
        records.sort(key=lambda record: record.seed)
    return groups, problems


def differ(one: RunRecord, other: RunRecord) -> bool:
    """Whether two runs had different settings, by their fingerprints."""
    return bool(one.results.get("fingerprint") != other.results.get("fingerprint"))


def _change(row: Any) -> str | None:
    """A row of a life's timeline: step, true regime, believed regime or ``None``, phase."""
    kinds: tuple[Check, ...] = (count, whole, optional(whole), text)
    if not isinstance(row, list) or len(row) != len(kinds):
        return "is no change of a life"
    return next((wrong for check, value in zip(kinds, row, strict=True) if (wrong := check(value))), None)


_MISSION: dict[str, type | tuple[type, ...]] = {
    "mission": str,
    "class": str,
    "seed": int,
    "completed": bool,
    "reached_fraction": (int, float),
    "steps": int,
    "crash": (str, NoneType),
    "given_up": bool,
    "cross_track": (int, float, NoneType),
    "cross_track_fault": (int, float, NoneType),
    "fault": dict,
    "fault_came": (int, NoneType),
    "steps_to_identify": (int, NoneType),
    "false_alarms": int,
    "nominal_steps": int,
}


_LIFE = mapping(
    {
        **dict.fromkeys(("steps", "unchanged", "false_alarms", "known", "crashes"), count),
        **dict.fromkeys(("right", "reward"), number),
        **dict.fromkeys(("waypoints", "cross_track", "goal_distance"), optional(number)),
        "by_regime": named(mapping({})),
        "timeline": listed(_change),
        **dict.fromkeys(("recalled", "served"), optional(number)),
        **dict.fromkeys(("recalls", "serves"), count),
        "beside": listed(number),
        "beside_every": count,
    },
    (
        *("steps", "unchanged", "false_alarms", "known", "crashes", "waypoints", "cross_track", "right"),
        *("by_regime", "timeline"),
    ),
)


def _is_life(found: dict[str, Any]) -> bool:
    judged = found.get("reward") is not None or found.get("waypoints") is not None
    return _LIFE(found) is None and judged and len({row[1] for row in found["timeline"]}) == len(found["by_regime"])


def _is_mission(record: Any) -> bool:
    return isinstance(record, dict) and all(isinstance(record.get(name, ...), kind) for name, kind in _MISSION.items())


def _milliseconds(found: Any) -> dict[str, dict[str, float]]:
    """Median and 99th percentile by phase, where they are known."""
    parts: dict[str, Any] = found if isinstance(found, dict) else {}
    names = ("median", "p99")
    return {
        str(phase): {name: float(part[name]) for name in names}
        for phase, part in parts.items()
        if isinstance(part, dict) and all(isinstance(part.get(name), (int, float)) for name in names)
    }


def _whole(number: Any) -> int | None:
    return None if number is None else round(number)


def run_folders(root: Path) -> list[Path]:
    """Folders of runs, finished or not, in a folder of runs; ``latest`` is no run of its own."""
    found = (path.parent for path in root.glob("*/config.yaml"))
    return sorted(path for path in found if not path.is_symlink() and path.name != LATEST)
