"""A planar cheetah that runs forward: five bodies, four of which have one kind of part enlarged.

The task of HalfCheetah (Wawrzynski 2009) with a model of our own in similar proportions. Nothing in the observation
tells the bodies apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, get_args

import array_api_compat
import mujoco
import numpy as np

from crl_envs import task as contract
from crl_envs.mujoco_env import Array, MujocoTaskEnv

Body = Literal["base", "torso", "thigh", "shin", "foot"]
TIME_STEP = 0.01
"""Physics step (s)."""
SUBSTEPS = 5
EPISODE_STEPS = 200
"""Actions per episode, 10 s. Published returns are of 1,000 steps: a fall would waste most of such an episode."""
ENLARGED = 1.25
"""Factor on radius and length of the chosen parts."""
DENSITY = 680.0
"""kg/m3, of every part, so that the ``base`` body weighs 14 kg."""
RADIUS = 0.045
"""m, of all parts."""
FRICTION = 0.6
START_CLEARANCE = 0.005
"""Space between the ground and the lowest point at the start (m)."""
START_SPREAD = 0.1
"""How far pitch and joints start from their neutral angles (rad), either side."""
START_STD = 0.1
"""Deviation of every initial velocity (m/s, rad/s)."""


@dataclass(frozen=True)
class Part:
    """A capsule from the joint that carries it to the next one.

    Attributes:
        name: Name of part and joint.
        kind: Which ``body`` enlarges it.
        reach: From its joint to the next, x and z (m) in the neutral pose.
        low: Lower stop of the joint (rad).
        high: Upper stop of the joint (rad).
        stiffness: Of the joint's spring (N m/rad).
        damping: Of the joint (N m s/rad).
        torque: Of the joint's motor at full command (N m).
    """

    name: str
    kind: str
    reach: tuple[float, float]
    low: float
    high: float
    stiffness: float
    damping: float
    torque: float


HIPS = {"back": -0.5, "front": 0.5}
"""x of the hips in the torso (m); the torso lies between them."""
HEAD = ((0.5, 0.0), (0.72, 0.18))
"""Ends of the head's capsule in the torso, x and z (m). It belongs to no ``body``."""
LEGS = {
    "back": (
        Part("back_thigh", "thigh", (0.17, -0.24), -0.5, 1.0, 240.0, 6.0, 120.0),
        Part("back_shin", "shin", (-0.27, -0.15), -0.8, 0.8, 180.0, 4.5, 90.0),
        Part("back_foot", "foot", (0.06, -0.18), -0.4, 0.8, 120.0, 3.0, 60.0),
    ),
    "front": (
        Part("front_thigh", "thigh", (-0.14, -0.24), -1.0, 0.7, 180.0, 4.5, 120.0),
        Part("front_shin", "shin", (0.13, -0.18), -1.2, 0.9, 120.0, 3.0, 60.0),
        Part("front_foot", "foot", (0.09, -0.15), -0.5, 0.5, 60.0, 1.5, 30.0),
    ),
}
PARTS = LEGS["back"] + LEGS["front"]

_XML = """
<mujoco model="half_cheetah_body">
  <compiler angle="radian"/>
  <option timestep="{time_step}" integrator="implicitfast" jacobian="dense" gravity="0 0 -9.81"/>
  <default>
    <geom contype="1" conaffinity="0" condim="3" friction="{friction} .01 .001" rgba=".85 .5 .2 1"/>
    <joint armature=".1" limited="true"/>
    <motor ctrllimited="true" ctrlrange="-1 1"/>
  </default>
  <visual><headlight ambient=".45 .45 .45" diffuse=".4 .4 .4" specular=".1 .1 .1"/></visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="1 1 1" rgb2=".75 .82 .9" width="64" height="64"/>
    <texture name="floor" type="2d" builtin="checker" rgb1=".82 .84 .87" rgb2=".74 .77 .81" width="128" height="128"/>
    <material name="floor" texture="floor" texrepeat="2 2" texuniform="true"/>
  </asset>
  <worldbody>
    <light type="directional" pos="0 -3 5" dir="0 .5 -.85" diffuse=".5 .5 .5" castshadow="false"/>
    <geom name="floor" type="plane" size="0 0 .1" contype="0" conaffinity="1" material="floor"
          rgba="1 1 1 1"/>
    <body name="torso">
      <camera name="view" mode="trackcom" pos="0 -2.6 .35" xyaxes="1 0 0 0 .12 1" fovy="45"/>
      <joint name="x" type="slide" axis="1 0 0" armature="0" limited="false"/>
      <joint name="z" type="slide" axis="0 0 1" armature="0" limited="false"/>
      <joint name="pitch" type="hinge" axis="0 1 0" armature="0" limited="false"/>
      {torso}
      {head}
      {back}
      {front}
    </body>
  </worldbody>
  <actuator>
    {motors}
  </actuator>
</mujoco>
"""


