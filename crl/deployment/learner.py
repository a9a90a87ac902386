"""The process that learns while a robot drives: ``python -m crl.deployment.learner``, started by the pilot.

It reads transitions from an inherited socket (:mod:`crl.deployment.frames`), makes gradient steps with
:class:`crl.adaptation.online_learner.OnlineLearner`, and publishes the weights (:mod:`crl.deployment.shared_weights`).
It runs at a lower priority and in one thread, unpickles nothing, listens to nobody else, and ends when its parent does.

A gap in the frames counts as an alarm: nobody knows what was lost, so transitions that still wait are thrown away.
Weights that are not finite are never published; learning goes on from the last good ones.
"""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from crl.processes.child import LOOK, NICE

if TYPE_CHECKING:
    import torch

    from crl.adaptation.mission import MissionAdaptation
    from crl.config import Config
    from crl.deployment.frames import Frame
    from crl.deployment.shared_weights import SharedWeights
    from crl.dynamics.rows import Rows
    from crl.dynamics.task_model import TaskModel

EVERY = 10
"""Gradient steps after which weights are published, at the latest."""
SECONDS = 0.1
"""Seconds after which they are."""


class Learner:
    """Learns from frames; the process around it is :func:`main`.

    Args:
        config: The run's settings.
        model: The model, whose own weights are where every mission begins.
        nominal: Nominal rows to rehearse.
        actions: Elements A of the action.
        shared: Where weights are published.
        seed: Of the batches.
    """

    def __init__(
        self, config: Config, model: TaskModel, nominal: Rows, actions: int, shared: SharedWeights, seed: int
    ) -> None:
        self._config, self._model, self._nominal = config, model, nominal
        self._sizes = (model.body.features, actions, model.body.changes)
        self._shared, self._seed = shared, seed
        self._online: Any = None
        self._good: torch.Tensor | None = None
        self._mission = 0
        self._sequence = 0
        self._published = 0
        self._when = -1.0
        self.paused = False
        self.counts = {"steps": 0, "frames": 0, "lost": 0, "refused": 0, "unusable": 0}

    @property
    def numbers(self) -> int:
        """Numbers per frame."""
        return sum(self._sizes)

    def take(self, data: bytes) -> None:
        """Take a frame."""
        from crl.deployment.frames import ADD, ALARM, BEGIN, unpack

        frame = unpack(data, self.numbers)
        if frame is None:
            self.counts["unusable"] += 1
            return
        self.counts["frames"] += 1
        lost, self._sequence = frame.sequence - self._sequence - 1, frame.sequence
        if lost > 0:
            self.counts["lost"] += lost
            if self._online is not None:
                self._online.alarm()
        if frame.kind == BEGIN or frame.mission != self._mission:  # also when its begin was lost
            self._begin(frame.mission)
        if frame.kind == ADD:
            self._add(frame)
        elif frame.kind == ALARM:
            self._online.alarm()
        elif frame.kind != BEGIN:
            self.paused = bool(frame.flag)

    def _begin(self, mission: int) -> None:
        from crl.adaptation.online_learner import OnlineLearner
        from crl.seeding import torch_generator

        generator = torch_generator(self._seed, "learner", mission)
        config = self._config
        self._online = OnlineLearner(config.body, self._model, self._nominal, generator, clip=config.learning.clip)
        self._good = self._online.weights.detach().clone()
        self._mission, self._published, self.paused = mission, 0, False

    def _add(self, frame: Frame) -> None:
        import torch

        inputs, command, change = torch.from_numpy(frame.values).split(self._sizes)
        self._online.add(inputs, command, change, wait=bool(frame.flag))

    def step(self, now: float) -> bool:
        """One gradient step, and a publication if it is time for one; ``False`` if there is nothing to learn from.

        Args:
            now: Steady clock (s).
        """
        if self.paused or self._online is None:
            return False
        loss = self._online.learn()
        if loss is None:
            return False
        self.counts["steps"] += 1
        if self._online.steps - self._published >= EVERY or now - self._when >= SECONDS:
            self._publish(loss)
            self._when = now
        return True

    def _publish(self, loss: float) -> None:
        weights = self._online.weights.detach()
        steps = self._online.steps
        if self._shared.publish(weights.numpy(), mission=self._mission, steps=steps, loss=loss):
            self._good, self._published = weights.clone(), steps
        else:
            self.counts["refused"] += 1
            # On from the last good weights, with fresh moments: the old ones may be what went wrong.
            self._online.load_state_dict({**self._online.state_dict(), "weights": self._good, "moments": {}})
        self._shared.count(**self.counts)

    def report(self) -> None:
        """Write the counters down."""
        self._shared.count(**self.counts)


