"""Gymnasium environments and task sequences for continual robot learning.

Importing the package registers its environments under the namespace ``crl/``; their modules, and so the
simulators, are imported only when an environment is made. Gymnasium 1.x does not load plug-ins by itself:
``import crl_envs`` first, or write ``gymnasium.make("crl_envs:crl/CartPoleLength-v0")``.
"""

from __future__ import annotations

import gymnasium

from crl_envs import drawing

ENVIRONMENTS = {
    "crl/CartPoleLength-v0": "crl_envs.cartpole:CartPoleLengthEnv",
    "crl/ContinualWorld-v0": "crl_envs.continual_world:ContinualWorldEnv",
    "crl/DoorOpen-v0": "crl_envs.doors.door:DoorOpenEnv",
    "crl/DoorOpenPose-v0": "crl_envs.doors.pose:DoorOpenPoseEnv",
    "crl/HalfCheetahBody-v0": "crl_envs.half_cheetah:HalfCheetahBodyEnv",
    "crl/Pusher-v0": "crl_envs.pusher:PusherEnv",
    "crl/CartPoleLife-v0": "crl_envs.lives.cartpole_life:CartPoleLifeEnv",
    "crl/HuskyLife-v0": "crl_envs.lives.husky_life:HuskyLifeEnv",
    "crl/PusherLife-v0": "crl_envs.lives.pusher_life:PusherLifeEnv",
    "crl/QuadrotorLife-v0": "crl_envs.lives.quadrotor_life:QuadrotorLifeEnv",
    "crl/UGVLife-v0": "crl_envs.lives.ugv_life:UGVLifeEnv",
    "crl/QuadrotorMission-v0": "crl_envs.quadrotors.quadrotor:QuadrotorEnv",
    "crl/UGVMission-v0": "crl_envs.vehicles.bodies:make_ugv_mission",
}
"""Registered id -> where its class, or the function that makes it, is found."""


def register_envs() -> None:
    """Register the environments with Gymnasium; a second call changes nothing."""
    for name, entry_point in ENVIRONMENTS.items():
        if name not in gymnasium.registry:
            # Environments truncate their own episodes, so no TimeLimit wrapper is asked for.
            gymnasium.register(id=name, entry_point=entry_point)


drawing.choose()
register_envs()
