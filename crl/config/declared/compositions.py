"""The strategies of this package: compositions of a generator and parts, one YAML file each in ``configs/continual``.

A name is looked up at every use, so that settings that were saved hold the name alone: a run never changes its
composition when it is continued. ``a+b`` is the first strategy with the parts of the others put onto it. Nothing here
imports PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import yaml

from crl.config.declared.components import GENERATORS, PARTS, Settings
from crl.errors import SettingsError
from crl.plugins import is_path

PACKAGE = "crl.continual."
CHUNKED = "hypercrl_chunked"
"""A generator that reads what the one that it derives from reads."""
BY_PIECES = (CHUNKED, "hypercrl_recurrent")
"""Strategies whose hypernetwork makes the weights piece after piece, whatever ``dynamics.hypernetwork.kind`` says."""


def config_dir() -> Path:
    """The folder of YAML files: inside the installed package, or at the root of a checkout.

    Raises:
        SettingsError: The folder is missing, which means that the installation is incomplete.
    """
    here = Path(__file__).resolve().parents[2]
    for folder in (here / "configs", here.parent / "configs"):
        if (folder / "config.yaml").is_file():
            return folder
    raise SettingsError(f"no configs folder beside {here}", "install the package again: pip install .")


@cache
def compositions() -> Mapping[str, tuple[str, ...]]:
    """Every strategy of this package, and its elements as ``folder.module:Name`` in ``crl.continual``."""
    found = {}
    for file in sorted((config_dir() / "continual").glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        found[file.stem] = tuple(content.get("continual", content)["parts"])
    return found


def elements(name: str) -> tuple[str, ...]:
    """Paths ``package.module:Name`` of a strategy's generator and parts; none for one that is not of this package."""
    return tuple(PACKAGE + path for path in compositions().get(name, ()))


def strategy_settings(name: str) -> Settings | None:
    """What a strategy of this package, or one that is put together, reads; ``None`` for one of a plug-in.

    Args:
        name: Its name, such as ``ewc`` or ``ewc+coreset``.
    """
    names = name.split("+")
    if any(each not in compositions() for each in names):
        return None
    read: dict[str, None] = {}
    for index, each in enumerate(names):
        for path in compositions()[each]:
            folder, *_, module = path.partition(":")[0].split(".")
            if folder != "generators":
                read |= dict.fromkeys(PARTS.get(module, ()))
            elif index == 0:
                read |= dict.fromkeys(GENERATORS["hypercrl" if module == CHUNKED else module])
    return tuple(read)


def strategies() -> dict[str, Settings]:
    """What every strategy of this package reads, by name."""
    return {name: strategy_settings(name) or () for name in compositions()}


def own_code(name: str) -> tuple[str, ...]:
    """Those of a strategy's names that say where their code is, as ``package.module:Name`` does."""
    return tuple(each for each in name.split("+") if is_path(each))
