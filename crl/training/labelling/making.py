"""Who gives the labels of a run, by its settings."""

from __future__ import annotations

from collections.abc import Sequence

from crl.agents.base import Agent
from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.continual.strategy import Labels
from crl.errors import SettingsError
from crl.training.labelling.own import OwnLabelling
from crl.training.labelling.told import Labelling
from crl.types import TaskSpec


def make_labelling(config: Config, agent: Agent, tasks: Sequence[TaskSpec]) -> Labelling:
    """Make what gives the labels.

    Args:
        config: The run's settings.
        agent: Who learns.
        tasks: The tasks that are learned.

    Raises:
        SettingsError: Something else in the settings tells tasks apart, or needs them told.
        CrlError: The agent has no models to judge by.
    """
    if "continual" not in kind_of(config).components:
        return Labelling()
    labels = Labels(config.continual.labels)
    if labels is Labels.TOLD:
        return Labelling()
    said = f"continual.labels={labels.value}"
    if kind_of(config).flies_missions:
        raise SettingsError(
            f"{said} is for task sequences: in missions and lives nobody tells a change anyway",
            "leave it out; refiner=lifelong remembers what it meets",
        )
    if config.learning.every:
        raise SettingsError(
            f"{said} with learning.every={config.learning.every}: an episode is judged when it is over, and only then "
            "learned from",
            "set learning.every=0",
        )
    if labels is Labels.NONE and config.budget.mastery:
        raise SettingsError(
            f"{said} with budget.mastery=true: a task that ends when it is mastered tells its end",
            "set continual.labels=boundaries, or budget.mastery=false",
        )
    if unknown := [task.name for task in tasks if task.learned]:
        raise SettingsError(
            f"{said}: {unknown[0]} gives no function for its reward or ends, and they are learned by the label",
            "give the task a reward and ends, or set continual.labels=told",
        )
    return OwnLabelling(agent, boundaries=labels is Labels.BOUNDARIES)
