"""Trials: many missions with many methods, in parallel processes, one file per mission, resumed from those files.

A *method* is a refiner with or without clipping. Each is first fitted once (a run with no missions, in ``fits/``; those
that need nothing but the nominal model share one), then flies every fault on every map with every seed; the same seed
gives every method the same start and the same noise. What is in the folder already is not flown again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from crl.adaptation.flow_matching.persistence import TENSORS, check_flow
from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import compose, fingerprints
from crl.console import PlainConsole
from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.sequences import MissionEntry, load_sequence
from crl.training.files.durable import replace_file
from crl.training.load import LoadedRun, load_run
from crl.training.missions.flying import check_missions, fly, mission_sequence
from crl.training.preparing import prepare_torch
from crl.training.runner import train
from crl.training.runs.provenance import commit
from crl.training.showing.progress import Progress

FIRST_SEED = 70_000
"""Seeds of missions start here; they are the same for every method."""
UNCLIPPED_BOX = 25.0
"""Size of the box that an unclipped flow is fitted for: the smallest published gain is 0.05."""


@dataclass(frozen=True)
class Method:
    """A refiner by name, with or without clipping, and the settings (``key=value``) it is fitted and flown with."""

    refiner: str
    clipped: bool
    settings: tuple[str, ...]
    flow: Path | None = None
    """Folder of a flow that `crl fit-flow` wrote, to fly with in place of a new one."""
    fit_seed: int | None = None
    """Seed of the run that the method is fitted in, where there are several as replicates; ``None``: the settings'."""
    flown: tuple[str, ...] = ()
    """More settings, which no fit reads: missions are flown with them, and methods that differ in them share a fit."""
    label: str = ""
    """Name to tell it from another one of the same refiner; empty: the refiner says enough."""

    @property
    def name(self) -> str:
        """Name of the method's folders and rows."""
        return self.label or self._unlabelled

    @property
    def _unlabelled(self) -> str:
        return self.refiner if self.clipped else f"{self.refiner}_unclipped"

    @property
    def has_flow(self) -> bool:
        """Whether its refiner has a flow."""
        return self.config().refiner.kind == "flow"

    @cached_property
    def fit(self) -> str:
        """Name of the run that the method is fitted in; kept, since composing settings takes a tenth of a second."""
        refiner = self.config().refiner
        own = self.flow is None and (refiner.identifies or refiner.randomised)
        name = self._unlabelled if own else "nominal"
        return name if self.fit_seed is None else f"{name}-{self.fit_seed}"

    def fit_config(self) -> Config:
        """Configuration of the run that the method is fitted in."""
        if not self.fit.startswith("nominal"):
            return replace(self, flown=()).config()
        return Method("none", True, self.settings, fit_seed=self.fit_seed).config()

    def config(self) -> Config:
        """The method's configuration."""
        extra = [f"refiner={self.refiner}", "missions.seeds=0", "videos=false"]
        if not self.clipped:
            extra += ["refiner.clipped=false", f"flow.field.box_scale={UNCLIPPED_BOX}"]
        # What another method reads is given to all.
        config = compose([*self.settings, *self.flown, *extra], unread=True)
        if self.fit_seed is not None:
            config.seed = self.fit_seed
        return config


@dataclass(frozen=True)
class Trial:
    """One mission to fly: method, map (``None``: the sequence's own), fault and seed."""

    method: Method
    waypoints: str | None
    mission: MissionEntry
    seed: int

    @property
    def file(self) -> str:
        """Where its record goes, below the folder of the trials; its path goes beside it."""
        where = "default" if self.waypoints is None else Path(self.waypoints).stem
        return f"missions/{self.method.name}/{where}/{self.mission.name}-{self.seed}.json"


def plan_trials(
    methods: Sequence[Method],
    waypoints: Sequence[str | None],
    missions: Sequence[MissionEntry],
    seeds: int | Mapping[str, int],
) -> list[Trial]:
    """All missions, seed by seed, so that an unfinished evaluation has all methods and faults alike.

    Args:
        methods: Who flies.
        waypoints: Maps.
        missions: Faults.
        seeds: How many, or how many for each class of faults.

    Raises:
        CrlError: A class of faults has no number.
    """
    wanted = seeds if isinstance(seeds, Mapping) else {mission.group: seeds for mission in missions}
    missing = sorted({mission.group for mission in missions} - set(wanted))
    if missing:
        raise CrlError(
            f"seeds has no number for class {', '.join(missing)}", "name every class, or choose with classes="
        )
    return [
        Trial(method, where, mission, FIRST_SEED + seed)
        for seed in range(max(wanted.values(), default=0))
        for method in methods
        for where in waypoints
        for mission in missions
        if seed < wanted[mission.group]
    ]


def check_trials(trials: Sequence[Trial]) -> None:
    """Make every mission's environment once, so that what is wrong with a map or a fault is said before anything runs.

    Raises:
        CrlError: A map, a fault or a setting is impossible.
    """
    configs = {method.name: method.config() for method in dict.fromkeys(trial.method for trial in trials)}
    once = {(trial.method.name, trial.waypoints, trial.mission.name): trial for trial in trials}
    for (method, waypoints, _), trial in once.items():
        config = configs[method]
        if trial.method.flow is not None:
            action = load_sequence(config.env.name).spec(0).action
            check_flow(trial.method.flow, action, config.flow, config.refiner.identifier)
        config.missions.waypoints = waypoints
        check_missions(config, load_sequence(config.env.name), [trial.mission])


