"""Opens doors with one part of the recipe missing, and with the true simulator in the model's place.

Writes docs/results/door_ablations.json and its page. What is finished in FOLDER is not run again, and what was stopped
goes on, so the same command resumes.

usage: python scripts/measure_door_ablations.py FOLDER [VARIANT ...] [--seeds 401 402 403] [--collect]
"""

from __future__ import annotations

import argparse
import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch
from search_strategies import finished, merged, sweep
from torch import Tensor

from crl.config.asking.composing import compose
from crl.planning.planner import make_planner
from crl.reporting.pages.ablations_page import SIMULATOR, VARIANTS, page
from crl.reporting.runs import RunRecord
from crl.seeding import torch_generator
from crl.sequences import load_sequence
from crl.training.runs.provenance import commit

ENV = "door_open"
RECIPE = ("recipe=door_open", "tasks=[0,2,4]", "budget.steps=[2000,2500,2500]")
"""What `env=door_open` has by its quick profile, for sequences of other names."""
SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {
    "recipe": (ENV, ()),
    "no_script": ("crl_envs.doors.ablations:NO_SCRIPT", RECIPE),
    "no_handover": (ENV, ("exploration.handover=0",)),
    "no_holding": ("crl_envs.doors.ablations:NO_HOLDING", RECIPE),
    "pose": ("crl_envs.doors.ablations:POSE", RECIPE),
}
"""Sequence and settings of each variant."""
REMARKS = Path(__file__).resolve().parent / "remarks" / "door_ablations.md"


class Simulator:
    """A planner's model that is the true simulator, from where an environment is now.

    Args:
        env: The environment; an imagined episode is played in it, and then undone.
    """

    def __init__(self, env: Any) -> None:
        self.env = env.unwrapped

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, S] from the present state under actions [K, H, A]."""
        now = self.env.get_episode_state()
        found = np.empty((*actions.shape[:2], len(observation)), np.float32)
        for row, sequence in enumerate(actions.numpy()):
            self.env.set_episode_state(now)
            for step, action in enumerate(sequence):
                found[row, step] = self.env.step(action)[0]
        self.env.set_episode_state(now)
        first = observation.expand(len(actions), 1, -1)
        return torch.cat([first, torch.from_numpy(found)], dim=1)


def simulated(seed: int) -> dict[str, Any]:
    """The evaluation of a run whose planner has the true simulator."""
    config = compose([f"env={ENV}", f"seed={seed}"])
    sequence = load_sequence(ENV)
    opened: dict[str, list[bool]] = {}
    begun = time.process_time()
    for index in config.env.tasks or range(len(sequence)):
        task = sequence.spec(index)
        planner = make_planner(config.planner, task.action)
        with closing(sequence.make(index).env) as env:
            for episode in range(config.evaluation.episodes):
                observation, _ = env.reset(seed=1_000_000 + 1000 * seed + episode)
                planner.reset()
                generator, success = torch_generator(seed, "simulator", index, episode), False
                for _ in range(task.episode_steps):
                    seen = torch.from_numpy(observation)
                    plan = planner.plan(Simulator(env), task.reward, seen, generator)
                    observation, _, done, cut, info = env.step(plan.actions[0].numpy())
                    success = bool(info["is_success"])
                    if success or done or cut:
                        break
                opened.setdefault(task.name, []).append(success)
    return {"seed": seed, "opened": opened, "cpu_seconds": time.process_time() - begun, "commit": commit()}


def kept(run: RunRecord) -> dict[str, Any]:
    """What the page needs of a run."""
    return {
        "seed": run.results["seed"],
        "opened": {task["name"]: task["successes"] for task in run.results["tasks"]},
        "steps": {visit["task"]: visit["steps"] for visit in run.results["visits"]},
        "cpu_seconds": run.results["cpu_seconds"],
        "commit": run.commit,
    }


def main() -> None:
    """Run what is missing, and write the page after every variant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("variants", nargs="*", default=[*VARIANTS, SIMULATOR])
    parser.add_argument("--seeds", type=int, nargs="+", default=[401, 402, 403])
    parser.add_argument("--out", type=Path, default=Path("docs/results/door_ablations.json"))
    parser.add_argument("--collect", action="store_true", help="run nothing, and collect what is finished")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for variant in () if chosen.collect else chosen.variants:
        if variant == SIMULATOR:
            seed = chosen.seeds[0]  # nothing is learned: its episodes are replicates enough
            done = chosen.folder / f"{SIMULATOR}_{seed}.json"
            if not done.is_file():
                done.write_text(json.dumps(simulated(seed)), encoding="utf-8")
        else:
            env, settings = SETTINGS[variant]
            seeds = f"seed={','.join(map(str, chosen.seeds))}"
            sweep(chosen.folder / variant, "continual=hypercrl", seeds, *settings, env=env)
        collect(chosen.folder, chosen.out)
    collect(chosen.folder, chosen.out)


def collect(folder: Path, out: Path) -> None:
    """Write what there is; rows whose runs are gone stay."""
    new: dict[str, list[dict[str, Any]]] = {name: [kept(run) for run in finished(folder / name)] for name in SETTINGS}
    new[SIMULATOR] = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{SIMULATOR}_*.json"))]
    before = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    found = merged(new, before, new)
    out.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
    remarks = REMARKS.read_text(encoding="utf-8") if REMARKS.is_file() else ""
    out.with_suffix(".md").write_text(page(found, remarks), encoding="utf-8")


if __name__ == "__main__":
    main()
