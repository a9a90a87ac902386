"""Runs that take a second: a task sequence in plain numpy, faulty on demand, and settings with little of everything.

The sequences are named ``tests.tiny:NAME``, as a user names his own.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from rich.console import Console

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import compose, given_keys
from crl.config.reading import unread_of
from crl.errors import CrlError
from crl.sequences import load_sequence
from crl.training.checkpoints.store import CheckpointStore
from crl.training.clock import Clock
from crl.training.loop import TrainingLoop
from crl.training.order import task_order
from crl.training.runs.folder import RunFolder
from crl.training.runs.log import RunLog
from crl.training.showing.progress import Progress
from crl.types import Array, Decision, LearnBudget, LearnReport, TaskSpec, Transition

EPISODE_STEPS = 16
TIMES = ("wall_seconds", "cpu_seconds", "time", "decision_ms", "run", "commit")
"""Entries of results.json that may differ between equal runs; a commit may be made between two."""

RESETS: list[tuple[str, int]] = []
"""Task and seed of every episode that began; a test that reads it clears it first."""
FIXED: set[str] = set()
"""Faults that no longer happen; a test that fixes one undoes it with monkeypatch."""


class Slide(gymnasium.Env[Any, Any]):
    """A point on a line is pushed towards the origin; its mass differs from task to task.

    Args:
        gain: Acceleration of a full push.
        goal: ``near``: succeeds once within 0.3 of the origin; ``push``: succeeds if the last action was positive;
            ``luck``: succeeds in half of all episodes, by their seed; ``none``: has no notion of success.
        fault: ``nan``, ``reward``, ``shape`` or ``told``: what a step gives; ``reset`` (NaN) or ``reset_shape``: what
            a reset gives.
        share: Share of the episodes, by their seed, that have the fault.
        at: Step of the fault, and of the fall.
        falls: Whether episodes are terminated at step ``at``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    def __init__(
        self,
        gain: float = 1.0,
        goal: str = "near",
        fault: str = "",
        share: float = 1.0,
        at: int = 5,
        falls: bool = False,
        render_mode: str | None = None,
    ) -> None:
        self.gain, self.goal, self.fault, self.share, self.at, self.falls = gain, goal, fault, share, at, falls
        self.render_mode = render_mode
        self.observation_space = Box(-np.inf, np.inf, (2,), np.float32)
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self.task = {
            "name": f"gain {gain}",
            "control_period": 0.1,
            "episode_steps": EPISODE_STEPS,
            "observation": [{"name": "x", "unit": "m"}, {"name": "v", "unit": "m/s"}],
            "action": [{"name": "push", "unit": "N", "low": -1.0, "high": 1.0}],
            "safe_action": [0.125],
            "exploration": {"beta": 1.0, "std": [0.7]},
            "has_success": goal != "none",
        }

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        RESETS.append((self.task["name"], -1 if seed is None else seed))
        self.state = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        self.steps = 0
        self.lucky = bool(self.np_random.random() < 0.5)
        self.solved = False
        self.faulty = bool(self.np_random.random() < self.share) and self.fault not in FIXED
        if self.faulty and self.fault == "reset":
            return np.full(2, np.nan, np.float32), {}
        if self.faulty and self.fault == "reset_shape":
            return np.zeros(3, np.float32), {}
        return self.state.copy(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        before, (x, v) = self.state, self.state
        v = 0.9 * v + 0.3 * self.gain * float(action[0])
        self.state = np.array([x + 0.3 * v, v], np.float32)
        self.steps += 1
        reward = float(self.reward(before, action, self.state))
        info: dict[str, Any] = {}
        shown = self.state.copy()
        if self.faulty and self.steps == self.at:
            if self.fault == "nan":
                shown[1] = np.nan
            elif self.fault == "reward":
                reward = float("nan")
            elif self.fault == "shape":
                shown = np.zeros(3, np.float32)
            elif self.fault == "told":
                info["fault"] = "the motor is on fire"
        last = self.steps == EPISODE_STEPS
        if self.goal == "near":
            self.solved = self.solved or bool(self.success(self.state))
        elif self.goal == "push":
            self.solved = last and bool(action[0] > 0)
        elif self.goal == "none":
            self.solved = False
        else:
            self.solved = last and self.lucky
        fallen = self.falls and self.steps >= self.at
        return shown, reward, fallen, last and not fallen, {**info, "is_success": self.solved}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return -(next_observation[..., 0] ** 2) - 0.01 * action[..., 0] ** 2

    def success(self, observation: Any) -> Any:
        return abs(observation[..., 0]) < 0.3

    def render(self) -> Any:
        picture = np.zeros((32, 48, 3), np.uint8)
        picture[:, int(np.clip(24 + 12 * self.state[0], 1, 46)), :] = 255
        return picture


gymnasium.register("crl_tests/Slide-v0", entry_point=Slide)


def sequence(*tasks: dict[str, Any], names: str = "") -> dict[str, Any]:
    """A sequence of slides with the given arguments, as the plain data that a package would publish."""
    entries = [
        {"name": names[i] if names else f"slide_{i}", "id": "tests.tiny:crl_tests/Slide-v0", "kwargs": kwargs}
        for i, kwargs in enumerate(tasks)
    ]
    return {"name": "slides", "description": "for tests", "tasks": entries}


SLIDES = sequence({"gain": 1.0}, {"gain": -1.5}, {"gain": 2.5})
LUCKY = sequence({"gain": 1.0, "goal": "luck"}, {"gain": -1.5, "goal": "luck"})
PUSHED = sequence({"gain": 1.0, "goal": "push"}, {"gain": -1.5, "goal": "push"})
ENDLESS = sequence({"gain": 1.0, "goal": "none"}, {"gain": -1.5, "goal": "none"})
COMES_AGAIN = sequence({"gain": 1.0}, {"gain": 1.0}, {"gain": -1.5}, {"gain": 1.0}, names="aaba")
SOMETIMES_NAN = sequence({"gain": 1.0, "fault": "nan", "share": 0.4}, {"gain": -1.5})
NAN = sequence({"gain": 1.0, "fault": "nan"})
NAN_REWARD = sequence({"gain": 1.0, "fault": "reward"})
NAN_RESET = sequence({"gain": 1.0, "fault": "reset"})
SHAPE = sequence({"gain": 1.0, "fault": "shape"})
SHAPE_RESET = sequence({"gain": 1.0, "fault": "reset_shape"})
TOLD = sequence({"gain": 1.0, "fault": "told"})
FALLS = sequence({"gain": 1.0, "falls": True}, {"gain": -1.5, "falls": True})
SOUND_THEN_NAN = sequence({"gain": 1.0}, {"gain": -1.5, "fault": "nan"})

SMALL = (
    "dynamics.hidden=[16,16]",
    "dynamics.ensemble=1",
    "dynamics.hypernetwork.embedding=4",
    "dynamics.hypernetwork.hidden=[16]",
    "dynamics.hypernetwork.chunk=100",
    "learning.batch=16",
    "learning.initial_steps=6",
    "learning.steps_per_env_step=0.2",
    "learning.final_steps=8",
    "learning.average=0.9",
    "planner.samples=8",
    "planner.horizon=4",
    "planner.rounds=2",
    "planner.elites=3",
    "planner.keep=2",
    "exploration.random_episodes=1",
    "exploration.noise=0.2",
    "exploration.every=3",
    "budget.steps=[64]",
    "evaluation.episodes=2",
    "evaluation.episodes_between=1",
    "monitor.probes=0",
    "checkpoint.seconds=100000",
    "videos=false",
    "check=false",
)


def settings(runs: Path, *overrides: str, env: str = "SLIDES", tasks: str = "[0,1]") -> Config:
    """Settings of a tiny run, composed as a user's are; it writes a checkpoint at its end only.

    Args:
        runs: Folder for its run folder, which is called ``run`` unless ``overrides`` say otherwise.
        overrides: ``key=value``, after those of :data:`SMALL`.
        env: A sequence of this module, or ``cartpole_length``.
        tasks: Their order.
    """
    return compose(arguments(runs, *overrides, env=env, tasks=tasks))


def arguments(runs: Path, *overrides: str, env: str = "SLIDES", tasks: str = "[0,1]") -> list[str]:
    """The command line's arguments for :func:`settings`."""
    name = env if env.islower() else f"tests.tiny:{env}"
    chosen = [f"env={name}", f"tasks={tasks}", f"run_dir={runs}", "name=run"]
    return [*chosen, *read_with(SMALL, *chosen, *overrides), *overrides]


def read_with(small: Sequence[str], *chosen: str) -> list[str]:
    """Those of some settings (``key=value``) that the components read which others choose; all, if they choose none."""
    # Where a run lies decides nothing, and is another folder in every test.
    return list(_read_with(tuple(small), tuple(word for word in chosen if not word.startswith(("run_dir=", "name=")))))


@lru_cache(maxsize=1000)
def _read_with(small: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    try:
        config = compose([*small, *chosen], unread=True)
    except CrlError:  # whoever gave it looks for the error
        return small
    return tuple(word for word in small if not unread_of(config, _keys(word)))


@cache
def _keys(word: str) -> tuple[str, ...]:
    return tuple(given_keys([word]))


def quiet() -> tuple[Progress, io.StringIO]:
    """A progress that writes to a string."""
    text = io.StringIO()
    return Progress(1, [], Console(file=text, width=200)), text


def make_loop(config: Config, folder: Path, agent: Agent | None = None) -> TrainingLoop:
    """A training loop of its own, without the runner around it; ``folder`` need not exist.

    Args:
        config: Settings.
        folder: Where its log goes.
        agent: Who learns; the configuration's agent by default.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tasks = load_sequence(config.env.name)
    agent = agent or make_agent(config, tasks.spec(task_order(config, tasks)[0]))
    return TrainingLoop(config, tasks, agent, RunLog(RunFolder(folder), tensorboard=False), quiet()[0], Clock())


def finish(loop: TrainingLoop) -> TrainingLoop:
    """Do all units."""
    while not loop.done:
        loop.unit()
    return loop


def lines(folder: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """Lines of a run's ``metrics.jsonl``, all or of one kind."""
    found = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in found if kind is None or line["kind"] == kind]


def outcome(folder: Path) -> dict[str, Any]:
    """All that two equal runs share: metrics (bytes), results without times, and the last checkpoint's state."""
    state = CheckpointStore(folder / "checkpoints").load_latest().state
    del state["clock"]
    results = json.loads((folder / "results.json").read_text())
    return {
        "metrics": (folder / "metrics.jsonl").read_bytes(),
        "results": {name: value for name, value in results.items() if name not in TIMES},
        "state": state,
    }


class Puppet(Agent):
    """An agent that acts as it is told and notes what it is asked.

    Args:
        choose: Gives the action of a step.

    Attributes:
        version: Learning sessions so far; all that it has learned.
        explore: Whether the present episode is a training episode.
        played: Other episodes since the last learning session, the present one included.
    """

    def __init__(self, choose: Callable[[Puppet], Sequence[float]] = lambda puppet: [1.0]) -> None:
        self.choose = choose
        self.version = 0
        self.explore = False
        self.played = 0
        self.begun: list[tuple[str, int, bool]] = []
        self.seen: list[Transition] = []
        self.followed: list[Transition] = []
        self.budgets: list[LearnBudget] = []

    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        self.explore = explore
        self.played += not explore
        self.begun.append((task.name, episode, explore))

    def act(self, observation: Array) -> Decision:
        action = np.asarray(self.choose(self), np.float32)
        return Decision(action, action, sequences=1)

    def observe(self, transition: Transition) -> None:
        self.seen.append(transition)

    def follow(self, transition: Transition) -> None:
        self.followed.append(transition)

    def learn(self, budget: LearnBudget) -> LearnReport:
        self.version += 1
        self.played = 0
        self.budgets.append(budget)
        return LearnReport(budget.steps, {"task": 1.0 / self.version})

    def basis_element(self) -> str:
        return str(self.version)

    def state_dict(self) -> dict[str, Any]:
        return {"version": self.version}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.version = state["version"]
