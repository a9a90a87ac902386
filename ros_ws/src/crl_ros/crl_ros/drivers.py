"""Who drives: a deployed agent, or a plain follower of waypoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl_robots import RobotSpec, load_spec
from crl_ros.control import Driver
from crl_ros.follower import Follower


def make_driver(wanted: dict[str, Any]) -> tuple[RobotSpec, Driver]:
    """Who drives which robot, by the node's parameters.

    Raises:
        CrlError: There is nothing to drive with, or the deployment is refused.
    """
    folder, robot = wanted["deployment"], wanted["robot"]
    if folder:
        from crl.deployment.load import load_deployment
        from crl.deployment.pilot import Pilot

        deployment = load_deployment(Path(folder), robot or None)
        rate = None if wanted["learner_rate"] < 0 else wanted["learner_rate"]
        memory = Path(wanted["memory"]) if wanted["memory"] else None
        pilot = Pilot(
            deployment,
            learn=wanted["learn"],
            seed=wanted["seed"],
            learner_rate=rate,
            memory=memory,
            memory_learner=wanted["memory_learner"] or None,
        )
        return deployment.robot, pilot
    if not wanted["follower"]:
        raise CrlError(
            "the parameter deployment names no folder",
            "make one with `crl deploy RUN --robot NAME --out DIR`, or set follower to check the wiring without one",
        )
    spec = load_spec(robot or "ugv_husky")
    return spec, Follower(spec)
