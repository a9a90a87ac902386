"""What each setting may be: ranges, choices, and the rules between settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from crl.config.declared.agents import FROZEN, MPC, kind_of
from crl.config.declared.components import HYPERNETWORK
from crl.config.declared.compositions import BY_PIECES, strategy_settings
from crl.config.ranges import Meaning, Range, meaning_of
from crl.config.schema import Config
from crl.config.types import kinds
from crl.errors import SettingsError
from crl.matching import nearest
from crl.text import shown

MOST_WEIGHTS = 10**10
MOST_PLANNED = 10**8


def _meanings(node: type, prefix: str = "") -> Iterator[tuple[str, Meaning]]:
    kinds_of = get_type_hints(node)
    for item in fields(node):
        kind = kinds_of[item.name]
        if isinstance(kind, type) and is_dataclass(kind):
            yield from _meanings(kind, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", meaning_of(item)


MEANINGS: Mapping[str, Meaning] = dict(_meanings(Config))
"""What every setting means and may be, by dotted key: the metadata of its field."""
RANGES: Mapping[str, Range] = {key: said.limits for key, said in MEANINGS.items() if said.limits is not None}
"""Range of every number, and of every entry of a list of numbers."""
CHOICES: Mapping[str, tuple[str, ...]] = {key: said.choices for key, said in MEANINGS.items() if said.choices}
"""What a setting may be, where that is a few words."""


def _plans_by(config: Config, *names: str) -> bool:
    return "planner" in kind_of(config).components and config.planner.name in names


def _is_folder_name(name: str) -> bool:
    return name not in ("", ".", "..", "latest") and not set(name) & set("/\\\0\n")


def _weights(hidden: Sequence[int], members: int = 1) -> int:
    """Weights between hidden layers: more than those of the whole network there can't be many, nor fewer."""
    return members * sum(before * after for before, after in zip(hidden, hidden[1:], strict=False))


def _whole(config: Config) -> bool:
    """Whether a full hypernetwork makes the weights; some strategies make them by pieces, and others have none."""
    first = config.continual.name.partition("+")[0]
    read = strategy_settings(first)
    has_one = read is None or HYPERNETWORK in read or config.memory.kind == "hypercrl"
    return has_one and first not in BY_PIECES and config.dynamics.hypernetwork.kind == "full"


def _generated(config: Config) -> int:
    """Weights of a full hypernetwork: its trunk, and a head for all weights of the network."""
    hidden = config.dynamics.hypernetwork.hidden
    head = (hidden[-1] if hidden else 1) * _weights(config.dynamics.hidden, config.dynamics.ensemble)
    return _weights(hidden) + head


