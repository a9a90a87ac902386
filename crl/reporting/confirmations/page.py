"""The page of a confirmation: claim, distributions, criteria with pass or fail, and all numbers with intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.reporting.confirmations.criteria import Criterion, estimate
from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.confirmations.missions import MISSIONS
from crl.reporting.statistics import Interval
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table


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
    kind: Kind = MISSIONS,
) -> tuple[Path, bool]:
    """Write ``confirm_NAME.md`` and ``confirm_NAME.json``.

    Args:
        target: Folder of both.
        name: Name of the suite.
        claim: What is claimed.
        source: The suite as it was written.
        header: Command, commit, code version, block, fits, and how many records were planned (``planned``).
        criteria: What must hold.
        records: Missions or runs.
        remarks: Text by hand, Markdown.
        kind: What is measured.

    Returns:
        The page, and whether all criteria hold; they are open (not passed) while records are missing.
    """
    complete = len(records) == header["planned"]
    judged = [(criterion, criterion.estimate(records)) for criterion in criteria]
    passed = complete and all(criterion.holds(found.value) for criterion, found in judged)
    methods = list(dict.fromkeys(record["method"] for record in records))
    groups = list(dict.fromkeys(record["class"] for record in records if "class" in record))
    state = (
        "all criteria hold" if passed else "not all criteria hold" if complete else "not finished: criteria are open"
    )
    lines = [
        f"# Confirmation of {name}: {state}",
        "",
        claim,
        "",
        f"Command: `{header['command']}`. Code: commit {header['commit']} ({header['code']}), frozen before the first "
        f"of them. Seeds: block {header['block']}, which nothing else may use. {len(records)} of {header['planned']} "
        f"{kind.records} done: {kind.design.format(fits=header['fits'])}",
        "",
        kind.intervals,
        "",
        *([remarks, ""] if remarks else []),
        "## Criteria",
        "",
        *markdown(_verdicts(judged, complete)),
        "",
    ]
    for group in ["all", *(groups if len(groups) > 1 else [])]:
        lines += [f"## {f'All {kind.records}' if group == 'all' else f'Class {group}'}", ""]
        lines += [*markdown(_of_class(records, methods, group, kind)), ""]
    for title, table in kind.tables(records, methods):
        lines += [f"## {title}", "", *markdown(table), ""]
    lines += ["Quantities: " + "; ".join(f"*{key}* {kind.quantities[key]}" for key in kind.shown) + ".", ""]
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
    body = ",\n".join(json.dumps(kind.kept(record)) for record in records)
    head = json.dumps({**header, "passed": passed, "criteria": verdicts})
    (target / f"confirm_{name}.json").write_text(f'{head[:-1]}, "{kind.records}": [\n{body}\n]}}\n', encoding="utf-8")
    return page, passed


def _verdicts(judged: Sequence[tuple[Criterion, Interval]], complete: bool) -> Table:
    words = {True: "pass", False: "fail"}
    columns = [Column("criterion"), Column("mean", Estimate()), Column("verdict")]
    rows = [(c.text(), found, words[c.holds(found.value)] if complete else "open") for c, found in judged]
    return Table.of(columns, rows)


def _of_class(records: Sequence[Record], methods: Sequence[str], group: str, kind: Kind) -> Table:
    """What every method reached in the records of a class, or in all."""
    columns = [Column("method"), Column(kind.records, Number("d"))]
    columns += [Column(quantity, Estimate(digits)) for quantity, digits in kind.shown.items()]
    rows = [
        (
            method,
            sum(r["method"] == method and (group == "all" or r["class"] == group) for r in records),
            *(estimate(records, method, quantity, group, kind=kind) for quantity in kind.shown),
        )
        for method in methods
    ]
    return Table.of(columns, rows)


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
