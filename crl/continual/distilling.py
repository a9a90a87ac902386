"""Distilling a network into a smaller one: Hinton, Vinyals, Dean 2015 (arXiv 1503.02531), for regression.

The student learns to say what the teacher says, E ||s(x) - t(x)||^2, member by member. In normalised units every input
has mean zero and deviation one, so x is drawn from N(0, I), and no transitions are needed. Deviation: a Gaussian head
has no temperature, which softens the probabilities of classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crl.dynamics.network import TargetNetwork

RATE, BATCH = 5e-3, 256
HELD_OUT = 4096
"""Draws that the error is measured on."""


def distil(
    teacher: TargetNetwork, weights: Tensor, student: TargetNetwork, steps: int, generator: torch.Generator
) -> tuple[Tensor, float]:
    """Teach a smaller network what another one says.

    Args:
        teacher: The network that is known.
        weights: Its weights [P].
        student: A network of the same inputs, outputs and ensemble.
        steps: Gradient steps, with a rate that falls to zero along a cosine.
        generator: Source of the first weights and of the inputs.

    Returns:
        Weights of the student, and its error on inputs that it was not taught: the root of the mean squared distance
        from the teacher, as a share of the deviation of what the teacher says.
    """
    reads, device = teacher.layers[0][0], weights.device

    def drawn(count: int) -> Tensor:
        return torch.randn(1, count, reads, generator=generator).to(device)

    learned = student.initial(generator).to(device).requires_grad_()
    optimiser = torch.optim.Adam([learned], lr=RATE)
    for step in range(steps):
        inputs = drawn(BATCH)
        with torch.no_grad():
            target = teacher.forward(weights, inputs)
        optimiser.param_groups[0]["lr"] = RATE * (1 + math.cos(math.pi * step / steps)) / 2
        optimiser.zero_grad(set_to_none=True)
        (student.forward(learned, inputs) - target).square().mean().backward()
        optimiser.step()
    inputs, made = drawn(HELD_OUT), learned.detach()
    with torch.no_grad():
        target = teacher.forward(weights, inputs)
        away = (student.forward(made, inputs) - target).square().mean()
        spread = (target - target.mean(dim=1, keepdim=True)).square().mean()
    return made, float((away / spread.clamp(min=1e-12)).sqrt())
