"""The base class of the MuJoCo environments: exact states, honest faults, clear errors, pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from crl_envs import task as contract
from crl_envs.cartpole import CartPoleLengthEnv
from crl_envs.mujoco_env import MujocoTaskEnv

# A box that rubs on the floor: many contacts, so that the solver's warm start matters.
_PUCK = """
<mujoco>
  <option timestep="0.005" jacobian="dense"/>
  <worldbody>
    <camera name="view" pos="0 -1 .5" xyaxes="1 0 0 0 .4 1"/>
    <geom type="plane" size="2 2 .1"/>
    <body pos="0 0 .05"><freejoint/><geom type="box" size=".05 .05 .05" density="500"/></body>
    <body pos=".3 0 .06">
      <joint name="push" type="slide" axis="1 0 0" damping="5"/><geom type="sphere" size=".05"/>
    </body>
  </worldbody>
  <actuator><motor joint="push" gear="-20" ctrlrange="-1 1"/></actuator>
</mujoco>
"""


class Puck(MujocoTaskEnv):
    """A sphere pushes a box."""

    def __init__(self, render_mode: str | None = None) -> None:
        task: dict[str, Any] = {
            "name": "puck",
            "control_period": 0.05,
            "episode_steps": 60,
            "observation": [contract.observation_field(name, "m") for name in ("x", "y", "z", "pusher")],
            "action": [contract.action_field("push", "N", low=-1.0, high=0.5, scale=20.0)],
            "safe_action": [0.0],
            "exploration": contract.exploration_prior(beta=1.0, std=[0.5]),
        }
        super().__init__(mujoco.MjModel.from_xml_string(_PUCK), task, substeps=10, render_mode=render_mode)

    def _initialise(self) -> None:
        self.data.qpos[:2] += self.np_random.normal(0, 0.01, size=2)

    def _actuate(self, action: np.ndarray) -> None:
        self.data.ctrl[:] = action

    def _observe(self) -> np.ndarray:
        return np.array([*self.data.qpos[:3], self.data.qpos[7]], dtype=np.float32)

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        return -next_observation[..., 0]

    def success(self, observation: Any) -> Any:
        return observation[..., 0] < -0.15


def run(env: MujocoTaskEnv, actions: np.ndarray) -> list[Any]:
    """Observations, rewards, flags and full physics of the steps, for comparison to the bit."""
    seen: list[Any] = []
    for action in actions:
        observation, reward, _, truncated, info = env.step(action)
        state = env.get_episode_state()
        seen.append((observation.tobytes(), reward, truncated, info["is_success"], state["physics"].tobytes()))
    return seen


def actions_of(env: MujocoTaskEnv, steps: int) -> np.ndarray:
    return np.random.default_rng(5).uniform(-1, 1, size=(steps, env.action_space.shape[0])).astype(np.float32)


@pytest.mark.parametrize("kind", [Puck, CartPoleLengthEnv])
@pytest.mark.parametrize("at", [0, 7, 31])
def test_a_restored_state_goes_on_to_the_bit(kind: type[MujocoTaskEnv], at: int) -> None:
    env = kind()
    actions = actions_of(env, 60)
    env.reset(seed=1)
    run(env, actions[:at])
    state = env.get_episode_state()
    expected = run(env, actions[at:])
    expected_draw = env.np_random.random()
    env.set_episode_state(state)
    assert run(env, actions[at:]) == expected

    other = kind()  # a new process' environment
    other.reset(seed=99)
    run(other, actions[:3])
    other.set_episode_state(state)
    assert run(other, actions[at:]) == expected
    assert other.np_random.random() == expected_draw


def test_the_box_is_really_pushed_so_the_test_above_sees_contacts() -> None:
    env = Puck()
    env.reset(seed=0)
    seen = [env.step(np.array([0.5], np.float32)) for _ in range(60)]
    assert env.data.ncon >= 4
    assert seen[-1][0][0] < -0.1


def test_a_saved_state_is_a_copy() -> None:
    env = Puck()
    env.reset(seed=0)
    state = env.get_episode_state()
    physics, observation = state["physics"].copy(), state["observation"].copy()
    run(env, actions_of(env, 5))
    env.set_episode_state(state)
    run(env, actions_of(env, 5))
    np.testing.assert_array_equal(state["physics"], physics)
    np.testing.assert_array_equal(state["observation"], observation)


def test_the_same_seed_gives_the_same_episode_after_any_other() -> None:
    env = Puck()
    actions = actions_of(env, 20)
    env.reset(seed=4)
    first = run(env, actions)
    run(env, actions)
    env.reset(seed=4)
    assert run(env, actions) == first
    env.reset(seed=5)
    assert run(env, actions) != first


def test_another_models_state_is_refused() -> None:
    puck, cart = Puck(), CartPoleLengthEnv()
    puck.reset(seed=0)
    cart.reset(seed=0)
    with pytest.raises(ValueError, match="another task's"):
        cart.set_episode_state(puck.get_episode_state())


def test_success_is_latched_and_truncation_follows_episode_steps() -> None:
    env = Puck()
    env.reset(seed=0)
    forward, back = np.array([0.5], np.float32), np.array([-1.0], np.float32)
    flags, ends = [], []
    for step in range(60):
        _, _, terminated, truncated, info = env.step(forward if step < 40 else back)
        flags.append(info["is_success"])
        ends.append((terminated, truncated))
    assert flags == sorted(flags)
    assert flags[-1]
    assert not flags[0]
    assert ends == [(False, False)] * 59 + [(False, True)]
    assert env.reset()[1] == {"is_success": False}


@pytest.mark.parametrize("value", [7.0, 0.5])
def test_actions_are_clipped_to_their_range(value: float) -> None:
    env = Puck()
    env.reset(seed=0)
    env.step(np.array([value], dtype=np.float32))
    assert env.data.ctrl[0] == 0.5


@pytest.mark.parametrize("action", [[np.nan], [np.inf], [-np.inf]])
def test_an_action_that_is_not_finite_is_refused_before_it_acts(action: list[float]) -> None:
    env = Puck()
    env.reset(seed=0)
    before = env.get_episode_state()["physics"]
    with pytest.raises(ValueError, match="not finite"):
        env.step(np.array(action, dtype=np.float32))
    np.testing.assert_array_equal(env.get_episode_state()["physics"], before)


def test_an_action_of_the_wrong_shape_is_refused() -> None:
    env = Puck()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"shape \(2,\)"):
        env.step(np.zeros(2, dtype=np.float32))


@pytest.mark.parametrize("poison", [np.nan, np.inf, 1e30])
def test_a_diverged_simulation_ends_the_episode_and_says_so(poison: float, workplace: Path) -> None:
    env = Puck()
    env.reset(seed=0)
    env.step(np.zeros(1, dtype=np.float32))
    env.data.qvel[0] = poison
    observation, reward, terminated, truncated, info = env.step(np.zeros(1, dtype=np.float32))
    assert (terminated, truncated) == (False, True)
    assert "diverged at step 2" in info["fault"]
    assert info["is_success"] is False
    assert np.isnan(observation).all()
    assert np.isnan(reward)
    assert not list(workplace.iterdir())  # no MUJOCO_LOG.TXT
    observation, _ = env.reset(seed=0)
    assert np.isfinite(observation).all()
    assert "fault" not in env.step(np.zeros(1, dtype=np.float32))[4]


def test_an_unknown_render_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="rgb_array"):
        Puck(render_mode="ansi")


def test_without_a_render_mode_there_is_no_picture() -> None:
    env = Puck()
    env.reset(seed=0)
    assert env.render() is None
    env.close()
    env.close()


def test_drawing_changes_nothing() -> None:
    drawn, plain = CartPoleLengthEnv(render_mode="rgb_array"), CartPoleLengthEnv()
    actions = actions_of(plain, 10)
    drawn.reset(seed=0)
    plain.reset(seed=0)
    for action in actions:
        try:
            picture = drawn.render()
        except RuntimeError as error:
            pytest.skip(str(error))
        assert picture is not None
        assert picture.shape == (368, 640, 3)
        assert picture.std() > 5
        drawn.step(action)
        plain.step(action)
    assert drawn.get_episode_state()["physics"].tobytes() == plain.get_episode_state()["physics"].tobytes()
    restored = CartPoleLengthEnv(render_mode="rgb_array")
    restored.set_episode_state(drawn.get_episode_state())
    # Two drawing contexts may round a shade differently, a state that lags behind by a physics step shows.
    np.testing.assert_allclose(restored.render().astype(int), drawn.render().astype(int), atol=2)
    drawn.close()
    restored.close()


@pytest.mark.parametrize("setting", ["off", "egl"])
def test_without_egl_everything_but_pictures_works(setting: str, tmp_path: Path) -> None:
    program = f"""
import ctypes, os
os.environ["MUJOCO_GL"] = {setting!r}
os.environ.pop("DISPLAY", None)
load = ctypes.CDLL.__init__
def without_egl(self, name, *args, **kwargs):
    if name and ("EGL" in str(name) or "OSMesa" in str(name)):
        raise OSError("a library that is not there")
    load(self, name, *args, **kwargs)
ctypes.CDLL.__init__ = without_egl
import gymnasium
env = gymnasium.make("crl_envs:crl/CartPoleLength-v0", render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())
try:
    env.render()
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "apt-get install -y --no-install-recommends libegl1" in done.stdout
