"""Randomness by address: every stream follows from the run's seed and what it is for.

A run that resumes therefore needs no generator's state for episodes: (seed, stream, task, episode) says it all.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch


def derive(seed: int, stream: str, *keys: int) -> int:
    """A 63-bit seed for a named stream and its integer keys."""
    entropy = [seed, zlib.crc32(stream.encode()), *keys]
    high, low = np.random.SeedSequence(entropy).generate_state(2)
    return (int(high) << 32 | int(low)) >> 1


def numpy_generator(seed: int, stream: str, *keys: int) -> np.random.Generator:
    """A numpy generator for a named stream."""
    return np.random.default_rng(derive(seed, stream, *keys))


def torch_generator(seed: int, stream: str, *keys: int) -> torch.Generator:
    """A torch generator (CPU) for a named stream."""
    return torch.Generator().manual_seed(derive(seed, stream, *keys))
