"""HyperCRL with a dependency-preserving hypernetwork: Chandra et al., WACV 2023 (arXiv 2209.07712).

A recurrent network makes the target weights piece after piece, so that the weights of a layer depend on those of the
layers before, with no more parameters than the chunked one. Its pieces have ``dynamics.hypernetwork.chunk`` weights.
Deviations: the unit is a GRU and not an LSTM; finished tasks are held by von Oswald et al.'s regulariser alone, and no
second recurrent network is added in the course of learning, so that tasks cost an embedding each as in ``hypercrl`` and
what is compared is the recurrence.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.generators.hypercrl import HyperCRL
from crl.dynamics.network import TargetNetwork


class HyperCRLRecurrent(HyperCRL):
    """HyperCRL whose hypernetwork is recurrent, whatever ``dynamics.hypernetwork.kind`` says."""

    SETTINGS = GENERATORS["hypercrl_recurrent"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        recurrent = replace(config.dynamics.hypernetwork, kind="recurrent")
        super().__init__(
            replace(config, dynamics=replace(config.dynamics, hypernetwork=recurrent)), network, generator, device
        )
