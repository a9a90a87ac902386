"""Seeds that only ``crl confirm`` uses, so that no choice can have been made on them.

They come in blocks. A block is used for one confirmation of a suite; what was learned from it goes into development,
and the next confirmation takes the next block.
"""

from __future__ import annotations

from collections.abc import Mapping

from crl.errors import SettingsError

FIRST = 2_000_000_000
"""The first reserved seed."""
BLOCK = 1_000_000
"""Seeds per block."""
BLOCKS = 100
"""Number of blocks."""


def block_seed(block: int, index: int) -> int:
    """Seed number ``index`` of a block.

    Args:
        block: Number of the block, 0 to 99.
        index: Number of the seed in it, 0 to 999,999.

    Raises:
        SettingsError: There is no such block, or no such seed in it.
    """
    if not 0 <= block < BLOCKS:
        raise SettingsError(f"there is no block {block} of seeds", f"blocks are 0 to {BLOCKS - 1}")
    if not 0 <= index < BLOCK:
        raise SettingsError(f"a block has no seed {index}", f"its seeds are 0 to {BLOCK - 1:,}")
    return FIRST + block * BLOCK + index


def is_reserved(seed: int) -> bool:
    """Whether only ``crl confirm`` may use a seed."""
    return FIRST <= seed < FIRST + BLOCKS * BLOCK


def refuse_reserved(seeds: Mapping[str, int]) -> None:
    """Refuse seeds that only ``crl confirm`` may use, given by their settings.

    Raises:
        SettingsError: One is reserved.
    """
    for key, seed in seeds.items():
        if is_reserved(seed):
            raise SettingsError(
                f"{key}={seed}: seeds {FIRST:,} to {FIRST + BLOCKS * BLOCK - 1:,} are reserved for `crl confirm`",
                "take another seed: what is chosen on these can't be confirmed on them",
            )
