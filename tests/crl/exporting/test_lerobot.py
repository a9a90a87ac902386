"""Episodes through LeRobot's own loader and back."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crl.exporting import lerobot
from crl.exporting.extra import ExportError
from crl.training.data.episode import Episode
from crl.training.data.lerobot import ABOUT
from tests.crl.exporting import trips

pytest.importorskip("lerobot.datasets.lerobot_dataset", reason="needs the extra lerobot")


def read(folder: Path, sent: list[Episode]) -> list[Episode]:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset(folder.name, root=folder)
    frames = [dataset[i] for i in range(len(dataset))]
    seeds = json.loads((folder / ABOUT).read_text())["seeds"]
    table = dataset.hf_dataset.with_format(None)  # frames as tensors have float32 alone
    stored, where = list(table["next.reward"]), list(table["episode_index"])
    found = []
    for number in range(dataset.num_episodes):
        own = [frame for frame in frames if int(frame["episode_index"]) == number]
        states = [frame["observation.state"].numpy() for frame in own] + [own[-1]["next.state"].numpy()]
        for before, after in zip(own, own[1:], strict=False):
            np.testing.assert_array_equal(before["next.state"], after["observation.state"])
        rows = [
            np.stack([frame[key].numpy().reshape(-1) for frame in own])
            for key in ("action.planned", "action.refined", "action")
        ]
        rewards = np.array([reward for reward, at in zip(stored, where, strict=True) if at == number], np.float64)
        assert [bool(frame["next.done"]) for frame in own] == [False] * (len(own) - 1) + [True]
        ended = bool(own[-1]["next.terminated"])
        found.append(Episode(sent[0].task, seeds[number], np.stack(states), *rows, rewards, ended))
    return found


def test_every_field_comes_back(tmp_path: Path) -> None:
    sent = trips.episodes((60, 1, 33))
    lerobot.write(sent, tmp_path / "slides")
    trips.assert_same(read(tmp_path / "slides", sent), sent)
    with pytest.raises(ExportError, match="exists already"):
        lerobot.write(sent, tmp_path / "slides")
