"""Persistent excitation: commands that are tried because an element of the action seems to have no effect.

The effect of an element that was never commanded is not known. A vehicle whose sides are reversed moves by what turns
it, and turns by what moves it. A context that was identified from turns alone says that it can't move at all. Planned
for accordingly, it turns on the spot, never gives the commands that would tell otherwise, and stays. So while an
element of the action seems to be out of reach, every element of the commands is kept excited (Astrom and Wittenmark
1995, ch. 2) by short pulses of half its range, in one step of six.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.box import Box

EXCITED = 0.2
"""Root mean square of an element of recent commands, in half ranges, that is enough to identify its effects."""
PULSE = 0.5
"""Size of a pulse, in half ranges."""


def excited(action: Tensor, excitation: Tensor, box: Box) -> Tensor:
    """An action [A] with pulses in the elements that are not excited.

    Args:
        action: What would be executed.
        excitation: Root mean square of every element of recent commands, in half ranges, [A].
        box: The action box.
    """
    size = PULSE * box.half
    weak = (excitation < EXCITED) & (action.abs() < size)
    return torch.where(weak, torch.where(action < 0, -size, size), action)
