"""A quadrotor that never lands: waypoints without an end, and an autopilot that changes unannounced."""

from __future__ import annotations

import math
from typing import Any, Unpack

import mujoco
import numpy as np
from numpy.typing import NDArray

from crl_envs import physics_state
from crl_envs import task as contract
from crl_envs.lives.commanded import CommandedLifeEnv, Drawn
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.life import STEPS
from crl_envs.lives.regimes.airs import AirRegime, draw_airs
from crl_envs.missions.rewards import air_reward
from crl_envs.quadrotors import model as body
from crl_envs.quadrotors.control import RateLoop, VelocityLoop
from crl_envs.quadrotors.flight import advance, follow, heading, level_motion
from crl_envs.quadrotors.quadrotor import RADIUS, START_STD
from crl_envs.quadrotors.task import SAFE, describe

SUBSTEPS = 100
PERIOD = SUBSTEPS * body.TIME_STEP
"""Seconds per command. Missions command ten times as often. But within 20 ms an attitude hardly answers, so that single
steps say little of a regime. In 0.2 s it has turned, and the velocity follows."""
RATES = ("rate_x", "rate_y")
"""Body rates (rad/s), which a gyroscope measures, at this place of the observation. Without them a step depends on much
that is not seen."""
RATES_AT = 10
GOAL = 14 + len(RATES)
"""Where the waypoint is in the observation."""
HALF = 8.0
"""Half the side of the square that holds all waypoints (m)."""
HEIGHTS = (2.0, 4.0)
"""Least and greatest height of a waypoint (m)."""
LOST = 20.0
"""A robot that is so far beside its leg (m) is lost: that is a crash, and it is put back."""
GREATEST = np.array([0.4, 0.4, 0.2, 0.2, 0.6, 0.6, 1.1, 0.48, 0.48, 1.6, 2.6, 2.6])
"""Greatest usual change of a step, in the order of the model's changes: displacement (m) and turn (rad) at cruising
speed, level velocity (m/s) at 3 m/s2. What a command decides within a step is the rest, and there it is the effect of
the greatest one while hovering: climb (m/s), roll and pitch (rad), yaw rate, roll and pitch rate (rad/s)."""


class QuadrotorLifeEnv(CommandedLifeEnv[AirRegime]):
    """Fly through waypoints for ever by velocity set-points, in one of many regimes (:mod:`.regimes.airs`).

    Body, action, observation and reward are those of :class:`crl_envs.quadrotors.quadrotor.QuadrotorEnv` with the
    interface ``velocity``, but commands come at 5 Hz, and the observation has the rates about the body's x and y
    (rad/s) behind the yaw rate, too; the share of waypoints reached is 0. A regime lasts 60 to 120
    steps (12 to 24 s), is not announced, and comes back. A robot that touches the ground, or is
    more than 20 m beside its leg, has crashed; it then hovers at the waypoint before.

    For evaluators only, ``info`` says ``regime`` (number), ``regime_name``, ``visits`` (of regimes so far),
    ``cross_track`` (m), ``reached``, ``crashes`` and ``effect``: the nominal command that the executed one amounted to.

    Args:
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.
        drawn: What is drawn (:class:`crl_envs.lives.commanded.Drawn`).

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(self, episode_steps: int = STEPS, **drawn: Unpack[Drawn]) -> None:
        task = {
            **describe("velocity", "quadrotor_life", episode_steps),
            "control_period": PERIOD,
            "has_terminated": False,
            "has_success": False,
        }
        rates = [contract.observation_field(name, "rad/s", scale_floor=0.05) for name in RATES]
        task["observation"] = [*task["observation"][:RATES_AT], *rates, *task["observation"][RATES_AT:]]
        super().__init__(
            task,
            EndlessWay(HALF, RADIUS, HEIGHTS),
            **drawn,
        )
        self.full_change = GREATEST
        self._model = body.build_model([(0.0, 0.0, sum(HEIGHTS) / 2)])
        self._model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._data = mujoco.MjData(self._model)
        self._at = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_BODY, "quadrotor")
        self._rate_loop, self._velocity_loop = RateLoop(), VelocityLoop()
        self._last = list(SAFE["velocity"])

    def _draw(self, rng: np.random.Generator) -> list[AirRegime]:
        return draw_airs(self.stream.count, self._others, rng)

    def _plain(self, regime: AirRegime) -> dict[str, Any]:
        return {**vars(regime), "gain": list(regime.gain)}

    def _regime(self, plain: dict[str, Any]) -> AirRegime:
        return AirRegime(**{**plain, "gain": tuple(plain["gain"])})

    def _set_up(self, *, first: bool) -> None:
        if first:
            self.way.begin(self._places)
        position, yaw = np.array(self.way.before), 0.0
        if first:
            noise = self.np_random.normal(0.0, START_STD, size=4)
            position, yaw = position + noise[:3], float(noise[3])
        mujoco.mj_resetData(self._model, self._data)
        self._data.qpos[:] = [*position, math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)]
        self._data.act[:] = body.MASS * body.GRAVITY / 4
        mujoco.mj_forward(self._model, self._data)
        self._rate_loop, self._velocity_loop = RateLoop(), VelocityLoop(yaw)
        self._last = list(SAFE["velocity"])
        self._beside, self._effect = 0.0, np.zeros(4)

    def _move(self, action: NDArray[np.float64], regime: AirRegime) -> str | None:
        self._last = action.tolist()
        self._effect = np.asarray(self.next_effect()(action), dtype=np.float64)
        *wanted, turn = self._effect.tolist()
        for _ in range(SUBSTEPS):
            thrust, rates = follow(self._velocity_loop, self._data, wanted, turn)
            advance(self._model, self._data, self._at, self._rate_loop, thrust, rates)
        position = tuple(self._data.qpos[:3].tolist())
        self._beside = self.way.advance(position, self._places)
        if position[2] < body.GROUND:
            return "touched the ground"
        return "lost" if self._beside > LOST else None

    def _observe(self) -> NDArray[np.float32]:
        position = tuple(self._data.qpos[:3].tolist())
        yaw, _, _ = heading(*self._data.qpos[3:7].tolist())
        rates = self._data.qvel[3:5].tolist()
        seen = [*position, yaw, *level_motion(self._data), *rates, *self._last, *self.way.observe(position)]
        return np.array(seen, dtype=np.float32)

    def _tell(self) -> dict[str, Any]:
        return {**super()._tell(), "position": self._data.qpos[:3].copy()}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint less costs of speeding, tilt and way beside the leg, as in missions; -> [...]."""
        return air_reward(observation, next_observation, goal=GOAL, period=PERIOD)

    def _body_state(self) -> dict[str, Any]:
        return {
            **super()._body_state(),
            "physics": physics_state.saved(self._model, self._data),
            "rate_loop": np.array(self._rate_loop.integral),
            "velocity_loop": np.array(self._velocity_loop.get_state()),
            "last": np.array(self._last),
        }

    def _set_body_state(self, state: dict[str, Any]) -> None:
        super()._set_body_state(state)
        physics_state.restore(self._model, self._data, state["physics"])
        self._rate_loop.integral = [float(value) for value in state["rate_loop"]]
        self._velocity_loop.set_state(state["velocity_loop"])
        self._last = [float(value) for value in state["last"]]
