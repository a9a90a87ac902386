"""What is drawn over a replay: that watching changes nothing, and that what is shown is what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest
import torch

from crl.config.asking.composing import compose
from crl.errors import CrlError, RenderingError
from crl.reporting.replay.drawing import ink
from crl.reporting.replay.drawing.fields import map_axes, shown_fields
from crl.reporting.replay.drawing.map import Map
from crl.reporting.replay.drawing.panel import Panel, share
from crl.reporting.replay.film import video_file
from crl.reporting.replay.film.frames import frames
from crl.reporting.replay.film.pictures import compress, decompress
from crl.reporting.replay.film.video_file import Film
from crl.reporting.replay.filming import check_alike, film, record_all
from crl.reporting.replay.playing import Shoot, record_episode
from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.training.load import evaluate_run, load_run
from crl.training.runner import train
from tests import tiny


def pictures(video: Path) -> list[np.ndarray]:
    with imageio.get_reader(video, "ffmpeg") as reader:
        return [np.asarray(frame) for frame in reader]


def near(picture: np.ndarray, colour: tuple[int, int, int], within: int = 24) -> int:
    """Number of pixels of about a colour."""
    return int((np.abs(picture.astype(int) - colour).max(axis=2) <= within).sum())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two slides."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny.settings(folder, tasks="[2,0]"), tiny.quiet()[0])
    return folder / "run"


@pytest.fixture(scope="module")
def taken(run: Path) -> RecordedEpisode:
    return record_episode(load_run(run), 2, 1)


class TestTake:
    def test_watching_changes_nothing(self, run: Path, taken: RecordedEpisode) -> None:
        plain = record_episode(load_run(run), 2, 1, Shoot(pictures=False), imagine=False)
        assert np.array_equal(plain.observations(), taken.observations())
        assert all(moment.imagination is None for moment in plain.moments)
        rewards = [moment.transition.reward for moment in taken.moments if moment.transition is not None]
        row = evaluate_run(run, 2, 2)["tasks"][0]
        first = record_episode(load_run(run), 2, 0, Shoot(pictures=False))
        both = [sum(rewards), sum(m.transition.reward for m in first.moments if m.transition is not None)]
        assert row["mean_return"] == pytest.approx(sum(both) / 2)

    def test_the_planner_is_as_before_afterwards(self, run: Path) -> None:
        loaded = load_run(run)
        agent: Any = loaded.agent
        planner = agent.planner
        record_episode(loaded, 0, 0)
        assert agent.planner is planner

    def test_what_was_imagined_is_what_the_model_says(self, taken: RecordedEpisode) -> None:
        assert len(taken.moments) == tiny.EPISODE_STEPS
        for moment in taken.moments:
            imagined = moment.imagination
            assert imagined is not None
            assert imagined.chosen.shape == (5, 2), "a horizon of 4 and the present"
            assert np.array_equal(imagined.chosen[0], moment.observation)
            assert 1 <= len(imagined.others) <= 6
            planned = torch.from_numpy(moment.decision.planned).view(1, 1, -1)
            with torch.inference_mode():
                again = imagined.model(torch.from_numpy(moment.observation), planned)[0, 1].numpy()
            assert np.allclose(again, imagined.chosen[1], atol=1e-6)
            assert moment.expected is not None
            assert np.allclose(again, moment.expected, atol=1e-6), "nothing changed the planned action"

    def test_errors_are_those_of_the_next_step_in_deviations_of_the_changes(self, taken: RecordedEpisode) -> None:
        seen = taken.observations().astype(np.float64)
        deviation = np.diff(seen, axis=0).std(axis=0, ddof=1)
        expected = []
        for index, moment in enumerate(taken.moments):
            assert moment.expected is not None
            expected.append(np.sqrt((((moment.expected - seen[index + 1]) / deviation) ** 2).mean()))
        assert np.allclose(taken.errors(), expected, rtol=1e-4)
        assert np.allclose(taken.errors(planned=True), expected, rtol=1e-3)

    def test_a_perfect_model_has_no_error_and_a_longer_planned_step_is_compared_with_its_end(
        self, taken: RecordedEpisode
    ) -> None:
        seen = taken.observations()
        moments = [
            replace(moment, expected=seen[min(index + 2, len(seen) - 1)]) for index, moment in enumerate(taken.moments)
        ]
        errors = replace(taken, moments=moments, stride=2).errors()
        assert np.allclose(errors[:-1], 0)
        assert np.isnan(errors[-1]), "the episode ends before the planned step does"

    def test_an_agent_without_a_planner(self, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path, "agent=random"), tiny.quiet()[0])
        made = record_episode(load_run(tmp_path / "run"), 0, 0)
        assert all(moment.imagination is None for moment in made.moments)
        assert np.isnan(made.errors()).all()
        assert len(list(frames([made], overlay=True))) == tiny.EPISODE_STEPS + 1

    def test_a_frozen_agent_shows_the_plans_of_the_inner_one(self, run: Path, tmp_path: Path) -> None:
        chosen = ["agent=frozen", f"agent.run={run}"]
        train(tiny.settings(tmp_path, *chosen, tasks="[2]"), tiny.quiet()[0])
        made = record_episode(load_run(tmp_path / "run"), 2, 0, Shoot(pictures=False))
        assert all(moment.imagination is not None for moment in made.moments)

    def test_pictures_survive_compression(self) -> None:
        picture = np.zeros((32, 48, 3), np.uint8)
        picture[:, 20:28] = (255, 128, 0)
        assert np.abs(decompress(compress(picture)).astype(int) - picture).mean() < 3


class TestFields:
    def test_what_the_reward_depends_on_comes_first(self, taken: RecordedEpisode) -> None:
        assert [shown.name for shown in shown_fields([taken], 5)] == ["x", "v"]
        other = replace(taken, spec=replace(taken.spec, reward=lambda before, action, after: after[..., 1] ** 2))
        assert [shown.name for shown in shown_fields([other], 1)] == ["v"]

    def test_two_takes_share_a_scale(self, taken: RecordedEpisode) -> None:
        moments = [replace(moment, observation=moment.observation + 7) for moment in taken.moments]
        [alone], [both] = shown_fields([taken], 1), shown_fields([taken, replace(taken, moments=moments)], 1)
        assert both.high > alone.high + 5

    def test_a_slide_has_no_map(self, taken: RecordedEpisode) -> None:
        assert map_axes(taken) is None


class TestPanel:
    def test_plans_the_action_and_the_error_are_drawn_in_their_colours(self, taken: RecordedEpisode) -> None:
        picture = Panel(taken, 480, 480).draw(5).picture()
        assert picture.shape == (480, 480, 3)
        for colour in (ink.REAL, ink.PLAN, ink.PLANNED, ink.ERROR):
            assert near(picture, colour) > 10, colour
        assert near(picture, ink.REFINED) == 0, "nothing is refined"
        refined = Panel(replace(taken, refined=True), 480, 480).draw(5)
        assert near(refined.picture(), ink.REFINED) > 10
        assert "refined" in refined.words
        end = Panel(taken, 480, 480).draw(len(taken.moments)).picture()
        assert near(end, ink.PLAN) < near(picture, ink.PLAN) / 3, "at the end nothing is planned: the legend is left"

    def test_the_bar_is_as_long_as_the_refined_action(self, taken: RecordedEpisode) -> None:
        def green(value: float) -> int:
            action = np.array([value], np.float32)
            decision = replace(taken.moments[3].decision, action=action)
            moments = [replace(moment, decision=decision) for moment in taken.moments]
            made = replace(taken, moments=moments, refined=True)
            return near(Panel(made, 480, 480).draw(3).picture(), ink.REFINED, 4)

        words, half, full = green(0.0), green(0.5), green(1.0)
        assert full - words == pytest.approx(2 * (half - words), rel=0.15)
        assert half > words + 100

    def test_strips_have_a_legend_a_scale_and_a_time_axis(self, taken: RecordedEpisode) -> None:
        words = Panel(taken, 480, 480).draw(5).words
        assert {"observed", "planned", "other plans tried", "executed", "now"} <= set(words)
        assert "refined" not in words
        for shown in shown_fields([taken], 5):
            assert {f"{shown.low:.3g}", f"{shown.high:.3g}"} <= set(words)
        assert {"-3 s", "+0.4 s"} <= set(words), "30 steps behind and 4 ahead, of 0.1 s"

    def test_who_has_no_planner_has_no_legend_of_plans(self, taken: RecordedEpisode) -> None:
        moments = [replace(moment, imagination=None, expected=None) for moment in taken.moments]
        words = Panel(replace(taken, moments=moments), 480, 480).draw(5).words
        assert "chosen" in words
        assert "executed" in words
        assert not {"planned", "refined", "other plans tried"} & set(words)

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.0019, "0.19 %"), (0.351, "35 %"), (1.0, "100 %"), (1.25, "125 %"), (3.21, "3.2 times"), (0.0, "0 %")],
    )
    def test_an_error_is_a_share_of_the_usual_change(self, value: float, text: str) -> None:
        assert share(value) == text

    def test_a_safe_action_says_why(self, taken: RecordedEpisode) -> None:
        plain = Panel(taken, 480, 480).draw(2).picture()
        decision = replace(taken.moments[2].decision, reason="no finite plan")
        moments = [*taken.moments[:2], replace(taken.moments[2], decision=decision), *taken.moments[3:]]
        said = Panel(replace(taken, moments=moments), 480, 480).draw(2).picture()
        header = slice(38, 56)
        assert near(said[header], ink.ERROR, 60) > 30 > near(plain[header], ink.ERROR, 60)


class TestFilms:
    def test_one_run_with_its_overlay(self, run: Path, tmp_path: Path) -> None:
        made = film([run], 2, 3, tmp_path / "one.mp4")
        assert made.notes == []
        shown = pictures(made.path)
        assert len(shown) == tiny.EPISODE_STEPS + 1
        height, width, _ = shown[0].shape
        assert height % 16 == width % 16 == 0
        assert near(shown[5], ink.PLAN, 60) > 10
        assert film([run], 2, 3).path == run / "videos" / "2_slide_2_3_overlay.mp4"

    def test_two_runs_beside_each_other(self, run: Path, tmp_path: Path) -> None:
        train(tiny.settings(tmp_path, "continual=single", tasks="[0,2]"), tiny.quiet()[0])
        both = pictures(film([run, tmp_path / "run"], 2, 0, tmp_path / "two.mp4").path)
        assert both[0].shape[1] == 2 * 640
        left, right = (part.astype(int) for part in np.split(both[8], 2, axis=1))
        assert np.abs(left - right).max() > 100, "two agents act differently"
        plain = pictures(film([run, tmp_path / "run"], 2, 0, tmp_path / "plain.mp4", overlay=False).path)
        assert plain[0].shape[0] < both[0].shape[0]
        assert len(plain) == len(both)

    def test_what_ends_first_stands_still(self, taken: RecordedEpisode) -> None:
        grey = [compress(np.full((32, 48, 3), 12 * index, np.uint8)) for index in range(len(taken.moments))]
        moments = [replace(moment, jpeg=jpeg) for moment, jpeg in zip(taken.moments, grey, strict=True)]
        long, short = replace(taken, moments=moments), replace(taken, moments=moments[:5])
        shown = list(frames([long, short], overlay=False))
        assert len(shown) == tiny.EPISODE_STEPS + 1
        half = shown[0].shape[1] // 2
        assert np.array_equal(shown[6][:, half:], shown[16][:, half:])
        assert not np.array_equal(shown[6][:, :half], shown[10][:, :half])

    def test_runs_with_other_time_steps_do_not_fit(self, taken: RecordedEpisode) -> None:
        with pytest.raises(CrlError, match=r"control periods are 0\.1 s and 0\.2 s"):
            check_alike([taken, replace(taken, spec=replace(taken.spec, control_period=0.2))])

    def test_without_ffmpeg_there_are_pictures(
        self, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(video_file, "has_ffmpeg", lambda: False)
        made = film([run], 2, 0, tmp_path / "one.mp4")
        assert made.path == tmp_path / "one"
        assert [path.name for path in sorted(made.path.iterdir())][:2] == ["000000.png", "000001.png"]
        assert len(list(made.path.iterdir())) == tiny.EPISODE_STEPS + 1
        assert any("imageio[ffmpeg]" in note for note in made.notes)

    def test_an_ffmpeg_that_is_named_and_not_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert video_file.has_ffmpeg()
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
        assert not video_file.has_ffmpeg()

    def test_a_film_that_breaks_off_leaves_nothing(self, tmp_path: Path) -> None:
        def shoot() -> None:
            with Film(tmp_path / "x.mp4", 10) as sheet:
                sheet.add(np.zeros((32, 32, 3), np.uint8))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            shoot()
        assert list(tmp_path.iterdir()) == []

    def test_nothing_can_be_rendered_and_no_overlay_is_wanted(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def no_egl(env: Any) -> Any:
            raise RuntimeError("MuJoCo can't draw on this machine (no EGL device)")

        monkeypatch.setattr(tiny.Slide, "render", no_egl)
        with pytest.raises(RenderingError, match="no EGL device"):
            film([run], 2, 0, overlay=False)


@pytest.fixture(scope="module")
def flyer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose agent has hardly learned and has flown short missions."""
    folder = tmp_path_factory.mktemp("missions")
    settings = ["refiner=none", "missions.steps=15", "steps=600", "learning.final_steps=20", "dynamics.hidden=[16]"]
    small = ["learning.initial_steps=5", "evaluation.episodes=1", "planner.samples=16", "planner.horizon=5"]
    names = [f"run_dir={folder}", "name=run", "videos=false", "monitor.probes=0"]
    train(compose(["env=ugv_mission", "tasks=[0]", *settings, *small, *names]), tiny.quiet()[0])
    return folder / "run"


