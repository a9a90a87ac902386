from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.errors import EGL_PACKAGES, CrlError, RenderingError
from crl.reporting.replay.filming import record_all, replay
from crl.training.checkpoints.store import CheckpointStore
from crl.training.load import evaluate_run
from crl.training.runner import train
from tests import tiny


def frames(video: Path) -> list[np.ndarray]:
    with imageio.get_reader(video, "ffmpeg") as reader:
        return [np.asarray(frame) for frame in reader]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two slides."""
    folder = tmp_path_factory.mktemp("runs")
    train(tiny.settings(folder, "checkpoint.seconds=0", tasks="[2,0]"), tiny.quiet()[0])
    return folder / "run"


def test_a_picture_for_every_step_of_the_paired_evaluation_episode(run: Path, tmp_path: Path) -> None:
    tiny.RESETS.clear()
    video = replay(run, task=2, episode=3, out=tmp_path / "there" / "slide.mp4")
    assert tiny.RESETS[-1] == ("gain 2.5", 90_003)
    assert video == tmp_path / "there/slide.mp4"
    shown = frames(video)
    assert [frame.shape for frame in shown] == [(32, 48, 3)] * tiny.EPISODE_STEPS
    columns = [int(frame.sum(axis=(0, 2)).argmax()) for frame in shown]
    assert len(set(columns)) > 2, "the point moves"
    assert [path.name for path in video.parent.iterdir()] == ["slide.mp4"]
    with imageio.get_reader(video, "ffmpeg") as reader:
        assert reader.get_meta_data()["fps"] == 10, "a control period of 0.1 s"


def test_all_tasks_into_the_runs_folder(run: Path) -> None:
    videos = record_all(run).paths
    assert [video.name for video in videos] == ["2_slide_2_0.mp4", "0_slide_0_0.mp4"]
    assert all(video.parent == run.resolve() / "videos" for video in videos)
    assert all(len(frames(video)) == tiny.EPISODE_STEPS for video in videos)


def test_a_task_that_was_not_learned(run: Path) -> None:
    for task in (1, 3, -1):
        with pytest.raises(CrlError, match=f"not learned a task {task}\nits tasks are: 2 slide_2, 0 slide_0"):
            replay(run, task)


def test_a_task_that_the_sequence_names_twice(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, "budget.steps=[32]", env="COMES_AGAIN", tasks="[1,2]"), tiny.quiet()[0])
    assert [video.name for video in record_all(tmp_path / "run").paths] == ["0_a_0.mp4", "2_b_0.mp4"]


def test_where_nothing_can_be_rendered_the_packages_are_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_egl(env: Any) -> Any:
        raise ImportError("Unable to load EGL library: libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(tiny.Slide, "render", no_egl)
    with pytest.raises(RenderingError, match="no picture can be rendered: ImportError: Unable to load EGL") as caught:
        replay(run, 0)
    assert " ".join(EGL_PACKAGES) in str(caught.value)
    done = CliRunner().invoke(app, ["replay", str(run), "--task", "0", "--no-overlay"])
    assert done.exit_code == 2
    assert "apt-get install" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_users_own_renderer_without_graphics_is_told_the_packages(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_context(env: Any) -> Any:
        raise AttributeError("module 'mujoco.rendering.classic.gl_context' has no attribute 'GLContext'")

    monkeypatch.setattr(tiny.Slide, "render", no_context)
    with pytest.raises(RenderingError, match="no picture can be rendered") as caught:
        replay(run, 0)
    assert " ".join(EGL_PACKAGES) in str(caught.value)


def test_where_nothing_can_be_rendered_the_overlay_is_shown_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_egl(env: Any) -> Any:
        raise ImportError("Unable to load EGL library: libEGL.so.1: cannot open shared object file")

    monkeypatch.setattr(tiny.Slide, "render", no_egl)
    done = CliRunner().invoke(app, ["replay", str(run), "--task", "0", "--out", str(tmp_path / "x.mp4")])
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{tmp_path / 'x.mp4'}\n"
    assert "apt-get install" in done.stderr
    assert len(frames(tmp_path / "x.mp4")) == tiny.EPISODE_STEPS + 1


def test_another_failure_while_drawing_is_not_taken_for_missing_packages(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(env: Any) -> Any:
        raise KeyError("colour")

    monkeypatch.setattr(tiny.Slide, "render", broken)
    with pytest.raises(RenderingError, match="no picture can be rendered: KeyError: 'colour'") as caught:
        replay(run, 0)
    assert "apt-get" not in str(caught.value)


def test_a_file_that_can_not_be_written(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CrlError, match="can't be written"):
        replay(run, 0, out=tmp_path / "file/video.mp4")


def test_an_episode_without_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny, "FIXED", {"reset"})
    train(tiny.settings(tmp_path, env="NAN_RESET", tasks="[0]"), tiny.quiet()[0])
    monkeypatch.undo()
    with pytest.raises(CrlError, match=r"no pictures .*the simulator began with a number that is not finite"):
        replay(tmp_path / "run", 0)


def test_a_damaged_checkpoint_is_told(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, "checkpoint.seconds=0"), tiny.quiet()[0])
    newest = CheckpointStore(tmp_path / "run/checkpoints").list()[-1]
    arrays = newest / "arrays.safetensors"
    arrays.write_bytes(arrays.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=r"arrays\.safetensors is damaged: it has \d+ bytes"):
        assert replay(tmp_path / "run", 1).exists()


@pytest.mark.slow
def test_a_cart_pole_in_pictures(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "budget.steps=[200]", "evaluation.episodes=1", env="cartpole_length", tasks="[4]")
    results = train(config, tiny.quiet()[0])
    again = evaluate_run(tmp_path / "run")["tasks"]
    assert again == [{name: results["tasks"][0][name] for name in ("name", "success_rate", "mean_return")}]
    try:
        video = replay(tmp_path / "run", task=4)
    except RenderingError as error:
        pytest.skip(str(error))
    shown = frames(video)
    assert len(shown) == 200
    assert shown[0].shape == (368, 640, 3)
    assert shown[0].std() > 10
    assert np.abs(shown[0].astype(int) - shown[-1].astype(int)).max() > 50, "the pole moves"