class HalfCheetahBodyEnv(MujocoTaskEnv):
    """Run forward, to +x, with one of five bodies.

    The cheetah moves in the plane x, z. ``base`` is made of capsules of 4.5 cm radius and 680 kg/m3, 14 kg in all.
    The other bodies have the parts of one kind (both of a kind for the legs) enlarged by 1.25 about their own middle,
    in length and radius; the joints stay where they are, and the mass grows with the volume.

    Control at 20 Hz, 200 steps (10 s) an episode, truncated, never terminated: a fallen cheetah may get up.

    Action (float32 [6]), torques as shares of those at full command:

    ===== =========== ==== ====== ========================
    index name        unit range  at 1
    ===== =========== ==== ====== ========================
    0     back_thigh  1    -1..1  120 N m
    1     back_shin   1    -1..1  90 N m
    2     back_foot   1    -1..1  60 N m
    3     front_thigh 1    -1..1  120 N m
    4     front_shin  1    -1..1  60 N m
    5     front_foot  1    -1..1  30 N m
    ===== =========== ==== ====== ========================

    Observation (float32 [18]). Angles turn about +y: a positive pitch lowers the nose, a positive joint angle swings
    a part that hangs down backwards. Stops and ground give way a little:

    ===== ==================== ===== ============== =====================================================
    index name                 unit  range          meaning
    ===== ==================== ===== ============== =====================================================
    0     forward_velocity     m/s   -20..20        of the torso's middle along x, mean over the last step
    1     height               m     -0.1..3        of the torso's middle above the ground
    2     pitch                rad   (-pi, pi]      of the torso
    3     back_thigh           rad   -0.5..1.0      joints; described with 0.3 rad more either side
    4     back_shin            rad   -0.8..0.8
    5     back_foot            rad   -0.4..0.8
    6     front_thigh          rad   -1.0..0.7
    7     front_shin           rad   -1.2..0.9
    8     front_foot           rad   -0.5..0.5
    9     x_velocity           m/s   -20..20        of the torso's middle, now
    10    z_velocity           m/s   -20..20
    11    pitch_rate           rad/s -30..30
    12-17 <joint>_velocity     rad/s -60..60        of the joints, in the order above
    ===== ==================== ===== ============== =====================================================

    Reward of a step: ``forward_velocity - 0.1 |action|^2``. Without the cost, the return of an episode is
    20 times the distance run in metres. There is no success: the return is the measure.

    The episode starts with the lowest point 5 mm above the ground, pitch and joints up to 0.1 rad from
    neutral (uniform), velocities N(0, 0.1).

    Args:
        body: Which body.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        ValueError: There is no such body.
    """

    def __init__(
        self, body: Body = "base", render_mode: str | None = None, width: int = 480, height: int = 368
    ) -> None:
        if body not in get_args(Body):
            raise ValueError(f"body={body!r} is not offered: use one of {', '.join(get_args(Body))}")
        super().__init__(
            mujoco.MjModel.from_xml_string(_model(body)),
            describe(body),
            substeps=SUBSTEPS,
            render_mode=render_mode,
            width=width,
            height=height,
        )
        self._capsules = np.flatnonzero(self.model.geom_type == int(mujoco.mjtGeom.mjGEOM_CAPSULE))
        self._x = 0.0  # of the torso at the beginning of the step

    # ------------------------------------------------------------------ MujocoTaskEnv
    def _initialise(self) -> None:
        data = self.data
        data.qpos[2:] = self.np_random.uniform(-START_SPREAD, START_SPREAD, size=self.model.nq - 2)
        data.qvel[:] = self.np_random.normal(0.0, START_STD, size=self.model.nv)
        mujoco.mj_kinematics(self.model, data)
        data.qpos[1] = START_CLEARANCE - self._lowest()
        # There was no step yet: the velocity now stands for the mean one.
        self._x = data.qpos[0] - data.qvel[0] * self.task["control_period"]

    def _lowest(self) -> float:
        """Height of the body's lowest point (m)."""
        radius, half = self.model.geom_size[self._capsules, :2].T
        down = half * np.abs(self.data.geom_xmat[self._capsules, 8]) + radius
        return float((self.data.geom_xpos[self._capsules, 2] - down).min())

    def _actuate(self, action: Array) -> None:
        self._x = self.data.qpos[0]
        self.data.ctrl[:] = action

    def _observe(self) -> Array:
        qpos = self.data.qpos
        observation = np.empty(18, dtype=np.float32)
        observation[0] = (qpos[0] - self._x) / self.task["control_period"]
        observation[1:9] = qpos[1:]
        observation[2] = math.pi - (math.pi - qpos[2]) % (2 * math.pi)  # in (-pi, pi]
        observation[9:] = self.data.qvel
        return observation

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """``forward_velocity - 0.1 |action|^2`` of the step; arrays [..., S or A] -> [...]."""
        xp = array_api_compat.array_namespace(next_observation, action)
        return next_observation[..., 0] - 0.1 * xp.sum(action * action, axis=-1)

    def success(self, observation: Any) -> Any:
        """False everywhere, [..., S] -> bool [...]: running has no goal, the return is the measure."""
        xp = array_api_compat.array_namespace(observation)
        return xp.zeros(observation.shape[:-1], dtype=xp.bool, device=array_api_compat.device(observation))


