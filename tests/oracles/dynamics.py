"""Prediction, loss and rollout of the dynamics model: one sample, one member, one step at a time, in float64."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from crl.types import ObservationSpec
from tests.oracles import observations

Vector = np.ndarray


@dataclass
class PlainModel:
    """A trained model in plain numbers.

    Attributes:
        spec: Fields of the observation.
        members: A network per ensemble member.
        features: Mean and deviation of the features.
        actions: Mean and deviation of the actions.
        scale: Deviation of the changes.
        bounds: Least and greatest log-variance, or ``None`` without a Gaussian head.
        loss: ``mse`` or ``smooth_l1``.
    """

    spec: ObservationSpec
    members: list[nn.Sequential]
    features: tuple[Vector, Vector]
    actions: tuple[Vector, Vector]
    scale: Vector
    bounds: tuple[Vector, Vector] | None = None
    loss_name: str = "mse"

    def predict(self, member: int, observation: Vector, action: Vector) -> tuple[Vector, Vector | None]:
        """Normalised change and log-variance of one member for one sample."""
        features = (observations.encode(self.spec, observation) - self.features[0]) / self.features[1]
        inputs = np.concatenate([features, (action - self.actions[0]) / self.actions[1]])
        with torch.no_grad():
            out = self.members[member](torch.tensor(inputs, dtype=torch.float64)).numpy()
        if self.bounds is None:
            return out, None
        size = len(out) // 2
        low, high = self.bounds
        raw = [high[i] - softplus(high[i] - out[size + i]) for i in range(size)]
        return out[:size], np.array([low[i] + softplus(raw[i] - low[i]) for i in range(size)])

    def rollout(self, observation: Vector, actions: Vector) -> Vector:
        """Trajectories [K, H + 1, S] of the mean over the members under actions [K, H, A]."""
        trajectories = []
        for sequence in actions:
            states = [np.asarray(observation, dtype=float)]
            for action in sequence:
                predicted = [self.predict(m, states[-1], action)[0] * self.scale for m in range(len(self.members))]
                states.append(observations.apply(self.spec, states[-1], np.mean(predicted, axis=0)))
            trajectories.append(states)
        return np.array(trajectories)

    def loss(self, starts: Vector, actions: Vector, afters: Vector) -> float:
        """Loss of windows: starts [E, B, S], actions [L, E, B, A], afters [L, E, B, S]."""
        terms: list[float] = []
        for member in range(len(self.members)):
            for row in range(starts.shape[1]):
                state = starts[member, row]
                for step in range(len(actions)):
                    mean, log_variance = self.predict(member, state, actions[step, member, row])
                    wanted = observations.change(self.spec, state, afters[step, member, row]) / self.scale
                    for i in range(len(mean)):
                        error = mean[i] - wanted[i]
                        terms.append(self._term(error, None if log_variance is None else log_variance[i]))
                    state = observations.apply(self.spec, state, mean * self.scale)
        return float(np.mean(terms))

    def _term(self, error: float, log_variance: float | None) -> float:
        if log_variance is not None:
            deviation = math.exp(log_variance / 2)
            return 0.5 * (error / deviation) ** 2 + math.log(deviation * math.sqrt(2 * math.pi))
        if self.loss_name == "smooth_l1":
            return 0.5 * error**2 if abs(error) < 1 else abs(error) - 0.5
        return error**2


def softplus(x: float) -> float:
    """log(1 + exp(x)), also for large x."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))
