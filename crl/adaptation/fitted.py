"""What the closing session of training has fitted: all that an agent of missions needs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.contextual import Contextual, restored_rows
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.flow_matching.persistence import load_flow, save_flow
from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.identification.making import make_identifier
from crl.adaptation.nominal_model import NominalModel
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.model import DynamicsModel
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.matching import nearest
from crl.types import ActionSpec, ObservationSpec


@dataclass
class Fitted:
    """What missions need, beside the planner's model.

    Attributes:
        one_step: The model of one control step that regimes are identified with; it never learns again.
        rows: Nominal rows of the planner's model.
        spread: Deviation of the nominal residuals, [D].
        body: What is read and predicted.
        measured: For every element of an action, where in an observation its counterpart is, -1 for none.
        flow: The fitted flow, if the refiner has one.
        published: The flow conditioned as published, if the refiner is that one.
        contextual: The planner's model that reads the context, if the refiner has one.
    """

    one_step: TaskModel
    rows: Rows
    spread: Tensor
    body: Body
    measured: tuple[int, ...] = ()
    flow: ActionFlow | None = None
    published: PublishedFlow | None = None
    contextual: Contextual | None = None

    @property
    def rehearsed(self) -> Rows:
        """The rows that learning during a mission rehearses."""
        return self.rows if self.contextual is None else self.contextual.rows

    def mission_model(self, nominal: TaskModel) -> TaskModel:
        """The model that missions are planned with, as each begins, given the planner's model of the nominal body."""
        return nominal if self.contextual is None else self.contextual.model

    @property
    def nominal(self) -> NominalModel:
        """The model of one control step as regimes are identified with it."""
        return lagged(self.one_step, self.body, self.measured)

    @property
    def fingerprint(self) -> str:
        """Of the model of one control step, which flows are fitted with."""
        return hashlib.sha256(self.one_step.weights.detach().cpu().numpy().tobytes()).hexdigest()[:16]

    def save_flow(self, folder: Path) -> None:
        """Write the flow to a folder.

        Raises:
            CrlError: There is none.
        """
        if self.flow is None:
            raise CrlError("no flow was fitted", "use refiner=afm or afm_learned")
        save_flow(self.flow, folder, self.fingerprint)

    def load_flow(self, folder: Path, action: ActionSpec) -> None:
        """Take a flow from a folder; see :func:`~crl.adaptation.flow_matching.persistence.load_flow`."""
        self.flow = load_flow(folder, action, self.nominal, self.fingerprint)

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "one_step": self.one_step.state_dict(),
            "rows": [self.rows.inputs, self.rows.action, self.rows.change],
            "spread": self.spread,
            "flow": None if self.flow is None else self.flow.state_dict(),
            "published": None if self.published is None else self.published.state_dict(),
            **({} if self.contextual is None else {"contextual": self.contextual.state_dict()}),
        }

    @classmethod
    def from_state(
        cls, config: Config, observation: ObservationSpec, action: ActionSpec, state: Mapping[str, Any]
    ) -> Fitted:
        """What :meth:`state_dict` described; without a flow that this refiner has no use for."""
        body = Body(observation, action)
        with restoring.part("one_step"):
            one_step = TaskModel.from_state(one_step_dynamics(config, observation, action), state["one_step"])
        flow, measured = None, measured_fields(config, body, action)
        if state["flow"] is not None and config.refiner.identifies:
            with restoring.part("flow/calibration"):
                calibration = Calibration.from_state(state["flow"]["calibration"], body.changes)
            kind = config.refiner.identifier
            box = Box.of(action)
            nominal = lagged(one_step, body, measured)
            identifier = make_identifier(kind, config.flow, box, nominal, calibration, config.seed)
            flow = ActionFlow(config.flow, action, identifier, calibration, config.seed)
            with restoring.part("flow"):
                flow.load_state_dict(state["flow"])
        published = None
        if state.get("published") is not None and config.refiner.identifies:
            with restoring.part("published"):
                published = PublishedFlow.from_state(config.flow, action, state["published"], body.changes)
        like = one_step.weights.new_empty(body.changes)
        spread = restoring.tensor(state["spread"], "spread", like)
        rows = restored_rows(state["rows"], (body.features, action.size, body.changes), one_step)
        contextual = None
        if "contextual" in state and config.refiner.contextual:
            with restoring.part("contextual"):
                contextual = Contextual.from_state(config, observation, action, state["contextual"])
        return cls(one_step, rows, spread, body, measured, flow, published, contextual)


def lagged(one_step: TaskModel, body: Body, measured: tuple[int, ...]) -> NominalModel:
    """The model of one control step as regimes are identified with it; ``measured`` is of :func:`measured_fields`."""
    return NominalModel(one_step.predict, tuple(body.command), measured)


def measured_fields(config: Config, body: Body, action: ActionSpec) -> tuple[int, ...]:
    """Where ``flow.identification.measured`` is in an observation.

    Raises:
        CrlError: A name is no field of the observation, or there are not as many as the action has elements.
    """
    names = config.flow.identification.measured
    if names and len(names) != len(action.names):
        raise CrlError(
            f"flow.identification.measured has {len(names)} names for an action of {len(action.names)} elements",
            f"give one for each of {', '.join(action.names)}, empty where nothing measures it",
        )
    for name in names:
        if name and name not in body.where:
            raise CrlError(
                f"flow.identification.measured: the observation has no field {name!r}{nearest(name, list(body.where))}"
            )
    return tuple(body.where[name] if name else -1 for name in names)


def one_step_dynamics(config: Config, observation: ObservationSpec, action: ActionSpec) -> DynamicsModel:
    """A dynamics model of one control step; with ``body.memory`` it reads what the step before changed."""
    body = Body(observation, action, memory=config.body.memory)
    return DynamicsModel(config.dynamics, observation, action, features=body)
