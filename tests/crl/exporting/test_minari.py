"""Episodes through Minari and back."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from crl.exporting import minari
from crl.exporting.extra import ExportError
from crl.training.data.episode import Episode
from tests.crl.exporting import trips


@pytest.fixture(autouse=True)
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))


def read(name: str, sent: list[Episode]) -> list[Episode]:
    """What Minari's own loader gives."""
    import minari as library

    found = []
    for episode in library.load_dataset(name).iterate_episodes():
        assert not episode.terminations[:-1].any() and not episode.truncations[:-1].any()
        assert bool(episode.terminations[-1]) != bool(episode.truncations[-1])
        metadata = episode.infos
        found.append(
            Episode(
                sent[0].task,
                sent[episode.id].seed,
                np.asarray(episode.observations),
                np.asarray(metadata["planned"][1:]),
                np.asarray(metadata["refined"][1:]),
                np.asarray(episode.actions),
                np.asarray(episode.rewards, np.float64),
                bool(episode.terminations[-1]),
            )
        )
    return found


def test_every_field_comes_back() -> None:
    sent = trips.episodes()
    minari.write(sent, "tests/slides-v0", gymnasium.spec("Pendulum-v1"), "slides")
    trips.assert_same(read("tests/slides-v0", sent), sent)


def test_a_dataset_is_not_written_over() -> None:
    sent = trips.episodes((3,))
    minari.write(sent, "tests/slides-v0", None, "slides")
    with pytest.raises(ExportError, match="does not take the dataset 'tests/slides-v0'"):
        minari.write(sent, "tests/slides-v0", None, "slides")
    with pytest.raises(ExportError, match="does not take the dataset"):
        minari.write(sent, "no version", None, "slides")
