"""Arrays of a saved state, taken over only if they have the shape that the settings ask for and are finite.

A state may come from a file that somebody changed, or that was saved when learning had gone wrong. Whoever restores
one names each array and what it takes the place of; what does not fit is an error that says which.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crl.errors import CrlError

Shape = Sequence[int | None]
"""Sizes; ``None`` is any."""


class UnfitStateError(CrlError, ValueError):
    """A saved state does not fit what the settings say; the message names the array."""


def tensor(value: Any, name: str, like: Tensor, shape: Shape | None = None) -> Tensor:
    """A copy of a saved tensor, on the device of the one whose place it takes.

    Args:
        value: What was saved.
        name: Its name, for the error.
        like: What it takes the place of: it has the same type of numbers.
        shape: Its sizes; those of ``like`` by default.

    Raises:
        UnfitStateError: It is no tensor, has another type or shape, or holds a number that is not finite.
    """
    expected = tuple(like.shape) if shape is None else tuple(shape)
    if not isinstance(value, Tensor) or value.dtype != like.dtype or not _fits(value.shape, expected):
        raise UnfitStateError(
            f"{name} is {_described(value)}, and the settings ask for {like.dtype} {_sizes(expected)}"
        )
    if not bool(torch.isfinite(value).all()):
        raise UnfitStateError(f"{name} holds {_not_finite(value)} of {value.numel()} numbers that are not finite")
    return value.to(like.device).clone()


def tensors(values: Any, name: str, like: Tensor) -> dict[Any, Tensor]:
    """Saved tensors by any key, all like one; see :func:`tensor`."""
    return {key: tensor(value, f"{name}[{key!r}]", like) for key, value in _mapping(values, name).items()}


def same(values: Any, name: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Saved tensors by name, each like its counterpart, and as many; see :func:`tensor`."""
    found = some(values, name, like)
    if missing := [key for key in like if key not in found]:
        raise UnfitStateError(f"{name} lacks {', '.join(missing)}")
    return found


def some(values: Any, name: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Saved tensors by name, each like its counterpart, which not all need to have; see :func:`tensor`."""
    given = _mapping(values, name)
    if unknown := [str(key) for key in given if key not in like]:
        raise UnfitStateError(f"{name} holds {', '.join(unknown)}, of which the settings know nothing")
    return {key: tensor(value, f"{name}[{key!r}]", like[key]) for key, value in given.items()}


def array(value: Any, name: str, like: NDArray[Any], rows: int) -> NDArray[Any]:
    """A saved numpy array of as many rows, which are like those of another.

    Raises:
        UnfitStateError: It is no array, has another type or shape, or holds a number that is not finite.
    """
    expected = (rows, *like.shape[1:])
    if not isinstance(value, np.ndarray) or value.dtype != like.dtype or value.shape != expected:
        raise UnfitStateError(
            f"{name} is {_described(value)}, and the settings ask for {like.dtype} {_sizes(expected)}"
        )
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        raise UnfitStateError(f"{name} holds numbers that are not finite")
    return value


def number(value: Any, name: str) -> float:
    """A finite number.

    Raises:
        UnfitStateError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise UnfitStateError(f"{name} is {value!r}, not a finite number")
    return float(value)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Errors inside are about a part of the state, which is put before the names of its arrays."""
    try:
        yield
    except UnfitStateError as error:
        raise UnfitStateError(f"{name}/{error.message}", error.hint) from error
    except CrlError:
        raise
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, RuntimeError) as error:
        raise UnfitStateError(f"{name} is not what is saved: {error!r}") from error


def _mapping(values: Any, name: str) -> Mapping[Any, Any]:
    if not isinstance(values, Mapping):
        raise UnfitStateError(f"{name} is {_described(values)}, not a mapping")
    return values


def _fits(shape: Sequence[int], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(b is None or a == b for a, b in zip(shape, expected, strict=True))


def _sizes(shape: Shape) -> str:
    return str(["any" if size is None else size for size in shape]).replace("'", "")


def _described(value: Any) -> str:
    if isinstance(value, (Tensor, np.ndarray)):
        return f"{value.dtype} {list(value.shape)}"
    return f"a {type(value).__name__}"


def _not_finite(value: Tensor) -> int:
    return int((~torch.isfinite(value)).sum())
