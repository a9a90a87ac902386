"""Cart-pole swing-up with a pole of any length: the quick environment for tests and tutorials.

A cart on a rail carries a pole that hangs down at the start; the cart's motor must swing it up and hold
its tip above the middle of the rail. Only the pole's length differs from task to task, and it is not
part of the observation: a model of one task mispredicts the next.
"""

from __future__ import annotations

import math
from typing import Any

import mujoco
import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.mujoco_env import MujocoTaskEnv

TIME_STEP = 0.02
"""Physics step (s)."""
SUBSTEPS = 2
EPISODE_STEPS = 200
RAIL = 2.5
"""Half the length of the rail (m)."""
STOP = 0.4
"""How far the rail's stops, which are springs, may give (m); 0.36 m was the worst of full force to and fro."""
CART_MASS = 10.0
"""kg."""
POLE_RADIUS = 0.05
"""m. The published pole has 0.049 m."""
DENSITY = 1000.0
"""kg/m3."""
FORCE = 300.0
"""Force of the motor at full command (N)."""
START_STD = 0.1
"""Deviation of every initial position (m, rad) and velocity (m/s, rad/s) around hanging at rest."""
SUCCESS_REWARD = 0.8
SUCCESS_STEPS = 50

# RK4: at 0.02 s MuJoCo's Euler integrator takes a third of the energy of a swinging pole within 80 s, RK4 1e-4 of it.
_XML = """
<mujoco model="cartpole_length">
  <compiler angle="radian"/>
  <option timestep="{time_step}" integrator="RK4" jacobian="dense" gravity="0 0 -9.81"/>
  <default><geom contype="0" conaffinity="0"/></default>
  <visual><headlight ambient=".45 .45 .45" diffuse=".4 .4 .4" specular=".1 .1 .1"/></visual>
  <asset>
    <texture name="sky" type="skybox" builtin="gradient" rgb1="1 1 1" rgb2=".75 .82 .9" width="64" height="64"/>
    <texture name="floor" type="2d" builtin="checker" rgb1=".82 .84 .87" rgb2=".74 .77 .81" width="128" height="128"/>
    <material name="floor" texture="floor" texrepeat="2 2" texuniform="true"/>
    <material name="metal" rgba=".35 .37 .42 1"/>
  </asset>
  <worldbody>
    <light type="directional" pos="0 -3 5" dir="0 .5 -.85" diffuse=".5 .5 .5" castshadow="false"/>
    <camera name="view" pos="0 -4.1 .5" xyaxes="1 0 0 0 .12 1" fovy="45"/>
    <geom name="floor" type="plane" pos="0 0 -1.5" size="0 0 .1" material="floor"/>
    <geom name="rail" type="capsule" fromto="-{reach} 0 0 {reach} 0 0" size=".02" material="metal"/>
    <geom name="left_stop" type="box" pos="-{reach} 0 0" size=".03 .1 .1" material="metal"/>
    <geom name="right_stop" type="box" pos="{reach} 0 0" size=".03 .1 .1" material="metal"/>
    <geom name="goal" type="sphere" pos="0 0 {length}" size=".07" rgba=".15 .65 .3 .45"/>
    <body name="cart">
      <joint name="slider" type="slide" axis="1 0 0" limited="true" range="-{rail} {rail}"/>
      <geom name="cart" type="box" size=".2 .08 .08" mass="{cart_mass}" rgba=".2 .35 .6 1"/>
      <body name="pole">
        <joint name="hinge" type="hinge" axis="0 1 0"/>
        <geom name="pole" type="capsule" fromto="0 -.1 0 0 -.1 {length}" size="{radius}" density="{density}"
              rgba=".85 .5 .2 1"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <motor name="motor" joint="slider" gear="{force}" ctrllimited="true" ctrlrange="-1 1"/>
  </actuator>
</mujoco>
"""


