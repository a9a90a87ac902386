"""Rewards r(o, a) of a problem."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from crl.formal.errors import FormalError
from crl.formal.interface import Floats, Interface


def reward_table(interface: Interface, rewards: ArrayLike) -> Floats:
    """Rewards r(o, a) as an array [O, A], from one of that shape or from one per observation [O].

    Raises:
        FormalError: The shape does not fit, or a reward is not a finite number.
    """
    shape = (len(interface.observations), len(interface.actions))
    given = np.asarray(rewards, dtype=float)
    if given.shape not in (shape, shape[:1]):
        raise FormalError(f"rewards have the shape {list(given.shape)}", f"expected {list(shape)} or [{shape[0]}]")
    if not np.isfinite(given).all():
        observation = interface.observations[int(np.argwhere(~np.isfinite(given))[0, 0])]
        raise FormalError(f"the reward of observation {observation!r} is not finite", "rewards are finite numbers")
    return np.array(np.broadcast_to(given.reshape(shape[0], -1), shape))
