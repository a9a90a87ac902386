"""Slow responses: a body that does less of what is still missing between a command and what it measures of it.

A weak motor, a load's inertia or a soft controller do not scale a command, they take longer to get there:
u <- u + w (y - u), where y is the measured counterpart of the command (the body rate of a rate command) and w the
slowness, 0 for the nominal body. No other command undoes that once and for all, and feedback gets there anyway. So
responses are identified for the explanation's sake, lest a gain or a bias takes their place, and never corrected: the
planner's model learns them, and plans ask for less.

What is measured is fed back, by a controller whose actuators serve the other elements, too: the motors that turn a
quadrotor are those that carry it. Where an element without a counterpart (thrust) has less effect, more of it is
commanded, and as much less of the actuators is left for the elements with one (body rates).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.flow.box import Box


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
        """What is done of commands [N, A] at observations [N, S], with slowness [N, R]."""
        if self.size == 0:
            return command
        missing = observation[..., self._at].to(command) - command[..., self.elements]
        done = command.clone()
        done[..., self.elements] += slowness.to(command) * missing
        return done

    def design(self, command: Tensor, observation: Tensor) -> Tensor:
        """Derivative [N, A, R] of :meth:`slowed` by the slowness, in half ranges."""
        shown = torch.zeros(*command.shape, self.size, dtype=command.dtype)
        for column, (element, at) in enumerate(zip(self.elements, self._at, strict=True)):
            missing = observation[..., at].to(command) - command[..., element]
            shown[..., element, column] = missing / self._box.half[element].to(command)
        return shown

    def left(self, slowness: Tensor) -> Tensor:
        """Share [N, A] of every element of a command that is still done at once, with slowness [N, R]."""
        share = torch.ones(*slowness.shape[:-1], self._box.size, dtype=slowness.dtype)
        share[..., self.elements] -= slowness
        return share

    def prompt(self, slowness: Tensor, strength: Tensor) -> Tensor:
        """Share [..., A], at most 1, of its range that every element of a command should be planned in.

        It is 1 where every element is measured: then what is slow costs nobody else.

        Args:
            slowness: Of the responses, [..., R].
            strength: Gains of the elements (magnitudes), [..., A].
        """
        if not self.sharing:
            return torch.ones_like(strength, dtype=slowness.dtype)
        share = self.left(slowness).clamp_max(1.0)
        weakest = strength[..., self._carriers].amin(dim=-1, keepdim=True).to(share)
        share[..., self.elements] = torch.minimum(share[..., self.elements], weakest)
        return share
