"""The loop of a run: collect, learn, validate, evaluate, task after task.

A run is a sequence of short *units* (an episode with its learning session, a closing session, a validation
episode, one task's evaluation). All state between units is in the agent and in :class:`RunState`, and all randomness
follows from seeds and counters, so a run that starts again from any checkpoint repeats the units after it to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.agents.monitor import ReachMonitor
from crl.config import Config
from crl.recent import Recent
from crl.seeding import derive
from crl.sequences import TaskSequence
from crl.training.clock import Clock
from crl.training.data.recorded import Recorded, pretrain
from crl.training.labelling.making import make_labelling
from crl.training.lives.stage import LifeStage
from crl.training.metrics.measures import measure, visit
from crl.training.missions.stage import MissionStage
from crl.training.order import evaluation_episodes, step_budgets, task_order
from crl.training.playing.episode import EpisodeResult, play
from crl.training.playing.evaluation import evaluate_task
from crl.training.playing.learning_inside import LearningInside
from crl.training.playing.probes import collect_probes
from crl.training.runs.log import RunLog
from crl.training.runs.state import RunState
from crl.training.showing.display import Display
from crl.training.showing.progress import Progress
from crl.training.showing.telling import FAULTS_ALLOWED, evaluated, only_random, simulator_failed
from crl.training.visit_budget import VisitBudget
from crl.types import LearnBudget, LearnReport, TaskSpec, untold

DECISIONS_KEPT = 5000
ENVS_KEPT = 32
"""Environments of tasks that stay open."""


class TrainingLoop:
    """Runs units until the run is done.

    Args:
        config: Settings.
        sequence: The task sequence.
        agent: Who learns.
        log: Where results of units are written.
        progress: Where they are shown.
        clock: Accounts for time.
    """

    def __init__(
        self, config: Config, sequence: TaskSequence, agent: Agent, log: RunLog, progress: Progress, clock: Clock
    ) -> None:
        self.config = config
        self.sequence = sequence
        self.agent = agent
        self.log = log
        self.progress = progress
        self.clock = clock
        self.order = task_order(config, sequence)
        self.budget = VisitBudget(config, step_budgets(config, len(self.order)))
        self.state = RunState()
        self.decision_ms: list[float] = []
        self._best: dict[str, Any] | None = None
        self.monitor = ReachMonitor(config.monitor)
        self.missions = MissionStage(config, sequence)
        self.life = LifeStage(config, sequence)
        self.labels = make_labelling(config, agent, [sequence.spec(index) for index in self.order])
        self._display = Display(config, sequence, self.order, self.budget.steps, self.missions, self.life, progress)
        # An episode begins with a reset and a seed, so that an environment may be made anew at any time.
        self._envs: Recent[int, gymnasium.Env[Any, Any]] = Recent(ENVS_KEPT, lambda env: env.close())
        self._loss: float | None = None

    # ------------------------------------------------------------------ units
    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return self.state.stage == "done"

    def unit(self) -> None:
        """Do the next unit of work."""
        stage, before = self.state.stage, self.state.env_steps
        try:
            if stage == "collect":
                self._collect()
            elif stage == "close":
                self._close()
            elif stage == "validate":
                self._validate()
            elif stage == "evaluate":
                self._evaluate()
            elif stage == "missions":
                self._fly()
            elif stage == "life":
                self._live()
        finally:
            self.state.revision = self.state.revision + 1 if self.state.env_steps == before else 1
        self.show()

    def pretrain(self, recorded: Recorded) -> None:
        """Learn from recorded data, before the first unit."""
        steps = self.config.learning.initial_steps
        self._display.learning()
        with self.clock.phase("learn"):
            report = pretrain(self.agent, self._task(), recorded, steps, self._display.learned)
        self.state.gradient_steps += report.steps
        taken = {"transitions": len(recorded.transitions), "stretches": recorded.stretches}
        self.log.write("data", 0, {**taken, "observations": recorded.messages, "left_out": recorded.left_out})
        self._log_learning(report)
        self.progress.message(str(recorded))
        if self.config.data.only:
            self.state.stage = "close"

    def _collect(self) -> None:
        """One training episode and the learning session that follows it."""
        state, config, task = self.state, self.config, self._task()
        number = state.task_episodes.get(task.index, 0)
        inside = LearningInside(
            self._learn_after, 0 if state.episodes < config.exploration.random_episodes else config.learning.every
        )
        seed = derive(config.seed, "episode", task.index, number) % 2**31
        result = play(
            self.agent,
            self._env(task.index),
            self.labels.spec(task),
            episode=self.labels.number(task, state),
            seed=seed,
            explore=True,
            clock=self.clock,
            steps=max(1, self.budget.left(self.state)),
            after_success=config.budget.after_success,
            observer=self.labels.following(inside),
        )
        state.task_episodes[task.index] = number + 1
        state.episodes += 1
        state.task_steps += result.steps
        state.env_steps += result.steps
        state.outcomes.append(self.budget.solved(result, task))
        self.decision_ms = (self.decision_ms + result.decision_ms)[-DECISIONS_KEPT:]
        state.faults = state.faults + 1 if result.fault else 0
        if result.fault:
            self.progress.message(f"{task.name}: episode ended early: {result.fault}; nothing of that step is learned")
        self._log_episode("episode", task, result)
        self.show(episode_return=result.total, success=result.judged(task))
        self._assign(task)
        random = self.agent.random_episodes(config.exploration.random_episodes)
        if self.labels.begins(state, max(1, random)):
            self._learn(config.learning.initial_steps)
        elif self.labels.episodes(state) >= random:
            self._learn_after(result.steps - inside.learned)
        self._watch()
        if self.budget.mastered(self.state) or self.budget.spent(self.state):
            state.stage = "close"
            if state.episodes <= random:
                self.progress.message(only_random(task, state.task_steps, random))
        if state.faults >= FAULTS_ALLOWED:  # last, so that the unit is complete and its state fit to be saved
            raise simulator_failed(task, result, self.order[state.visit], config.env.name, self.sequence)

    def _close(self) -> None:
        """The closing session: a falling learning rate, so that the weights come to rest."""
        state = self.state
        if last := state.visit + 1 == len(self.order):
            self.labels.settle()
        if self.labels.closes(last=last):
            self._learn_finally()
        self._watch()
        state.validated = []
        state.tried = state.episodes
        if self.budget.validates and self.budget.fits(self.state, self._task()):
            state.stage = "validate"
        else:
            self._finish(0)

    def _validate(self) -> None:
        """One validation episode of the present snapshot; after the last, go on, go back, or finish the task."""
        state, config, task = self.state, self.config, self._task()
        index = len(state.validated)
        seed = derive(config.seed, "validate", task.index, state.episodes, index) % 2**31
        with self.clock.phase("evaluate"):
            result = play(
                self.agent,
                self._env(task.index),
                self.labels.spec(task),
                episode=seed,
                seed=seed,
                explore=False,
                clock=Clock(),
                until_success=True,
            )
        state.task_steps += result.steps
        state.env_steps += result.steps
        state.validated.append(self.budget.solved(result, task))
        self._log_episode("validation", task, result)
        if not self.budget.judged_enough(self.state) and self.budget.fits(self.state, self._task()):
            return
        successes = sum(state.validated)
        if successes > state.best:
            state.best = successes
            self._best = dict(self.agent.state_dict())
        mastered = config.budget.mastery and successes >= config.budget.validation_successes
        self.progress.message(
            f"{task.name}: validation {successes} of {len(state.validated)} after {state.task_steps} steps"
        )
        # What is learned after the last validation that fits is kept only where no snapshot succeeded at all.
        if not mastered and (
            self.budget.fits(self.state, self._task()) or (state.best <= 0 and not self.budget.spent(self.state))
        ):
            state.stage = "collect"
            return
        self._finish(successes)

    def _finish(self, successes: int) -> None:
        """End the task with the best validated snapshot; the present one had ``successes`` (0: not validated)."""
        if successes < self.state.best and self._best is not None:
            self.agent.load_state_dict(self._best)
        self._best = None
        self.state.stage = "evaluate"

    def _evaluate(self) -> None:
        """Evaluate the next of the tasks seen so far, by the order of their first visit."""
        state, config = self.state, self.config
        if len(state.rows) == state.visit:
            state.rows.append({})
        row, plan = state.rows[state.visit], evaluation_episodes(config, self.order, state.visit)
        for index, episodes in list(plan.items())[len(row) :]:
            if episodes:
                break
            row[index] = None
        else:
            episodes = 0
        if episodes:
            task = self.sequence.spec(index)
            following = self.labels.evaluating(task)
            score, steps = evaluate_task(
                self.agent,
                self._env(index),
                task,
                episodes=episodes,
                seed=config.evaluation.seed,
                clock=self.clock,
                told=lambda done: self._display.evaluated(state, done),
                observer=following,
            )
            row[index] = score
            state.evaluation_steps += steps
            values = {"after": self._task().name, "task": task.name, "episodes": episodes}
            scores = {"success_rate": score.success_rate, "mean_return": score.mean_return}
            notes: dict[str, Any] = {"notes": score.notes} if score.notes else {}
            if following is not None:
                notes["right_label"] = following.right
            self.log.write("evaluation", state.env_steps, {**values, **scores, **notes})
            for line in evaluated(self._task(), task, score):
                self.progress.message(line)
            return
        spent, logged = visit(self._task(), state, measure(self.agent))
        state.spent.append(spent)
        self.log.write("visit", state.env_steps, logged)
        state.next_visit()
        self.labels.next_visit()
        if state.visit == len(self.order):
            state.stage = "missions" if self.missions.left(state) else "life" if self.life.left() else "done"

    def _fly(self) -> None:
        """The next mission."""
        with self.clock.phase("evaluate"):
            self.missions.fly(self.agent, self.state, self.log, self.progress)
        if not self.missions.left(self.state):
            self.state.stage = "done"

    def _live(self) -> None:
        """The next stretch of the life."""
        with self.clock.phase("evaluate"):
            self.life.live(self.agent, self.state, self.log, self.progress, self.clock)
        if not self.life.left():
            self.state.stage = "done"

    def adopt(self, learned: Mapping[str, Any], *, whole: bool) -> None:
        """Begin with what another run has learned, before the first unit; the life is next.

        Args:
            learned: The state of its agent.
            whole: Whether that agent adapts by the same settings, so that nothing has to be fitted anew.
        """
        self._display.learning()
        if whole:
            self.agent.load_state_dict(learned)
        else:
            steps = self.config.learning.final_steps
            with self.clock.phase("learn"):
                report = self.agent.adopt(learned, LearnBudget(steps, closing=True, told=self._display.learned))
            self.state.gradient_steps += report.steps
        self.state.visit = len(self.order)
        self.state.stage = "life"

    # ------------------------------------------------------------------ parts of units
    def _assign(self, task: TaskSpec) -> None:
        """Have the training episode that is over learned under its label."""
        if made := self.labels.assign(task, self.state, self._learn_finally):
            if made.told is not None:
                self.progress.message(made.told)
            self.log.write("label", self.state.env_steps, {"task": task.name, **made.values()})

    def _learn_finally(self) -> None:
        self._learn(self.config.learning.final_steps, closing=True)

    def _learn_after(self, steps: int) -> None:
        """Learn as much as environment steps call for."""
        self._learn(round(steps * self.config.learning.steps_per_env_step))

    def _learn(self, steps: int, *, closing: bool = False) -> None:
        if steps:
            self._display.learning()
        with self.clock.phase("learn"):
            # Sessions between episodes are over in a moment.
            told = self._display.learned if closing else untold
            report = self.agent.learn(LearnBudget(steps, closing, told=told))
        self.state.gradient_steps += report.steps
        if report.steps:
            self._log_learning(report)
            self._loss = report.losses.get("task")

    def _watch(self) -> None:
        """Let the reach monitor compare decisions with those before."""
        config, task, state = self.config, self.labels.spec(self._task()), self.state
        if not config.monitor.probes or state.episodes < config.exploration.random_episodes:
            return
        with self.clock.phase("evaluate"):
            if not self.monitor.knows(task):
                self.monitor.set_probes(task, collect_probes(self._env(self._task().index), task, config))
            change = self.monitor.update(self.agent, task, state.env_steps)
        if change is not None:
            self.log.write("change", state.env_steps, change.values())

    def _log_episode(self, kind: str, task: TaskSpec, result: EpisodeResult) -> None:
        number = {"task": task.name, "episode": self.state.episodes}
        self.log.write(kind, self.state.env_steps, {**number, **result.values(task)})

    def _log_learning(self, report: LearnReport) -> None:
        """An agent's ``task`` is the loss on the present task; in the log a task is a name."""
        losses = {"loss" if name == "task" else name: value for name, value in report.losses.items()}
        self.log.write("learning", self.state.env_steps, {"task": self._task().name, "steps": report.steps, **losses})

    def show(self, episode_return: float | None = None, success: bool | None = None) -> None:
        """Show where the run is, and what comes next, with an episode that has just ended."""
        self._display.show(self.state, self._loss, episode_return, success)

    def _task(self) -> TaskSpec:
        return self.sequence.spec(self.order[self.state.visit])

    def _env(self, index: int) -> gymnasium.Env[Any, Any]:
        return self._envs.get(index, lambda: self.sequence.make(index))

    def close(self) -> None:
        """Close the environments."""
        self._envs.clear()
        self.life.close()

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Agent, counters, log position and times."""
        return {
            "agent": self.agent.state_dict(),
            "best": self._best,
            "monitor": self.monitor.state_dict(),
            "life": self.life.state_dict(),
            "labels": self.labels.state_dict(),
            "run": self.state.state_dict(),
            "log": self.log.state_dict(),
            # All that differs between two equal runs is in this one entry.
            "clock": {
                **self.clock.state_dict(),
                "decision_ms": list(self.decision_ms),
                "mission_ms": list(self.missions.ms),
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> list[str]:
        """Restore what :meth:`state_dict` returned; returns problems worth telling."""
        self.agent.load_state_dict(state["agent"])
        self._best = state["best"]
        if "monitor" in state:  # not in checkpoints of version 0.1
            self.monitor.load_state_dict(state["monitor"])
        self.state = RunState.from_state(state["run"])
        if self.done and self.state.visit < len(self.order):  # it was given more tasks
            self.state.stage = "collect"
        times = dict(state["clock"])
        self.decision_ms = list(times.pop("decision_ms", []))
        older = [mission.pop("ms", {}) for mission in self.state.missions]  # where it was up to version 0.1
        self.missions.ms = list(times.pop("mission_ms", older))
        self.clock.load_state_dict(times)
        self.life.load_state_dict(state.get("life"), self.agent)
        if labels := state.get("labels"):
            self.labels.load_state_dict(labels)
        return self.log.load_state_dict(state["log"])
