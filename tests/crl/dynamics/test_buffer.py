"""The buffer and what is drawn from it."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from crl.dynamics.buffer import Buffer, WindowSampler
from crl.types import Transition
from tests.crl.states import differences


def filled(lengths: list[int]) -> Buffer:
    """Episodes of given lengths; the observation is (row, episode), the next one (row + 1, episode)."""
    buffer, row = Buffer(2, 1), 0
    for episode, length in enumerate(lengths):
        for step in range(length):
            before, after = (np.array([n, episode], np.float32) for n in (row, row + 1))
            planned, executed = np.array([-7.0], np.float32), np.array([row / 2], np.float32)
            buffer.add(
                Transition(0, before, planned, planned, executed, row * 3.0, after, step == 0, step + 1 == length)
            )
            row += 1
    return buffer


def sampler(buffer: Buffer, length: int = 1, at: tuple[int, ...] = (), **shares: float) -> WindowSampler:
    """A sampler of a buffer with events at some rows."""
    return WindowSampler(buffer, torch.isin(torch.arange(len(buffer)), torch.tensor(at)), length=length, **shares)


def test_rows_are_what_was_added_and_actions_are_the_executed_ones() -> None:
    observation, action, after = filled([3, 2]).tensors()
    np.testing.assert_array_equal(observation, [[0, 0], [1, 0], [2, 0], [3, 1], [4, 1]])
    np.testing.assert_array_equal(action, np.arange(5)[:, None] / 2)
    np.testing.assert_array_equal(after[:, 0], [1, 2, 3, 4, 5])


def test_it_grows_beyond_its_capacity_without_losing_a_row() -> None:
    buffer = filled([700, 700, 1700])
    observation, action, after = buffer.tensors()
    assert len(buffer) == 3100
    np.testing.assert_array_equal(observation[:, 0], np.arange(3100))
    np.testing.assert_array_equal(action[:, 0], np.arange(3100) / 2)
    np.testing.assert_array_equal(after[:, 0], np.arange(1, 3101))
    np.testing.assert_array_equal(buffer.column("reward"), np.arange(3100) * 3.0)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(1, 4))
def test_windows_never_cross_an_episode(lengths: list[int], length: int) -> None:
    buffer = filled(lengths)
    windows = sum(max(0, n - length + 1) for n in lengths)
    assert len(buffer.starts(length)) == windows
    if windows == 0:
        with pytest.raises(ValueError, match=f"no window of {length} steps lies within one episode"):
            sampler(buffer, length)
        return
    drawn = sampler(buffer, length).draw(64, torch.Generator().manual_seed(0))
    assert drawn.observation.shape == (64, 2)
    assert drawn.actions.shape == (length, 64, 1)
    assert drawn.next_observations.shape == (length, 64, 2)
    rows, episodes = drawn.observation.T
    for step in range(length):
        # Each step follows the one before, in the same episode, with the action that was executed there.
        np.testing.assert_array_equal(drawn.next_observations[step, :, 0], rows + step + 1)
        np.testing.assert_array_equal(drawn.next_observations[step, :, 1], episodes)
        np.testing.assert_array_equal(drawn.actions[step, :, 0], (rows + step) / 2)


def test_every_window_can_be_drawn() -> None:
    drawn = sampler(filled([3, 4, 2]), 2).draw(500, torch.Generator().manual_seed(0))
    assert set(drawn.observation[:, 0].tolist()) == {0, 1, 3, 4, 5, 7}


@pytest.mark.parametrize(
    ("recent", "events"), [(0.0, 0.0), (0.25, 0.0), (0.0, 0.5), (0.2, 0.3), (0.5, 0.5), (0.0, 1.0)]
)
@pytest.mark.parametrize("count", [1, 7, 128, 1000])
def test_shares_are_honoured(recent: float, events: float, count: int) -> None:
    buffer = filled([5000])
    draws = sampler(buffer, 3, (17,), recent=recent, recent_window=10, events=events)
    rows = draws.draw(count, torch.Generator().manual_seed(0)).observation[:, 0].numpy()
    assert len(rows) == count
    # Uniform draws hit these few rows once in a while.
    stray = 5 + 0.01 * count
    assert np.isin(rows, range(4990, 4998)).sum() == pytest.approx(recent * count, abs=1 + stray * (recent < 1))
    assert np.isin(rows, [15, 16, 17]).sum() == pytest.approx(events * count, abs=1 + stray * (events < 1))
    if events == 1:
        assert np.isin(rows, [15, 16, 17]).all()


def test_without_events_or_anything_new_the_shares_are_uniform() -> None:
    rows = sampler(filled([100]), 3, recent=0.5, recent_window=2, events=0.5).draw(
        2000, torch.Generator().manual_seed(0)
    )
    assert len(rows.observation[:, 0].unique()) == 98


def test_an_event_counts_at_any_step_of_a_window() -> None:
    rows = sampler(filled([20, 20]), 3, (0, 20, 39), events=1.0).draw(300, torch.Generator().manual_seed(0))
    assert set(rows.observation[:, 0].tolist()) == {0, 20, 37}


def test_the_generator_alone_decides() -> None:
    draws = sampler(filled([50]), 2, (3,), recent=0.2, events=0.3)
    one, same, other = (draws.draw(32, torch.Generator().manual_seed(s)).observation for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("lengths", [[], [3, 4], [1024], [1500, 700]])
def test_a_restored_buffer_goes_on_as_if_nothing_had_happened(lengths: list[int]) -> None:
    buffer, restored = filled(lengths), filled([5, 6, 7])
    state = buffer.state_dict()
    restored.load_state_dict(state)
    assert not differences(restored.state_dict(), state)
    extra = Transition(0, *[np.zeros(n, np.float32) for n in (2, 1, 1, 1)], 1.0, np.ones(2, np.float32), True, True)
    for one in (buffer, restored):
        one.add(extra)
        one.add(extra)
    assert not differences(restored.state_dict(), buffer.state_dict())
    assert len(state["reward"]) == sum(lengths)  # a copy, not a view
    np.testing.assert_array_equal(restored.starts(2), buffer.starts(2))
