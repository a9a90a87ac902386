"""What ``crl export`` writes is read by ``crl train data=``: every field comes back, changes are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.exporting import lerobot, mcap, minari
from crl.sequences import load_sequence
from crl.training.data.episode import Episode, described
from crl.training.data.lerobot import ABOUT
from crl.training.data.mcap import MCAPData
from crl.training.data.recorded import read_recorded
from crl.types import Transition
from tests.crl.exporting import trips

SLIDES = load_sequence("tests.tiny:SLIDES")
NEEDS = {"minari": "minari", "lerobot": "lerobot.datasets.lerobot_dataset", "mcap": "mcap_ros2"}
Written = tuple[str, list[Path]]
"""What `data=` gets, and the files that hold it."""


def write_minari(episodes: list[Episode], folder: Path) -> Written:
    minari.write(episodes, "tests/slides-v0", None, "slides")
    return "minari:tests/slides-v0", list(Path(os.environ["MINARI_DATASETS_PATH"]).rglob("*.hdf5"))


def write_lerobot(episodes: list[Episode], folder: Path) -> Written:
    lerobot.write(episodes, folder / "slides")
    return str(folder / "slides"), list((folder / "slides" / "data").rglob("*.parquet"))


def write_mcap(episodes: list[Episode], folder: Path) -> Written:
    mcap.write(episodes, folder / "slides.mcap")
    return str(folder / "slides.mcap"), [folder / "slides.mcap"]


WRITERS = {"minari": write_minari, "lerobot": write_lerobot, "mcap": write_mcap}
Write = Callable[[list[Episode]], Written]


@pytest.fixture(params=sorted(WRITERS))
def write(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    pytest.importorskip(NEEDS[request.param], reason="needs the library of the format")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    return lambda episodes: WRITERS[request.param](episodes, tmp_path)


def read(source: str, task: int = 0) -> list[Transition]:
    config = compose(["env=tests.tiny:SLIDES", f"data.source={source}", f"tasks=[{task}]"])
    return read_recorded(config, SLIDES, task).transitions


def transitions(episode: Episode) -> list[Transition]:
    """The transitions of an episode, written out."""
    last = len(episode) - 1
    return [
        Transition(
            0, episode.observations[i], episode.planned[i], episode.refined[i], episode.sent[i],
            float(episode.rewards[i]), episode.observations[i + 1], i == 0, i == last, i == last and episode.terminated,
        )
        for i in range(len(episode))
    ]  # fmt: skip


def assert_lossless(found: list[Transition], sent: list[Episode]) -> None:
    expected = [step for episode in sent for step in transitions(episode)]
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        for field in fields(Transition):
            ours, theirs = getattr(one, field.name), getattr(other, field.name)
            if isinstance(theirs, np.ndarray):
                assert ours.dtype == theirs.dtype, field.name
                np.testing.assert_array_equal(ours, theirs, field.name)
            else:
                assert ours == theirs, field.name


def test_every_field_comes_back(write: Write) -> None:
    sent = trips.episodes((30, 1, 17))
    assert_lossless(read(write(sent)[0]), sent)


@pytest.mark.slow
def test_every_field_of_ten_thousand_transitions_comes_back(write: Write) -> None:
    sent = trips.episodes((4000, 1, 5999))
    found = read(write(sent)[0])
    assert len(found) == 10_000
    assert_lossless(found, sent)


def test_a_recording_has_no_rewards_and_no_task(write: Write) -> None:
    """A bag that was exported: what was sent is known, and the task's own function rewards it."""
    task = replace(trips.episodes((1,))[0].task, name="ride")
    sent = [replace(each, seed=None, task=task) for each in trips.episodes((5,))]
    for step in read(write(sent)[0]):
        assert step.reward == float(SLIDES.spec(0).reward(step.observation, step.executed, step.next_observation))


def test_a_file_of_another_task_is_refused(write: Write) -> None:
    source, _ = write(trips.episodes((5,)))
    with pytest.raises(CrlError, match=r"holds episodes of the task .*first task to be learned is .*\n.*tasks="):
        read(source, task=1)


