"""``agent=frozen``: what a run has learned, played without learning, on any sequence of the same structure."""

from __future__ import annotations

from pathlib import Path

import torch

from crl.agents.frozen import Frozen
from crl.config import Config
from crl.errors import CrlError
from crl.training.load import load_run
from crl.training.order import task_order
from crl.training.preparing import prepare_torch
from crl.types import ActionSpec, ObservationSpec


def frozen_run(
    config: Config, observation: ObservationSpec, action: ActionSpec, device: torch.device | str = "cpu"
) -> Frozen:
    """The agent of the run that ``agent.run`` names, as its newest readable checkpoint has it.

    Args:
        config: The new run's settings.
        observation: Fields of the new run's observation.
        action: Elements of the new run's action.
        device: Not used: the agent lives where its own settings say.

    Raises:
        CrlError: There is no such run, it can't be read, or its observation or action is another.
    """
    del device
    if not config.agent.run:
        raise CrlError("agent=frozen plays a run, and none is named", "name its folder: agent.run=runs/NAME")
    run = load_run(Path(config.agent.run))
    prepare_torch(config)  # loading set the older run's threads
    spec = run.sequence.spec(task_order(run.config, run.sequence)[0])

    def fields(of: ObservationSpec) -> list[tuple[str, str, str]]:
        return [(item.name, item.unit, item.kind) for item in of.fields]

    for what, mine, theirs in (
        ("observation", fields(observation), fields(spec.observation)),
        ("action", action, spec.action),
    ):
        if mine != theirs:
            raise CrlError(
                f"the agent of {run.folder.path} can't play {config.env.name}: the {what} is {mine}, "
                f"and it has learned with {theirs}",
                f"play a sequence of the same robot, such as its own: env={run.config.env.name}",
            )
    learned = [run.sequence.spec(index) for index in run.tasks]
    return Frozen(run.agent, {task.name: task.index for task in learned})
