"""How far plans look ahead, in seconds: what matters to a body is time, and settings count steps."""

from __future__ import annotations

from crl.checks.finding import Finding
from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.sequences import TaskSequence

SHORT = 0.5
"""Seconds below which a plan may not see what an action is good for."""
ENOUGH = 1.0
"""Seconds that saw enough where this was measured (docs/results/presets.md)."""


def foresight(config: Config, sequence: TaskSequence) -> Finding | None:
    """Whether plans may be so short that they see what an action costs, and not what it brings.

    Args:
        config: The run's settings: the horizon of plans, and whether a value says what comes after them.
        sequence: The tasks, whose time between actions (s) is the same; the first one can be made.

    Returns:
        A note; ``None`` where plans look far enough, a value looks further, or nobody plans.
    """
    if "planner" not in kind_of(config).components or config.learning.value_discount > 0:
        return None
    steps, period = config.planner.horizon, sequence.spec(0).control_period
    if steps * period >= SHORT:
        return None
    return Finding(
        f"plans for the sequence {sequence.name!r}",
        "foresight",
        "note",
        f"they look {steps * period:.2g} s ahead: {steps} steps of {1000 * period:.3g} ms",
        "a body that has to keep its balance may need more; try "
        f"planner.horizon={round(ENOUGH / period)} (deciding then takes longer), or learning.value_discount=0.98",
    )
