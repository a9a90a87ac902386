"""One planning decision for the door's default setting, per planner: CPU milliseconds of one thread.

The agent plays its random episodes, learns for a moment, and then decides on observations of a real episode.

    python benchmarks/bench_planning.py [--env door_open] [--decisions 40] [--planners icem cem mppi random_shooting]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.benchmarks.precision import PRECISIONS
from crl.config.asking.composing import compose, names
from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.playing.episode import play
from crl.types import LearnBudget


def measure(env_name: str, planner: str, decisions: int) -> dict[str, float | int | str]:
    """CPU times of decisions with one planner: in float32, and in turn with it in bfloat16."""
    config = compose([f"env={env_name}", f"planner={planner}"])
    sequence = load_sequence(env_name)
    task, env = sequence.spec(0), sequence.make(0)
    agents: list[Agent] = []
    for precision in PRECISIONS:
        agents.append(
            make_agent(compose([f"env={env_name}", f"planner={planner}", f"dynamics.precision={precision}"]), task)
        )
        for episode in range(2):
            play(agents[-1], env, task, episode=episode, seed=episode, explore=True, clock=Clock())
        agents[-1].learn(LearnBudget(20))
    times: list[float] = []
    halved: list[float] = []
    episode = 0
    while len(times) <= decisions:
        observation, _ = env.reset(seed=episode)
        for agent in agents:
            agent.begin(task, episode, explore=False)
        for _ in range(min(task.episode_steps, decisions)):
            for agent, taken in zip(reversed(agents), (halved, times), strict=True):
                started = time.process_time()
                decision = agent.act(observation)
                taken.append(1e3 * (time.process_time() - started))
            observation, _, terminated, truncated, _ = env.step(decision.action)
            if terminated or truncated:
                break
        episode += 1
    env.close()
    times, halved = times[1:], halved[1:]  # the first one folds the weights
    plan = config.planner
    return {
        "planner": planner,
        "samples": plan.samples,
        "horizon": plan.horizon,
        "rounds": plan.rounds,
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
        "bfloat16_ms": round(statistics.median(halved), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--env", default="door_open")
    parser.add_argument("--decisions", type=int, default=40)
    parser.add_argument("--planners", nargs="+", default=names("planner"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'planner':16}{'K x H x rounds':>16}{'median':>10}{'p95':>10}   (CPU ms per decision, {options.env})")
    rows = []
    for planner in options.planners:
        row = measure(options.env, planner, options.decisions)
        rows.append(row)
        sizes = f"{row['samples']} x {row['horizon']} x {row['rounds']}"
        print(f"{planner:16}{sizes:>16}{row['median_ms']:10}{row['p95_ms']:10}", flush=True)
    print(json.dumps({"benchmark": "planning", "env": options.env, "torch": torch.__version__, "rows": rows}))


if __name__ == "__main__":
    main()
