"""A fitted flow: the velocity field with its box, its identifier and its calibration, and how it is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.flow_matching.integration import transport
from crl.adaptation.flow_matching.training import FlowTrainer, simulate_pairs
from crl.adaptation.flow_matching.velocity_field import VelocityField
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.identification.making import make_identifier
from crl.adaptation.identification.simulator import RegimeSimulator
from crl.adaptation.nominal_model import NominalModel
from crl.config.sections.flow import FlowConfig
from crl.seeding import torch_generator
from crl.types import ActionSpec, Told, untold


class ActionFlow:
    """Refines actions under contexts.

    Args:
        config: Settings; the field's sizes must be those it was fitted with.
        action: Elements of the action.
        identifier: Finds the contexts that the field is conditioned on.
        calibration: Distribution of the nominal residuals.
        seed: Seed of the field's first weights.
    """

    def __init__(
        self, config: FlowConfig, action: ActionSpec, identifier: Identifier, calibration: Calibration, seed: int = 0
    ) -> None:
        self.config = config
        self.action = action
        self.box = Box.of(action)
        self.identifier = identifier
        self.calibration = calibration
        generator = torch_generator(seed, "velocity-field")
        self.field = VelocityField(action.size, identifier.features_size, config.field.hidden, generator)

    def refine(self, action: Tensor, context: Tensor, features: Tensor | None = None) -> Tensor:
        """Where the flow carries actions [B, A] under contexts [B, C]; neither bounded nor projected.

        Args:
            action: Planned actions.
            context: Contexts.
            features: What the identifier's ``features`` makes of the contexts, [B, F], where that is known.
        """
        with torch.no_grad():
            start = self.box.to_flow(action)
            config = self.config
            guess = self.identifier.inverse_command(action, context) if config.field.guess else action
            guess = self.box.scaled(config.field.box_scale).clip(guess)
            seen = self.identifier.features(context) if features is None else features
            velocity = self.field.conditioned(start, self.box.to_flow(guess), seen)
            if config.field.objective == "regression":
                return self.box.from_flow(start + velocity(start.new_zeros(()), start))
            end = transport(
                velocity,
                start,
                solver=config.integration.solver,
                steps=config.integration.steps,
                tolerance=config.integration.tolerance,
            )
            return self.box.from_flow(end)

    def state_dict(self) -> dict[str, Any]:
        """Everything that was fitted, with the settings, as plain data."""
        return {
            "config": asdict(self.config),
            "field": self.field.state_dict(),
            "identifier": self.identifier.state_dict(),
            "calibration": self.calibration.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the field and the identifier; the calibration is given at construction."""
        for name, part in (("identifier", self.identifier), ("field", self.field)):
            with restoring.part(name):
                part.load_state_dict(state[name])


def fit_flow(
    config: FlowConfig,
    action: ActionSpec,
    simulator: RegimeSimulator,
    calibration: Calibration,
    *,
    identifier: str = "structured",
    nominal: NominalModel | None = None,
    train: bool = True,
    seed: int = 0,
    told: Told = untold,
) -> ActionFlow:
    """Fit an identifier (if it learns) and a flow on a simulator's regimes.

    Args:
        config: Settings.
        action: Elements of the action.
        simulator: The body with its regimes.
        calibration: Distribution of the nominal residuals.
        identifier: ``structured`` or ``learned``.
        nominal: The nominal model for the identifier, where the simulator's own costs more than it need.
        train: Whether the velocity field is trained; those who correct without it need the rest alone.
        seed: Seed of everything that is drawn.
        told: Is told how far each part is.
    """
    found = make_identifier(
        identifier,
        config,
        Box.of(action),
        nominal or NominalModel(simulator.nominal, tuple(simulator.lags)),
        calibration,
        seed,
    )
    found.fit(simulator, told)
    flow = ActionFlow(config, action, found, calibration, seed)
    if not train:
        return flow
    pairs = simulate_pairs(simulator, found, calibration, config, seed, told)
    trainer = FlowTrainer(config.field, flow.field, pairs, seed)
    trainer.fit(told=told)
    flow.field.weights = flow.field.weights.detach()
    return flow
