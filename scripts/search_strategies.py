"""Searches each retention method's own strength, runs ten pole lengths with what was found, and collects one JSON file.

First every method meets four pole lengths with its default, one development seed and a small budget. The search has the
same size for all: five values, the same four lengths. The value with the highest mean return after the last of them is
taken, and ten lengths are learned with it: with the same small budget, or with --full with the full one. What is
finished in FOLDER is not run again, and what was stopped goes on, so the same command resumes; METHODS and --seeds may
grow from call to call. Rows of the JSON file whose runs are not in FOLDER stay as they are.

usage: python scripts/search_strategies.py FOLDER [METHOD ...] [--seeds 541 542 543]
           [--defaults | --search | --full | --collect]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crl.reporting.runs import RunRecord, read_run, run_folders

Row = dict[str, Any]
KINDS = {"defaults": "defaults", "ten": "ten", "runs": "final"}
"""Folder of each kind of run in the JSON file: four lengths by default, ten with the small budget and with the full."""
DEVELOPMENT = 100
"""Seed of the searches; no final run has it."""
SEARCH = (
    "tasks=[2,3,0,4]",
    "budget.steps=[600]",
    "learning.final_steps=800",
    "evaluation.episodes=2",
    "planner.rounds=1",
)
"""Settings of a run on four lengths, those of decision 010: about a tenth of a final run's cost."""
TEN = (f"tasks=[{','.join(map(str, range(10)))}]", *SEARCH[1:3], "evaluation.episodes=5", *SEARCH[4:])
"""Settings of a run on all ten lengths with the search's budget: half a minute to a minute."""
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
STRENGTHS: dict[str, tuple[str, tuple[float, ...]]] = {
    "clonex": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "packnet": ("continual.options.packnet_keep", (0.1, 0.15, 0.25, 0.4, 0.6)),
    "mas": ("continual.options.mas_strength", (0.01, 0.1, 1, 10, 100)),
    "agem": ("continual.memory", (25, 50, 100, 200, 400)),
    "l2": ("continual.options.l2_strength", (0.001, 0.01, 0.1, 1, 10)),
    "vcl": ("continual.options.vcl_strength", (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)),
    "hft": ("continual.options.hft_share", SHARES),
    "migu": ("continual.options.migu_share", SHARES),
    "rewarm": ("continual.options.rewarm_height", (0.3, 0.5, 1, 2, 4)),
    "redo": ("continual.options.redo_threshold", (0.005, 0.025, 0.05, 0.1, 0.2)),
    "continual_backprop": ("continual.options.cbp_rate", (1e-5, 1e-4, 3e-4, 1e-3, 1e-2)),
    "l2_init": ("continual.options.l2_init_strength", (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)),
    "distilled": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "coso": ("continual.options.coso_energy", (0.9, 0.99, 0.999, 0.9999, 1)),
    "sculpting": ("continual.options.sculpting_energy", (0.5, 0.7, 0.9, 0.97, 0.99)),
    "hebbian": ("continual.options.hebbian_units", (4, 8, 12, 20, 32)),
    "zscl": ("continual.options.zscl_strength", (0.1, 0.3, 1, 3, 10)),
    "mixing": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "perturbed": ("continual.options.perturbed_size", (0.01, 0.02, 0.05, 0.1, 0.2)),
    "generative": ("continual.options.generative_strength", (0.1, 0.3, 1, 3, 10)),
    "general": ("continual.options.general_strength", (1, 3, 10, 30, 100)),
    "activations": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "hypercrl_recurrent": ("continual.beta", (0.005, 0.02, 0.05, 0.2, 0.5)),
    "hyperinterval": ("continual.options.interval_radius", (0.001, 0.003, 0.01, 0.03, 0.1)),
    "few_shot": ("learning.lr_embedding", (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)),
    "grown": ("learning.lr", (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)),
    "sparse": ("continual.options.sparse_density", (0.05, 0.1, 0.2, 0.3, 0.5)),
    "olora": ("continual.options.olora_strength", (0.05, 0.2, 0.5, 2, 5)),
    "codyra": ("continual.options.codyra_strength", (0.01, 0.03, 0.1, 0.3, 1)),
    "lae": ("continual.options.lae_decay", (0.9, 0.99, 0.997, 0.999, 0.9997)),
    "ilora": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "conpet": ("continual.options.lora_rank", (1, 2, 4, 8, 16)),
    "conpet_static": ("continual.replay_weight", (0.1, 0.3, 1, 3, 10)),
    "experts": ("continual.options.lora_rank", (1, 2, 4, 8, 16)),
    "fpf": ("continual.options.fpf_share", (0.2, 0.4, 0.6, 0.8, 1)),
    "kfpf": ("continual.options.kfpf_every", (100, 200, 500, 1000, 2000)),
    "sparcl": ("continual.options.sparcl_density", SHARES),
    "generative_kernel": ("continual.options.generative_kernel_strength", (0.1, 0.3, 1, 3, 10)),
    "adaptors": ("continual.options.adaptors_similarity", (0.4, 0.55, 0.65, 0.75, 0.9)),
    "self_distilled": ("continual.options.self_distilled_limit", (0, 1, 3, 10, 30)),
    "selected": ("continual.options.selected_gate", (0, 0.03, 0.1, 0.3, 1)),
}
"""The setting of each method that is searched, and its five values. A-GEM has no strength: its memory is searched."""
CONTROLS = ("single", "snapshot", "finetune", "finetune_heads", "hypercrl", "coreset", "multitask")
"""Run with the others and not searched: the reference of learning speed, the trivial rivals, and methods of old."""


