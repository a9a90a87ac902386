"""Searches each retention method's own strength, runs ten pole lengths with what was found, and collects one JSON file.

First every method meets four pole lengths with its default, one development seed and a small budget. The search has the
same size for all: five values, the same four lengths. The value with the highest mean return after the last of them is
taken. What is finished in FOLDER is not run again, and what was stopped goes on, so the same command resumes; METHODS
and --seeds may grow from call to call.

usage: python scripts/search_strategies.py FOLDER [METHOD ...] [--seeds 0 1 2] [--defaults | --search | --collect]
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
CONTROLS = ("single", "finetune_heads", "hypercrl", "coreset")
"""Run with the others and not searched: the reference of learning speed, heads alone, and two rivals."""


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
    found = {}
    for name in names:
        rows = {row["seed"]: row for row in (*before.get(name, ()), *new.get(name, ()))}
        if rows:
            found[name] = [rows[seed] for seed in sorted(rows)]
    return found


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
    return max(rows, key=lambda row: row["return"])["value"]


def final(run: RunRecord) -> dict[str, Any]:
    """What the page needs of a run: its results, and its training episodes as [steps, return, success]."""
    lines = [[line["task"], line["steps"], line["return"], line["success"]] for line in run.lines("episode")]
    return {**run.results, "options": value_of(run, "continual.options"), "episodes": lines}


def collect(folder: Path, out: Path) -> None:
    """Write all that there is."""
    methods: dict[str, Any] = {}
    for method in (*CONTROLS, *STRENGTHS):
        runs = [final(run) for run in finished(folder / "final" / method)]
        four = [final(run) for run in finished(folder / "defaults" / method)]
        rows = searched(folder, method) if method in STRENGTHS else []
        if runs or rows or four:
            key = STRENGTHS[method][0] if method in STRENGTHS else None
            methods[method] = {"setting": key, "defaults": four, "search": rows, "runs": runs}
    about = {"search_settings": SEARCH, "development_seed": DEVELOPMENT, "methods": methods}
    out.write_text(json.dumps(about, separators=(",", ":")).replace('{"setting"', '\n{"setting"') + "\n")


def main() -> None:
    """Search, run and collect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=[*CONTROLS, *STRENGTHS], help="all by default")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the final runs (default: 0)")
    parser.add_argument("--out", type=Path, default=Path("docs/results/strategies.json"))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--defaults", action="store_true", help="four lengths with each method's default, and no more")
    what.add_argument("--search", action="store_true", help="search alone, without final runs")
    what.add_argument("--collect", action="store_true", help="run nothing, and collect what is finished")
    chosen = parser.parse_args()
    if unknown := set(chosen.methods) - {*CONTROLS, *STRENGTHS}:
        parser.error(f"no method is called {', '.join(sorted(unknown))}: add it to STRENGTHS")
    seeds = f"seed={','.join(map(str, chosen.seeds))}"
    for method in () if chosen.collect else chosen.methods:
        sweep(chosen.folder / "defaults" / method, f"continual={method}", f"seed={DEVELOPMENT}", *SEARCH)
        collect(chosen.folder, chosen.out)
        setting = []
        if chosen.defaults:
            continue
        if method in STRENGTHS:
            key, values = STRENGTHS[method]
            tried = f"{key}={','.join(f'{value:g}' for value in values)}"
            where = chosen.folder / "search" / method
            sweep(where, f"continual={method}", tried, f"seed={DEVELOPMENT}", *SEARCH)
            if not (rows := searched(chosen.folder, method)):
                print(f"{method}: no run of the search is finished", file=sys.stderr)
                continue
            setting = [f"{key}={best(rows):g}"]
        if not chosen.search:
            sweep(chosen.folder / "final" / method, "profile=full", f"continual={method}", seeds, *setting)
        collect(chosen.folder, chosen.out)
    collect(chosen.folder, chosen.out)


if __name__ == "__main__":
    main()