_Rule = tuple[str, Callable[[Config], bool]]
RULES: tuple[_Rule, ...] = (
    (
        "planner.elites must not exceed planner.samples",
        lambda c: not _plans_by(c, "icem", "cem") or c.planner.elites <= c.planner.samples,
    ),
    (
        "planner.keep must not exceed planner.elites",
        lambda c: not _plans_by(c, "icem") or c.planner.keep <= c.planner.elites,
    ),
    (
        "planner.pessimism above 0 needs members that can disagree: dynamics.ensemble of at least 2",
        lambda c: c.planner.pessimism == 0 or kind_of(c).name != MPC.name or c.dynamics.ensemble >= 2,
    ),
    (
        "a refiner is for agent=mpc, whose missions it flies: leave out refiner, or agent",
        lambda c: not kind_of(c).flies_missions or c.agent.name == MPC.name,
    ),
    (
        "planner.pessimism must be 0 with a refiner: missions are planned on the mean of the members",
        lambda c: c.planner.pessimism == 0 or not kind_of(c).flies_missions,
    ),
    ("life.steps needs a refiner, and agent=mpc", lambda c: c.life.steps is None or kind_of(c).flies_missions),
    (
        "life.run and life.memory need life.steps",
        lambda c: c.life.steps is not None or not (c.life.run or c.life.memory),
    ),
    (
        "life.labels=told is for a memory of regimes: use refiner=lifelong",
        lambda c: c.life.labels == "none" or c.refiner.kind == "lifelong",
    ),
    ("agent.run must name the run that agent=frozen plays", lambda c: kind_of(c) is not FROZEN or bool(c.agent.run)),
    ("agent.run is for agent=frozen", lambda c: kind_of(c) is FROZEN or c.agent.run is None),
    ("learning.recent + learning.events must not exceed 1", lambda c: c.learning.recent + c.learning.events <= 1),
    (
        "budget.mastery_successes must not exceed budget.mastery_window",
        lambda c: c.budget.mastery_successes <= c.budget.mastery_window,
    ),
    (
        "budget.validation_successes must not exceed budget.validation_episodes",
        lambda c: c.budget.validation_successes <= c.budget.validation_episodes,
    ),
    (
        "flow.simulation.gain_low must be below flow.simulation.gain_high",
        lambda c: c.flow.simulation.gain_low < c.flow.simulation.gain_high,
    ),
    ("data.only needs data", lambda c: c.data.source is not None or not c.data.only),
    ("missions.inject must be below missions.remove", lambda c: c.missions.inject < c.missions.remove),
    ("env.tasks must name at least one task (null plays each once)", lambda c: c.env.tasks != []),
    ("name must be a plain folder name, and not 'latest'", lambda c: c.name is None or _is_folder_name(c.name)),
    ("budget.steps must hold at least one number", lambda c: len(c.budget.steps) > 0),
    (
        "dynamics.hidden must name at least one layer, such as dynamics.hidden=[128,128]",
        lambda c: kind_of(c).name != MPC.name or len(c.dynamics.hidden) > 0,
    ),
    (
        "dynamics.hypernetwork.hidden must name at least one layer, such as dynamics.hypernetwork.hidden=[50,50]",
        lambda c: not c.continual.name.startswith("hypercrl") or len(c.dynamics.hypernetwork.hidden) > 0,
    ),
    (
        "dynamics.rollout must be 1 with body.stride above 1: a step of the model then is several control steps",
        lambda c: not kind_of(c).flies_missions or c.body.stride == 1 or c.dynamics.rollout == 1,
    ),
    (
        "flow.field.hidden must name at least one layer, such as flow.field.hidden=[128,128]",
        lambda c: c.refiner.kind != "flow" or len(c.flow.field.hidden) > 0,
    ),
    (
        "flow.encoder.hidden must name at least one layer, such as flow.encoder.hidden=[96,96]",
        lambda c: (
            c.refiner.kind != "flow"
            or c.refiner.identifier not in ("learned", "unstructured")
            or len(c.flow.encoder.hidden) > 0
        ),
    ),
    (
        f"planner.samples times planner.horizon must not exceed {MOST_PLANNED:,}",
        lambda c: c.planner.samples * c.planner.horizon <= MOST_PLANNED,
    ),
    (
        f"dynamics.hidden and dynamics.ensemble must not ask for more than {MOST_WEIGHTS:,} weights",
        lambda c: _weights(c.dynamics.hidden, c.dynamics.ensemble) <= MOST_WEIGHTS,
    ),
    (
        f"dynamics.hypernetwork.hidden and dynamics.hidden must not ask for more than {MOST_WEIGHTS:,} weights "
        "(kind=chunked asks for fewer)",
        lambda c: _generated(c) <= MOST_WEIGHTS or not _whole(c),
    ),
    (
        f"agent.hidden must not ask for more than {MOST_WEIGHTS:,} weights",
        lambda c: _weights(c.agent.hidden) <= MOST_WEIGHTS,
    ),
)


def leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted key and the value of every setting."""
    for item in fields(node):
        value = getattr(node, item.name)
        if is_dataclass(value):
            yield from leaves(value, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", value


def validate(config: Config) -> None:
    """Check types, ranges, choices and the rules between settings.

    Raises:
        SettingsError: Names the setting, what it is and what it may be.
    """
    for key, value in leaves(config):
        _check(key, value)
    for text, holds in RULES:
        if not holds(config):
            raise SettingsError(text)


def _check(key: str, value: Any) -> None:
    """Check one setting by itself."""
    kind = kinds()[key]
    if not kind.holds(value):
        raise SettingsError(f"{key} cannot be {shown(repr(value))}: it must be {kind}")
    if key in CHOICES and value not in CHOICES[key]:
        raise SettingsError(f"{key} cannot be {shown(repr(value))}{nearest(str(value), CHOICES[key])}")
    if isinstance(value, str) and ("\0" in value or "${" in value):
        raise SettingsError(f"{key} cannot be {shown(value)!r}: no text holds a null character or '${{'")
    if kind.listed and len(value or ()) > MEANINGS[key].longest:
        raise SettingsError(f"{key} has {len(value):,} entries: at most {MEANINGS[key].longest:,} are possible")
    if key in RANGES and value is not None:
        for number in value if kind.listed else [value]:
            if number not in RANGES[key]:
                raise SettingsError(f"{key} is {shown(number)}: it must be {RANGES[key].wanted(number)}")
