"""Transitions and contexts as the tracker of regimes keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.flow.identifier import Known


@dataclass
class Row:
    """A transition of the window.

    Attributes:
        seen: Observation [S], executed action [A] and change [D].
        step: When it was.
        size: Its largest command, in half ranges.
        plain: Normalised residual of the nominal body, [D].
        late: Those if its commands are late by 1, 2, .. steps, [K, D].
        says: What it says of the context, as far as it has been asked.
    """

    seen: tuple[Tensor, Tensor, Tensor]
    step: int
    size: float
    plain: Tensor
    late: Tensor
    says: Known | None = None


@dataclass(frozen=True)
class Held:
    """A context that was in force, its confidence, and what had become known of it."""

    context: Tensor
    confidence: float
    known: Known


def known_of(state: Mapping[str, Any] | None) -> Known | None:
    """What ``dataclasses.asdict`` made of it."""
    return None if state is None else Known(**state)


def columns(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Observations [N, S], executed actions [N, A] and changes [N, D]."""
    first, second, third = (torch.stack(column) for column in zip(*(row.seen for row in rows), strict=True))
    return first, second, third
