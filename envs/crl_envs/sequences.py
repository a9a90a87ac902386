"""The task sequences of this package, as plain data (entry points of the group ``crl.task_sequences``).

A sequence is a dictionary ``{"name", "description", "tasks"}``; a task is ``{"name", "id", "kwargs"}``: its name,
unique in the sequence, the registered environment, and what :func:`gymnasium.make` is given besides. A sequence of
missions also has ``"missions"``, a list of ``{"name", "class", "fault"}`` (:mod:`crl_envs.missions.suites`), and may
have ``"suites"``, more such lists by name. One with ``"life"`` has arguments of its first task's environment that make
a life of it: one stream without an end, in which the body changes.
"""

from __future__ import annotations

from typing import Any

from crl_envs.missions import suites
from crl_envs.missions.gains import PUBLISHED_GAINS
from crl_envs.missions.naming import fault_name

DOORS = ("pull", "round_minus", "lever_minus", "round_plus", "lever_plus")
LENGTHS = (0.6, 0.8, 0.4, 1.0, 1.2, 0.7, 0.5, 0.9, 1.1, 1.3)
"""Pole lengths (m), not in order, so that neighbours in time are not neighbours in length."""
DENSITIES = ((500, 500), (100, 500), (500, 100), (500, 250), (250, 500))
"""Densities of the block's left and right half (kg/m3)."""
HELD_OUT_DENSITIES = ((1000, 100), (100, 1000), (300, 1000), (1000, 300), (1000, 1000))
"""More of them, that no setting was chosen on."""
CONTINUAL_WORLD = (
    "hammer",
    "push-wall",
    "faucet-close",
    "push-back",
    "stick-pull",
    "handle-press-side",
    "push",
    "shelf-place",
    "window-close",
    "peg-unplug-side",
)
"""The ten tasks of Continual World, in its order."""
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


def _continual_world(ending: str) -> list[dict[str, Any]]:
    return [
        {"name": f"{task}{ending}", "id": "crl/ContinualWorld-v0", "kwargs": {"task": task}} for task in CONTINUAL_WORLD
    ]


CW10: dict[str, Any] = {
    "name": "cw10",
    "description": "Continual World: an arm does ten things of Meta-World (MuJoCo; needs the extra metaworld)",
    "tasks": _continual_world(""),
}

CW20: dict[str, Any] = {
    "name": "cw20",
    # A task that comes again has another name, and so is a task of its own, as it is in Continual World.
    "description": "Continual World: the ten tasks of cw10 twice, each position a task of its own",
    "tasks": _continual_world("") + _continual_world("_again"),
}

HUSKY_FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"gain": [-1, 1]},
    {"gain": [1, -1]},
    {"sides": [0.6, 1]},
    {"sides": [1, -1]},
    {"sides": [0.4, 0.4]},
    {"payload": 30},
    {"friction": 0.4},
)
VELOCITY_FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"velocity_gain": [-1, 1, 1]},
    {"velocity_gain": [-1, -1, 1]},
    {"velocity_gain": [-0.5, 2, -1]},
    {"frame": 120},
    {"payload": 0.4},
    {"rotors": [0.6, 1, 1, 1]},
    {"wind": [4, 0, 0]},
    {"latency": 0.06},
)
RATES_FAULTS: tuple[dict[str, Any], ...] = (
    {},
    {"rate_gain": [-1, 1, 1]},
    {"rate_gain": [-1, -1, 1]},
    {"axes": 90},
    {"thrust": 0.6},
    {"payload": 0.6},
    {"rotors": [0.6, 1, 1, 1]},
    {"wind": [4, 0, 0]},
    {"latency": 0.06},
)


def _missions(env: str, faults: tuple[dict[str, Any], ...], **kwargs: Any) -> list[dict[str, Any]]:
    """Tasks whose fault lasts the whole mission: each is a regime of its own. Evaluations set inject and remove."""
    return [
        {
            "name": fault_name(fault),
            "id": env,
            "kwargs": {**kwargs, "fault": fault, "inject": 0.0, "remove": 1.0},
        }
        for fault in faults
    ]


