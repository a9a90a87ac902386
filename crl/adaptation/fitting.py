"""The closing session's fit to the nominal body: one-step model, calibration of the detection, and flow.

The newest fifth of the training transitions is held out from the model of one control step. The thresholds of the
detection come from its residuals there, in their order of time.
"""

from __future__ import annotations

import math

import torch

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.adaptation.contextual import Contextual, contextual_dynamics
from crl.adaptation.fitted import Fitted, measured_fields, one_step_dynamics
from crl.adaptation.flow_matching.action_flow import fit_flow
from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.identification.making import make_simulator
from crl.adaptation.random_bodies import with_contexts
from crl.config import Config
from crl.continual.generators.single import Single
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.dynamics.model import DynamicsModel
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.learning.learner import Learner
from crl.seeding import torch_generator
from crl.types import ActionSpec, ObservationSpec, Told, untold

HELD_OUT = 0.2
"""Share of the transitions, the newest, that the detection is calibrated on."""
FLOOR = 0.02
"""Residuals below this share of the deviation of the changes do not matter."""
LEAST = 500
"""Transitions of the nominal body without which nothing is fitted."""


def single_steps(body: Body, buffer: Buffer, *, memory: bool) -> Buffer:
    """Steps of one control step; with a memory, those that have a step before them, whose changes [D] they end with."""
    if not memory:
        return buffer
    observation, _, after = buffer.tensors()
    change = body.change(observation, after).numpy()
    before = buffer.starts(2)
    return buffer.remembering(before + 1, change[before])


def fit_fitted(
    config: Config,
    observation: ObservationSpec,
    action: ActionSpec,
    buffer: Buffer,
    steps: int,
    told: Told = untold,
) -> tuple[Fitted, dict[str, float]]:
    """Fit everything to the nominal transitions; returns it with the loss of each part.

    Args:
        config: Settings.
        observation: Fields of the observation.
        action: Elements of the action.
        buffer: Transitions of the nominal body.
        steps: Gradient steps of the model of one control step.
        told: Is told how far each part is.

    Raises:
        CrlError: There are too few transitions.
    """
    if len(buffer) < LEAST:
        raise CrlError(
            f"{len(buffer)} transitions of the nominal body are too few to fit a model and calibrate a detection",
            f"give budget.steps of at least {LEAST}",
        )
    body = Body(observation, action)
    every = single_steps(body, buffer, memory=config.body.memory)
    cut = round(len(every) * (1 - HELD_OUT))
    # A network of its own, whatever keeps the planner's models: regimes are told from the body as it was learned.
    one_step, loss = fit_alone(config, one_step_dynamics(config, observation, action), every, cut, steps, told)
    seen, executed, after = every.tensors()
    change = body.change(seen, after)
    measured = measured_fields(config, body, action)
    residuals = change[cut:] - one_step.predict(seen[cut:], executed[cut:])
    scale = one_step.scale
    strides = buffer if config.body.stride == 1 else buffer.strided(config.body.stride)
    start, mean, end = strides.tensors()
    rows = Rows(body.encode(start), mean, body.change(start, end))
    fitted = Fitted(one_step, rows, torch.maximum(residuals.std(dim=0), FLOOR * scale), body, measured)
    if config.refiner.identifies:
        rate, evidence, kind = (
            config.flow.tracking.false_alarms,
            config.flow.tracking.evidence,
            config.refiner.identifier,
        )
        simulator = make_simulator(kind, config.flow, fitted.nominal, Box.of(action), seen, scale)
        if kind == "published":
            fitted.published = PublishedFlow(config.flow, action, scale, config.seed)
            fitted.published.fit(simulator, told)
        else:
            margin = config.flow.tracking.margin
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
    losses = {"one_step": loss}
    if config.refiner.contextual:
        fitted.contextual, losses["contextual"] = fit_contextual(config, observation, action, strides, steps, told)
    return fitted, losses


def fit_alone(
    config: Config,
    model: DynamicsModel,
    every: Buffer,
    cut: int,
    steps: int,
    told: Told = untold,
    *,
    name: str = "one-step",
    about: str = "model of one step",
    curved: float = 1.0,
) -> tuple[TaskModel, float]:
    """A model of one task, by the training loop of all models; returns it with its loss.

    Args:
        config: Settings.
        model: The dynamics model; its log-variance bounds are trained.
        every: Transitions; their normalisers are those of all.
        cut: How many of them, the first, are learned from.
        steps: Gradient steps.
        told: Is told how far it is.
        name: Address of its randomness.
        about: What it is told to be.
        curved: Factor on the first layer's initial weights.
    """
    strategy = Single(config, model.network, torch_generator(config.seed, name))
    normalisers = model.normalisers()
    seen, executed, after = every.tensors()
    normalisers.features.update(model.features.encode(seen))
    normalisers.actions.update(executed)
    normalisers.changes.update(model.features.change(seen, after))
    normalisers.freeze()
    strategy.begin_task(0)
    with torch.no_grad():
        strategy.trunk[: sum(model.network.tensor_sizes[:2])] *= curved
    report = Learner(config.learning, model, strategy).session(
        every.first(cut),
        normalisers,
        steps,
        0,
        torch_generator(config.seed, f"fit-{name}"),
        closing=True,
        train_bounds=True,
        told=lambda _, done, total: told(about, done, total),
    )
    return TaskModel(model, strategy.weights(0), normalisers), report.losses.get("task", math.nan)


def fit_contextual(
    config: Config, observation: ObservationSpec, action: ActionSpec, steps: Buffer, updates: int, told: Told = untold
) -> tuple[Contextual, float]:
    """A planner's model that reads the context, trained on bodies with random ones; returns it with its loss.

    Args:
        config: Settings.
        observation: Fields of the observation.
        action: Elements of the action.
        steps: Steps of the nominal body, of as many control steps as the planner's.
        updates: Gradient steps.
        told: Is told how far it is.
    """
    every = with_contexts(config, Body(observation, action), action, steps)
    model = contextual_dynamics(config, observation, action)
    about = "model that reads the context"
    fitted, loss = fit_alone(config, model, every, len(every), updates, told, name="contextual", about=about)
    seen, commands, after = every.tensors()
    rows = Rows(fitted.body.encode(seen), commands, fitted.body.change(seen, after))
    return Contextual(fitted, rows[:: -(-len(every) // len(steps))]), loss  # not more than are kept of one body
