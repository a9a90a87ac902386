"""Lives of the unicycle: every arm lives the same life, from one fit of the nominal body.

    python scripts/life.py FIT [--arms oracle afm ...] [--steps 3000] [--seeds 1] [--out FILE] [--memory beta=5]

FIT is the folder of a run of `crl train env=ugv_mission refiner=afm`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from crl.memory.settings import MemoryConfig
from crl.sequences import load_sequence
from crl.training.lives.arms import ARMS, make_arm
from crl.training.lives.living import live
from crl.training.load import load_run


def main() -> None:
    """Live, and print a line per life."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fit", type=Path)
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--timeline", action="store_true")
    parser.add_argument("--memory", nargs="*", default=[], metavar="NAME=VALUE", help="settings of the memory")
    asked = parser.parse_args()
    pairs = dict(entry.split("=", 1) for entry in asked.memory)
    settings = replace(MemoryConfig(), **{name: json.loads(value) for name, value in pairs.items()})
    torch.set_num_threads(1)
    run = load_run(asked.fit)
    state = run.agent.state_dict()
    sequence = load_sequence("crl_envs.sequences:UGV_LIFE")
    task = sequence.spec(0)
    for seed in asked.seeds:
        for name in asked.arms:
            arm = make_arm(name, run.config, task, state, settings)
            env = sequence.make(0)
            record = {"arm": name, **live(arm, env, task, asked.steps, seed)}
            env.close()
            if not asked.timeline:
                del record["timeline"]
            shown = {key: value for key, value in record.items() if key not in ("by_regime", "timeline", "events")}
            print(json.dumps({k: round(v, 3) if isinstance(v, float) else v for k, v in shown.items()}), flush=True)
            for regime, part in record["by_regime"].items():
                print(f"    {regime:32s} {part['steps']:5d} {part['reward']:7.3f} {part['right']:6.2f}", flush=True)
            if asked.out is not None:
                with asked.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
