"""What known neighbours are worth to a new task: steps until a pole length that a run has not learned is mastered.

A finished run of several lengths learns one more, by different starts, and a fresh network learns it alone. Every 100
steps a copy of the agent is given the closing session that would end its task there, and is evaluated. The score of a
length is the mean return of the two known lengths beside it at the end of the run. An arm is done with a length once it
has reached 0.8 of that, but every arm goes on to the steps that all are compared at. Writes
docs/results/transfer.json and the page beside it; what is there is kept.

usage: python scripts/measure_transfer.py RUN [--snapshots RUN] [--lengths 0.55 0.75] [--arms scratch recalled]

With a run of `env=cartpole_100 "tasks=[0,1,...,28]"`, the thirtieth length is the new one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import compose
from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.seeding import derive
from crl.sequences import TaskSequence, load_sequence
from crl.training.clock import Clock
from crl.training.load import LoadedRun, load_run
from crl.training.playing.episode import Observer, play
from crl.training.playing.evaluation import evaluate_task
from crl.training.playing.unlabelled import Unlabelled
from crl.training.runs.provenance import commit
from crl.types import LearnBudget, TaskSpec
from crl_envs.many import lengths

BETWEEN = (0.55, 0.75, 0.95, 1.15, 1.25)
"""Lengths between those of cartpole_length."""
KNOWN = 29
"""Lengths of cartpole_100 after which the next one is new."""
LENGTHS = (*BETWEEN, lengths()[KNOWN])
"""All new lengths: those between ten known ones, and the thirtieth of a hundred."""
EVERY, MOST, EPISODES, SHARE = 100, 1400, 5, 0.8
"""Steps between evaluations and at most, episodes of each, and the share of the score that is to be reached."""
BOUND = 0.5
"""Greatest share of a fresh network's steps that may be needed beside known lengths."""
COMPARED = (200, 400, 800)
"""Steps after which all arms are evaluated."""
ARMS = {
    "scratch": "a fresh network alone",
    "fresh": "crl learn, a fresh embedding",
    "nearest": "crl learn, from the nearest known length",
    "recalled": "crl learn, known lengths act beside the new model, who predicts best (the default)",
    "alone": "crl learn as by default, but the new model alone is evaluated",
    "snapshot": "a copy of the nearest known length's own network",
    "neighbour": "the nearest known length acts, and nothing is learned",
}
OUT = Path("docs/results/transfer.json")


def sequence_of(lengths: tuple[float, ...]) -> dict[str, Any]:
    """Tasks of these lengths."""
    tasks = [{"name": f"unseen_{at}", "id": "crl/CartPoleLength-v0", "kwargs": {"length": at}} for at in lengths]
    return {"name": "unseen_lengths", "description": "pole lengths that a run has not learned", "tasks": tasks}


NEW = sequence_of(LENGTHS)
"""The new tasks, found as ``measure_transfer:NEW``."""


def score(run: LoadedRun, length: float) -> float:
    """Mean return, at the end of a run, of the known lengths on either side of a new one."""
    tasks = json.loads((run.folder.path / "results.json").read_text())["tasks"]
    known = {float(task["name"].removeprefix("length_")): float(task["mean_return"]) for task in tasks}
    below, above = [at for at in known if at <= length], [at for at in known if at >= length]
    beside = [known[at] for at in {*([max(below)] if below else []), *([min(above)] if above else [])}]
    return float(np.mean(beside))


def new_to(run: LoadedRun) -> tuple[float, ...]:
    """The lengths that are measured beside a run: the thirtieth beside a run of many, else those between ten."""
    return LENGTHS[len(BETWEEN) :] if run.config.env.name == "cartpole_100" else BETWEEN


class Told(Observer):
    """Says which task is in force, so that no other one acts in it."""

    def __init__(self, agent: Agent, task: TaskSpec) -> None:
        self._agent, self._task = agent, task

    def begin(self, env: Any, info: Any) -> None:
        """The task's own model acts from the first step on."""
        del env, info
        self._agent.tell(self._task.index)


