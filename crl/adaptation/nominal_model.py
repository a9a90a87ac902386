"""The nominal model as adaptation uses it: a function, its derivative by the action, and what its observations hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.adaptation.box import Box

Change = Callable[[Tensor, Tensor], Tensor]
"""Maps observations [N, S] and actions [N, A] to changes [N, D]; angles among the changes are wrapped."""


@dataclass(frozen=True)
class NominalModel:
    """The model of the nominal body, and what its observations hold.

    Attributes:
        change: The model.
        command: Indices of the command of the step before in an observation; a fault affects it, too. Empty: it is not
            observed.
        measured: For every element of a command, where in an observation its measurement is, -1 if it has none. Empty:
            none has one.
    """

    change: Change
    command: tuple[int, ...] = ()
    measured: tuple[int, ...] = ()

    def __call__(self, observation: Tensor, action: Tensor) -> Tensor:
        """See :data:`Change`."""
        return self.change(observation, action)

    @property
    def lags(self) -> list[int]:
        """Indices of the command of the step before."""
        return list(self.command)


def replaced(observation: Tensor, at: list[int], command: Tensor) -> Tensor:
    """Observations [..., S] with other commands before [..., A], which are at these indices."""
    result = observation.clone()
    result[..., at] = command
    return result


def doubled(model: NominalModel, box: Box) -> tuple[Change, Box]:
    """A model that reads the command before, as one of both commands [N, 2 A] (present one first), and their box."""
    at, size = model.lags, box.size

    def change(observation: Tensor, both: Tensor) -> Tensor:
        return model(replaced(observation, at, both[..., size:]), both[..., :size])

    return change, Box(box.low.repeat(2), box.high.repeat(2))


STEP = 0.02
"""Step of the central differences, in half ranges: models are smooth at that scale and float32 is fine enough."""


def linearise(model: Change, observation: Tensor, action: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """Changes [N, D] and their derivatives [N, D, A] by *normalised* actions (per half range), in one call.

    Args:
        model: The model; it need not be differentiable.
        observation: Observations [N, S].
        action: Actions [N, A].
        box: Box that gives the step of the differences.
    """
    count, size = action.shape
    shifts = STEP * torch.diag(box.half.to(action))
    tried = torch.cat([action.unsqueeze(0), action + shifts.unsqueeze(1), action - shifts.unsqueeze(1)])
    rows = observation.expand(2 * size + 1, -1, -1).reshape(-1, observation.shape[-1])
    changes = model(rows, tried.reshape(-1, size)).view(2 * size + 1, count, -1)
    derivative = (changes[1 : size + 1] - changes[size + 1 :]) / (2 * STEP)
    return changes[0], derivative.permute(1, 2, 0)


def command_slope(model: NominalModel, observation: Tensor, action: Tensor, box: Box) -> tuple[Tensor, Tensor]:
    """Changes [N, D], and their derivatives [N, D, A] by an offset of commands (per half range).

    The offset is of the command and, where that is observed, of the one before alike.

    Args:
        model: The model.
        observation: Observations [N, S].
        action: Actions [N, A].
        box: Box of the actions.
    """
    if not model.lags:
        return linearise(model, observation, action, box)
    change, both = doubled(model, box)
    value, derivative = linearise(change, observation, torch.cat([action, observation[..., model.lags]], dim=-1), both)
    return value, derivative[..., : box.size] + derivative[..., box.size :]


def extended(model: Change, observation: Tensor, action: Tensor, box: Box) -> Tensor:
    """Changes [N, D], continued linearly from the box's surface for actions outside of it.

    A learned model knows nothing of a command beyond the limits, which a gain above 1 amounts to.
    """
    inside = box.clip(action)
    if torch.equal(inside, action):
        return model(observation, action)
    beyond = (action - inside) / box.half.to(action)
    length = beyond.norm(dim=-1, keepdim=True)
    # The slope along the way out, measured from within: a model was never trained beyond the surface.
    behind = inside - STEP * box.half.to(action) * beyond / length.clamp_min(1e-12)
    both = model(observation.repeat(2, 1), torch.cat([inside, behind]))
    value, before = both.chunk(2)
    continued: Tensor = value + (value - before) * (length / STEP)
    return continued
