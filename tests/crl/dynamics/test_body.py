"""A body without its map: what is taken off an observation and put back again is the observation."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.dynamics.body import Body
from crl.sequences import load_sequence
from crl.types import ActionSpec, ObservationField, ObservationSpec, SpecError, TaskSpec

BODIES = ["ugv_mission", "ugv_mission_husky", "quadrotor_mission", "quadrotor_mission_rates"]
SIZES = {
    # inputs beside the action, changes, elements of the command before
    "ugv_mission": (0, 3, 0),
    "ugv_mission_husky": (5, 6, 2),
    "quadrotor_mission": (12, 10, 4),
    "quadrotor_mission_rates": (13, 13, 4),
}
PUSH = ActionSpec(("push",), ("1",), (-1.0,), (1.0,))


def field(name: str, role: Any, kind: Any = "linear", **changes: Any) -> ObservationField:
    return ObservationField(name, "1", kind, role=role, **changes)


@pytest.fixture(scope="module", params=BODIES)
def flown(request: pytest.FixtureRequest) -> tuple[str, TaskSpec, Tensor, Tensor]:
    """A body's observations [N + 1, S] under smooth random commands [N, A], between two waypoints."""
    if request.param == "ugv_mission_husky":
        pytest.importorskip("pybullet")
    sequence = load_sequence(request.param)
    task, rng = sequence.spec(0), np.random.default_rng(1)
    low, high = np.array(task.action.low), np.array(task.action.high)
    safe = np.array(task.safe_action)
    with closing(sequence.make(0)) as env:
        seen, executed = [env.reset(seed=3)[0]], []
        push = np.zeros(task.action.size)
        for _ in range(40):
            push = 0.8 * push + 0.2 * rng.uniform(-1, 1, task.action.size)
            action = np.clip(safe + push * (high - low) / 2, low, high).astype(np.float32)
            after, _, terminated, truncated, info = env.step(action)
            assert not terminated
            assert not truncated
            executed.append(action)
            seen.append(after)
        assert info["reached"] <= 1
    reached = [float(o[-1]) for o in seen]
    first = max(i for i, value in enumerate(reached) if value == reached[i] and reached[: i + 1].count(value) == 1)
    return request.param, task, torch.from_numpy(np.array(seen[first:])), torch.from_numpy(np.array(executed[first:]))


def test_sizes_follow_from_the_roles(flown: tuple[str, TaskSpec, Tensor, Tensor]) -> None:
    name, task, _, _ = flown
    body = Body(task.observation, task.action)
    assert (body.features, body.changes, body.commands) == SIZES[name]
    assert body.scale_floor.shape == (body.changes,)
    assert body.dimensions == (2 if name.startswith("ugv") else 3)


def test_changes_put_together_are_what_was_observed(flown: tuple[str, TaskSpec, Tensor, Tensor]) -> None:
    """The reference is the simulator: all next observations come out of the first one and the changes."""
    _, task, seen, actions = flown
    body = Body(task.observation, task.action)
    assert len(seen) >= 20
    changes = body.change(seen[:-1], seen[1:])
    states = seen[1:, body.state]
    whole = body.assemble(seen[0], states.unsqueeze(0), changes.unsqueeze(0), actions.unsqueeze(0))[0]
    assert float((seen[1:] - seen[:-1]).abs().amax(dim=0).max()) > 0.01  # it moved
    different = whole - seen
    if body.heading is not None:
        different[:, body.heading] = torch.remainder(different[:, body.heading] + math.pi, 2 * math.pi) - math.pi
    assert float(different.abs().max()) < 2e-5
    torch.testing.assert_close(body.moved(seen[:-1, body.state], changes), states, rtol=0, atol=1e-5)


def test_one_step_at_a_time_gives_the_same(flown: tuple[str, TaskSpec, Tensor, Tensor]) -> None:
    _, task, seen, actions = flown
    body = Body(task.observation, task.action)
    for step in range(8):
        change = body.change(seen[step], seen[step + 1])
        state = body.moved(seen[step, body.state], change)
        after = body.assemble(seen[step], state.view(1, 1, -1), change.view(1, 1, -1), actions[step].view(1, 1, -1))
        torch.testing.assert_close(after[0, 0], seen[step], rtol=0, atol=0)
        torch.testing.assert_close(after[0, 1], seen[step + 1], rtol=0, atol=1e-5)


@pytest.mark.parametrize("angle", [-2.5, 0.4, 3.0])
def test_a_change_knows_neither_place_nor_direction(flown: tuple[str, TaskSpec, Tensor, Tensor], angle: float) -> None:
    _, task, seen, _ = flown
    body = Body(task.observation, task.action)
    moved = seen.clone()
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y = seen[:, body.position[0]], seen[:, body.position[1]]
    moved[:, body.position[0]] = cosine * x - sine * y + 7.0
    moved[:, body.position[1]] = sine * x + cosine * y - 3.0
    assert body.heading is not None
    moved[:, body.heading] = torch.remainder(seen[:, body.heading] + angle + math.pi, 2 * math.pi) - math.pi
    torch.testing.assert_close(body.encode(moved), body.encode(seen), rtol=0, atol=0)
    torch.testing.assert_close(body.change(moved[:-1], moved[1:]), body.change(seen[:-1], seen[1:]), rtol=0, atol=2e-5)


