"""What this computer can do at most, measured in the same process as what is compared with it.

All of one thread, float32: what its units for multiplying and adding (FMA) can do, the fastest large matrix product
that PyTorch's libraries reach (MKL or OpenBLAS, and oneDNN), a product of the size of a planner's layer, and the rate
at which memory is copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.benchmarks.timing import interleaved, median
from crl.kernel.library import library

SIDE = 1024
MULTIPLIED = 200_000
"""How often the registers are gone through: some milliseconds."""
COPIED = 1 << 24
"""Numbers that are copied: 64 MiB, more than a core's caches hold."""


@dataclass(frozen=True)
class Limits:
    """Rates of one thread.

    Attributes:
        blas: Of a product of 1024 x 1024 matrices by BLAS (GF/s).
        onednn: Of the same product by oneDNN (GF/s); ``None``: this PyTorch is built without it.
        layer: Of a product [256, 200] x [200, 200] by BLAS (GF/s).
        copy: Bytes read and written in a copy (GB/s).
        fma: Of multiplying and adding in registers (GF/s); ``None``: the compiled kernel, which does it, is not there.
    """

    blas: float
    onednn: float | None
    layer: float
    copy: float
    fma: float | None = None

    @property
    def product(self) -> float:
        """The fastest large product (GF/s)."""
        return max(self.blas, self.onednn or 0.0)


def measure_limits(repeats: int = 15) -> Limits:
    """Measure the limits with the threads that PyTorch is set to use."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    left, right, out = drawn(SIDE, SIDE), drawn(SIDE, SIDE), torch.empty(SIDE, SIDE)
    rows, layer, small = drawn(256, 200), drawn(200, 200), torch.empty(256, 200)
    source, target = torch.ones(COPIED), torch.empty(COPIED)
    works: dict[str, Callable[[], object]] = {
        "blas": lambda: torch.mm(left, right, out=out),
        "layer": lambda: torch.mm(rows, layer, out=small),
        "copy": lambda: target.copy_(source),
    }
    if torch.backends.mkldnn.is_available():
        bias = torch.zeros(SIDE)
        works["onednn"] = lambda: torch.ops.mkldnn._linear_pointwise(left, right, bias, "none", [], "")
    found = library()
    operations = found.multiply(MULTIPLIED)
    if operations:
        works["fma"] = lambda: found.multiply(MULTIPLIED)
    with torch.inference_mode():
        taken = {name: median(times, 6) for name, times in interleaved(works, repeats).items()}
    large = 2 * SIDE**3 / 1e6
    return Limits(
        blas=round(large / taken["blas"], 1),
        onednn=round(large / taken["onednn"], 1) if "onednn" in taken else None,
        layer=round(2 * 256 * 200 * 200 / 1e6 / taken["layer"], 1),
        copy=round(2 * 4 * COPIED / 1e6 / taken["copy"], 1),
        fma=round(operations / 1e6 / taken["fma"], 1) if operations else None,
    )
