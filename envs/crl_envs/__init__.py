"""Gymnasium environments and task sequences for continual robot learning.

Importing the package registers its environments under the namespace ``crl/``; their modules, and so the
simulators, are imported only when an environment is made. Gymnasium 1.x does not load plug-ins by itself:
``import crl_envs`` first, or write ``gymnasium.make("crl_envs:crl/CartPoleLength-v0")``.
"""

from __future__ import annotations

import ctypes
import os
import sys

import gymnasium

ENVIRONMENTS = {
    "crl/CartPoleLength-v0": "crl_envs.cartpole:CartPoleLengthEnv",
    "crl/DoorOpen-v0": "crl_envs.door:DoorOpenEnv",
    "crl/DoorOpenPose-v0": "crl_envs.door_pose:DoorOpenPoseEnv",
    "crl/HalfCheetahBody-v0": "crl_envs.half_cheetah:HalfCheetahBodyEnv",
    "crl/Pusher-v0": "crl_envs.pusher:PusherEnv",
    "crl/QuadrotorMission-v0": "crl_envs.quadrotor:QuadrotorEnv",
    "crl/UGVMission-v0": "crl_envs.ugv_mission:make_ugv_mission",
}
"""Registered id -> where its class, or the function that makes it, is found."""


def register_envs() -> None:
    """Register the environments with Gymnasium; a second call changes nothing."""
    for name, entry_point in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            # Environments truncate their own episodes, so no TimeLimit wrapper is asked for.
            gymnasium.register(id=name, entry_point=entry_point)


def _choose_renderer() -> None:
    """Tell MuJoCo how to draw without a display.

    MuJoCo chooses its OpenGL binding when it is imported, and the import fails if the variable asks for EGL
    and the library is missing. Then OSMesa is taken, and where that is missing too, drawing is switched off:
    everything but pictures works.
    """
    headless = sys.platform == "linux" and not os.environ.get("DISPLAY")
    if os.environ.get("MUJOCO_GL", "egl" if headless else "") != "egl":
        return
    if _can_load("libEGL.so.1"):
        os.environ["MUJOCO_GL"] = "egl"
    elif _can_load("libOSMesa.so.8") or _can_load("libOSMesa.so.6"):
        os.environ["MUJOCO_GL"] = "osmesa"
    else:
        os.environ["MUJOCO_GL"] = "off"


def _can_load(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


_choose_renderer()
register_envs()
