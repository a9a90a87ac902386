"""The page that compares all retention strategies on the same tasks, grouped by kind, made of JSON files alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crl.config.declared.compositions import compositions, elements
from crl.reporting.measures import REFERENCE, Measures, Scale, comparable, finals, gather, measure, scale
from crl.reporting.pages.parts import commits
from crl.reporting.pages.sequences.tables import estimate, ordered
from crl.reporting.pages.strategies.compositions import section
from crl.reporting.runs import Groups, RunRecord
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text, YesNo
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table
from crl.text import counted

METRICS = {
    "forgetting, N - 1": "forgetting",
    "forgetting, N": "continual_world_forgetting",
    "forward transfer (curves)": "curve_transfer",
    "end-score transfer": "forward_transfer",
    "learning speed": "speed",
}
COUNT = Number(",.0f")
COLUMNS = (
    *(Column("kind"), Column("strategy", Text(Style.CODE)), Column("seeds", Number("d")), Column("score", Estimate())),
    *(Column(title, Estimate()) for title in METRICS),
    *(Column("bytes, constant", COUNT), Column("bytes per task", COUNT), Column("old data", YesNo())),
    *(Column("gradient steps", COUNT), Column("CPU", COUNT, "s")),
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


def table(groups: Groups, scored: Scale, singles: Sequence[RunRecord]) -> Table:
    """A row per strategy, grouped by kind.

    Args:
        groups: Comparable runs by strategy.
        scored: The scale of their scores.
        singles: Runs of ``single`` whose learning curves are the reference.
    """
    measured = measure(groups, scored, singles)
    names = sorted(ordered(list(groups)), key=lambda name: (kind_of(name) == OTHER, kind_of(name)))
    return Table.of(COLUMNS, [_row(name, groups[name], measured[name]) for name in names])


def _row(name: str, runs: Sequence[RunRecord], measured: Sequence[Measures]) -> list[Any]:
    revisits = {run.revisits_data for run in runs}
    return [
        *(kind_of(name), name, len(runs), estimate(finals(measured))),
        *(estimate(gather(measured, key)) for key in METRICS.values()),
        _mean([run.constant_bytes for run in runs]),
        _mean([run.measured_bytes if run.measured_bytes is not None else run.stated_bytes for run in runs]),
        True if True in revisits else False if False in revisits else None,
        *(_mean([run.results[key] for run in runs]) for key in ("gradient_steps", "cpu_seconds")),
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def search_table(methods: Mapping[str, Any]) -> Table:
    """What each value of a method's strength came to."""
    rows = []
    for name, found in methods.items():
        tried = found["search"]
        if tried:
            best = max(tried, key=lambda row: row["return"])
            values = ", ".join(f"{row['value']:g}: {row['return']:.0f}" for row in tried)
            rows.append([name, found["setting"], values, best["value"]])
    code = Text(Style.CODE)
    columns = [Column("strategy", code), Column("setting", code)]
    return Table.of([*columns, Column("value: mean return after the last length"), Column("taken", Number("g"))], rows)


def strategies_page(target: Path, *, remarks: Path) -> Path:
    """Write ``strategies.md`` from the JSON files beside it.

    They are ``strategies.json``, ``cartpole_length.json``, ``zeros.json`` and, if it is there, ``compositions.json``.

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
    small = {name: kept(found["ten"]) for name, found in new["methods"].items() if found.get("ten")}
    lacking = [name for name in compositions() if name not in ten and name not in small]
    without = [name for name in lacking if name not in four]
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
        *markdown(table(groups, scale(groups, zero, singles), curved)),
        "",
        *(f"- {problem}" for problem in problems),
    ]
    if lacking:
        lines += ["", f"No run on ten lengths yet: {_listed(lacking)}.", ""]
    if without:
        lines += [f"Of these, no run on four lengths either: {_listed(without)}.", ""]
    if small:
        about = f"{counted(sum(map(len, small.values())), 'run')}, each method with the strength that its search took "
        about += "(below). The controls and rivals have their defaults"
        lines += _small("Ten lengths, small budget", about, small, zero, new["ten_settings"])
    if four:
        about = f"One run each with the defaults, seed {new['development_seed']}"
        lines += _small("Four lengths, small budget", about, four, zero, new["search_settings"])
        lines += ["", "One seed of a small budget shows no order among methods that are near each other."]
    composed = target / "compositions.json"
    if composed.is_file():
        by_hand = json.loads(composed.read_text(encoding="utf-8"))
        lines += section(by_hand, zero, {name: kept(runs) for name, runs in by_hand["methods"].items()})
    searched = search_table(new["methods"])
    nothing = ["No search with these settings is finished yet."]
    lines += ["", "## Search of strengths", "", *(markdown(searched) if searched.rows else nothing)]
    page = target / "strategies.md"
    page.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")
    return page


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _small(title: str, about: str, runs: Groups, zero: Mapping[str, float], settings: Sequence[str]) -> list[str]:
    """A section of runs with the small budget of the searches."""
    groups, problems = comparable(runs)
    singles = list(groups.get(REFERENCE, ()))
    made = [run for each in groups.values() for run in each]
    return [
        "",
        f"## {title}",
        "",
        f"{about}, {commits(made)}: `crl train env=cartpole_length {' '.join(settings)}`.",
        "",
        *markdown(table(groups, scale(groups, zero, singles), singles)),
        *(f"- {problem}" for problem in problems),
    ]
