"""A robot arm opens a door: five doors that look alike and want five different movements."""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import mujoco
import numpy as np
from array_api_compat import array_namespace

from crl_envs import task as contract
from crl_envs.doors import arm as door_arm
from crl_envs.doors import model as door_model
from crl_envs.mujoco_env import Array, MujocoTaskEnv

Door = Literal["pull", "round_minus", "lever_minus", "round_plus", "lever_plus"]
CONTROL_PERIOD = 0.1  # s
EPISODE_STEPS = 50
OPENED = 0.3  # rad

_OPEN = 2 * door_arm.FINGER_OPEN
_START = (-0.16, 0.0, 0.0)  # m, hand relative to the grasp site
_SPREAD = (0.02, 0.015, 0.015)  # m, either side
_ROLL_SPREAD = 0.15  # rad, either side
_RAISED = 0.1  # m, up or down


class DoorOpenEnv(MujocoTaskEnv):
    """Open one of five doors with a seven-joint arm and two fingers.

    The doors differ in their handle only: a fixed bar to pull (``pull``), a round knob (``round_*``) or a
    lever (``lever_*``) that turns about the axis x, which points into the door: ``minus`` doors
    in the negative sense (a lever to press down), ``plus`` doors in the positive one (a lever to lift).
    Turning the wrong way is blocked. A handle turned by 0.6 rad frees the latch; a spring turns it back. The
    door counts as opened at 0.3 rad.

    Action, each in -1..1, held for 0.1 s:

    ===== ============= ================= =================================================================
    index name          unit at 1         meaning
    ===== ============= ================= =================================================================
    0     velocity_x    0.3 m/s           hand towards the door
    1     velocity_y    0.3 m/s           hand to the left, towards the hinge
    2     velocity_z    0.3 m/s           hand up
    3     roll_rate     1.5 rad/s         hand about its approach axis, +x
    4     gripper       0.045 m           closing: each finger's opening is 0.045 (1 - clip(a, 0, 1)) m
    ===== ============= ================= =================================================================

    Observation. The grasp frame sits on the handle where it wants to be held, moves with door and handle and
    is parallel to x, y, z when both are closed:

    ===== ===================== ===== ============ ========================================================
    index name                  unit  range        meaning
    ===== ===================== ===== ============ ========================================================
    0     hand_x                m     -1..0.3      point between the fingertips in the grasp frame
    1     hand_y                m     -1..1
    2     hand_z                m     -1..1
    3     roll                  rad   -4.2..4.2    roll of the hand less angle of the handle; 0: fingers fit
    4     finger1               m     0..0.045     opening of the first finger
    5     finger2               m     0..0.045     opening of the second finger
    6     hand_velocity_x       m/s   -1..1        velocity of the hand along the axes of the action
    7     hand_velocity_y       m/s   -1..1
    8     hand_velocity_z       m/s   -1..1
    9     roll_rate             rad/s -4..4        hand's angular velocity about its approach axis
    10    finger1_velocity      m/s   -1..1
    11    finger2_velocity      m/s   -1..1
    12    handle                rad   -1.2..1.2    angle of the handle, one-sided (0 for ``pull``)
    13    handle_velocity       rad/s -15..15
    14    door                  rad   0..1.57      angle of the door
    15    door_velocity         rad/s -4..4
    ===== ===================== ===== ============ ========================================================

    Args:
        door: Which door.
        script: Whether random episodes follow a script that brings the hand to the handle and closes it.
        holding: Whether the reward pays for holding the handle; without, it pays for turning it alone.
        raised: How much higher the door and its handle are than usual, m (-0.1 to 0.1).
        **render: ``render_mode``, ``width``, ``height``, ``camera`` of :class:`MujocoTaskEnv`.

    Raises:
        ValueError: If there is no such door, or it is raised or lowered by more than 0.1 m.
    """

    _TWIST = False  # whether all three rotations are commanded
    _COMMANDS = 5

    def __init__(
        self, door: Door = "pull", *, script: bool = True, holding: bool = True, raised: float = 0.0, **render: Any
    ) -> None:
        if door not in door_model.HANDLES:
            raise ValueError(f"door={door!r} is not offered: use one of {', '.join(get_args(Door))}")
        if not abs(raised) <= _RAISED:
            raise ValueError(f"raised={raised!r} is out of the arm's reach: use -{_RAISED} to {_RAISED} m")
        self.handle = door_model.HANDLES[door]
        self._script, self._holding = script, holding
        model = door_model.compile_model(door, twist=self._TWIST, raised=raised)
        super().__init__(
            model,
            self._describe(door),
            substeps=round(CONTROL_PERIOD / model.opt.timestep),
            **render,
        )
        self._index()

    def _index(self) -> None:
        """Look names up once: addresses of joints and views of MuJoCo's arrays."""
        model, data = self.model, self.data

        def qpos(name: str) -> int:
            return int(model.joint(name).qposadr[0])

        def dof(name: str) -> int:
            return int(model.joint(name).dofadr[0])

        turning = self.handle.direction != 0
        moving = ["finger1", "finger2", *(["handle"] if turning else []), "door"]
        self._arm_qpos = np.array([qpos(f"joint{i}") for i in range(1, 8)])
        self._arm_dof = np.array([dof(f"joint{i}") for i in range(1, 8)])
        self._qpos = np.array([qpos(name) for name in moving])
        self._dof = np.array([dof(name) for name in moving])
        self._positions = np.array([4, 5, *([12] if turning else []), 14])
        self._velocities = np.array([10, 11, *([13] if turning else []), 15])
        self._hand = model.site("hand").id
        grasp = model.site("grasp").id
        self._hand_position, self._hand_axes = data.site_xpos[self._hand], data.site_xmat[self._hand].reshape(3, 3)
        self._grasp_position, self._grasp_axes = data.site_xpos[grasp], data.site_xmat[grasp].reshape(3, 3)
        # Roll of the hand, from the axes of the world, that counts as zero.
        self._neutral_roll = self.handle.home_roll + math.pi / 4
        self._roll_cosine, self._roll_sine = math.cos(self._neutral_roll), math.sin(self._neutral_roll)
        self._velocity = np.zeros(6)

    # ------------------------------------------------------------------ MujocoTaskEnv
    def _initialise(self) -> None:
        uniform = self.np_random.uniform
        offset = np.array(_START) + uniform(-1.0, 1.0, 3) * np.array(_SPREAD)
        roll = uniform(-_ROLL_SPREAD, _ROLL_SPREAD)
        qpos = self.data.qpos
        qpos[self._arm_qpos] = (*door_arm.HOME, self.handle.home_roll + roll)
        qpos[self._qpos[:2]] = door_arm.FINGER_OPEN
        mujoco.mj_kinematics(self.model, self.data)
        self._place_hand(self._grasp_position + offset, self._neutral_roll + roll)

    def _place_hand(self, target: np.ndarray, roll: float) -> None:
        """Inverse kinematics: hand at ``target`` (m), pointing at the door, rolled by ``roll`` (rad), joint 3 at 0."""
        model, data = self.model, self.data
        equations = np.zeros((7, 7))
        equations[6, 2] = 1.0
        jacobian = np.zeros((6, model.nv))
        cosine, sine = math.cos(roll), math.sin(roll)
        wanted = np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]])
        for _ in range(12):
            mujoco.mj_kinematics(model, data)
            mujoco.mj_comPos(model, data)
            mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], self._hand)
            turn = 0.5 * np.cross(self._hand_axes, wanted, axis=0).sum(axis=1)
            equations[:6] = jacobian[:, self._arm_dof]
            error = np.concatenate([target - self._hand_position, turn, -data.qpos[self._arm_qpos[2:3]]])
            square = equations.T @ equations + 1e-6 * np.eye(7)
            data.qpos[self._arm_qpos] += np.linalg.solve(square, equations.T @ error)

    def _actuate(self, action: Array) -> None:
        self.data.ctrl[: self._COMMANDS] = self.controls(action)

    @staticmethod
    def controls(action: Any) -> np.ndarray:
        """Actuator commands [..., 5] of clipped actions [..., 5]; the held rotations' commands stay 0."""
        control = np.array(action, dtype=np.float64)
        control[..., :3] *= door_arm.HAND_SPEED
        control[..., 3] *= door_arm.ROLL_SPEED
        control[..., 4] = _OPEN * (1.0 - np.maximum(control[..., 4], 0.0))
        return control

    def _observe(self) -> Array:
        model, data = self.model, self.data
        # mj_step leaves positions of bodies one physics step behind the joints: bring them up to date.
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_SITE, self._hand, self._velocity, 0)
        observation = np.zeros(16)
        observation[self._positions] = data.qpos[self._qpos]
        observation[self._velocities] = data.qvel[self._dof]
        observation[0:3] = (self._hand_position - self._grasp_position) @ self._grasp_axes
        sine, cosine = self._hand_axes[2, 1], self._hand_axes[2, 2]
        observation[3] = math.atan2(
            sine * self._roll_cosine - cosine * self._roll_sine, cosine * self._roll_cosine + sine * self._roll_sine
        )
        observation[3] -= observation[12]
        observation[6:9] = self._velocity[3:]
        observation[9] = self._velocity[:3] @ self._hand_axes[:, 0]
        return observation.astype(np.float32)

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Reward [...] of transitions, from the next observation [..., 16] and the action [..., 5].

        With d the distance of hand and grasp (m), s the sum of the finger openings (m), G = exp(-d^2 / (2 0.012^2))
        and c = clip((0.09 - s) / (0.09 - thickness), 0, 1), which reaches 1 when the fingers are closed on this door's
        handle (0.050 m for a knob, 0.022 m for a lever or bar):

            -d - log(d^2 + 5e-4) + 100 max(door, 0) + (10 min(|handle|, 0.8) + 3) G c
            - 4 clip(1 - s / 0.08, 0, 1) (1 - G) - 0.02 |a|^2

        The handle pays only while it is held where it should be: otherwise closed fingers press on its front and
        turn it by friction, for ever. 3 G c makes holding it worth while (without ``holding`` it is left out), the
        next term keeps the hand open until it is there. Only turning in this door's direction counts.
        """
        del observation
        xp = array_namespace(next_observation, action)
        position, opening, handle, door = self._terms(next_observation)
        square = xp.sum(position * position, axis=-1)
        near = xp.exp(square * (-0.5 / 0.012**2))
        held = 3.0 * near * _unit((_OPEN - opening) * (1.0 / (_OPEN - self.handle.thickness)))
        if self.handle.direction or not self._holding:
            turned = _unit(handle * (self.handle.direction / 0.8))
            held = held * (float(self._holding) + (8.0 / 3.0) * turned)
        early = _unit(1.0 - opening * (1.0 / 0.08)) * (4.0 - 4.0 * near)
        opened = 50.0 * (door + abs(door))
        cost = xp.sum(action * action, axis=-1)
        return opened + held - early - xp.sqrt(square) - xp.log(square + 5e-4) - 0.02 * cost

    def success(self, observation: Any) -> Any:
        """Whether the door is open by 0.3 rad: [..., S] -> bool [...]."""
        return self._terms(observation)[3] >= OPENED

    @staticmethod
    def _terms(observation: Any) -> tuple[Any, Any, Any, Any]:
        """What the reward reads: hand in the grasp frame [..., 3] (m), sum of openings (m), handle and door (rad)."""
        opening = observation[..., 4] + observation[..., 5]
        return observation[..., :3], opening, observation[..., 12], observation[..., 14]

    def _describe(self, door: str) -> contract.Plain:
        """The task as plain data. Joint stops give a little: hence bounds slightly wider than the ranges."""
        field = contract.observation_field
        observation = [
            *hand_fields(),
            field("roll", "rad", low=-4.2, high=4.2, scale_floor=0.05),
            *(field(f"finger{i}", "m", low=-0.002, high=0.048, scale_floor=0.002) for i in (1, 2)),
            *(field(f"hand_velocity_{axis}", "m/s", low=-1.0, high=1.0, scale_floor=0.02) for axis in "xyz"),
            field("roll_rate", "rad/s", low=-4.0, high=4.0, scale_floor=0.1),
            *(field(f"finger{i}_velocity", "m/s", low=-1.0, high=1.0, scale_floor=0.02) for i in (1, 2)),
            *handle_and_door_fields(self.handle),
        ]
        action = [*velocity_fields(), contract.action_field("gripper", "m", scale=door_arm.FINGER_OPEN)]
        return plain_task(door, observation, action, exploration(self.handle, script=self._script))


def _unit(value: Any) -> Any:
    """Clip to 0..1 by arithmetic: ``clip`` of array-api-compat costs ten times as much on small arrays."""
    return 0.5 * (abs(value) - abs(value - 1.0) + 1.0)


def hand_fields() -> list[contract.Plain]:
    """Position of the hand in the grasp frame."""
    low, high = {"x": -1.0, "y": -1.0, "z": -1.0}, {"x": 0.3, "y": 1.0, "z": 1.0}
    return [
        contract.observation_field(f"hand_{axis}", "m", low=low[axis], high=high[axis], scale_floor=0.01)
        for axis in "xyz"
    ]


def handle_and_door_fields(handle: door_model.Handle) -> list[contract.Plain]:
    """Angle and velocity of the handle, angle and velocity of the door."""
    field = contract.observation_field
    low, high = sorted((0.0, handle.direction * door_model.HANDLE_LIMIT))
    return [
        field("handle", "rad", low=low - 0.05, high=high + 0.05, scale_floor=0.02, event=0.01),
        field("handle_velocity", "rad/s", low=-15.0, high=15.0, scale_floor=0.3),
        field("door", "rad", low=-0.01, high=1.58, scale_floor=0.004, event=0.002),
        field("door_velocity", "rad/s", low=-4.0, high=4.0, scale_floor=0.05),
    ]


def velocity_fields() -> list[contract.Plain]:
    """The four velocities of the hand's action."""
    element = contract.action_field
    return [
        *(element(f"velocity_{axis}", "m/s", scale=door_arm.HAND_SPEED) for axis in "xyz"),
        element("roll_rate", "rad/s", scale=door_arm.ROLL_SPEED),
    ]


