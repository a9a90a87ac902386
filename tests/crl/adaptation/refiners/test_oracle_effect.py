"""An oracle that is told a function plans on it, and inverts nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.refiners.base import NoRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from tests.oracles import unicycle


def squared(command: Tensor) -> Tensor:
    """No matrix expresses it."""
    return command * command.abs()


def test_an_oracle_told_a_function_leaves_it_to_the_planner() -> None:
    oracle = OracleRefiner(unicycle.ACTION)
    oracle.tell(torch.tensor([-1.0, 1.0]))
    oracle.tell_effect(squared)
    planned = np.array([0.5, -0.4], np.float32)
    assert np.array_equal(oracle.refine(planned), planned)
    command = torch.tensor([0.5, -0.4])
    assert oracle.nominal_command(command).tolist() == squared(command).tolist()
    assert torch.equal(oracle.effect(command.expand(3, 2, 2)), squared(command).expand(3, 2, 2))
    assert oracle.authority() == unicycle.ACTION
    assert oracle.reach() is None
    oracle.begin()
    assert torch.equal(oracle.nominal_command(command), command)


def test_other_refiners_do_not_listen() -> None:
    refiner = NoRefiner(unicycle.ACTION)
    refiner.tell_effect(squared)
    command = torch.tensor([0.5, -0.4])
    assert torch.equal(refiner.nominal_command(command), command)
