"""The planning agent: models of its tasks, a planner on them, and what is done about a body that changes.

Task sequences and missions are the same to it. It learns one task after another from what was executed
(:mod:`crl.learning.knowledge`) and plans on the model of the task that it is told. Where its sequence has a body that
changes (a refiner is set), what it learned first is the nominal body: in other episodes it then plans on that body's
model through its adaptation (:mod:`crl.adaptation`), until it is told that another learned task is in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crl import restoring
from crl.adaptation.base import Adaptation, Belief
from crl.adaptation.helper import Helper
from crl.adaptation.refiners.base import Refiner
from crl.agents.base import Agent, Deciding
from crl.agents.exploration import Exploration
from crl.agents.fingerprint import fingerprint_of
from crl.agents.recalling import RecalledTasks
from crl.agents.stopwatch import Stopwatch
from crl.config import Config
from crl.config.declared.agents import PILOT, kind_of
from crl.continual.strategy import Storage
from crl.dynamics.plasticity import Plasticity
from crl.dynamics.task_model import TaskModel
from crl.learning.computing import Computing
from crl.learning.knowledge import Knowledge
from crl.learning.outcomes import Outcomes
from crl.memory.recall.episodes import EpisodeJudge
from crl.memory.recall.labels import TaskInference
from crl.planning.planner import Model, Plan, Planner, PlanningFailed
from crl.seeding import torch_generator
from crl.types import ActionSpec, Array, Decision, LearnBudget, LearnReport, TaskSpec, Transition, as_array

PHASES = ("plan", "identify", "refine", "learn")


class PlanningAgent(Agent):
    """Plans with a sampling MPC on models whose weights a retention strategy makes.

    Training episodes (``explore=True``) first follow the task's exploration prior, then the planner with coloured
    noise; all others follow the planner alone, which then is as pessimistic as ``planner.pessimism`` says.

    Args:
        config: The run's settings.
        action: Elements of the action, the same for all tasks.
        knowledge: Models of tasks.
        planner: Who plans on them.
        exploration: How training episodes explore.
        adaptation: What is done about a body that changes.
    """

    SETTINGS = PILOT.settings

    def __init__(
        self,
        config: Config,
        action: ActionSpec,
        knowledge: Knowledge,
        planner: Planner,
        exploration: Exploration,
        adaptation: Adaptation,
    ) -> None:
        self.config = config
        self.knowledge = knowledge
        self.planner: Planner = planner
        self.exploration = exploration
        self.adaptation = adaptation
        self._action = action
        self._recalled = RecalledTasks(config, knowledge)
        self.outcomes = Outcomes(config.learning, knowledge.model.features, action.size, config.seed, knowledge.device)
        self._nominal = -1
        self.kind = kind_of(config)
        self._told = -1
        self._explore = self._adapting = False
        self._playing = False  # whether an episode was begun since the agent was made or restored
        self._watch = Stopwatch(PHASES)

    # ------------------------------------------------------------------ the four calls
    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode; a training episode of another task than before makes that the current task."""
        if explore and task.index != self.knowledge.task:
            self._begin_task(task.index)
        self.task, self._playing = task, True
        self._episode, self._explore = episode, explore
        self._step = 0
        self._generator = torch_generator(self.config.seed, "plan", task.index, episode, int(explore))
        self.planner.limit(self._action)
        self.planner.reset()
        # Training episodes are there to find out what the members don't know yet, so they don't shun it.
        self.planner.pessimism = 0.0 if explore else self.config.planner.pessimism
        self._score()
        acting = self._recalled.begin(task.index, explore=explore)
        if explore:
            known = acting is not None or self.knowledge.learned_before(task.index)
            self.exploration.begin(task, episode, known=known)
        else:
            self.exploration.rest()
        self._watch.reset()
        self._in_force(task.index if acting is None else acting)

    def _score(self) -> None:
        """Plan by the task's reward and ends from now on, given or learned."""
        self._reward = self.outcomes.reward(self.task)
        self.planner.until(self.outcomes.terminated(self.task), self.task.success)
        self.planner.beyond(self.outcomes.worth(self.task))

    def _begin_task(self, task: int) -> None:
        if self._nominal < 0:
            self._nominal = task
        self.knowledge.begin_task(task)
        self.outcomes.begin_task(task)
        self.exploration.begin_task()
        self._recalled.begin_task()

    def random_episodes(self, most: int) -> int:
        """None in a task in which what is known of others acts (``continual.start=recalled``)."""
        return 0 if self._recalled.applies else most

    def tell(self, task: int) -> None:
        """Say which learned task is in force from now on; it plans on that task's model."""
        self._recalled.rest()
        if task != self._told and not self._explore:
            self.planner.limit(self._action)
            self._in_force(task)

    def _in_force(self, task: int) -> None:
        self._told = task
        self._adapting = not self._explore and self.adaptation.ready and task == self._nominal
        if self._adapting:
            self.adaptation.begin(self.knowledge.task_model(task), self.task, self._episode)

    def act(self, observation: Array) -> Decision:
        """Decide on an action; the task's safe action, with the reason, where no plan can be trusted."""
        step, self._step = self._step, self._step + 1
        if not np.isfinite(observation).all():
            return self._safe("the observation is not finite")
        scripted = self.exploration.scripted(step)
        if scripted is not None:
            return Decision(scripted, scripted)
        with self._watch.phase("plan"), torch.inference_mode():
            try:
                plan = self._plan(observation)
            except PlanningFailed as failure:
                self.planner.reset()
                return self._safe(failure.message)
            planned: Array = plan.actions[0].cpu().numpy()
        if not self._adapting:
            return Decision(self.exploration.disturbed(planned, step), planned, sequences=plan.samples)
        with self._watch.phase("refine"):
            action = self.adaptation.refine(planned)
        return Decision(action, planned, sequences=plan.samples)

    def _plan(self, observation: Array) -> Plan:
        seen = torch.from_numpy(observation).to(self.knowledge.device)
        if self._adapting:
            return self.adaptation.plan(self.planner, self.task, seen, self._generator)
        model = self.knowledge.rollout(self._told, apart=self.planner.pessimism > 0)
        return self.planner.plan(model, self._reward, seen, self._generator)

    def observe(self, transition: Transition) -> None:
        """Keep a transition of the current task to learn from; while adapting, find out what it says of the body."""
        if self._adapting:
            with self._watch.phase("identify"):
                self.adaptation.observe(transition)
        elif self._explore or not self.adaptation.ready:
            self.knowledge.observe(transition)
            if self.outcomes.wanted(self.task):
                self.outcomes.observe(transition)
            if bool(self.task.success(transition.next_observation)):
                self.exploration.succeeded()
            self.follow(transition)

    def follow(self, transition: Transition) -> None:
        """Infer who acts from now on, in a task that was begun by what is known of others."""
        if (acting := self._recalled.update(transition)) is not None:
            self._in_force(acting)

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Spend gradient steps on the current task, or, online, on what the present episode showed.

        The closing session of the first task also fits what adapting needs.
        """
        if budget.online:
            with self._watch.phase("learn"):
                return self.adaptation.learn(budget.steps) if self._adapting else LearnReport()
        if budget.steps <= 0:
            return LearnReport()
        outcomes = self._learn_outcomes(budget)
        if not budget.closing or self.knowledge.task != self._nominal:
            report = self.knowledge.learn(budget)
            report.losses.update(outcomes)
            return report
        losses = self.adaptation.fit(self.knowledge.buffer, budget)  # first: it says whether the data suffice
        report = self.knowledge.learn(budget, self.adaptation.training_rows(self.knowledge.buffer))
        report.losses.update(losses | outcomes)
        return report

    def _learn_outcomes(self, budget: LearnBudget) -> dict[str, float]:
        """Learn what the current task gives no function for, if anything; the errors of it."""
        current = self.knowledge.task
        # A closing session that is continued begins no episode: what was learned before says whether there is more.
        if not (self.outcomes.wanted(self.task) if self._playing else self.outcomes.knows(current)):
            return {}
        learned = bool(self.task.learned) if self._playing else self.outcomes.has_outcomes(current)
        errors = self.outcomes.learn(current, self.knowledge.buffer, budget.steps, outcomes=learned)
        if self._playing:
            self._score()  # an episode may go on after it (learning.every)
        return errors

    def compute_with(self, computing: Computing) -> None:
        """See :class:`Agent`; one that adapts to a body that changes unrolls its models in another way."""
        if self.kind.alone:
            super().compute_with(computing)  # which refuses
        self.knowledge.compute_with(computing)

    # ------------------------------------------------------------------ what it can tell
    @property
    def refiner(self) -> Refiner:
        """What refines planned actions now."""
        return self.adaptation.refiner

    @property
    def helper(self) -> Helper:
        """What learns a memory of regimes."""
        return self.adaptation.helper

    def inference(self, tasks: Sequence[int]) -> TaskInference:
        """What infers which of its tasks is in force."""
        return TaskInference(self.knowledge, tasks)

    def episode_judge(self) -> EpisodeJudge:
        """What judges to which of its labels an episode belongs."""
        return EpisodeJudge(self.knowledge)

    def belief(self) -> Belief:
        """What it believes of its body while it adapts."""
        return self.adaptation.belief() if self._adapting else Belief()

    def expected_change(self, observation: Array, executed: Array) -> Array | None:
        """What its adaptation expects of an action [A] now."""
        change = self.adaptation.expected(observation, executed) if self._adapting else None
        return None if change is None else change.numpy()

    def remembered(self) -> dict[str, Any] | None:
        """What its adaptation remembers."""
        return self.adaptation.remembered()

    def remembered_bytes(self) -> dict[str, float] | None:
        """What its adaptation's memory of regimes takes."""
        return self.adaptation.remembered_bytes()

    def recollect(self, state: Mapping[str, Any]) -> None:
        """Go on with what :meth:`remembered` returned."""
        self.adaptation.recollect(state)

    def save_flow(self, folder: Path) -> None:
        """Write the flow that it refines with to a folder."""
        self.adaptation.save_flow(folder)

    def load_flow(self, folder: Path) -> None:
        """Refine with a flow from a folder."""
        self.adaptation.load_flow(folder)

    @property
    def milliseconds(self) -> Mapping[str, list[float]]:
        """CPU milliseconds of each step of the present mission, by phase."""
        return self._watch.milliseconds if self.adaptation.ready else {}

    def knows(self, task: int) -> bool:
        """Whether a task has been begun, so that it can be planned for."""
        return self.knowledge.knows(task)

    def model_of(self, task: int) -> Model:
        """The model that it plans on for a task that has begun."""
        return self.knowledge.rollout(task)

    def deciding(self, task: TaskSpec) -> Deciding | None:
        """What it decides by on a task, unless it adapts to its body."""
        self.begin(task, 0, explore=False)
        if self._adapting:
            return None
        model = self.knowledge.rollout(task.index, apart=self.planner.pessimism > 0)
        return Deciding(self.planner, model, self._reward, tuple(self._recalled.beside(task.index)))

    def task_model_of(self, task: int) -> TaskModel:
        """The dynamics of a task that has begun."""
        return self.knowledge.task_model(task)

    def members_of(self, task: int) -> list[Model]:
        """A rollout of each member of the ensemble."""
        return self.knowledge.members(task)

    def basis_element(self) -> str:
        """Fingerprint of the current task's model (weights and normalisers), of its planner, and of what adapts."""
        task, planner = self.knowledge.task, asdict(self.config.planner)
        if task < 0:
            return fingerprint_of("no task yet", planner)
        parts = self.knowledge.normalisers[task].parts()
        normalisers = {name: [part.mean, part.std] for name, part in parts.items()}
        adapting = self.adaptation.in_force() if self._adapting else []
        return fingerprint_of(task, self.knowledge.strategy.weights(task), normalisers, planner, *adapting)

    def storage(self) -> Storage:
        """What the strategy keeps per finished task."""
        return self.knowledge.storage()

    def kept_bytes(self) -> int:
        """Bytes that the strategy keeps, without optimisers and averages, and those that adapting needs."""
        return self.knowledge.kept_bytes() + self.adaptation.kept_bytes() + self.outcomes.kept_bytes()

    def kept_once_bytes(self) -> int:
        """Those of :meth:`kept_bytes` that are the same however many tasks were learned."""
        return self.knowledge.kept_once_bytes() + self.adaptation.kept_bytes()

    def old_rows_read(self) -> int:
        """Transitions of earlier tasks, or of the nominal body, that learning looked at again."""
        return self.knowledge.evaluator.old_rows + self.adaptation.old_rows_read()

    def outcome_errors(self) -> dict[str, float]:
        """Errors of the current task's learned reward and ends (:mod:`crl.learning.outcomes`)."""
        return self.outcomes.errors(self.knowledge.task)

    def plasticity(self) -> Plasticity | None:
        """State of the current task's network; ``None`` before there are transitions."""
        return self.knowledge.plasticity()

    def _safe(self, reason: str) -> Decision:
        action = as_array(self.task.safe_action)
        return Decision(action, action, reason)

    # ------------------------------------------------------------------ persistence
    def episode_state(self) -> dict[str, Any]:
        """Warm start, generator, and what its adaptation has seen so far."""
        return {
            "step": self._step,
            "generator": self._generator.get_state(),
            "planner": self.planner.state_dict(),
            "adaptation": self.adaptation.episode_state() if self._adapting else None,
        }

    def resume_episode(self, task: TaskSpec, episode: int, state: Mapping[str, Any]) -> None:
        """Go on with an episode."""
        self.begin(task, episode, False)
        self._step = int(state["step"])
        self._generator.set_state(state["generator"])
        self.planner.load_state_dict(state["planner"])
        if self._adapting:
            self.adaptation.set_episode_state(state["adaptation"])

    def adopt(self, state: Mapping[str, Any], budget: LearnBudget) -> LearnReport:
        """Take over the models of another agent, and fit its own adaptation to the transitions of the nominal body."""
        self._load_knowledge(state)
        return LearnReport(budget.steps, self.adaptation.fit(self.knowledge.buffer, budget))

    def state_dict(self) -> dict[str, Any]:
        """Knowledge, counters, and what was fitted; between episodes."""
        return {
            **self.knowledge.state_dict(),
            **self.exploration.state_dict(),
            **({"outcomes": outcomes} if (outcomes := self.outcomes.state_dict()) else {}),
            "nominal": self._nominal,
            "recalled": self._recalled.state_dict(),
            "adaptation": self.adaptation.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit.

        Raises:
            UnfitStateError: It is of an agent of missions of version 0.1 before it learned with a retention strategy.
        """
        if "strategy" not in state:
            raise restoring.UnfitStateError(
                "the state is of an agent of missions that learned without a retention strategy, which this version "
                "can't read"
            )
        self._load_knowledge(state)
        with restoring.part("adaptation"):
            self.adaptation.load_state_dict(state.get("adaptation", {"fitted": None}))

    def _load_knowledge(self, state: Mapping[str, Any]) -> None:
        self.knowledge.load_state_dict(state)
        self.exploration.load_state_dict(state)
        self._recalled.load_state_dict(state.get("recalled", {}))
        with restoring.part("outcomes"):
            self.outcomes.load_state_dict(state.get("outcomes", {}))
        self._nominal = int(state.get("nominal", min(state["scales"], default=-1)))
