"""A round fingertip pushes a block over a table: ten blocks that look alike and resist differently.

The block's two halves have densities of their own. They decide how hard the block is to move and about which point it
turns, and neither is part of the observation: a model of one task mispredicts the next.
"""

from __future__ import annotations

import math
from typing import Any

import mujoco
import numpy as np
from array_api_compat import array_namespace

from crl_envs import task as contract
from crl_envs.mujoco_env import Array, MujocoTaskEnv

TIME_STEP = 0.01
"""Physics step (s)."""
SUBSTEPS = 10
EPISODE_STEPS = 100
SIDE = 0.16
"""Side of the square block (m)."""
HEIGHT = 0.1
"""Height of the block (m)."""
DISTANCE = 0.25
"""How far ahead the goal lies (m)."""
SPEED = 0.2
"""Velocity of the fingertip at full command (m/s)."""
GAIN = 100.0
"""Force of the fingertip's velocity servo per error of velocity (N s/m): a heavy block slows it down."""
TIP_MASS = 1.0
"""Mass of the fingertip and what moves with it (kg)."""
TIP_RADIUS = 0.02
"""m."""
TABLE_FRICTION = 0.5
TIP_FRICTION = 0.4
REACH = ((-0.25, 0.45), (-0.25, 0.25))
"""Where the fingertip may go (m): x and y from the place where the block starts."""
SUCCESS_DISTANCE = 0.02
"""m, for every corner."""
GAP = (0.01, 0.03)
"""Space between fingertip and block at the start (m)."""
START_ASIDE = 0.03
"""How far the fingertip starts beside the block's middle (m), either side."""
START_SHIFT = 0.01
"""How far from its place the block starts in x and y (m), either side."""
START_TURN = 0.05
"""How far it is turned at the start (rad), either side."""

# Each half rests on a foot of its own and can rise by itself, so that its foot carries its weight and nothing rocks.
# The limit of sliding and turning friction at a foot is an ellipsoid (Howe and Cutkosky 1996); its torque is that of
# pressure spread evenly over the half, whose mean distance from its middle is 0.0475 m.
_FOOT_RADIUS = 0.005  # m
_PATCH = 0.0475  # m
# The fingertip meets a shell of 1 g that can't rise: nothing that it does changes the weight on a foot.
_SHELL_MASS = 0.001  # kg
# Soft feet, and friction with a longer time constant than they: with MuJoCo's defaults the convex contact model lifts a
# sliding block off the table, and it chatters. impratio keeps the block from creeping.
_FOOT = 'condim="4" solimp=".5 .5 .001" solreffriction=".1 1"'

