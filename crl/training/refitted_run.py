"""New runs out of finished ones: two merged, or one without a task. They hold a model of every task and no data.

The models of all tasks, however they were made, become the generated weights of one new hypernetwork
(:mod:`crl.continual.refitting`). The new run can be evaluated, played, and resumed for its results.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from crl.agents.base import Agent
from crl.agents.planning import PlanningAgent
from crl.config import Config
from crl.config.declared.agents import MPC, kind_of
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.refitting import refit
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError
from crl.training.checkpoints.proving import new_agent, prove
from crl.training.checkpoints.store import CheckpointStore
from crl.training.clock import Clock
from crl.training.deriving import derived
from crl.training.load import LoadedRun, load_run
from crl.training.runs.folder import RunFolder
from crl.training.runs.state import RunState

NAME = "hypercrl"
"""Strategy of every new run."""


def merge_runs(first: Path, second: Path, out: Path) -> tuple[RunFolder, list[str]]:
    """Make one run of two, with the tasks of both.

    Args:
        first: A run; the new one has its settings.
        second: Another run of the same sequence, on other tasks.
        out: Folder of the new run.

    Returns:
        The new run, and the names of its tasks.

    Raises:
        CrlError: They don't fit together, a task is in both, or ``out`` is taken.
    """
    runs = [load_run(first), load_run(second)]
    for run in runs:
        run.require_told()
    if first.resolve() == second.resolve():
        raise CrlError(f"{first} and {second} are one run", "name two runs that learned different tasks")
    _refuse_unlike(*runs)
    both = [task for task in runs[0].tasks if task in runs[1].tasks]
    if both:
        names = ", ".join(f"{task} {runs[0].sequence.spec(task).name}" for task in both)
        raise CrlError(
            f"both runs have learned task {names}, and one memory has one model of it",
            f"take it out of one of them: crl forget {second} --task {both[0]} --out NEW",
        )
    return write_models([(runs[0], runs[0].tasks), (runs[1], runs[1].tasks)], out, "merge")


def forget_task(path: Path, task: int, out: Path) -> tuple[RunFolder, list[str]]:
    """Make a run like another one, without a task.

    Args:
        path: The run, which is not changed.
        task: Index of the task in its sequence.
        out: Folder of the new run.

    Returns:
        The new run, and the names of its tasks.

    Raises:
        CrlError: It has not learned the task or no other one, its models can't be taken over, or ``out`` is taken.
    """
    run = load_run(path)
    run.require_told()
    run.check(task)
    left = [known for known in run.tasks if known != task]
    if not left:
        raise CrlError(
            f"{path} has learned task {task} alone: nothing would be left", "delete the run instead: crl runs rm"
        )
    return write_models([(run, left)], out, "forget")


def _refuse_unlike(first: LoadedRun, second: LoadedRun) -> None:
    names = [run.config.env.name for run in (first, second)]
    if names[0] != names[1]:
        raise CrlError(
            f"the runs are of two task sequences, {names[0]} and {names[1]}, with tasks and spaces of their own",
            "merge runs of the same env",
        )
    for name, ours, theirs in _compared(first.config, second.config):
        if ours != theirs:
            raise CrlError(
                f"the runs' networks are not alike: dynamics.{name} is {ours} in the first and {theirs} in the second",
                f"merge runs with the same dynamics.{name}",
            )


def _compared(first: Config, second: Config) -> list[tuple[str, Any, Any]]:
    sides = [vars(config.dynamics) for config in (first, second)]
    return [(name, ours, sides[1][name]) for name, ours in sides[0].items() if name != "hypernetwork"]


def planning_agent(run: LoadedRun, *, alike: bool = True) -> PlanningAgent:
    """The agent of a run whose models can be taken over.

    Args:
        run: The run.
        alike: Whether all tasks must have networks of one shape.

    Raises:
        CrlError: It has none, or they can't be taken over; the message says why.
    """
    agent: Agent = run.agent
    reason = None
    if not isinstance(agent, PlanningAgent) or kind_of(run.config) is not MPC:
        reason = "it is not of an agent that plans on learned models of tasks without a refiner (agent=mpc)"
    elif agent.outcomes.state_dict():
        reason = "it has learned rewards or ends of its tasks, which are not generated"
    elif agent.knowledge.model.bounds is not None:
        reason = "with dynamics.out_var=true its models share bounds of their variances, which only its own data fit"
    elif alike and any(
        agent.knowledge.strategy.network_of(task).layers != agent.knowledge.model.network.layers for task in run.tasks
    ):
        reason = f"continual={run.config.continual.name} gives each task a network of its own shape"
    if reason is not None or not isinstance(agent, PlanningAgent):
        raise CrlError(f"the models of {run.folder.path} can't be taken over: {reason}", "choose another run")
    return agent


def refuse_taken(out: Path) -> None:
    """Refuse a folder that is there already.

    Raises:
        CrlError: It is.
    """
    if out.exists():
        raise CrlError(f"{out} is there already, and nothing is written over", "choose another folder with --out")


def write_models(
    sources: Sequence[tuple[LoadedRun, list[int]]],
    out: Path,
    command: str,
    *,
    targets: Mapping[int, Tensor] | None = None,
    hidden: Sequence[int] | None = None,
    report: Mapping[str, Any] | None = None,
) -> tuple[RunFolder, list[str]]:
    """Write a run with models of some tasks of some runs.

    Args:
        sources: The runs, the first of which gives the settings, and their tasks.
        out: Folder of the new run.
        command: Name of the command that makes it.
        targets: Weights of the tasks' networks; the runs' own by default.
        hidden: Widths of these networks' hidden layers; those of the runs by default.
        report: What else the file of the run's origin says.

    Returns:
        The new run, and the names of its tasks.

    Raises:
        CrlError: ``out`` is taken, or the models can't be taken over.
    """
    refuse_taken(out)
    agents = [planning_agent(run, alike=targets is None) for run, _ in sources]
    order = [task for _, tasks in sources for task in tasks]
    base, sequence = sources[0][0], sources[0][0].sequence
    config = _settings(base.config, order, out)
    config.dynamics.hidden = list(hidden or config.dynamics.hidden)
    made = new_agent(config, sequence)
    assert isinstance(made, PlanningAgent) and isinstance(made.knowledge.strategy, HyperCRL)
    own = {
        task: agent.knowledge.strategy.weights(task)
        for agent, (_, tasks) in zip(agents, sources, strict=True)
        for task in tasks
    }
    refit(made.knowledge.strategy, own if targets is None else targets)
    spec = sequence.spec(order[0])
    normalisers = {
        task: agent.knowledge.normalisers[task].state_dict()
        for agent, (_, tasks) in zip(agents, sources, strict=True)
        for task in tasks
    }
    known = {
        **made.state_dict(),
        "strategy": made.knowledge.strategy.state_dict(),
        "scales": normalisers,
        "buffer": Buffer(spec.observation.size, spec.action.size).state_dict(),
        "learning_task": order[-1],
        "learned_once": sorted(order),
        "nominal": order[0],
    }
    made.load_state_dict(known)
    state = _checkpoint(made, sources)
    prove(config, sequence, state)
    origin = {"command": command, "runs": [str(run.folder.path) for run, _ in sources], **(report or {})}
    with derived(config, out.parent, out.name, origin) as folder:
        CheckpointStore(folder.checkpoints, keep=config.checkpoint.keep).save(state["run"]["env_steps"], state)
    return folder, [sequence.spec(task).name for task in order]


def _settings(config: Config, order: list[int], out: Path) -> Config:
    """Settings of the new run: those of the first, with its tasks and a full hypernetwork."""
    made = copy.deepcopy(config)
    made.env.tasks = order
    made.budget.steps = made.budget.steps[:1]
    made.continual.name, made.continual.options = NAME, {}
    made.dynamics.hypernetwork.kind = "full"
    made.run_dir, made.name, made.resume = str(out.parent), out.name, False
    return made


def _checkpoint(agent: PlanningAgent, sources: Sequence[tuple[LoadedRun, list[int]]]) -> dict[str, Any]:
    """State of a run that has learned all of its tasks, and evaluates them next."""
    order, sequence = [task for _, tasks in sources for task in tasks], sources[0][0].sequence
    episodes = {task: run.state.task_episodes[run.sequence.identity(task)] for run, tasks in sources for task in tasks}
    state = RunState(
        visit=len(order) - 1,
        stage="evaluate",
        task_episodes=episodes,
        env_steps=sum(run.state.env_steps for run, _ in sources),
        gradient_steps=sum(run.state.gradient_steps for run, _ in sources),
        rows=[dict.fromkeys(order[: visit + 1]) for visit in range(len(order) - 1)],
        spent=[
            {"task": sequence.spec(task).name, "steps": 0, "episodes": 0, "validation": None} for task in order[:-1]
        ],
    )
    return {
        "agent": agent.state_dict(),
        "best": None,
        "life": None,
        "run": state.state_dict(),
        "log": {"offset": 0, "step": 0},
        "clock": {**Clock().state_dict(), "decision_ms": [], "mission_ms": []},
    }
