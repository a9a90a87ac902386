"""The learned value against the exact one of a random walk, and its persistence."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.continual.optimiser import Adam
from crl.learning import value as value_module
from crl.learning.value import Steps, Value, ahead

PLACES, DISCOUNT = 5, 0.8
"""A walk over five places to either side with equal chance; both steps off the ends end it. Each step pays 1."""


def exact() -> np.ndarray:
    """v = r + discount P v, solved as linear equations."""
    moves = np.zeros((PLACES, PLACES))
    for place in range(PLACES):
        for after in (place - 1, place + 1):
            if 0 <= after < PLACES:
                moves[place, after] = 0.5
    return np.linalg.solve(np.eye(PLACES) - DISCOUNT * moves, np.ones(PLACES))


def walk() -> Steps:
    """Every step from every place once, so that chances are exact; no row goes on where the one before it led."""
    before = np.array([*range(PLACES), *reversed(range(PLACES))])
    after = before + np.repeat([-1, 1], PLACES)
    first, second = (torch.tensor(part, dtype=torch.float32).unsqueeze(-1) for part in (before, after))
    return Steps(first, torch.ones(len(before)), second, torch.tensor((after < 0) | (after >= PLACES)))


def fitted(steps: int = 3000, members: int = 1) -> tuple[Value, Adam]:
    value = Value(1, DISCOUNT, torch.device("cpu"), members)
    value.start(torch.Generator().manual_seed(0))
    optimiser = Adam(value.parameters, 1e-3, 5.0)
    value.fit(walk(), steps, 512, optimiser, torch.Generator().manual_seed(1))
    return value, optimiser


def test_it_is_the_exact_value_of_a_walk() -> None:
    value, _ = fitted()
    found = value(torch.arange(PLACES, dtype=torch.float32).unsqueeze(-1))
    np.testing.assert_allclose(found.numpy(), exact(), rtol=0.06)
    assert found.shape == (PLACES,)


def test_it_keeps_to_the_range_of_rewards() -> None:
    value, _ = fitted(200)
    far = value(torch.tensor([[-1e3], [1e3]]))
    assert ((far >= 0) & (far <= 1 / (1 - DISCOUNT) + 1e-5)).all()


def test_of_several_networks_the_least_counts() -> None:
    """Each is a value by itself; what they say of places far from all that was seen differs."""
    value, _ = fitted(100, members=3)
    far = torch.tensor([[[-40.0], [40.0]], [[60.0], [-60.0]]])
    alone = []
    for member in range(3):
        single, state = Value(1, DISCOUNT, torch.device("cpu")), value.state_dict()
        for part in ("parameters", "copy"):
            for name, found in state[part].items():  # matrices [V, N, O], biases [V, 1, O]
                state[part][name] = found[member] if name.startswith("matrix") else found[member, 0]
        single.load_state_dict(state)
        alone.append(single(far))
    assert value(far).shape == (2, 2)
    torch.testing.assert_close(value(far[0, 1]), value(far)[0, 1])
    torch.testing.assert_close(value(far), torch.stack(alone).amin(dim=0))
    assert (torch.stack(alone).amax(dim=0) - value(far)).max() > 0.1


def test_caution_pulls_down_what_was_not_seen_and_not_what_was() -> None:
    """Two places that lead to each other for ever; the box around them is twice as wide."""
    before, after = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [0.0]])
    steps = Steps(before, torch.ones(2), after, torch.zeros(2, dtype=torch.bool))
    values = []
    for caution in (0.0, 0.2):
        value = Value(1, DISCOUNT, torch.device("cpu"), caution=caution)
        value.start(torch.Generator().manual_seed(0))
        optimiser = Adam(value.parameters, 3e-3, 5.0)
        value.fit(steps, 1500, 64, optimiser, torch.Generator().manual_seed(1))
        values.append((value(before), value(torch.tensor([[-0.5], [1.5]]))))
    (seen, far), (seen_too, feared) = values
    best = 1 / (1 - DISCOUNT)
    assert (seen > 0.9 * best).all()
    assert (far > 0.8 * best).all()
    assert (seen_too > 0.6 * best).all()
    assert (feared < 0.4 * best).all()


def test_no_box_is_made_without_caution(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    box = value_module._box
    monkeypatch.setattr(value_module, "_box", lambda features: made.append(len(features)) or box(features))
    steps = Steps(torch.zeros(2, 1), torch.ones(2), torch.ones(2, 1), torch.zeros(2, dtype=torch.bool))
    for caution in (0.0, 0.1):
        value = Value(1, DISCOUNT, torch.device("cpu"), caution=caution)
        value.start(torch.Generator().manual_seed(0))
        value.fit(steps, 1, 4, Adam(value.parameters, 3e-3, 5.0), torch.Generator().manual_seed(1))
    assert made == [2]


@pytest.mark.parametrize("members", [1, 2])
def test_it_goes_on_to_the_bit(members: int) -> None:
    whole, optimiser = fitted(100, members)
    again = Value(1, DISCOUNT, torch.device("cpu"), members)
    again.load_state_dict(whole.state_dict())
    resumed = Adam(again.parameters, 1e-3, 5.0)
    resumed.load_state_dict(optimiser.state_dict())
    for value, steps in ((whole, optimiser), (again, resumed)):
        value.fit(walk(), 50, 64, steps, torch.Generator().manual_seed(2))
    seen = torch.linspace(-1, 5, 7).unsqueeze(-1)
    assert torch.equal(whole(seen), again(seen))
    with pytest.raises(Exception, match="matrix0"):
        Value(2, DISCOUNT, torch.device("cpu"), members).load_state_dict(whole.state_dict())


@pytest.mark.parametrize("most", [1, 4])
def test_it_looks_ahead_to_the_end_of_the_episode(most: int) -> None:
    """Against a plain loop: episodes that end, and one that is cut off without an end (from 7 to 9 there is a jump)."""
    before, after = [0.0, 1, 2, 3, 4, 5, 6, 9, 8, 7], [1.0, 2, 3, 4, 5, 6, 7, 8, 7, 6]
    ended = [False, False, True, False, False, False, False, False, False, True]
    reward = torch.arange(10.0)
    first, second = (torch.tensor(part).unsqueeze(-1) for part in (before, after))
    found = ahead(Steps(first, reward, second, torch.tensor(ended)), 0.9, most)
    for row in range(10):
        total, weight, at = 0.0, 1.0, row
        for _ in range(most):
            total, weight, last = total + weight * float(reward[at]), 0.9 * weight, at
            if ended[at] or at == 9 or after[at] != before[at + 1]:
                break
            at += 1
        assert float(found.total[row]) == pytest.approx(total)
        assert float(found.weight[row]) == pytest.approx(weight)
        assert (int(found.last[row]), bool(found.ended[row])) == (last, ended[last])
