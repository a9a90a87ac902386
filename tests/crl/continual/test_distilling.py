"""Distilling: a student that can says the same, a narrow one says less, and the error is what it claims to be."""

from __future__ import annotations

import torch

from crl.continual.distilling import distil
from crl.dynamics.network import TargetNetwork

TEACHER = TargetNetwork(3, [8], 2, ensemble=2)


def test_a_student_learns_what_its_width_allows_and_the_error_says_so() -> None:
    weights = 3 * TEACHER.initial(torch.Generator().manual_seed(0))
    inputs = torch.randn(1, 5000, 3, generator=torch.Generator().manual_seed(1))
    said, errors = TEACHER.forward(weights, inputs), []
    for width in (1, 16):
        student = TargetNetwork(3, [width], 2, ensemble=2)
        learned, error = distil(TEACHER, weights, student, 600, torch.Generator().manual_seed(2))
        away = (student.forward(learned, inputs) - said).square().mean()
        spread = (said - said.mean(dim=1, keepdim=True)).square().mean()
        torch.testing.assert_close(torch.tensor(error), (away / spread).sqrt(), rtol=0.1, atol=0)
        errors.append(error)
    assert errors[1] < 0.15 < 0.5 * errors[0]


def test_the_generator_alone_decides() -> None:
    weights = TEACHER.initial(torch.Generator().manual_seed(0))
    student = TargetNetwork(3, [2], 2, ensemble=2)
    made = [distil(TEACHER, weights, student, 5, torch.Generator().manual_seed(seed))[0] for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])
