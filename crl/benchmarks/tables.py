"""What was measured, as tables: for the terminal and for docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.benchmarks.tuning import Choice
from crl.reporting.tables.kinds import Number, Text
from crl.reporting.tables.table import Column, Table


def machine_table(found: Mapping[str, Any]) -> Table:
    """The limits of the computer."""
    limits = found["limits"]
    columns = [Column("one thread, float32"), Column("GF/s", Number(".1f")), Column("GB/s", Number(".1f"))]
    rows = [
        ("product of 1024 x 1024 matrices, BLAS", limits["blas"], None),
        ("the same, oneDNN", limits["onednn"], None),
        ("product [256, 200] x [200, 200], BLAS", limits["layer"], None),
        ("multiplying and adding in registers (FMA)", limits["fma"], None),
        ("copy in memory", None, limits["copy"]),
    ]
    return Table.of(columns, rows)


def steps_table(found: Mapping[str, Any]) -> Table:
    """Learning steps against the published formulation."""
    columns = [
        Column("network"),
        Column("earlier tasks", Number("d")),
        Column("published", Number(".0f"), "ms"),
        Column("default", Number(".1f"), "ms"),
        Column("published / default", Number(".1f")),
        Column("with look-ahead", Number(".1f"), "ms"),
        Column("published / with look-ahead", Number(".1f")),
    ]
    names = ("size", "earlier_tasks", "published_ms", "batched_without_lookahead_ms", "ratio_without_lookahead")
    return Table.of(columns, [[step[name] for name in (*names, "batched_ms", "ratio")] for step in found["steps"]])


def rollouts_table(found: Mapping[str, Any]) -> Table:
    """Rollouts by PyTorch and as they come, which is the compiled kernel's where it was built, against the limits."""
    share = Number(".0f", 100.0, " %")
    columns = [
        Column("rollout"),
        Column("sequences x steps, network"),
        Column("PyTorch", Number(".2f"), "ms"),
        Column("as it comes", Number(".2f"), "ms"),
        Column("ratio", Number(".1f")),
        Column("rate", Number(".0f"), "GF/s"),
        Column("share of the fastest product", share),
        Column("share of a layer's", share),
        Column("share of FMA", share),
    ]
    names = (
        *("name", "size", "torch_ms", "ms", "ratio", "gflops"),
        *("share_of_product", "share_of_layer", "share_of_fma"),
    )
    return Table.of(columns, [[row[name] for name in names] for row in found["rollouts"]])


def updates_table(found: Mapping[str, Any]) -> Table:
    """One round of a planner by PyTorch and as it comes."""
    columns = [
        *(Column("planner"), Column("size"), Column("PyTorch", Number(".2f"), "ms")),
        *(Column("as it comes", Number(".2f"), "ms"), Column("ratio", Number(".1f"))),
    ]
    names = ("planner", "name", "torch_ms", "ms", "ratio")
    return Table.of(columns, [[row[name] for name in names] for row in found["updates"]])


def precisions_table(found: Mapping[str, Any]) -> Table:
    """Rollouts in bfloat16 against float32."""
    columns = [Column("rollout")]
    for path in ("kernel", "PyTorch"):
        columns += [
            Column(f"{path}, float32", Number(".2f"), "ms"),
            Column(f"{path}, bfloat16", Number(".2f"), "ms"),
            Column("ratio", Number(".2f")),
        ]
    columns.append(Column("deviation", Number(".2f", 100.0, " %")))
    rows = []
    for row in found["precisions"]:
        told = [
            value
            for path in ("auto", "torch")
            for value in (row["ms"][path]["float32"], row["ms"][path]["bfloat16"], row["ratio"][path])
        ]
        rows.append([row["name"], *told, row["deviation"]])
    return Table.of(columns, rows)


def rival_table(found: Mapping[str, Any]) -> Table:
    """One update of our planners against one of pytorch-mppi."""
    rows = found["rival"]["rows"]
    names = list(rows[0]["ms"])
    columns = [Column("size"), Column("pytorch-mppi", Number(".2f"), "ms")]
    for name in names:
        said = name.replace("auto", "as it comes").replace("torch", "PyTorch")
        columns += [Column(said, Number(".2f"), "ms"), Column("ratio", Number(".2f"))]
    told = [[value for name in names for value in (row["ms"][name], row["ratio"][name])] for row in rows]
    return Table.of(columns, [[row["name"], row["theirs_ms"], *own] for row, own in zip(rows, told, strict=True)])


