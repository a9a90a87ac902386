"""One mission: what its record counts, who is told what, and when it is given up. The simulator is a script."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.adaptation.tracking.regime import Regime
from crl.config import Config
from crl.errors import CrlError
from crl.sequences import MissionEntry, load_sequence
from crl.training.missions.flying import SETTLED, STANDING, Flight, fly, mission_sequence, summarise
from crl.types import Array, TaskSpec
from tests import tiny_missions
from tests.tiny import Puppet

TASK = load_sequence("tests.tiny_missions:UGV").spec(0)
WAYPOINTS = 4


class Script:
    """A robot that drives along x at its commanded speed; the fault is on in given steps, a step is 0.2 s.

    Args:
        faulty: Steps in which the fault is on.
        reach: Steps after which a waypoint counts as reached.
        crash: Step after which it crashes.
        nan: Step after which the observation is not finite.
        steps: Steps until the mission is truncated.
    """

    def __init__(
        self,
        faulty: range = range(0),
        reach: tuple[int, ...] = (),
        crash: int | None = None,
        nan: int | None = None,
        steps: int = 30,
    ) -> None:
        self.faulty, self.reach, self.crash, self.nan, self.last = faulty, reach, crash, nan, steps
        self.origin = np.array([10.0, 20.0])
        points = np.arange(2.0 * WAYPOINTS).reshape(WAYPOINTS, 2)
        self.progress = SimpleNamespace(mission=SimpleNamespace(points=points))
        self.asked: list[int] = []
        self.executed: list[Array] = []
        self.unwrapped = self

    def command_effect(self) -> tuple[list[list[float]], list[float]]:
        self.asked.append(self.steps)
        gain = -2.0 if self.steps in self.faulty else 1.0
        return [[gain, 0.0], [0.0, 1.0]], [0.0, 0.0]

    def reset(self, seed: int) -> tuple[Array, dict[str, Any]]:
        self.seed, self.steps, self.x = seed, 0, 0.0
        return self._observe(), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        self.executed.append(action)
        self.x += 0.2 * float(action[0])
        self.steps += 1
        info = self._info()
        if self.steps == self.crash:
            info["crash"] = "hit a tree"
        ended = info["is_success"] or "crash" in info
        observation = self._observe()
        if self.steps == self.nan:
            observation[0] = np.nan
            info["fault"] = "the simulator diverged"
        return observation, 0.0, ended, self.steps >= self.last, info

    def _reached(self) -> int:
        return sum(self.steps >= at for at in self.reach)

    def _observe(self) -> Array:
        goal = 100.0 - self.x
        return np.array([self.x, 0, 0, goal, 0, goal + 1, 0, -1, 0, self._reached() / WAYPOINTS], np.float32)

    def _info(self) -> dict[str, Any]:
        return {
            "reached": self._reached(),
            "waypoints": WAYPOINTS,
            "fault_active": self.steps in self.faulty,
            "is_success": self._reached() == WAYPOINTS,
            "cross_track": float(self.steps),
            "position": np.array([self.x, 0.0]) + self.origin,
        }


class Tracking(Refiner):
    """A refiner whose regime is a script: on (active), or off nominal, in given steps, alarms after given ones."""

    tracks = True

    def __init__(self, active: range, alarms: tuple[int, ...], off: range | None = None) -> None:
        super().__init__(TASK.action)
        self.active, self.alarms, self.off = active, alarms, active if off is None else off
        self.seen = 0

    def refine(self, planned: Array) -> Array:
        return planned

    @property
    def regime(self) -> Regime:
        changes = sum(self.seen >= at for at in self.alarms)
        return Regime(self.seen in self.active, torch.zeros(2), 1.0, changes, off=self.seen in self.off)


class Pilot(Puppet):
    """Drives ahead; counts observed steps for its scripted refiner."""

    def __init__(self, refiner: Any = None, speed: float = 1.0) -> None:
        super().__init__(lambda pilot: [speed, 0.0])
        self.own = refiner or NoRefiner(TASK.action)

    @property
    def refiner(self) -> Refiner:
        return self.own

    def observe(self, transition: Any) -> None:
        super().observe(transition)
        if isinstance(self.own, Tracking):
            self.own.seen += 1


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return tiny_missions.settings(tmp_path, "refiner=afm", "missions.patience=1000")


def flown(config: Config, env: Script, agent: Puppet | None = None, *, faulty: bool = True) -> Flight:
    return fly(agent or Pilot(), env, TASK, 7, config, faulty=faulty)  # type: ignore[arg-type]


def test_a_completed_mission_is_counted(config: Config) -> None:
    env, agent = Script(range(4, 9), reach=(3, 6, 9, 12)), Pilot()
    record = flown(config, env, agent).record
    assert (record["completed"], record["reached"], record["waypoints"]) == (True, 4, WAYPOINTS)
    assert (record["steps"], record["reached_fraction"], record["seed"]) == (12, 1.0, 7)
    assert record["seconds"] == pytest.approx(12 * TASK.control_period)
    assert (record["crash"], record["given_up"], record["beyond"]) == (None, False, 0.0)
    assert (record["fault_came"], record["fault_went"]) == (4, 9)
    # Step n ends n steps beside the way, by the script: 5 to 9 under the fault.
    assert record["cross_track"] == pytest.approx(np.mean(range(1, 13)))
    assert record["cross_track_fault"] == pytest.approx(np.mean(range(5, 10)))
    assert record["cross_track_after"] == pytest.approx(np.mean(range(10, 13)))
    assert env.seed == 7
    assert agent.begun == [(TASK.name, 7, False)]
    assert len(agent.seen) == len(agent.budgets) == 12
    assert [t.first for t in agent.seen] == [True] + 11 * [False]
    assert [t.last for t in agent.seen] == 11 * [False] + [True]
    assert all(budget.steps == 1 and not budget.closing for budget in agent.budgets)


def test_the_path_and_the_waypoints_are_those_of_the_map(config: Config) -> None:
    env = Script(steps=5)
    flight = flown(config, env)
    assert flight.path.shape == (6, 2)
    np.testing.assert_allclose(flight.path[:, 0], 10 + 0.2 * np.arange(6), rtol=1e-6)
    np.testing.assert_allclose(flight.waypoints, env.progress.mission.points + env.origin)
    assert not flight.record["completed"]
    assert flight.record["steps"] == 5


@pytest.mark.parametrize(("found", "expected"), [(5, 1), (8, 4)])
def test_steps_to_identify_count_from_the_first_step_under_the_fault(config: Config, found: int, expected: int) -> None:
    refiner = Tracking(range(found, 12), (found, 12))
    record = flown(config, Script(range(4, 10), steps=40), Pilot(refiner)).record
    assert record["fault_came"] == 4
    assert record["steps_to_identify"] == expected
    assert record["fault_went"] == 10
    assert record["steps_to_clear"] == 2
    assert (record["alarms"], record["false_alarms"]) == (2, 0)


def test_a_body_is_clear_when_it_is_taken_for_nominal_not_when_its_context_is_given_up(config: Config) -> None:
    refiner = Tracking(range(5, 12), (5, 12), off=range(5, 17))
    record = flown(config, Script(range(4, 10), steps=40), Pilot(refiner)).record
    assert record["steps_to_clear"] == 7


def test_a_fault_that_is_not_found_has_no_such_number(config: Config) -> None:
    record = flown(config, Script(range(4, 10)), Pilot(Tracking(range(0), ()))).record
    assert record["steps_to_identify"] is None
    assert record["alarms"] == 0


def test_false_alarms_are_those_of_a_nominal_body_that_has_settled(config: Config) -> None:
    after = 10 + SETTLED
    refiner = Tracking(range(0), (2, 6, 12, after + 5, after + 9), off=range(after + 9))
    record = flown(config, Script(range(4, 10), steps=60), Pilot(refiner)).record
    # 2: before the fault. 6: under it. 12: while it settles. Then one long after it, and the end of that error.
    assert record["alarms"] == 5
    assert record["false_alarms"] == 2
    assert record["nominal_steps"] == 4 + (60 - 10 - SETTLED)


def test_a_mission_without_a_fault_has_nothing_but_false_alarms(config: Config) -> None:
    refiner = Tracking(range(0), (2, 6, 12), off=range(20))
    record = flown(config, Script(range(4, 10), steps=20), Pilot(refiner), faulty=False).record
    assert (record["false_alarms"], record["nominal_steps"]) == (3, 20)
    assert record["fault_came"] is None


def test_the_oracle_is_told_before_every_step_and_nobody_else(config: Config) -> None:
    oracle = OracleRefiner(TASK.action)
    told: list[float] = []

    def tell(gains: torch.Tensor, bias: torch.Tensor | None = None) -> None:
        told.append(float(gains[0, 0]))
        OracleRefiner.tell(oracle, gains, bias)

    oracle.tell = tell  # type: ignore[method-assign]
    env = Script(range(4, 6), steps=8)
    flown(config, env, Pilot(oracle))
    assert told == [1, 1, 1, 1, -2, -2, 1, 1]
    assert env.asked == list(range(8))
    other = Script(range(4, 6), steps=8)
    flown(config, other, Pilot(Tracking(range(0), ())))
    flown(config, other, Pilot())
    assert other.asked == []


def test_a_crash_ends_it_and_says_why(config: Config) -> None:
    record = flown(config, Script(crash=6, reach=(3,))).record
    assert (record["crash"], record["steps"], record["completed"], record["reached"]) == ("hit a tree", 6, False, 1)


def test_a_simulator_that_diverges_ends_it_and_the_agent_never_sees_that_step(config: Config) -> None:
    agent = Pilot()
    record = flown(config, Script(nan=5), agent).record
    assert record["crash"] == "the simulator diverged"
    assert record["steps"] == 5
    assert len(agent.seen) == 4


# ---------------------------------------------------------------------- patience
def test_off_nominal_without_a_way_made_it_is_given_up(tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none", "missions.patience=2")  # 10 steps
    env = Script(range(3, 1000), steps=500)
    record = flown(config, env, Pilot(speed=-1.0)).record
    assert record["given_up"]
    assert record["stopped"] == "no way towards the goal for 2 s"
    assert not record["completed"]
    # It drives away: ten steps without a way, then the safe action until it has stood long enough.
    moved = [bool(action.any()) for action in env.executed]
    given_up = moved.index(False)
    assert 10 <= given_up <= 16
    assert not any(moved[given_up:])
    assert record["steps"] == given_up + STANDING


@pytest.mark.parametrize("case", ["forward", "nominal", "waypoints"])
def test_who_makes_way_or_is_nominal_is_not_given_up(tmp_path: Path, case: str) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none", "missions.patience=2")
    faulty = range(0) if case == "nominal" else range(3, 1000)
    reach = (9, 18, 27) if case == "waypoints" else ()
    env = Script(faulty, reach=reach, steps=33)
    record = flown(config, env, Pilot(speed=1.0 if case == "forward" else -1.0)).record
    assert not record["given_up"]
    assert record["steps"] == 33
    assert all(action.any() for action in env.executed)


@pytest.mark.parametrize("faulty", [range(0), range(3, 1000)], ids=["nominal", "faulty"])
def test_who_goes_away_from_the_goal_is_stopped_whatever_is_believed(tmp_path: Path, faulty: range) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none", "missions.departure=4")  # 20 steps
    env = Script(faulty, steps=500)
    record = flown(config, env, Pilot(speed=-1.0)).record
    assert record["given_up"]
    assert "the distance to the goal has grown for 4 s" in record["stopped"]
    moved = [bool(action.any()) for action in env.executed]
    assert 20 <= moved.index(False) <= 24
    assert not any(moved[moved.index(False) :])


# ---------------------------------------------------------------------- limits
def test_commands_are_clipped_unless_they_may_go_beyond(tmp_path: Path) -> None:
    for overrides, most, beyond in (
        (("refiner.clipped=true",), 1.0, 0.0),
        (("refiner.clipped=false", "flow.field.box_scale=3"), 3.0, 1.0),
    ):
        config = tiny_missions.settings(tmp_path, "refiner=afm", *overrides)
        env = Script(steps=4)
        record = flown(config, env, Pilot(speed=9.0)).record
        assert float(np.abs(env.executed).max()) == most
        assert record["beyond"] == beyond


def test_what_is_not_finite_is_not_executed(config: Config) -> None:
    env = Script(steps=4)
    flown(config, env, Pilot(speed=np.nan))
    np.testing.assert_array_equal(env.executed, np.tile(np.array(TASK.safe_action, np.float32), (4, 1)))


# ---------------------------------------------------------------------- which missions
def test_missions_are_the_first_task_with_each_fault_on_a_schedule(config: Config) -> None:
    sequence = mission_sequence(config, load_sequence(config.env.name))
    assert [task.name for task in sequence.tasks] == ["nominal", "gain_-1_1"]
    for task, fault in zip(sequence.tasks, ({}, {"gain": [-1, 1]}), strict=True):
        assert task.kwargs["fault"] == fault
        assert (task.kwargs["inject"], task.kwargs["remove"]) == (0.3, 0.8)
        assert task.kwargs["episode_steps"] == 150
        assert task.kwargs["waypoints"] == config.missions.waypoints
        assert "clipped" not in task.kwargs
    spec: TaskSpec = sequence.spec(1)
    assert spec.episode_steps == 150


def test_others_may_be_chosen_and_the_sequences_own_map_kept(tmp_path: Path) -> None:
    config = tiny_missions.settings(
        tmp_path, "refiner=afm", "missions.waypoints=null", "missions.steps=null", "refiner.clipped=false"
    )
    entry = MissionEntry("mine", "given", {"gain": [2, 2]})
    sequence = mission_sequence(config, load_sequence(config.env.name), [entry])
    (task,) = sequence.tasks
    assert "waypoints" not in task.kwargs
    assert task.kwargs["episode_steps"] == 120
    assert task.kwargs["clipped"] is False
    sequence.make(0).close()


def test_a_sequence_without_missions_is_refused_with_the_hint(config: Config) -> None:
    with pytest.raises(CrlError, match=r"small_ugv has no missions\nuse env=ugv_mission.*refiner=off"):
        mission_sequence(config, load_sequence("tests.tiny_missions:NO_MISSIONS"))


def test_milliseconds_are_summarised_by_phase_and_step() -> None:
    found = summarise({"plan": [1.0, 2.0, 6.0], "learn": [1.0, 1.0, 1.0], "refine": [5.0], "identify": []}, 3)
    assert set(found) == {"plan", "learn", "refine", "step"}
    assert found["plan"]["median"] == 2.0
    assert found["plan"]["p99"] == pytest.approx(np.percentile([1, 2, 6], 99))
    assert found["step"]["median"] == 3.0  # of the phases that every step has
    assert summarise({}, 3) == {}
