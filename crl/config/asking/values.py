"""Puts a user's values into composed settings, and says in one line what does not fit."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from crl.config.types import kinds
from crl.errors import SettingsError
from crl.text import shown

FREE = ("continual.options.", "agent.options.")
"""Beginnings of keys that whoever reads them names."""


def assign(composed: DictConfig, key: str, value: Any) -> None:
    """Set a setting to what a user wrote for it.

    Raises:
        SettingsError: It is of another type.
    """
    if "???" in (value if isinstance(value, list) else [value]):
        raise SettingsError(f"{key} cannot be {shown(repr(value))}: '???' stands for a value that is missing")
    try:
        OmegaConf.update(composed, key, value, merge=False, force_add=key.startswith(FREE))
    except OmegaConfBaseException as error:
        expected = f"it must be {kinds()[key]}" if key in kinds() and "${" not in str(value) else first_line(error)
        raise SettingsError(f"{key} cannot be {shown(repr(value))}: {expected}") from error


def resolved(composed: DictConfig, key: str, value: Any) -> Any:
    """What an interpolation such as ``${oc.env:HOME}`` stands for.

    Args:
        composed: All settings.
        key: The one whose value holds it.
        value: How the user wrote it, for errors.

    Raises:
        SettingsError: It stands for nothing, or for another interpolation.
    """
    try:
        # Without types: what does not fit is said in the words of the setting afterwards.
        found = OmegaConf.select(OmegaConf.create(OmegaConf.to_container(composed, resolve=False)), key)
        plain = OmegaConf.to_container(found, resolve=True) if OmegaConf.is_config(found) else found
    except (OmegaConfBaseException, RecursionError) as error:
        said = first_line(error).removeprefix("KeyError raised while resolving interpolation: ").strip('"')
        raise SettingsError(
            f"{key}={shown(value)} can't be resolved: {said}", "set what it names, or write the value itself"
        ) from error
    if "${" in str(plain):
        raise SettingsError(f"{key} cannot be {shown(repr(plain))}: no text holds '${{'")
    return kinds()[key].fit(plain) if key in kinds() else plain


def first_line(error: BaseException) -> str:
    """What an error says, without the lines of context that OmegaConf and Hydra add."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return f"{lines[0]} {lines[1]}" if lines[0].endswith(":") and len(lines) > 1 else lines[0]
