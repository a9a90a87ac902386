"""The wall in front of every actuator: whatever comes, what leaves is finite and inside its limits."""

from __future__ import annotations

import math
import re
import warnings
from array import array
from collections import UserList, deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis.extra.numpy import array_shapes, arrays

from crl.safety.command_filter import Command, CommandFilter
from crl.types import ActionSpec
from tests.crl.safety.strangers import ERRORS, Raising

SPEC = ActionSpec(("a", "b", "c"), ("N", "m", "1"), (-1.0, 0.0, -0.1), (1.0, 0.5, 0.3))
SAFE = (0.0, 0.25, 0.1)
LOW, HIGH = np.array(SPEC.low, np.float32), np.array(SPEC.high, np.float32)

any_float = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
any_array = st.one_of(
    arrays(np.float32, 3, elements=st.floats(width=32)),
    arrays(np.float64, 3, elements=any_float),
    arrays(np.float64, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4), elements=any_float),
    arrays(np.int64, 3, elements=st.integers(-(2**62), 2**62)),
)
anything = st.one_of(
    any_array,
    st.none(),
    st.text(max_size=3),
    st.booleans(),
    st.complex_numbers(),
    st.lists(st.one_of(any_float, st.lists(any_float, max_size=3), st.none(), st.text(max_size=2)), max_size=4),
    st.dictionaries(st.text(max_size=2), any_float, max_size=2),
)


def leaves(command: Command) -> np.ndarray:
    """The action of a command, after the promise was checked."""
    assert command.action.shape == (3,)
    assert command.action.dtype == np.float32
    assert np.isfinite(command.action).all()
    assert (command.action >= LOW).all()
    assert (command.action <= HIGH).all()
    return command.action


@given(anything)
@example(np.array([1e300, 0.0, 0.0]))
@example([1.0, [2.0, 3.0], 4.0])
@example([1 + 1j, 0.0, 0.0])
@example(object())
def test_whatever_comes_what_leaves_is_finite_and_inside(wanted: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        leaves(CommandFilter(SPEC, SAFE)(wanted))


@given(arrays(np.float32, 3, elements=st.floats(width=32)))
def test_the_reason_is_given_exactly_when_something_was_changed(wanted: np.ndarray) -> None:
    command = CommandFilter(SPEC, SAFE)(wanted)
    action = leaves(command)
    if not np.isfinite(wanted).all():
        assert command.reason == "an action that is not finite"
        np.testing.assert_array_equal(action, np.array(SAFE, np.float32))
    elif (wanted >= LOW).all() and (wanted <= HIGH).all():
        assert command.reason is None
        np.testing.assert_array_equal(action, wanted)
    else:
        assert command.reason == "an action outside its limits"
        np.testing.assert_array_equal(action, np.clip(wanted, LOW, HIGH))


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (np.zeros(2, np.float32), r"shape \(2,\) instead of \(3,\)"),
        (np.zeros((1, 3), np.float32), r"shape \(1, 3\) instead of \(3,\)"),
        (np.float32(0), r"shape \(\) instead of \(3,\)"),
        ([1.0, math.nan, 0.0], "not finite"),
        ([1.0, math.inf, 0.0], "not finite"),
        ([1e300, 0.0, 0.0], "not finite"),
        (None, "not an array of numbers|shape"),
        ("stop", "not an array of numbers"),
        ([1.0, [2.0], 3.0], "not an array of numbers"),
        ([1.0, 2j, 3.0], "not an array of numbers"),
    ],
)
def test_what_makes_no_sense_becomes_the_safe_action_with_its_reason(wanted: Any, reason: str) -> None:
    command = CommandFilter(SPEC, SAFE)(wanted)
    np.testing.assert_array_equal(leaves(command), np.array(SAFE, np.float32))
    assert command.reason is not None
    assert re.search(reason, command.reason), command.reason


class Returning:
    """Says that it is an array, and gives something."""

    def __init__(self, made: Any) -> None:
        self.made = made

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        return self.made() if callable(self.made) else self.made


