"""The doors of :mod:`crl_envs.doors.door` with the larger observation and action of the HyperCRL paper."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from crl_envs import task as contract
from crl_envs.doors import arm as door_arm
from crl_envs.doors.door import (
    DoorOpenEnv,
    exploration,
    hand_fields,
    handle_and_door_fields,
    plain_task,
    velocity_fields,
)
from crl_envs.mujoco_env import Array


class DoorOpenPoseEnv(DoorOpenEnv):
    """Open one of five doors, sensing joints and a pose, commanding a whole twist.

    Same scene, reward and success as :class:`crl_envs.doors.door.DoorOpenEnv`; nothing holds the hand's pitch and yaw.

    Action, each in -1..1, held for 0.1 s:

    ===== ============= ================= =================================================================
    index name          unit at 1         meaning
    ===== ============= ================= =================================================================
    0..2  velocity_x..z 0.3 m/s           hand towards the door, to the left, up
    3     roll_rate     1.5 rad/s         hand about +x
    4     pitch_rate    1.5 rad/s         hand about +y
    5     yaw_rate      1.5 rad/s         hand about +z
    6     gripper       0.045 m           closing: each finger's opening is 0.045 (1 - clip(a, 0, 1)) m
    ===== ============= ================= =================================================================

    Observation:

    ====== ================ ===== ============ ============================================================
    index  name             unit  range        meaning
    ====== ================ ===== ============ ============================================================
    0..2   hand_x..z        m     -1..1        point between the fingertips in the grasp frame (x: to 0.3)
    3..6   orientation      1     -1..1        quaternion w, x, y, z of the hand in the grasp frame, w >= 0;
                                               1, 0, 0, 0: the fingers fit the handle
    7      finger           m     0..0.045     mean opening of a finger
    8..14  joint1..7        rad   -4..6        angles of the arm
    15..21 joint1..7_velocity rad/s -20..20    their velocities
    22     handle           rad   -1.2..1.2    angle of the handle, one-sided (0 for ``pull``)
    23     handle_velocity  rad/s -15..15
    24     door             rad   0..1.57      angle of the door
    25     door_velocity    rad/s -4..4
    ====== ================ ===== ============ ============================================================
    """

    _TWIST = True
    _COMMANDS = 7

    @staticmethod
    def controls(action: Any) -> np.ndarray:
        """Actuator commands [..., 7] of clipped actions [..., 7]."""
        control = np.array(action, dtype=np.float64)
        control[..., :3] *= door_arm.HAND_SPEED
        control[..., 3:6] *= door_arm.ROLL_SPEED
        control[..., 6] = 2 * door_arm.FINGER_OPEN * (1.0 - np.maximum(control[..., 6], 0.0))
        return control

    def _observe(self) -> Array:
        model, data = self.model, self.data
        mujoco.mj_kinematics(model, data)
        cosine, sine = self._roll_cosine, self._roll_sine
        neutral = np.array([[1.0, 0.0, 0.0], [0.0, cosine, sine], [0.0, -sine, cosine]])
        quaternion = np.empty(4)
        mujoco.mju_mat2Quat(quaternion, (self._grasp_axes.T @ self._hand_axes @ neutral).ravel())
        observation = np.zeros(26)
        observation[0:3] = (self._hand_position - self._grasp_position) @ self._grasp_axes
        observation[3:7] = quaternion if quaternion[0] >= 0 else -quaternion
        observation[7] = data.qpos[self._qpos[:2]].mean()
        observation[8:15] = data.qpos[self._arm_qpos]
        observation[15:22] = data.qvel[self._arm_dof]
        if self.handle.direction:
            observation[22:24] = data.qpos[self._qpos[2]], data.qvel[self._dof[2]]
        observation[24:26] = data.qpos[self._qpos[-1]], data.qvel[self._dof[-1]]
        return observation.astype(np.float32)

    @staticmethod
    def _terms(observation: Any) -> tuple[Any, Any, Any, Any]:
        return observation[..., :3], 2.0 * observation[..., 7], observation[..., 22], observation[..., 24]

    def _describe(self, door: str) -> contract.Plain:
        field, element = contract.observation_field, contract.action_field
        observation = [
            *hand_fields(),
            field("orientation", "1", kind="quaternion", low=-1.0, high=1.0, scale_floor=0.02),
            field("finger", "m", low=-0.002, high=0.048, scale_floor=0.002),
            *(field(f"joint{i}", "rad", low=-4.0, high=6.0, scale_floor=0.02) for i in range(1, 8)),
            *(field(f"joint{i}_velocity", "rad/s", low=-20.0, high=20.0, scale_floor=0.1) for i in range(1, 8)),
            *handle_and_door_fields(self.handle),
        ]
        action = [
            *velocity_fields(),
            *(element(name, "rad/s", scale=door_arm.ROLL_SPEED) for name in ("pitch_rate", "yaw_rate")),
            element("gripper", "m", scale=door_arm.FINGER_OPEN),
        ]
        prior = exploration(self.handle, script=self._script)
        for part in (prior, *prior["phases"]):
            # Little pitch and yaw: a tilted hand does not reach the handle.
            part["std"] = [*part["std"][:4], 0.1, 0.1, part["std"][4]]
            if "mean" in part:
                part["mean"] = [*part["mean"][:4], 0.0, 0.0, part["mean"][4]]
        return plain_task(door, observation, action, prior)
