"""What each setting may be: ranges, choices, and the rules between settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from crl.config.agents import FROZEN, MPC, kind_of
from crl.config.schema import Config
from crl.config.types import kinds
from crl.errors import SettingsError
from crl.matching import nearest
from crl.text import shown

TINY = 1e-30
"""Least distance from a bound that is excluded: single precision knows hardly any smaller number."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; ``above`` excludes ``low`` itself.

    Attributes:
        low: Least number.
        high: Greatest number that has a meaning, or infinity.
        above: Whether ``low`` itself is excluded.
        most: Greatest number that is taken for meant, where any has a meaning: beyond it computers fail.
    """

    low: float
    high: float = math.inf
    above: bool = False
    most: float = 1e12

    def __contains__(self, value: float) -> bool:
        # An integer of any size compares exactly, and has no form as a float.
        finite = isinstance(value, int) or math.isfinite(value)
        inside = self.low <= value <= min(self.high, self.most)
        return finite and inside and not (self.above and value < self.low + TINY)

    def __str__(self) -> str:
        lower = f"more than {self.low:.10g}" if self.above else f"at least {self.low:.10g}"
        if self.high == math.inf:
            return lower
        if self.above:
            return f"{lower} and at most {self.high:.10g}"
        return f"between {self.low:.10g} and {self.high:.10g}"

    def wanted(self, value: float) -> str:
        """What a number outside of the range must be."""
        if self.high == math.inf and self.most < value < math.inf:
            return f"at most {self.most:,.10g}"
        if self.above and self.low < value < self.low + TINY:
            return f"at least {self.low + TINY:.10g}"
        return str(self)


COUNT = Range(1)
WHOLE = Range(0)
WIDTH = Range(1, most=1e6)
FEW = Range(1, most=1e4)
BATCH = Range(1, most=1e8)
ROWS = Range(1, most=1e9)
POSITIVE = Range(0, above=True)
CEILING = Range(0, above=True, most=1e30)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
SEED = Range(0, 2**31 - 1)
EXPONENT = Range(0, most=100)
ACTIVATIONS = ("elu", "relu", "silu", "tanh")

RANGES: Mapping[str, Range] = {
    "env.tasks": Range(0, most=1e6),
    "dynamics.hidden": WIDTH,
    "dynamics.ensemble": FEW,
    "dynamics.rollout": FEW,
    "dynamics.hypernetwork.embedding": WIDTH,
    "dynamics.hypernetwork.hidden": WIDTH,
    "dynamics.hypernetwork.head_scale": NOT_NEGATIVE,
    "dynamics.hypernetwork.chunk": ROWS,
    "dynamics.hypernetwork.chunk_embedding": WIDTH,
    "learning.lr": POSITIVE,
    "learning.lr_embedding": POSITIVE,
    "learning.lr_final": Range(0, 1, above=True),
    "learning.lr_decay": Range(0, 1),
    "learning.batch": BATCH,
    "learning.clip": CEILING,
    "learning.initial_steps": WHOLE,
    "learning.steps_per_env_step": NOT_NEGATIVE,
    "learning.final_steps": WHOLE,
    "learning.recent": SHARE,
    "learning.recent_window": ROWS,
    "learning.events": SHARE,
    "learning.average": Range(0, 0.999999),
    "agent.hidden": WIDTH,
    "agent.lr": POSITIVE,
    "agent.batch": BATCH,
    "agent.gamma": SHARE,
    "agent.tau": Range(0, 1, above=True),
    "agent.noise": NOT_NEGATIVE,
    "agent.reward_scale": POSITIVE,
    "agent.buffer": ROWS,
    "continual.beta": NOT_NEGATIVE,
    "continual.protect": WHOLE,
    "monitor.probes": Range(0, most=1e6),
    "monitor.window": COUNT,
    "monitor.tolerance": NOT_NEGATIVE,
    "continual.ewc_lambda": NOT_NEGATIVE,
    "continual.si_c": NOT_NEGATIVE,
    "continual.fisher_rows": ROWS,
    "continual.memory": ROWS,
    "continual.replay_weight": NOT_NEGATIVE,
    "continual.energy": SHARE,
    "planner.samples": Range(1, most=1e7),
    "planner.horizon": Range(1, most=1e5),
    "planner.rounds": Range(1, most=1e6),
    "planner.elites": Range(1, most=1e7),
    "planner.keep": Range(0, most=1e7),
    "planner.decay": Range(1),
    "planner.std": POSITIVE,
    "planner.beta": EXPONENT,
    "planner.momentum": Range(0, 0.999999),
    "planner.temperature": POSITIVE,
    "planner.smoothing": Range(0, 0.999999),
    "planner.shift": SHARE,
    "planner.pessimism": NOT_NEGATIVE,
    "body.hidden": WIDTH,
    "body.ensemble": FEW,
    "body.stride": FEW,
    "body.lr": POSITIVE,
    "body.batch": BATCH,
    "body.clip": CEILING,
    "body.online_lr": POSITIVE,
    "body.online_batch": Range(2, most=1e8),
    "body.online_buffer": ROWS,
    "body.nominal": Range(0, 0.9),
    "body.disturbance": NOT_NEGATIVE,
    "missions.inject": SHARE,
    "missions.remove": SHARE,
    "missions.seeds": Range(0, most=1e6),
    "missions.steps": COUNT,
    "missions.patience": CEILING,
    "flow.window": Range(2, most=1e6),
    "flow.memory": Range(0, most=1e6),
    "flow.delays": Range(0, most=1e4),
    "flow.evidence": Range(1, most=1e6),
    "flow.false_alarms": Range(0, 0.1, above=True),
    "flow.margin": POSITIVE,
    "flow.relative_error": NOT_NEGATIVE,
    "flow.relative_error_learned": NOT_NEGATIVE,
    "flow.prior_gain": POSITIVE,
    "flow.prior_coupling": POSITIVE,
    "flow.prior_bias": POSITIVE,
    "flow.price_coupling": POSITIVE,
    "flow.prior_response": POSITIVE,
    "flow.gain_low": POSITIVE,
    "flow.gain_high": POSITIVE,
    "flow.bias": NOT_NEGATIVE,
    "flow.hidden": WIDTH,
    "flow.regimes": BATCH,
    "flow.actions": BATCH,
    "flow.updates": COUNT,
    "flow.batch": BATCH,
    "flow.lr": POSITIVE,
    "flow.noise": NOT_NEGATIVE,
    "flow.box_scale": Range(1),
    "flow.context": WIDTH,
    "flow.encoder_hidden": WIDTH,
    "flow.encoder_updates": COUNT,
    "flow.encoder_batch": BATCH,
    "flow.solver_steps": Range(1, most=1e6),
    "flow.solver_tolerance": POSITIVE,
    "flow.max_correction": Range(0, most=1e30),
    "flow.min_confidence": SHARE,
    "exploration.random_episodes": COUNT,
    "exploration.noise": NOT_NEGATIVE,
    "exploration.noise_beta": EXPONENT,
    "exploration.every": COUNT,
    "exploration.handover": SHARE,
    "budget.steps": COUNT,
    "budget.mastery_window": COUNT,
    "budget.mastery_successes": WHOLE,
    "budget.mastery_steps": WHOLE,
    "budget.validation_episodes": Range(1, most=1e6),
    "budget.validation_successes": WHOLE,
    "budget.after_success": Range(-1),
    "evaluation.episodes": Range(1, most=1e6),
    "evaluation.episodes_between": Range(0, most=1e6),
    "evaluation.seed": SEED,
    "checkpoint.seconds": Range(0, most=1e30),
    "checkpoint.keep": COUNT,
    "seed": SEED,
    "threads": Range(1, most=4096),
}
"""Range of every number, and of every entry of a list of numbers."""

LONGEST: Mapping[str, int] = {"env.tasks": 1_000_000, "budget.steps": 1_000_000}
"""Most entries of a list, where it may have more than :data:`LAYERS`."""
LAYERS = 1000
MOST_WEIGHTS = 10**10
MOST_PLANNED = 10**8

CHOICES: Mapping[str, tuple[str, ...]] = {
    "dynamics.hypernetwork.kind": ("full", "chunked"),
    "dynamics.hypernetwork.activation": ACTIVATIONS,
    "dynamics.hypernetwork.init": ("base", "xavier"),
    "dynamics.activation": ACTIVATIONS,
    "continual.heads": ("task", "shared"),
    "dynamics.loss": ("mse", "smooth_l1"),
    "refiner.kind": ("none", "flow", "inverse", "box", "replan", "oracle"),
    "refiner.identifier": ("structured", "learned", "published"),
    "flow.structure": ("gains", "gains_bias", "matrix", "affine"),
    "flow.solver": ("midpoint", "euler", "rk4", "dopri5"),
    "device": ("auto", "cpu", "cuda"),
}


def _plans_by(config: Config, *names: str) -> bool:
    return "planner" in kind_of(config).components and config.planner.name in names


def _is_folder_name(name: str) -> bool:
    return name not in ("", ".", "..", "latest") and not set(name) & set("/\\\0\n")


def _weights(hidden: Sequence[int], members: int = 1) -> int:
    """Weights between hidden layers: more than those of the whole network there can't be many, nor fewer."""
    return members * sum(before * after for before, after in zip(hidden, hidden[1:], strict=False))


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
        lambda c: c.planner.pessimism == 0 or kind_of(c) is not MPC or c.dynamics.ensemble >= 2,
    ),
    (
        "a refiner is for agent=mpc, whose missions it flies: leave out refiner, or agent",
        lambda c: not kind_of(c).flies_missions or c.agent.name == MPC.name,
    ),
    (
        "planner.pessimism is for the agent mpc, whose members are unrolled apart: leave it at 0 with a refiner",
        lambda c: c.planner.pessimism == 0 or not kind_of(c).flies_missions,
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
    ("flow.gain_low must be below flow.gain_high", lambda c: c.flow.gain_low < c.flow.gain_high),
    ("data.only needs data", lambda c: c.data.source is not None or not c.data.only),
    ("missions.inject must be below missions.remove", lambda c: c.missions.inject < c.missions.remove),
    ("env.tasks must name at least one task (null plays each once)", lambda c: c.env.tasks != []),
    ("name must be a plain folder name, and not 'latest'", lambda c: c.name is None or _is_folder_name(c.name)),
    ("budget.steps must hold at least one number", lambda c: len(c.budget.steps) > 0),
    (
        "dynamics.hidden must name at least one layer, such as dynamics.hidden=[128,128]",
        lambda c: kind_of(c) is not MPC or len(c.dynamics.hidden) > 0,
    ),
    (
        "dynamics.hypernetwork.hidden must name at least one layer, such as dynamics.hypernetwork.hidden=[50,50]",
        lambda c: not c.continual.name.startswith("hypercrl") or len(c.dynamics.hypernetwork.hidden) > 0,
    ),
    (
        "body.hidden must name at least one layer, such as body.hidden=[64,64]",
        lambda c: not kind_of(c).flies_missions or len(c.body.hidden) > 0,
    ),
    (
        "flow.hidden must name at least one layer, such as flow.hidden=[128,128]",
        lambda c: c.refiner.kind != "flow" or len(c.flow.hidden) > 0,
    ),
    (
        "flow.encoder_hidden must name at least one layer, such as flow.encoder_hidden=[96,96]",
        lambda c: c.refiner.kind != "flow" or c.refiner.identifier != "learned" or len(c.flow.encoder_hidden) > 0,
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
        lambda c: c.dynamics.hypernetwork.kind != "full" or _generated(c) <= MOST_WEIGHTS,
    ),
    (
        f"body.hidden and body.ensemble must not ask for more than {MOST_WEIGHTS:,} weights",
        lambda c: _weights(c.body.hidden, c.body.ensemble) <= MOST_WEIGHTS,
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
    if kind.listed and len(value or ()) > LONGEST.get(key, LAYERS):
        raise SettingsError(f"{key} has {len(value):,} entries: at most {LONGEST.get(key, LAYERS):,} are possible")
    if key in RANGES and value is not None:
        for number in value if kind.listed else [value]:
            if number not in RANGES[key]:
                raise SettingsError(f"{key} is {shown(number)}: it must be {RANGES[key].wanted(number)}")
