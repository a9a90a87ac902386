"""What the step before changed: appended where a model reads it, and never twice the same tensor."""

from __future__ import annotations

import pytest
import torch

from crl.adaptation.step_before import StepBefore

OBSERVATION = torch.tensor([1.0, 2.0])


def test_a_model_that_reads_none_reads_the_observation() -> None:
    before = StepBefore(0)
    assert before.complete
    before.change = torch.tensor([5.0])
    assert torch.equal(before.appended(OBSERVATION), OBSERVATION)


def test_the_first_step_has_none_and_the_next_has_its_change() -> None:
    before = StepBefore(3)
    assert not before.complete
    assert before.appended(OBSERVATION).tolist() == [1, 2, 0, 0, 0]
    before.change = torch.tensor([3.0, 4.0, 5.0])
    assert before.complete
    assert before.appended(OBSERVATION).tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("change", [None, torch.tensor([3.0])])
def test_a_state_is_a_copy(change: torch.Tensor | None) -> None:
    before, other = StepBefore(1), StepBefore(1)
    before.change = change
    other.load_state_dict(before.state_dict())
    assert other.complete == before.complete
    assert torch.equal(other.appended(OBSERVATION), before.appended(OBSERVATION))
    assert change is None or other.change is not change
    other.load_state_dict({})
    assert not other.complete
