"""What an agent is: seven methods that each has, and defaults for what only some have.

Training, evaluation, robots and replay call these and nothing else. What an agent can tell beside its decisions is
declared here, so that nobody has to probe for it: a default says "this agent does not tell".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from crl.adaptation.base import Belief
from crl.adaptation.helper import Helper
from crl.adaptation.refiners.base import Refiner
from crl.config.declared.agents import AgentKind
from crl.continual.strategy import Storage
from crl.dynamics.plasticity import Plasticity
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.learning.computing import Computing
from crl.memory.recall.episodes import EpisodeJudge
from crl.memory.recall.labels import TaskInference
from crl.planning.planner import Model, Planner
from crl.types import Array, Decision, LearnBudget, LearnReport, Reward, TaskSpec, Transition


@dataclass(frozen=True)
class Deciding:
    """What decisions of one task come from.

    Attributes:
        planner: The planner, told of the task.
        model: The model that it plans on.
        reward: The reward that it plans by.
        beside: Other tasks whose models act in the task, too, wherever they predict better.
    """

    planner: Planner
    model: Model
    reward: Reward
    beside: tuple[int, ...] = ()


class Agent(ABC):
    """Base class of all agents.

    Attributes:
        kind: What kind of agent it is.
        SETTINGS: Settings that it reads itself, beside its components, as dotted keys or beginnings of such; ``None``:
            it does not say, and is taken to read everything.
        planner: The planner that it decides with; ``None`` for an agent that does not plan.
    """

    kind: AgentKind = AgentKind("own")
    SETTINGS: ClassVar[tuple[str, ...] | None] = None
    planner: Planner | None = None

    # ------------------------------------------------------------------ what every agent does
    @abstractmethod
    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode of a task. All randomness of the episode follows from (seed, task, episode)."""

    @abstractmethod
    def act(self, observation: Array) -> Decision:
        """Decide on an action for an observation, float32 [S]."""

    @abstractmethod
    def observe(self, transition: Transition) -> None:
        """Take note of what happened."""

    @abstractmethod
    def learn(self, budget: LearnBudget) -> LearnReport:
        """Spend gradient steps; the new weights are in force when the call returns."""

    @abstractmethod
    def basis_element(self) -> str:
        """Fingerprint of the behaviour in force for the current task: equal as long as learning changes nothing of it.

        The agent's basis (Abel et al. 2023) is the set of policies, one for each value of what learning moves.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything that decides the agent's future behaviour: nested dicts of tensors, arrays and plain values."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""

    # ------------------------------------------------------------------ what some agents can tell
    def compute_with(self, computing: Computing) -> None:
        """Have losses and rollouts computed by another one, which does those of several runs at once.

        Raises:
            CrlError: It computes by itself.
        """
        del computing
        raise CrlError(f"the agent computes by itself: {self.kind.alone}", "leave out batch=seeds")

    @property
    def actor(self) -> Agent:
        """The agent that decides: itself, or the one that it wraps."""
        return self

    def follow(self, transition: Transition) -> None:
        """Take note of what happened in an episode that nothing is learned from, for that episode alone."""
        del transition

    def tell(self, task: int) -> None:
        """Say which task is in force from now on, by its index, where it may change within an episode."""
        del task

    def inference(self, tasks: Sequence[int]) -> TaskInference:
        """What infers which of its tasks is in force, from transitions alone.

        Args:
            tasks: Indices of tasks that it has begun.

        Raises:
            CrlError: It has no models of its tasks.
        """
        del tasks
        raise CrlError(
            "the agent has no model of its tasks, so it can't infer which one is in force",
            "evaluate it with labels=told",
        )

    def episode_judge(self) -> EpisodeJudge:
        """What judges to which of its labels an episode belongs, for learning without being told.

        Raises:
            CrlError: It has no models of its tasks.
        """
        raise CrlError(
            "the agent has no model of its tasks, so it can't tell them apart itself",
            "let it be told: continual.labels=told",
        )

    def random_episodes(self, most: int) -> int:
        """How many random episodes the current task begins with; ``most``: what the settings say."""
        return most

    def belief(self) -> Belief:
        """What it believes of its body now."""
        return Belief()

    def expected_change(self, observation: Array, executed: Array) -> Array | None:
        """The change of one control step [D] that it expects of an action [A] now; ``None`` if it does not tell."""
        del observation, executed
        return None

    def episode_state(self) -> dict[str, Any]:
        """What is not in :meth:`state_dict` and decides how the present episode goes on, as plain data.

        Raises:
            CrlError: It can only be saved between episodes.
        """
        raise CrlError("the agent can't be saved within an episode", "lives are for agent=mpc with a refiner")

    def resume_episode(self, task: TaskSpec, episode: int, state: Mapping[str, Any]) -> None:
        """Go on with an episode that was not an exploring one, from what :meth:`episode_state` returned, to the bit."""
        del task, episode, state
        raise CrlError("the agent can't go on within an episode", "lives are for agent=mpc with a refiner")

    def adopt(self, state: Mapping[str, Any], budget: LearnBudget) -> LearnReport:
        """Take over what another agent has learned of the same tasks, and fit what is this agent's own.

        Args:
            state: What the other one's :meth:`state_dict` returned.
            budget: Gradient steps of what is fitted.

        Raises:
            CrlError: It can't.
        """
        del state, budget
        raise CrlError("the agent can't take over what another one has learned", "leave out life.run")

    def remembered(self) -> dict[str, Any] | None:
        """What is worth keeping for another run or robot of the kind; ``None``: nothing is remembered."""
        return None

    def remembered_bytes(self) -> dict[str, float] | None:
        """What its memory of regimes takes (bytes): ``per_regime`` and ``once``; ``None``: it has none."""
        return None

    def recollect(self, state: Mapping[str, Any]) -> None:
        """Go on with what :meth:`remembered` returned.

        Raises:
            CrlError: It remembers nothing, or the state does not fit.
        """
        del state
        raise CrlError("a memory is of no use to this agent", "use refiner=lifelong")

    def save_flow(self, folder: Path) -> None:
        """Write the flow that it refines with to a folder.

        Raises:
            CrlError: It has none.
        """
        raise CrlError("the agent has no flow to write", "use refiner=afm or afm_learned")

    def load_flow(self, folder: Path) -> None:
        """Refine with a flow that `crl fit-flow` wrote to a folder.

        Raises:
            CrlError: The agent refines nothing by a flow, or the flow does not fit.
        """
        raise CrlError(f"the flow {folder} is of no use to this agent", "use refiner=afm or afm_learned")

    @property
    def refiner(self) -> Refiner | None:
        """What refines planned actions in the present mission; ``None`` for an agent that refines none."""
        return None

    @property
    def helper(self) -> Helper:
        """What it has done by a process of its own, once that is started; one that does nothing by default."""
        return Helper()

    @property
    def milliseconds(self) -> Mapping[str, list[float]]:
        """CPU milliseconds of each step of the present mission, by phase; empty if it does not measure them."""
        return {}

    def model_of(self, task: int) -> Model | None:
        """The model that it plans on for a task; ``None`` if it has none."""
        del task
        return None

    def deciding(self, task: TaskSpec) -> Deciding | None:
        """What it decides by on a task, outside of training; ``None`` if that is more than a planner on a model.

        It begins an episode of the task.
        """
        del task
        return None

    def members_of(self, task: int) -> list[Model]:
        """The members of the ensemble that :meth:`model_of` is the mean of; empty if it has none."""
        del task
        return []

    def task_model_of(self, task: int) -> TaskModel | None:
        """The learned dynamics of a task as one network with its normalisers; ``None`` if it has none."""
        del task
        return None

    def knows(self, task: int) -> bool:
        """Whether it can act on a task, by the task's index; an agent without a model always can."""
        del task
        return True

    def storage(self) -> Storage | None:
        """What it states to keep per finished task; ``None`` if it does not tell."""
        return None

    def kept_bytes(self) -> int | None:
        """Bytes that it keeps, without optimisers and averages; ``None`` if it does not tell."""
        return None

    def kept_once_bytes(self) -> int | None:
        """Those of :meth:`kept_bytes` that are the same however many tasks were learned; ``None`` if it can't tell."""
        return None

    def old_rows_read(self) -> int | None:
        """Transitions of earlier tasks that learning looked at again, so far; ``None`` if it does not tell."""
        return None

    def outcome_errors(self) -> dict[str, float]:
        """Errors of what it learned of the current task's reward and ends, by name; none where functions are given."""
        return {}

    def plasticity(self) -> Plasticity | None:
        """State of the network that learns the current task; ``None`` where there is none to look at."""
        return None
