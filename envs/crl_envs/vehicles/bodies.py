"""The choice of a ground vehicle's body."""

from __future__ import annotations

from typing import Any

from crl_envs.missions.errors import MissionError
from crl_envs.vehicles.ugv_mission import UGVMissionEnv
from crl_envs.vehicles.ugv_unicycle import UnicycleEnv


def make_ugv_mission(body: str = "kinematic", **kwargs: Any) -> UGVMissionEnv:
    """Make a ground vehicle's mission; entry point of ``crl/UGVMission-v0``.

    Args:
        body: ``kinematic`` (:class:`~crl_envs.vehicles.ugv_unicycle.UnicycleEnv`) or ``husky``
            (:class:`~crl_envs.vehicles.husky.HuskyEnv`, needs PyBullet).
        kwargs: What the body's class takes.

    Raises:
        MissionError: There is no such body.
    """
    if body == "kinematic":
        return UnicycleEnv(**kwargs)
    if body == "husky":
        from crl_envs.vehicles.husky import HuskyEnv  # PyBullet is loaded for it alone

        return HuskyEnv(**kwargs)
    raise MissionError(f"there is no body {body!r}", "use 'kinematic' or 'husky'")
