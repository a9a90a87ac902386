"""A planner's model that reads the context of the body beside the raw command, for one mission after another.

A context is the deviation of M and b from those of the nominal body (:mod:`crl.adaptation.identification.channels`),
so that the nominal body's is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.identification.channels import Channels
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.model import DynamicsModel
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.types import ActionSpec, ObservationSpec


@dataclass(frozen=True)
class Contextual:
    """The model, and what it rehearses.

    Attributes:
        model: Reads features, the context [P] and the command; its weights are where every mission begins.
        rows: Rows of bodies with random contexts, the nominal one among them, which online learning rehearses.
    """

    model: TaskModel
    rows: Rows

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        rows = self.rows
        return {"model": self.model.state_dict(), "rows": [rows.inputs, rows.action, rows.change]}

    @classmethod
    def from_state(
        cls, config: Config, observation: ObservationSpec, action: ActionSpec, state: Mapping[str, Any]
    ) -> Contextual:
        """What :meth:`state_dict` described."""
        model = TaskModel.from_state(contextual_dynamics(config, observation, action), state["model"])
        body = model.body
        return cls(model, restored_rows(state["rows"], (body.features, action.size, body.changes), model))


def contextual_dynamics(config: Config, observation: ObservationSpec, action: ActionSpec) -> DynamicsModel:
    """A dynamics model of the planner's steps that reads a context, too."""
    size = Channels(config.flow.identification.structure, Box.of(action)).size
    return DynamicsModel(config.dynamics, observation, action, features=Body(observation, action, context=size))


def restored_rows(state: Any, widths: tuple[int, int, int], model: TaskModel) -> Rows:
    """Rows from plain data: inputs, actions and changes.

    Args:
        state: The three.
        widths: Numbers of each per row.
        model: Says of which type and where they have to be.
    """
    count, like = len(state[0]), model.weights
    parts = zip(state, widths, strict=True)
    return Rows(*(restoring.tensor(part, f"rows[{i}]", like, (count, width)) for i, (part, width) in enumerate(parts)))
