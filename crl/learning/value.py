"""The learned worth of where a plan ends: what a policy like the one that acted earns from there on.

A plan that is a second long does not see what comes after it. Where every plan survives, all of them are worth the
same, and a body drifts to a place from which none does. A value function tells these places apart. It is learned by
temporal differences over several steps from the transitions of the current visit: the rewards of the next
:data:`AHEAD` steps of the episode, and then the value of a slowly following copy (Lillicrap et al. 2016). One step at a
time, what an end costs would reach states a second before it only after thousands of gradient steps. The steps are not
corrected for the policy having been another one (as in Hessel et al. 2018, *Rainbow*). The value is added to the return
of a plan at its last state, as in Lowrey et al. 2019 (*Plan Online, Learn Offline*). The network predicts
(1 - discount) v, a mean of rewards, which keeps to their range.

A network says anything of states that it has not seen, and a planner seeks what is valued highly. So values of states
drawn far and wide can be pulled down to the worst there is, while those of seen states are learned: a conservative
value (Kumar et al. 2020, *Conservative Q-Learning*; of states in place of actions, since a plan ends in any state).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.optimiser import Adam
from crl.learning.small_network import deviation, draw, empty, forward

FOLLOW = 0.01
"""Share by which the copy approaches the network in a gradient step."""
AHEAD = 15
"""Most steps of an episode whose rewards are counted before the copy says what the rest is worth."""
WIDER = 2.0
"""Size of the box in which unseen states are drawn, over that of the seen ones."""


@dataclass(frozen=True)
class Steps:
    """Transitions to learn from, in the order of time.

    Attributes:
        before: Features of observations, [N, F].
        reward: Rewards, [N].
        after: Features of next observations, [N, F].
        ended: Which steps ended their episode for good, bool [N].
    """

    before: Tensor
    reward: Tensor
    after: Tensor
    ended: Tensor


@dataclass(frozen=True)
class Ahead:
    """What comes after each transition in its episode.

    Attributes:
        total: Discounted sum of the rewards of it and the steps after it, [N].
        weight: What the value after the last of these steps counts, [N].
        last: Row of that step, [N].
        ended: Whether that step ended the episode for good, bool [N].
    """

    total: Tensor
    weight: Tensor
    last: Tensor
    ended: Tensor


def ahead(steps: Steps, discount: float, most: int = AHEAD) -> Ahead:
    """Look up to ``most`` steps ahead from each transition, to the end of its episode.

    A row belongs to the same episode as the one before if it begins with the observation that that one led to.

    Args:
        steps: Transitions.
        discount: What the next step counts.
        most: Steps, the first included.
    """
    goes_on = torch.zeros_like(steps.ended)
    goes_on[:-1] = (steps.after[:-1] == steps.before[1:]).all(dim=-1) & ~steps.ended[:-1]
    last = torch.arange(len(steps.reward), device=steps.reward.device)
    total, weight, going = steps.reward.clone(), torch.full_like(steps.reward, discount), goes_on
    for _ in range(most - 1):
        last = torch.where(going, last + 1, last)
        total = total + torch.where(going, weight * steps.reward[last], 0.0)
        weight = torch.where(going, weight * discount, weight)
        going = going & goes_on[last]
    return Ahead(total, weight, last, steps.ended[last])


class Value:
    """The value function of one task.

    Args:
        features: Number F of features of an observation.
        discount: What the next step counts, in (0, 1).
        device: Where tensors live.
        members: Number V of networks, which differ in their first weights and in the transitions that they draw. A
            state is worth what the least of them says.
        caution: Weight with which values of states drawn in a box around the data are pulled down to the worst; 0:
            not at all.
    """

    def __init__(
        self, features: int, discount: float, device: torch.device, members: int = 1, caution: float = 0.0
    ) -> None:
        self.discount = discount
        self._caution = caution
        self._several = (members,) if members > 1 else ()
        self.parameters = empty(features, 1, device, members)
        self._copy = empty(features, 1, device, members)
        self._inputs = torch.zeros(2, features, device=device)
        self._range = torch.zeros(2, device=device)  # least and greatest reward, and 0, which comes after an end

    def start(self, generator: torch.Generator) -> None:
        """Draw first weights."""
        draw(self.parameters, generator)
        for name, value in self.parameters.items():
            self._copy[name].copy_(value)

    def __call__(self, features: Tensor) -> Tensor:
        """Discounted sums of rewards [...] that are expected from observations with features [..., F] on."""
        found = self._mean(self.parameters, features.reshape(-1, features.shape[-1])) / (1 - self.discount)
        return (found.amin(dim=0) if self._several else found).view(features.shape[:-1])

    def _mean(self, parameters: Mapping[str, Tensor], features: Tensor) -> Tensor:
        """(1 - discount) v of every member, [V, B] (of a single one, [B]), inside the range of rewards."""
        return torch.clamp(self._raw(parameters, features), self._range[0], self._range[1])

    def _raw(self, parameters: Mapping[str, Tensor], features: Tensor) -> Tensor:
        """Of features [B, F], or [V, B, F] for every member its own."""
        return forward(parameters, (features - self._inputs[0]) / self._inputs[1])[..., 0] * self._spread()

    def _spread(self) -> Tensor:
        return (self._range[1] - self._range[0]).clamp_min(1e-6)

    def fit(self, steps: Steps, count: int, batch: int, optimiser: Adam, generator: torch.Generator) -> None:
        """Take gradient steps.

        Args:
            steps: All transitions of the visit.
            count: Gradient steps.
            batch: Transitions in each.
            optimiser: Of :attr:`parameters`.
            generator: Draws the transitions.
        """
        self._inputs = torch.stack([steps.before.mean(dim=0), deviation(steps.before)])
        self._range = torch.stack(
            [torch.minimum(self._range[0], steps.reward.min()), torch.maximum(self._range[1], steps.reward.max())]
        )
        seen = ahead(steps, self.discount)
        box = _box(steps.after) if self._caution > 0 else None
        for parameter in self.parameters.values():
            parameter.requires_grad_()
        for _ in range(count):
            index = torch.randint(len(steps.reward), (*self._several, batch), generator=generator)
            index = index.to(steps.reward.device)
            with torch.no_grad():
                later = torch.where(seen.ended[index], 0.0, self._mean(self._copy, steps.after[seen.last[index]]))
                target = (1 - self.discount) * seen.total[index] + seen.weight[index] * later
            apart = (self._raw(self.parameters, steps.before[index]) - target) / self._spread()
            loss = apart.square().mean(dim=-1).sum()
            if box is not None:
                loss = loss + self._caution * self._above_worst(box, batch, generator)
            optimiser.zero()
            loss.backward()
            optimiser.step()
            for name, parameter in self.parameters.items():
                self._copy[name].lerp_(parameter.detach(), FOLLOW)
        for parameter in self.parameters.values():
            parameter.requires_grad_(False)
            parameter.grad = None

    def _above_worst(self, box: tuple[Tensor, Tensor], batch: int, generator: torch.Generator) -> Tensor:
        """Squared distance from the worst value, in spreads of rewards, of states drawn evenly in a box."""
        middle, half = box
        drawn = 2 * torch.rand(*self._several, batch, len(middle), generator=generator) - 1
        above = self._raw(self.parameters, middle + half * drawn.to(middle.device)) - self._range[0]
        return (above / self._spread()).square().mean(dim=-1).sum()

    def state_dict(self) -> dict[str, Any]:
        """Both networks and their normalisation."""
        return {
            "parameters": {name: value.clone() for name, value in self.parameters.items()},
            "copy": {name: value.clone() for name, value in self._copy.items()},
            "inputs": self._inputs.clone(),
            "range": self._range.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        for saved, own in ((state["parameters"], self.parameters), (state["copy"], self._copy)):
            for name, value in own.items():
                own[name] = restoring.tensor(saved[name], name, value)
        self._inputs = restoring.tensor(state["inputs"], "inputs", self._inputs)
        self._range = restoring.tensor(state["range"], "range", self._range)


def _box(features: Tensor) -> tuple[Tensor, Tensor]:
    """Middle and half width [F] of the box around features [N, F], widened by :data:`WIDER`."""
    low, high = features.amin(dim=0), features.amax(dim=0)
    return (low + high) / 2, WIDER * (high - low) / 2
