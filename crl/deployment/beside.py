"""What learns beside driving: a process that learns the body of a mission, or a memory of regimes that grows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from crl.adaptation.mission import MissionAdaptation
from crl.agents.planning import PlanningAgent
from crl.deployment.load import Deployment
from crl.deployment.remote import LearnerProcess, RemoteLearner
from crl.errors import CrlError


class Beside(ABC):
    """What a pilot asks of it; nothing here may wait.

    Attributes:
        allowed: Whether there is anything to learn with.
        pid: Process id of a learner, dead or alive; ``None`` if there was none.
    """

    allowed: bool = True
    pid: int | None = None

    def recall(self) -> None:
        """Begin with what is on disk; called once, when everything is ready."""

    def learns_now(self, paused: bool) -> bool:
        """Whether the agent may be asked to learn, or to take newer weights."""
        return not paused

    @property
    @abstractmethod
    def alive(self) -> bool:
        """Whether it can learn now."""

    @abstractmethod
    def start(self) -> None:
        """Make it able to learn, if it is not."""

    @abstractmethod
    def begin(self, mission: int) -> None:
        """A mission begins; the agent's own beginning follows."""

    @abstractmethod
    def pause(self, paused: bool) -> None:
        """Learn no more, or again."""

    @abstractmethod
    def observed(self) -> None:
        """The agent was shown a transition."""

    @abstractmethod
    def status(self) -> dict[str, Any]:
        """For diagnostics, as plain values."""

    def name(self, regime: int, name: str) -> None:
        """Give a remembered regime a name.

        Raises:
            CrlError: Nothing is remembered, or the regime is not known.
        """
        del regime, name
        raise CrlError("the robot remembers no regimes", "deploy a run with refiner=lifelong")

    def forget(self, regime: int) -> None:
        """Forget a remembered regime.

        Raises:
            CrlError: Nothing is remembered, or the regime can't be forgotten now.
        """
        del regime
        raise CrlError("the robot remembers no regimes", "deploy a run with refiner=lifelong")

    @abstractmethod
    def close(self) -> None:
        """End it; a second call does nothing."""


class ProcessBeside(Beside):
    """Learns a mission's body in another process, whose weights are taken over between two decisions.

    Args:
        deployment: What is driven with.
        agent: Who drives.
        adaptation: What it adapts with; its learner is made here.
        rate: Gradient steps per second; 0: as many as possible.
        seed: Of the learner's batches.
    """

    def __init__(
        self, deployment: Deployment, agent: PlanningAgent, adaptation: MissionAdaptation, rate: float, seed: int
    ) -> None:
        self.allowed = deployment.config.refiner.online
        self._deployment, self._agent, self._adaptation = deployment, agent, adaptation
        self._rate, self._seed = rate, seed
        self._process: LearnerProcess | None = None
        self._remote: RemoteLearner | None = None
        self._mission = 0
        self._paused = True
        adaptation.make_learner = self._make_learner

    def learns_now(self, paused: bool) -> bool:
        """Weights that came before a pause are still taken over."""
        return True

    @property
    def alive(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start the process, in the place of one that died."""
        if self.alive:
            return
        if self._process is not None:
            self._process.close()
        deployment, fitted = self._deployment, self._adaptation.fitted
        assert fitted is not None
        model = fitted.mission_model(self._agent.knowledge.task_model(deployment.task.index))
        self._process = LearnerProcess(
            deployment.folder,
            str(deployment.manifest["sha256"]),
            weights=len(model.weights),
            numbers=model.body.features + deployment.task.action.size + model.body.changes,
            rate=self._rate,
            seed=self._seed,
            gently=self._mission > 0,
        )
        self.pid = self._process.pid
        if self._mission and self._remote is not None:
            self._remote.attach(self._process)

    def begin(self, mission: int) -> None:
        """From here on the agent's learners are attached to the process."""
        self._mission = mission

    def pause(self, paused: bool) -> None:
        """Tell the process."""
        self._paused = paused
        if self._mission and self._remote is not None:
            self._remote.pause(paused)

    def observed(self) -> None:
        """The agent's learner passes transitions on itself."""

    def _make_learner(self, config: Any, model: Any, nominal: Any, generator: Any, **rest: Any) -> RemoteLearner:
        process = self._process if self._mission else None
        self._remote = RemoteLearner(config, model, nominal, generator, process=process, mission=self._mission, **rest)
        if self._paused:
            self._remote.pause(True)
        return self._remote

    def status(self) -> dict[str, Any]:
        """Versions, steps and losses of the learner."""
        remote = self._remote
        counters = self._process.shared.counters() if self._process is not None else {}
        return {
            "weights_version": remote.version if remote is not None else 0,
            "weights_steps": remote.steps if remote is not None else 0,
            "learner_steps": counters.get("steps", 0),
            "learner_loss": remote.loss if remote is not None else None,
            "unusable": remote.refused if remote is not None else 0,
            "frames_dropped": self._process.sender.dropped if self._process is not None else 0,
            "weights_refused": counters.get("refused", 0),
        }

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.close()
        if self._remote is not None:
            self._remote.process = None
