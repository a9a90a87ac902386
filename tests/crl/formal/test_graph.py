"""The graph machinery: numbering, products deep and shallow, limits."""

from __future__ import annotations

import numpy as np
import pytest

from crl.formal import (
    FiniteAgent,
    FiniteEnvironment,
    Interface,
    Limits,
    TooLarge,
    fixed_policy,
    following,
    generates,
    reach,
)
from crl.formal.graph import LabelledGraph, cyclic, longest_path
from crl.formal.interning import Interner


def test_the_interner_numbers_keys_in_the_order_of_arrival() -> None:
    rng = np.random.default_rng(0)
    interner = Interner()
    known: dict[int, int] = {}
    for _ in range(60):
        # Regular keys, and far ones, as products make them.
        keys = np.unique(rng.integers(0, 3_000, size=400) * int(rng.choice([1, 1 << 20, 1 << 50])))
        numbers, fresh = interner.add(keys)
        assert fresh.tolist() == [key not in known for key in keys.tolist()]
        for key in keys.tolist():
            known.setdefault(key, len(known))
        assert numbers.tolist() == [known[key] for key in keys.tolist()]
    assert interner.count == len(known)


def graph(edges: list[tuple[int, int]], nodes: int) -> LabelledGraph:
    source = np.array([s for s, _ in sorted(edges)])
    target = np.array([t for _, t in sorted(edges)], dtype=np.int64)
    return LabelledGraph(np.searchsorted(source, np.arange(nodes + 1)), np.arange(len(edges)), target, np.array([0]))


def test_cycles_and_longest_paths() -> None:
    straight = graph([(0, 1), (0, 2), (1, 2), (2, 3)], 4)
    assert not cyclic(straight)[0].any()
    assert longest_path(straight, 10) == 4
    assert longest_path(straight, 4) == 4
    assert longest_path(straight, 3) is None
    looped = graph([(0, 1), (1, 2), (2, 1), (2, 3), (3, 3)], 4)
    assert cyclic(looped)[0].tolist() == [False, True, True, True]
    assert looped.path(0, 3) == (0, 1, 3)
    assert looped.can_reach(np.array([False, True, False, False])).tolist() == [True, True, True, False]


def counters(first: int, second: int) -> tuple[FiniteEnvironment, FiniteAgent]:
    """Two clocks; the product is one ring, as long as the product of coprime periods."""
    here = np.arange(first)
    environment = FiniteEnvironment.from_branches(
        Interface(("tick",), ("tock",)),
        here,
        here * 0,
        (here + 1) % first,
        here * 0,
        np.ones(first),
        np.eye(1, first)[0],
    )
    update = ((np.arange(second) + 1) % second)[:, None, None]
    return environment, FiniteAgent("clock", environment.interface, np.ones((second, 1)), update)


def test_deep_products_are_found_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    environment, clock = counters(64, 63)
    assert following.DEEP < 64 * 63, "the ring is deep"
    deep = reach(clock, [fixed_policy(environment.interface, "tick")], environment)
    assert deep.always.states == 64 * 63
    monkeypatch.setattr(following, "DEEP", 10**9)
    layered = reach(clock, [fixed_policy(environment.interface, "tick")], environment)
    for name in ("first", "label", "target", "roots"):
        assert np.array_equal(getattr(deep.product.graph, name), getattr(layered.product.graph, name))
    for mine, other in zip(deep.product.memories, layered.product.memories, strict=True):
        assert np.array_equal(mine, other)


def test_all_at_once_is_the_same_as_by_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.crl.formal.test_brute_force import compare_many

    monkeypatch.setattr(following, "DEEP", 1)
    compare_many(seed=5, number=50)


def test_limits_are_stated_and_refuse_clearly() -> None:
    environment, clock = counters(32, 31)
    basis = [fixed_policy(environment.interface, "tick")]
    with pytest.raises(TooLarge, match=r"more than 100 states: \d+ were found.*\n.*raise the limit \(states: "):
        reach(clock, basis, environment, Limits(states=100))
    with pytest.raises(TooLarge, match="more than 50 edges"):
        reach(clock, basis, environment, Limits(edges=50))
    with pytest.raises(TooLarge, match="more than 10 states"):
        generates(basis, clock, limits=Limits(states=10))


def test_subset_construction_has_a_limit_of_its_own() -> None:
    """The n-th last of a row of coin tosses decides, and nothing shows it: 2^n sets of states."""
    bits = 8
    here = np.arange(1 << bits)
    source = np.repeat(here, 2)
    target = np.stack([here << 1, (here << 1) | 1], axis=1).ravel() % (1 << bits)
    toss, hidden = target & 1, (source >> (bits - 1)) & 1
    observation = np.where(toss == 1, hidden, 0)
    environment = FiniteEnvironment.from_branches(
        Interface.sized(1, 2),
        source,
        source * 0,
        target,
        observation,
        np.full(len(source), 0.5),
        np.eye(1, 1 << bits)[0],
    )
    agent = fixed_policy(environment.interface, "a0")
    with pytest.raises(TooLarge, match=r"observations do not tell.*more than 5 different sets.*\n.*beliefs: "):
        reach(agent, [agent], environment, Limits(beliefs=5))
    assert reach(agent, [agent], environment).always
