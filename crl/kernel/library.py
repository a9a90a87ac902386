"""The compiled library, if there is one, and the instruction sets that it may use here."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass
from pathlib import Path

from crl.kernel.building import LIBRARY, digest

SETS = ("portable", "avx2", "avx512", "avx512_bf16")
"""Instruction sets, in the library's order. AVX2 includes FMA; the last one multiplies bfloat16 numbers."""
BUILD = "python -m crl.kernel.building"


@dataclass(frozen=True)
class Library:
    """What was found.

    Attributes:
        loaded: The library; ``None``: there is none that fits.
        sets: The instruction sets that this processor has, the best one last; none without a library.
        trouble: Why there is no library.
    """

    loaded: ctypes.CDLL | None
    sets: tuple[str, ...] = ()
    trouble: str | None = None

    def multiply(self, repeats: int) -> int:
        """Multiply and add in registers, with the best instructions: nothing is faster on this processor's one core.

        Args:
            repeats: How often all registers are gone through.

        Returns:
            How many floating point operations that were; 0 without a library.
        """
        if self.loaded is None:
            return 0
        return int(self.loaded.crl_multiply(len(self.sets) - 1, repeats))


@functools.cache
def library(path: Path = LIBRARY) -> Library:
    """The library of a file; it is looked for once.

    Args:
        path: The file.
    """
    if not path.is_file():
        return Library(None, trouble=f"it was not built: there is no {path}")
    try:
        loaded = ctypes.CDLL(str(path))
        loaded.crl_sources.restype = ctypes.c_char_p
        of = loaded.crl_sources().decode()
    except (OSError, AttributeError) as error:
        return Library(None, trouble=f"{path} can't be loaded: {error}")
    if of != digest():
        return Library(None, trouble=f"{path} was built from other sources than those that lie here")
    pointer, long, small = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    loaded.crl_unroll.argtypes = [small, pointer, pointer]
    loaded.crl_pack.argtypes = [small, small, pointer, small, pointer, pointer]
    loaded.crl_multiply.argtypes = [small, long]
    loaded.crl_multiply.restype = long
    return Library(loaded, SETS[: loaded.crl_best() + 1])