def sweep(folder: Path, *settings: str, env: str = "cartpole_length") -> list[RunRecord]:
    """All runs of a sweep, one at a time; the finished ones."""
    shared = [f"env={env}", "videos=false", "check=false", "launcher.workers=1", f"sweep_dir={folder}"]
    subprocess.run([sys.executable, "-m", "crl.cli", "sweep", "--any-code", *shared, *settings], check=False)
    return finished(folder)


def finished(folder: Path) -> list[RunRecord]:
    """The finished runs of a sweep, by name."""
    return [read_run(path) for path in run_folders(folder / "runs") if (path / "results.json").is_file()]


def merged(names: Iterable[str], before: Mapping[str, list[Row]], new: Mapping[str, list[Row]]) -> dict[str, list[Row]]:
    """Rows of a page by name and seed, in the order of the names: new ones, and those of before without a new one."""
    found = {name: by_seed(before.get(name, ()), new.get(name, ())) for name in names}
    return {name: rows for name, rows in found.items() if rows}


def by_seed(before: Iterable[Row], new: Iterable[Row]) -> list[Row]:
    """Rows in the order of their seeds; a new one replaces that of the same seed."""
    rows = {row["seed"]: row for row in (*before, *new)}
    return [rows[seed] for seed in sorted(rows)]


def value_of(run: RunRecord, key: str) -> Any:
    """A setting of a run, by its dotted key."""
    found: Any = run.settings
    for name in key.split("."):
        found = found[name]
    return found


def searched(folder: Path, method: str) -> list[dict[str, Any]]:
    """What each value of a method's strength came to, the values in order."""
    key = STRENGTHS[method][0]
    rows = [
        {
            "value": value_of(run, key),
            "return": run.results["average_return"],
            "forgetting_return": run.results["forgetting_return"],
            "cpu_seconds": run.results["cpu_seconds"],
            "commit": run.commit,
        }
        for run in finished(folder / "search" / method)
    ]
    return sorted(rows, key=lambda row: row["value"])


def best(rows: list[dict[str, Any]]) -> float:
    """The value of the highest return."""
    return float(max(rows, key=lambda row: row["return"])["value"])


def final(run: RunRecord) -> dict[str, Any]:
    """What the page needs of a run: its results, and its training episodes as [steps, return, success]."""
    lines = [[line["task"], line["steps"], line["return"], line["success"]] for line in run.lines("episode")]
    where = "/".join(run.path.parts[-5:])  # below the folder of all runs, whose place says nothing
    return {**run.results, "run": where, "options": value_of(run, "continual.options"), "episodes": lines}


