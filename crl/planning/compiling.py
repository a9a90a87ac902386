"""Which rollouts the compiled kernel does, and which ones PyTorch does."""

from __future__ import annotations

import torch

from crl.kernel.layout import Layout
from crl.kernel.library import library
from crl.kernel.unroller import Unroller
from crl.planning.folding import Folded


def compiled(folded: Folded, layout: Layout | None, setting: str) -> Unroller | None:
    """The folded networks, packed for the compiled kernel; ``None``: PyTorch unrolls them.

    PyTorch does it if the settings say so, if the kernel was not built, on a GPU, in float64, and where no layout says
    how a state moves.

    Args:
        folded: The networks.
        layout: How the kernel reads a state and moves it.
        setting: ``dynamics.kernel``.
    """
    if layout is None or setting == "torch" or library().loaded is None:
        return None
    if folded.first.device.type != "cpu" or folded.first.dtype != torch.float32:
        return None
    return Unroller(layout, folded.layers(), folded.activation)
