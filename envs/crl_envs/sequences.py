"""The task sequences of this package, as plain data (entry points of the group ``crl.task_sequences``).

A sequence is a dictionary ``{"name", "description", "tasks"}``; a task is ``{"name", "id", "kwargs"}``: its name,
unique in the sequence, the registered environment, and what :func:`gymnasium.make` is given besides.
"""

from __future__ import annotations

from typing import Any

DOORS = ("pull", "round_minus", "lever_minus", "round_plus", "lever_plus")
LENGTHS = (0.6, 0.8, 0.4, 1.0, 1.2, 0.7, 0.5, 0.9, 1.1, 1.3)
"""Pole lengths (m), not in order, so that neighbours in time are not neighbours in length."""

DOOR_OPEN: dict[str, Any] = {
    "name": "door_open",
    "description": "a 7-DoF arm opens doors with a pull bar, round knobs and levers (MuJoCo)",
    "tasks": [{"name": door, "id": "crl/DoorOpen-v0", "kwargs": {"door": door}} for door in DOORS],
}

CARTPOLE_LENGTH: dict[str, Any] = {
    "name": "cartpole_length",
    "description": "a cart swings up poles of ten lengths (MuJoCo): the quick one",
    "tasks": [
        {"name": f"length_{length:g}", "id": "crl/CartPoleLength-v0", "kwargs": {"length": length}}
        for length in LENGTHS
    ],
}
