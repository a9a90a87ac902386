"""The closing session's fit to the nominal body: the models, the calibration of the detection, and the flow.

The newest fifth of the training transitions is held out from the model of one control step. The thresholds of the
detection come from its residuals there, in their order of time. A planner of several control steps at once
(``body.stride``) gets a model of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.adaptation.fitted import ONE_STEP, PLAN, Fitted, body_model, measured_fields
from crl.adaptation.flow_matching.action_flow import fit_flow
from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.nominal_model import NominalModel
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.body_model import Rows
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError
from crl.seeding import torch_generator
from crl.types import ActionSpec, Told, untold

HELD_OUT = 0.2
"""Share of the transitions, the newest, that the detection is calibrated on."""
FLOOR = 0.02
"""Residuals below this share of the deviation of the changes do not matter."""
LEAST = 500
"""Transitions of the nominal body without which nothing is fitted."""


def rows_of(body: Body, buffer: Buffer, stride: int) -> Rows:
    """All steps of ``stride`` control steps within one episode, under the mean of their commands."""
    observation, action, after = buffer.tensors()
    start = torch.from_numpy(buffer.starts(stride))
    mean = torch.stack([action[start + k] for k in range(stride)]).mean(dim=0)
    return Rows(body.encode(observation[start]), mean, body.change(observation[start], after[start + stride - 1]))


def _steps_of(body: Body, buffer: Buffer, *, memory: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Observations, actions and changes of single steps; with a memory, of those that have a step before them."""
    observation, action, after = buffer.tensors()
    change = body.change(observation, after)
    if not memory:
        return observation, action, change
    before = torch.from_numpy(buffer.starts(2))
    return torch.cat([observation[before + 1], change[before]], dim=-1), action[before + 1], change[before + 1]


def fit_fitted(
    config: Config, body: Body, buffer: Buffer, action: ActionSpec, steps: int, told: Told = untold
) -> tuple[Fitted, dict[str, float]]:
    """Fit everything to the nominal transitions; returns it with the loss of each part.

    Args:
        config: Settings.
        body: What is read and predicted.
        buffer: Transitions of the nominal body.
        action: Elements of the action.
        steps: Gradient steps of each model.
        told: Is told how far each part is.

    Raises:
        CrlError: There are too few transitions.
    """
    if len(buffer) < LEAST:
        raise CrlError(
            f"{len(buffer)} transitions of the nominal body are too few to fit a model and calibrate a detection",
            f"give budget.steps of at least {LEAST}",
        )
    one_step = body_model(config, body, action, ONE_STEP)
    observation, executed, change = _steps_of(body, buffer, memory=config.body.memory)
    each_step = Rows(one_step.encode(observation), executed, change)
    cut = round(len(each_step) * (1 - HELD_OUT))
    losses = {}
    one_step.normalise(each_step)
    losses["tick"] = one_step.fit(each_step[:cut], steps, torch_generator(config.seed, "fit-tick"), told=told)
    rows, model = each_step, one_step
    if config.body.stride > 1 or config.body.memory or config.refiner.randomised:
        rows = rows_of(body, buffer, config.body.stride)
        if config.refiner.randomised:
            rows = randomised(config, rows, action, body.floor)
        model = body_model(config, body, action, PLAN)
        model.normalise(rows)
        losses["task"] = model.fit(rows, steps, torch_generator(config.seed, "fit-plan"), told=told)
    else:
        losses["task"] = losses["tick"]
    measured = measured_fields(config, body, action)
    residuals = change[cut:] - one_step.predict(observation[cut:], executed[cut:])
    scale = one_step.scale.std
    fitted = Fitted(model, one_step, rows, torch.maximum(residuals.std(dim=0), FLOOR * scale), measured)
    if config.refiner.identifies:
        rate, evidence, kind = config.flow.false_alarms, config.flow.evidence, config.refiner.identifier
        simulator = ChannelRegimes(config.flow, fitted.nominal, Box.of(action), observation, scale)
        if kind == "published":
            fitted.published = PublishedFlow(config.flow, action, scale, config.seed)
            fitted.published.fit(simulator, told)
        else:
            margin = config.flow.margin
            calibration = calibrate(residuals, FLOOR * scale, rate=rate, evidence=evidence, margin=margin)
            fitted.flow = fit_flow(
                config.flow,
                action,
                simulator,
                calibration,
                identifier=kind,
                train=config.refiner.kind == "flow",
                nominal=fitted.nominal,
                seed=config.seed,
                told=told,
            )
    return fitted, losses


def randomised(config: Config, rows: Rows, action: ActionSpec, scale: Tensor) -> Rows:
    """Rows as bodies with random regimes would have made them: the same change, by the command that causes it there.

    A body that executes M a + b makes, on the command that solves M a + b = u, the change which the nominal body makes
    on u; rows whose command would lie outside the box are left out.
    """
    generator = torch_generator(config.seed, "randomised")
    box = Box.of(action)
    regimes = ChannelRegimes(config.flow, NominalModel(lambda _, a: a), box, rows.inputs, scale)
    parts = []
    for _ in range(8):
        drawn = regimes.regimes(len(rows), generator)
        matrix, bias = regimes.channels.matrix(drawn), regimes.channels.bias(drawn)
        wanted = rows.action / box.half - bias
        command = torch.linalg.solve(matrix, wanted.unsqueeze(-1))[..., 0] * box.half
        inside = (torch.isfinite(command) & (command >= box.low) & (command <= box.high)).all(dim=-1)
        parts.append(Rows(rows.inputs[inside], command[inside], rows.change[inside]))
    return Rows(*(torch.cat([getattr(part, name) for part in parts]) for name in ("inputs", "action", "change")))
