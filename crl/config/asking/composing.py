"""Composes :class:`crl.config.Config` from defaults, the groups in ``configs/`` and a user's overrides.

Hydra reads the overrides and composes the groups; what leaves this module is a plain dataclass. Later wins:

1. the defaults of :mod:`crl.config`,
2. ``agent/NAME.yaml``, ``continual/NAME.yaml``, ``planner/NAME.yaml`` and ``refiner/NAME.yaml``; with a refiner,
   ``missions/model.yaml``: what the model of a moving body needs,
3. ``env/ENV.yaml``: what the task sequence needs, whatever learns it,
4. ``agent/ENV/NAME.yaml`` and so on: what a method needs on that sequence,
5. ``profile/ENV/PROFILE.yaml``, or else ``profile/PROFILE.yaml``,
6. the user's ``key=value``. An order of tasks of the user's own takes the profile's budgets along.

With ``recipe=NAME`` NAME stands for ENV in 3 to 5; a preset for environments of others is ``recipes/NAME.yaml``.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, cast

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from crl.config.asking.request import GROUPS, JOINT, RECIPES, Request, known_key, read_request, suggest
from crl.config.asking.values import assign, first_line, resolved
from crl.config.declared.agents import NO_REFINER, NOMINAL_STRATEGY
from crl.config.declared.compositions import config_dir as config_dir
from crl.config.fingerprints import digest, forms
from crl.config.limits import validate
from crl.config.reading import refuse_unread
from crl.config.renamed import migrated
from crl.config.reserved import refuse_reserved
from crl.config.schema import Config, EnvConfig
from crl.errors import SettingsError
from crl.foreign.names import is_foreign, recipe_of
from crl.made_by import of_another_version
from crl.matching import nearest
from crl.plugins import entry_points, is_path
from crl.reading.yaml_text import read_yaml
from crl.text import shown

_GYMNASIUM = re.compile(r"(\w+/)?[\w:.-]+-v\d+")
"""What an id of Gymnasium looks like."""
MISSIONS = ("missions", "model")
"""The file with what the model of a moving body needs, whichever it is."""

REFUSED: Mapping[str, str] = {
    "sb3_dqn": "DQN chooses among discrete actions, and the actions here are continuous",
    "sb3_ppo": "PPO is on-policy: it can't learn from a replay buffer",
    "sb3_a2c": "A2C is on-policy: it can't learn from a replay buffer",
}
"""Names of agents that a user may expect, and why there is none."""

_SCHEMA = "crl_schema"
ConfigStore.instance().store(name=_SCHEMA, node=Config)


def names(group: str) -> list[str]:
    """Valid names of a group: its YAML files, and installed plug-ins."""
    files = {path.stem for path in (config_dir() / group).glob("*.yaml")}
    always = {"off"} if group == "refiner" else set()
    return sorted(files | always | {point.name for point in entry_points(group=GROUPS[group])})


def profiles() -> list[str]:
    """Names of the profiles of any task sequence."""
    return sorted({path.stem for path in (config_dir() / "profile").rglob("*.yaml")})


def compose(overrides: Sequence[str] = (), *, unread: bool = False) -> Config:
    """Compose and validate the configuration of a run.

    Args:
        overrides: ``key=value`` in Hydra's grammar, such as ``env=door_open``, ``planner.samples=64``.
        unread: Take settings that nothing reads, too: those that are shared with other methods, which read them.

    Returns:
        The configuration: dataclasses, lists, dicts and plain values only.

    Raises:
        SettingsError: An unknown key or value (the message names the nearest valid one), a wrong type, a value out of
            range, or a setting that nothing reads.
    """
    request = read_request(overrides)
    chosen = _chosen(request)
    _refuse_unknown(chosen)
    profile = request.choices.get("profile", Config().profile)
    if profile not in profiles():
        raise SettingsError(f"unknown profile {shown(profile)!r}{nearest(profile, profiles())}")

    composed = _compose_groups(list(_layers(chosen, profile, request.recipe)))
    composed.env.name = chosen["env"]
    for group, name in chosen.items():
        if not _file(group, name).is_file():  # a plug-in without a YAML file of its own
            composed[group].name = name
    composed.continual.parts = []  # a name stands for them: what is saved holds them once
    composed.profile = profile
    if request.recipe is not None:  # its tasks, and what each of them may cost, are those of another sequence
        composed.env.tasks = None
        composed.budget.steps = [max(composed.budget.steps)]
    profiled = cast(EnvConfig, OmegaConf.to_object(composed.env)).tasks
    for key, value in request.values:
        assign(composed, key, value)
    for key, value in request.values:
        if "${" in str(value):
            assign(composed, key, resolved(composed, key, value))
    config = _finish(composed)
    given = {key for key, _ in request.values}
    if "env.tasks" in given and "budget.steps" not in given:
        config.budget.steps = _steps_for(config.env.tasks, profiled, config.budget.steps)
    refuse_reserved({"seed": config.seed, "evaluation.seed": config.evaluation.seed})
    if not unread:
        refuse_unread(config, [*request.choices, *(key for key, _ in request.values)])
    return config


def changed(config: Config, overrides: Sequence[str], allowed: Sequence[str]) -> Config:
    """Settings of a run with some of them changed.

    Args:
        config: The run's settings.
        overrides: ``key=value``.
        allowed: Keys that may change, or beginnings of such.

    Raises:
        SettingsError: A key is unknown or may not change, or a value does not fit.
    """
    request = read_request(overrides)
    for key in given_keys(overrides):
        if not any(f"{key}.".startswith(f"{one}.") for one in allowed):
            raise SettingsError(
                f"{key} can't be changed: what the run has learned depends on it", f"these can: {', '.join(allowed)}"
            )
    composed = OmegaConf.structured(config)
    for key, value in request.values:
        assign(composed, key, value)
    new = _finish(composed)
    refuse_unread(new, [key for key, _ in request.values])
    return new


def _refuse_unknown(chosen: Mapping[str, str]) -> None:
    """Refuse names of groups that stand for nothing."""
    for group, name in chosen.items():
        if group == "agent" and name in REFUSED:
            raise SettingsError(f"there is no agent {name!r}: {REFUSED[name]}", f"valid: {', '.join(names(group))}")
        for each in _parts(group, name):
            if each not in names(group) and not is_path(each):
                hint = "one of your own that is not installed is named package.module:Name"
                if group == "env":
                    own = shown(each) if _GYMNASIUM.fullmatch(each) else "ID"
                    hint += f"; one of Gymnasium is env=gym:{own}"
                raise SettingsError(f"unknown {group} {shown(each)!r}{nearest(each, names(group))}", hint)


def given_keys(overrides: Sequence[str]) -> list[str]:
    """Keys that overrides set, without aliases; a group's name stands for the choice of a component.

    Raises:
        SettingsError: An override can't be read, or its key is unknown.
    """
    request = read_request(overrides)
    return [*request.choices, *(key for key, _ in request.values)]


def origins(overrides: Sequence[str] = ()) -> tuple[list[tuple[str, str]], list[str]]:
    """Where :func:`compose` takes values from, beside the defaults.

    Args:
        overrides: As for :func:`compose`.

    Returns:
        (Group, option) of every YAML file that applies, in the order of composition, and the keys that the user set.

    Raises:
        SettingsError: An override can't be read, or its key is unknown.
    """
    request = read_request(overrides)
    files = list(_layers(_chosen(request), request.choices.get("profile", Config().profile), request.recipe))
    named = [f"{key}.name" if key in GROUPS else key for key in request.choices]
    return files, [*named, *(key for key, _ in request.values)]


def to_plain(config: Config) -> dict[str, Any]:
    """The configuration as nested dicts of plain values."""
    return asdict(config)


def from_plain(plain: Mapping[str, Any]) -> Config:
    """The configuration that :func:`to_plain` returned as plain values.

    Raises:
        SettingsError: A setting is not known, or its value is not allowed.
    """
    return _finish(cast(DictConfig, OmegaConf.merge(_schema(), OmegaConf.create(dict(plain)))))


def to_yaml(config: Config) -> str:
    """The configuration as YAML text."""
    return OmegaConf.to_yaml(OmegaConf.create(to_plain(config)))  # its types are checked: a structured one costs twice


def load_yaml(path: Path) -> Config:
    """Read a file of what :func:`to_yaml` gives. Settings that did not exist yet get their defaults.

    Raises:
        SettingsError: The file is missing or broken, or holds a setting that this version does not know.
    """
    return read_yaml_settings(path)[0]


def read_yaml_settings(path: Path) -> tuple[Config, dict[str, Any]]:
    """As :func:`load_yaml`, with what the file says of it as nested dicts: an older file says less.

    Raises:
        SettingsError: See :func:`load_yaml`.
    """
    try:
        loaded = OmegaConf.load(io.StringIO(read_yaml(path)))
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # PyYAML and OmegaConf have several error families
        raise SettingsError(f"{path} is not valid YAML: {first_line(error)}") from error
    if not isinstance(loaded, DictConfig) or not loaded:
        raise SettingsError(f"{path} holds no settings")
    written = migrated(cast("dict[str, Any]", OmegaConf.to_container(loaded, resolve=False)))
    for key, value in _flat(written):
        if not known_key(key):
            raise SettingsError(
                f"{path} holds the unknown setting {key!r}{suggest(key)}", of_another_version(path.parent)
            )
        if "${" in str(value):  # to resolve it could read the environment of whoever opens the file
            raise SettingsError(
                f"{path}: {key} refers to something else, {str(value)[:80]!r}", "write the value itself"
            )
    try:
        return from_plain(written), written
    except SettingsError as error:
        raise SettingsError(f"{path}: {first_line(error)}") from error
    except OmegaConfBaseException as error:
        where = f"{error.full_key}: " if error.full_key else ""
        raise SettingsError(f"{path}: {where}{first_line(error)}") from error


@cache
def _schema() -> DictConfig:
    """All settings with their types and defaults; what is merged onto it leaves it as it is."""
    schema: DictConfig = OmegaConf.structured(Config)
    return schema


def fingerprint(config: Config) -> str:
    """SHA-256 over the settings that decide a run's result: equal if a run may continue the other."""
    return digest(to_plain(config))


