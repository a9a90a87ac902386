"""What an agent of missions fits to the nominal body: its models, the calibration of the detection, and the flow.

The newest fifth of the training transitions is held out from the model of one control step: from its residuals, in
their order, comes the threshold of the detection. A planner that looks several control steps ahead at once
(``body.stride``) gets a model of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.body_model import BodyModel, Rows
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError
from crl.flow.action_flow import ActionFlow, fit_flow, make_identifier
from crl.flow.box import Box
from crl.flow.detection import Calibration, calibrate
from crl.flow.nominal import LaggedNominal
from crl.flow.published import PublishedFlow
from crl.flow.simulator import ChannelRegimes
from crl.matching import nearest
from crl.seeding import torch_generator
from crl.types import ActionSpec

HELD_OUT = 0.2
"""Share of the transitions, the newest, that the detection is calibrated on."""
FLOOR = 0.02
"""Residuals below this share of the deviation of the changes are of no interest."""
PLAN, TICK = 0, 1
LEAST = 500
"""Transitions of the nominal body without which nothing is fitted."""


@dataclass
class Fitted:
    """What missions need.

    Attributes:
        model: The planner's model, of ``body.stride`` control steps.
        tick: The model of one control step that regimes are identified with; it never learns again.
        rows: Nominal rows of the planner's model.
        spread: Deviation of the nominal residuals, [D].
        measured: For every element of an action, where in an observation its counterpart is, -1 for none.
        flow: The fitted flow, if the refiner has one.
        published: The flow conditioned as published, if the refiner is that one.
    """

    model: BodyModel
    tick: BodyModel
    rows: Rows
    spread: Tensor
    measured: tuple[int, ...] = ()
    flow: ActionFlow | None = None
    published: PublishedFlow | None = None

    @property
    def nominal(self) -> LaggedNominal:
        """The model of one control step as regimes are identified with it."""
        return _lagged(self.tick, self.measured)

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "model": self.model.state_dict(),
            "tick": self.tick.state_dict(),
            "rows": [self.rows.inputs, self.rows.action, self.rows.change],
            "spread": self.spread,
            "flow": None if self.flow is None else self.flow.state_dict(),
            "published": None if self.published is None else self.published.state_dict(),
        }

    @classmethod
    def from_state(cls, config: Config, body: Body, action: ActionSpec, state: Mapping[str, Any]) -> Fitted:
        """What :meth:`state_dict` described."""
        model, tick = (_model(config, body, action, part) for part in (PLAN, TICK))
        for name, part in (("model", model), ("tick", tick)):
            with restoring.part(name):
                part.load_state_dict(state[name])
        flow, measured = None, measured_fields(config, body, action)
        if state["flow"] is not None:
            with restoring.part("flow/calibration"):
                calibration = Calibration.from_state(state["flow"]["calibration"], body.changes)
            kind = config.refiner.identifier
            box = Box.of(action)
            identifier = make_identifier(kind, config.flow, box, _lagged(tick, measured), calibration, config.seed)
            flow = ActionFlow(config.flow, action, identifier, calibration, config.seed)
            with restoring.part("flow"):
                flow.load_state_dict(state["flow"])
        published = None
        if state.get("published") is not None:
            with restoring.part("published"):
                published = PublishedFlow.from_state(config.flow, action, state["published"], body.changes)
        like = model.weights.new_empty(body.changes)
        spread = restoring.tensor(state["spread"], "spread", like)
        inputs, commands, changes = state["rows"]
        widths = (body.inputs, action.size, body.changes)
        rows = Rows(
            *(
                restoring.tensor(part, f"rows[{i}]", like, (len(inputs), width))
                for i, (part, width) in enumerate(zip((inputs, commands, changes), widths, strict=True))
            )
        )
        return cls(model, tick, rows, spread, measured, flow, published)


def rows_of(body: Body, buffer: Buffer, stride: int) -> Rows:
    """All steps of ``stride`` control steps within one episode, under the mean of their commands."""
    observation, action, after = buffer.tensors()
    start = torch.from_numpy(buffer.starts(stride))
    mean = torch.stack([action[start + k] for k in range(stride)]).mean(dim=0)
    return Rows(body.encode(observation[start]), mean, body.change(observation[start], after[start + stride - 1]))


def _ticks_of(body: Body, buffer: Buffer, *, memory: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Observations, actions and changes of single steps; with a memory, of those that have a step before them."""
    observation, action, after = buffer.tensors()
    change = body.change(observation, after)
    if not memory:
        return observation, action, change
    before = torch.from_numpy(buffer.starts(2))
    return torch.cat([observation[before + 1], change[before]], dim=-1), action[before + 1], change[before + 1]


