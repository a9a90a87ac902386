"""Turning vectors between the world and the body. Quaternions are w, x, y, z and turn the body into the world."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
UNIT = 0.01
"""How far the length of a quaternion may be from 1; single precision and rounded messages are far nearer."""
EXACT = 1e-12
"""Lengths that are as near to 1 as this are left alone, so that what was normalised once stays as it is."""
NO_ROTATION: Quaternion = (math.nan, math.nan, math.nan, math.nan)


def unit(quaternion: Sequence[float]) -> Quaternion:
    """A quaternion with the length 1, or :data:`NO_ROTATION` if its own length is not 1 within :data:`UNIT`.

    The one gate for orientations that somebody sent. A quaternion of another length is no rotation: it was cut,
    scaled or never set, and two formulas make two headings of it.
    """
    w, x, y, z = (float(part) for part in quaternion)
    length = math.hypot(w, x, y, z)
    if not abs(length - 1) <= UNIT:
        return NO_ROTATION
    return (w, x, y, z) if abs(length - 1) <= EXACT else (w / length, x / length, y / length, z / length)


def rows(quaternion: Sequence[float]) -> tuple[Vector, Vector, Vector]:
    """Rotation matrix, row by row: world = matrix x body."""
    w, x, y, z = quaternion
    return (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def to_world(quaternion: Sequence[float], vector: Sequence[float]) -> Vector:
    """A vector in axes of the body, in axes of the world."""
    (a, b, c), (d, e, f), (g, h, i) = rows(quaternion)
    x, y, z = vector
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def to_body(quaternion: Sequence[float], vector: Sequence[float]) -> Vector:
    """A vector in axes of the world, in axes of the body."""
    (a, b, c), (d, e, f), (g, h, i) = rows(quaternion)
    x, y, z = vector
    return a * x + d * y + g * z, b * x + e * y + h * z, c * x + f * y + i * z


def heading(quaternion: Sequence[float]) -> float:
    """Direction of the body's x on the map (rad, in [-pi, pi])."""
    w, x, y, z = quaternion
    return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def tilt(quaternion: Sequence[float]) -> float:
    """Angle between the body's z and the vertical (rad, in [0, pi])."""
    _, x, y, _ = quaternion
    return math.acos(min(max(1 - 2 * (x * x + y * y), -1.0), 1.0))


def turned(quaternion: Sequence[float], angle: float) -> Quaternion:
    """An orientation, turned further about the world's z (rad); its tilt stays."""
    cosine, sine = math.cos(angle / 2), math.sin(angle / 2)
    w, x, y, z = quaternion
    return cosine * w - sine * z, cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w


def wrap(angle: float) -> float:
    """An angle (rad) in [-pi, pi]."""
    return math.remainder(angle, math.tau)
