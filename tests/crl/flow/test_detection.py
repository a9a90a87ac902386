"""The detector: its false-alarm rate is the stated one, for other noise than Gaussian too; it fires when it must."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from crl.errors import CrlError
from crl.flow.detection import Cusum, _exponent, calibrate

FLOOR = torch.full((3,), 1e-6)
STEPS = 100_000


def noise(kind: str, count: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    normal = torch.randn(count, 3, generator=generator)
    if kind == "normal":
        return normal * torch.tensor([1e-3, 0.2, 5.0]) + torch.tensor([0.0, 0.1, -3.0])
    if kind == "coupled":
        return normal @ torch.tensor([[1.0, 0.9, 0.0], [0.0, 0.1, 0.0], [0.5, 0.0, 2.0]])
    chi = torch.randn(count, 8, generator=generator).square().mean(dim=1, keepdim=True)
    return normal / chi.sqrt()  # Student's t with 8 degrees of freedom


def alarms(cusum: Cusum, residuals: Tensor) -> int:
    count = 0
    for score in cusum.calibration.score(residuals).tolist():
        if cusum.update(score):
            count += 1
            cusum.reset()
    return count


@pytest.mark.parametrize("kind", ["normal", "coupled", "heavy"])
def test_false_alarms_stay_below_one_in_ten_thousand(kind: str) -> None:
    cusum = Cusum(calibrate(noise(kind, 2000, 1), FLOOR))
    assert alarms(cusum, noise(kind, STEPS, 2)) <= STEPS / 10_000


def test_a_rate_that_can_be_measured_is_kept_and_not_by_never_firing() -> None:
    cusum = Cusum(calibrate(noise("normal", 20_000, 1), FLOOR, rate=0.01))
    cusum.calibration = type(cusum.calibration)(
        **{**cusum.calibration.state_dict(), "threshold": math.log(100) / _eta(cusum)}
    )
    fired = alarms(cusum, noise("normal", 20_000, 2))
    assert 5 <= fired <= 200


def _eta(cusum: Cusum) -> float:
    """The exponent of the drift for scores that are a third of a chi-square of 3 degrees, by its moments."""
    k = cusum.calibration.drift

    def log_mean(eta: float) -> float:
        return -1.5 * math.log(1 - 2 * eta / 3) - eta * k

    low, high = 1e-3, 1.4
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_mean(middle) < 0 else (low, middle)
    return low


def test_the_exponent_is_the_closed_form_one() -> None:
    """For normal increments of mean -m and variance 1 it is 2 m."""
    increments = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.4
    assert _exponent(increments) == pytest.approx(0.8, rel=0.02)


@pytest.mark.parametrize("evidence", [1, 2, 3])
def test_a_gross_change_fires_after_the_evidence_asked_for_and_an_outlier_does_not(evidence: int) -> None:
    cusum = Cusum(calibrate(noise("normal", 1000, 1), FLOOR, evidence=evidence))
    fired = [cusum.update(math.inf) for _ in range(evidence)]
    assert fired == [False] * (evidence - 1) + [True]
    assert cusum.since() == evidence


def test_a_small_change_is_found_in_the_end_and_dated() -> None:
    calibrated = calibrate(noise("normal", 2000, 1), FLOOR)
    cusum = Cusum(calibrated)
    assert alarms(cusum, noise("normal", 1000, 3)) == 0
    changed = noise("normal", 200, 4) + torch.tensor([3e-3, 0.0, 0.0])  # three deviations of one element
    scores = calibrated.score(changed).tolist()
    found = next((step for step, score in enumerate(scores, start=1) if cusum.update(score)), None)
    assert found is not None
    assert 1 <= cusum.since() <= found + 3


def test_state_is_restored() -> None:
    cusum, other = (Cusum(calibrate(noise("normal", 1000, 1), FLOOR)) for _ in range(2))
    cusum.update(cusum.calibration.drift + 1)
    other.load_state_dict(cusum.state_dict())
    assert other.state_dict() == cusum.state_dict()
    assert other.level == 1


def test_impossible_calibrations_are_named() -> None:
    with pytest.raises(CrlError, match="99 nominal residuals are too few"):
        calibrate(torch.zeros(99, 3), FLOOR)
    with pytest.raises(CrlError, match="not all finite"):
        calibrate(torch.full((200, 3), math.nan), FLOOR)
    with pytest.raises(CrlError, match="impossible"):
        calibrate(torch.zeros(200, 3), FLOOR, rate=0.0)
