"""A point on a line that is pushed: the smallest task that an agent can learn, with exact dynamics and no simulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crl.agents.base import Agent
from crl.config import Config, DynamicsConfig, HypernetworkConfig, LearningConfig, PlannerConfig
from crl.types import (
    ActionSpec,
    ExplorationPrior,
    LearnBudget,
    ObservationField,
    ObservationSpec,
    Phase,
    TaskSpec,
    Transition,
)

OBSERVATION = ObservationSpec(
    (
        ObservationField("position", "m", low=-5.0, high=5.0),
        ObservationField("velocity", "m/s", low=-5.0, high=5.0, event=0.3),
    )
)
ACTION = ActionSpec(("push",), ("m/s^2",), (-1.0,), (2.0,))


def reward(observation: Any, action: Any, next_observation: Any) -> Any:
    """Minus the squared distance from the origin, velocity and effort."""
    return -(next_observation[..., 0] ** 2) - 0.1 * next_observation[..., 1] ** 2 - 0.01 * action[..., 0] ** 2


def success(observation: Any) -> Any:
    """Whether the point is near the origin."""
    return abs(observation[..., 0]) < 0.1


def point_mass(index: int = 0, **changes: Any) -> TaskSpec:
    """The task's description; :class:`Track` simulates it."""
    given: dict[str, Any] = {
        "name": f"mass {index}",
        "index": index,
        "observation": OBSERVATION,
        "action": ACTION,
        "control_period": 0.2,
        "episode_steps": 10,
        "safe_action": (0.25,),
        "exploration": ExplorationPrior(1.0, (0.7,), (Phase((2, 4), (0.5,), (0.2,)),)),
        "reward": reward,
        "success": success,
    }
    return TaskSpec(**(given | changes))


@dataclass
class Track:
    """The physics: exact steps of 0.2 s; ``gain`` tells one task from another."""

    gain: float = 1.0
    state: np.ndarray = field(default_factory=lambda: np.zeros(2, np.float32))

    def reset(self, seed: int) -> np.ndarray:
        """A random start."""
        self.state = np.random.default_rng(seed).uniform(-1, 1, 2).astype(np.float32)
        return self.state.copy()

    def step(self, action: np.ndarray) -> np.ndarray:
        """The next observation."""
        x, v = self.state
        v = v + 0.2 * self.gain * float(action[0])
        self.state = np.clip([x + 0.2 * v, v], -5, 5).astype(np.float32)
        return self.state.copy()


def small(**changes: Any) -> Config:
    """Settings of a tiny agent; ``changes`` are sections, or dicts that change a section."""
    config = Config()
    config.dynamics = DynamicsConfig(hidden=[8], hypernetwork=HypernetworkConfig(embedding=3, hidden=[6], chunk=40))
    config.learning = LearningConfig(batch=16, average=0.9, recent=0.2, recent_window=8, events=0.3)
    config.planner = PlannerConfig(samples=12, horizon=4, rounds=2, elites=4, keep=2)
    for name, change in changes.items():
        section = getattr(config, name)
        for key, value in change.items() if isinstance(change, dict) else ():
            assert hasattr(section, key), f"{name}.{key} is no setting"
            setattr(section, key, value)
        if not isinstance(change, dict):
            setattr(config, name, change)
    if config.continual.name == "hypercrl_chunked":
        config.dynamics.hypernetwork.kind = "chunked"
    return config


def episode(agent: Agent, task: TaskSpec, number: int, *, explore: bool = True) -> Iterator[np.ndarray]:
    """Play one episode; yields the actions."""
    track = Track(gain=1.0 + task.index)
    observation = track.reset(seed=100 * task.index + number)
    agent.begin(task, number, explore)
    for step in range(task.episode_steps):
        decision = agent.act(observation)
        after = track.step(decision.action)
        if explore:
            agent.observe(transition(task, observation, decision.action, after, step))
        observation = after
        yield decision.action


def transition(
    task: TaskSpec, observation: np.ndarray, action: np.ndarray, after: np.ndarray, step: int = 0
) -> Transition:
    """A transition whose planned, refined and executed action are one."""
    return Transition(
        task=task.index,
        observation=observation,
        planned=action,
        refined=action,
        executed=action,
        reward=float(task.reward(observation, action, after)),
        next_observation=after,
        first=step == 0,
        last=step + 1 == task.episode_steps,
    )


def train(agent: Agent, task: TaskSpec, episodes: range, *, steps: int = 6) -> list[np.ndarray]:
    """Episodes, each followed by a learning session; returns all actions."""
    actions: list[np.ndarray] = []
    for number in episodes:
        actions += list(episode(agent, task, number))
        agent.learn(LearnBudget(steps))
    return actions
