"""What a user asks for on the command line: choices of groups, and values of keys; unknown ones are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from omegaconf import OmegaConf

from crl.config.asking.overrides import at_home, how_to_quote, parse_override
from crl.config.asking.values import FREE, resolved
from crl.config.declared.compositions import config_dir
from crl.config.reading import defaults
from crl.config.renamed import RENAMED
from crl.config.schema import Config
from crl.config.types import kinds
from crl.errors import SettingsError
from crl.foreign.names import EXAMPLE, with_variations
from crl.matching import nearest
from crl.text import shown

ALIASES: Mapping[str, str] = {
    "tasks": "env.tasks",
    "steps": "budget.steps",
    "data": "data.source",
    "env.name": "env",
    "agent.name": "agent",
    "continual.name": "continual",
    "planner.name": "planner",
    "refiner.name": "refiner",
}
"""Short keys, and second ways to say the same."""

GROUPS: Mapping[str, str] = {
    "agent": "crl.agents",
    "continual": "crl.strategies",
    "planner": "crl.planners",
    "refiner": "crl.refiners",
    "env": "crl.task_sequences",
}
"""Groups that hold a ``name``, in the order of composition, and the entry points that add to them."""

JOINT = "+"
"""Stands between the names of strategies that are put together."""

KINDS_OF_PARTS = ("penalty", "gradient", "memory", "average", "schedule", "plasticity")
"""``+KIND=NAME`` puts a part onto the strategy, such as ``+memory=distilled``."""

PATHS = ("run_dir", "agent.run", "data.source", "data.robot", "missions.waypoints", "life.run", "life.memory")
"""Settings that may name a file or folder: ``~`` at the beginning of one is the home folder."""

RECIPE = "recipe"
"""Key that names the settings that a sequence of one's own starts from; it is no setting itself."""
VARY = "vary"
"""Key with what varies among the tasks of a Gymnasium environment; it becomes a part of ``env``."""
RECIPES = "recipes"
"""Folder of presets for environments of others."""


@dataclass
class Request:
    """What a user asked for: choices of groups, and values of keys in their order."""

    choices: dict[str, str] = field(default_factory=dict)
    recipe: str | None = None
    values: list[tuple[str, Any]] = field(default_factory=list)


def keys() -> list[str]:
    """Every key that a user may set."""
    return sorted({*defaults()} | {"tasks", "steps", "data", RECIPE, VARY, *GROUPS})


def read_request(overrides: Sequence[str]) -> Request:
    """Parse overrides, resolve aliases and refuse unknown keys."""
    request = Request()
    added: list[str] = []
    vary: Any = None
    for text in overrides:
        key, value, adds = _parsed(text)
        if key == VARY:
            vary = value
        elif key == RECIPE:
            request.recipe = _recipe(value)
        elif adds and key in KINDS_OF_PARTS:
            added.append(str(value))
        elif key in GROUPS or key == "profile":
            request.choices[key] = _name(key, value)
        else:
            _check_known(key)
            value = at_home(value) if key in PATHS and isinstance(value, str) else value
            request.values.append((key, kinds()[key].fit(value) if key in kinds() else value))
    if added:
        request.choices["continual"] = JOINT.join([request.choices.get("continual", Config().continual.name), *added])
    if vary is not None:
        if not isinstance(vary, Mapping):
            raise SettingsError(f"vary={shown(vary)}: vary takes arguments with their values", f"write {EXAMPLE}")
        request.choices["env"] = with_variations(request.choices.get("env", Config().env.name), vary)
    return request


def _parsed(text: str) -> tuple[str, Any, bool]:
    """The key of an override, its value, and whether it adds something."""
    parsed = parse_override(text, is_text)
    if parsed.is_delete():
        raise SettingsError(f"cannot read {text!r}: a setting cannot be deleted, only set")
    if parsed.is_sweep_override():
        written, _, several = text.partition("=")
        hint = "lists are written in brackets: tasks=[0,1]"
        path = ALIASES.get(written, written) in PATHS
        raise SettingsError(
            f"cannot read {shown(text)!r}: one value per run", how_to_quote(written, several) if path else hint
        )
    return ALIASES.get(str(parsed.key_or_group), str(parsed.key_or_group)), parsed.value(), bool(parsed.is_add())


def _name(key: str, value: Any) -> str:
    """The option of a group; several strategies are one name."""
    if key == "continual" and isinstance(value, list):
        value = JOINT.join(str(each) for each in value)
    if not isinstance(value, str):
        raise SettingsError(f"{key}={shown(value)}: {key} takes a name", f"single settings are {key}.NAME=VALUE")
    return str(resolved(OmegaConf.create({key: value}), key, value)) if "${" in value else value


def _check_known(key: str) -> None:
    if known_key(key):
        return
    inside = [known for known in keys() if known.startswith(f"{key}.")]
    if inside:
        raise SettingsError(f"{key!r} is a section: set one of {', '.join(inside)}")
    raise SettingsError(f"unknown key {shown(key)!r}{suggest(key)}")


def recipes() -> list[str]:
    """Names of the settings that a sequence of one's own may start from: presets, and sequences that have settings."""
    files = [path.stem for group in (RECIPES, "env") for path in (config_dir() / group).glob("*.yaml")]
    return sorted(files)


def _recipe(value: Any) -> str:
    if not isinstance(value, str) or value not in recipes():
        raise SettingsError(f"unknown recipe {shown(value)!r}{nearest(str(value), recipes())}")
    return value


def is_text(key: str) -> bool:
    """Whether the setting that a user means by a key is one name or one path."""
    key = ALIASES.get(key, key)
    kind = kinds().get(key)
    return key in GROUPS or (kind is not None and kind.scalar is str and not kind.listed)


def suggest(key: str) -> str:
    """The end of an error about an unknown key: its new name, the nearest valid one, or the same leaf elsewhere."""
    if key in RENAMED:
        return f": it is {RENAMED[key]!r} now"
    near = get_close_matches(key, keys(), n=1)
    same_leaf = [known for known in keys() if known.rpartition(".")[2] == key.rpartition(".")[2]]
    meant = [*near, *same_leaf]
    return f": did you mean {meant[0]!r}?" if meant else "; `crl config` prints every key"


def known_key(key: str) -> bool:
    """Whether there is a setting of that dotted key."""
    return key in defaults() or key.startswith(FREE)