def run_trials(trials: Sequence[Trial], folder: Path, workers: int) -> Iterator[tuple[int, int, str]]:
    """Fit what is not fitted and fly what is not flown; yields (done, all, what was done last) as it goes.

    Raises:
        CrlError: A worker died, or the folder holds trials of other settings.
    """
    methods = list(dict.fromkeys(trial.method for trial in trials))
    _claim(folder, methods, trials)
    left = [trial for trial in trials if not (folder / trial.file).exists()]
    fits = {method.fit: method for method in methods}
    needed = {name: m for name, m in fits.items() if any(trial.method.fit == name for trial in left)}
    count = len(fits) + len(trials)
    done = count - len(needed) - len(left)
    yield done, count, "found"
    context = get_context("spawn")
    # Fits first; a method's missions begin when it is fitted, so that no process waits for another method's fit.
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare, initargs=(os.getpid(),)) as pool:
        waiting: dict[Future[str], str | None] = {pool.submit(_fit, m, folder): name for name, m in needed.items()}
        try:
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    fit = waiting.pop(future)
                    said = future.result()
                    done += 1
                    if fit is not None:
                        for trial in (trial for trial in left if trial.method.fit == fit):
                            waiting[pool.submit(_fly, trial, folder)] = None
                    yield done, count, said
        except BrokenProcessPool as error:
            raise CrlError(
                "a worker died (out of memory, or killed)",
                f"run the same command again: it goes on from what is in {folder}; workers=1 needs the least memory",
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def read_trials(trials: Sequence[Trial], folder: Path) -> list[dict[str, Any]]:
    """The records of all trials that were flown, in their order."""
    paths = [folder / trial.file for trial in trials]
    return [read_json(path) for path in paths if path.exists()]


def _claim(folder: Path, methods: Sequence[Method], trials: Sequence[Trial]) -> None:
    """Note the settings of every method, or complain that others are noted."""
    folder.mkdir(parents=True, exist_ok=True)
    stems = [Path(where).stem for where in {t.waypoints for t in trials} if where is not None]
    if len(set(stems)) < len(stems):
        raise CrlError(f"two maps have one name: {sorted(stems)}", "rename a file: results are told apart by it")
    path = folder / "methods.json"
    known: dict[str, str] = read_json(path) if path.exists() else {}
    for method in methods:
        marks = [mark + _flow_mark(method) for mark in fingerprints(method.config())]
        key = method.name if method.fit_seed is None else f"{method.name}-{method.fit_seed}"
        if known.setdefault(key, marks[0]) not in marks:
            raise CrlError(
                f"{folder} holds missions of {method.name} with other settings",
                "give another out=DIR, or remove the folder",
            )
    replace_file(path, _json(known))


def _flow_mark(method: Method) -> str:
    """What tells flows of one method apart."""
    if method.flow is None:
        return ""
    return "+" + hashlib.sha256((method.flow / TENSORS).read_bytes()).hexdigest()[:16]


def _json(data: Any) -> bytes:
    return json.dumps(data, indent=1, default=float).encode() + b"\n"


# ---------------------------------------------------------------------- in the workers
_LOADED: dict[tuple[str, str], tuple[Config, LoadedRun, Agent]] = {}


def _prepare(parent: int) -> None:
    """End with the parent, however it ends."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _fit(method: Method, folder: Path) -> str:
    config = method.fit_config()
    config.run_dir, config.name, config.resume = str(folder / "fits"), method.fit, True
    with (folder / f"fit_{method.fit}.log").open("a") as log:
        train(config, Progress(sum(config.budget.steps), ["nominal"], PlainConsole(file=log, width=160)))
    return f"fitted {method.fit}"


def _fly(trial: Trial, folder: Path) -> str:
    key = trial.method.name, trial.method.fit
    if key not in _LOADED:
        config, run = trial.method.config(), load_run(folder / "fits" / trial.method.fit)
        agent = make_agent(config, run.sequence.spec(0))
        agent.load_state_dict(run.agent.state_dict())
        if trial.method.flow is not None:
            agent.load_flow(trial.method.flow)
        _LOADED[key] = config, run, agent
    config, run, agent = _LOADED[key]
    prepare_torch(config)
    config.missions.waypoints = trial.waypoints
    sequence = mission_sequence(config, run.sequence, [trial.mission])
    task = sequence.spec(0)
    with closing(sequence.make(0)) as env:
        flight = fly(agent, env, task, trial.seed, config, faulty=bool(trial.mission.fault))
    where = "default" if trial.waypoints is None else Path(trial.waypoints).stem
    record = {
        "method": trial.method.name,
        "refiner": trial.method.refiner,
        "clipped": trial.method.clipped,
        "map": where,
        "mission": trial.mission.name,
        "class": trial.mission.group,
        "fault": dict(trial.mission.fault),
        "fit": config.seed,
        "commit": commit(),
        **flight.record,
    }
    path = folder / trial.file
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path.with_suffix(".npz"), path=flight.path, waypoints=flight.waypoints)
    replace_file(path, _json(record))
    return f"{trial.method.name}, {trial.mission.name}: {record['reached']} of {record['waypoints']}"
