"""What the agent's node says of itself in one line: the most serious thing first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from crl_ros.control import Control
from crl_ros.health import ERROR, OK, WARN

SOON = 0.75
"""Share of the drift that the wall puts up with from which it is said."""


def judge(
    control: Control,
    status: dict[str, Any],
    driving: bool,
    stop: str | None,
    troubles: Sequence[str],
    deaf: Iterable[str],
) -> tuple[bytes, str]:
    """Level and text of a diagnostic status.

    Args:
        control: The loop.
        status: What its driver says.
        driving: Whether the node is active.
        stop: Why the last command of an active node was a stop, if it was.
        troubles: What is wrong with the messages that come in.
        deaf: Those of them that are about publishers that can't be heard.
    """
    if control.wall.e_stop.latched:
        return ERROR, "; ".join(["the e-stop is pressed; release it and call ~/reset_e_stop", *deaf])
    if control.failure is not None:
        return ERROR, f"no decision: {control.failure}"
    if troubles:
        return ERROR, "; ".join(troubles)
    if control.done:
        return OK, "the mission is complete"
    if status.get("stopped"):
        return ERROR, f"the mission is given up, and the robot stands: {status['stopped']}"
    drifted = _drifted(control)
    if stop is not None and control.mission is not None:
        return WARN, f"stopped: {stop}{drifted}"
    if status.get("learning") and not status.get("learner_alive", True):
        return WARN, "the learner has died; the last good weights drive on"
    if status.get("regime") == "unexplained":
        return WARN, "what the body does can't be explained"
    if status.get("regime") == "late":
        return WARN, f"commands are answered {status.get('delay')} control steps late"
    doing = "driving" if driving and control.mission is not None else "waiting"
    return (WARN if drifted else OK), f"{doing}{drifted}"


def _drifted(control: Control) -> str:
    """A word of warning when the wall is soon to believe no odometry any more, else empty."""
    drift = control.wall.drift
    if drift < SOON * control.spec.timeouts.observation:
        return ""
    return (
        f"; the odometry comes {drift:.2f} s later than it did, or its clock is slow: "
        "call ~/reset_e_stop while the robot stands, before it is stopped"
    )


def milliseconds(control: Control) -> dict[str, float]:
    """How long decisions take."""
    if not control.milliseconds:
        return {}
    values = np.array(control.milliseconds)
    return {"decision_ms_p50": float(np.median(values)), "decision_ms_p99": float(np.percentile(values, 99))}
