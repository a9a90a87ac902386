"""What all MuJoCo environments of this package share: stepping, state, rendering, honest failure."""

from __future__ import annotations

import importlib
import logging
from abc import abstractmethod
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from crl_envs import drawing, physics_state
from crl_envs import task as contract

Array = NDArray[np.float32]
# Plain integers: MuJoCo's enums no longer equal them, and a step should not convert them.
_FAULTS = tuple(
    int(kind)
    for kind in (mujoco.mjtWarning.mjWARN_BADQPOS, mujoco.mjtWarning.mjWARN_BADQVEL, mujoco.mjtWarning.mjWARN_BADQACC)
)

# Without a handler MuJoCo writes its warnings to MUJOCO_LOG.TXT in the working directory.
mujoco.set_mju_user_warning(logging.getLogger(__name__).warning)


class MujocoTaskEnv(gymnasium.Env[Array, Array]):
    """A MuJoCo task with a fixed control period, described by plain data.

    Subclasses give the compiled model and the task dictionary and implement :meth:`_observe`,
    :meth:`_initialise`, :meth:`_actuate`, :meth:`reward` and :meth:`success`.

    Args:
        model: Compiled model. Its automatic reset after a numerical fault is switched off, so that a
            fault is seen and reported instead of being hidden.
        task: The task as plain data (see :mod:`crl_envs.task`).
        substeps: Physics steps per action.
        render_mode: ``None``, ``"rgb_array"``, or ``"human"``: MuJoCo's viewer, which needs a display; :meth:`render`
            opens it and brings it up to date.
        width: Picture width in pixels (a multiple of 16 keeps video encoders content).
        height: Picture height in pixels.
        camera: Name of the model's camera for pictures.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array", "human"], "render_fps": 10}  # noqa: RUF012  Gymnasium's way
    observation_space: Box[np.float32]
    action_space: Box[np.float32]

    def __init__(
        self,
        model: mujoco.MjModel,
        task: contract.Plain,
        *,
        substeps: int,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 368,
        camera: str = "view",
    ) -> None:
        if render_mode not in (None, "rgb_array", "human"):
            raise ValueError(f"render_mode={render_mode!r} is not offered: use None, 'rgb_array' or 'human'")
        model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self.model = model
        self.data = mujoco.MjData(model)
        self.task = task
        self.substeps = substeps
        self.observation_space = contract.observation_space(task["observation"])
        self.action_space = contract.action_space(task["action"])
        self.render_mode = render_mode
        self.metadata = {**type(self).metadata, "render_fps": round(1 / task["control_period"])}
        self._size = (width, height)
        self._camera = camera
        self._renderer: Any = None
        self._viewer: Any = None
        self._steps = 0
        self._succeeded = False
        self._rewards: list[float] = []
        self._observation: Array = np.full_like(self.observation_space.low, np.nan)

    # ------------------------------------------------------------------ what a task defines
    @abstractmethod
    def _initialise(self) -> None:
        """Put ``self.data`` (already reset) into an initial state drawn from ``self.np_random``."""

    @abstractmethod
    def _actuate(self, action: Array) -> None:
        """Write a clipped action to ``self.data.ctrl``."""

    @abstractmethod
    def _observe(self) -> Array:
        """Return the observation of the present state, float32 [S]."""

    @abstractmethod
    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Reward of transitions; array-API arrays [..., S], [..., A], [..., S] -> [...]."""

    @abstractmethod
    def success(self, observation: Any) -> Any:
        """Whether the goal is met in observations; array-API arrays [..., S] -> bool [...]."""

    def _judge(self) -> bool:
        """Whether the episode counts as a success after the step just made; ``info["is_success"]``.

        By default an episode succeeds once :meth:`success` has held in one of its observations. A task that
        asks for more looks at ``self._rewards``, the rewards of the episode so far.
        """
        return self._succeeded or bool(self.success(self._observation))

    # ------------------------------------------------------------------ Gymnasium's calls
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode. The same seed gives the same initial state."""
        super().reset(seed=seed, options=options)
        mujoco.mj_resetData(self.model, self.data)
        self._initialise()
        mujoco.mj_forward(self.model, self.data)
        self._steps = 0
        self._succeeded = False
        self._rewards = []
        self._observation = self._observe()
        return self._observation.copy(), self._reset_info()

    def _reset_info(self) -> dict[str, Any]:
        """What ``reset`` says beside the observation."""
        return {"is_success": False}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Apply an action (clipped to its range) for one control period.

        A numerical fault of the simulator ends the episode (truncated) with ``info["fault"]`` saying
        so; observation and reward are then NaN, and the environment must be reset.
        """
        action = np.asarray(action, dtype=np.float32)
        if action.shape != self.action_space.shape:
            raise ValueError(f"action has shape {action.shape}, this environment takes {self.action_space.shape}")
        if not np.isfinite(action).all():
            raise ValueError(f"action is not finite: {action}; an agent must send finite actions")
        action = np.clip(action, self.action_space.low, self.action_space.high)
        before = self._observation
        self._actuate(action)
        mujoco.mj_step(self.model, self.data, nstep=self.substeps)
        self._steps += 1
        self._observation = self._observe()
        info: dict[str, Any] = {}
        truncated = self._steps >= self.task["episode_steps"]
        if self._faulty():
            info["fault"] = f"the simulator diverged at step {self._steps} of the episode"
            self._observation = np.full_like(self._observation, np.nan)
            truncated = True
        reward = float(self.reward(before, action, self._observation))
        self._rewards.append(reward)
        if "fault" not in info:
            self._succeeded = self._judge()
        info["is_success"] = self._succeeded
        # A copy: whoever changes it in place must not change what the next reward is computed from.
        return self._observation.copy(), reward, False, truncated, info

    def _faulty(self) -> bool:
        """Whether the last step left numbers that nobody should learn from."""
        return not np.isfinite(self._observation).all() or any(self.data.warning[i].number for i in _FAULTS)

    def render(self) -> NDArray[np.uint8] | None:
        """Picture of the present state, uint8 [height, width, 3]; ``None`` without a render mode or in a viewer."""
        if self.render_mode is None:
            return None
        if self.render_mode == "human":
            self._show()
            return None
        if self._renderer is None:
            self._renderer = self._make_renderer()
        # After a step MuJoCo's derived positions are those of the last physics step's beginning.
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)
        self._renderer.update_scene(self.data, camera=self._camera)
        picture: NDArray[np.uint8] = self._renderer.render()
        return picture

    def _show(self) -> None:
        """Open MuJoCo's viewer, or bring it up to date; a window that was closed stays closed."""
        if self._viewer is None:
            viewer = importlib.import_module("mujoco.viewer")  # only here: it needs a display
            self._viewer = viewer.launch_passive(self.model, self.data, show_left_ui=False, show_right_ui=False)
        if self._viewer.is_running():
            self._viewer.sync()

    def _make_renderer(self) -> Any:
        try:
            renderer = mujoco.Renderer(self.model, height=self._size[1], width=self._size[0])
            if self.model.vis.quality.offsamples and _drawn_by_processor():
                renderer.close()
                self.model.vis.quality.offsamples = 0
                renderer = mujoco.Renderer(self.model, height=self._size[1], width=self._size[0])
            return renderer
        except Exception as error:  # MuJoCo and its bindings raise whatever they like
            raise RuntimeError(f"MuJoCo can't draw on this machine: {drawing.why_not(error)}") from error

    def close(self) -> None:
        """Free the renderer, and close the viewer."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        if self._viewer is not None:
            self._viewer.close()
            self._viewer = None

    # ------------------------------------------------------------------ saving and restoring
    def get_episode_state(self) -> dict[str, Any]:
        """Everything that decides how the episode goes on: arrays and plain values.

        ``set_episode_state(get_episode_state())`` continues to the bit.
        """
        return {
            "physics": physics_state.saved(self.model, self.data),
            "observation": self._observation.copy(),
            "steps": self._steps,
            "succeeded": self._succeeded,
            "rewards": np.array(self._rewards, dtype=np.float64),
            "random": self.np_random.bit_generator.state,
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_episode_state` returned.

        Gymnasium's order-enforcing wrapper wants a ``reset`` before the first step all the same: call it first.

        Raises:
            ValueError: The state belongs to another model.
        """
        physics_state.restore(self.model, self.data, state["physics"])
        self._observation = np.array(state["observation"], dtype=np.float32)
        self._steps = int(state["steps"])
        self._succeeded = bool(state["succeeded"])
        self._rewards = [float(reward) for reward in state["rewards"]]
        self.np_random.bit_generator.state = state["random"]


def _drawn_by_processor() -> bool:
    """Whether OpenGL's present context has no graphics card: smooth edges take two thirds of the time there."""
    try:
        gl = importlib.import_module("OpenGL.GL")  # only here: it needs a library of the system
        device = (gl.glGetString(gl.GL_RENDERER) or b"").decode(errors="replace").lower()
    except Exception:  # MuJoCo draws without PyOpenGL, too, and its bindings raise whatever they like
        return False
    return any(name in device for name in ("llvmpipe", "softpipe", "swrast", "swiftshader"))
