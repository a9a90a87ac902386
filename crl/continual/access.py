"""What a strategy has to be told of tasks and looks at again, and the refusal of one that needs more than it may have.

``continual.labels`` and ``continual.revisits`` say what the setting allows. They withhold nothing: they are a promise
of the user, against which every strategy and every part declares what it needs.
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
    """Refuse a strategy that needs more than the settings allow.

    Args:
        strategy: One with its parts.
        config: The run's settings.

    Raises:
        SettingsError: It has to be told more than ``continual.labels`` allows, or looks at old transitions again where
            ``continual.revisits`` is false. The message names the part that does.
    """
    order = list(Labels)
    what, allowed = f"continual={config.continual.name}", Labels(config.continual.labels)
    for who, needed in strategy.labels().items():
        if order.index(needed) > order.index(allowed):
            raise SettingsError(
                f"{what} with continual.labels={allowed.value}: {who} {WHY[needed]}",
                f"set continual.labels={needed.value}, or choose another strategy: one network with "
                "continual.heads=shared need not be told the task",
            )
    if not config.continual.revisits and (again := strategy.revisiting()):
        who, sees = " and ".join(again), "looks" if len(again) == 1 else "look"
        raise SettingsError(
            f"{what} with continual.revisits=false: {who} {sees} at transitions of finished tasks again",
            f"leave {who} out, or set continual.revisits=true",
        )
