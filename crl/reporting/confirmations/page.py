"""The page of a confirmation: claim, distributions, criteria with pass or fail, and all numbers with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.reporting.confirmations.criteria import QUANTITIES, Criterion, Record, estimate, measure
from crl.reporting.statistics import Interval
from crl.reporting.tables.kinds import Composite, Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

SHOWN = {
    "success": 3,
    "steps": 0,
    "cross_track": 3,
    "cross_track_fault": 3,
    "crashes": 2,
    "safe_end": 2,
    "false_alarms": 2,
    "refine_ms": 2,
}
"""Columns of the tables, with their digits."""


def write_confirmation(
    target: Path,
    *,
    name: str,
    claim: str,
    source: str,
    header: Mapping[str, Any],
    criteria: Sequence[Criterion],
    records: Sequence[Record],
    remarks: str = "",
) -> tuple[Path, bool]:
    """Write ``confirm_NAME.md`` and ``confirm_NAME.json``.

    Args:
        target: Folder of both.
        name: Name of the suite.
        claim: What is claimed.
        source: The suite as it was written.
        header: Command, commit, code version, block, fits, and how many missions were planned (``planned``).
        criteria: What must hold.
        records: What was flown.
        remarks: Text by hand, Markdown.

    Returns:
        The page, and whether all criteria hold; they are open (not passed) while missions are missing.
    """
    complete = len(records) == header["planned"]
    judged = [(criterion, criterion.estimate(records)) for criterion in criteria]
    passed = complete and all(criterion.holds(found.value) for criterion, found in judged)
    methods = list(dict.fromkeys(record["method"] for record in records))
    groups = list(dict.fromkeys(record["class"] for record in records))
    state = (
        "all criteria hold" if passed else "not all criteria hold" if complete else "not finished: criteria are open"
    )
    lines = [
        f"# Confirmation of {name}: {state}",
        "",
        claim,
        "",
        f"Command: `{header['command']}`. Code: commit {header['commit']} ({header['code']}), frozen before the first "
        f"mission. Seeds: block {header['block']}, which nothing else may use. {len(records)} of {header['planned']} "
        f"missions flown: {header['fits']} fits per method, each with missions of its own, the same for all methods.",
        "",
        "Brackets: 95 % intervals of a bootstrap that draws fits and, within each, missions. A ratio is the mean over "
        "pairs: the same fit seed, map, fault, start and noise. A criterion is judged by the mean.",
        "",
        *([remarks, ""] if remarks else []),
        "## Criteria",
        "",
        *markdown(_verdicts(judged, complete)),
        "",
    ]
    for group in ["all", *(groups if len(groups) > 1 else [])]:
        lines += [f"## {'All missions' if group == 'all' else f'Class {group}'}", ""]
        lines += [*markdown(_of_class(records, methods, group)), ""]
    lines += ["## By kind of fault: missions completed, mean steps of those", ""]
    lines += [*markdown(_by_kind(records, methods)), ""]
    lines += ["Quantities: " + "; ".join(f"*{key}* {QUANTITIES[key]}" for key in SHOWN) + ".", ""]
    lines += ["## The suite, as it was committed before", "", "```yaml", source.strip(), "```"]
    target.mkdir(parents=True, exist_ok=True)
    page = target / f"confirm_{name}.md"
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    verdicts = [
        {
            "criterion": c.text(),
            "mean": _number(found.value),
            "low": _number(found.low),
            "high": _number(found.high),
            "holds": c.holds(found.value),
        }
        for c, found in judged
    ]
    slim = [
        {k: v for k, v in r.items() if k != "ms"} | {"refine_ms": _number(measure(r, "refine_ms"))} for r in records
    ]
    body = ",\n".join(json.dumps(record) for record in slim)
    head = json.dumps({**header, "passed": passed, "criteria": verdicts})
    (target / f"confirm_{name}.json").write_text(f'{head[:-1]}, "missions": [\n{body}\n]}}\n', encoding="utf-8")
    return page, passed


def _verdicts(judged: Sequence[tuple[Criterion, Interval]], complete: bool) -> Table:
    words = {True: "pass", False: "fail"}
    columns = [Column("criterion"), Column("mean", Estimate()), Column("verdict")]
    rows = [(c.text(), found, words[c.holds(found.value)] if complete else "open") for c, found in judged]
    return Table.of(columns, rows)


def _of_class(records: Sequence[Record], methods: Sequence[str], group: str) -> Table:
    """What every method reached in the missions of a class, or in all."""
    columns = [Column("method"), Column("missions", Number("d"))]
    columns += [Column(quantity, Estimate(digits)) for quantity, digits in SHOWN.items()]
    rows = [
        (
            method,
            sum(r["method"] == method and group in ("all", r["class"]) for r in records),
            *(estimate(records, method, quantity, group) for quantity in SHOWN),
        )
        for method in methods
    ]
    return Table.of(columns, rows)


def _by_kind(records: Sequence[Record], methods: Sequence[str]) -> Table:
    """By kind of fault and method: missions completed, missions, and the mean of the steps of those completed."""
    kinds = list(dict.fromkeys((r["class"], r["mission"].rsplit("-", 1)[0]) for r in records))
    rows = []
    for group, kind in kinds:
        row: list[Any] = [group, kind]
        for method in methods:
            ours = [r for r in records if (r["method"], r["mission"].rsplit("-", 1)[0]) == (method, kind)]
            done = [r["steps"] for r in ours if r["completed"]]
            row.append((len(done), len(ours), sum(done) / len(done) if done else None))
        rows.append(row)
    shown = Composite(_completed, lambda found: found[0])
    return Table.of([Column("class"), Column("kind"), *(Column(method, shown) for method in methods)], rows)


def _completed(found: tuple[int, int, float | None]) -> str:
    done, flown, steps = found
    return f"{done} of {flown}" + ("" if steps is None else f", {steps:.0f}")


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
