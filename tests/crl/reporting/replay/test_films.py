"""Films: what their pictures look like, and that whatever fails in them costs a film and nothing else."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest
from gymnasium.error import DependencyNotInstalled
from rich.console import Console
from typer.testing import CliRunner

from crl.cli import app
from crl.errors import EGL_PACKAGES, RenderingError
from crl.reporting.replay import filming as replaying
from crl.reporting.replay import playing
from crl.reporting.replay.film import video_file
from crl.reporting.replay.film.frames import frames
from crl.reporting.replay.film.pictures import padded, picture_of
from crl.reporting.replay.film.video_file import Film
from crl.reporting.replay.filming import film, record_all, replay
from crl.reporting.replay.progress import FilmProgress
from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.reporting.replay.timing import rate, stride
from crl.training.load import load_run
from crl.training.runner import train
from tests import tiny


def pictures(video: Path) -> list[np.ndarray]:
    with imageio.get_reader(video, "ffmpeg") as reader:
        return [np.asarray(frame) for frame in reader]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two slides."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny.settings(folder, tasks="[2,0]"), tiny.quiet()[0])
    return folder / "run"


@pytest.fixture
def taken(run: Path) -> RecordedEpisode:
    return playing.record_episode(load_run(run), 2, 0)


class Painter:
    """An environment that only draws."""

    def __init__(self, found: Any) -> None:
        self.found = found

    def render(self) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


class TestSizes:
    @pytest.mark.parametrize(("height", "width"), [(30, 50), (33, 17)])
    def test_a_picture_that_fits_no_blocks_has_a_rim_and_is_not_stretched(
        self, tmp_path: Path, height: int, width: int
    ) -> None:
        picture = np.zeros((height, width, 3), np.uint8)
        picture[:, : width // 2] = 255
        with Film(tmp_path / "x.mp4", 10) as sheet:
            for _ in range(3):
                sheet.add(picture)
        [shown, *_] = pictures(tmp_path / "x.mp4")
        assert shown.shape[0] == -(-height // 16) * 16
        assert shown.shape[1] == -(-width // 16) * 16
        top, left = (shown.shape[0] - height) // 2, (shown.shape[1] - width) // 2
        inside = shown[top : top + height, left : left + width].astype(int)
        assert np.abs(inside[2:-2, 2 : width // 2 - 2] - 255).max() < 30
        assert np.abs(inside[2:-2, width // 2 + 2 : -2]).max() < 30

    def test_a_picture_of_another_size_is_made_to_fit(self, tmp_path: Path) -> None:
        with Film(tmp_path / "x.mp4", 10) as sheet:
            sheet.add(np.full((32, 48, 3), 200, np.uint8))
            sheet.add(np.full((64, 48, 3), 200, np.uint8))
            sheet.add(np.full((16, 16, 3), 200, np.uint8))
        shown = pictures(tmp_path / "x.mp4")
        assert [picture.shape for picture in shown] == [(32, 48, 3)] * 3
        wide = [int((picture[16, :, 0] > 150).sum()) for picture in shown]
        assert wide == [48, pytest.approx(24, abs=2), pytest.approx(16, abs=2)], "24: as narrow as it was"

    def test_shapes_are_kept(self) -> None:
        small = padded(np.full((80, 40, 3), 255, np.uint8), 20, 20)
        assert (small == 255).all(axis=2).any(axis=0).sum() == 10


class TestPicturesPerSecond:
    @pytest.mark.parametrize(
        ("period", "steps", "per_second"),
        [(0.1, 1, 10), (0.04, 1, 25), (0.05, 1, 20), (0.02, 2, 25), (0.01, 4, 25), (0.002, 20, 25), (2.0, 1, 1)],
    )
    def test_no_more_than_a_viewer_sees(self, period: float, steps: int, per_second: int) -> None:
        assert (stride(period), rate(period)) == (steps, per_second)

    def test_a_fast_robot_is_not_drawn_at_every_step(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(RecordedEpisode, "every", property(lambda recorded: 3))
        drawn: list[int] = []
        render = tiny.Slide.render
        monkeypatch.setattr(tiny.Slide, "render", lambda env: (drawn.append(env.steps), render(env))[1])
        made = playing.record_episode(load_run(run), 2, 0)
        assert drawn == [0, 3, 6, 9, 12, 15, 16]
        assert made.shown() == drawn
        assert len(list(frames([made], overlay=True))) == len(drawn)
        assert len(pictures(replay(run, 2))) == 6, "from after the first step on"


class TestEnvironments:
    @pytest.mark.parametrize("found", [np.zeros((4, 6), np.uint8), np.zeros((4, 6, 1), np.uint8)])
    def test_grey_becomes_three_colours(self, found: np.ndarray) -> None:
        assert picture_of(Painter(found)).shape == (4, 6, 3)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("value", "expected"), [(np.uint8(7), 7), (np.int64(300), 255), (np.float32(0.5), 127), (np.float64(99), 99)]
    )
    def test_numbers_become_bytes(self, value: Any, expected: int) -> None:
        picture = picture_of(Painter(np.full((4, 6, 4), value)))  # type: ignore[arg-type]
        assert picture.dtype == np.uint8
        assert picture.shape == (4, 6, 3)
        assert (picture == expected).all()

    @pytest.mark.parametrize("found", [None, "x", np.zeros((4, 6, 2)), np.zeros((0, 6, 3)), [[None]], np.zeros(3)])
    def test_what_is_no_picture_is_named(self, found: Any) -> None:
        with pytest.raises(RenderingError, match=r"render\(\) returns .*, not a picture"):
            picture_of(Painter(found))  # type: ignore[arg-type]

    def test_a_missing_library_is_named_and_not_taken_for_missing_graphics(self) -> None:
        missing = DependencyNotInstalled('pygame is not installed, run `pip install "gymnasium[classic-control]"`')
        with pytest.raises(RenderingError, match="pygame is not installed, run `pip install") as caught:
            picture_of(Painter(missing))  # type: ignore[arg-type]
        assert EGL_PACKAGES[0] not in str(caught.value)


FAILURES: dict[str, Any] = {
    "pygame": lambda env: (_ for _ in ()).throw(DependencyNotInstalled("pygame is not installed")),
    "none": lambda env: None,
    "bug": lambda env: {}["colour"],
    "black": lambda env: np.zeros((32, 48, 3), np.uint8),
}


class TestFailures:
    @pytest.mark.parametrize("kind", FAILURES)
    def test_a_finished_run_says_why_there_are_no_films(
        self, run: Path, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        monkeypatch.setattr(tiny.Slide, "render", FAILURES[kind])
        for path in (run / "videos").glob("*"):
            path.unlink()
        made = record_all(run)
        assert made.paths == []
        assert len(made.notes) == 1, "two tasks, one reason"
        assert not list((run / "videos").glob("*"))
        with pytest.raises(RenderingError):
            replay(run, 0)

    def test_without_ffmpeg_only_its_own_pictures_are_removed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(video_file, "has_ffmpeg", lambda: False)
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("kept")

        def shoot(name: str) -> None:
            with Film(tmp_path / name, 10, blank=False) as sheet:
                sheet.add(np.zeros((32, 48, 3), np.uint8))

        for name in ("mine.mp4", "new.mp4"):
            with pytest.raises(RenderingError, match="of one colour"):
                shoot(name)
        assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes.txt"]
        assert not (tmp_path / "new").exists()

    def test_training_ends_well(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tiny.Slide, "render", FAILURES["pygame"])
        words = [word for word in tiny.arguments(tmp_path, tasks="[0]") if not word.startswith("videos")]
        done = CliRunner().invoke(app, ["train", *words])
        assert done.exit_code == 0, done.output
        assert "no videos: no picture can be rendered: DependencyNotInstalled: pygame is not installed" in done.output
        assert f"run: {tmp_path / 'run'}" in done.output

    def test_an_environment_that_can_not_be_made_for_drawing(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        begin = tiny.Slide.__init__

        def refuse(env: Any, *given: Any, render_mode: str | None = None, **named: Any) -> None:
            if render_mode is not None:
                raise DependencyNotInstalled("pygame is not installed")
            begin(env, *given, **named)

        monkeypatch.setattr(tiny.Slide, "__init__", refuse)
        assert "pygame" in record_all(run).notes[0]
        assert "pygame" in film([run], 2, 0, run / "x.mp4").notes[0]

    def test_an_environment_without_pictures_has_no_film_but_an_overlay(
        self, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tiny.Slide, "metadata", {"render_modes": []})
        made = record_all(run)
        assert made.paths == []
        assert "the environment of slide_2 offers no pictures" in made.notes[0]
        with pytest.raises(RenderingError, match="offers no pictures"):
            film([run, run], 2, 0, tmp_path / "x.mp4", overlay=False)
        shown = pictures(film([run], 2, 0, tmp_path / "y.mp4").path)
        assert shown[0].shape == (480, 480, 3), "the panel alone"

    def test_rendering_that_fails_on_the_way_is_given_up(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        render = tiny.Slide.render

        def breaks(env: Any) -> Any:
            if env.steps == 4:
                raise RuntimeError("the context was lost")
            return render(env)

        monkeypatch.setattr(tiny.Slide, "render", breaks)
        made = playing.record_episode(load_run(run), 2, 0)
        assert [moment.jpeg for moment in made.moments] == [None] * tiny.EPISODE_STEPS
        assert len(made.notes) == 1

    def test_a_damaged_run_costs_no_more_than_its_films(self, tmp_path: Path) -> None:
        (tmp_path / "config.yaml").write_text("seed: 0\n")
        made = record_all(tmp_path)
        assert made.paths == []
        assert made.notes

    def test_a_name_that_no_file_may_have(self, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        loaded = load_run(run)
        sequence, spec = playing.played(loaded, 2)
        monkeypatch.setattr(replaying, "played", lambda run, task: (sequence, replace(spec, name="../a/b [red]")))
        made = replaying.record(loaded, 2)
        assert made.path == loaded.folder.path / "videos" / "2_.._a_b_red__0.mp4"


class TestProgress:
    def test_lines_every_few_seconds_with_the_seconds_spent(self) -> None:
        text, clock = io.StringIO(), [0.0]
        with FilmProgress(Console(file=text, width=30), now=lambda: clock[0]) as progress:
            progress.film("video 1 of 2")
            for step in range(1, 13):
                clock[0] = float(step)
                progress.step("playing", step, 1200)
        assert text.getvalue().splitlines() == [
            "video 1 of 2: playing step 5 of 1,200, 5.0 s",
            "video 1 of 2: playing step 10 of 1,200, 10.0 s",
        ]
        assert progress.seconds == 12.0

    def test_a_terminal_has_one_line_that_goes_away(self) -> None:
        text = io.StringIO()
        console = Console(file=text, width=80, force_terminal=True)
        with FilmProgress(console) as progress:
            progress.step("drawing", 3, 9)
        assert "drawing step 3 of 9" in text.getvalue()
        assert text.getvalue().endswith("\x1b[2K"), "erased"

    def test_every_step_is_told_while_playing_and_drawing(self, run: Path) -> None:
        told: list[tuple[str, int, int]] = []
        film([run], 2, 0, run / "x.mp4", told=lambda *what: told.append(what))
        assert told[:2] == [("playing", 1, tiny.EPISODE_STEPS), ("playing", 2, tiny.EPISODE_STEPS)]
        assert told[-1] == ("drawing", tiny.EPISODE_STEPS + 1, tiny.EPISODE_STEPS + 1)

    def test_the_command_tells_how_long_films_took(self, tmp_path: Path) -> None:
        words = [word for word in tiny.arguments(tmp_path, tasks="[0]") if not word.startswith("videos")]
        done = CliRunner().invoke(app, ["train", *words])
        assert done.exit_code == 0, done.output
        [line] = [line for line in done.output.splitlines() if line.startswith("videos: ")]
        assert line.startswith(f"videos: {tmp_path / 'run' / 'videos'} (1 film, ")
        assert line.endswith(" s)")