_XML = """
<mujoco model="pusher">
  <compiler angle="radian"/>
  <option timestep="{time_step}" integrator="implicitfast" cone="elliptic" impratio="100" jacobian="dense"
          gravity="0 0 -9.81"/>
  <default>
    <geom contype="0" conaffinity="0"/>
    <default class="foot"><geom type="sphere" size="{foot_radius}" mass="0" group="4"/></default>
  </default>
  <visual><headlight ambient=".45 .45 .45" diffuse=".4 .4 .4" specular=".1 .1 .1"/></visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="1 1 1" rgb2=".75 .82 .9" width="64" height="64"/>
    <texture name="table" type="2d" builtin="checker" rgb1=".82 .84 .87" rgb2=".74 .77 .81" width="128" height="128"/>
    <material name="table" texture="table" texrepeat="10 10" texuniform="true"/>
  </asset>
  <worldbody>
    <light type="directional" pos="0 -1 3" dir=".2 .3 -.9" diffuse=".5 .5 .5" castshadow="false"/>
    <camera name="view" pos=".1 -.62 .58" xyaxes="1 0 0 0 .7 .72" fovy="45"/>
    <geom name="table" type="plane" size="0 0 .1" material="table"/>
    <geom name="goal" type="box" pos="{distance} 0 .001" size="{half} {half} .001" rgba=".15 .65 .3 .6"/>
    <body name="tip" pos="0 0 .03">
      <joint name="tip_x" type="slide" axis="1 0 0" limited="true" range="{reach[0][0]} {reach[0][1]}"/>
      <joint name="tip_y" type="slide" axis="0 1 0" limited="true" range="{reach[1][0]} {reach[1][1]}"/>
      <geom name="tip" type="sphere" size="{tip_radius}" mass="{tip_mass}" rgba=".2 .35 .6 1"/>
      <geom name="rod" type="cylinder" fromto="0 0 0 0 0 .16" size=".008" mass="0" rgba=".35 .37 .42 1"/>
    </body>
    <body name="block" pos="0 0 {up}">
      <joint name="block_x" type="slide" axis="1 0 0"/>
      <joint name="block_y" type="slide" axis="0 1 0"/>
      <joint name="turn" type="hinge" axis="0 0 1"/>
      <geom name="block" type="box" size="{half} {half} {up}" mass="{shell_mass}" group="4"/>
      <body name="left" pos="0 {quarter} 0">
        <joint name="left_z" type="slide" axis="0 0 1"/>
        <geom name="left" type="box" size="{half} {quarter} {up}" density="{left}" rgba="{left_colour}"/>
        <geom name="left_foot" class="foot" pos="0 0 {foot_z}"/>
      </body>
      <body name="right" pos="0 -{quarter} 0">
        <joint name="right_z" type="slide" axis="0 0 1"/>
        <geom name="right" type="box" size="{half} {quarter} {up}" density="{right}" rgba="{right_colour}"/>
        <geom name="right_foot" class="foot" pos="0 0 {foot_z}"/>
      </body>
    </body>
  </worldbody>
  <contact>
    <pair geom1="table" geom2="left_foot" friction="{table_friction} {table_friction} {table_torsion}" {foot}/>
    <pair geom1="table" geom2="right_foot" friction="{table_friction} {table_friction} {table_torsion}" {foot}/>
    <pair geom1="tip" geom2="block" condim="3" friction="{tip_friction} {tip_friction}"/>
  </contact>
  <actuator>
    <velocity name="velocity_x" joint="tip_x" kv="{gain}" ctrllimited="true" ctrlrange="-{speed} {speed}"/>
    <velocity name="velocity_y" joint="tip_y" kv="{gain}" ctrllimited="true" ctrlrange="-{speed} {speed}"/>
  </actuator>
</mujoco>
"""