def test_a_file_of_other_spaces_is_refused(write: Write) -> None:
    [episode] = trips.episodes((5,))
    fields_of = episode.task.observation.fields
    other = replace(fields_of[0], unit="furlong")
    task = replace(episode.task, observation=replace(episode.task.observation, fields=(other, *fields_of[1:])))
    source, _ = write([replace(episode, task=task)])
    with pytest.raises(CrlError, match=r"the observation has .* \(furlong\) where the task has"):
        read(source)


def test_a_changed_number_is_noticed(write: Write) -> None:
    """One bit of one reward, which no format has to notice by itself, changes the file's size nowhere."""
    sent = trips.episodes((20,))
    source, files = write(sent)
    marker = np.float64(sent[0].rewards[7]).tobytes()
    changed = 0
    for file in files:
        content = bytearray(file.read_bytes())
        at = content.find(marker)
        at = at if at >= 0 else len(content) // 3  # packed: any byte of the data
        content[at] ^= 1
        changed += 1
        file.write_bytes(content)
    assert changed
    with pytest.raises(CrlError, match=r"damaged|can't be read"):
        read(source)


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    pytest.importorskip(NEEDS["lerobot"])
    import pyarrow.parquet as parquet

    source, [file] = write_lerobot(trips.episodes((5,)), tmp_path)
    table = parquet.read_table(file)
    parquet.write_table(table.drop_columns(["action.refined"]), file)
    with pytest.raises(CrlError, match=r"has no column action\.refined"):
        read(source)
    (Path(source) / ABOUT).unlink()
    with pytest.raises(CrlError, match=r"has no crl\.json: it names no units"):
        read(source)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ('{"codebase_version": "v2.1"}', r"of version v2\.1, version 3 can be read\n.*convert_dataset"),
        ('{"codebase_version": "v3.0"}', r"has no crl\.json: it names no units.*\n.*crl export"),
        ("{", r"is damaged: meta/info\.json does not tell its version"),
    ],
)
def test_a_lerobot_dataset_that_can_not_be_checked_is_refused(info: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "info.json").write_text(info)
    with pytest.raises(CrlError, match=message):
        read(str(tmp_path))
    config = compose(["env=tests.tiny:SLIDES", f"data.source={tmp_path}", "data.robot=ugv_husky", "tasks=[0]"])
    with pytest.raises(CrlError, match=r"data\.robot describes the robot of a bag\nleave it out for a LeRobot dataset"):
        read_recorded(config, SLIDES, 0)


@pytest.mark.parametrize("content", [b"", bytes(60), bytes(28) + bytes([1]) + bytes(40), b"/action/sent" * 20])
def test_another_mcap_file_is_no_export(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "ride.mcap").write_bytes(content)
    assert not MCAPData.fits(str(tmp_path / "ride.mcap"))
    assert not MCAPData.fits(str(tmp_path))


def test_a_missing_topic_is_named(tmp_path: Path) -> None:
    pytest.importorskip(NEEDS["mcap"])
    from crl.training.data.mcap import _columns

    with pytest.raises(CrlError, match=r"x\.mcap has no message on /action/refined in episode 3"):
        _columns("x.mcap", 3, {t: [[0.0]] for t in ("/observation", "/action/planned", "/action/sent", "/reward",
                                                      "/terminated")})  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told["action"][0].update(high=2.0),
        lambda told: told.update(task="another"),
        lambda told: told["digests"].__setitem__(0, told["digests"][1]),
        lambda told: told.pop("seeds"),
        lambda told: told.pop("digest"),
    ],
)
def test_a_description_that_was_changed_is_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    from crl.training.data.episode import describe

    sent = trips.episodes((3, 2))
    told = json.loads(json.dumps(describe(sent[0].task, sent)))
    assert described("here", json.dumps(told)) == told
    change(told)
    with pytest.raises(CrlError, match="here is damaged"):
        described("here", json.dumps(told))
    with pytest.raises(CrlError, match="here is damaged"):
        described("here", json.dumps(told)[:-9])
