"""The settings that a run was made with: ``config.yaml``, believed as far as the fingerprint beside it confirms it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crl.config.fingerprints import fits, forms
from crl.config.renamed import migrated
from crl.errors import SettingsError
from crl.reading.yaml_text import plain_yaml, read_yaml
from crl.training.runs.folder import RunFolder, RunFolderError

if TYPE_CHECKING:
    from crl.config import Config

CHANGED = "config.yaml is not what the run was made with: its settings do not give the fingerprint beside it"
RESTORE = (
    "copy config.yaml back, or take that of a run with the same fingerprint (`crl runs list --json` shows it); "
    "other settings need a run of their own"
)


class ChangedSettingsError(RunFolderError):
    """A run's settings are not those that it was made with."""


@dataclass(frozen=True)
class Recorded:
    """What ``config.yaml`` says, without the schema of this version.

    Attributes:
        plain: Settings as nested dicts; ``None`` if they can't be read or believed.
        fault: Why not; ``FileNotFoundError`` where there is no file.
        changed: Whether they can be read, and are not what the run was made with.
        checked: Whether there is a fingerprint to compare them with.
    """

    plain: dict[str, Any] | None
    fault: Exception | None = None
    changed: bool = False
    checked: bool = True


def read_settings(folder: RunFolder) -> tuple[Config, str | None]:
    """The settings of a run, and a complaint if they are not those that it was made with.

    A folder without a fingerprint tells nothing: its settings are taken as they are.

    Raises:
        SettingsError: The file is missing or broken, or holds a setting that this version does not know.
    """
    from crl.config.asking.composing import (  # slow to import, and whoever lists runs seldom needs it
        read_yaml_settings,
        to_plain,
    )

    config, written = read_yaml_settings(folder.config)
    recorded = folder.fingerprint()
    if recorded and not fits(recorded, to_plain(config), written):
        return config, f"{folder.path}: {CHANGED}"
    return config, None


def settings_to_go_on(folder: RunFolder) -> Config:
    """The settings with which a run may be continued.

    Raises:
        ChangedSettingsError: They are not those that it was made with.
        SettingsError: The file is missing or broken, or holds a setting that this version does not know.
    """
    config, complaint = read_settings(folder)
    if complaint is not None:
        raise ChangedSettingsError(complaint, RESTORE)
    return config


def recorded_settings(path: Path) -> Recorded:
    """What a run's ``config.yaml`` says: quick, and for any version's.

    Args:
        path: The run's folder.
    """
    folder = RunFolder(path)
    try:
        found = plain_yaml(read_yaml(folder.config))
        if not isinstance(found, dict) or not found:
            raise ValueError("it holds no settings")
    except (OSError, ValueError) as error:
        return Recorded(None, error)
    plain = migrated({str(key): value for key, value in found.items()})
    recorded = folder.fingerprint()
    if not recorded:
        return Recorded(plain, checked=False)
    return Recorded(plain) if _same(recorded, plain, folder) else Recorded(None, changed=True)


def _same(recorded: str, plain: dict[str, Any], folder: RunFolder) -> bool:
    try:
        if recorded in forms(plain):
            return True
    except (TypeError, ValueError):  # a date, for instance: the schema may make a text of it
        pass
    try:
        return read_settings(folder)[1] is None
    except SettingsError:  # of another version, whose fingerprints are not known here; that is said elsewhere
        return True
