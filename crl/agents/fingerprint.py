"""Fingerprints of the behaviour in force: equal tensors and settings, equal fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def fingerprint_of(*parts: Any) -> str:
    """SHA-256 over nested plain data, tensors and arrays, to the bit and independent of the process.

    Raises:
        TypeError: A part is of a kind that has no stable form.
    """
    digest = hashlib.sha256()
    _feed(digest, parts)
    return digest.hexdigest()


def _feed(digest: Any, part: Any) -> None:
    if isinstance(part, torch.Tensor):
        part = part.detach().cpu().contiguous().numpy()
    if isinstance(part, np.ndarray):
        digest.update(f"{part.dtype}{part.shape}".encode())
        digest.update(np.ascontiguousarray(part).tobytes())
    elif isinstance(part, Mapping):
        digest.update(b"{")
        for key in sorted(part, key=repr):
            _feed(digest, key)
            _feed(digest, part[key])
        digest.update(b"}")
    elif isinstance(part, list | tuple):
        digest.update(b"[")
        for inner in part:
            _feed(digest, inner)
        digest.update(b"]")
    elif part is None or isinstance(part, str | int | float | bool | bytes):
        digest.update(f"{type(part).__name__}:{part!r};".encode())
    else:
        raise TypeError(f"a {type(part).__name__} has no fingerprint: turn it into plain data, tensors or arrays")
