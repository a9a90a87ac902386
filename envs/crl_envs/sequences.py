"""The task sequences of this package, as plain data (entry points of the group ``crl.task_sequences``).

A sequence is a dictionary ``{"name", "description", "tasks"}``; a task is ``{"name", "id", "kwargs"}``: its name,
unique in the sequence, the registered environment, and what :func:`gymnasium.make` is given besides.
"""

from __future__ import annotations

from typing import Any

DOORS = ("pull", "round_minus", "lever_minus", "round_plus", "lever_plus")
LENGTHS = (0.6, 0.8, 0.4, 1.0, 1.2, 0.7, 0.5, 0.9, 1.1, 1.3)
"""Pole lengths (m), not in order, so that neighbours in time are not neighbours in length."""
DENSITIES = ((500, 500), (100, 500), (500, 100), (500, 250), (250, 500))
"""Densities of the block's left and right half (kg/m3)."""
HELD_OUT_DENSITIES = ((1000, 100), (100, 1000), (300, 1000), (1000, 300), (1000, 1000))
"""More of them, that no setting was chosen on."""
BODIES = ("base", "torso", "thigh", "shin", "foot")

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


def _pushers(densities: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    return [
        {"name": f"density_{left}_{right}", "id": "crl/Pusher-v0", "kwargs": {"left": left, "right": right}}
        for left, right in densities
    ]


PUSHER: dict[str, Any] = {
    "name": "pusher",
    "description": "a fingertip pushes five blocks whose halves differ in density (MuJoCo)",
    "tasks": _pushers(DENSITIES),
}

PUSHER_HELD_OUT: dict[str, Any] = {
    "name": "pusher_held_out",
    "description": "the five blocks of pusher, then five that no setting was chosen on (tasks 5 to 9) (MuJoCo)",
    "tasks": _pushers(DENSITIES + HELD_OUT_DENSITIES),
}

HALF_CHEETAH_BODY: dict[str, Any] = {
    "name": "half_cheetah_body",
    "description": "a planar cheetah runs with one kind of body part enlarged (MuJoCo); no success, the return counts",
    "tasks": [{"name": body, "id": "crl/HalfCheetahBody-v0", "kwargs": {"body": body}} for body in BODIES],
}