def success_table(found: Mapping[str, Any]) -> Table:
    """Success of trained runs that are evaluated with either precision."""
    columns = [
        *(Column("run"), Column("task"), Column("episodes", Number("d"))),
        *(Column("float32", Number(".0f", 100.0, " %")), Column("bfloat16", Number(".0f", 100.0, " %"))),
        *(Column("return, float32", Number(".1f")), Column("return, bfloat16", Number(".1f"))),
    ]
    names = ("run", "task", "episodes", "success", "success_bfloat16", "mean_return", "mean_return_bfloat16")
    return Table.of(columns, [[row[name] for name in names] for row in found["rows"]])


def decisions_table(found: Mapping[str, Any]) -> Table:
    """Decisions with the default settings of sequences."""
    columns = [
        Column("sequence"),
        Column("planner"),
        Column("samples x horizon x rounds"),
        Column("median", Number(".1f"), "ms"),
        Column("95 %", Number(".1f"), "ms"),
        Column("median in bfloat16", Number(".1f"), "ms"),
    ]
    rows = [
        [
            row["env"],
            row["planner"],
            f"{row['samples']} x {row['horizon']} x {row['rounds']}",
            row["median_ms"],
            row["p95_ms"],
            row.get("bfloat16_ms"),
        ]
        for row in found["decisions"]
    ]
    return Table.of(columns, rows)


def deadlines_table(found: Mapping[str, Any]) -> Table:
    """How late plans with a deadline are; negative: before it."""
    columns = [Column("rate", Number("d"), "Hz"), Column("deadline", Number(".0f"), "ms")]
    for clock in ("CPU", "wall"):
        columns += [
            Column(f"sequences, {clock} time", Number(",d")),
            Column(f"late, {clock} time, median", Number(".2f"), "ms"),
            Column(f"late, {clock} time, p99", Number(".2f"), "ms"),
        ]
    names = ("sequences", "late_median_ms", "late_p99_ms")
    rows = [
        [row["hz"], row["deadline_ms"], *(row[clock][name] for clock in ("cpu", "wall") for name in names)]
        for row in found["deadlines"]
    ]
    return Table.of(columns, rows)


def choices_table(choices: Sequence[Choice], best: Choice) -> Table:
    """Planner settings that were tried; the one that was chosen has a mark."""
    columns = [
        *(Column("samples", Number(",d")), Column("rounds", Number("d")), Column("median", Number(".1f"), "ms")),
        *(Column("99 %", Number(".1f"), "ms"), Column("predicted return", Number(".3f")), Column("keeps the rate")),
        Column("", Text()),
    ]
    rows = [
        (
            *(choice.planner.samples, choice.planner.rounds, choice.median_ms, choice.p99_ms, choice.value),
            *("yes" if choice.keeps else "no", "chosen" if choice is best else ""),
        )
        for choice in choices
    ]
    return Table.of(columns, rows)


def lifelong_table(found: Mapping[str, Any]) -> Table:
    """Cost against the number of tasks."""
    kinds = list(found["marks"][0]["step_ms"])
    columns = [
        Column("tasks", Number(",d")),
        *(Column(f"step, protect={kind}", Number(".1f"), "ms") for kind in kinds),
        *(Column(f"memory, protect={kind}", Number(".0f"), "MB") for kind in kinds),
        Column("checkpoint", Number(".1f"), "MB"),
        Column("write", Number(".0f"), "ms"),
        Column("of it changed", Number(".1f"), "MB"),
        Column("write changes", Number(".0f"), "ms"),
        Column("read", Number(".0f"), "ms"),
        Column("evaluated", Number(",d")),
        Column("evaluation", Number(".2f", 1e-3), "s"),
        Column("of all, computed", Number(".1f", 1e-3), "s"),
    ]
    saved = ("checkpoint_mb", "save_ms", "changed_mb", "change_ms", "load_ms")
    names = (*saved, "evaluated", "evaluation_ms", "evaluation_of_all_ms")
    rows = [
        [
            mark["tasks"],
            *(mark["step_ms"][kind] for kind in kinds),
            *(mark["memory_beyond_mb"][kind] for kind in kinds),
            *(mark.get(name) for name in names),
        ]
        for mark in found["marks"]
    ]
    return Table.of(columns, rows)
