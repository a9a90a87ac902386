"""Makes a strategy out of its composition: a generator, and parts that fit it and each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from crl.config import Config
from crl.config.declared.compositions import compositions, elements
from crl.continual.access import refuse_too_curious
from crl.continual.composable import Composable
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Kind, Part
from crl.continual.strategy import GROUP, Strategy
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from crl.matching import nearest
from crl.plugins import PluginError, import_path, is_path, load_maker, points

ONE = (Kind.AVERAGE,)
"""Kinds of which a strategy can have one part only."""


def make_strategy(
    config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
) -> Strategy:
    """The strategy that a configuration names.

    ``continual.name`` is one name, or several with ``+`` between them. A name is that of a composition in
    ``configs/continual``, an entry point of ``crl.strategies``, or ``package.module:Name``: a strategy, or a part of
    one (:class:`crl.continual.part.Part`).

    Raises:
        PluginError: There is no such strategy, or it can't be loaded.
        SettingsError: The parts can't be put together, or need more than the settings allow; the message says why.
    """
    base: Any = None
    chosen: list[tuple[str, type[Part[Any]]]] = []
    for index, name in enumerate(config.continual.name.split("+")):
        paths = elements(name)
        for path in paths or (name,):
            known = import_path(path, "part") if paths else _of_a_plugin(name)
            label = path.rpartition(".")[2].partition(":")[0] if paths else _label(name)
            if isinstance(known, type) and issubclass(known, Part):
                if known not in [part for _, part in chosen]:
                    chosen.append((label, known))
            elif index == 0:
                base = known
            elif len(paths) == 1 or not paths:
                raise SettingsError(
                    f"continual={config.continual.name}: {name} makes the weights by itself, as the first name does",
                    f"name {name} first, or leave it out",
                )
    made: Strategy = (base or SharedNetwork)(config, network, generator, device)
    if chosen:
        _attach(made, chosen, config)
    refuse_too_curious(made, config)
    return made


def _of_a_plugin(name: str) -> Any:
    """What another package, or a path, gives under a name."""
    installed = points(GROUP)
    if not is_path(name) and name not in installed:
        raise PluginError(
            f"unknown strategy {name!r}{nearest(name, [*compositions(), *installed])}",
            "a strategy of your own that is not installed is named package.module:Name",
        )
    return load_maker(GROUP, name, "strategy")


def _label(name: str) -> str:
    return name.rpartition(":")[2].lower() if is_path(name) else name


def _attach(made: Strategy, chosen: Sequence[tuple[str, type[Part[Any]]]], config: Config) -> None:
    """Put parts onto a generator, or refuse them with the reason."""
    what = f"continual={config.continual.name}"
    if not isinstance(made, Composable):
        raise SettingsError(
            f"{what}: {type(made).__name__} takes no parts, because it does not learn by the steps that parts act on",
            "use one that does, such as continual=[finetune_heads,...] or continual=[hypercrl,...]",
        )
    for label, kind in chosen:
        if made.HOST not in kind.HOSTS:
            raise SettingsError(
                f"{what}: {label} does not fit, because {made.HOST.value}, and {label} is for a strategy "
                f"in which {' or '.join(host.value for host in kind.HOSTS)}",
                "name one of those first: coreset, ewc or finetune_heads have one network, hypercrl has a hypernetwork",
            )
    for kind_of_one in ONE:
        several = [label for label, part in chosen if part.KIND is kind_of_one]
        if len(several) > 1:
            raise SettingsError(
                f"{what}: {' and '.join(several)} both say what is averaged", "leave out all but one of them"
            )
    made.attach([kind(made, label) for label, kind in chosen])
