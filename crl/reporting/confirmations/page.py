"""The page of a confirmation: claim, distributions, criteria with pass or fail, and all numbers with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.reporting.confirmations.criteria import QUANTITIES, Criterion, Record, estimate, measure
from crl.reporting.pages.parts import markdown_table
from crl.reporting.statistics import Interval

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
        *markdown_table(
            ("criterion", "mean", "verdict"),
            [
                (c.text(), _text(found, 3), ("pass" if c.holds(found.value) else "fail") if complete else "open")
                for c, found in judged
            ],
        ),
        "",
    ]
    for group in ["all", *(groups if len(groups) > 1 else [])]:
        rows = [
            [method, str(sum(r["method"] == method and group in ("all", r["class"]) for r in records))]
            + [_text(estimate(records, method, quantity, group), digits) for quantity, digits in SHOWN.items()]
            for method in methods
        ]
        lines += [f"## {'All missions' if group == 'all' else f'Class {group}'}", ""]
        lines += [*markdown_table(("method", "missions", *SHOWN), rows), ""]
    lines += ["## By kind of fault: missions completed, mean steps of those", ""]
    lines += [*_by_kind(records, methods), ""]
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


def _by_kind(records: Sequence[Record], methods: Sequence[str]) -> list[str]:
    kinds = list(dict.fromkeys((r["class"], r["mission"].rsplit("-", 1)[0]) for r in records))
    rows = []
    for group, kind in kinds:
        row = [group, kind]
        for method in methods:
            ours = [r for r in records if (r["method"], r["mission"].rsplit("-", 1)[0]) == (method, kind)]
            done = [r["steps"] for r in ours if r["completed"]]
            row.append(f"{len(done)} of {len(ours)}" + (f", {sum(done) / len(done):.0f}" if done else ""))
        rows.append(row)
    return markdown_table(("class", "kind", *methods), rows)


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None


def _text(found: Interval, digits: int) -> str:
    return "-" if math.isnan(found.value) else found.format(digits)
