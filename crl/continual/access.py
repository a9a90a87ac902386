"""What a strategy looks at again, and the refusal of one that looks at more than the setting allows.

What a strategy has to be told of tasks is never withheld: with ``continual.labels`` other than ``told`` it is told what
the agent infers (:mod:`crl.training.labelling`).
"""

from __future__ import annotations

from crl.config import Config
from crl.continual.strategy import Labels, Strategy
from crl.errors import SettingsError

WHY = {
    Labels.BOUNDARIES: "has to be told when a task ends",
    Labels.TOLD: "has to be told which task it is",
}


def refuse_too_curious(strategy: Strategy, config: Config) -> None:
    """Refuse a strategy that looks at more than the settings allow.

    Args:
        strategy: One with its parts.
        config: The run's settings.

    Raises:
        SettingsError: It looks at old transitions again where ``continual.revisits`` is false. The message names the
            part that does.
    """
    if not config.continual.revisits and (again := strategy.revisiting()):
        who, sees = " and ".join(again), "looks" if len(again) == 1 else "look"
        raise SettingsError(
            f"continual={config.continual.name} with continual.revisits=false: {who} {sees} at transitions of finished "
            "tasks again",
            f"leave {who} out, or set continual.revisits=true",
        )


def inferred(strategy: Strategy, labels: Labels) -> list[str]:
    """What a strategy and its parts need of tasks beyond what is told, so that the agent has to infer it.

    Args:
        strategy: One with its parts.
        labels: What is told.
    """
    order = list(Labels)
    needs = strategy.labels().items()
    return [f"{who} {WHY[needed]}" for who, needed in needs if order.index(needed) > order.index(labels)]