def describe(body: str) -> contract.Plain:
    """The task of a body as plain data."""
    field = contract.observation_field
    return {
        "name": body,
        "control_period": TIME_STEP * SUBSTEPS,
        "episode_steps": EPISODE_STEPS,
        "has_success": False,
        "observation": [
            field("forward_velocity", "m/s", low=-20.0, high=20.0, scale_floor=0.05),
            field("height", "m", low=-0.1, high=3.0, scale_floor=0.01),
            field("pitch", "rad", kind="angle", scale_floor=0.02),
            *(field(part.name, "rad", low=part.low - 0.3, high=part.high + 0.3, scale_floor=0.02) for part in PARTS),
            field("x_velocity", "m/s", low=-20.0, high=20.0, scale_floor=0.05),
            field("z_velocity", "m/s", low=-20.0, high=20.0, scale_floor=0.05),
            field("pitch_rate", "rad/s", low=-30.0, high=30.0, scale_floor=0.1),
            *(field(f"{part.name}_velocity", "rad/s", low=-60.0, high=60.0, scale_floor=0.2) for part in PARTS),
        ],
        "action": [contract.action_field(part.name, "N m", scale=part.torque) for part in PARTS],
        "safe_action": [0.0] * len(PARTS),
        "exploration": contract.exploration_prior(beta=1.0, std=[0.7] * len(PARTS)),
    }


def _model(body: str) -> str:
    """MJCF of a body."""
    motors = (f'<motor name="{part.name}" joint="{part.name}" gear="{part.torque}"/>' for part in PARTS)
    return _XML.format(
        time_step=TIME_STEP,
        friction=FRICTION,
        torso=_capsule("torso", (HIPS["back"], 0.0), (HIPS["front"], 0.0), _scale("torso", body)),
        head=_capsule("head", *HEAD, 1.0),
        back=_leg(LEGS["back"], (HIPS["back"], 0.0), body),
        front=_leg(LEGS["front"], (HIPS["front"], 0.0), body),
        motors="\n    ".join(motors),
    )


def _leg(parts: tuple[Part, ...], at: tuple[float, float], body: str) -> str:
    """MJCF of a chain of parts that starts at x, z (m) of its parent."""
    if not parts:
        return ""
    part, *rest = parts
    return (
        f'<body name="{part.name}" pos="{at[0]} 0 {at[1]}">'
        f'<joint name="{part.name}" type="hinge" axis="0 1 0" range="{part.low} {part.high}"'
        f' stiffness="{part.stiffness}" damping="{part.damping}"/>'
        f"{_capsule(part.name, (0.0, 0.0), part.reach, _scale(part.kind, body))}"
        f"{_leg(tuple(rest), part.reach, body)}</body>"
    )


def _scale(kind: str, body: str) -> float:
    return ENLARGED if kind == body else 1.0


def _capsule(name: str, start: tuple[float, float], end: tuple[float, float], scale: float) -> str:
    """MJCF of a capsule between two points (x, z), enlarged about its middle, its mass that of its volume."""
    radius, length = RADIUS * scale, math.dist(start, end) * scale
    mass = DENSITY * (math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3)
    middle = [(a + b) / 2 for a, b in zip(start, end, strict=True)]
    half = [(b - a) / 2 * scale for a, b in zip(start, end, strict=True)]
    (x0, z0), (x1, z1) = ([m + sign * h for m, h in zip(middle, half, strict=True)] for sign in (-1, 1))
    colour = ' rgba=".7 .25 .2 1"' if scale != 1.0 else ""
    return (
        f'<geom name="{name}" type="capsule" fromto="{x0} 0 {z0} {x1} 0 {z1}" size="{radius}" mass="{mass}"{colour}/>'
    )
