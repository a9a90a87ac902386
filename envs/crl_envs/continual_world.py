"""The ten tasks of Continual World (Wolczyk et al. 2021, arXiv 2105.10919) on Meta-World 3 and a current MuJoCo.

Meta-World (Yu et al. 2019, arXiv 1910.10897) has models, rewards and what success means; it comes with the extra
``metaworld``. Continual World takes ten of its tasks one after the other (CW10), or these twice (CW20).
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from numpy.typing import NDArray

from crl_envs import task as contract

Task = Literal[
    "hammer",
    "push-wall",
    "faucet-close",
    "push-back",
    "stick-pull",
    "handle-press-side",
    "push",
    "shelf-place",
    "window-close",
    "peg-unplug-side",
]
EPISODE_STEPS = 200
"""Actions per episode, as in Continual World; Meta-World's own limit is 500."""
SOLVED = 39
"""Index of the observation's element that Meta-World does not have."""
PRESENT, BEFORE = slice(0, 18), slice(18, 36)
"""Where Meta-World has what is seen now, and what was seen one step before."""
WELD = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 5.0)
"""What Meta-World sets of a weld between the mocap body and the hand: anchor, relative pose and torque scale."""


class ContinualWorldEnv(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """A Sawyer arm does one of ten things to an object on a table. Where object and goal are differs between episodes.

    Control at 80 Hz, 200 steps (2.5 s) an episode, truncated, never terminated.

    Action (float32 [4], each -1..1): steps of the hand along x, y and z (1 is 1 cm, before limits), and the closing
    force of the gripper.

    Observation (float32 [40]): Meta-World's 39 numbers with the goal shown, and whether the episode was solved so far.
    Meta-World has the values of one step before in place of the changes. Those are the same information, but a model
    reads a speed of millimetres a step badly from two positions that vary by centimetres (docs/results).

    ===== ================== ==== =================================================================
    index name               unit meaning
    ===== ================== ==== =================================================================
    0-2   hand_(x, y, z)     m    of the hand
    3     gripper            1    distance of the fingers, 1 is 0.1 m
    4-10  object_...         m, 1 position (3) and orientation (quaternion, 4) of the object
    11-17 second_...         m, 1 likewise of a second one; zeros where there is none
    18-35 change_...              how all of these have changed in the last step
    36-38 goal_(x, y, z)     m    where to
    39    solved             1    0, or 1 once the task was solved in this episode
    ===== ================== ==== =================================================================

    The reward is Meta-World's (0..10 a step). It reads the simulator, not the observation alone, so agents that plan
    learn it. Success is Meta-World's, at any step, as Continual World counts it.

    Args:
        task: Which of the ten.
        episode_steps: Actions per episode.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        ValueError: There is no such task.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 80}  # noqa: RUF012

    def __init__(
        self,
        task: Task = "hammer",
        episode_steps: int = EPISODE_STEPS,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 368,
    ) -> None:
        if task not in get_args(Task):
            raise ValueError(f"task={task!r} is not offered: use one of {', '.join(get_args(Task))}")
        self.render_mode = render_mode
        self.world = _on_current_mujoco(ALL_V3_ENVIRONMENTS[f"{task}-v3"])(
            render_mode=render_mode, camera_name="corner2", width=width, height=height
        )
        # Every reset draws positions anew, from the environment's own generator, and the goal is shown.
        world = self.world
        world._partially_observable = False
        vars(world).pop("sawyer_observation_space", None)  # kept from when the goal was hidden, it would hide it still
        world._freeze_rand_vec, world.seeded_rand_vec, world._set_task_called = False, True, True
        world.max_path_length = max(episode_steps, world.max_path_length)
        self._steps, self._episode_steps, self._solved = 0, episode_steps, False
        self.action_space = Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space = Box(-np.inf, np.inf, (SOLVED + 1,), np.float32)
        self.task = describe(task, float(world.dt), episode_steps)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode with other positions."""
        super().reset(seed=seed)
        self.world.seed(int(self.np_random.integers(2**31)))
        seen, _ = self.world.reset()
        # Some tasks move their object after the positions of bodies were computed: the first observation is of before.
        mujoco.mj_forward(self.world.model, self.world.data)
        now = self.world._get_curr_obs_combined_no_goal()
        seen[PRESENT], seen[BEFORE], self.world._prev_obs = now, now, now.copy()
        self._steps, self._solved = 0, False
        return self._observed(seen), {"is_success": False}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """One action."""
        seen, reward, _, _, info = self.world.step(np.asarray(action, np.float32))
        self._steps += 1
        self._solved = self._solved or bool(info["success"])
        over = self._steps >= self._episode_steps
        return self._observed(seen), float(reward), False, over, {"is_success": self._solved}

    def render(self) -> Any:
        """The picture of the camera in the corner."""
        return self.world.render()

    def close(self) -> None:
        """Close the simulator."""
        self.world.close()

    def success(self, observation: Any) -> Any:
        """Whether the episode is solved, [..., S] -> bool [...]."""
        return observation[..., SOLVED] > 0.5

    def _observed(self, seen: NDArray[np.float64]) -> NDArray[np.float32]:
        told = np.append(seen, float(self._solved))
        told[BEFORE] = told[PRESENT] - told[BEFORE]
        return told.astype(np.float32)


def _on_current_mujoco(kind: type[Any]) -> type[Any]:
    """An environment of Meta-World whose welds fit a current MuJoCo.

    Meta-World writes rows of 11 numbers, which is what a weld has. Rows of MuJoCo have become longer.
    """

    class Adapted(kind):  # type: ignore[misc]
        def reset_mocap_welds(self) -> None:
            for row in np.flatnonzero(self.model.eq_type == mujoco.mjtEq.mjEQ_WELD):
                self.model.eq_data[row, : len(WELD)] = WELD

    return Adapted


def describe(name: str, period: float, episode_steps: int) -> contract.Plain:
    """A task as plain data.

    Args:
        name: The task.
        period: Control period (s).
        episode_steps: Actions per episode.
    """
    field = contract.observation_field
    pose = [("x", "m"), ("y", "m"), ("z", "m"), *((f"q{part}", "1") for part in "wxyz")]
    now = [("hand_x", "m"), ("hand_y", "m"), ("hand_z", "m"), ("gripper", "1")]
    now += [(f"{thing}_{part}", unit) for thing in ("object", "second") for part, unit in pose]
    fields = [
        *(field(part, unit, scale_floor=1e-3) for part, unit in now),
        *(field(f"change_{part}", unit, scale_floor=1e-4) for part, unit in now),
        *(field(f"goal_{axis}", "m", scale_floor=1e-3) for axis in "xyz"),
    ]
    return {
        "name": name,
        "control_period": period,
        "episode_steps": episode_steps,
        "has_success": True,
        "learned_reward": True,
        "observation": [*fields, field("solved", "1", low=0.0, high=1.0, scale_floor=1.0, event=0.5)],
        "action": [contract.action_field(part, "1") for part in ("step_x", "step_y", "step_z", "close")],
        "safe_action": [0.0] * 4,
        "exploration": contract.exploration_prior(beta=1.0, std=[0.7] * 4),
    }