def beginning(arm: str, run: LoadedRun) -> tuple[Agent, Config]:
    """The agent of an arm before the new task."""
    config = deepcopy(run.config)
    if arm == "scratch":
        alone = compose(["env=cartpole_length", "continual=single", f"seed={config.seed}"])
        config.continual = alone.continual
    else:
        config.continual.start = {"snapshot": "nearest", "neighbour": "recalled", "alone": "recalled"}.get(arm, arm)
    agent = make_agent(config, run.sequence.spec(0))
    if arm != "scratch":
        agent.load_state_dict(run.agent.state_dict())
    return agent, config


def curve(arm: str, run: LoadedRun, sequence: TaskSequence, task: int, enough: float) -> Iterator[tuple[int, float]]:
    """Steps and mean return of every evaluation."""
    agent, config = beginning(arm, run)
    spec, learning, clock = sequence.spec(task), config.learning, Clock()
    reached = False
    with closing(sequence.make(task)) as env:

        def evaluated(observer: Observer | None = None) -> float:
            if observer is None and arm == "alone":
                observer = Told(agent, spec)
            found, _ = evaluate_task(
                agent, env, spec, episodes=EPISODES, seed=config.evaluation.seed, clock=clock, observer=observer
            )
            return found.mean_return

        if arm in ("recalled", "alone", "neighbour"):  # how it acts before anything is learned
            found = evaluated(Unlabelled(agent, spec, agent.inference(run.tasks)))
            yield 0, found
            reached = found >= enough
            if arm == "neighbour":
                return
        steps = episode = 0
        while steps < (max(COMPARED) if reached else MOST):
            for part in range(EVERY, spec.episode_steps + 1, EVERY):
                if reached and steps + part not in COMPARED:
                    continue
                before = deepcopy(agent.state_dict())
                seed = derive(config.seed, "episode", task, episode) % 2**31
                play(agent, env, spec, episode=episode, seed=seed, explore=True, clock=clock, steps=part)
                random = max(1, agent.random_episodes(config.exploration.random_episodes))
                if episode + 1 == random:
                    agent.learn(LearnBudget(learning.initial_steps))
                elif episode + 1 > random:
                    agent.learn(LearnBudget(round(part * learning.steps_per_env_step)))
                after = deepcopy(agent.state_dict())
                agent.learn(LearnBudget(learning.final_steps, closing=True))
                found = evaluated()
                yield steps + part, found
                reached = reached or found >= enough
                agent.load_state_dict(after if part == spec.episode_steps else before)
            steps, episode = steps + spec.episode_steps, episode + 1


def measured(arm: str, run: LoadedRun, length: float) -> dict[str, Any]:
    """A row: what an arm returns on a length, by steps."""
    sequence = load_sequence(f"{run.config.env.name}+{Path(__file__).stem}:NEW")
    task = len(sequence) - len(LENGTHS) + LENGTHS.index(length)
    target = SHARE * score(run, length)
    points = []
    for steps, found in curve(arm, run, sequence, task, target):
        points.append([steps, found])
        print(f"{arm} {length}: {found:.1f} after {steps} steps ({target:.1f} are enough)", flush=True)
    reached = next((steps for steps, found in points if found >= target), None)
    about = {"arm": arm, "length": length, "seed": run.config.seed, "known": len(run.tasks), "commit": commit()}
    return {**about, "enough": target, "reached": reached, "returns": points}


def spent(row: dict[str, Any]) -> int:
    """Steps until it was enough; as many as were given where it never was."""
    return MOST if row["reached"] is None else int(row["reached"])


def share(rows: list[dict[str, Any]], arm: str) -> float | None:
    """An arm's steps over those of a fresh network on the same lengths; ``None`` where that was not measured."""
    alone = {(row["seed"], row["length"]): spent(row) for row in rows if row["arm"] == "scratch"}
    mine = [row for row in rows if row["arm"] == arm and (row["seed"], row["length"]) in alone]
    fresh = sum(alone[row["seed"], row["length"]] for row in mine)
    return sum(map(spent, mine)) / fresh if fresh else None


def verdict(rows: list[dict[str, Any]]) -> str:
    """What came of the bound."""
    found = share(rows, "recalled")
    if found is None:
        return "Not measured beside a fresh network yet."
    return f"It needs {found:.2f}: **{'pass' if found <= BOUND else 'fail'}**."


