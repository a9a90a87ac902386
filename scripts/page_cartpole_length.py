"""Writes docs/results/cartpole_length.md from the run folders that scripts/reproduce_cartpole_length.sh leaves.

usage: python scripts/page_cartpole_length.py [FOLDER OF RUNS] [FOLDER OF THE PAGE]
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crl.reporting.pages import Groups, final, forgotten, learned, markdown_table, provenance, time_table, write_page
from crl.reporting.plots import sequence_figure
from crl.reporting.runs import by_strategy
from crl.reporting.statistics import interval, paired_difference
from crl.sequences import TaskSequence, load_sequence

ORDER = ("hypercrl", "finetune", "single")
RANDOM_EPISODES = 10


def random_returns(sequence: TaskSequence) -> NDArray[np.float64]:
    """Mean return of uniformly random actions on every task, [tasks]: the zero of the normalised score."""
    means = []
    for index in range(len(sequence)):
        env = sequence.make(index)
        env.action_space.seed(0)
        returns = []
        for episode in range(RANDOM_EPISODES):
            env.reset(seed=episode)
            total, over = 0.0, False
            while not over:
                _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
                total, over = total + float(reward), bool(terminated or truncated)
            returns.append(total)
        env.close()
        means.append(float(np.mean(returns)))
    return np.array(means)


def page(groups: Groups, problems: Sequence[str], zero: NDArray[np.float64]) -> list[str]:
    """The page's lines."""
    one = learned(groups["single"], "matrix_return").mean(axis=0)
    span = one - zero
    scores = {name: (final(runs, "matrix_return") - zero) / span for name, runs in groups.items()}
    lost = {name: forgotten(runs, "matrix_return") / span[:-1] for name, runs in groups.items()}
    transfer = {name: (learned(runs, "matrix_return") - one) / span for name, runs in groups.items()}
    rows = []
    for name, runs in groups.items():
        rows.append(
            [
                name,
                str(len(runs)),
                interval(scores[name]).format(3),
                interval(lost[name]).format(3),
                interval(transfer[name]).format(3),
                f"{np.mean([run.results['env_steps'] for run in runs]):,.0f}",
                f"{np.mean([run.results['cpu_seconds'] for run in runs]) / 60:.1f}",
                f"{runs[0].results['bytes_per_task']:,}",
            ]
        )
    head = ["strategy", "seeds", "average", "forgetting", "forward transfer", "env steps", "CPU min", "bytes per task"]
    names = groups["single"][0].results["matrix_tasks"]
    per_task = [[name, *(f"{value:.2f}" for value in scores[name].mean(axis=0))] for name in groups]
    seeds = {name: [run.results["seed"] for run in runs] for name, runs in groups.items()}
    shared = [seed for seed in seeds["finetune"] if seed in seeds["hypercrl"]]
    pair = [lost[name][[seeds[name].index(seed) for seed in shared]] for name in ("finetune", "hypercrl")]
    difference = paired_difference(*pair)
    return [
        "# cartpole_length: ten pole lengths in sequence",
        "",
        *provenance(groups, "scripts/page_cartpole_length.py", "scripts/reproduce_cartpole_length.sh"),
        "",
        "Each run is `crl train env=cartpole_length profile=full continual=STRATEGY seed=SEED`. Scores are returns, "
        "normalised per length: 0 is a uniformly random policy (mean of "
        f"{RANDOM_EPISODES} episodes), 1 the mean of `single`, a network per length, just after it learned that "
        "length. "
        f"Each score is the mean of {groups['hypercrl'][0].results['evaluation']['episodes']} evaluation "
        "episodes on the same "
        "initial states for all runs. Forgetting is R[j, j] - R[T, j], mean over the first nine lengths; "
        "forward transfer is "
        "R[j, j] less the reference. Brackets: 95 % bootstrap over seeds, stratified by length.",
        "",
        *markdown_table(head, rows),
        "",
        f"Forgetting of `finetune` less that of `hypercrl`, on the same {len(shared)} seeds: {difference.format(3)}.",
        "",
        "Normalised score per length after the last one was learned (mean over seeds):",
        "",
        *markdown_table(["strategy", *names], per_task),
        "",
        "![returns: matrices and final scores](cartpole_length_matrix.png)",
        "",
        "## Where the CPU time goes (median over seeds)",
        "",
        *time_table(groups),
        "",
        "What it shows: on ten variants of one simple body, one hypernetwork keeps what it learned without old "
        "data. What it "
        "doesn't: anything about larger changes of task, or about methods other than these three.",
        "",
        *(["Not finished, and not in the tables:", "", *(f"- {problem}" for problem in problems)] if problems else []),
    ]


def main() -> None:
    """Read the runs, write the page and its picture."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/cartpole_length")
    target = Path(sys.argv[2] if len(sys.argv) > 2 else "docs/results")
    found, problems = by_strategy(path.parent for path in source.glob("*/config.yaml") if not path.parent.is_symlink())
    groups = {name: found[name] for name in ORDER if name in found}
    if set(groups) != set(ORDER):
        sys.exit(f"{source} needs finished runs of {', '.join(ORDER)}: run scripts/reproduce_cartpole_length.sh first")
    sequence_figure(groups, target / "cartpole_length_matrix.png", measure="matrix_return", label="return")
    zero = random_returns(load_sequence("cartpole_length"))
    print(f"wrote {write_page(target, 'cartpole_length', page(groups, problems, zero), groups)}")


if __name__ == "__main__":
    main()
