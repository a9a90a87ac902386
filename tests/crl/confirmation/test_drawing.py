"""Templates are drawn inside their ranges, the same for the same seed, and impossible ones are named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from crl.confirmation.drawing import draw
from crl.errors import CrlError


def drawn(plain: Any, count: int = 300) -> list[Any]:
    return [draw(plain, np.random.default_rng(seed)) for seed in range(count)]


def test_what_is_no_distribution_is_taken_as_it_stands() -> None:
    plain = {"gain": [-1, 2], "dead_side": "left", "payload": 0.4, "deep": {"a": [1, {"b": 2}]}}
    assert draw(plain, np.random.default_rng(0)) == plain


def test_uniform_numbers_fill_their_range_evenly() -> None:
    values = np.array(drawn({"uniform": [2, 4]}))
    assert values.min() >= 2
    assert values.max() <= 4
    assert abs(values.mean() - 3) < 4 * 2 / np.sqrt(12 * len(values))


def test_log_uniform_numbers_are_as_often_below_the_geometric_mean_as_above() -> None:
    values = np.array(drawn({"log_uniform": [0.25, 4]}))
    assert values.min() >= 0.25
    assert values.max() <= 4
    assert abs((values < 1).mean() - 0.5) < 4 * 0.5 / np.sqrt(len(values))


def test_signed_vectors_have_one_of_the_rows_of_signs_and_sizes_of_their_own() -> None:
    values = np.array(drawn({"signed": {"signs": [[-1, 1], [1, -1]], "size": [0.5, 2]}}))
    assert {tuple(row) for row in np.sign(values).tolist()} == {(-1.0, 1.0), (1.0, -1.0)}
    assert np.abs(values).min() >= 0.5
    assert np.abs(values).max() <= 2
    assert abs(np.corrcoef(np.abs(values).T)[0, 1]) < 0.3


def test_choices_may_be_distributions() -> None:
    values = drawn({"choice": [{"uniform": [1, 2]}, "left"]})
    assert "left" in values
    assert all(1 <= value <= 2 for value in values if value != "left")


def test_the_same_seed_draws_the_same() -> None:
    plain = {"gain": {"signed": {"signs": [[-1, 1], [1, -1]], "size": [0.5, 2]}}, "lag": {"uniform": [0, 1]}}
    assert drawn(plain, 5) == drawn(plain, 5)
    assert drawn(plain, 2)[0] != drawn(plain, 2)[1]


@pytest.mark.parametrize(
    ("plain", "named"),
    [
        ({"uniform": [2, 1]}, "no range"),
        ({"uniform": 3}, "no pair"),
        ({"uniform": [0, float("nan")]}, "no range"),
        ({"log_uniform": [0, 1]}, "no range"),
        ({"choice": []}, "no list"),
        ({"signed": {"signs": [[1, 1]]}}, "signs and size"),
        ({"signed": {"signs": [[1, 1]], "size": [-1, 1]}}, "no range"),
        ({"uniform": [True, 2]}, "no pair"),
    ],
)
def test_impossible_distributions_are_named(plain: Any, named: str) -> None:
    with pytest.raises(CrlError, match=named):
        draw({"gain": plain}, np.random.default_rng(0))
