"""The doors of `env=door_open` with one thing changed: a part of the recipe, or the height.

As in `crl train env=crl_envs.doors.ablations:NO_SCRIPT recipe=door_open`. ``scripts/measure_door_ablations.py`` runs
those that lack a part, ``scripts/measure_higher_doors.py`` the higher ones.
"""

from __future__ import annotations

from typing import Any

from crl_envs.sequences import DOORS


def _doors(
    name: str, description: str, env: str = "crl/DoorOpen-v0", suffix: str = "", **changed: Any
) -> dict[str, Any]:
    tasks = [{"name": f"{door}{suffix}", "id": env, "kwargs": {"door": door, **changed}} for door in DOORS]
    return {"name": name, "description": description, "tasks": tasks}


NO_SCRIPT = _doors("door_open_no_script", "five doors; random episodes are coloured noise, no script", script=False)
NO_HOLDING = _doors("door_open_no_holding", "five doors; the reward does not pay for holding the handle", holding=False)
POSE = _doors(
    "door_open_pose", "five doors; joints and a pose are seen, a whole twist is commanded", "crl/DoorOpenPose-v0"
)
HIGHER = _doors("door_open_higher", "five doors, 3 cm higher than those of door_open", suffix="_higher", raised=0.03)
