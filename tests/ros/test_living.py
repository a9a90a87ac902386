"""What is made of a life's diagnostics; skipped without ROS 2."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy")

from crl_ros.living import REGIMES, ROUNDS, Sample, judge

EACH = 10.0


def said(labels: list[int | None], late: float = 2.0) -> list[Sample]:
    """A sample per second: a visit's label is in force ``late`` seconds after it began; ``None``: never."""
    samples = []
    for visit, label in enumerate(labels):
        for second in range(int(EACH)):
            settled = label is not None and second >= late
            known = len({one for one in labels[: visit + 1] if one is not None})
            state = ("known" if label else "nominal") if settled else "bridging"
            samples.append(Sample(visit * EACH + second + 0.5, state, label if settled and label else 0, known))
    return samples


def test_a_second_round_that_repeats_the_first_is_recalled() -> None:
    labels: list[int | None] = [1, 2, 3, 0, 4, 5]
    found = judge(said(labels * ROUNDS), EACH, killed=61.0)
    assert (found["recalled"], found["returns"]) == (len(REGIMES), len(REGIMES))
    assert found["different_labels"] == len(REGIMES)
    assert found["opened_again"] == 0
    assert found["visits"][0]["known_s"] == pytest.approx(2.5)
    assert found["visits"][6]["known_s"] == pytest.approx(1.5)  # counted from the kill, not from the change


def test_a_regime_under_a_new_label_or_none_is_not_recalled() -> None:
    found = judge(said([1, 2, 3, 0, 4, 5, 1, 6, None, 0, 4, 5]), EACH, killed=61.0)
    assert found["recalled"] == 4
    assert found["opened_again"] == 1
    assert found["visits"][8] == {"regime": 2, "label": None, "known_s": None, "known": 7}
