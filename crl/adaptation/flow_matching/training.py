"""Conditional flow matching (Lipman et al. 2023) on simulated regimes.

x_t = (1 - t) a + t a* + noise, with the target velocity a* - a (in flow coordinates). Here a* is what the plan a should
become under the regime (:mod:`crl.adaptation.flow_matching.targets`), and c is independent of a: x(0) is drawn
independently of the regime's evidence, as it is when the flow is used. (The published implementation trains on the same
action that its context was measured with.) A learned context is identified from *other* transitions of the same regime.
A context that describes a regime by itself is given as it is. If it were identified from a window that does not
determine a channel, the field would learn to hedge between all possible gains, and correct too little where the context
is sure. The noise on x_t trains the field beside the paths.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.calibration import Calibration
from crl.adaptation.flow_matching.targets import nearest_actions
from crl.adaptation.flow_matching.velocity_field import VelocityField
from crl.adaptation.identification.identifier import Identifier
from crl.adaptation.identification.simulator import RegimeSimulator, simulated_windows
from crl.config.sections.flow import FieldConfig, FlowConfig
from crl.seeding import torch_generator
from crl.types import Told, untold

CHUNK = 1024
"""Regimes simulated at a time, to bound the memory."""


@dataclass(frozen=True)
class Pairs:
    """Training data of a flow: planned, refined and guessed actions (flow coordinates, [R, K, A]), features [R, F]."""

    start: Tensor
    target: Tensor
    guess: Tensor
    features: Tensor


def simulate_pairs(
    simulator: RegimeSimulator,
    identifier: Identifier,
    calibration: Calibration,
    config: FlowConfig,
    seed: int,
    told: Told = untold,
) -> Pairs:
    """Pairs (a, a*) and contexts of ``config.field.regimes`` simulated regimes; ``told`` how many are simulated."""
    generator = torch_generator(seed, "flow-pairs")
    box, wide = simulator.box, simulator.box.scaled(config.field.box_scale)
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    for begin in range(0, config.field.regimes, CHUNK):
        count = min(CHUNK, config.field.regimes - begin)
        regime = simulator.regimes(count, generator)
        context = identifier.describes(regime)
        if context is None:
            window = simulated_windows(simulator, regime, config.tracking.window, calibration, generator)
            context = identifier.identify(window).context
        rows = count * config.field.actions
        observation = simulator.observations(rows, generator)
        action = box.sample(rows, generator)
        # Half the plans are small, as those of a planner that knows its authority.
        small = torch.where(
            torch.rand(rows, 1, generator=generator) < 0.5, torch.rand(rows, 1, generator=generator), 1.0
        )
        action = box.middle + small.square() * (action - box.middle)
        repeated = regime.repeat_interleave(config.field.actions, dim=0)
        refined = nearest_actions(simulator, observation, action, repeated, wide, generator)
        shape = (count, config.field.actions, box.size)
        guess = action
        if config.field.guess:
            guess = identifier.inverse_command(action, context.repeat_interleave(config.field.actions, dim=0))
        flows = [box.to_flow(part).view(shape) for part in (action, refined, wide.clip(guess))]
        parts.append((flows[0], flows[1], flows[2], identifier.features(context)))
        told("regimes of the flow", begin + count, config.field.regimes)
    return Pairs(*(torch.cat([part[i] for part in parts]) for i in range(4)))


class FlowTrainer:
    """Regression of a velocity field on pairs; resumes to the bit.

    Args:
        config: Updates, batch, learning rate and noise.
        field: The field; its weights and normalisation are set here.
        pairs: Training data.
        seed: Seed of batches, times and noise.
    """

    def __init__(self, config: FieldConfig, field: VelocityField, pairs: Pairs, seed: int) -> None:
        self.config = config
        self.field = field
        self.pairs = pairs
        self.done = 0
        field.normalise(pairs.features)
        field.weights = field.weights.detach().clone().requires_grad_(True)
        self._generator = torch_generator(seed, "flow-training")
        self._optimiser = torch.optim.Adam([field.weights], lr=config.lr)

    def fit(self, updates: int | None = None, told: Told = untold) -> float:
        """Take gradient steps, all that remain by default; returns the mean loss of the last tenth of them.

        Args:
            updates: How many.
            told: Is told of every step.
        """
        remaining = self.config.updates - self.done
        count = remaining if updates is None else min(updates, remaining)
        losses = []
        for _ in range(count):
            losses.append(self.update())
            told("flow", self.done, self.config.updates)
        tail = losses[-max(1, count // 10) :]
        return sum(tail) / len(tail) if tail else math.nan

    def update(self) -> float:
        """One gradient step; returns its loss."""
        config = self.config
        for group in self._optimiser.param_groups:
            group["lr"] = 0.5 * config.lr * (1 + math.cos(math.pi * self.done / config.updates))
        regimes, actions, _ = self.pairs.start.shape
        row = torch.randint(regimes, (config.batch,), generator=self._generator)
        column = torch.randint(actions, (config.batch,), generator=self._generator)
        start, target = self.pairs.start[row, column], self.pairs.target[row, column]
        guess, features = self.pairs.guess[row, column], self.pairs.features[row]
        if config.objective == "regression":
            loss = regression_loss(self.field, start, target, guess, features)
        else:
            loss = flow_matching_loss(self.field, start, target, guess, features, config.noise, self._generator)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([self.field.weights], 5.0)
        self._optimiser.step()
        self.done += 1
        return float(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """Field, optimiser, generator and progress; the pairs follow from their seed."""
        return {
            "done": self.done,
            "field": self.field.state_dict(),
            "optimiser": {
                key: value.clone() if isinstance(value, Tensor) else value
                for key, value in self._optimiser.state_dict()["state"].get(0, {}).items()
            },
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.done = int(state["done"])
        self.field.load_state_dict(state["field"])
        self.field.weights.requires_grad_(True)
        self._optimiser = torch.optim.Adam([self.field.weights], lr=self.config.lr)
        if state["optimiser"]:
            whole = self._optimiser.state_dict()
            kept = {key: value.clone() for key, value in state["optimiser"].items()}
            self._optimiser.load_state_dict({**whole, "state": {0: kept}})
        self._generator.set_state(state["generator"])


def flow_matching_loss(
    field: VelocityField,
    start: Tensor,
    target: Tensor,
    guess: Tensor,
    features: Tensor,
    noise: float,
    generator: torch.Generator,
) -> Tensor:
    """Mean of |v(t, x_t, a, c) - (a* - a)|^2 for a, a* and guesses [B, A], and context features [B, F] (scalar)."""
    time = torch.rand(start.shape[0], 1, generator=generator)
    point = torch.lerp(start, target, time) + noise * torch.randn(start.shape, generator=generator)
    velocity = field.velocity(field.weights, time, point, start, guess, features)
    return (velocity - (target - start)).square().mean()


def regression_loss(field: VelocityField, start: Tensor, target: Tensor, guess: Tensor, features: Tensor) -> Tensor:
    """Mean of |a + v(0, a, a, c) - a*|^2 (scalar): the field's one step from a is to be the answer.

    The rival of flow matching with the same network and data. Where two answers are right, it learns their mean.
    """
    velocity = field.velocity(field.weights, start.new_zeros(len(start), 1), start, start, guess, features)
    return (start + velocity - target).square().mean()
