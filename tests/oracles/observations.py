"""Features, changes and their application for one observation, field by field, with SciPy's rotations.

A quaternion is (w, x, y, z); SciPy writes the scalar last.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.spatial.transform import Rotation

from crl.types import WIDTH, ObservationField, ObservationSpec

Vector = np.ndarray


def rotation(q: Vector) -> Rotation:
    """The rotation of a quaternion (w, x, y, z)."""
    return Rotation.from_quat([q[1], q[2], q[3], q[0]])


def quaternion(turned: Rotation) -> Vector:
    """The quaternion (w, x, y, z) of a rotation."""
    x, y, z, w = turned.as_quat()
    return np.array([w, x, y, z])


def fields(spec: ObservationSpec, observation: Vector) -> Iterator[tuple[ObservationField, Vector]]:
    """Each field with its elements."""
    at = 0
    for field in spec.fields:
        yield field, observation[at : at + WIDTH[field.kind]]
        at += WIDTH[field.kind]


def encode(spec: ObservationSpec, observation: Vector) -> Vector:
    """Features of one observation."""
    features: list[float] = []
    for field, value in fields(spec, observation):
        if field.kind == "linear":
            features.append(value[0])
        elif field.kind == "angle":
            features += [math.cos(value[0]), math.sin(value[0])]
        else:
            features += rotation(value).as_matrix().flatten().tolist()
    return np.array(features)


def wrap(angle: float) -> float:
    """The same angle between -pi and pi."""
    return math.atan2(math.sin(angle), math.cos(angle))


def change(spec: ObservationSpec, before: Vector, after: Vector) -> Vector:
    """What leads from one observation to the next."""
    changes: list[float] = []
    for (field, start), (_, end) in zip(fields(spec, before), fields(spec, after), strict=True):
        if field.kind == "linear":
            changes.append(end[0] - start[0])
        elif field.kind == "angle":
            changes.append(wrap(end[0] - start[0]))
        else:
            changes += (rotation(start).inv() * rotation(end)).as_rotvec().tolist()
    return np.array(changes)


def apply(spec: ObservationSpec, observation: Vector, changed: Vector) -> Vector:
    """One observation after a change."""
    after: list[float] = []
    rest = list(changed)
    for field, value in fields(spec, observation):
        if field.kind == "linear":
            after.append(min(max(value[0] + rest.pop(0), field.low), field.high))
        elif field.kind == "angle":
            after.append(wrap(value[0] + rest.pop(0)))
        else:
            local = Rotation.from_rotvec([rest.pop(0) for _ in range(3)])
            after += quaternion(rotation(value) * local).tolist()
    return np.array(after)


def distance(spec: ObservationSpec, one: Vector, other: Vector) -> float:
    """Largest difference of any field, where q and -q, and an angle and its turns, are the same."""
    return max((abs(v) for v in change(spec, one, other)), default=0.0)