class PusherEnv(MujocoTaskEnv):
    """Push a block 0.25 m ahead without turning it.

    Control at 10 Hz, 100 steps (10 s) an episode, truncated, never terminated. The fingertip, a ball of 2 cm radius
    that stays 3 cm above the table, moves in the plane. A velocity servo of 100 N s/m drives it, so that friction
    slows it down: a block of (500, 500) kg/m3 weighs 1.28 kg and costs 0.063 of its 0.2 m/s. Each half rests with its
    own weight, and its friction acts at its own middle. The axes are those of the goal, a square drawn on the
    table: x points ahead, y to the left. All positions are relative to the goal or to the block, so that the goal is
    part of the observation.

    Action (float32 [2]):

    ===== ============= ==== ======= =========================================================
    index name          unit range   meaning
    ===== ============= ==== ======= =========================================================
    0     velocity_x    1    -1..1   velocity wanted of the fingertip, as a share of 0.2 m/s
    1     velocity_y    1    -1..1   the same along y
    ===== ============= ==== ======= =========================================================

    Observation (float32 [10]):

    ===== ================ ===== ============== =====================================================
    index name             unit  range          meaning
    ===== ================ ===== ============== =====================================================
    0     block_x          m     -0.65..0.4     middle of the block from that of the goal
    1     block_y          m     -0.45..0.45
    2     turn             rad   (-pi, pi]      of the block about the vertical, from the goal; + is left
    3     tip_x            m     -0.8..0.8      fingertip from the middle of the block, in axes of the goal
    4     tip_y            m     -0.7..0.7
    5     block_velocity_x m/s   -1..1          of the block's middle
    6     block_velocity_y m/s   -1..1
    7     turn_rate        rad/s -10..10
    8     tip_velocity_x   m/s   -0.5..0.5      of the fingertip
    9     tip_velocity_y   m/s   -0.5..0.5
    ===== ================ ===== ============== =====================================================

    Reward of a step: the sum over the block's four corners of ``1 - tanh(10 distance)``, each from its own
    corner of the goal (m), less ``0.25 |action|`` (Euclidean); at most 4, at rest on the goal.

    An episode succeeds (``info["is_success"]`` of its last step, false before) when it ends with all four corners
    within 2 cm of theirs. :meth:`success` judges a single observation.

    The block starts 0.25 m before the goal, shifted by up to 0.01 m in x and y and turned by up to 0.05 rad; the
    fingertip starts 1 to 3 cm behind it, up to 3 cm beside its middle; all uniform, all at rest.

    Args:
        left: Density of the half on the left, y > 0 (kg/m3), 50..5000.
        right: Density of the half on the right (kg/m3), 50..5000.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        ValueError: A density is outside its range.
    """

    def __init__(
        self,
        left: float = 500.0,
        right: float = 500.0,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 368,
    ) -> None:
        for side, density in (("left", left), ("right", right)):
            if not 50 <= density <= 5000:
                raise ValueError(f"{side}={density} kg/m3 is outside 50..5000 kg/m3: choose a block that can be pushed")
        super().__init__(
            pusher_model(float(left), float(right)),
            describe(float(left), float(right)),
            substeps=SUBSTEPS,
            render_mode=render_mode,
            width=width,
            height=height,
        )

    # ------------------------------------------------------------------ MujocoTaskEnv
    def _initialise(self) -> None:
        uniform = self.np_random.uniform
        x, y = uniform(-START_SHIFT, START_SHIFT, size=2)
        turn = uniform(-START_TURN, START_TURN)
        behind, aside = -SIDE / 2 - TIP_RADIUS - uniform(*GAP), uniform(-START_ASIDE, START_ASIDE)
        cosine, sine = math.cos(turn), math.sin(turn)
        qpos = self.data.qpos
        qpos[0:2] = x + cosine * behind - sine * aside, y + sine * behind + cosine * aside
        qpos[2:5] = x, y, turn

    def _actuate(self, action: Array) -> None:
        self.data.ctrl[:] = action * SPEED

    def _observe(self) -> Array:
        # Plain numbers: this runs at every step, and indexing an array costs more than the arithmetic.
        tip_x, tip_y, x, y, turn, _, _ = self.data.qpos.tolist()
        tip_vx, tip_vy, vx, vy, rate, _, _ = self.data.qvel.tolist()
        turn = math.pi - (math.pi - turn) % (2 * math.pi)  # in (-pi, pi]
        return np.array(
            [x - DISTANCE, y, turn, tip_x - x, tip_y - y, vx, vy, rate, tip_vx, tip_vy],
            dtype=np.float32,
        )

    def _judge(self) -> bool:
        return self._steps >= self.task["episode_steps"] and bool(self.success(self._observation))

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Sum over the corners of ``1 - tanh(10 distance)`` of the state reached, less ``0.25 |action|``; -> [...]."""
        xp = array_namespace(next_observation, action)
        cost = 0.25 * xp.sqrt(action[..., 0] ** 2 + action[..., 1] ** 2)
        total = 4.0 - cost
        for square in self._squares(next_observation):
            total = total - xp.tanh(10.0 * xp.sqrt(square))
        return total

    def success(self, observation: Any) -> Any:
        """Whether all four corners are within 2 cm of the goal's: [..., S] -> bool [...]."""
        first, second, third, fourth = (square <= SUCCESS_DISTANCE**2 for square in self._squares(observation))
        return first & second & third & fourth

    @staticmethod
    def _squares(observation: Any) -> list[Any]:
        """Squared distances (m2) of the block's corners to those of the goal: four arrays [...].

        A corner c of the block is at p + R c, that of the goal at c: the distance is |p + (R - 1) c|.
        """
        xp = array_namespace(observation)
        x, y, turn = observation[..., 0], observation[..., 1], observation[..., 2]
        a = (SIDE / 2) * (xp.cos(turn) - 1.0)
        b = (SIDE / 2) * xp.sin(turn)
        return [(x + i * a - j * b) ** 2 + (y + i * b + j * a) ** 2 for i, j in ((1, 1), (1, -1), (-1, 1), (-1, -1))]


