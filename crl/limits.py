"""What each setting may be: ranges, choices, and the rules between settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from crl.config import Config
from crl.errors import SettingsError
from crl.matching import nearest


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; ``above`` excludes ``low`` itself."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False

    def __contains__(self, value: float) -> bool:
        return math.isfinite(value) and self.low <= value <= self.high and not (self.above and value == self.low)

    def __str__(self) -> str:
        lower = f"more than {self.low:.10g}" if self.above else f"at least {self.low:.10g}"
        if self.high == math.inf:
            return lower if self.low > -math.inf else "a finite number"
        if self.above:
            return f"{lower} and at most {self.high:.10g}"
        return f"between {self.low:.10g} and {self.high:.10g}"


COUNT = Range(1)
WHOLE = Range(0)
POSITIVE = Range(0, above=True)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
ANY = Range()
SEED = Range(0, 2**31 - 1)
ACTIVATIONS = ("elu", "relu", "silu", "tanh")

RANGES: Mapping[str, Range] = {
    "env.tasks": WHOLE,
    "dynamics.hidden": COUNT,
    "dynamics.ensemble": COUNT,
    "dynamics.rollout": COUNT,
    "dynamics.hypernetwork.embedding": COUNT,
    "dynamics.hypernetwork.hidden": COUNT,
    "dynamics.hypernetwork.head_scale": NOT_NEGATIVE,
    "dynamics.hypernetwork.chunk": COUNT,
    "dynamics.hypernetwork.chunk_embedding": COUNT,
    "learning.lr": POSITIVE,
    "learning.lr_embedding": POSITIVE,
    "learning.lr_final": Range(0, 1, above=True),
    "learning.lr_decay": Range(0, 1),
    "learning.batch": COUNT,
    "learning.clip": POSITIVE,
    "learning.initial_steps": WHOLE,
    "learning.steps_per_env_step": NOT_NEGATIVE,
    "learning.final_steps": WHOLE,
    "learning.recent": SHARE,
    "learning.recent_window": COUNT,
    "learning.events": SHARE,
    "learning.average": Range(0, 0.999999),
    "agent.hidden": COUNT,
    "agent.lr": POSITIVE,
    "agent.batch": COUNT,
    "agent.gamma": SHARE,
    "agent.tau": Range(0, 1, above=True),
    "agent.noise": NOT_NEGATIVE,
    "agent.reward_scale": POSITIVE,
    "agent.buffer": COUNT,
    "continual.beta": NOT_NEGATIVE,
    "continual.protect": WHOLE,
    "monitor.probes": WHOLE,
    "monitor.window": COUNT,
    "monitor.tolerance": NOT_NEGATIVE,
    "continual.ewc_lambda": NOT_NEGATIVE,
    "continual.si_c": NOT_NEGATIVE,
    "continual.fisher_rows": COUNT,
    "continual.memory": COUNT,
    "continual.replay_weight": NOT_NEGATIVE,
    "continual.energy": SHARE,
    "planner.samples": COUNT,
    "planner.horizon": COUNT,
    "planner.rounds": COUNT,
    "planner.elites": COUNT,
    "planner.keep": WHOLE,
    "planner.decay": Range(1),
    "planner.std": POSITIVE,
    "planner.beta": NOT_NEGATIVE,
    "planner.momentum": Range(0, 0.999999),
    "planner.temperature": POSITIVE,
    "planner.smoothing": Range(0, 0.999999),
    "planner.shift": SHARE,
    "body.hidden": COUNT,
    "body.ensemble": COUNT,
    "body.stride": COUNT,
    "body.lr": POSITIVE,
    "body.batch": COUNT,
    "body.clip": POSITIVE,
    "body.online_lr": POSITIVE,
    "body.online_batch": Range(2),
    "body.online_buffer": COUNT,
    "body.nominal": Range(0, 0.9),
    "body.disturbance": NOT_NEGATIVE,
    "missions.inject": SHARE,
    "missions.remove": SHARE,
    "missions.seeds": WHOLE,
    "missions.steps": COUNT,
    "missions.patience": POSITIVE,
    "flow.window": Range(2),
    "flow.memory": WHOLE,
    "flow.delays": WHOLE,
    "flow.evidence": COUNT,
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
    "flow.hidden": COUNT,
    "flow.regimes": COUNT,
    "flow.actions": COUNT,
    "flow.updates": COUNT,
    "flow.batch": COUNT,
    "flow.lr": POSITIVE,
    "flow.noise": NOT_NEGATIVE,
    "flow.box_scale": Range(1),
    "flow.context": COUNT,
    "flow.encoder_hidden": COUNT,
    "flow.encoder_updates": COUNT,
    "flow.encoder_batch": COUNT,
    "flow.solver_steps": COUNT,
    "flow.solver_tolerance": POSITIVE,
    "flow.max_correction": NOT_NEGATIVE,
    "flow.min_confidence": SHARE,
    "exploration.random_episodes": COUNT,
    "exploration.noise": NOT_NEGATIVE,
    "exploration.noise_beta": NOT_NEGATIVE,
    "exploration.every": COUNT,
    "exploration.handover": SHARE,
    "budget.steps": COUNT,
    "budget.mastery_window": COUNT,
    "budget.mastery_successes": WHOLE,
    "budget.mastery_steps": WHOLE,
    "budget.validation_episodes": COUNT,
    "budget.validation_successes": WHOLE,
    "budget.after_success": Range(-1),
    "evaluation.episodes": COUNT,
    "evaluation.episodes_between": WHOLE,
    "evaluation.seed": SEED,
    "checkpoint.seconds": NOT_NEGATIVE,
    "checkpoint.keep": COUNT,
    "seed": SEED,
    "threads": COUNT,
}
"""Range of every number, and of every entry of a list of numbers."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "dynamics.hypernetwork.kind": ("full", "chunked"),
    "dynamics.hypernetwork.activation": ACTIVATIONS,
    "dynamics.hypernetwork.init": ("base", "xavier"),
    "dynamics.activation": ACTIVATIONS,
    "continual.heads": ("task", "shared"),
    "dynamics.loss": ("mse", "smooth_l1"),
    "refiner.kind": ("none", "flow", "oracle"),
    "refiner.identifier": ("structured", "learned", "published"),
    "flow.structure": ("gains", "gains_bias", "matrix", "affine"),
    "flow.solver": ("midpoint", "euler", "rk4", "dopri5"),
    "device": ("auto", "cpu", "cuda"),
}


