"""Settings of the sweep itself, apart from those of its runs: they never reach a run, nor its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from crl.config.asking.overrides import at_home
from crl.config.asking.values import first_line
from crl.errors import SettingsError
from crl.matching import nearest
from crl.sweeps.points.grammar import parse
from crl.text import shown

LAUNCHERS = ("local", "ray", "slurm")
KINDS = ("grid", "tune")
BATCHES = ("none", "seeds")
LARGEST = 2**31 - 1
"""Greatest whole number that a setting of the sweep may have."""
NAMED_BY_SWEEP = ("run_dir", "name", "resume")
"""Settings of a run that a sweep sets itself."""


@dataclass
class Local:
    """``launcher=local``: processes on this machine."""

    workers: int | None = None
    """Runs at a time; as many as this process may use cores, by default."""
    retries: int = 2
    """Times that a run is started again whose process died (killed, out of memory)."""


@dataclass
class Tune:
    """``sweep=tune``: a search by Optuna."""

    trials: int = 20
    """Points that are tried, those of an earlier call of the same sweep included."""
    maximise: str = "average_success"
    """Entry of ``results.json`` that is maximised; a dot reaches inside, as in ``memory.kept_bytes``."""
    minimise: str | None = None
    """Entry that is minimised instead."""
    sampler: str = "tpe"
    """``tpe`` (tree-structured Parzen estimator; Bergstra et al. 2011) or ``random``."""
    seed: int = 0
    """Seed of the sampler."""
    startup: int = 10
    """Trials drawn at random before ``tpe`` begins."""


_WHOLE = {
    **{field.name: f"sweep.{field.name}" for field in fields(Tune) if field.name != "seed"},
    **{field.name: f"launcher.{field.name}" for field in fields(Local)},
}
"""Whole keys of the sweep's settings, for whoever leaves their beginning out; ``seed`` is one of the runs."""


@dataclass
class Request:
    """What a user asked of ``crl sweep``.

    Attributes:
        overrides: Settings of runs, values separated by commas.
        folder: ``sweep_dir``, or None for the default.
        kind: ``grid`` or ``tune``.
        tune: Settings of the search.
        launcher: One of :data:`LAUNCHERS`.
        launcher_settings: What the user set of it, by dotted key.
        batch: One of :data:`BATCHES`: which runs are one process.
    """

    overrides: list[Override] = field(default_factory=list)
    folder: Path | None = None
    kind: str = "grid"
    tune: Tune = field(default_factory=Tune)
    launcher: str = "local"
    launcher_settings: dict[str, Any] = field(default_factory=dict)
    batch: str = "none"


def read(arguments: Sequence[str]) -> Request:
    """Tell settings of the sweep from those of its runs.

    Raises:
        SettingsError: An argument can't be read, or a launcher or a kind of sweep is unknown.
    """
    request = Request()
    tune: dict[str, Any] = {}
    for text in arguments:
        override = parse(text)
        key = override.get_key_element()
        if key in ("batch", "launcher", "sweep", "sweep_dir") or key.startswith(("launcher.", "sweep.")):
            value = _single(override, text)
            if key == "sweep_dir":
                request.folder = Path(at_home(str(value)))
            elif key == "launcher":
                request.launcher = _one_of("launcher", value, LAUNCHERS)
            elif key == "batch":
                request.batch = _one_of("batch", value, BATCHES)
            elif key == "sweep":
                request.kind = _one_of("sweep", value, KINDS)
            elif key.startswith("launcher."):
                request.launcher_settings[key.removeprefix("launcher.")] = value
            else:
                tune[key.removeprefix("sweep.")] = value
        elif key in NAMED_BY_SWEEP:
            raise SettingsError(
                f"{key} can't be set in a sweep: it names, places and resumes its runs itself",
                "leave it out; sweep_dir=DIR says where the sweep goes",
            )
        elif key in _WHOLE:
            raise SettingsError(f"unknown key {key!r}: did you mean {_WHOLE[key]!r}?", "it is a setting of the sweep")
        else:
            request.overrides.append(override)
    if tune and request.kind != "tune":
        raise SettingsError(f"sweep.{next(iter(tune))} is a setting of sweep=tune", "add sweep=tune, or leave it out")
    request.tune = structured(Tune, tune, "sweep")
    _check_tune(request.tune)
    return request


def structured(schema: Any, values: Mapping[str, Any], section: str) -> Any:
    """A dataclass (or its OmegaConf form) with some of its values set.

    Args:
        schema: Dataclass, or a structured config that a plug-in of Hydra publishes.
        values: By dotted key.
        section: What the keys begin with on the command line.

    Raises:
        SettingsError: An unknown key, or a value of the wrong type.
    """
    composed = OmegaConf.structured(schema)
    names = [str(name) for name in composed if not str(name).startswith("_")]
    for key, value in values.items():
        if key.partition(".")[0] not in names:
            raise SettingsError(f"unknown setting {section}.{key}{nearest(key, names)}")
        try:
            OmegaConf.update(composed, key, value, merge=True)
        except OmegaConfBaseException as error:
            raise SettingsError(f"{section}.{key} cannot be {shown(repr(value))}: {first_line(error)}") from error
    try:
        return OmegaConf.to_object(composed)
    except OmegaConfBaseException as error:
        raise SettingsError(f"{section}: {first_line(error)}", "write the values themselves") from error


def whole(value: int | None, name: str, least: int) -> None:
    """Refuse a number that is too small, or so great that it must be a slip.

    Raises:
        SettingsError: It is.
    """
    if value is not None and value < least:
        raise SettingsError(f"{name}={shown(value)} is too small", f"at least {least}")
    if value is not None and value > LARGEST:
        raise SettingsError(f"{name}={shown(value)} is too large", f"at most {LARGEST:,}")


def _check_tune(tune: Tune) -> None:
    whole(tune.trials, "sweep.trials", 1)
    whole(tune.startup, "sweep.startup", 0)
    whole(tune.seed, "sweep.seed", 0)
    _one_of("sweep.sampler", tune.sampler, ("random", "tpe"))


def _single(override: Override, text: str) -> Any:
    if override.is_sweep_override():
        raise SettingsError(f"cannot read {text!r}: a setting of the sweep itself has one value")
    return override.value()


def _one_of(what: str, value: Any, valid: Sequence[str]) -> str:
    if value not in valid:
        raise SettingsError(f"unknown {what} {str(value)!r}{nearest(str(value), valid)}")
    return str(value)
