"""Bandit agents that remember the last n pulls and nothing else.

* ``window_bandit``: the arm with the best mean reward in the window, with epsilon-greedy exploration.
* ``ucb_bandit``: the arm with the best mean + c * sqrt(ln n / pulls), both over the window: sliding-window UCB of
  Garivier and Moulines (*On Upper-Confidence Bound Policies for Switching Bandit Problems*, 2011, arXiv 0805.3415),
  whose memory is finite. Arms without a pull in the window come first, and ties go to the first arm.

A memory is the sequence of the last pulls, each an arm and its reward; observations with equal rewards are not told
apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from crl.formal.agent import FiniteAgent, big, check_size
from crl.formal.errors import FormalError, TooLarge
from crl.formal.interface import Floats, Interface, Ints
from crl.formal.rewards import reward_table

LONGEST = 1000
"""Pulls that are remembered at most; with more than one outcome a pull there are too many memories long before."""
TIE = 1e-12
"""Scores closer than this are a tie."""


def window_bandit(
    interface: Interface, rewards: ArrayLike, window: int, *, epsilon: float = 0.0, name: str | None = None
) -> FiniteAgent:
    """An agent that pulls the arm with the best mean reward over the last ``window`` pulls.

    Args:
        interface: Actions (the arms) and observations.
        rewards: Rewards r(o, a) [O, A], or [O].
        window: Number n of remembered pulls.
        epsilon: Probability of pulling an arm at random instead.
        name: Its name.

    Raises:
        TooLarge: It would have too many memories; the message gives their number.
    """
    if not 0 <= epsilon <= 1:
        raise FormalError(f"an epsilon of {epsilon}", "it must be from 0 to 1")

    def score(pulls: Floats, total: Floats) -> Floats:
        return np.where(pulls > 0, total / np.maximum(pulls, 1), math.inf)

    return _windowed(interface, rewards, window, score, epsilon, name or f"window of {window}")


def ucb_bandit(
    interface: Interface, rewards: ArrayLike, window: int, *, exploration: float = 1.0, name: str | None = None
) -> FiniteAgent:
    """An agent that pulls the arm with the best upper confidence bound over the last ``window`` pulls.

    Args:
        interface: Actions (the arms) and observations.
        rewards: Rewards r(o, a) [O, A], or [O].
        window: Number n of remembered pulls.
        exploration: Factor c of the bonus, zero or more.
        name: Its name.

    Raises:
        TooLarge: It would have too many memories; the message gives their number.
    """
    if not exploration >= 0 or not math.isfinite(exploration):
        raise FormalError(f"an exploration of {exploration}", "it must be zero or more")

    def score(pulls: Floats, total: Floats) -> Floats:
        known = np.maximum(pulls, 1)
        elapsed = np.maximum(pulls.sum(axis=1, keepdims=True), 1)
        return np.where(pulls > 0, total / known + exploration * np.sqrt(np.log(elapsed) / known), math.inf)

    return _windowed(interface, rewards, window, score, 0.0, name or f"UCB over {window}")


def _windowed(
    interface: Interface,
    rewards: ArrayLike,
    window: int,
    score: Callable[[Floats, Floats], Floats],
    epsilon: float,
    name: str,
) -> FiniteAgent:
    """An agent by the scores [M, A] of its arms, from pulls [M, A] and rewards in total [M, A].

    With c different events (arm, reward), memory 0 is the empty window, 1 to c are the windows of one event, and so on;
    within a length a window is a number in base c whose last digit is the latest event.
    """
    if window < 1:
        raise FormalError(f"a window of {window}", "it must hold at least one pull")
    arms, observations = len(interface.actions), len(interface.observations)
    pairs = np.stack([np.repeat(np.arange(arms), observations), reward_table(interface, rewards).T.ravel()], axis=1)
    events: Floats
    events, event = np.unique(pairs, axis=0, return_inverse=True)
    base = len(events)
    if window * math.log10(base) > 12 or window > LONGEST:
        raise TooLarge(
            f"agent {name!r} would remember {window} pulls with {base} outcomes each: {big(base, window)} memories",
            "use a shorter window",
        )
    check_size(name, interface, sum(base**length for length in range(window + 1)))
    offset = np.cumsum([0] + [base**length for length in range(window + 1)])
    memories = int(offset[-1])
    pulls, total = np.zeros((memories, arms)), np.zeros((memories, arms))
    update = np.empty((memories, arms * observations), dtype=np.int64)
    for length in range(window + 1):
        code = np.arange(base**length)
        rows = offset[length] + code
        _count(pulls, total, rows, code, length, events)
        kept, after = (code, length + 1) if length < window else (code % base ** (window - 1), window)
        update[rows] = offset[after] + kept[:, None] * base + event.ravel()[None]
    scores = score(pulls, total)
    best = np.argmax(scores >= scores.max(axis=1, keepdims=True) - TIE, axis=1)
    policy = np.full((memories, arms), epsilon / arms)
    policy[np.arange(memories), best] += 1 - epsilon
    return FiniteAgent(name, interface, policy, update.reshape(memories, arms, observations))


def _count(pulls: Floats, total: Floats, rows: Ints, code: Ints, length: int, events: Floats) -> None:
    """Enter the pulls and rewards of all windows of one length."""
    for _ in range(length):
        code, digit = np.divmod(code, len(events))
        arm = events[digit, 0].astype(np.int64)
        pulls[rows, arm] += 1
        total[rows, arm] += events[digit, 1]
