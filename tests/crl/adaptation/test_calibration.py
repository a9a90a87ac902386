"""The detector: its false-alarm rate is the stated one, for other noise than Gaussian too; it fires when it must."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from crl.adaptation.calibration import GREATEST, SHIFT, Calibration, _exponent, calibrate, statistics
from crl.adaptation.tracking.cusum import Cusum, LikelihoodRatioCusum
from crl.errors import CrlError

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
    for seen in statistics(cusum.calibration.whiten(residuals)):
        if cusum.update(seen):
            count += 1
            cusum.reset()
    return count


@pytest.mark.parametrize("kind", ["normal", "coupled", "heavy"])
def test_false_alarms_stay_below_one_in_ten_thousand(kind: str) -> None:
    cusum = Cusum(calibrate(noise(kind, 2000, 1), FLOOR))
    assert alarms(cusum, noise(kind, STEPS, 2)) <= STEPS / 10_000


def test_a_rate_that_can_be_measured_is_kept_and_not_by_never_firing() -> None:
    cusum = Cusum(calibrate(noise("normal", 20_000, 1), FLOOR, rate=0.1))
    levels = torch.full((7,), math.inf, dtype=torch.float64)
    levels[0] = math.log(10) / _eta(cusum)
    cusum.calibration = Calibration(**{**cusum.calibration.state_dict(), "thresholds": levels})
    fired = alarms(cusum, noise("normal", 20_000, 2))
    assert 5 <= fired <= 2000


def test_the_threshold_of_an_element_is_that_of_normal_noise() -> None:
    """For normal noise eta is 2 k, and each of the seven statistics gets a seventh of the rate."""
    calibration = calibrate(noise("normal", 2000, 1), FLOOR, rate=1e-9)
    torch.testing.assert_close(calibration.drifts[1:], torch.full((6,), SHIFT, dtype=torch.float64))
    expected = math.log(7 / 1e-9) / (2 * SHIFT)
    assert float(calibration.thresholds[1:].min()) >= expected * (1 - 1e-9)
    assert float(calibration.thresholds[1:].min()) < 1.3 * expected


def _eta(cusum: Cusum) -> float:
    """The exponent of the drift for scores that are a third of a chi-square of 3 degrees, by its moments."""
    k = float(cusum.calibration.drifts[0])

    def log_mean(eta: float) -> float:
        return -1.5 * math.log(1 - 2 * eta / 3) - eta * k

    low, high = 1e-3, 1.4999
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
    fired = [cusum.update(statistics(torch.full((3,), math.inf))) for _ in range(evidence)]
    assert fired == [False] * (evidence - 1) + [True]
    assert cusum.since() == evidence


def test_what_is_not_finite_is_as_large_as_can_be() -> None:
    """In both directions of its element: nobody knows which it was."""
    seen = statistics(torch.tensor([0.5, math.nan, -math.inf], dtype=torch.float64))
    assert seen.tolist() == [GREATEST, 0.5, GREATEST, GREATEST, -0.5, GREATEST, GREATEST]


def test_a_small_change_is_found_in_the_end_and_dated() -> None:
    calibrated = calibrate(noise("normal", 2000, 1), FLOOR)
    cusum = Cusum(calibrated)
    assert alarms(cusum, noise("normal", 1000, 3)) == 0
    changed = noise("normal", 200, 4) + torch.tensor([3e-3, 0.0, 0.0])  # three deviations of one element
    found = next(i for i, seen in enumerate(statistics(calibrated.whiten(changed)), start=1) if cusum.update(seen))
    assert 1 <= cusum.since() <= found + 3


@pytest.mark.parametrize("sign", [-1, 1])
def test_what_a_mean_over_many_elements_drowns_is_found_by_its_element(sign: int) -> None:
    """Two deviations of one of twelve elements: within twenty steps, while the mean square says nothing."""
    generator = torch.Generator().manual_seed(0)
    calibration = calibrate(torch.randn(4000, 12, generator=generator), torch.full((12,), 1e-6))
    shifted = torch.randn(40, 12, generator=generator)
    shifted[:, 5] += 2.0 * sign
    seen = statistics(calibration.whiten(shifted))
    both, energy = Cusum(calibration), Cusum(calibration)
    energy.calibration = Calibration(**{**calibration.state_dict(), "thresholds": calibration.thresholds.clone()})
    energy.calibration.thresholds[1:] = math.inf
    assert any(both.update(row) for row in seen[:20])
    assert not any(energy.update(row) for row in seen[:20])
    assert both.since() <= 20


def test_forgiveness_counts_for_the_mean_square_once_and_for_an_element_in_full() -> None:
    left = torch.tensor([[2.0, 0.0, -4.0, 0.0]])
    seen = statistics(left, torch.tensor([3.0]))
    assert float(seen[0, 0]) == pytest.approx(5.0 / 4)
    torch.testing.assert_close(seen[0, 1:5], left[0] / math.sqrt(1 + 4 * 3.0))


def test_state_is_restored() -> None:
    cusum, other = (Cusum(calibrate(noise("normal", 1000, 1), FLOOR)) for _ in range(2))
    cusum.update(cusum.calibration.drifts + 1)
    other.load_state_dict(cusum.state_dict())
    torch.testing.assert_close(other.levels, torch.ones(7, dtype=torch.float64), rtol=0, atol=1e-9)
    assert other.since() == cusum.since() == 1
    following = cusum.calibration.drifts + 3 * torch.rand(40, 7, generator=torch.Generator().manual_seed(0))
    futures = [[ours.update(row) for row in following] for ours in (cusum, other)]
    assert futures[0] == futures[1]
    assert any(futures[0])
    assert not all(futures[0])


def test_impossible_calibrations_are_named() -> None:
    with pytest.raises(CrlError, match="99 nominal residuals are too few"):
        calibrate(torch.zeros(99, 3), FLOOR)
    with pytest.raises(CrlError, match="not all finite"):
        calibrate(torch.full((200, 3), math.nan), FLOOR)
    with pytest.raises(CrlError, match="impossible"):
        calibrate(torch.zeros(200, 3), FLOOR, rate=0.0)


def _returns(seed: int, shift: float, *, nominal: bool, steps: int, rate: float) -> tuple[int, int]:
    """How often a nominal body is believed in, and the step of the first time: the context is off by ``shift``."""
    generator = torch.Generator().manual_seed(seed)
    watch = LikelihoodRatioCusum(rate, 3)
    fired, first = 0, 0
    for step in range(1, steps + 1):
        noise = torch.randn(6, generator=generator, dtype=torch.float64)
        offset = torch.zeros(6, dtype=torch.float64)
        offset[0] = shift
        plain, left = (noise, noise - offset) if nominal else (noise + offset, noise)
        if watch.update(plain, left, torch.zeros(())):
            fired, first = fired + 1, first or step
            watch.reset()
    return fired, first


@pytest.mark.parametrize("shift", [0.3, 1.0, 3.0])
def test_a_return_to_the_nominal_body_is_seldom_believed_while_a_context_is_true(shift: float) -> None:
    """Sums of likelihood ratios keep the rate that they are told (Lorden 1971), whatever the shift is."""
    fired = sum(_returns(seed, shift, nominal=False, steps=2000, rate=1e-2)[0] for seed in range(5))
    assert fired <= 10_000 * 1e-2


@pytest.mark.parametrize("shift", [2.0, 4.0])
def test_a_return_is_seen_in_the_time_that_the_likelihood_ratio_needs(shift: float) -> None:
    """Its mean increment is half the squared shift."""
    steps = [_returns(seed, shift, nominal=True, steps=200, rate=1e-5)[1] for seed in range(20)]
    needed = max(3.0, math.log(1e5) / (shift**2 / 2))
    assert min(steps) >= 3
    assert sum(steps) / len(steps) <= 2 * needed


def test_a_return_goes_on_alike_after_a_restoration() -> None:
    one, two = LikelihoodRatioCusum(1e-5, 3), LikelihoodRatioCusum(1e-5, 3)
    one.update(torch.zeros(4), torch.ones(4), torch.zeros(()))
    two.load_state_dict(one.state_dict())
    assert (two.level, two.steps) == (one.level, one.steps) == (pytest.approx(2.0), 1)


def test_residuals_that_are_not_finite_are_no_evidence_of_a_return() -> None:
    watch = LikelihoodRatioCusum(1e-5, 3)
    assert not any(watch.update(torch.zeros(2), torch.tensor([math.nan, 1.0]), torch.zeros(())) for _ in range(20))