class Nested:
    """A sequence each of whose items is itself."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, at: int) -> Any:
        return self


class Endless(Nested):
    def __len__(self) -> int:
        return 2**62


class RaisingList(list[float]):
    def __getitem__(self, at: Any) -> Any:
        raise KeyError(at)


class RaisingFloat(float):
    def __float__(self) -> float:
        raise AttributeError("no number")


class Pretender:
    """Raises when it is asked for its class."""

    @property
    def __class__(self) -> Any:
        raise LookupError("no class")


def holding_itself(times: int) -> list[Any]:
    made: list[Any] = []
    made.extend([made] * times)
    return made


def deep(depth: int) -> list[Any]:
    made: list[Any] = [0.0]
    for _ in range(depth):
        made = [made, made, made]
    return made


HELD = np.array([0.5, 0.25, 0.125])
STRANGE: dict[str, Callable[[], Any]] = {
    "an array of objects": lambda: np.array([object()] * 3, dtype=object),
    "no array": lambda: Returning([0.0, 0.0, 0.0]),
    "an array that is none": lambda: Returning(lambda: Returning(None)),
    "an endless array": lambda: Returning(lambda: np.broadcast_to(np.float64(0.5), (2**40,))),
    "a wide array": lambda: np.broadcast_to(np.float64(0.5), (2**20, 2**20)),
    "a sequence of itself": Nested,
    "a list of itself": lambda: holding_itself(3),
    "a list of itself once": lambda: holding_itself(1),
    "a deep list": lambda: deep(60),
    "an endless sequence": Endless,
    "an endless range": lambda: range(10**15),
    "a list that raises": lambda: RaisingList([0.0, 0.0, 0.0]),
    "floats that raise": lambda: [RaisingFloat(0.0)] * 3,
    "something without a class": Pretender,
    "items without a class": lambda: [Pretender()] * 3,
    "huge integers": lambda: [10**400, 0, 0],
    "a class": lambda: Raising,
    "bytes": lambda: b"abc",
    "a mapping": lambda: {0: 0.0, 1: 0.1, 2: 0.2},
    "a generator": lambda: (0.0 for _ in range(3)),
    "a structured array": lambda: np.zeros(3, dtype=[("a", "f4")]),
    "times": lambda: np.zeros(3, dtype="datetime64[s]"),
}


def the_safe_action_leaves(wanted: Any) -> None:
    command = CommandFilter(SPEC, SAFE)(wanted)
    np.testing.assert_array_equal(leaves(command), np.array(SAFE, np.float32))
    assert command.replaced
    assert command.reason


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_whatever_an_action_raises_the_safe_action_leaves(error: BaseException) -> None:
    the_safe_action_leaves(Raising(error))
    the_safe_action_leaves([Raising(error)] * 3)
    the_safe_action_leaves([0.0, 0.0, Raising(error)])


@pytest.mark.parametrize("name", STRANGE)
def test_whatever_an_action_is_the_safe_action_leaves(name: str) -> None:
    the_safe_action_leaves(STRANGE[name]())


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1)], ids=["Ctrl-C", "exit"])
def test_what_ends_the_program_passes(end: BaseException) -> None:
    with pytest.raises(type(end)):
        CommandFilter(SPEC, SAFE)(Raising(end))


@pytest.mark.parametrize(
    "wanted",
    [
        [0.5, 0.25, 0.125],
        (0.5, 0.25, np.float32(0.125)),
        [torch.tensor(0.5), np.float64(0.25), np.array(0.125)],
        torch.tensor([0.5, 0.25, 0.125]),
        UserList([0.5, 0.25, 0.125]),
        deque([0.5, 0.25, 0.125]),
        array("d", [0.5, 0.25, 0.125]),
        memoryview(array("f", [0.5, 0.25, 0.125])),
        Returning(np.array([0.5, 0.25, 0.125])),
        np.array([0.5, 0.25, 0.125], np.float16),
        np.ma.MaskedArray([0.5, 0.25, 0.125]),
        SimpleNamespace(__array_interface__=HELD.__array_interface__),
    ],
    ids=lambda wanted: type(wanted).__name__,
)
def test_what_is_an_array_of_numbers_by_any_protocol_passes(wanted: Any) -> None:
    command = CommandFilter(SPEC, SAFE)(wanted)
    np.testing.assert_array_equal(leaves(command), np.array([0.5, 0.25, 0.125], np.float32))
    assert command.reason is None


@pytest.mark.parametrize("wanted", [[True, False, False], [1, 0, 0], range(1, -2, -1), np.array([True, False, False])])
def test_integers_and_truth_values_are_numbers(wanted: Any) -> None:
    assert not CommandFilter(SPEC, SAFE)(wanted).replaced


def test_a_command_is_nobody_elses_array() -> None:
    gate, wanted = CommandFilter(SPEC, SAFE), np.zeros(3, np.float32)
    first = gate(wanted)
    wanted[:] = 99.0
    leaves(first)
    for bad in (np.full(3, np.nan, np.float32), np.zeros(1, np.float32)):
        gate(bad).action[:] = 99.0
        np.testing.assert_array_equal(leaves(gate(bad)), np.array(SAFE, np.float32))


@pytest.mark.parametrize("safe", [(0.0, 0.25), (0.0,), (), (0.0, 0.25, math.nan), (0.0, 0.25, math.inf)])
def test_a_safe_action_that_is_none_is_refused(safe: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"the safe action .* must be 3 finite numbers"):
        CommandFilter(SPEC, safe)


def test_a_safe_action_outside_the_limits_is_brought_inside() -> None:
    command = CommandFilter(SPEC, (9.0, -9.0, 0.0))(np.full(3, np.nan, np.float32))
    np.testing.assert_array_equal(leaves(command), np.array([1.0, 0.0, 0.0], np.float32))