def plain_task(
    door: str, observation: list[contract.Plain], action: list[contract.Plain], prior: contract.Plain
) -> contract.Plain:
    """The task as plain data (see :mod:`crl_envs.task`)."""
    return {
        "name": door,
        "control_period": CONTROL_PERIOD,
        "episode_steps": EPISODE_STEPS,
        "observation": observation,
        "action": action,
        "safe_action": [0.0] * len(action),
        "exploration": prior,
    }


def exploration(handle: door_model.Handle, *, script: bool = True) -> contract.Plain:
    """Random episodes that sometimes reach and hold the handle: go ahead, close, then anything.

    Args:
        handle: The door's handle.
        script: Whether the hand is led to the handle; if not, all of an episode is coloured noise.
    """
    if not script:
        return contract.exploration_prior(beta=1.5, std=[0.7] * 5)
    ahead = {"mean": [1.0, 0.0, 0.0, 0.0, -1.0], "std": [0.1, 0.1, 0.1, 0.3, 0.2]}
    closing = {"mean": [0.0, 0.0, 0.0, 0.0, 1.0], "std": [0.1, 0.1, 0.1, 0.3, 0.2]}
    if handle.shape == "round":
        turning = {"steps": [15, 15], "mean": [-0.05, 0.0, 0.0, 0.0, 1.0], "std": [0.1, 0.1, 0.1, 1.4, 0.2]}
        phases = [{"steps": [5, 6], **ahead}, {"steps": [3, 5], **closing}, turning]
    else:
        turning = {"steps": [8, 8], "mean": [-0.1, 0.0, 0.0, 0.0, 1.0], "std": [0.3, 0.6, 0.6, 0.7, 0.2]}
        phases = [{"steps": [3, 6], **ahead}, {"steps": [3, 5], **closing}, turning]
    return contract.exploration_prior(beta=1.5, std=[0.7] * 5, phases=phases)
