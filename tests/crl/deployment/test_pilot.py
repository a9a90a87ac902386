"""The pilot drives as the agent does, takes weights over while it drives, and never waits for its learner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.adaptation.refiners.flow import FlowRefiner
from crl.deployment.load import load_deployment
from crl.deployment.pilot import Pilot
from crl.seeding import derive
from crl.types import Transition
from tests.crl.deployment.driving import Drive, descriptors, ended, piloting, unicycle, wait


def test_without_learning_it_is_the_agent(exported: Path) -> None:
    """Same commands, to the bit, as the agent itself gives in a mission with a fault."""
    with piloting(exported, learn=False, seed=7) as pilot, unicycle(exported) as env:
        deployment = load_deployment(exported)
        deployment.config.refiner.online = False
        agent, _ = deployment.make_agent()
        drive = Drive(pilot, env)
        agent.begin(deployment.task, derive(7, "pilot", 1) % 2**31, False)
        seen = set()
        for number in range(90):
            before = drive.observation
            decision = agent.act(before)
            executed = drive.step()
            np.testing.assert_array_equal(executed, decision.action)
            agent.observe(
                Transition(0, before, decision.planned, executed, executed, 0.0, drive.observation, number == 0, False)
            )
            seen.add(pilot.status()["regime"])
            if drive.missions > 1:
                break
        assert seen >= {"nominal", "identified"}
        status = pilot.status()
        assert (status["learning"], status["learner_alive"], status["weights_version"]) == (False, False, 0)
        assert pilot.learner_pid is None
        assert status["transitions"] == drive.steps > 20


def test_late_commands_are_told_from_what_nothing_explains(exported: Path) -> None:
    with piloting(exported, learn=False) as pilot, unicycle(exported) as env:
        Drive(pilot, env).step()
        assert (pilot.status()["regime"], pilot.status()["delay"]) == ("nominal", 0)
        refiner = pilot.agent.refiner
        assert isinstance(refiner, FlowRefiner)
        nominal = refiner.flow.identifier.nominal
        fault = {"kind": "faulty", "context": nominal, "confidence": 1.0, "information": None, "proof": 0.0}
        for delay, said, regime in (
            (2, {"kind": "delayed", "steps": 2, "proof": 0.0}, "late"),
            (0, fault, "unexplained"),
        ):
            state = refiner.tracker.state_dict()
            state["belief"] |= {"hypothesis": said, "explains": delay > 0}
            refiner.tracker.load_state_dict(state)
            assert (pilot.status()["regime"], pilot.status()["delay"]) == (regime, delay)


def test_one_that_goes_away_from_its_goal_stands_and_says_so_until_the_next_mission(exported: Path) -> None:
    with piloting(exported, learn=False) as pilot:
        task = pilot.deployment.task
        at = [
            where
            for field, where in zip(task.observation.fields, task.observation.offsets(), strict=True)
            if field.role == "goal"
        ]
        pilot.begin(3)
        seen = np.zeros(task.observation.size, np.float32)
        steps = int(pilot.deployment.config.missions.departure / task.control_period) + 3
        for step in range(steps):
            away = seen.copy()
            away[0], away[at[0]] = -0.1 * step, 2 + 0.1 * step
            decision = pilot.act(away)
        assert decision.reason is not None
        assert "has grown" in decision.reason
        np.testing.assert_array_equal(decision.action, task.safe_action)
        assert pilot.status()["stopped"] == decision.reason
        pilot.begin(3)
        assert pilot.act(seen).reason is None
        assert pilot.status()["stopped"] == ""


@pytest.mark.slow
def test_it_learns_while_it_drives(exported: Path) -> None:
    with piloting(exported, learn=True, learner_rate=0.0) as pilot, unicycle(exported) as env:
        nominal = pilot.agent.knowledge.task_model(0).weights.clone()
        drive = Drive(pilot, env)
        drive.until(lambda: drive.taken >= 3)
        status = pilot.status()
        assert status["learner_alive"]
        assert status["learner_steps"] >= status["weights_steps"] > 0
        assert status["weights_version"] >= 3
        assert status["learner_loss"] is not None
        moved = (pilot.agent.adaptation.online.weights - nominal).abs().max()
        assert 0 < moved < 1
        assert {"plan_ms_p50", "identify_ms_p99", "refine_ms_p50"} <= set(status)
        # A new mission begins with the nominal weights again, until it has learned some of its own.
        while status["mission"] == pilot.status()["mission"]:
            drive.step()
        assert (
            pilot.agent.adaptation.online.version == 0
            or pilot.agent.adaptation.online.mission == pilot.status()["mission"]
        )
        taken = drive.taken
        drive.until(lambda: drive.taken > taken)


@pytest.mark.slow
def test_a_killed_learner_leaves_the_last_good_weights(exported: Path) -> None:
    with piloting(exported, learn=True, learner_rate=0.0) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        drive.until(lambda: pilot.status()["weights_version"] >= 2)
        pid = pilot.learner_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait(lambda: not pilot.status()["learner_alive"])
        pilot.poll()  # what it had published before
        weights, version = pilot.agent.adaptation.online.weights.clone(), pilot.status()["weights_version"]
        mission = pilot.status()["mission"]
        for _ in range(30):
            if pilot.status()["mission"] == mission:
                drive.step()
        if pilot.status()["mission"] == mission:
            assert (pilot.agent.adaptation.online.weights == weights).all()
            assert pilot.status()["weights_version"] == version
            assert pilot.learner_pid == pid
            # Asked to learn again, it starts another one, and drives on with what it has meanwhile.
            pilot.learning = True
            assert pilot.learner_pid not in (None, pid)
            assert (pilot.agent.adaptation.online.weights == weights).all()
        drive.until(lambda: pilot.status()["learner_alive"] and pilot.status()["weights_version"] > 0)


@pytest.mark.slow
def test_a_learner_that_stands_still_costs_transitions_and_no_time(exported: Path) -> None:
    with piloting(exported, learn=True) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        pid = pilot.learner_pid
        assert pid is not None
        drive.until(lambda: pilot.status()["weights_version"] > 0)
        os.kill(pid, signal.SIGSTOP)
        before, action = drive.observation, np.zeros(2, np.float32)
        for _ in range(6000):
            pilot.agent.adaptation.online.add(*_parts(pilot, before, action), wait=True)
        drive.step()
        status = pilot.status()
        assert status["frames_dropped"] > 1000
        assert status["learner_alive"]
        os.kill(pid, signal.SIGCONT)
        drive.until(lambda: pilot._process is not None and pilot._process.shared.counters()["lost"] > 1000)
    assert ended(pid)


def _parts(pilot: Pilot, observation: Any, action: Any) -> Any:
    import torch

    body = pilot.agent.adaptation.body
    seen = torch.from_numpy(observation)
    return body.encode(seen), torch.from_numpy(action), body.change(seen, seen)


@pytest.mark.slow
def test_learning_can_be_switched(exported: Path) -> None:
    with piloting(exported, learn=False, learner_rate=0.0) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        for _ in range(10):
            drive.step()
        assert pilot.learner_pid is None
        pilot.learning = True
        assert pilot.learning
        drive.until(lambda: pilot.status()["weights_version"] > 0)
        pilot.learning = False
        taken, steps = drive.taken, None

        def stands() -> bool:
            nonlocal steps
            now = pilot.status()["learner_steps"]
            same, steps = now == steps, now
            return same

        drive.until(stands, pause=0.05)
        assert drive.taken == taken
        pilot.learning = True
        drive.until(lambda: drive.taken > taken)


def test_a_run_that_did_not_learn_in_missions_does_not_learn_here(exported: Path) -> None:
    deployment = load_deployment(exported)
    deployment.config.refiner.online = False
    pilot = Pilot(deployment, learn=True, seed=0)
    try:
        assert pilot.learner_pid is None
        pilot.learning = True
        assert not pilot.learning
    finally:
        pilot.close()


def test_a_gap_is_not_taken_for_a_step(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with piloting(exported, learn=False) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        firsts: list[bool] = []
        monkeypatch.setattr(pilot.agent, "observe", lambda transition: firsts.append(transition.first))
        drive.step()
        drive.step()
        here, zero = drive.observation, np.zeros(2, np.float32)
        pilot.observe(here + 0.5, zero, here + 0.6)
        pilot.observe(here + 0.6, zero, here)
        assert firsts == [True, False, True, False]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_what_is_not_finite_is_not_learned_from(bad: float, where: int, exported: Path) -> None:
    with piloting(exported, learn=False) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        drive.step()
        parts = [drive.observation.copy(), np.zeros(2, np.float32), drive.observation.copy()]
        parts[where][0] = bad
        pilot.observe(*parts)
        assert (pilot.status()["unusable"], pilot.status()["transitions"]) == (1, 1)
        drive.step()
        broken = np.full_like(drive.observation, bad)
        decision = pilot.act(broken)
        assert decision.reason == "the observation is not finite"
        np.testing.assert_array_equal(decision.action, [0.0, 0.0])


def test_nothing_grows_and_nothing_is_left(exported: Path) -> None:
    def held() -> tuple[set[str], int]:
        return descriptors(), threading.active_count()

    with piloting(exported, learn=False):
        pass
    before = held()
    for _ in range(5):
        with piloting(exported, learn=True) as pilot:
            pid = pilot.learner_pid
            pilot.begin(3)
        assert pid is not None
        assert ended(pid)
    assert held() == before
    with piloting(exported, learn=False) as pilot, unicycle(exported) as env:
        drive = Drive(pilot, env)
        pilot.agent.milliseconds["plan"] = [1.0] * 2001
        drive.step()
        assert len(pilot.agent.milliseconds["plan"]) == 1000


HOOKED = """
import sys
def hook(event, arguments):
    if event.startswith("pickle."):
        raise RuntimeError(f"something was unpickled: {arguments}")
sys.addaudithook(hook)
from pathlib import Path
from tests.crl.deployment.driving import Drive, piloting, unicycle
with piloting(Path(sys.argv[1]), learn=False) as pilot, unicycle(Path(sys.argv[1])) as env:
    Drive(pilot, env).step()
from crl.deployment.learner import make_learner
from crl.deployment.shared_weights import SharedWeights
memory, descriptor = SharedWeights.create(len(pilot.agent.knowledge.task_model(0).weights))
make_learner(Path(sys.argv[1]), pilot.deployment.manifest["sha256"], descriptor, 0)
print("clean")
"""


def test_nothing_is_unpickled(exported: Path, repository: Path) -> None:
    words = [sys.executable, "-c", HOOKED, str(exported)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=repository, check=False)
    assert done.stdout.split()[-1:] == ["clean"], done.stderr
