"""The wall in front of every actuator: whatever comes, what leaves is finite and inside its limits."""

from __future__ import annotations

import math
import re
import warnings
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis.extra.numpy import array_shapes, arrays

from crl.safety.command_filter import Command, CommandFilter
from crl.types import ActionSpec

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
