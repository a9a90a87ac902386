"""Missions: drawn by seed, flown by every method with every fit, paired across methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from crl.confirmation.drawing import draw
from crl.confirmation.maps import MapDistribution, write_map
from crl.confirmation.suite import Suite, check_keys, common, count
from crl.errors import CrlError
from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.confirmations.missions import MISSIONS
from crl.sequences import MissionEntry
from crl.training.missions.showing import show_flights
from crl.training.missions.trials import Method, Trial, check_trials, read_trials, run_trials

_FITS, _DRAWS, _STARTS = 0, 100, 400
"""Where seeds of fits, of maps and faults, and of missions begin in a suite's part of its block."""


@dataclass(frozen=True)
class DrawnFault:
    """Faults of one kind: ``count`` missions of each fit have one, drawn anew each time.

    Attributes:
        name: Name of the kind.
        group: Class (what can be expected of a correction).
        fault: Template of the fault; see :mod:`crl.confirmation.drawing`.
        count: Missions per fit.
    """

    name: str
    group: str
    fault: Mapping[str, Any]
    count: int = 1


@dataclass(frozen=True)
class DrawnMission:
    """A mission that was drawn.

    Attributes:
        entry: Name, class and fault.
        points: Waypoints of its map (m), [N, 2] or [N, 3].
        number: Its number in the suite.
    """

    entry: MissionEntry
    points: NDArray[np.float64]
    number: int


@dataclass(frozen=True)
class MissionSuite(Suite):
    """A confirmation of missions; its methods are refiners.

    Attributes:
        maps: Distribution of the maps.
        faults: Distributions of the faults.
    """

    maps: MapDistribution
    faults: tuple[DrawnFault, ...]

    kind: ClassVar[Kind] = MISSIONS

    @classmethod
    def parse(cls, name: str, plain: Any, text: str = "") -> MissionSuite:
        """Build a suite from plain data.

        Raises:
            CrlError: A key is unknown or missing, or a value is impossible.
        """
        where = f"the suite {name!r}"
        check_keys(plain, {"maps", "faults"}, set(plain), where)
        faults = tuple(_fault(entry, where) for entry in plain["faults"])
        if len({kind.name for kind in faults}) < len(faults) or not faults:
            raise CrlError(f"{where} has no faults, or two of one name", "give every kind of fault a name of its own")
        shared = common(name, plain, text, MISSIONS, {kind.group for kind in faults}, ({"maps", "faults"}, set()))
        maps: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in plain["maps"].items()
        }
        check_keys(maps, set(), {field.name for field in fields(MapDistribution)}, f"maps of {where}")
        return cls(**shared, maps=MapDistribution(**maps), faults=faults)

    @property
    def missions(self) -> int:
        """Missions per fit and method."""
        return sum(kind.count for kind in self.faults)

    @property
    def planned(self) -> int:
        """Missions of the whole confirmation."""
        return self.fits * self.missions * len(self.methods)

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return f"{self.fits} fits x {self.missions} missions x {len(self.methods)} methods"

    def draws(self) -> Iterator[str]:
        """Every mission: name, class, fault, start seed and waypoints."""
        with TemporaryDirectory() as folder:  # missions read their maps from files
            _check(plan(self, Path(folder)))
        for fit in drawn(self):
            for mission in fit:
                entry = mission.entry
                way = " ".join("(" + ", ".join(f"{value:g}" for value in point) + ")" for point in mission.points)
                seed = self.seed(_STARTS + mission.number)
                yield f"{entry.name}  class {entry.group}  {dict(entry.fault)}  seed {seed}  map {way}"

    def run(self, folder: Path, workers: int, console: Console) -> None:
        """Fit and fly what is not there yet, fit by fit.

        Raises:
            CrlError: A distribution is impossible, a worker died, or the folder holds missions of other settings.
        """
        planned = plan(self, folder)
        _check(planned)
        show_flights(_fly(planned, folder, workers), console)

    def read(self, folder: Path) -> list[Record]:
        """The records of all missions that were flown."""
        return read_trials([trial for fit in plan(self, folder) for trial in fit], folder)


def drawn(suite: MissionSuite) -> list[list[DrawnMission]]:
    """Draw the missions of every fit: each has new faults and maps.

    Raises:
        CrlError: A distribution is impossible.
    """
    fits: list[list[DrawnMission]] = []
    number = 0
    for _ in range(suite.fits):
        missions = []
        for kind in suite.faults:
            for again in range(kind.count):
                rng = np.random.default_rng(suite.seed(_DRAWS + number))
                fault = draw(dict(kind.fault), rng)
                entry = MissionEntry(f"{kind.name}-{again}", kind.group, fault)
                missions.append(DrawnMission(entry, suite.maps.draw(rng), number))
                number += 1
        fits.append(missions)
    return fits


def plan(suite: MissionSuite, folder: Path) -> list[list[Trial]]:
    """Draw the missions of every fit, and write their maps. All methods have the same missions, starts and noise.

    Args:
        suite: What is confirmed.
        folder: Where maps go (``maps/``).

    Returns:
        For each fit its trials, methods together mission by mission.

    Raises:
        CrlError: A distribution is impossible.
    """
    settings = (f"env={suite.env}", *suite.settings)
    planned = []
    for fit, missions in enumerate(drawn(suite)):
        methods = [Method(name, True, settings, fit_seed=suite.seed(_FITS + fit)) for name in suite.methods]
        trials = []
        for mission in missions:
            path = folder / "maps" / f"map_{mission.number:03d}.csv"
            write_map(mission.points, path)
            start = suite.seed(_STARTS + mission.number)
            trials += [Trial(method, str(path), mission.entry, start) for method in methods]
        planned.append(trials)
    return planned


def _check(planned: list[list[Trial]]) -> None:
    """Check every method and every mission. Fits differ in seeds alone, and methods in nothing that a mission is."""
    first = planned[0]
    check_trials([*first, *(replace(trial, method=first[0].method) for trials in planned[1:] for trial in trials)])


def _fly(planned: list[list[Trial]], folder: Path, workers: int) -> Iterator[tuple[int, int, str]]:
    """Fit and fly what is not there yet, fit by fit; yields (done, all, what was done last)."""
    counts = [len({trial.method.fit for trial in trials}) + len(trials) for trials in planned]
    for at, trials in enumerate(planned):
        for done, _, said in run_trials(trials, folder, workers):
            yield sum(counts[:at]) + done, sum(counts), said


def _fault(plain: Any, where: str) -> DrawnFault:
    check_keys(plain, {"name", "class", "fault"}, {"count"}, f"a fault of {where}")
    number = count(plain.get("count", 1), "count", where)
    return DrawnFault(str(plain["name"]), str(plain["class"]), dict(plain["fault"]), max(1, number))
