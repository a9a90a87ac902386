"""The checker of agents, in the environments of a task sequence."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import gymnasium
import numpy as np

from crl.agents.base import Agent
from crl.checks.failure import own_randomness_only, require
from crl.checks.states import require_plain, require_same
from crl.sequences import TaskSequence, load_sequence
from crl.types import Array, Decision, LearnBudget, TaskSpec, Transition, as_array

_STATE = "put everything that decides the future into state_dict, and copies of it"


def check_agent(make: Callable[[int], Agent], sequence: TaskSequence | str, *, steps: int = 12, seed: int = 0) -> None:
    """Check what the training loop, evaluations, robots and checkpoints take for granted of an agent.

    Actions are float32 [A], finite and inside their range; an observation that is not finite gets the task's safe
    action with a reason, and the next one a decision again; evaluation episodes repeat to the bit and change nothing;
    the seed alone decides; the basis element is a fingerprint of what was learned; from every point between episodes
    and learning sessions, an agent restored from ``state_dict`` has the same future to the bit, and the state holds
    only what a checkpoint can.

    Args:
        make: Makes a new agent from a seed.
        sequence: Where it is tried, or its name; its first two tasks are used (the first alone if there is one only).
        steps: Steps of every trial episode.
        seed: Seed of the trials.

    Raises:
        CheckFailed: A promise is broken.
    """
    sequence = load_sequence(sequence) if isinstance(sequence, str) else sequence
    tasks = [sequence.spec(index) for index in range(min(2, len(sequence)))]
    trial = _Trial([(task, sequence.make(task.index)) for task in tasks], steps)
    try:
        agent = make(seed)
        name = type(agent).__name__
        require(isinstance(agent, Agent), f"{name} is no crl.agents.base.Agent", "derive its class from that one")
        with own_randomness_only(trial.where(agent)):
            _check_decisions(agent, trial)
            _check_evaluation(agent, trial)
            _check_futures(make, trial, seed)
    finally:
        trial.close()


class _Trial:
    """Tasks with their environments, and how episodes of them are played."""

    def __init__(self, tasks: list[tuple[TaskSpec, gymnasium.Env[Array, Array]]], steps: int) -> None:
        self.tasks, self.steps = tasks, steps

    def close(self) -> None:
        for _, env in self.tasks:
            env.close()

    def where(self, agent: Agent) -> str:
        return f"agent {type(agent).__name__}"

    def play(self, agent: Agent, index: int, episode: int, *, explore: bool) -> list[Array]:
        """Play an episode of a task; returns the actions."""
        task, env = self.tasks[index % len(self.tasks)]
        where = f"{self.where(agent)}, task {task.name!r}"
        observation, _ = env.reset(seed=episode)
        agent.begin(task, episode, explore)
        actions = []
        steps = min(self.steps, task.episode_steps)
        for step in range(steps):
            decision = agent.act(observation)
            _check_decision(decision, task, where)
            after, reward, terminated, truncated, _ = env.step(decision.action)
            last = step + 1 == steps or terminated or truncated
            if explore:
                agent.observe(
                    Transition(
                        task.index,
                        observation,
                        decision.planned,
                        decision.action,
                        decision.action,
                        float(reward),
                        after,
                        step == 0,
                        last,
                        bool(terminated),
                    )
                )
            actions.append(decision.action)
            observation = after
            if last:
                break
        return actions

    def learn(self, agent: Agent, *, closing: bool = False) -> None:
        report = agent.learn(LearnBudget(4, closing))
        where = self.where(agent)
        require(0 <= report.steps <= 4, f"{where}: learn took {report.steps} gradient steps, its budget was 4")
        for name, value in report.losses.items():
            require(math.isfinite(value), f"{where}: learn reports {name!r} as {value}")


def _check_decision(decision: Decision, task: TaskSpec, where: str) -> None:
    low, high = as_array(task.action.low), as_array(task.action.high)
    for name, action in (("action", decision.action), ("planned action", decision.planned)):
        require(
            isinstance(action, np.ndarray) and action.dtype == np.float32 and action.shape == low.shape,
            f"{where}: its {name} is {type(action).__name__} {getattr(action, 'dtype', '')} "
            f"of shape {np.shape(action)}, not a float32 array of shape {low.shape}",
        )
        require(bool(np.isfinite(action).all()), f"{where}: its {name} {action} is not finite")
        require(
            bool(((action >= low) & (action <= high)).all()),
            f"{where}: its {name} {action} is outside the range {low} to {high}",
            "clip it: the command filter would, and then something else is executed than was decided",
        )


def _check_decisions(agent: Agent, trial: _Trial) -> None:
    for explore in (True, False):
        trial.play(agent, 0, 0, explore=True)
        trial.learn(agent)
        task, env = trial.tasks[0]
        where = f"{trial.where(agent)}, task {task.name!r}"
        observation, _ = env.reset(seed=0)
        for bad in (math.nan, math.inf):
            agent.begin(task, 1, explore)
            broken = observation.copy()
            broken[-1] = bad
            decision = agent.act(broken)
            _check_decision(decision, task, where)
            require(
                decision.reason is not None and np.array_equal(decision.action, as_array(task.safe_action)),
                f"{where}: answers an observation that holds {bad} with {decision.action} and the reason "
                f"{decision.reason!r}, not with the safe action {task.safe_action} and a reason",
            )
            after = agent.act(observation)
            _check_decision(after, task, where)
            require(after.reason is None, f"{where}: does not recover from an observation that held {bad}")


def _check_evaluation(agent: Agent, trial: _Trial) -> None:
    for index in range(len(trial.tasks)):
        for episode in range(2):
            trial.play(agent, index, episode, explore=True)
            trial.learn(agent)
    where = trial.where(agent)
    before, element = copy.deepcopy(agent.state_dict()), agent.basis_element()
    require(isinstance(element, str) and bool(element), f"{where}: its basis element is {element!r}, not a fingerprint")
    for index in range(len(trial.tasks)):
        one = trial.play(agent, index, 7, explore=False)
        trial.play(agent, index + 1, 3, explore=False)
        again = trial.play(agent, index, 7, explore=False)
        require_same(
            again,
            one,
            f"{where}: an evaluation episode that is played again goes differently",
            "derive all randomness of an episode from (seed, task, episode): crl.seeding",
        )
    require_same(
        agent.state_dict(),
        before,
        f"{where}: an evaluation episode changes the agent's state",
        "learn and count in episodes with explore=True only",
    )
    require(
        agent.basis_element() == element,
        f"{where}: its basis element changes in evaluation episodes, in which nothing is learned",
        "make it of what learning moves, and of nothing that acting moves",
    )


def _check_futures(make: Callable[[int], Agent], trial: _Trial, seed: int) -> None:
    """Stop a life at every point where the training loop may save it; go on in the original and in a restored agent."""
    points: list[Callable[[Agent], object]] = [
        lambda agent: None,
        lambda agent: trial.play(agent, 0, 0, explore=True),
        lambda agent: trial.learn(agent),
        lambda agent: trial.play(agent, 0, 1, explore=True),
        lambda agent: trial.learn(agent, closing=True),
        lambda agent: trial.play(agent, 1, 0, explore=True),
        lambda agent: trial.learn(agent),
    ]

    def future(agent: Agent) -> list[Array]:
        actions = trial.play(agent, 0, 5, explore=True)
        trial.learn(agent)
        actions += trial.play(agent, 1, 6, explore=True)
        trial.learn(agent, closing=True)
        for index in range(len(trial.tasks)):
            actions += trial.play(agent, index, 9, explore=False)
        return actions

    for count in range(1, len(points) + 1):
        original, twin = make(seed), make(seed)
        for agent in (original, twin):
            for do in points[:count]:
                do(agent)
        where = f"{trial.where(original)}, after {count - 1} units of work"
        state = original.state_dict()
        require_plain(state, where)
        hint = "derive all randomness from the seed: crl.seeding"
        require_same(state, twin.state_dict(), f"{where}: two agents with one seed and one life differ", hint)
        element = original.basis_element()
        require(
            element == twin.basis_element(), f"{where}: agents with equal states have different basis elements", hint
        )
        kept = copy.deepcopy(state)
        actions = future(original)
        require_same(state, kept, f"{where}: the saved state changes when the agent goes on", _STATE)
        restored = make(seed)
        restored.load_state_dict(state)
        require_same(restored.state_dict(), kept, f"{where}: load_state_dict(state_dict()) gives another state", _STATE)
        require(restored.basis_element() == element, f"{where}: a restored agent has another basis element", _STATE)
        require_same(future(restored), actions, f"{where}: a restored agent acts differently", _STATE)
        require_same(
            restored.state_dict(), original.state_dict(), f"{where}: a restored agent learns differently", _STATE
        )
