"""The search space of ``sweep=tune``, from the same arguments as a grid's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from hydra.core.override_parser.types import Override, RangeSweep

from crl.config import Config
from crl.config.asking.request import ALIASES
from crl.config.limits import leaves
from crl.errors import CrlError, SettingsError
from crl.sweeps.points.grammar import values


@dataclass(frozen=True)
class Dimension:
    """What one setting may be.

    Attributes:
        key: The setting.
        choices: Values as they are written; empty for numbers between ``low`` and ``high``.
        low: Least number.
        high: Largest number, included.
        step: Distance of neighbouring numbers; None for all between.
        whole: Whether they are integers.
        log: Whether they are searched on a logarithmic scale.
    """

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float | None = None
    whole: bool = False
    log: bool = False

    def ends(self) -> list[str]:
        """Values to try the settings with before anything runs: every choice, or both ends."""
        return list(self.choices) or [self.written(self.low), self.written(self.high)]

    def written(self, value: Any) -> str:
        """A value as in ``key=value``."""
        if self.choices:
            return str(value)
        return str(int(value)) if self.whole else repr(float(value))

    def distribution(self) -> Any:
        """The same for Optuna."""
        optuna: Any = import_module("optuna.distributions")
        if self.choices:
            return optuna.CategoricalDistribution(self.choices)
        if self.whole:
            return optuna.IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return optuna.FloatDistribution(self.low, self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Space:
    """What is searched, what is fixed, and the seeds that each trial is run with."""

    fixed: tuple[tuple[str, str], ...]
    dimensions: tuple[Dimension, ...]
    seeds: tuple[str, ...]

    def settings(self, chosen: Mapping[str, Any]) -> list[list[tuple[str, str]]]:
        """Settings of a trial's points, one per seed.

        Args:
            chosen: Value of every dimension, by key.
        """
        searched = [(item.key, item.written(chosen[item.key])) for item in self.dimensions]
        seeds: list[list[tuple[str, str]]] = [[("seed", seed)] for seed in self.seeds] or [[]]
        return [[*self.fixed, *searched, *seed] for seed in seeds]

    def extremes(self) -> list[list[tuple[str, str]]]:
        """Points at the ends of each dimension, the others at their first end."""
        first = {item.key: item.ends()[0] for item in self.dimensions}
        chosen = [{**first, item.key: end} for item in self.dimensions for end in item.ends()]
        return [[*self.fixed, *one.items(), *([("seed", self.seeds[0])] if self.seeds else [])] for one in chosen]


def read_space(overrides: Sequence[Override]) -> Space:
    """Read the arguments.

    ``a,b`` and ``glob()`` are choices, ``range(from,to,step)`` is numbers without ``to``, ``interval(from,to)`` all
    between (whole numbers for a setting that takes no others), on a logarithmic scale with
    ``tag(log,interval(from,to))``. Several seeds are no dimension: each trial is run with all.

    Raises:
        SettingsError: A value can't be read, or there is nothing to search.
    """
    fixed: list[tuple[str, str]] = []
    dimensions: list[Dimension] = []
    seeds: tuple[str, ...] = ()
    for override in overrides:
        key = override.get_key_element()
        if key == "seed":
            seeds = tuple(values(override))
        elif override.is_sweep_override():
            dimensions.append(_dimension(key, override))
        else:
            fixed.append((key, override.get_value_element_as_str()))
    if not dimensions:
        raise SettingsError(
            "sweep=tune has nothing to search",
            "give a setting several values, such as learning.lr=tag(log,interval(1e-4,1e-2)) or planner=icem,cem",
        )
    return Space(tuple(fixed), tuple(dimensions), seeds)


def require_optuna() -> None:
    """Find out early whether the search can be made.

    Raises:
        CrlError: Optuna is not installed.
    """
    try:
        import_module("optuna")
    except ImportError as error:
        raise CrlError("sweep=tune needs Optuna, which is not installed", "pip install 'crl[tune]'") from error


def _default(key: str) -> Any:
    return dict(leaves(Config())).get(ALIASES.get(key, key))


def _dimension(key: str, override: Override) -> Dimension:
    value: Any = override.value()
    log = "log" in getattr(value, "tags", ())
    if override.is_interval_sweep():
        low, high = value.start, value.end
        if not low < high or (log and low <= 0):
            raise SettingsError(
                f"cannot search {override.input_line!r}", "an interval goes from less to more; with log, from above 0"
            )
        # Hydra's grammar reads the ends of an interval as floats, whatever is written.
        whole = isinstance(_default(key), int) and float(low).is_integer() and float(high).is_integer()
        return Dimension(key, (), low, high, None, whole, log)
    found = values(override)
    if isinstance(value, RangeSweep) and len(found) > 1:
        numbers = [float(item) for item in found]
        whole = all(isinstance(item, int) for item in (value.start, value.stop, value.step))
        low, high = min(numbers), max(numbers)
        return Dimension(key, (), low, high, abs(float(value.step)), whole)
    return Dimension(key, tuple(found))
