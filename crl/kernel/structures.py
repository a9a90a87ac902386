"""What the kernel is told, as in ``source/kernel.h``: the two must agree."""

from __future__ import annotations

import ctypes

ACTIVATIONS = {"silu": 1, "relu": 2, "elu": 3, "tanh": 4}
KINDS = {"linear": 0, "angle": 1, "free_angle": 2, "quaternion": 3}
_INT, _LONG, _POINTER = ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p


class Model(ctypes.Structure):
    """Packed networks, and how a state is read and moved."""

    _fields_ = (
        ("members", _INT),
        ("layers", _INT),
        ("activation", _INT),
        ("fields", _INT),
        ("states", _INT),
        ("drives", _INT),
        ("changes", _INT),
        ("fed_back", _INT),
        ("first_change", _INT),
        ("halves", _INT),
        ("widths", _POINTER),
        ("kinds", _POINTER),
        ("low", _POINTER),
        ("high", _POINTER),
        ("weights", _POINTER),
    )


class Paths(ctypes.Structure):
    """Where paths begin, what drives them, and where they are written."""

    _fields_ = (
        ("samples", _LONG),
        ("horizon", _LONG),
        ("start", _POINTER),
        ("start_step", _LONG),
        ("offset", _POINTER),
        ("before", _POINTER),
        ("drives", _POINTER),
        ("states", _POINTER),
        ("changes", _POINTER),
    )