def _is_folder_name(name: str) -> bool:
    return name not in ("", ".", "..", "latest") and not set(name) & set("/\\\0\n")


_Rule = tuple[str, Callable[[Config], bool]]
RULES: tuple[_Rule, ...] = (
    (
        "planner.elites must not exceed planner.samples",
        lambda c: c.planner.name not in ("icem", "cem") or c.planner.elites <= c.planner.samples,
    ),
    (
        "planner.keep must not exceed planner.elites",
        lambda c: c.planner.name != "icem" or c.planner.keep <= c.planner.elites,
    ),
    ("agent.run must name the run that agent=frozen plays", lambda c: c.agent.name != "frozen" or bool(c.agent.run)),
    ("agent.run is for agent=frozen", lambda c: c.agent.name == "frozen" or c.agent.run is None),
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
    """Check ranges, choices and the rules between settings.

    Raises:
        SettingsError: Names the setting, what it is and what it may be.
    """
    for key, value in leaves(config):
        if key in CHOICES and value not in CHOICES[key]:
            raise SettingsError(f"{key} cannot be {value!r}{nearest(str(value), CHOICES[key])}")
        if key in RANGES and value is not None:
            for number in value if isinstance(value, list) else [value]:
                if number not in RANGES[key]:
                    raise SettingsError(f"{key} is {number}: it must be {RANGES[key]}")
    for text, holds in RULES:
        if not holds(config):
            raise SettingsError(text)
