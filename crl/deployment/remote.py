"""A learner in another process, in the place of :class:`crl.adaptation.online_learner.OnlineLearner`.

It sends transitions there and takes weights over from there, and never waits for anything. When the process dies, the
last good weights drive on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crl.config.sections.missions import BodyConfig
from crl.deployment.frames import ADD, ALARM, BEGIN, PAUSE, FrameSender
from crl.deployment.shared_weights import SharedWeights
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.processes.child import ChildProcess

MODULE = "crl.deployment.learner"


class LearnerProcess:
    """A learner's process, its socket and its shared memory.

    Args:
        folder: The deployment.
        seal: Checksum of its manifest.
        weights: Number P of weights.
        numbers: Numbers per frame: inputs, command and change.
        rate: Gradient steps per second; 0: as many as possible.
        seed: Of its batches.
        gently: Start at low priority, too: for a robot that may be moving. Otherwise only learning is.
    """

    def __init__(
        self, folder: Path, seal: str, *, weights: int, numbers: int, rate: float, seed: int, gently: bool = False
    ) -> None:
        self.shared, descriptor = SharedWeights.create(weights)
        arguments = {
            "folder": folder.resolve(),
            "seal": seal,
            "memory": descriptor,
            "rate": rate,
            "seed": seed,
        }
        try:
            self._child = ChildProcess(MODULE, arguments, ("--gently",) if gently else (), (descriptor,))
        except BaseException:
            self.shared.close()
            raise
        finally:
            os.close(descriptor)
        self.sender = FrameSender(self._child.end, numbers)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether it lives."""
        return self._child.alive

    def close(self) -> None:
        """End it at once: it holds nothing that would be lost. A second call does nothing."""
        self._child.close()
        self.shared.close()


class RemoteLearner:
    """The learner of one mission, as the agent sees it.

    Args:
        config: Settings of online learning; the process has its own copy.
        model: The model; its weights are in force until there are learned ones.
        nominal: Nominal rows; the process has its own.
        generator: Not used: the process draws its batches itself.
        process: Who learns; ``None``: nobody does.
        mission: Number of the mission.
    """

    def __init__(
        self,
        config: BodyConfig,
        model: TaskModel,
        nominal: Rows,
        generator: torch.Generator,
        *,
        process: LearnerProcess | None,
        mission: int,
        clip: float = 5.0,
    ) -> None:
        del config, nominal, generator, clip
        self.weights = model.weights.detach().clone()
        self.version = 0
        """Of the weights in force; 0: the nominal ones."""
        self.steps = 0
        """Gradient steps of this mission in the weights in force."""
        self.loss: float | None = None
        self.refused = 0
        """Transitions that were not finite, and not sent."""
        self.mission = mission
        self.process: LearnerProcess | None = None
        self.hear = True
        """Whether transitions are sent and weights taken over."""
        if process is not None:
            self.attach(process)

    def attach(self, process: LearnerProcess) -> None:
        """Learn in this process from now on; the weights in force stay until it has newer ones."""
        self.process, self.version = process, 0
        process.sender.send(BEGIN, self.mission)

    def add(self, inputs: Tensor, command: Tensor, change: Tensor, *, wait: bool) -> None:
        """Send a transition; see :meth:`crl.adaptation.online_learner.OnlineLearner.add`."""
        if self.process is None or not self.hear:
            return
        values = torch.cat([inputs, command, change]).detach()
        if not bool(torch.isfinite(values).all()):
            self.refused += 1
            return
        self.process.sender.send(ADD, self.mission, values.numpy(), flag=int(wait))

    def alarm(self) -> None:
        """Tell that the regime had changed."""
        if self.process is not None and self.hear:
            self.process.sender.send(ALARM, self.mission)

    def pause(self, on: bool) -> None:
        """Stop learning and taking over weights, or go on."""
        self.hear = not on
        if self.process is not None:
            self.process.sender.send(PAUSE, self.mission, flag=int(on))

    def learn(self) -> float | None:
        """Take over newer weights of this mission; returns their loss, or ``None`` if there are none."""
        if self.process is None or not self.hear:
            return None
        self.process.sender.flush()
        published = self.process.shared.read(after=self.version)
        if published is None or published.mission != self.mission:
            return None
        self.weights = torch.from_numpy(published.weights.copy())
        self.version, self.steps, self.loss = published.version, published.steps, published.loss
        return published.loss

    def state_dict(self) -> dict[str, Any]:
        """Weights and how they came about; what the process holds is its own."""
        return {"weights": self.weights.clone(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Plan with the weights that :meth:`state_dict` returned."""
        self.weights, self.steps = state["weights"].clone(), int(state["steps"])
