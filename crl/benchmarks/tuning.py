"""Planner settings that keep a rate on this computer, with a learner at work beside (``crl tune-planner``).

Every choice plans from the same observations of one episode, one after the other, so that plans are warm-started as in
use. What is compared is the return that the model predicts for the plans: what a larger search finds that a smaller one
does not. It says nothing of the model's errors.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from crl.agents.planning import PlanningAgent
from crl.config import Config, PlannerConfig
from crl.errors import CrlError
from crl.planning.planner import Planner, make_planner
from crl.seeding import torch_generator
from crl.training.clock import Clock
from crl.training.load import LoadedRun, load_run
from crl.training.playing.episode import Observer, play
from crl.types import Array, TaskSpec, Transition

FACTORS = (8.0, 4.0, 2.0, 1.0, 0.5, 0.25, 0.125)
"""The present number of samples times each of these is tried."""
FEWEST = 8
"""Samples of the smallest search."""
OBSERVATIONS = 40
"""Observations that are planned from."""
PASSES = 3
"""How often all of them are."""
AS_GOOD = 0.01
"""Share of the range of predicted returns within which the cheaper choice is taken."""
MOST_SECONDS = 20.0
"""A choice that takes longer is given up: it is far too slow."""


@dataclass(frozen=True)
class Choice:
    """Settings of a planner, and what they gave.

    Attributes:
        planner: The settings.
        median_ms: Wall time of a plan, median.
        p99_ms: The same, 99 %.
        value: Mean predicted return of the plans.
        keeps: Whether it keeps the rate.
    """

    planner: PlannerConfig
    median_ms: float
    p99_ms: float
    value: float
    keeps: bool

    @property
    def settings(self) -> dict[str, int]:
        """What it changes."""
        names = ("samples", "rounds", "elites", "keep")
        return {f"planner.{name}": getattr(self.planner, name) for name in names}


class _Seen(Observer):
    """Keeps the observations of an episode."""

    def __init__(self) -> None:
        self.observations: list[Array] = []

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        del info
        self.observations.append(transition.observation)


def tune(path: Path, rate: float, share: float, task: int | None = None) -> tuple[list[Choice], Choice]:
    """Measure planner settings for a run's model, and choose.

    Args:
        path: The run.
        rate: Decisions per second (Hz).
        share: Share of a period that a plan may take, 99 % of the time.
        task: Index of the task; the last one that was learned by default.

    Returns:
        All choices, from the largest search to the smallest, and the best that keeps the rate.

    Raises:
        CrlError: The run's agent does not plan, or no choice keeps the rate.
    """
    run = load_run(path)
    agent = run.agent
    if not isinstance(agent, PlanningAgent):
        raise CrlError(
            f"{path} has an agent that does not plan (agent={run.config.agent.name})", "use one of agent=mpc"
        )
    index = run.tasks[-1] if task is None else run.check(task)
    spec = run.sequence.spec(index)
    observations = _observations(run, agent, spec, index)
    with learner_beside(path):
        choices = [
            _measured(run.config, agent, spec, observations, planner, share / rate) for planner in tried(run.config)
        ]
    keeping = [choice for choice in choices if choice.keeps]
    if not keeping:
        fastest = min(choices, key=lambda choice: choice.p99_ms)
        raise CrlError(
            f"no search of {fastest.planner.samples} to {choices[0].planner.samples} samples keeps {rate:g} Hz: the "
            f"fastest takes {fastest.p99_ms:.1f} ms of {1e3 * share / rate:.1f} ms (99 %)",
            "choose a lower --rate, a shorter planner.horizon or smaller dynamics.hidden",
        )
    return choices, best_of(keeping)


def best_of(choices: Sequence[Choice]) -> Choice:
    """The cheapest of those whose predicted return is within a hundredth of the range from the best."""
    values = [choice.value for choice in choices]
    least = max(values) - AS_GOOD * (max(values) - min(values))
    return min((choice for choice in choices if choice.value >= least), key=lambda choice: choice.median_ms)


def tried(config: Config) -> list[PlannerConfig]:
    """Searches around the present one, from large to small, all sound settings."""
    found: dict[tuple[int, int], PlannerConfig] = {}
    own = config.planner
    for factor in FACTORS:
        samples = max(FEWEST, round(own.samples * factor))
        elites = max(1, min(own.elites, samples // 2))
        for rounds in dict.fromkeys((own.rounds, max(1, own.rounds - 1))):
            made = replace(own, samples=samples, rounds=rounds, elites=elites, keep=min(own.keep, elites), deadline=0.0)
            found.setdefault((samples, rounds), made)
    return sorted(found.values(), key=lambda planner: -planner.samples * planner.rounds)


def _observations(run: LoadedRun, agent: PlanningAgent, spec: TaskSpec, index: int) -> list[Array]:
    seen = _Seen()
    seed = run.config.evaluation.seed
    with closing(run.sequence.make(index)) as env:
        made: gymnasium.Env[Any, Any] = env
        about: dict[str, Any] = {"episode": seed, "seed": seed, "steps": OBSERVATIONS, "observer": seen}
        play(agent, made, spec, explore=False, clock=Clock(), **about)
    if not seen.observations:
        raise CrlError(f"{spec.name}: its environment broke in the first step", "`crl check` says more")
    return seen.observations


def _measured(
    config: Config,
    agent: PlanningAgent,
    spec: TaskSpec,
    observations: Sequence[Array],
    settings: PlannerConfig,
    limit: float,
) -> Choice:
    """Plan from all observations, in order, a few times."""
    planner: Planner = make_planner(settings, spec.action, agent.knowledge.device)
    planner.until(agent.outcomes.terminated(spec), spec.success)
    planner.beyond(agent.outcomes.worth(spec))
    model, reward = agent.model_of(spec.index), agent.outcomes.reward(spec)
    generator = torch_generator(config.seed, "tune")
    seconds: list[float] = []
    values: list[float] = []
    begun = time.monotonic()
    with torch.inference_mode():
        for _ in range(PASSES):
            planner.reset()
            for observation in observations:
                seen = torch.from_numpy(observation).to(agent.knowledge.device)
                started = time.perf_counter()
                plan = planner.plan(model, reward, seen, generator, deadline=0.0)
                seconds.append(time.perf_counter() - started)
                values.append(plan.value)
            if time.monotonic() - begun > MOST_SECONDS:
                break
    median, high = np.quantile(seconds[1:], [0.5, 0.99])  # the first one allocates
    return Choice(settings, 1e3 * float(median), 1e3 * float(high), float(np.mean(values)), bool(high <= limit))


@contextmanager
def learner_beside(path: Path) -> Iterator[None]:
    """A process at lower priority that takes gradient steps of a run for as long as the context lasts."""
    command = [sys.executable, "-m", "crl.benchmarks.busy", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != b"learning":
                raise CrlError(f"no learner could be started beside: {path}", "see its message above")
            yield
        finally:
            process.kill()
