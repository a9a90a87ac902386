"""How a quadrotor flies: its attitude, the air's drag and a step of the physics, whoever commands it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import mujoco

from crl_envs.quadrotors import model as body
from crl_envs.quadrotors.control import RateLoop, VelocityLoop

STILL = (0.0, 0.0, 0.0)
"""Air without wind (m/s)."""


def up(w: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The vertical in axes of the body."""
    return 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)


def heading(w: float, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Direction of the body's x on the map (rad, in [-pi, pi]), its cosine and its sine."""
    yaw = math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
    return yaw, math.cos(yaw), math.sin(yaw)


def level_motion(data: mujoco.MjData) -> list[float]:
    """Velocity in axes of the heading (m/s, [3]), roll and pitch (rad), and yaw rate about the body's z (rad/s)."""
    w, x, y, z = data.qpos[3:7].tolist()
    vx, vy, vz, _, _, r = data.qvel.tolist()
    ux, uy, uz = up(w, x, y, z)
    _, cosine, sine = heading(w, x, y, z)
    roll, pitch = math.atan2(uy, uz), -math.asin(min(max(ux, -1.0), 1.0))
    return [cosine * vx + sine * vy, cosine * vy - sine * vx, vz, roll, pitch, r]


def follow(loop: VelocityLoop, data: mujoco.MjData, wanted: Sequence[float], turn: float) -> tuple[float, list[float]]:
    """Collective thrust (N) and body rates (rad/s) for a velocity (m/s, axes of the heading) and a yaw rate (rad/s)."""
    w, x, y, z = data.qpos[3:7].tolist()
    vx, vy, vz = data.qvel[:3].tolist()
    yaw, cosine, sine = heading(w, x, y, z)
    velocity = (cosine * vx + sine * vy, cosine * vy - sine * vx, vz)
    return loop.step(wanted, turn, velocity, up(w, x, y, z), yaw)


def advance(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    at: int,
    loop: RateLoop,
    thrust: float,
    rates: Any,
    wind: Sequence[float] = STILL,
    gust: Sequence[float] = STILL,
) -> None:
    """One step of the rate loop, the air and the physics.

    Args:
        model: The compiled body.
        data: Its state.
        at: Index of the body.
        loop: The rate loop.
        thrust: Collective thrust wanted (N).
        rates: Body rates wanted (rad/s).
        wind: Steady velocity of the air (m/s).
        gust: What is added to it for a moment (m/s); only its level part counts.
    """
    vx, vy, vz, p, q, r = data.qvel.tolist()
    data.ctrl[:] = loop.step(thrust, rates, (p, q, r))
    ax, ay, az = vx - wind[0] - gust[0], vy - wind[1] - gust[1], vz - wind[2]
    drag = body.LINEAR_DRAG + body.QUADRATIC_DRAG * math.sqrt(ax * ax + ay * ay + az * az)
    data.xfrc_applied[at, :3] = -drag * ax, -drag * ay, -drag * az
    mujoco.mj_step(model, data)
