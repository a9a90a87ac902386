"""Record tiny fixed-seed runs of every kind, or compare this code with a record: a change of structure changes no bit.

    python scripts/golden_runs.py record golden.json        # before the change
    python scripts/golden_runs.py compare golden.json       # after it, on the same computer

A record holds, for each run, its results and metrics without times, and the hash of every tensor in its last
checkpoint. Names inside a checkpoint may change, so tensors are compared as a multiset of hashes. Rounding differs
between processors: a record is of use on the computer that made it, and is not kept in the repository.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from crl.config.asking.composing import compose
from crl.training.checkpoints.store import CheckpointStore
from crl.training.runner import train
from tests import tiny, tiny_missions

STRATEGIES = (
    "hypercrl", "hypercrl_chunked", "hypercrl_ewc", "hypercrl_si", "hypercrl_replay", "coreset", "ewc", "si",
    "gradient_projection", "pnn", "multitask", "finetune", "finetune_heads", "snapshot", "single",
)  # fmt: skip
PLANNERS = ("cem", "mppi", "random_shooting")
AGENTS = ("sb3_sac", "sb3_td3", "sb3_ddpg", "random")
REFINERS = ("afm", "afm_learned", "afm_published", "none", "frozen", "randomised", "oracle")
BODIES = ("ugv_mission", "ugv_mission_husky", "quadrotor_mission", "quadrotor_mission_rates")
BRIEF = ("missions.steps=60", "budget.steps=[3000]", "evaluation.episodes=1", "tasks=[0]")
TIMES = (*tiny.TIMES, "ms", "seconds", "clock", "steps_per_second", "version", "phases", "fingerprint")


def cases() -> dict[str, list[str]]:
    """The settings of every run, by name."""
    found = {f"continual {name}": ["tiny", f"continual={name}"] for name in STRATEGIES}
    found["continual gaussian"] = ["tiny", "continual=hypercrl", "dynamics.ensemble=2", "dynamics.out_var=true"]
    found["labels cycle"] = ["tiny", "continual=hypercrl", "tasks=[0,1,0]"]
    found |= {f"planner {name}": ["tiny", f"planner={name}"] for name in PLANNERS}
    found |= {f"agent {name}": ["tiny", f"agent={name}"] for name in AGENTS}
    found |= {f"refiner {name}": ["mission", f"refiner={name}"] for name in REFINERS}
    found |= {f"body {name}": ["body", f"env={name}", "refiner=afm"] for name in BODIES}
    found["env cartpole"] = ["real", "env=cartpole_length", "tasks=[0,1]", "budget.steps=[400]"]
    found["env door"] = ["real", "env=door_open", "tasks=[0]", "budget.steps=[200]", "budget.mastery=false"]
    return found


def arguments(folder: Path, words: list[str]) -> list[str]:
    """The command line's arguments of one run in ``folder``/run."""
    kind, *settings = words
    if kind == "tiny":
        return tiny.arguments(folder, *settings)
    if kind == "mission":
        return tiny_missions.arguments(folder, *settings)
    if kind == "body":
        small = [word for word in tiny_missions.SMALL if not word.startswith(("missions.steps", "budget.steps"))]
        return [f"run_dir={folder}", "name=run", *settings[:1], *small, *BRIEF, *settings[1:]]
    return [f"run_dir={folder}", "name=run", *settings[:1], *tiny.SMALL[4:-3], "monitor.probes=0", "videos=false",
            *settings[1:]]  # fmt: skip


def plain(value: Any) -> Any:
    """A JSON value without entries that are times."""
    if isinstance(value, Mapping):
        return {
            key: plain(part) for key, part in value.items() if key not in TIMES and not str(key).endswith("seconds")
        }
    return [plain(part) for part in value] if isinstance(value, list) else value


def hashes(state: Any) -> list[str]:
    """Hashes of all tensors and arrays of a state with more than one element."""
    if isinstance(state, torch.Tensor):
        state = state.detach().cpu().contiguous().numpy()
    if isinstance(state, np.ndarray):
        if state.size < 2:
            return []
        return [hashlib.sha256(str((state.dtype, state.shape)).encode() + state.tobytes()).hexdigest()[:16]]
    if isinstance(state, Mapping):
        return [found for part in state.values() for found in hashes(part)]
    return [found for part in state for found in hashes(part)] if isinstance(state, list | tuple) else []


def run(words: list[str]) -> dict[str, Any]:
    """What one run leaves."""
    with tempfile.TemporaryDirectory() as folder:
        train(compose(arguments(Path(folder), words), unread=True), tiny.quiet()[0])
        path = Path(folder) / "run"
        state = CheckpointStore(path / "checkpoints").load_latest().state
        metrics = [plain(json.loads(line)) for line in (path / "metrics.jsonl").read_text().splitlines()]
        results = plain(json.loads((path / "results.json").read_text()))
    return json.loads(json.dumps({"results": results, "metrics": metrics, "tensors": sorted(hashes(state))}))


def difference(before: Any, after: Any, where: str = "") -> str | None:
    """The first place in which two JSON values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before:
            if key not in after:
                return f"{where}.{key} is gone"
            found = difference(before[key], after[key], f"{where}.{key}")
            if found:
                return found
        return None
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for i, (one, other) in enumerate(zip(before, after, strict=True)):
            found = difference(one, other, f"{where}[{i}]")
            if found:
                return found
        return None
    return None if before == after else f"{where}: {str(before)[:80]} -> {str(after)[:80]}"


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """In what two records of one run differ."""
    found = [difference(before[part], after[part], part) for part in ("results", "metrics")]
    lost = Counter(before["tensors"]) - Counter(after["tensors"])
    if lost:
        found.append(f"{lost.total()} of {len(before['tensors'])} tensors are not the same")
    return [line for line in found if line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--only", default="", help="runs whose name contains this")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    record: dict[str, Any] = {}
    known = json.loads(options.file.read_text()) if options.what == "compare" else {}
    failed = 0
    for name, words in cases().items():
        if options.only not in name:
            continue
        try:
            record[name] = run(words)
        except Exception as error:  # a run that fails is a difference, and the others still count
            record[name] = {"results": repr(error), "metrics": [], "tensors": []}
        if options.what == "compare":
            lines = compare(known[name], record[name])
            failed += bool(lines)
            print(f"{'differs' if lines else 'equal':8} {name}", *lines, sep="\n         ", flush=True)
        else:
            failure = record[name]["results"]
            print(name, f"failed: {failure}" if isinstance(failure, str) else "", flush=True)
    if options.what == "record":
        options.file.write_text(json.dumps(record, indent=1))
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
