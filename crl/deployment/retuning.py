"""A deployment with other planner settings: written beside it and sealed again, so that it is always whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from crl.config.asking.composing import to_yaml
from crl.deployment.files import CONFIG, DeploymentError, read_folder, write_folder
from crl.deployment.load import config_of


def retune(folder: Path, settings: Mapping[str, Any]) -> None:
    """Set planner settings of a deployment.

    Args:
        folder: The deployment.
        settings: Dotted keys under ``planner``, with their values.

    Raises:
        DeploymentError: It can't be read or written. It is as it was then.
    """
    contents = read_folder(folder)
    config = config_of(contents)
    config.planner = replace(config.planner, **{key.removeprefix("planner."): value for key, value in settings.items()})
    said = {key: value for key, value in contents.manifest.items() if key not in ("kind", "format", "files", "sha256")}
    parts = {name: [bytes(data)] for name, data in contents.files.items()}
    beside = folder.parent / f".retuned-{folder.name}-{os.getpid()}"
    old = folder.parent / f".before-{folder.name}-{os.getpid()}"
    write_folder(beside, said, {**parts, CONFIG: [to_yaml(config).encode()]})
    try:
        folder.rename(old)
        beside.rename(folder)
    except OSError as error:
        if old.exists() and not folder.exists():
            old.rename(folder)
        raise DeploymentError(f"{folder} can't be replaced: {error.strerror}", "choose another place") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
