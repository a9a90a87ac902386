"""Slow responses: a body that approaches a command more slowly than the nominal body does.

A weak motor, a load's inertia or a soft controller do not scale a command. The body takes longer to follow it:
u <- u + w (y - u), where y is the measured counterpart of the command (the body rate of a rate command) and w is the
slowness, 0 for the nominal body. No single other command cancels that, and feedback reaches the command in the end. So
slow responses are identified, because a gain or a bias would be identified in their place, and they are never
corrected. The planner's model learns them, and plans ask for less.

Measured elements are fed back by a controller whose actuators also serve the other elements: the motors that turn a
quadrotor also carry it. Where an element without a measurement (thrust) has less effect, more of it is commanded, and
less of the actuators' range remains for the measured elements (body rates).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.adaptation.box import Box


class Responses:
    """Slowness of some elements of the action.

    Args:
        measured: For every element, where in an observation its counterpart is; -1: it has none. Empty: none has.
        box: The action box.

    Attributes:
        elements: Those of the action with a counterpart.
        size: Their number R.
        sharing: Those of them that share their actuators with an element without a counterpart: all, or none.
    """

    def __init__(self, measured: Sequence[int], box: Box) -> None:
        self.elements = [element for element, at in enumerate(measured) if at >= 0]
        self._at = [at for at in measured if at >= 0]
        self._box = box
        self.size = len(self._at)
        self._carriers = [element for element in range(box.size) if element not in self.elements]
        self.sharing = self.elements if self._carriers else []

    def slowed(self, command: Tensor, observation: Tensor, slowness: Tensor) -> Tensor:
        """Commands [N, A] as the body executes them at observations [N, S], with slowness [N, R]."""
        if self.size == 0:
            return command
        missing = observation[..., self._at].to(command) - command[..., self.elements]
        executed = command.clone()
        executed[..., self.elements] += slowness.to(command) * missing
        return executed

    def design(self, command: Tensor, observation: Tensor) -> Tensor:
        """Derivative [N, A, R] of :meth:`slowed` by the slowness, in half ranges."""
        shown = torch.zeros(*command.shape, self.size, dtype=command.dtype)
        for column, (element, at) in enumerate(zip(self.elements, self._at, strict=True)):
            missing = observation[..., at].to(command) - command[..., element]
            shown[..., element, column] = missing / self._box.half[element].to(command)
        return shown

    def immediate(self, slowness: Tensor) -> Tensor:
        """Share [N, A] of every element of a command that is executed at once, with slowness [N, R]."""
        share = torch.ones(*slowness.shape[:-1], self._box.size, dtype=slowness.dtype)
        share[..., self.elements] -= slowness
        return share

    def usable_share(self, slowness: Tensor, strength: Tensor) -> Tensor:
        """Share [..., A], at most 1, of its range that every element of a command should be planned in.

        It is 1 where every element is measured: then no other element is affected.

        Args:
            slowness: Of the responses, [..., R].
            strength: Gains of the elements (magnitudes), [..., A].
        """
        if not self.sharing:
            return torch.ones_like(strength, dtype=slowness.dtype)
        share = self.immediate(slowness).clamp_max(1.0)
        weakest = strength[..., self._carriers].amin(dim=-1, keepdim=True).to(share)
        share[..., self.elements] = torch.minimum(share[..., self.elements], weakest)
        return share