def serve(learner: Learner, end: socket.socket, rate: float, parent: int) -> None:
    """Take frames and learn until the other end is closed or the parent is gone.

    Args:
        learner: Who learns.
        end: Where frames come from.
        rate: Gradient steps per second; 0: as many as possible.
        parent: Process id of the parent.
    """
    from crl.deployment.frames import HEAD

    end.setblocking(False)
    longest = HEAD.size + 4 * learner.numbers + 1
    due = time.monotonic()
    while os.getppid() == parent:
        if not _drain(learner, end, longest):
            return
        now = time.monotonic()
        if now < due:
            select.select([end], [], [], min(due - now, LOOK))
            continue
        if not learner.step(now):
            learner.report()
            select.select([end], [], [], LOOK)
            due = time.monotonic()
        elif rate > 0:
            due = max(due + 1 / rate, now - 1 / rate)  # never makes up for more than one step


def _drain(learner: Learner, end: socket.socket, longest: int) -> bool:
    """Take all frames that are there; ``False`` at the end of the stream."""
    try:
        while data := end.recv(longest):
            learner.take(data)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def make_learner(folder: Path, seal: str, memory: int, seed: int) -> Learner:
    """A learner for a deployment.

    Args:
        folder: The deployment.
        seal: Checksum of the manifest that the pilot has read.
        memory: Descriptor of the shared memory.
        seed: Of the batches.

    Raises:
        CrlError: The deployment is damaged, or another one than the pilot's.
    """
    import torch

    from crl.deployment.files import AGAIN, DeploymentError, read_folder
    from crl.deployment.load import config_of, fitting, restored, state_of, task_of
    from crl.deployment.shared_weights import SharedWeights

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    contents = read_folder(folder)
    if contents.seal != seal:
        raise DeploymentError(f"{folder} has changed since the pilot read it", AGAIN)
    config, task = config_of(contents), task_of(contents)
    with fitting(folder):
        agent, made = restored(config, task, state_of(contents))
        adaptation = cast("MissionAdaptation", made)  # a memory of regimes has a process of its own
        assert adaptation.fitted is not None
        model = adaptation.fitted.mission_model(agent.knowledge.task_model(task.index))
    shared = SharedWeights(memory, len(model.weights))
    return Learner(config, model, adaptation.fitted.rehearsed, task.action.size, shared, seed)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the process."""
    parser = argparse.ArgumentParser(prog="crl.deployment.learner", description="started by the pilot, not by hand")
    for name, kind in (("folder", Path), ("seal", str), ("rate", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    for name in ("frames", "memory", "seed", "parent"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--gently", action="store_true", help="be at low priority from the start")
    given = parser.parse_args(arguments)
    if given.gently:
        os.nice(NICE)

    from crl.errors import CrlError

    try:
        learner = make_learner(given.folder, given.seal, given.memory, given.seed)
    except CrlError as error:
        print(f"the learner can't start: {error}", file=sys.stderr)
        return 2
    if not given.gently:
        os.nice(NICE)
    with socket.socket(fileno=given.frames) as end:
        serve(learner, end, given.rate, given.parent)
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking the libraries down takes long at low priority, and there is nothing to save
