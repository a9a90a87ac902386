"""Frequent Directions: Ghashami, Liberty, Phillips, Woodruff 2016 (arXiv 1501.01711): a matrix in a few columns."""

from __future__ import annotations

import torch
from torch import Tensor


def sketched(sketch: Tensor, columns: Tensor) -> Tensor:
    """Columns [D, 2 r] whose outer product stays close to that of all columns so far.

    Args:
        sketch: The columns so far, [D, 2 r].
        columns: More of them, [D, n].
    """
    size = sketch.shape[1]
    directions, lengths, _ = torch.linalg.svd(torch.cat([sketch, columns], dim=1), full_matrices=False)
    cut = lengths[size // 2] ** 2 if len(lengths) > size // 2 else lengths.new_zeros(())
    kept = (directions * (lengths.square() - cut).clamp(min=0).sqrt())[:, :size]
    return torch.nn.functional.pad(kept, (0, size - kept.shape[1]))