def added(rows: list[dict[str, Any]]) -> list[str]:
    """Whether learning adds anything to what a known neighbour does, on the seeds and lengths that have both."""
    last = max(COMPARED)
    learned, acts = (
        {(row["seed"], row["length"]): dict(map(tuple, row["returns"])) for row in rows if row["arm"] == arm}
        for arm in ("recalled", "neighbour")
    )
    gains = [learned[at][last] - acts[at][0] for at in learned if at in acts and last in learned[at]]
    if not gains:
        return []
    found = interval(np.array(gains))
    return [
        f"The trivial rival is a neighbour that acts and never learns. After {last} steps the return of the "
        f"default minus that of the rival is {found.value:.1f} [{found.low:.1f}, {found.high:.1f}].",
        "",
    ]


def estimated(returns: list[float]) -> Interval | None:
    """Their mean with its interval; ``None`` without any."""
    return interval(np.array(returns)) if returns else None


def table(rows: list[dict[str, Any]]) -> Table:
    """One row per arm."""
    columns = [
        *(Column("arm"), Column("lengths", Number("d")), Column("of them reached", Number("d"))),
        *(Column("steps until 0.8 of the score", Estimate(0)), Column("share of a fresh network's", Number(".2f"))),
        *(Column(f"return after {steps}", Estimate(1)) for steps in (0, *COMPARED)),
    ]
    lines = []
    for arm, about in ARMS.items():
        mine = [row for row in rows if row["arm"] == arm]
        if not mine:
            continue
        steps = np.array([spent(row) for row in mine], dtype=float)
        returns = [[found for row in mine for at, found in row["returns"] if at == steps] for steps in (0, *COMPARED)]
        reached = sum(row["reached"] is not None for row in mine)
        lines.append((about, len(mine), reached, interval(steps), share(rows, arm), *map(estimated, returns)))
    return Table.of(columns, lines)


def page(rows: list[dict[str, Any]]) -> str:
    """The page."""
    lengths, seeds, known, commits = (
        ", ".join(sorted({str(row[key]) for row in rows})) for key in ("length", "seed", "known", "commit")
    )
    return "\n".join(
        [
            "# A new task beside known ones",
            "",
            f"A run that has learned {known} pole lengths (seed {seeds}) learns one more, between them:",
            f"{lengths} m. Each of these begins with the same run. The score of a length is the mean return of",
            f"its two known neighbours. Every {EVERY} steps a copy of the agent gets the closing session that would",
            f"end the task there, and plays {EPISODES} episodes. What never reaches {SHARE} of the score counts as",
            f"{MOST:,} steps. Brackets: 95 % intervals over lengths. Code: {commits}.",
            "[How to](../how-to/more_tasks.md).",
            "",
            *markdown(table(rows)),
            "",
            "Where a known length acts, there is a return after 0 steps: which one is nearest is inferred from the",
            "transitions of the episode itself. Steps and shares of one arm are over those of a fresh network with the",
            "same seed and lengths.",
            "",
            *added(rows),
            f"Written down before: `recalled` needs at most {BOUND} of a fresh network's steps. {verdict(rows)}",
            "",
            "Made by `python scripts/measure_transfer.py RUN --snapshots RUN`.",
            "",
        ]
    )


def main() -> None:
    """Measure what is missing, and write after every row."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("run", type=Path, help="a finished run of cartpole_length (profile=full) or cartpole_100")
    parser.add_argument("--snapshots", type=Path, help="the same with continual=snapshot, for the arm of that name")
    parser.add_argument("--lengths", type=float, nargs="+", choices=LENGTHS, help="default: all that are new")
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = json.loads(chosen.out.read_text()) if chosen.out.is_file() else []
    for arm in chosen.arms:
        path = chosen.snapshots if arm == "snapshot" else chosen.run
        run = None if path is None else load_run(path)
        for length in chosen.lengths or ([] if run is None else new_to(run)):
            done = {(row["arm"], row["length"], row["seed"]) for row in rows}
            if run is None or (arm, length, run.config.seed) in done:
                continue
            rows.append(measured(arm, run, length))
            chosen.out.write_text(json.dumps(rows, indent=1) + "\n")
            chosen.out.with_suffix(".md").write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
