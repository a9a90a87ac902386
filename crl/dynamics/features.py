"""Observation features and changes, from one :class:`~crl.types.ObservationSpec`.

A model must not see that an angle jumps from pi to -pi or that q and -q are one rotation. So

* features: a linear field as it is, an angle as (cos, sin), a quaternion as the nine entries of its
  rotation matrix, which is continuous and blind to the sign of q;
* change: the difference of a linear field, the wrapped difference of an angle, and for a quaternion the
  *local* rotation vector log(q^-1 * q_next) (rad), applied again from the right: learning and planning
  share this one convention (the published HyperCRL code mixed left and right).
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from crl.kernel.layout import CHANGES, FEATURES, NUMBERS, Layout
from crl.types import ObservationSpec


@runtime_checkable
class Features(Protocol):
    """What a dynamics model reads of an observation and what it predicts; shapes as in :class:`FeatureMap`.

    Attributes:
        size: Number S of elements of an observation.
        features: Number F of features.
        changes: Number D of change elements.
        scale_floor: Smallest deviation of every change element, [D].
        feature_floor: Smallest deviation of every feature, [F].
        event: By how much a change element changes in an event, [D]; infinite for those that never count.
        layout: How the compiled kernel reads and moves whole observations; ``None``: it can't.
    """

    size: int
    features: int
    changes: int
    scale_floor: Tensor
    feature_floor: Tensor
    event: Tensor
    layout: Layout | None

    def encode(self, observation: Tensor) -> Tensor:
        """Features [..., F] of observations [..., S]."""
        ...

    def change(self, observation: Tensor, next_observation: Tensor) -> Tensor:
        """Change [..., D] that leads from observations [..., S] to next observations [..., S]."""
        ...

    def apply(self, observation: Tensor, change: Tensor, action: Tensor) -> Tensor:
        """Observations [..., S] after changes [..., D] under actions [..., A]."""
        ...


class FeatureMap:
    """Maps observations [..., S] to features [..., F] and to changes [..., D], and applies changes.

    Args:
        spec: Fields of the observation.
        device: Where tensors live.

    Attributes:
        features: Number F of features.
        changes: Number D of change elements.
        scale_floor: Smallest deviation of every change element, [D].
        feature_floor: Smallest deviation of every feature, [F].
    """

    def __init__(self, spec: ObservationSpec, device: torch.device | str = "cpu") -> None:
        self.spec = spec
        self.size = spec.size
        self.features = sum(FEATURES[field.kind] for field in spec.fields)
        self.changes = sum(CHANGES[field.kind] for field in spec.fields)
        self.linear_only = all(field.kind == "linear" for field in spec.fields)

        def spread(widths: dict[str, int], values: list[float]) -> Tensor:
            repeated = [v for f, v in zip(spec.fields, values, strict=True) for _ in range(widths[f.kind])]
            return torch.tensor(repeated, dtype=torch.float32, device=device)

        floors = [field.scale_floor for field in spec.fields]
        self.scale_floor = spread(CHANGES, floors)
        self.feature_floor = spread(FEATURES, [f.scale_floor if f.kind == "linear" else 1e-6 for f in spec.fields])
        # A field without an event threshold never counts as an event.
        self.event = spread(CHANGES, [math.inf if f.event is None else f.event for f in spec.fields])
        # Only linear fields are clamped: an angle wraps and a quaternion is renormalised instead.
        self.low = spread(NUMBERS, [f.low if f.kind == "linear" else -math.inf for f in spec.fields])
        self.high = spread(NUMBERS, [f.high if f.kind == "linear" else math.inf for f in spec.fields])
        self.layout: Layout | None = Layout([field.kind for field in spec.fields], self.low, self.high)
        self._starts = spec.offsets()
        self._flat = not any(field.kind == "quaternion" for field in spec.fields)
        """Whether every field is one number, so that all are moved at once."""
        angles = [at for field, at in zip(spec.fields, self._starts, strict=True) if field.kind == "angle"]
        self._angles = torch.tensor(angles, dtype=torch.long, device=device)
        self._order = torch.tensor(_places(self._starts, set(angles)), dtype=torch.long, device=device)

    def encode(self, observation: Tensor) -> Tensor:
        """Features [..., F] of observations [..., S]."""
        if self.linear_only:
            return observation
        if self._flat:
            angle = observation.index_select(-1, self._angles)
            return torch.cat([observation, angle.cos(), angle.sin()], dim=-1).index_select(-1, self._order)
        parts: list[Tensor] = []
        for field, at in zip(self.spec.fields, self._starts, strict=True):
            if field.kind == "linear":
                parts.append(observation[..., at : at + 1])
            elif field.kind == "angle":
                angle = observation[..., at : at + 1]
                parts += [angle.cos(), angle.sin()]
            else:
                parts.append(rotation_matrix(observation[..., at : at + 4]).flatten(-2))
        return torch.cat(parts, dim=-1)

    def change(self, observation: Tensor, next_observation: Tensor) -> Tensor:
        """Change [..., D] that leads from observations [..., S] to next observations [..., S]."""
        if self._flat:
            return self._wrapped(next_observation - observation)
        parts: list[Tensor] = []
        for field, at in zip(self.spec.fields, self._starts, strict=True):
            if field.kind == "quaternion":
                before, after = observation[..., at : at + 4], next_observation[..., at : at + 4]
                parts.append(rotation_vector(quaternion_product(conjugate(before), after)))
                continue
            difference = next_observation[..., at : at + 1] - observation[..., at : at + 1]
            parts.append(wrap(difference) if field.kind == "angle" else difference)
        return torch.cat(parts, dim=-1)

    def apply(self, observation: Tensor, change: Tensor, action: Tensor | None = None) -> Tensor:
        """Observations [..., S] after changes [..., D]: wrapped, renormalised and clamped to physical bounds."""
        del action  # what follows from it is among the changes
        if self._flat:
            return torch.clamp(self._wrapped(observation + change), self.low, self.high)
        parts: list[Tensor] = []
        of_change = 0
        for field, at in zip(self.spec.fields, self._starts, strict=True):
            width = CHANGES[field.kind]
            step = change[..., of_change : of_change + width]
            of_change += width
            if field.kind == "quaternion":
                after = quaternion_product(observation[..., at : at + 4], quaternion_of(step))
                parts.append(after / after.norm(dim=-1, keepdim=True))
                continue
            moved = observation[..., at : at + 1] + step
            parts.append(wrap(moved) if field.kind == "angle" else moved)
        return torch.clamp(torch.cat(parts, dim=-1), self.low, self.high)

    def _wrapped(self, numbers: Tensor) -> Tensor:
        """Numbers [..., S], an element of each field, with wrapped angles."""
        if self.linear_only:
            return numbers
        return numbers.index_copy(-1, self._angles, wrap(numbers.index_select(-1, self._angles)))


def _places(starts: list[int], angles: set[int]) -> list[int]:
    """Where the features stand in what has all fields first, then cosines, then sines of the angles."""
    cosine, sine = len(starts), len(starts) + len(angles)
    found = []
    for at in starts:
        found += [at] if at not in angles else [cosine, sine]
        if at in angles:
            cosine, sine = cosine + 1, sine + 1
    return found


def wrap(angle: Tensor) -> Tensor:
    """Angles in rad, wrapped to [-pi, pi)."""
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def conjugate(q: Tensor) -> Tensor:
    """Inverse of unit quaternions (w, x, y, z), [..., 4]."""
    return q * q.new_tensor([1.0, -1.0, -1.0, -1.0])


def quaternion_product(p: Tensor, q: Tensor) -> Tensor:
    """Hamilton product p * q of quaternions (w, x, y, z), [..., 4]."""
    pw, px, py, pz = p.unbind(-1)
    qw, qx, qy, qz = q.unbind(-1)
    return torch.stack(
        [
            pw * qw - px * qx - py * qy - pz * qz,
            pw * qx + px * qw + py * qz - pz * qy,
            pw * qy - px * qz + py * qw + pz * qx,
            pw * qz + px * qy - py * qx + pz * qw,
        ],
        dim=-1,
    )


def rotation_vector(q: Tensor) -> Tensor:
    """Logarithm of unit quaternions [..., 4]: rotation vectors [..., 3] in rad, of angle at most pi."""
    q = torch.where(q[..., :1] < 0, -q, q)
    vector = q[..., 1:]
    sine = vector.norm(dim=-1, keepdim=True)
    # atan2 is exact for small and large angles; the series 2 avoids 0 / 0 at the identity.
    factor = torch.where(sine > 1e-7, 2 * torch.atan2(sine, q[..., :1]) / sine.clamp_min(1e-12), 2.0)
    return factor * vector


def quaternion_of(rotation: Tensor) -> Tensor:
    """Exponential of rotation vectors [..., 3] (rad): unit quaternions [..., 4]."""
    angle = rotation.norm(dim=-1, keepdim=True)
    factor = torch.where(angle > 1e-7, torch.sin(angle / 2) / angle.clamp_min(1e-12), 0.5)
    return torch.cat([torch.cos(angle / 2), factor * rotation], dim=-1)


def rotation_matrix(q: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of unit quaternions [..., 4]."""
    w, x, y, z = q.unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)
