"""Probabilistic ensemble of a moving body: E Gaussian MLPs, one batched product per layer (Chua et al. 2018, PETS).

Each member predicts mean and log-variance of the changes of :class:`~crl.dynamics.body.Body`, per ``stride`` control
steps under the mean of their commands. Members see rows of their own (bootstrap: each row counts for a member with
probability 0.8), so that they disagree where there was little data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.missions import BodyConfig
from crl.dynamics import gaussian
from crl.dynamics.body import Body
from crl.dynamics.network import TargetNetwork
from crl.dynamics.normaliser import Normaliser

SEEN = 0.8
"""Probability that a row counts for a member."""


@dataclass(frozen=True)
class Rows:
    """Steps of a body: what the model reads [N, I], actions [N, A] and changes [N, D]."""

    inputs: Tensor
    action: Tensor
    change: Tensor

    def __len__(self) -> int:
        return self.change.shape[0]

    def __getitem__(self, index: Any) -> Rows:
        return Rows(self.inputs[index], self.action[index], self.change[index])


class BodyModel:
    """An ensemble with its weights, normalisers and variance bounds.

    Args:
        config: Sizes.
        body: What is read and predicted.
        actions: Number A of action elements.
        generator: Source of the first weights.
        memory: Whether observations come with the changes of the step before [D] at their end, to be read, too.

    Attributes:
        weights: All weights [P].
        bounds: Bounds of the log-variances, [2, D].
    """

    def __init__(
        self, config: BodyConfig, body: Body, actions: int, generator: torch.Generator, *, memory: bool = False
    ) -> None:
        self.config = config
        self.body = body
        reads = body.inputs + (body.changes if memory else 0) + actions
        self.network = TargetNetwork(
            reads, config.hidden, 2 * body.changes, activation="silu", ensemble=config.ensemble
        )
        self.weights = self.network.initial(generator)
        self.bounds = gaussian.initial_bounds(body.changes)
        self.reads = Normaliser(torch.full((reads,), 1e-6))
        self.scale = Normaliser(body.floor, centred=True)

    def normalise(self, rows: Rows) -> None:
        """Set the normalisers by rows; once."""
        self.reads.update(torch.cat([rows.inputs, rows.action], dim=-1))
        self.scale.update(rows.change)
        self.reads.freeze()
        self.scale.freeze()

    def encode(self, observation: Tensor) -> Tensor:
        """What the model reads beside the action, [N, I], of observations [N, S], or [N, S + D] with a memory."""
        return torch.cat([self.body.encode(observation), observation[..., self.body.size :]], dim=-1)

    def outputs(self, weights: Tensor, inputs: Tensor, action: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised mean and log-variance [E, N, D] for inputs [N, I] and actions [N, A], or [E, N, ...] of each."""
        read = (torch.cat([inputs, action], dim=-1) - self.reads.mean) / self.reads.std
        out = self.network.forward(weights, read if read.ndim == 3 else read.unsqueeze(0))
        mean, log_variance = out.chunk(2, dim=-1)
        return mean, gaussian.bounded(log_variance, bounds)

    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """Mean changes [N, D] for observations [N, S] and actions [N, A].

        Observations of a model with a memory are [N, S + D].
        """
        with torch.no_grad():
            read = (torch.cat([self.encode(observation), action], dim=-1) - self.reads.mean) / self.reads.std
            out = self.network.forward(self.weights, read.unsqueeze(0))
            return out[..., : self.body.changes].mean(dim=0) * self.scale.std

    def loss(self, weights: Tensor, rows: Rows, bounds: Tensor, counts: Tensor | None = None) -> Tensor:
        """Mean Gaussian negative log-likelihood of normalised changes (scalar).

        Args:
            weights: Weights [P].
            rows: N rows.
            bounds: Bounds of the log-variances.
            counts: How much each row counts for each member, [E, N, 1]; all alike by default.
        """
        mean, log_variance = self.outputs(weights, rows.inputs, rows.action, bounds)
        error = (rows.change / self.scale.std - mean).square() * torch.exp(-log_variance) + log_variance
        return 0.5 * (error if counts is None else error * counts / counts.mean()).mean()

    def fit(self, rows: Rows, steps: int, generator: torch.Generator, *, final: float = 0.02) -> float:
        """Train on rows with a falling learning rate; returns the mean loss of the last tenth of the steps.

        Args:
            rows: Training data; the normalisers must be set.
            steps: Gradient steps.
            generator: Source of batches.
            final: Share of the learning rate that is left at the end.
        """
        config = self.config
        weights, bounds = (part.detach().clone().requires_grad_(True) for part in (self.weights, self.bounds))
        optimiser = torch.optim.Adam([weights, bounds], lr=config.lr)
        members = torch.rand(config.ensemble, len(rows), 1, generator=generator) < SEEN
        losses = []
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = config.lr * final ** (step / max(1, steps))
            index = torch.randint(len(rows), (config.batch,), generator=generator)
            loss = self.loss(weights, rows[index], bounds, members[:, index].float())
            total = loss + gaussian.bounds_penalty(bounds)
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            torch.nn.utils.clip_grad_norm_([weights, bounds], config.clip)
            optimiser.step()
            losses.append(float(loss.detach()))
        self.weights, self.bounds = weights.detach(), bounds.detach()
        tail = losses[-max(1, steps // 10) :]
        return sum(tail) / max(1, len(tail))

    def state_dict(self) -> dict[str, Any]:
        """Weights, bounds and normalisers."""
        return {
            "weights": self.weights.clone(),
            "bounds": self.bounds.clone(),
            "reads": self.reads.state_dict(),
            "scale": self.scale.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.weights = restoring.tensor(state["weights"], "weights", self.weights)
        self.bounds = restoring.tensor(state["bounds"], "bounds", self.bounds)
        for name, part in (("reads", self.reads), ("scale", self.scale)):
            with restoring.part(name):
                part.load_state_dict(state[name])
