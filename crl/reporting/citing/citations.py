"""``crl cite``: the BibTeX of exactly what a run used."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from crl.config import Config
from crl.config.asking.request import GROUPS
from crl.config.declared.agents import FROZEN, kind_of
from crl.config.limits import leaves
from crl.config.reading import settings_read
from crl.errors import CrlError
from crl.plugins import is_path, load_plugin, points
from crl.reading.json_text import read_json
from crl.reporting.citing.bibliography import BibliographyError, Entry, holds, keys_of, read_bibliography
from crl.sequences import TaskSequence, load_sequence
from crl.training.order import task_order
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import read_settings
from crl.training.runs.trust import UntrustedCodeError, named_code, require_trust
from crl.version import __version__

SIMULATORS = ("mujoco", "pybullet", "isaacsim", "genesis", "sapien", "dm_control", "brax", "robosuite")
"""Packages by which an environment's module shows what simulates it; not all have an entry."""
_OF_A_MODEL = ("continual", "planner", "dynamics", "learning", "exploration", "refiner", "body", "flow", "missions")
"""Sections of settings that agents without a model of their own do not read."""


@dataclass(frozen=True)
class Citation:
    """One or more entries of BibTeX, and what in the run they are for."""

    reason: str
    text: str
    keys: tuple[str, ...]


def cite(folder: Path) -> tuple[list[Citation], list[str]]:
    """What a run used, in the order of the bibliography, then what its plug-ins say about themselves.

    Args:
        folder: Run folder; the run need not be finished.

    Returns:
        The citations, each key once, and notes on what could not be told.

    Raises:
        CrlError: The folder is no run, its settings can't be read, or a plug-in's ``bibtex`` is no BibTeX.
    """
    run = RunFolder.open(folder)
    config, complaint = read_settings(run)
    results = _results(run)
    notes: list[str] = [complaint] if complaint else []
    facts = used(config, results, notes, run.path)
    version = str(results.get("version") or __version__)
    found = [
        Citation(reason, entry.text(version=version) if entry.key == "crl" else entry.text(), (entry.key,))
        for entry in read_bibliography().entries
        if (reason := _reason(entry, facts)) is not None
    ]
    seen = {key for citation in found for key in citation.keys}
    for citation in _declared(config, notes, run.path):
        if not set(citation.keys) <= seen:
            found.append(citation)
            seen.update(citation.keys)
    return found, list(dict.fromkeys(notes))


def used(config: Config, results: Mapping[str, Any], notes: list[str], folder: Path | None = None) -> dict[str, object]:
    """Facts about a run, for the conditions of the bibliography.

    Args:
        config: The run's settings.
        results: Content of its ``results.json``, as far as there is any.
        notes: Gets what could not be told.
        folder: The run's folder, which may name code that is not trusted.
    """
    inner = _played(config, notes)
    acting = inner or config  # a frozen run used what the run that it plays has used
    facts: dict[str, object] = {"always": True, "report": True}
    kind, read = kind_of(acting), settings_read(acting)
    unread = ("env",) if kind.components else ("env", *_OF_A_MODEL)
    for key, value in leaves(acting):
        if key in read and key.partition(".")[0] not in unread:
            facts[key] = value
    for group in GROUPS:
        if f"{group}.name" in facts:
            facts[group] = facts[f"{group}.name"]
    if "continual" in facts:  # several may be put together
        facts["continual"] = frozenset(str(facts["continual"]).split("+"))
    facts["agent"] = frozenset({config.agent.name, kind.name})
    facts["env"] = frozenset({config.env.name, acting.env.name})
    facts["simulator"] = frozenset(simulators(config, notes, folder))
    measured = {key for key, value in results.items() if value is not None}
    if any(isinstance(visit, dict) and visit.get("plasticity") for visit in results.get("visits") or ()):
        measured.add("plasticity")
    facts["result"] = frozenset(measured)
    return facts