def fit_fitted(
    config: Config, body: Body, buffer: Buffer, action: ActionSpec, steps: int
) -> tuple[Fitted, dict[str, float]]:
    """Fit everything to the nominal transitions; returns it with the loss of each part.

    Args:
        config: Settings.
        body: What is read and predicted.
        buffer: Transitions of the nominal body.
        action: Elements of the action.
        steps: Gradient steps of each model.

    Raises:
        CrlError: There are too few transitions.
    """
    if len(buffer) < LEAST:
        raise CrlError(
            f"{len(buffer)} transitions of the nominal body are too few to fit a model and calibrate a detection",
            f"give budget.steps of at least {LEAST}",
        )
    tick = _model(config, body, action, TICK)
    observation, executed, change = _ticks_of(body, buffer, memory=config.body.memory)
    ticks = Rows(tick.encode(observation), executed, change)
    cut = round(len(ticks) * (1 - HELD_OUT))
    losses = {}
    tick.normalise(ticks)
    losses["tick"] = tick.fit(ticks[:cut], steps, torch_generator(config.seed, "fit-tick"))
    rows, model = ticks, tick
    if config.body.stride > 1 or config.body.memory or config.refiner.randomised:
        rows = rows_of(body, buffer, config.body.stride)
        if config.refiner.randomised:
            rows = randomised(config, rows, action, body.floor)
        model = _model(config, body, action, PLAN)
        model.normalise(rows)
        losses["task"] = model.fit(rows, steps, torch_generator(config.seed, "fit-plan"))
    else:
        losses["task"] = losses["tick"]
    measured = measured_fields(config, body, action)
    residuals = change[cut:] - tick.predict(observation[cut:], executed[cut:])
    scale = tick.scale.std
    fitted = Fitted(model, tick, rows, torch.maximum(residuals.std(dim=0), FLOOR * scale), measured)
    if config.refiner.kind == "flow":
        rate, evidence, kind = config.flow.false_alarms, config.flow.evidence, config.refiner.identifier
        simulator = ChannelRegimes(config.flow, fitted.nominal, Box.of(action), observation, scale)
        if kind == "published":
            fitted.published = PublishedFlow(config.flow, action, scale, config.seed)
            fitted.published.fit(simulator)
        else:
            margin = config.flow.margin
            calibration = calibrate(residuals, FLOOR * scale, rate=rate, evidence=evidence, margin=margin)
            fitted.flow = fit_flow(
                config.flow,
                action,
                simulator,
                calibration,
                identifier=kind,
                nominal=fitted.nominal,
                seed=config.seed,
            )
    return fitted, losses


def randomised(config: Config, rows: Rows, action: ActionSpec, scale: Tensor) -> Rows:
    """Rows as bodies with random regimes would have made them: the same change, by the command that causes it there.

    A body that executes M a + b makes, on the command that solves M a + b = u, the change which the nominal body makes
    on u; rows whose command would lie outside the box are left out.
    """
    generator = torch_generator(config.seed, "randomised")
    box = Box.of(action)
    regimes = ChannelRegimes(config.flow, lambda _, a: a, box, rows.inputs, scale)
    parts = []
    for _ in range(8):
        drawn = regimes.regimes(len(rows), generator)
        matrix, bias = regimes.channels.matrix(drawn), regimes.channels.bias(drawn)
        wanted = rows.action / box.half - bias
        command = torch.linalg.solve(matrix, wanted.unsqueeze(-1))[..., 0] * box.half
        inside = (torch.isfinite(command) & (command >= box.low) & (command <= box.high)).all(dim=-1)
        parts.append(Rows(rows.inputs[inside], command[inside], rows.change[inside]))
    return Rows(*(torch.cat([getattr(part, name) for part in parts]) for name in ("inputs", "action", "change")))


def _lagged(tick: BodyModel, measured: tuple[int, ...]) -> LaggedNominal:
    return LaggedNominal(tick.predict, tuple(tick.body.command), measured)


def measured_fields(config: Config, body: Body, action: ActionSpec) -> tuple[int, ...]:
    """Where ``flow.measured`` is in an observation.

    Raises:
        CrlError: A name is no field of the observation, or there are not as many as the action has elements.
    """
    names = config.flow.measured
    if names and len(names) != len(action.names):
        raise CrlError(
            f"flow.measured has {len(names)} names for an action of {len(action.names)} elements",
            f"give one for each of {', '.join(action.names)}, empty where nothing measures it",
        )
    for name in names:
        if name and name not in body.where:
            raise CrlError(f"flow.measured: the observation has no field {name!r}{nearest(name, list(body.where))}")
    return tuple(body.where[name] if name else -1 for name in names)


def _model(config: Config, body: Body, action: ActionSpec, part: int) -> BodyModel:
    generator = torch_generator(config.seed, "body", part)
    return BodyModel(config.body, body, action.size, generator, memory=config.body.memory and part == TICK)
