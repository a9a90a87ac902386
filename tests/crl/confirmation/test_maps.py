"""Drawn maps keep to what their distribution states, and missions can read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crl.confirmation.maps import MapDistribution, write_map
from crl_envs.missions import Mission

FLAT = MapDistribution(waypoints=(5, 9), leg=(3, 6), turn=90, size=25)
HIGH = MapDistribution(waypoints=(5, 9), leg=(3, 6), turn=90, size=25, height=(1, 3), climb=0.5)


def test_legs_turns_and_square_are_those_of_the_distribution() -> None:
    counts = set()
    for seed in range(100):
        points = FLAT.draw(np.random.default_rng(seed))
        counts.add(len(points))
        legs = np.diff(points, axis=0)
        lengths = np.linalg.norm(legs, axis=1)
        assert lengths.min() >= 3 - 2e-3
        assert lengths.max() <= 6 + 2e-3
        assert np.abs(points).max() <= 12.5 + 1e-3
        directions = np.arctan2(legs[:, 1], legs[:, 0])
        turns = np.diff(np.concatenate([[0.0], directions]))
        turns = np.abs((turns + np.pi) % (2 * np.pi) - np.pi)
        assert turns.max() <= np.pi / 2 + 2e-3
        assert not points[0].any()
    assert counts == {5, 6, 7, 8, 9}


def test_heights_stay_in_their_range_and_change_by_no_more_than_the_climb() -> None:
    for seed in range(50):
        heights = HIGH.draw(np.random.default_rng(seed))[:, 2]
        assert heights.min() >= 1 - 1e-3
        assert heights.max() <= 3 + 1e-3
        assert np.abs(np.diff(heights)).max() <= 0.5 + 2e-3


def test_missions_read_what_is_written(tmp_path: Path) -> None:
    for distribution, dimensions in ((FLAT, 2), (HIGH, 3)):
        points = distribution.draw(np.random.default_rng(1))
        path = tmp_path / f"map_{dimensions}.csv"
        write_map(points, path)
        np.testing.assert_allclose(Mission.read(path, dimensions=dimensions).points, points, atol=1e-9)
