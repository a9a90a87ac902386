"""The quadrotor's tasks as plain data: observation, action, limits and exploration of both interfaces."""

from __future__ import annotations

from crl_envs import task as contract
from crl_envs.missions import goal_fields
from crl_envs.quadrotors import model as body

SUBSTEPS = 10
"""Physics and rate-loop steps per command: 500 Hz and 50 Hz."""
CONTROL_PERIOD = SUBSTEPS * body.TIME_STEP
LIMITS = {
    "rates": ((0.2, -4.0, -4.0, -2.0), (2.0, 4.0, 4.0, 2.0)),
    "velocity": ((-4.0, -4.0, -2.0, -2.0), (4.0, 4.0, 2.0, 2.0)),
}
SAFE = {"rates": (1.0, 0.0, 0.0, 0.0), "velocity": (0.0, 0.0, 0.0, 0.0)}
"""Hovering: one weight of thrust and no rates; no velocity."""


def describe(interface: str, name: str, episode_steps: int) -> contract.Plain:
    """The task of an interface as plain data."""
    field = contract.observation_field
    low, high = LIMITS[interface]
    if interface == "rates":
        names = (("thrust", "g"), ("roll_rate", "rad/s"), ("pitch_rate", "rad/s"), ("yaw_rate", "rad/s"))
        attitude = [
            *(field(f"gravity_{axis}", "1", low=-1.0, high=1.0, scale_floor=0.01) for axis in "xyz"),
            *(field(f"rate_{axis}", "rad/s", scale_floor=0.05) for axis in "xyz"),
        ]
        # About hovering; free noise around zero thrust would be a fall.
        mean, std = [1.0, 0.0, 0.0, 0.0], [0.15, 0.6, 0.6, 0.5]
    else:
        names = (("vx", "m/s"), ("vy", "m/s"), ("vz", "m/s"), ("yaw_rate", "rad/s"))
        attitude = [
            field("roll", "rad", kind="angle", scale_floor=0.01),
            field("pitch", "rad", kind="angle", scale_floor=0.01),
            field("yaw_rate", "rad/s", scale_floor=0.05),
        ]
        mean, std = [0.0, 0.0, 0.0, 0.0], [1.5, 1.5, 0.7, 0.7]
    bounds = list(zip(names, low, high, strict=True))
    return {
        "name": name,
        "control_period": CONTROL_PERIOD,
        "episode_steps": episode_steps,
        "observation": [
            *(field(axis, "m", scale_floor=0.01, role="position") for axis in "xyz"),
            field("heading", "rad", kind="angle", scale_floor=0.01, role="heading"),
            *(field(f"velocity_{axis}", "m/s", scale_floor=0.02, role="velocity") for axis in "xyz"),
            *attitude,
            *(
                field(f"last_{n}", u, low=least, high=most, scale_floor=0.02, role="command")
                for (n, u), least, most in bounds
            ),
            *goal_fields(3),
        ],
        "action": [contract.action_field(n, u, low=least, high=most) for (n, u), least, most in bounds],
        "safe_action": list(SAFE[interface]),
        "has_terminated": True,
        "exploration": contract.exploration_prior(
            beta=1.0, std=std, phases=[{"steps": [episode_steps, episode_steps], "mean": mean, "std": std}]
        ),
    }