def simulators(config: Config, notes: list[str], folder: Path | None = None) -> set[str]:
    """Simulators that the modules of a run's environments import, through all their base classes."""
    found: set[str] = set()
    for kind in _environments(config, notes, folder):
        for base in kind.__mro__:
            module = sys.modules.get(base.__module__)
            imported = {
                value.__name__.partition(".")[0]
                for value in vars(module or ModuleType("")).values()
                if isinstance(value, ModuleType)
            }
            found |= imported & set(SIMULATORS)
    return found


def _played(config: Config, notes: list[str]) -> Config | None:
    """Settings of the run that ``agent=frozen`` plays."""
    if kind_of(config) is not FROZEN or not config.agent.run:
        return None
    try:
        played, complaint = read_settings(RunFolder.open(Path(config.agent.run)))
    except CrlError as error:
        notes.append(f"what the played run used is not known: {error.message}")
        return None
    if complaint:
        notes.append(complaint)
    return played


def _environments(config: Config, notes: list[str], folder: Path | None) -> list[type]:
    """Classes of the environments that the run's tasks are made of, each once."""
    kinds: dict[type, None] = {}
    try:
        if folder is not None:
            require_trust(folder, named_code(config))
        sequence: TaskSequence = load_sequence(config.env.name)
        order = dict.fromkeys(task_order(config, sequence))
    except CrlError as error:
        notes.append(f"what simulates {config.env.name} is not known: {'; '.join(str(error).splitlines())}")
        return []
    for index in order:
        try:
            env = sequence.make(index)
        except Exception as error:  # someone else's environment, or a simulator that is not installed here
            notes.append(f"what simulates task {index} of {config.env.name} is not known: {error}".splitlines()[0])
            continue
        kinds[type(env.unwrapped)] = None
        env.close()
    return list(kinds)


def _reason(entry: Entry, facts: Mapping[str, object]) -> str | None:
    """The conditions for which an entry belongs to the run, or ``None``."""
    true = [" & ".join(parts) for parts in entry.used_by if all(holds(part, facts) for part in parts)]
    if not true:
        return None
    if true == ["report"]:
        return "statistics of reports over several runs"
    plain = [condition for condition in true if condition not in ("always", "report")]
    return ", ".join(plain) if plain else "every run"


def _declared(config: Config, notes: list[str], folder: Path) -> Iterator[Citation]:
    """What plug-ins say about themselves: the attribute ``bibtex`` of their entry points and environments."""
    inner = _played(config, [])
    runs = [(folder, config), *([(Path(config.agent.run), inner)] if inner and config.agent.run else [])]
    for place_of, acting in runs:
        try:
            require_trust(place_of, named_code(acting))
        except UntrustedCodeError as error:
            notes.append(f"what its own code cites is not known: {'; '.join(str(error).splitlines())}")
            continue
        values = dict(leaves(acting))
        for group, place in GROUPS.items():
            name = values.get(f"{group}.name")
            if group == "env" or (group != "agent" and group not in kind_of(acting).components):
                continue
            for each in str(name).split("+") if group == "continual" else [str(name)]:
                if not is_path(each) and each not in points(place):
                    continue  # a file of settings alone, such as refiner=off
                try:
                    bibtex = getattr(load_plugin(place, each, group), "bibtex", None)
                except Exception as error:  # a broken plug-in of someone else
                    notes.append(f"{group}={each} does not load, so its citation is not known: {error}")
                    continue
                if bibtex is not None:
                    yield _own(bibtex, f"{group}={each}")
    for kind in _environments(config, [], folder):
        if getattr(kind, "bibtex", None) is not None:
            yield _own(kind.bibtex, f"env={config.env.name}")  # type: ignore[attr-defined]


def _own(bibtex: object, what: str) -> Citation:
    keys = keys_of(bibtex) if isinstance(bibtex, str) else []
    if not keys or not isinstance(bibtex, str) or bibtex.count("{") != bibtex.count("}"):
        raise BibliographyError(
            f"the attribute bibtex of {what} is no BibTeX", "a plug-in gives text such as @article{key, title = {...}}"
        )
    return Citation(f"{what}, as it says itself", bibtex.strip(), tuple(keys))


def _results(run: RunFolder) -> dict[str, Any]:
    try:
        content = read_json(run.results)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