UGV_MISSION: dict[str, Any] = {
    "name": "ugv_mission",
    "description": "a kinematic unicycle follows waypoints with gains on its commands (numpy): the published pairs",
    "tasks": _missions(
        "crl/UGVMission-v0",
        ({}, *({"gain": list(pair)} for pair in PUBLISHED_GAINS)),
        body="kinematic",
        episode_steps=1500,
    ),
    "missions": list(suites.UNICYCLE),
    "suites": {"nonlinear": list(suites.UNICYCLE_NONLINEAR)},
}


def _vehicle_life(env: str, steps: int) -> dict[str, Any]:
    """The nominal body in episodes of so many steps, and a life of twelve regimes, four of them not affine."""
    nominal = {"name": "nominal", "id": env, "kwargs": {"regimes": 1, "others": 0, "episode_steps": steps}}
    return {"tasks": [nominal], "life": {"regimes": 12, "others": None, "episode_steps": 1_000_000}}


UGV_LIFE: dict[str, Any] = {
    "name": "ugv_life",
    "description": "a unicycle follows waypoints for ever while its body changes, unannounced, among many regimes",
    **_vehicle_life("crl/UGVLife-v0", 1500),
}

HUSKY_LIFE: dict[str, Any] = {
    "name": "husky_life",
    "description": "a husky follows waypoints for ever while its body changes, unannounced (PyBullet)",
    **_vehicle_life("crl/HuskyLife-v0", 1500),
}

QUADROTOR_LIFE: dict[str, Any] = {
    "name": "quadrotor_life",
    "description": "a quadrotor flies through waypoints for ever while its autopilot changes, unannounced (MuJoCo)",
    **_vehicle_life("crl/QuadrotorLife-v0", 150),
}

CARTPOLE_LIFE: dict[str, Any] = {
    "name": "cartpole_life",
    "description": "a cart keeps its pole up and drives from goal to goal while pole and motor change, unannounced",
    "tasks": [{"name": "nominal", "id": "crl/CartPoleLife-v0", "kwargs": {"regimes": 1, "episode_steps": 250}}],
    "life": {"regimes": 12, "episode_steps": 1_000_000},
}

PUSHER_LIFE: dict[str, Any] = {
    "name": "pusher_life",
    "description": "a fingertip pushes a block from goal to goal while block and table change, unannounced (MuJoCo)",
    "tasks": [{"name": "nominal", "id": "crl/PusherLife-v0", "kwargs": {"regimes": 1, "episode_steps": 150}}],
    "life": {"regimes": 8, "episode_steps": 1_000_000},
}

UGV_MISSION_HUSKY: dict[str, Any] = {
    "name": "ugv_mission_husky",
    "description": "a four-wheeled husky follows waypoints with faulty sides, loads and floors (PyBullet)",
    "tasks": _missions("crl/UGVMission-v0", HUSKY_FAULTS, body="husky"),
    "missions": list(suites.HUSKY),
    "suites": {"nonlinear": list(suites.HUSKY_NONLINEAR)},
}

QUADROTOR_MISSION: dict[str, Any] = {
    "name": "quadrotor_mission",
    "description": "a quadrotor flies through waypoints by velocity set-points, with faults (MuJoCo)",
    "tasks": _missions("crl/QuadrotorMission-v0", VELOCITY_FAULTS, interface="velocity"),
    "missions": list(suites.VELOCITY),
    "suites": {"nonlinear": list(suites.VELOCITY_NONLINEAR)},
}

QUADROTOR_MISSION_RATES: dict[str, Any] = {
    "name": "quadrotor_mission_rates",
    "description": "the same by collective thrust and body rates: the demanding one (MuJoCo)",
    "tasks": _missions("crl/QuadrotorMission-v0", RATES_FAULTS, interface="rates"),
    "missions": list(suites.RATES),
    "suites": {"nonlinear": list(suites.RATES_NONLINEAR)},
}