def fingerprints(config: Config) -> tuple[str, ...]:
    """Every fingerprint that a run with these settings may have: this version's, and those of earlier ones."""
    return forms(to_plain(config))


def _chosen(request: Request) -> dict[str, str]:
    """The option of every group: the user's, or the default."""
    defaults = Config()
    chosen = {group: request.choices.get(group, getattr(defaults, group).name) for group in GROUPS}
    if chosen["refiner"] != NO_REFINER and "continual" not in request.choices:
        chosen["continual"] = NOMINAL_STRATEGY
    return chosen


def _parts(group: str, name: str) -> list[str]:
    """The names in a name: a strategy may be put together from several."""
    return name.split(JOINT) if group == "continual" else [name]


def _file(group: str, name: str) -> Path:
    return config_dir() / group / f"{name}.yaml"


def _layers(chosen: Mapping[str, str], profile: str, recipe: str | None = None) -> Iterator[tuple[str, str]]:
    """(Group, option) of every YAML file that applies, in the order of composition.

    A recipe stands in for the sequence; a Gymnasium environment has that of its id, if there is one.
    """
    own = chosen["env"]
    env = recipe or (recipe_of(own) if is_foreign(own) else own)
    of_env = (RECIPES, env) if _file(RECIPES, env).is_file() and env != own else ("env", env)
    general = [of_env if group == "env" else (group, chosen[group]) for group in GROUPS]
    if chosen["refiner"] != NO_REFINER:
        general.insert(-1, MISSIONS)
    special = [(f"{group}/{env}", chosen[group]) for group in GROUPS if group != "env"]
    own_profile = (f"profile/{env}", profile)
    for group, name in [*general, *special]:
        for each in _parts(group.partition("/")[0], name):
            if _file(group, each).is_file():
                yield group, each
    for group, name in (own_profile, ("profile", profile)):
        if _file(group, name).is_file():
            yield group, name
            return


