"""Slow responses: a body that does less of what is still missing between a command and what it measures of it.

A weak motor, a load's inertia or a soft controller do not scale a command, they take longer to get there:
u <- u + w (y - u), where y is the measured counterpart of the command (the body rate of a rate command) and w the
slowness, 0 for the nominal body. No other command undoes that once and for all, and feedback gets there anyway. So
responses are identified for the explanation's sake, lest a gain or a bias takes their place, and never corrected: the
planner's model learns them.
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
        size: Number R of elements with a counterpart.
    """

    def __init__(self, measured: Sequence[int], box: Box) -> None:
        self._elements = [element for element, at in enumerate(measured) if at >= 0]
        self._at = [at for at in measured if at >= 0]
        self._box = box
        self.size = len(self._at)

    def slowed(self, command: Tensor, observation: Tensor, slowness: Tensor) -> Tensor:
        """What is done of commands [N, A] at observations [N, S], with slowness [N, R]."""
        if self.size == 0:
            return command
        missing = observation[..., self._at].to(command) - command[..., self._elements]
        done = command.clone()
        done[..., self._elements] += slowness.to(command) * missing
        return done

    def design(self, command: Tensor, observation: Tensor) -> Tensor:
        """Derivative [N, A, R] of :meth:`slowed` by the slowness, in half ranges."""
        shown = torch.zeros(*command.shape, self.size, dtype=command.dtype)
        for column, (element, at) in enumerate(zip(self._elements, self._at, strict=True)):
            missing = observation[..., at].to(command) - command[..., element]
            shown[..., element, column] = missing / self._box.half[element].to(command)
        return shown

    def left(self, slowness: Tensor) -> Tensor:
        """Share [N, A] of every element of a command that is still done at once, with slowness [N, R]."""
        share = torch.ones(*slowness.shape[:-1], self._box.size, dtype=slowness.dtype)
        share[..., self._elements] -= slowness
        return share
