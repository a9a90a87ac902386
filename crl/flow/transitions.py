"""Transitions and contexts as the tracker of regimes keeps them, and what a context leaves of transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.flow.box import Box
from crl.flow.detection import Calibration
from crl.flow.identifier import Identifier, Known
from crl.flow.nominal import Nominal, extended, lags, replaced

GROSS = 1e6
"""Greatest mean square of a transition."""


@dataclass
class Row:
    """A transition of the window.

    Attributes:
        seen: Observation [S], executed action [A] and change [D].
        step: When it was.
        size: Its largest command, in half ranges.
        plain: Normalised residual of the nominal body, [D].
        says: What it says of the context, as far as it has been asked.
    """

    seen: tuple[Tensor, Tensor, Tensor]
    step: int
    size: float
    plain: Tensor
    says: Known | None = None


@dataclass(frozen=True)
class Held:
    """A context that was in force, its confidence, and what had become known of it."""

    context: Tensor
    confidence: float
    known: Known


def explained(
    identifier: Identifier,
    nominal: Nominal,
    calibration: Calibration,
    box: Box,
    rows: tuple[Tensor, Tensor, Tensor],
    context: Tensor,
) -> Tensor:
    """What a context [C] leaves of transitions ([N, S], [N, A], [N, D]): normalised residuals, float64 [N, D]."""
    observation, action, change = rows
    contexts = context.expand(action.shape[0], -1)
    command = identifier.done(observation, action, contexts)
    before = lags(nominal)
    told = observation
    if before:
        did = box.clip(identifier.done(observation, observation[..., before], contexts))
        told = replaced(observation, before, did)
    return calibration.whiten(change - extended(nominal, told, command, box))


def known_of(state: Mapping[str, Any] | None) -> Known | None:
    """What ``dataclasses.asdict`` made of it."""
    return None if state is None else Known(**state)


def columns(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Observations [N, S], executed actions [N, A] and changes [N, D]."""
    first, second, third = (torch.stack(column) for column in zip(*(row.seen for row in rows), strict=True))
    return first, second, third


def squares(left: Tensor) -> Tensor:
    """Mean squares [N] of residuals [N, D]; one that is not finite is as large as can be."""
    squares = left.square().mean(dim=-1)
    return torch.where(torch.isfinite(squares), squares, GROSS).clamp_max(GROSS)
