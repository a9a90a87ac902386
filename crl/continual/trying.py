"""Whether a strategy can be made: asked before there is a task, by whoever only looks at settings.

PyTorch is imported only where a composition or an option could be refused.
"""

from __future__ import annotations

from crl.config import Config
from crl.config.asking.request import JOINT
from crl.config.declared.agents import kind_of


def check_composition(config: Config) -> None:
    """Refuse a strategy that can't be put together, or options of it that mean nothing.

    Args:
        config: The run's settings.

    Raises:
        PluginError: There is no such strategy, or it can't be loaded.
        SettingsError: The parts can't be put together, or need more than the settings allow; the message says why.
    """
    asked = config.continual
    if "continual" not in kind_of(config).components or (
        JOINT not in asked.name and not asked.options and asked.revisits
    ):
        return
    import torch

    from crl.continual.composing import make_strategy
    from crl.dynamics.network import TargetNetwork

    make_strategy(config, TargetNetwork(2, [4], 1), torch.Generator())
