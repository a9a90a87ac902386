"""The flow conditioned as published, to show what our conditioning changes.

Murillo-Gonzalez and Liu, RSS 2025, and the authors' implementation: the condition is one action and the error that the
model made of it. In training, x(0) is that same action. In use the condition is an action that was executed as it was
planned (:mod:`crl.adaptation.refiners.published`), and x(0) is the newly planned one: this is off the training
distribution, in which the two never differ. There is no window. Three faults are fixed here, since they have nothing to
do with conditioning: the transition is the right one (the implementation is one step late), angles are wrapped, and the
threshold is within reach of the action box. It trains on as many pairs as our flow does, each of a regime of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.flow_matching.integration import transport
from crl.adaptation.flow_matching.targets import nearest_actions
from crl.adaptation.flow_matching.training import FlowTrainer, Pairs
from crl.adaptation.flow_matching.velocity_field import VelocityField
from crl.adaptation.identification.simulator import RegimeSimulator
from crl.config.sections.flow import FlowConfig
from crl.seeding import torch_generator
from crl.types import ActionSpec, Told, untold


class PublishedFlow:
    """A flow conditioned on one action and its error.

    Args:
        config: Sizes, training and integration.
        action: Elements of the action.
        scale: Size of each element of a change that matters equally, [D].
        seed: Seed of everything that is drawn.
    """

    def __init__(self, config: FlowConfig, action: ActionSpec, scale: Tensor, seed: int = 0) -> None:
        self.config, self.action, self.scale = config, action, scale
        self.box = Box.of(action)
        self._seed = seed
        generator = torch_generator(seed, "published-field")
        self.field = VelocityField(action.size, action.size + scale.shape[0], config.field.hidden, generator)

    def condition(self, action: Tensor, error: Tensor) -> Tensor:
        """What the field is conditioned on, [N, A + D]: actions [N, A] and the errors [N, D] of their changes."""
        return torch.cat([self.box.to_flow(action), torch.asinh(error / self.scale)], dim=-1)

    def fit(self, simulator: RegimeSimulator, told: Told = untold) -> None:
        """Train on simulated regimes: one action each, in the condition and as the start alike."""
        config = self.config
        generator = torch_generator(self._seed, "published-pairs")
        count, wide = config.field.regimes * config.field.actions, self.box.scaled(config.field.box_scale)
        regime = simulator.regimes(count, generator)
        observation = simulator.observations(count, generator)
        action = self.box.sample(count, generator)
        error = simulator.changed(observation, action, regime) - simulator.nominal(observation, action)
        refined = nearest_actions(simulator, observation, action, regime, wide, generator)
        start, target = self.box.to_flow(action).unsqueeze(1), self.box.to_flow(refined).unsqueeze(1)
        trainer = FlowTrainer(
            config.field, self.field, Pairs(start, target, start, self.condition(action, error)), self._seed
        )
        trainer.fit(told=told)
        self.field.weights = self.field.weights.detach()

    def refine(self, planned: Tensor, action: Tensor, error: Tensor) -> Tensor:
        """Where the flow carries planned actions [N, A], given other actions [N, A] and their errors [N, D]."""
        with torch.no_grad():
            start = self.box.to_flow(planned)
            velocity = self.field.conditioned(start, start, self.condition(action, error))
            end = transport(velocity, start, solver=self.config.integration.solver, steps=self.config.integration.steps)
            return self.box.from_flow(end)

    def state_dict(self) -> dict[str, Any]:
        """The field and the scale."""
        return {"field": self.field.state_dict(), "scale": self.scale.clone()}

    @classmethod
    def from_state(
        cls, config: FlowConfig, action: ActionSpec, state: Mapping[str, Any], size: int | None = None
    ) -> PublishedFlow:
        """The flow that :meth:`state_dict` described.

        Args:
            config: Settings of flows.
            action: Elements of the action.
            state: What was saved.
            size: Number D of changes; that of the saved scale by default.

        Raises:
            UnfitStateError: It is of other sizes, or not finite.
        """
        flow = cls(config, action, restoring.tensor(state["scale"], "scale", torch.empty(0), (size,)))
        with restoring.part("field"):
            flow.field.load_state_dict(state["field"])
        return flow
