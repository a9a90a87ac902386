"""Arguments from anyone's Python: what is no number, no whole number or no function is named before it is used."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.types import Array

Step = Callable[[Tensor, Tensor], Tensor]
"""Next observations [N, S] for observations [N, S] and actions [N, A]."""


def numbers(what: str, values: Any, *, finite: bool = False) -> Array:
    """Values as an array of their own, of any shape.

    Args:
        what: What they are, for the message.
        values: An array, a tensor, or nested sequences.
        finite: Whether NaN and infinity are refused.

    Raises:
        ValueError: They are not real numbers, their rows have different lengths, or one is not finite.
    """
    try:
        found = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # uneven rows; a tensor with a gradient or on a GPU
        raise ValueError(f"{what} can't be read as an array: {error}") from error
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be real numbers, not {_kind(values, found)}")
    with np.errstate(over="ignore"):
        row = found.astype(np.float32, order="C")
    if finite and not bool(np.isfinite(row).all()):
        raise ValueError(f"{what} must be finite, not {np.array2string(row, threshold=8)}")
    return row


def _kind(values: Any, found: Any) -> str:
    if values is None or (found.dtype.kind == "O" and found.ndim == 0):
        return f"a {type(values).__name__}"
    return f"an array of {found.dtype}"


def arrays(names: Sequence[str], data: Any) -> list[Tensor]:
    """One tensor per name, of any shapes.

    Args:
        names: What they are, for the message.
        data: As many arrays; see :func:`numbers`.

    Raises:
        ValueError: There are more or fewer, or one is no array of real numbers.
    """
    try:
        parts = tuple(data)
    except TypeError:
        parts = ()
    if len(parts) != len(names):
        raise ValueError(f"data must be a tuple of {len(names)} arrays: {', '.join(names)}")
    return [torch.from_numpy(numbers(what, part)) for what, part in zip(names, parts, strict=True)]


def whole(what: str, value: Any, *, least: int = 0, most: int | None = None) -> int:
    """A whole number of Python or NumPy.

    Args:
        what: What it is, for the message.
        value: The number.
        least: The least that it may be.
        most: The most that it may be; ``None``: anything.

    Raises:
        ValueError: It is none, or out of range.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{what} must be a whole number, not {value!r}") from None
    if number < least or (most is not None and number > most):
        expected = f"at least {least}" if most is None else f"between {least} and {most}"
        raise ValueError(f"{what} is {number}: it must be {expected}")
    return number


def function(what: str, value: Any) -> None:
    """Refuse what can't be called.

    Raises:
        ValueError: It can't.
    """
    if not callable(value):
        raise ValueError(f"{what} must be a function, not a {type(value).__name__}")


def stepped(model: Step) -> Step:
    """A model of one's own, refused where it returns something else than an observation for each that it is given.

    Raises:
        ValueError: It can't be called.
    """
    function("model", model)

    def step(observation: Tensor, action: Tensor) -> Tensor:
        after = model(observation, action)
        if not isinstance(after, Tensor) or after.shape != observation.shape:
            raise ValueError(f"model must return {shape_of(observation)}, not {shape_of(after)}")
        return after

    return step


def shape_of(value: object) -> str:
    """What something is, with the shape of a tensor."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