def pusher_model(
    left: float, right: float, reach: tuple[tuple[float, float], tuple[float, float]] = REACH
) -> mujoco.MjModel:
    """The compiled model of fingertip, block and table.

    Args:
        left: Density of the half on the left (kg/m3).
        right: Density of the half on the right (kg/m3).
        reach: Where the fingertip may go (m): x and y.
    """
    xml = _XML.format(
        time_step=TIME_STEP,
        distance=DISTANCE,
        half=SIDE / 2,
        quarter=SIDE / 4,
        up=HEIGHT / 2,
        foot_z=_FOOT_RADIUS - HEIGHT / 2,
        foot_radius=_FOOT_RADIUS,
        reach=reach,
        tip_radius=TIP_RADIUS,
        tip_mass=TIP_MASS,
        left=left,
        right=right,
        left_colour=_colour(left),
        right_colour=_colour(right),
        shell_mass=_SHELL_MASS,
        table_friction=TABLE_FRICTION,
        table_torsion=TABLE_FRICTION * _PATCH,
        foot=_FOOT,
        tip_friction=TIP_FRICTION,
        gain=GAIN,
        speed=SPEED,
    )
    return mujoco.MjModel.from_xml_string(xml)


def moving_fields() -> list[contract.Plain]:
    """Fields of an observation after the block's place: its turn, the fingertip, and all velocities."""
    field = contract.observation_field
    return [
        field("turn", "rad", kind="angle", scale_floor=0.01),
        field("tip_x", "m", low=-0.8, high=0.8, scale_floor=0.005),
        field("tip_y", "m", low=-0.7, high=0.7, scale_floor=0.005),
        field("block_velocity_x", "m/s", low=-1.0, high=1.0, scale_floor=0.01),
        field("block_velocity_y", "m/s", low=-1.0, high=1.0, scale_floor=0.01),
        field("turn_rate", "rad/s", low=-10.0, high=10.0, scale_floor=0.05),
        field("tip_velocity_x", "m/s", low=-0.5, high=0.5, scale_floor=0.01),
        field("tip_velocity_y", "m/s", low=-0.5, high=0.5, scale_floor=0.01),
    ]


def pushing() -> contract.Plain:
    """Actions of the fingertip, the safe one, and how they explore."""
    return {
        "action": [contract.action_field(f"velocity_{axis}", "m/s", scale=SPEED) for axis in "xy"],
        "safe_action": [0.0, 0.0],
        # Push ahead, then anything, again and again: free noise alone seldom meets the block.
        "exploration": contract.exploration_prior(
            beta=1.5,
            std=[0.7, 0.7],
            phases=[
                {"steps": [8, 25], "mean": [0.7, 0.0], "std": [0.4, 0.4]},
                {"steps": [8, 15], "mean": [-0.4, 0.0], "std": [0.4, 0.8]},
                {"steps": [15, 30], "mean": [0.7, 0.0], "std": [0.4, 0.4]},
            ],
        ),
    }


def describe(left: float, right: float) -> contract.Plain:
    """The task of a pair of densities (kg/m3) as plain data. Bounds leave room for soft stops and a sliding block."""
    field = contract.observation_field
    return {
        "name": f"density_{left:g}_{right:g}",
        "control_period": TIME_STEP * SUBSTEPS,
        "episode_steps": EPISODE_STEPS,
        "observation": [
            field("block_x", "m", low=-0.65, high=0.4, scale_floor=0.002, event=0.001),
            field("block_y", "m", low=-0.45, high=0.45, scale_floor=0.002),
            *moving_fields(),
        ],
        **pushing(),
    }


def _colour(density: float) -> str:
    """The denser, the darker: for people only, the observation holds no colours."""
    share = min(density, 1000.0) / 1000.0
    return f"{0.95 - 0.45 * share:.3f} {0.75 - 0.55 * share:.3f} {0.45 - 0.35 * share:.3f} 1"