def test_a_heading_that_wraps_turns_by_little() -> None:
    body = Body(
        ObservationSpec((field("x", "position"), field("y", "position"), field("yaw", "heading", "angle"))), PUSH
    )
    before, after = torch.tensor([0.0, 0.0, 3.1]), torch.tensor([-0.1, 0.0, -3.1])
    change = body.change(before, after)
    assert float(change[2]) == pytest.approx(2 * math.pi - 6.2, abs=1e-5)
    assert float(change[0]) == pytest.approx(0.1 * math.cos(3.1 - math.pi), abs=1e-6)  # it drove ahead
    back = body.assemble(before, torch.zeros(1, 1, 0), change.view(1, 1, -1), torch.zeros(1, 1, 1))[0, 1]
    torch.testing.assert_close(back, after, rtol=0, atol=1e-5)


def test_angles_of_the_state_wrap_and_bounds_hold() -> None:
    spec = ObservationSpec(
        (
            field("x", "position"),
            field("y", "position"),
            field("lean", "state", "angle"),
            field("pace", "velocity", low=-1.0, high=2.0),
        )
    )
    body = Body(spec, PUSH)
    assert body.heading is None
    assert body.features == 3  # cosine, sine and the pace
    before, after = torch.tensor([0.0, 0.0, -3.0, 1.9]), torch.tensor([0.5, 0.0, 3.0, 1.0])
    change = body.change(before, after)
    torch.testing.assert_close(change, torch.tensor([0.5, 0.0, 6.0 - 2 * math.pi, -0.9]), rtol=0, atol=1e-5)
    torch.testing.assert_close(body.wrapped(body.moved(before[2:], change)), after[2:], rtol=0, atol=1e-5)
    far = body.moved(torch.tensor([0.0, 1.9]), torch.tensor([0.0, 0.0, 0.0, 5.0]))
    assert float(far[1]) == 2.0
    # Without a heading there are no axes but the map's.
    torch.testing.assert_close(body.to_map(change, torch.tensor(1.0)), change)


@pytest.mark.parametrize("heading", [-3.0, 0.0, 1.2])
def test_level_vectors_turn_to_the_map_and_back(heading: float) -> None:
    fields = [field(axis, "position") for axis in "xyz"] + [field("yaw", "heading", "angle")]
    fields += [field(f"v{axis}", "velocity") for axis in "xyz"]
    body = Body(ObservationSpec(tuple(fields)), PUSH)
    assert body.level == [(0, 1), (4, 5)]
    change = torch.tensor([1.0, 0.0, 0.3, 0.2, 0.0, 2.0, -0.7])
    turned = body.to_map(change, torch.tensor(heading))
    cosine, sine = math.cos(heading), math.sin(heading)
    expected = torch.tensor([cosine, sine, 0.3, 0.2, -2 * sine, 2 * cosine, -0.7])
    torch.testing.assert_close(turned, expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(body.to_map(turned, torch.tensor(-heading)), change, rtol=0, atol=1e-6)


def _bad() -> Iterator[tuple[list[ObservationField], str]]:
    flat = [field("x", "position"), field("y", "position")]
    yield [field("x", "state"), field("v", "velocity")], r"role 'position'.*has 0\n.*roles.*refiner=off"
    yield [field("x", "position"), field("h", "heading")], "a body on a line has no heading"
    yield [*flat, *(field(axis, "position") for axis in "zw")], "the observation has 4"
    yield [*flat, field("pose", "state", "quaternion")], r"'pose' is a quaternion.*\n.*angles or as a direction"
    yield [*flat, field("goal_x", "goal")], r"1 goal coordinates in 2 dimensions.*\n.*all coordinates"
    yield [*flat, field("a", "command"), field("b", "command")], r"2 elements of the command before with 1 actions"


@pytest.mark.parametrize(("fields", "complaint"), list(_bad()))
def test_fields_without_a_use_are_refused_with_the_hint(fields: list[ObservationField], complaint: str) -> None:
    with pytest.raises(SpecError) as caught:
        Body(ObservationSpec(tuple(fields)), PUSH)
    assert re.search(complaint, str(caught.value), re.DOTALL), str(caught.value)


def test_a_body_on_a_rail_moves_along_it_and_its_goal_the_other_way() -> None:
    spec = ObservationSpec((field("x", "position"), field("goal", "goal"), field("v", "velocity"), field("a", "state")))
    body = Body(spec, PUSH)
    before, after = torch.tensor([1.0, 0.5, 0.2, 0.1]), torch.tensor([1.25, 0.25, 0.3, 0.0])
    change = body.change(before, after)
    torch.testing.assert_close(change, torch.tensor([0.25, 0.1, -0.1]))
    torch.testing.assert_close(body.apply(before, change, torch.zeros(1)), after)
    torch.testing.assert_close(body.encode(before), torch.tensor([0.2, 0.1]))  # not where it is, nor where it heads


def test_events_are_those_of_the_fields() -> None:
    spec = ObservationSpec(
        (field("x", "position", event=0.001), field("goal", "goal", event=0.5), field("rate", "state", event=2.0))
    )
    assert Body(spec, PUSH).event.tolist() == pytest.approx([0.001, 2.0])
    plain = ObservationSpec((field("x", "position"), field("goal", "goal"), field("rate", "state")))
    assert Body(plain, PUSH).event.tolist() == [math.inf, math.inf]
