"""What PyTorch keeps globally, as the settings say."""

from __future__ import annotations

import torch

from crl.config import Config


def prepare_torch(config: Config) -> None:
    """Set what PyTorch keeps globally: threads, and no denormal numbers (Adam's moments are slow with them)."""
    torch.set_num_threads(config.threads)
    torch.set_flush_denormal(True)
