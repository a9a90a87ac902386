"""The classic agents against their textbook rules, along random histories."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest

from crl.formal import (
    FormalError,
    History,
    Interface,
    TooLarge,
    fixed_policies,
    fixed_policy,
    q_learning,
    reactive_policies,
    reactive_policy,
    ucb_bandit,
    win_stay_lose_shift,
    window_bandit,
)

ARMS = Interface(("x", "y", "z"), ("lose", "draw", "win"))
REWARDS = np.array([[0.0], [0.5], [1.0]]) * np.ones((3, 3))


def histories(interface: Interface, seed: int, number: int = 40, longest: int = 12) -> list[History]:
    rng = np.random.default_rng(seed)
    a, o = len(interface.actions), len(interface.observations)
    return [
        tuple((int(rng.integers(a)), int(rng.integers(o))) for _ in range(rng.integers(longest))) for _ in range(number)
    ]


def test_fixed_policies() -> None:
    assert [element.name for element in fixed_policies(ARMS)] == ["always x", "always y", "always z"]
    mixed = fixed_policy(ARMS, {"x": 0.25, "z": 0.75})
    for history in histories(ARMS, 0):
        assert mixed.distribution(history).tolist() == [0.25, 0, 0.75]
    with pytest.raises(FormalError, match=r"sum to 0\.5"):
        fixed_policy(ARMS, {"x": 0.5})
    with pytest.raises(FormalError, match=r"did you mean 'x'|unknown action 'w'"):
        fixed_policy(ARMS, "w")
    with pytest.raises(FormalError, match=r"\[2\] probabilities for 3 actions"):
        fixed_policy(ARMS, [0.5, 0.5])


def test_reactive_policies() -> None:
    agent = reactive_policy(ARMS, {"lose": "x", "draw": "y", "win": {"y": 0.5, "z": 0.5}}, first="z")
    rows = {0: [1, 0, 0], 1: [0, 1, 0], 2: [0, 0.5, 0.5]}
    for history in histories(ARMS, 1):
        assert agent.distribution(history).tolist() == (rows[history[-1][1]] if history else [0, 0, 1])
    assert len(reactive_policies(ARMS)) == 27
    assert reactive_policies(ARMS)[0].distribution(()) == pytest.approx(np.full(3, 1 / 3))
    with pytest.raises(FormalError, match="no action for observation 'win'"):
        reactive_policy(ARMS, {"lose": "x", "draw": "y"})
    with pytest.raises(TooLarge, match=r"4,194,304 deterministic policies on 11"):
        reactive_policies(Interface.sized(4, 11))


def test_win_stay_lose_shift() -> None:
    agent = win_stay_lose_shift(ARMS, REWARDS, start=1)
    for history in histories(ARMS, 2):
        arm = 1
        for pulled, seen in history:
            arm = pulled if REWARDS[seen, pulled] >= 0.5 else (pulled + 1) % 3
        assert agent.distribution(history).tolist() == np.eye(3)[arm].tolist()


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("kind", ["greedy", "ucb"])
def test_windows(window: int, kind: str) -> None:
    agent = (
        window_bandit(ARMS, REWARDS, window, epsilon=0.3)
        if kind == "greedy"
        else ucb_bandit(ARMS, REWARDS, window, exploration=0.7)
    )
    for history in histories(ARMS, 3):
        last: deque[tuple[int, float]] = deque(maxlen=window)
        last.extend((pulled, REWARDS[seen, pulled]) for pulled, seen in history)
        scores = []
        for arm in range(3):
            got = [reward for pulled, reward in last if pulled == arm]
            if not got:
                scores.append(math.inf)
            else:
                bonus = 0.7 * math.sqrt(math.log(len(last)) / len(got)) if kind == "ucb" else 0.0
                scores.append(sum(got) / len(got) + bonus)
        best = next(arm for arm in range(3) if scores[arm] >= max(scores) - 1e-9)
        epsilon = 0.3 if kind == "greedy" else 0.0
        expected = np.full(3, epsilon / 3) + (1 - epsilon) * np.eye(3)[best]
        assert agent.distribution(history) == pytest.approx(expected)


def test_q_learning_of_a_bandit() -> None:
    agent = q_learning(ARMS, REWARDS, levels=5, alpha=0.5, epsilon=0.2)
    assert agent.size == 125
    follow_q(agent, ARMS, {}, start=0, alpha=0.5, gamma=0.0, epsilon=0.2, seed=4)


def test_q_learning_of_two_states() -> None:
    interface = Interface(("stay", "go"), ("lose", "draw", "win"))
    states = {"lose": 0, "draw": 1, "win": 1}
    agent = q_learning(
        interface, REWARDS[:, :2], levels=5, alpha=0.4, gamma=0.6, epsilon=0.1, states=states, start=1, high=2.0
    )
    assert agent.size == 5**4 * 2
    follow_q(agent, interface, states, start=1, alpha=0.4, gamma=0.6, epsilon=0.1, seed=5, high=2.0)


def follow_q(
    agent: object,
    interface: Interface,
    states: dict[str, int],
    *,
    start: int,
    alpha: float,
    gamma: float,
    epsilon: float,
    seed: int,
    high: float = 1.0,
) -> None:
    """Textbook Q-learning with values on 5 levels."""
    actions = len(interface.actions)
    for history in histories(interface, seed):
        q = np.zeros((2, actions))
        state = start
        for action, seen in history:
            after = states.get(interface.observations[seen], 0)
            goal = REWARDS[seen, action] + gamma * q[after].max()
            moved = (q[state, action] + alpha * (goal - q[state, action])) / (high / 4)
            level = math.floor(moved + 0.5 + 1e-9) if goal >= q[state, action] else math.ceil(moved - 0.5 - 1e-9)
            q[state, action] = min(max(level, 0), 4) * high / 4
            state = after
        expected = np.full(actions, epsilon / actions) + (1 - epsilon) * np.eye(actions)[int(q[state].argmax())]
        assert agent.distribution(history) == pytest.approx(expected)  # type: ignore[attr-defined]


def test_q_learning_starts_at_the_level_that_it_is_told() -> None:
    optimist = q_learning(ARMS, REWARDS, levels=5, alpha=1.0, epsilon=0.0, initial=1.0)
    assert optimist.distribution(((0, 0),)).tolist() == [0, 1, 0]
    assert optimist.distribution(((0, 0), (1, 0))).tolist() == [0, 0, 1]


def test_what_is_too_large_is_refused_with_its_size() -> None:
    wide = Interface.sized(2, 16)
    states = {name: index for index, name in enumerate(wide.observations)}
    with pytest.raises(TooLarge, match=r"(?s)16 states and 2 actions.*about 10\^16 memories.*at most 4 states"):
        q_learning(wide, np.zeros(16), levels=3, states=states)
    with pytest.raises(TooLarge, match=r"would have 20,736,000,000 memories|about 10\^"):
        q_learning(Interface.sized(3, 4), np.zeros(4), levels=12, states={f"o{i}": i for i in range(4)})
    with pytest.raises(TooLarge, match="memories"):
        window_bandit(ARMS, REWARDS, 9)
    with pytest.raises(TooLarge, match=r"about 10\^954"):
        window_bandit(ARMS, REWARDS, 1000)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 0}, "levels must be at least 1"),
        ({"levels": 3, "alpha": 0.0}, "alpha must be more than 0"),
        ({"levels": 3, "gamma": 1.5}, "gamma must be from 0 to 1"),
        ({"levels": 3, "epsilon": -0.1}, "epsilon must be from 0 to 1"),
        ({"levels": 3, "low": 1.0}, "high must be more than low = 1"),
        ({"levels": 3, "start": -1}, "states are numbered from 0"),
        ({"levels": 3, "states": {"win": 0}}, "no state for observation 'lose'"),
    ],
)
def test_parameters_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(FormalError, match=message):
        q_learning(ARMS, REWARDS, **options)  # type: ignore[arg-type]


def test_bandit_parameters_out_of_range() -> None:
    with pytest.raises(FormalError, match="at least one pull"):
        window_bandit(ARMS, REWARDS, 0)
    with pytest.raises(FormalError, match="epsilon"):
        window_bandit(ARMS, REWARDS, 1, epsilon=1.1)
    with pytest.raises(FormalError, match="exploration"):
        ucb_bandit(ARMS, REWARDS, 1, exploration=-1)
    with pytest.raises(FormalError, match=r"rewards have the shape \[2\]"):
        win_stay_lose_shift(ARMS, [0.0, 1.0])
    with pytest.raises(FormalError, match="reward of observation 'draw' is not finite"):
        win_stay_lose_shift(ARMS, [0.0, math.nan, 1.0])