def _compose_groups(layers: Sequence[tuple[str, str]]) -> DictConfig:
    """Let Hydra compose the given files over the schema; an application's own use of Hydra stays untouched."""
    global_hydra = GlobalHydra.instance()
    applications = global_hydra.hydra
    global_hydra.clear()
    try:
        with initialize_config_dir(config_dir=str(config_dir()), version_base="1.3"):
            several: dict[str, list[str]] = {}
            for group, name in layers:
                several.setdefault(group, []).append(name)
            return hydra_compose(
                "config", overrides=[f"+{group}=[{','.join(names)}]" for group, names in several.items()]
            )
    except (HydraException, OmegaConfBaseException) as error:
        used = ", ".join(f"{group}/{name}.yaml" for group, name in layers)
        raise SettingsError(f"the files in {config_dir()} ({used}) do not compose: {first_line(error)}") from error
    finally:
        GlobalHydra.instance().hydra = applications


def _steps_for(tasks: Sequence[int] | None, profiled: Sequence[int] | None, steps: list[int]) -> list[int]:
    """Budgets for a user's own order of tasks: each as in the profile, and the largest for those it leaves out."""
    if len(steps) == 1:
        return steps
    budgets = dict(zip(range(len(steps)) if profiled is None else profiled, steps, strict=False))
    return [max(steps)] if tasks is None else [budgets.get(task, max(steps)) for task in tasks]


def _finish(composed: DictConfig) -> Config:
    """From OmegaConf to checked dataclasses."""
    try:
        config = cast(Config, OmegaConf.to_object(composed))
    except OmegaConfBaseException as error:
        raise SettingsError(first_line(error)) from error
    validate(config)
    return config


def _flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested dicts, down to the leaves of the schema, and what stands there."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and not known_key(key):
            yield from _flat(value, f"{key}.")
        else:
            yield key, value