@pytest.fixture(scope="module")
def flown(flyer: Path) -> RecordedEpisode:
    return record_episode(load_run(flyer), 1, 0)


class TestMissions:
    def test_a_mission_is_flown_and_shown_on_a_map(self, flown: RecordedEpisode) -> None:
        assert len(flown.moments) <= 15
        assert flown.waypoints is not None
        assert map_axes(flown) == (0, 1)
        assert [shown.name for shown in shown_fields([flown], 5)] == ["heading"]
        shown = list(frames([flown], overlay=True))
        assert len({picture.shape for picture in shown}) == 1
        assert near(shown[3], ink.PLAN, 40) > 20

    def test_the_map_shows_the_robot_where_it_is(self, flown: RecordedEpisode) -> None:
        drawn = Map(flown, 320, 320)
        picture = drawn.draw(0).picture()
        rows, columns = np.nonzero(np.abs(picture.astype(int) - ink.PLANNED).max(axis=2) <= 24)
        [(x, y)] = drawn._to_pixels(flown.observations()[:1, :2].astype(np.float64))
        assert abs(columns.mean() - x) < 6
        assert abs(rows.mean() - y) < 6

    def test_there_is_no_such_mission(self, flyer: Path) -> None:
        with pytest.raises(CrlError, match=r"there is no mission 99\nthe run's missions are: 0 nominal, 1 "):
            record_episode(load_run(flyer), 99, 0)

    def test_where_the_environment_draws_nothing_the_map_is_the_picture(
        self, flyer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crl.reporting.replay.playing.offers_pictures", lambda env: False)
        made = film([flyer], 0, 0, tmp_path / "map.mp4", overlay=False)
        shown = pictures(made.path)
        assert near(shown[0], ink.FIELD) > 10_000
        assert record_all(flyer).paths == [flyer.resolve() / "videos" / "0_nominal_0.mp4"]