class CartPoleLengthEnv(MujocoTaskEnv):
    """Swing up a pole of a given length and balance it over the middle of the rail.

    Control at 25 Hz, 200 steps (8 s) an episode, truncated, never terminated. The rail ends in stops.

    Action (float32 [1]):

    ===== ======= ==== ======= ==========================================
    index name    unit range   meaning
    ===== ======= ==== ======= ==========================================
    0     motor   1    -1..1   force on the cart, as a share of 300 N
    ===== ======= ==== ======= ==========================================

    Observation (float32 [4]):

    ===== ================ ===== ============= ==================================================
    index name             unit  range         meaning
    ===== ================ ===== ============= ==================================================
    0     x                m     -2.9..2.9     cart; the rail ends at 2.5, its stops are springs
    1     angle            rad   (-pi, pi]     pole; 0 is upright, positive leans towards +x
    2     x_velocity       m/s   unbounded     of the cart
    3     angle_velocity   rad/s unbounded     of the pole
    ===== ================ ===== ============= ==================================================

    Reward of a step: ``exp(-|tip - (0, l)|^2 / l^2) - 0.01 action^2``, at most 1, with the tip's position
    relative to the height of the pivot: ``(x + l sin(angle), l cos(angle))``.

    An episode succeeds (``info["is_success"]`` of its last step, false before) when the mean reward of its
    last 50 steps is at least 0.8. :meth:`success` judges a single observation instead.

    The episode starts with the cart in the middle and the pole hanging at rest, plus normal noise of
    deviation 0.1 on each position and velocity.

    Args:
        length: Length of the pole from the pivot to its tip (m), 0.1..2.4.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        ValueError: The length is outside its range.
    """

    def __init__(
        self, length: float = 0.6, render_mode: str | None = None, width: int = 640, height: int = 368
    ) -> None:
        if not 0.1 <= length <= 2.4:
            raise ValueError(f"length={length} m is outside 0.1..2.4 m: choose a pole that fits the rail")
        self.length = float(length)
        xml = _XML.format(
            time_step=TIME_STEP,
            length=self.length,
            rail=RAIL,
            reach=RAIL + 0.2,
            cart_mass=CART_MASS,
            radius=POLE_RADIUS,
            density=DENSITY,
            force=FORCE,
        )
        super().__init__(
            mujoco.MjModel.from_xml_string(xml),
            describe(self.length),
            substeps=SUBSTEPS,
            render_mode=render_mode,
            width=width,
            height=height,
        )

    def _initialise(self) -> None:
        noise = self.np_random.normal(0.0, START_STD, size=4)
        self.data.qpos[:] = [noise[0], math.pi + noise[1]]
        self.data.qvel[:] = noise[2:]

    def _actuate(self, action: NDArray[np.float32]) -> None:
        self.data.ctrl[0] = action[0]

    def _observe(self) -> NDArray[np.float32]:
        x, angle = self.data.qpos
        # pi - (pi - angle) mod 2 pi lies in (-pi, pi], and so it must once rounded to float32.
        wrapped = math.pi - (math.pi - angle) % (2 * math.pi)
        return np.array([x, wrapped, *self.data.qvel], dtype=np.float32)

    def _judge(self) -> bool:
        ended = len(self._rewards) >= self.task["episode_steps"]
        return ended and float(np.mean(self._rewards[-SUCCESS_STEPS:])) >= SUCCESS_REWARD

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """``exp(-|tip - (0, l)|^2 / l^2) - 0.01 action^2`` of the state reached; arrays [..., S or A] -> [...]."""
        xp = array_namespace(next_observation)
        return xp.exp(-self._distance(next_observation)) - 0.01 * action[..., 0] ** 2

    def success(self, observation: Any) -> Any:
        """Whether the tip is so near its goal that a step without motor force is worth 0.8; [..., S] -> bool [...].

        That is a distance of at most ``l sqrt(-log 0.8) = 0.47 l``.
        """
        return self._distance(observation) <= -math.log(SUCCESS_REWARD)

    def _distance(self, observation: Any) -> Any:
        """Squared distance between tip and goal in pole lengths, (x/l + sin)^2 + (cos - 1)^2, expanded."""
        xp = array_namespace(observation)
        x, angle = observation[..., 0] / self.length, observation[..., 1]
        return x * (x + 2 * xp.sin(angle)) + 2 - 2 * xp.cos(angle)


def describe(length: float) -> contract.Plain:
    """The task of a pole length (m) as plain data."""
    return {
        "name": f"length_{length:g}",
        "control_period": TIME_STEP * SUBSTEPS,
        "episode_steps": EPISODE_STEPS,
        "observation": [
            contract.observation_field("x", "m", low=-RAIL - STOP, high=RAIL + STOP, scale_floor=0.01),
            contract.observation_field("angle", "rad", kind="angle", scale_floor=0.01),
            contract.observation_field("x_velocity", "m/s", scale_floor=0.05),
            contract.observation_field("angle_velocity", "rad/s", scale_floor=0.05),
        ],
        "action": [contract.action_field("motor", "N", scale=FORCE)],
        "safe_action": [0.0],
        "exploration": contract.exploration_prior(beta=1.0, std=[0.7]),
    }
