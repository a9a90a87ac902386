"""Pictures that cost little show the same as those that cost much."""

from __future__ import annotations

import math

import numpy as np
import pybullet
import pytest

from crl_envs import mujoco_env
from crl_envs.cartpole import CartPoleLengthEnv
from crl_envs.vehicles.chase_picture import DISTANCE, FAR, HEIGHT, NEAR, PITCH, VIEW
from crl_envs.vehicles.husky import HuskyEnv
from crl_envs.vehicles.ugv_picture import FAULTY, GOAL, NOMINAL, REACHED, MapPicture

POINTS = np.array([[0.0, 0.0], [3.0, 0.5], [3.5, 4.0], [0.2, 3.0]])


class TestMap:
    @pytest.mark.parametrize("pose", [(1.0, 0.4, 0.3), (3.4, 4.1, -2.0), (-1.4, -1.4, math.pi), (90.0, -70.0, 1.0)])
    def test_drawing_where_something_is_shows_what_drawing_everywhere_does(
        self, pose: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = np.array([[0.0, 0.0], [0.5, 0.1], [1.0, 0.4]])
        faulty = np.array([False, True, False])

        def drawn() -> np.ndarray:
            paper = MapPicture(POINTS, 0.5, 240, 160)
            return np.stack([paper.draw(path, faulty, pose, reached) for reached in (0, 2, 1, 4)])

        quick = drawn()
        monkeypatch.setattr(MapPicture, "_around", lambda self, x, y, reach: (slice(None), slice(None)))
        assert np.array_equal(quick, drawn())

    def test_what_is_reached_changes_colour(self) -> None:
        paper = MapPicture(POINTS, 0.5, 240, 160)
        nowhere, never = np.zeros((0, 2)), np.zeros(0, bool)

        def count(reached: int, colour: tuple[int, int, int]) -> int:
            picture = paper.draw(nowhere, never, (0.0, 0.0, 0.0), reached)
            return int((picture == colour).all(axis=2).sum())

        assert count(0, REACHED) == 0 < count(1, REACHED) < count(3, REACHED)
        assert count(1, GOAL) > 0 == count(4, GOAL)
        assert count(1, REACHED) > 0, "asked again"

    def test_the_vehicle_has_the_colour_of_its_body(self) -> None:
        paper = MapPicture(POINTS, 0.5, 240, 160)
        for faulty, colour in ((False, NOMINAL), (True, FAULTY)):
            picture = paper.draw(np.array([[1.0, 2.0]]), np.array([faulty]), (1.0, 2.0, 0.5), 0)
            assert (picture == colour).all(axis=2).sum() > 50


class TestHusky:
    def test_the_floor_lies_where_the_simulator_has_it(self) -> None:
        env = HuskyEnv(render_mode="rgb_array", width=240, height=160)
        env.reset(seed=3)
        for _ in range(25):
            env.step(np.array([1.0, 0.7], np.float32))
        quick = env.render()
        assert quick is not None
        client, (x, y, heading) = env.body.client, env._pose()
        assert client is not None
        pybullet.changeVisualShape(env.body.floor, -1, rgbaColor=[1, 1, 1, 1], physicsClientId=client)
        view = pybullet.computeViewMatrixFromYawPitchRoll(
            [x, y, HEIGHT], distance=DISTANCE, yaw=math.degrees(heading) - 90, pitch=-PITCH, roll=0, upAxisIndex=2
        )
        lens = pybullet.computeProjectionMatrixFOV(fov=VIEW, aspect=1.5, nearVal=NEAR, farVal=FAR)
        found = pybullet.getCameraImage(
            240, 160, view, lens, shadow=0, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client
        )
        slow = np.asarray(found[2], np.uint8).reshape(160, 240, 4)[..., :3]
        robot = np.asarray(found[4]).reshape(160, 240) == env.body.robot
        assert robot.sum() > 1000
        differs = np.abs(quick.astype(int) - slow).max(axis=2) > 40
        assert differs[robot].mean() < 0.03, "the robot is drawn by the simulator itself"
        assert differs[50:].mean() < 0.05, "near squares; far ones are smooth here"
        env.close()

    def test_a_hidden_floor_carries_as_before(self) -> None:
        seen, blind = HuskyEnv(render_mode="rgb_array", width=48, height=32), HuskyEnv()
        action = np.array([0.8, -0.4], np.float32)
        assert np.array_equal(seen.reset(seed=1)[0], blind.reset(seed=1)[0])
        for _ in range(10):
            seen.render()
            assert np.array_equal(seen.step(action)[0], blind.step(action)[0])
        seen.close()
        blind.close()


@pytest.mark.parametrize(("processor", "samples"), [(True, 0), (False, 4)])
def test_smooth_edges_are_left_to_graphics_cards(
    processor: bool, samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mujoco_env, "_drawn_by_processor", lambda: processor)
    env = CartPoleLengthEnv(render_mode="rgb_array")
    env.reset(seed=0)
    try:
        picture = env.render()
    except RuntimeError as error:
        pytest.skip(str(error))
    assert picture is not None
    assert picture.std() > 10
    assert env.model.vis.quality.offsamples == samples
    env.close()
