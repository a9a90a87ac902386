"""From the settings of a sweep to its points: every combination, composed and checked before anything runs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import Override

from crl.config import Config
from crl.config.asking.composing import compose, fingerprints, given_keys, to_yaml
from crl.config.asking.plugins import check_options
from crl.config.reading import refuse_unread, unread_of
from crl.continual.trying import check_composition
from crl.errors import CrlError, SettingsError
from crl.sequences import load_sequence
from crl.sweeps.points.grammar import MOST, values
from crl.sweeps.points.naming import make_unique, point_name
from crl.sweeps.points.point import Point
from crl.training.order import step_budgets, task_order
from crl.training.runs.trust import require_trusted_run

SHOWN = 5
"""Impossible points that an error lists."""


@dataclass(frozen=True)
class Plan:
    """The points of a sweep, with what each composes to.

    Attributes:
        points: In the order in which they run.
        composed: All settings of each as YAML.
        env: The task sequence, or ``several``.
        equal: Points left out because another one has the same settings.
        configs: What each composes to, as settings.
    """

    points: list[Point]
    composed: list[str]
    env: str
    equal: int = 0
    configs: Sequence[Config] = ()


def expand(overrides: Sequence[Override]) -> Plan:
    """All combinations of values. The first seeds of all come first: an interrupted sweep has something of each.

    Raises:
        SettingsError: A value can't be read; or combinations are impossible, which are listed with their errors.
    """
    axes = [(item.get_key_element(), values(item)) for item in overrides]
    # Of a key given twice the later one counts, as everywhere.
    axes = [axis for place, axis in enumerate(axes) if all(axis[0] != later[0] for later in axes[place + 1 :])]
    count = 1
    for _, found in axes:
        count *= len(found)
    if count > MOST:
        raise SettingsError(
            f"this sweep has {count:,} points", f"at most {MOST:,}: split it, or search with sweep=tune"
        )
    varied = [key for key, found in axes if len(found) > 1]
    axes.sort(key=lambda axis: axis[0] != "seed")  # the slowest axis
    asked = [dict(zip([key for key, _ in axes], chosen, strict=True)) for chosen in _product(axes)]
    order = [item.get_key_element() for item in overrides]
    return plan([[(key, one[key]) for key in dict.fromkeys(order)] for one in asked], varied)


def plan(
    asked: Sequence[Sequence[tuple[str, str]]],
    varied: Sequence[str],
    names: Sequence[str] = (),
    *,
    unread: bool = False,
) -> Plan:
    """Compose and check points. A setting that one of them reads may be given to all.

    Args:
        asked: Settings of each point: key, and value as written.
        varied: Keys that tell the points apart.
        names: Names of the points, instead of those made of ``varied``.
        unread: Take settings that no point reads, too.

    Raises:
        SettingsError: Points are impossible, or none of them reads a setting.
    """
    configs: list[Config] = []
    budgets: list[int] = []
    wrong: list[str] = []
    texts = [tuple(f"{key}={value}" for key, value in one) for one in asked]
    for settings in texts:
        try:
            config, budget = _check(settings)
        except CrlError as error:
            wrong.append(f"  {' '.join(settings)}\n    " + str(error).replace("\n", "\n    "))
            continue
        configs.append(config)
        budgets.append(budget)
    if wrong:
        more = f"\n  and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""
        listed = "\n".join(wrong[:SHOWN])
        raise SettingsError(
            f"{len(wrong)} of {len(asked)} points can't run:\n{listed}{more}",
            "nothing was started; fix or leave them out",
        )
    if configs and not unread:
        never = [set(unread_of(config, given_keys(one))) for config, one in zip(configs, texts, strict=True)]
        refuse_unread(configs[0], sorted(set.intersection(*never)))
    marks = [fingerprints(config) for config in configs]
    given = names or make_unique(
        [
            point_name([item for item in one if item[0] in varied], config.method)
            for one, config in zip(asked, configs, strict=True)
        ],
        [repr(item) for item in texts],
    )
    points, composed, seen, kept = [], [], set(), []
    for name, settings, (mark, *earlier), config, budget in zip(given, texts, marks, configs, budgets, strict=True):
        if mark in seen:
            continue
        seen.add(mark)
        points.append(Point(name, settings, mark, budget, config.threads, tuple(earlier)))
        composed.append(to_yaml(config))
        kept.append(config)
    envs = {config.env.name for config in configs}
    env = envs.pop() if len(envs) == 1 else "several"
    return Plan(points, composed, env, len(asked) - len(points), kept)


def _check(settings: Sequence[str]) -> tuple[Config, int]:
    """Configuration and budget of a point; what `crl train` refuses before it makes a folder is refused here."""
    quiet = () if any(item.startswith("videos=") for item in settings) else ("videos=false",)
    config = compose([*settings, *quiet], unread=True)
    check_options(config)  # what a plug-in reads is no fault of a point: see plan
    check_composition(config)
    if config.agent.run:  # workers can't ask
        require_trusted_run(Path(config.agent.run))
    return config, sum(step_budgets(config, len(task_order(config, load_sequence(config.env.name)))))


def _product(axes: Sequence[tuple[str, list[str]]]) -> list[tuple[str, ...]]:
    return list(itertools.product(*(found for _, found in axes)))
