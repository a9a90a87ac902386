"""The page that compares all retention strategies on the same tasks, grouped by kind, made of JSON files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crl.config.declared.compositions import elements
from crl.reporting.measures import REFERENCE, Measures, Scale, comparable, finals, gather, measure, scale
from crl.reporting.pages.parts import commits, markdown_table
from crl.reporting.pages.sequence_tables import cell, ordered
from crl.reporting.runs import Groups, RunRecord
from crl.text import counted

HEAD = (
    *("kind", "strategy", "seeds", "score", "forgetting, N - 1", "forgetting, N", "forward transfer (curves)"),
    *(
        "end-score transfer",
        "learning speed",
        "bytes, constant",
        "bytes per task",
        "old data",
        "gradient steps",
        "CPU s",
    ),
)
OTHER = "without a model"
"""Kind of an agent that is no strategy."""


@dataclass(frozen=True)
class Kept(RunRecord):
    """A run of which only its results are left, with its training episodes among them, if they were kept."""

    def lines(self, kind: str) -> list[dict[str, Any]]:
        """Training episodes as its log would have them; no other lines are known."""
        if kind != "episode":
            return []
        found, step, before, number = [], 0, None, 0
        for task, steps, value, success in self.results.get("episodes", ()):
            step += steps
            number = number + 1 if task == before else 1
            before = task
            values = {"task": task, "episode": number, "step": step, "steps": steps}
            found.append({"kind": kind, **values, "return": value, "success": success})
        return found


def kept(results: Sequence[Mapping[str, Any]]) -> list[RunRecord]:
    """Runs of which only the results are left."""
    return [Kept(Path(str(each["run"])), dict(each)) for each in results]


def kind_of(strategy: str) -> str:
    """The kinds of a strategy's parts, or ``generators`` if it is a generator alone."""
    folders = dict.fromkeys(path.split(".")[2] for path in elements(strategy))
    parts = [folder for folder in folders if folder != "generators"]
    return " + ".join(parts) if parts else "generators" if folders else OTHER


def table(groups: Groups, scored: Scale, singles: Sequence[RunRecord]) -> list[str]:
    """A row per strategy, grouped by kind.

    Args:
        groups: Comparable runs by strategy.
        scored: The scale of their scores.
        singles: Runs of ``single`` whose learning curves are the reference.
    """
    measured = measure(groups, scored, singles)
    names = sorted(ordered(list(groups)), key=lambda name: (kind_of(name) == OTHER, kind_of(name)))
    return markdown_table(HEAD, [_row(name, groups[name], measured[name]) for name in names])


def _row(name: str, runs: Sequence[RunRecord], measured: Sequence[Measures]) -> list[str]:
    keys = ("forgetting", "continual_world_forgetting", "curve_transfer", "forward_transfer", "speed")
    revisits = {run.revisits_data for run in runs}
    costs = [run.results["gradient_steps"] for run in runs], [run.results["cpu_seconds"] for run in runs]
    return [
        kind_of(name),
        f"`{name}`",
        str(len(runs)),
        cell(finals(measured)),
        *(cell(gather(measured, key)) for key in keys),
        _mean([run.constant_bytes for run in runs]),
        _mean([run.measured_bytes if run.measured_bytes is not None else run.stated_bytes for run in runs]),
        "yes" if True in revisits else "no" if False in revisits else "-",
        *(_mean(values) for values in costs),
    ]


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):,.0f}" if known else "-"


def search_table(methods: Mapping[str, Any]) -> list[str]:
    """What each value of a method's strength came to, the chosen one in bold."""
    rows = []
    for name, found in methods.items():
        tried = found["search"]
        best = max((row["return"] for row in tried), default=None)
        values = [
            f"{'**' if row['return'] == best else ''}{row['value']:g}: {row['return']:.0f}"
            f"{'**' if row['return'] == best else ''}"
            for row in tried
        ]
        if values:
            rows.append([f"`{name}`", f"`{found['setting']}`", ", ".join(values)])
    return markdown_table(["strategy", "setting", "value: mean return after the last length"], rows) if rows else []


def strategies_page(target: Path, *, remarks: Path) -> Path:
    """Write ``strategies.md`` from ``strategies.json``, ``cartpole_length.json`` and ``zeros.json`` beside it.

    Args:
        target: Folder of the page and of these files.
        remarks: A Markdown file with remarks by hand.
    """
    new = json.loads((target / "strategies.json").read_text(encoding="utf-8"))
    recorded = json.loads((target / "cartpole_length.json").read_text(encoding="utf-8"))
    zero = json.loads((target / "zeros.json").read_text(encoding="utf-8"))["cartpole_length"]
    ten = {name: kept(runs) for name, runs in recorded.items()}
    for name, found in new["methods"].items():
        if found["runs"] and name not in ten:
            ten[name] = kept(found["runs"])
    groups, problems = comparable(ten)
    singles = groups[REFERENCE]
    curved = [run for run in singles if run.results.get("episodes")]
    four = {name: kept(found["defaults"]) for name, found in new["methods"].items() if found["defaults"]}
    lacking = [name for name, found in new["methods"].items() if not found["runs"] and name not in ten]
    lines = [
        "# All retention strategies on pole lengths",
        "",
        "Written by `scripts/page_strategies.py` from `strategies.json`, which `scripts/search_strategies.py FOLDER` "
        "makes, and from the runs of [ten pole lengths](cartpole_length.md).",
        "",
        "*Score*: normalised return after the last task, 0 random actions, 1 the mean of `single`. *Forgetting, N - 1* "
        "is the mean loss of the tasks before the last, *N* over all tasks, as in Continual World. *Forward transfer "
        "(curves)*: area under the training curve against a fresh model's, as Continual World has it. *End-score "
        "transfer*: score just after learning minus `single`'s. *Learning speed*: area of a task's curve over a fresh "
        "model's. A dash: not recorded. Definitions: [metrics](../reference/metrics.md). Methods and papers: "
        "[strategies](../reference/strategies.md).",
        "",
        "## Remarks",
        "",
        *remarks.read_text(encoding="utf-8").splitlines(),
        "",
        "## Ten lengths",
        "",
        f"{counted(sum(map(len, groups.values())), 'run')} of `crl train env=cartpole_length profile=full`. Brackets: "
        "95 % bootstrap interval over seeds. Curves of most of these runs were not kept: their transfer and speed are "
        "on [their page](cartpole_length.md).",
        "",
        *table(groups, scale(groups, zero, singles), curved),
        "",
        *(f"- {problem}" for problem in problems),
    ]
    if lacking:
        lines += ["", f"No run on ten lengths yet: {', '.join(f'`{name}`' for name in lacking)}.", ""]
    if four:
        lines += _four(four, zero, new)
    searched = search_table(new["methods"])
    lines += ["", "## Search of strengths", "", *(searched or ["No search with these settings is finished yet."])]
    page = target / "strategies.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return page


def _four(four: Groups, zero: Mapping[str, float], new: Mapping[str, Any]) -> list[str]:
    """The section of the runs on four lengths."""
    groups, problems = comparable(four)
    singles = list(groups.get(REFERENCE, ()))
    runs = [run for each in groups.values() for run in each]
    return [
        "",
        "## Four lengths, small budget",
        "",
        f"One run each with the defaults, seed {new['development_seed']}, {commits(runs)}: "
        f"`{' '.join(new['search_settings'])}`. One seed of a small budget shows no order among methods that are near "
        "each other.",
        "",
        *table(groups, scale(groups, zero, singles), singles),
        *(f"- {problem}" for problem in problems),
    ]
