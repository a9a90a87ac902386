"""One run's entry, from its folder alone: the folders are the truth, and everything else follows from them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crl.config.declared.agents import MPC, NO_REFINER, kind_named
from crl.reading.plain import open_plain
from crl.reading.schema import printable, sift
from crl.reporting.store import faults
from crl.reporting.store.entry import FACTS, Entry, Finding, flat
from crl.reporting.store.holder import holder
from crl.training.runs.folder import RunFolder
from crl.training.runs.provenance import read_code
from crl.training.runs.results_file import read_line, read_results
from crl.training.runs.settings import recorded_settings
from crl.version import __version__

_STAMPED = (
    "config.yaml",
    "results.json",
    "metrics.jsonl",
    "fingerprint",
    "checkpoints",
    "timing.jsonl",
    "provenance.json",
)


def stamp(folder: Path) -> str:
    """A line that changes whenever an entry would: age and size of the files it is made of, place, and version."""
    parts = [__version__, str(folder)]
    for name in _STAMPED:
        try:
            found = (folder / name).stat()
        except OSError:
            parts.append("-")
        else:
            parts.append(f"{found.st_mtime_ns}:{found.st_size}")
    for path in _inside(folder / "checkpoints"):
        try:
            parts.append(f"{path.name}:{path.stat().st_mtime_ns}")
        except OSError:  # gone since
            continue
    parts.append("w" if os.access(folder, os.W_OK) else "r")
    return printable(" ".join(parts))


def name_in(folder: Path, root: Path) -> str:
    """Name of a run in a folder of runs. Bytes of it that are no text are spelt out."""
    return printable(folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder))


def survey(folder: Path, root: Path) -> Entry:
    """Look at a run's folder. Whatever it holds, there is an entry; what is wrong with it stands in its findings.

    Args:
        folder: The run's folder.
        root: The folder of runs that it is named in.
    """
    findings: list[Finding] = []
    settings, said = _settings(folder)
    results, fault = _results(folder)
    status = _status(folder, settings is not None, results is not None)
    if status == "half-written":
        findings.append(faults.half_written(folder))
    else:
        findings += [*said, *fault]
    code: dict[str, Any] = (read_code(folder) or [{}])[-1]
    facts = {**_from_settings(settings or {}), **code, **_from_results(results or {})}
    facts.setdefault("steps", _last_line(folder / "metrics.jsonl").get("step"))
    facts, odd = sift({key: value for key, value in facts.items() if value is not None}, FACTS)
    if status != "half-written":
        findings += faults.of_files(folder, status, results, settings)
        if odd:  # those of the results are said already
            findings.append(faults.odd_settings(folder, odd))
    return Entry(
        name=name_in(folder, root),
        path=printable(str(folder)),
        status=status,
        began=_moment(folder / "fingerprint", folder / "config.yaml"),
        ended=_moment(folder / "results.json", folder / "metrics.jsonl"),
        fingerprint=RunFolder(folder).fingerprint(),
        size=sum(_sizes(folder)),
        settings=flat(settings or {}),
        findings=tuple(replace(each, what=printable(each.what), hint=printable(each.hint)) for each in findings),
        **facts,
    )


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []


def _status(folder: Path, configured: bool, finished: bool) -> str:
    if not os.path.isfile(folder / "config.yaml"):  # noqa: PTH113 (unlike Path.is_file, it never raises)
        return "half-written" if not finished else "finished"
    if finished:
        return "finished"
    return "running" if configured and holder(folder) else "unfinished"


def _settings(folder: Path) -> tuple[dict[str, Any] | None, list[Finding]]:
    found = recorded_settings(folder)
    if isinstance(found.fault, FileNotFoundError):
        return None, [faults.no_config(folder)]
    if found.fault is not None:
        return None, [faults.broken_config(folder / "config.yaml", found.fault)]
    if found.changed:
        return None, [faults.changed_config(folder)]
    return found.plain, [] if found.checked else [faults.unchecked_config()]


def _results(folder: Path) -> tuple[dict[str, Any] | None, list[Finding]]:
    try:
        found = read_results(folder)
    except FileNotFoundError:
        return None, []
    except (OSError, ValueError) as error:
        return None, [faults.broken_results(folder, error)]
    return found.entries, [faults.odd_results(folder, found.wrong)] if found.wrong else []


def _from_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    def inside(section: str) -> Any:
        found = settings.get(section)
        return found.get("name") if isinstance(found, Mapping) else None

    agent, refiner = str(inside("agent") or MPC.name), str(inside("refiner") or NO_REFINER)
    kind = kind_named(agent, refiner)
    return {
        "env": inside("env"),
        "agent": kind.name if settings else None,
        "method": kind.method(agent, inside("continual"), refiner) if settings else None,
        "planner": inside("planner") if "planner" in kind.components else None,
        "profile": settings.get("profile"),
        "seed": settings.get("seed"),
    }


def _from_results(results: Mapping[str, Any]) -> dict[str, Any]:
    visits = results.get("visits")
    facts = {
        "env": results.get("env"),
        "agent": results.get("agent"),
        "method": results.get("strategy"),
        "planner": results.get("planner"),
        "profile": results.get("profile"),
        "seed": results.get("seed"),
        "visits": len(visits) if isinstance(visits, list) else None,
        "steps": results.get("env_steps"),
        "success": results.get("average_success"),
        "mean_return": results.get("average_return"),
        "forgetting": results.get("forgetting_return"),
        "cpu_seconds": results.get("cpu_seconds"),
        "wall_seconds": results.get("wall_seconds"),
        "version": results.get("version"),
        "commit": results.get("commit"),
    }
    return {key: value for key, value in facts.items() if value is not None}


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of a log; empty where there is none."""
    try:
        with open_plain(path) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 65_536))
            lines = file.read().splitlines()
    except OSError:
        return {}
    for line in reversed(lines):
        if (found := read_line(line)) is not None:
            return found
    return {}


def _moment(*paths: Path) -> str | None:
    """When the first of these files that exists was written."""
    for path in paths:
        try:
            return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        except (OSError, ValueError, OverflowError):  # a time that no calendar has
            continue
    return None


def _sizes(folder: Path) -> Iterator[int]:
    for base, _, files in os.walk(folder):
        for name in files:
            try:
                yield os.lstat(os.path.join(base, name)).st_size  # noqa: PTH118 (walked often: no Path for each file)
            except OSError:
                continue
