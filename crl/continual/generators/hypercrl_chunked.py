"""HyperCRL with the chunked hypernetwork: von Oswald et al., ICLR 2020 (arXiv 1906.00695), section 2.2.

One small network makes the target weights piece by piece from the task embedding and an embedding of the piece, so
that Theta may be smaller than the weights that it makes.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.generators.hypercrl import HyperCRL
from crl.dynamics.network import TargetNetwork


class HyperCRLChunked(HyperCRL):
    """HyperCRL whose hypernetwork makes the weights piece by piece, whatever ``dynamics.hypernetwork.kind`` says."""

    SETTINGS = GENERATORS["hypercrl"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        chunked = replace(config.dynamics.hypernetwork, kind="chunked")
        super().__init__(
            replace(config, dynamics=replace(config.dynamics, hypernetwork=chunked)), network, generator, device
        )