def collect(folder: Path, out: Path) -> None:
    """Write all that there is: what is finished in a folder, and what the file has already.

    Args:
        folder: Folder of the runs.
        out: The JSON file. Its rows stay where the folder has no run of the same method and seed.
    """
    before = json.loads(out.read_text(encoding="utf-8"))["methods"] if out.is_file() else {}
    methods: dict[str, Any] = {}
    for method in (*CONTROLS, *STRENGTHS):
        old = before.get(method, {})
        found: dict[str, Any] = {"setting": STRENGTHS[method][0] if method in STRENGTHS else None}
        for kind, where in KINDS.items():
            new = [final(run) for run in finished(folder / where / method)]
            found[kind] = by_seed(old.get(kind, ()), new)
        found["search"] = (searched(folder, method) if method in STRENGTHS else []) or old.get("search", [])
        if any(found[kind] for kind in (*KINDS, "search")):
            methods[method] = found
    about = {"search_settings": SEARCH, "ten_settings": TEN, "development_seed": DEVELOPMENT, "methods": methods}
    out.write_text(json.dumps(about, separators=(",", ":")).replace('{"setting"', '\n{"setting"') + "\n")


def strength(folder: Path, out: Path, method: str) -> list[str]:
    """The setting that a method's search took: of this folder, or else of the JSON file; none for what has no search.

    Raises:
        LookupError: If the method's search is not finished.
    """
    if method not in STRENGTHS:
        return []
    rows = searched(folder, method)
    if not rows and out.is_file():
        rows = json.loads(out.read_text(encoding="utf-8"))["methods"].get(method, {}).get("search", [])
    if not rows:
        raise LookupError(f"{method}: no run of the search is finished")
    return [f"{STRENGTHS[method][0]}={best(rows):g}"]


def main() -> None:
    """Search, run and collect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=[*CONTROLS, *STRENGTHS], help="all by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[541], help="seeds of the runs on ten lengths")
    parser.add_argument("--out", type=Path, default=Path("docs/results/strategies.json"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--defaults", action="store_true", help="four lengths with each method's default, and no more")
    what.add_argument("--search", action="store_true", help="search alone, without runs on ten lengths")
    what.add_argument("--full", action="store_true", help="ten lengths with the full budget, by what was found before")
    what.add_argument("--collect", action="store_true", help="run nothing, and collect what is finished")
    chosen = parser.parse_args()
    if unknown := set(chosen.methods) - {*CONTROLS, *STRENGTHS}:
        parser.error(f"no method is called {', '.join(sorted(unknown))}: add it to STRENGTHS")
    if chosen.collect:
        collect(chosen.folder, chosen.out)
        return
    for method in chosen.methods:
        method_runs(chosen, method)
        collect(chosen.folder, chosen.out)


def method_runs(chosen: argparse.Namespace, method: str) -> None:
    """All runs of a method that are asked for and missing."""
    if chosen.defaults:
        sweep(chosen.folder / "defaults" / method, f"continual={method}", f"seed={DEVELOPMENT}", *SEARCH)
        return
    if method in STRENGTHS and not chosen.full:
        key, values = STRENGTHS[method]
        tried = f"{key}={','.join(f'{value:g}' for value in values)}"
        sweep(chosen.folder / "search" / method, f"continual={method}", tried, f"seed={DEVELOPMENT}", *SEARCH)
    if chosen.search:
        return
    try:
        setting = strength(chosen.folder, chosen.out, method)
    except LookupError as error:
        print(error, file=sys.stderr)
        return
    kind, budget = ("final", ("profile=full",)) if chosen.full else ("ten", TEN)
    seeds = f"seed={','.join(map(str, chosen.seeds))}"
    sweep(chosen.folder / kind / method, f"continual={method}", seeds, *budget, *setting)


if __name__ == "__main__":
    main()
