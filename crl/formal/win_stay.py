"""Win-stay, lose-shift (Robbins 1952): repeat an arm that paid, leave one that did not."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from crl.formal.agent import FiniteAgent
from crl.formal.interface import Interface
from crl.formal.rewards import reward_table


def win_stay_lose_shift(
    interface: Interface,
    rewards: ArrayLike,
    *,
    threshold: float = 0.5,
    start: int = 0,
    name: str = "win-stay-lose-shift",
) -> FiniteAgent:
    """A bandit agent whose memory is the arm to pull; after a loss that is the next arm, in a circle.

    Args:
        interface: Actions (the arms) and observations.
        rewards: Rewards r(o, a) [O, A], or [O].
        threshold: A reward of at least this much is a win.
        start: First arm.
        name: Its name.
    """
    arms, observations = len(interface.actions), len(interface.observations)
    reward = reward_table(interface, rewards).T
    pulled = np.arange(arms)[:, None]
    following = np.where(reward >= threshold, pulled, (pulled + 1) % arms)
    update = np.broadcast_to(following, (arms, arms, observations))
    return FiniteAgent(name, interface, np.eye(arms), update, start, [f"pull {arm}" for arm in interface.actions])
