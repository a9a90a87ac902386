"""The learner does what an agent's own online learner does, never publishes nonsense, and ends with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from crl.adaptation.online_learner import OnlineLearner
from crl.deployment.files import DeploymentError
from crl.deployment.frames import ADD, ALARM, BEGIN, PAUSE, Frame, pack
from crl.deployment.learner import EVERY, Learner, make_learner, serve
from crl.deployment.load import load_deployment
from crl.deployment.remote import LearnerProcess
from crl.deployment.shared_weights import SharedWeights
from crl.seeding import torch_generator
from tests.crl.deployment.driving import descriptors, ended, wait


@contextmanager
def learning(folder: Path, seed: int = 0) -> Iterator[tuple[Learner, SharedWeights]]:
    deployment = load_deployment(folder)
    agent, _ = deployment.make_agent()
    memory, descriptor = SharedWeights.create(len(agent.knowledge.task_model(0).weights))
    try:
        yield make_learner(folder, deployment.manifest["sha256"], descriptor, seed), memory
    finally:
        memory.close()
        os.close(descriptor)


class Talk:
    """Frames with sequence numbers."""

    def __init__(self, learner: Learner) -> None:
        self.learner, self.sequence = learner, 0

    def say(self, kind: int, mission: int, values: np.ndarray | None = None, flag: int = 0) -> None:
        self.sequence += 1
        filled = np.zeros(self.learner.numbers, np.float32) if values is None else values
        self.learner.take(pack(Frame(kind, flag, self.sequence, mission, filled)))


def rows(folder: Path, count: int, seed: int = 0) -> list[np.ndarray]:
    """Transitions of a body that turns twice as fast as the nominal one."""
    _, adaptation = load_deployment(folder).make_agent()
    assert adaptation.fitted is not None
    nominal = adaptation.fitted.rows
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(nominal), (count,), generator=generator)
    values = torch.cat([nominal.inputs[chosen], nominal.action[chosen], 1.5 * nominal.change[chosen]], dim=-1)
    return list(values.numpy())


def test_it_learns_as_an_agents_own_learner_does(exported: Path) -> None:
    """To the bit, over an alarm and transitions that wait."""
    with learning(exported, seed=4) as (learner, memory):
        agent, adaptation = load_deployment(exported).make_agent()
        assert adaptation.fitted is not None
        own = OnlineLearner(
            agent.config.body,
            agent.knowledge.task_model(0),
            adaptation.fitted.rows,
            torch_generator(4, "learner", 3),
            clip=agent.config.learning.clip,
        )
        talk = Talk(learner)
        talk.say(BEGIN, 3)
        sizes = [adaptation.body.features, adaptation.body.commands or 2, adaptation.body.changes]
        for number, row in enumerate(rows(exported, 120)):
            talk.say(ADD, 3, row, flag=1)
            own.add(*torch.from_numpy(row).split(sizes), wait=True)
            if number == 60:
                talk.say(ALARM, 3)
                own.alarm()
            assert learner.step(float(number)) == (own.learn() is not None)
        assert own.steps > 50
        published = memory.read()
        assert published is not None
        assert published.steps == own.steps  # a second has gone by at every step
        np.testing.assert_array_equal(published.weights, own.weights.detach().numpy())


def test_it_publishes_every_so_many_steps(exported: Path) -> None:
    with learning(exported) as (learner, memory):
        talk = Talk(learner)
        talk.say(BEGIN, 1)
        for row in rows(exported, 40):
            talk.say(ADD, 1, row)
        for _ in range(1 + 3 * EVERY):
            assert learner.step(0.0)
        assert memory.newest() == 4  # the first at once
        found = memory.read()
        assert found is not None
        assert (found.mission, found.steps) == (1, 1 + 3 * EVERY)


def test_weights_that_are_not_finite_stay_inside(exported: Path) -> None:
    with learning(exported) as (learner, memory):
        talk = Talk(learner)
        talk.say(BEGIN, 1)
        for row in rows(exported, 40):
            talk.say(ADD, 1, row)
        for number in range(5):
            assert learner.step(float(number))
        good = memory.read()
        with torch.no_grad():
            learner._online.weights[7] = torch.nan
        assert learner.step(10.0)
        assert memory.read(after=good.version if good else 0) is None
        assert memory.counters()["refused"] == 1
        assert learner.step(20.0)
        after = memory.read(after=good.version if good else 0)
        assert after is not None
        assert good is not None
        assert 0 < np.abs(after.weights - good.weights).max() < 0.01  # one small step on from the last good ones


def test_a_gap_counts_as_an_alarm(exported: Path) -> None:
    with learning(exported) as (learner, _):
        talk = Talk(learner)
        talk.say(BEGIN, 1)
        for row in rows(exported, 6):
            talk.say(ADD, 1, row, flag=1)
        assert len(learner._online._waiting) == 6
        talk.sequence += 3
        talk.say(ADD, 1, rows(exported, 1)[0], flag=1)
        assert len(learner._online._waiting) == 1
        assert learner.counts["lost"] == 3


def test_a_mission_begins_with_nothing_of_another(exported: Path) -> None:
    with learning(exported) as (learner, _):
        talk = Talk(learner)
        talk.say(BEGIN, 1)
        for row in rows(exported, 40):
            talk.say(ADD, 1, row)
        assert learner.step(0.0)
        talk.say(PAUSE, 1, flag=1)
        assert not learner.step(0.0)
        talk.say(PAUSE, 1, flag=0)
        assert learner.step(0.0)
        talk.sequence += 1
        talk.say(ADD, 2, rows(exported, 1)[0])  # the frame with its begin was lost
        assert not learner.step(0.0)
        agent, _ = load_deployment(exported).make_agent()
        torch.testing.assert_close(
            learner._online.weights.detach(), agent.knowledge.task_model(0).weights, rtol=0, atol=0
        )


@pytest.mark.parametrize("data", [b"x", b"", b"\x80\x04\x95" + bytes(200), bytes(24)])
def test_bytes_that_are_no_frame_are_counted(data: bytes, exported: Path) -> None:
    with learning(exported) as (learner, _):
        Talk(learner).say(BEGIN, 1)
        learner.take(data)
        assert learner.counts["unusable"] == 1
        assert learner.counts["frames"] == 1


def test_another_deployment_than_the_pilots_is_refused(exported: Path) -> None:
    with pytest.raises(DeploymentError, match="has changed since the pilot read it"):
        make_learner(exported, "0" * 64, -1, 0)


def test_serving_ends_with_the_stream_and_with_the_parent(exported: Path) -> None:
    with learning(exported) as (learner, _):
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with far:
            serve(learner, far, 0.0, os.getppid() + 1)  # another parent: at once
            near.close()
            serve(learner, far, 0.0, os.getppid())
        assert learner.counts["frames"] == 0


def process(folder: Path, rate: float = 0.0) -> LearnerProcess:
    deployment = load_deployment(folder)
    agent, adaptation = deployment.make_agent()
    return LearnerProcess(
        folder,
        deployment.manifest["sha256"],
        weights=len(agent.knowledge.task_model(0).weights),
        numbers=adaptation.body.features + 2 + adaptation.body.changes,
        rate=rate,
        seed=0,
    )


def test_a_process_learns_at_a_lower_priority_and_is_ended(exported: Path) -> None:
    before = descriptors()
    worker = process(exported)
    try:
        worker.sender.send(BEGIN, 5)
        for row in rows(exported, 40):
            worker.sender.send(ADD, 5, row)
        wait(lambda: worker.shared.newest() >= 3)
        found = worker.shared.read()
        assert found is not None
        assert found.mission == 5
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) >= os.getpriority(os.PRIO_PROCESS, 0) + 5
        assert worker.alive
    finally:
        worker.close()
    assert not worker.alive
    assert ended(worker.pid)
    worker.close()
    assert descriptors() == before


def test_a_damaged_deployment_ends_the_process(
    spoiled: object, exported: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = spoiled()  # type: ignore[operator]
    deployment = load_deployment(folder)
    (folder / "weights.safetensors").write_bytes(b"")
    weights = len(deployment.make_agent()[0].knowledge.task_model(0).weights)
    worker = LearnerProcess(folder, deployment.manifest["sha256"], weights=weights, numbers=5, rate=0.0, seed=0)
    try:
        wait(lambda: not worker.alive)
    finally:
        worker.close()
    assert "the learner can't start" in capfd.readouterr().err


PARENT = """
import sys, time
from pathlib import Path
from tests.crl.deployment.test_learner import process
worker = process(Path(sys.argv[1]))
if sys.argv[2] == "up":
    from tests.crl.deployment.driving import wait
    from crl.deployment.frames import BEGIN
    worker.sender.send(BEGIN, 1)
    wait(lambda: worker.shared.counters()["frames"])
print(worker.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.slow
@pytest.mark.parametrize("when", ["starting", "up"])
def test_it_ends_when_its_parent_is_killed(when: str, exported: Path, repository: Path) -> None:
    words = [sys.executable, "-c", PARENT, str(exported), when]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=repository) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    wait(lambda: ended(pid))
