"""Commands that are tried because something seems dead: what was never commanded can't be known to have no effect.

A vehicle whose sides are reversed moves by what turns it, and turns by what moves it. A context that was found from
turns alone says that it can't move at all; planned for accordingly it turns on the spot, commands nothing that would
teach otherwise, and stays. So while an element of the action seems to be out of reach, every element of the commands
is kept excited (Astrom and Wittenmark 1995, ch. 2: persistent excitation), by short pulses, one step in six, of half
the range, as long as it seems so.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.flow.box import Box

DEAD = 0.1
"""Share of its range below which an element seems to be dead."""
EXCITED = 0.2
"""Root mean square of an element of recent commands, in half ranges, that is enough to know its effects by."""
PULSE = 0.5
"""Size of a pulse, in half ranges."""


def seems_dead(reachable: Box, box: Box) -> bool:
    """Whether some element of the action is out of reach, but for a remainder."""
    return bool((reachable.half < DEAD * box.half).any())


def probed(action: Tensor, excitation: Tensor, box: Box) -> Tensor:
    """An action [A] with pulses in the elements that are not excited.

    Args:
        action: What would be executed.
        excitation: Root mean square of every element of recent commands, in half ranges, [A].
        box: The action box.
    """
    size = PULSE * box.half
    weak = (excitation < EXCITED) & (action.abs() < size)
    return torch.where(weak, torch.where(action < 0, -size, size), action)
