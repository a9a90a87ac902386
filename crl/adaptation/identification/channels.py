"""Known channel structures: what the body makes of a command, u = M a + b, and its parameters.

All parameters are dimensionless: M acts on a / half range, b is in half ranges. The nominal body has M = I, b = 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.config.sections.flow import IdentificationConfig
from crl.errors import CrlError
from crl.matching import nearest

STRUCTURES = ("gains", "gains_bias", "matrix", "affine")
GAIN, BIAS = 2.0, 6.0
"""k in the BIC penalty ``k ln(n) / 2`` of a deviation of each kind, with n data. A coupling's is
``flow.identification.penalty_coupling``."""
DAMPING = 0.02
"""Gains well below this magnitude count as dead: their inverse falls to zero and does not grow without bound."""


class Channels:
    """One structure for actions of one box.

    Args:
        structure: ``gains`` (diagonal M), ``gains_bias``, ``matrix`` (full M) or ``affine`` (full M and bias).
        box: The action box.

    Attributes:
        size: Number P of parameters.
        nominal: Parameters of the nominal body, float64 [P].

    Raises:
        CrlError: The structure is unknown.
    """

    def __init__(self, structure: str, box: Box) -> None:
        if structure not in STRUCTURES:
            raise CrlError(f"flow.identification.structure = {structure!r} is unknown{nearest(structure, STRUCTURES)}")
        self.structure = structure
        self.box = box
        self.full = structure in ("matrix", "affine")
        self.biased = structure in ("gains_bias", "affine")
        actions = box.size
        self.gains = actions * actions if self.full else actions
        self.size = self.gains + (actions if self.biased else 0)
        eye = torch.eye(actions, dtype=torch.float64)
        parts = [eye.flatten() if self.full else eye.diagonal()]
        if self.biased:
            parts.append(torch.zeros(actions, dtype=torch.float64))
        self.nominal = torch.cat(parts)

    def prior_std(self, config: IdentificationConfig) -> Tensor:
        """Expected deviations of the parameters from nominal, float64 [P]."""
        actions = self.box.size
        eye = torch.eye(actions, dtype=torch.float64)
        matrix = config.prior_gain * eye + config.prior_coupling * (1 - eye)
        parts = [matrix.flatten() if self.full else matrix.diagonal()]
        if self.biased:
            parts.append(torch.full((actions,), config.prior_bias, dtype=torch.float64))
        return torch.cat(parts)

    def penalties(self, config: IdentificationConfig) -> Tensor:
        """BIC penalty of each parameter's deviation, in units of the logarithm of the data's number, float64 [P].

        It is 1 for a gain (Schwarz 1978 has 1/2) and more for biases and couplings, which are rarer.
        """
        eye = torch.eye(self.box.size, dtype=torch.float64)
        matrix = GAIN * eye + config.penalty_coupling * (1 - eye)
        parts = [matrix.flatten() if self.full else matrix.diagonal()]
        if self.biased:
            parts.append(torch.full((self.box.size,), BIAS, dtype=torch.float64))
        return torch.cat(parts) / 2

    def matrix(self, parameters: Tensor) -> Tensor:
        """M [..., A, A] of parameters [..., P]."""
        gains = parameters[..., : self.gains]
        if self.full:
            return gains.reshape(*gains.shape[:-1], self.box.size, self.box.size)
        return torch.diag_embed(gains)

    def bias(self, parameters: Tensor) -> Tensor:
        """The bias b [..., A] of parameters [..., P], in half ranges."""
        if self.biased:
            return parameters[..., self.gains :]
        return parameters.new_zeros(*parameters.shape[:-1], self.box.size)

    def effective(self, action: Tensor, parameters: Tensor) -> Tensor:
        """Nominal commands [..., A] that would do what actions [..., A] do under parameters [..., P]."""
        half = self.box.half.to(action)
        scaled = action / half
        u: Tensor = (self.matrix(parameters) @ scaled.unsqueeze(-1)).squeeze(-1) + self.bias(parameters)
        return u * half

    def design(self, action: Tensor) -> Tensor:
        """Derivative [..., A, P] of effective commands (in half ranges) by the parameters, at actions [..., A]."""
        size = self.box.size
        scaled = action / self.box.half.to(action)
        eye = torch.eye(size, dtype=action.dtype)
        full = torch.einsum("ij,...k->...ijk", eye, scaled).flatten(-2)
        gains = full if self.full else torch.diag_embed(scaled)
        if not self.biased:
            return gains
        return torch.cat([gains, eye.expand(*action.shape[:-1], size, size)], dim=-1)

    def inverse_command(self, command: Tensor, parameters: Tensor) -> Tensor:
        """Actions [..., A] whose effective commands are the given ones [..., A], by the damped inverse; unbounded."""
        half = self.box.half.to(command)
        wanted = command / half - self.bias(parameters)
        if self.full:
            return (damped_inverse(self.matrix(parameters)) @ wanted.unsqueeze(-1))[..., 0] * half
        gains = parameters[..., : self.gains]
        return gains / (gains.square() + DAMPING**2) * wanted * half

    def features(self, parameters: Tensor) -> Tensor:
        """What a network reads of parameters [..., P]: M, its damped inverse, b and what cancels b, as asinh.

        A deterministic function of the parameters: the network does not have to learn to divide.
        """
        matrix, bias = self.matrix(parameters), self.bias(parameters)
        if self.full:
            inverse = damped_inverse(matrix)
            cancels = -(inverse @ bias.unsqueeze(-1)).squeeze(-1)
            shown = [matrix.flatten(-2), inverse.flatten(-2)]
        else:
            gains = parameters[..., : self.gains]
            reciprocal = gains / (gains.square() + DAMPING**2)
            cancels = -reciprocal * bias
            shown = [gains, reciprocal]
        if self.biased:
            shown += [bias, cancels]
        return torch.asinh(torch.cat(shown, dim=-1))


def damped_inverse(matrix: Tensor) -> Tensor:
    """(M^T M + d^2 I)^-1 M^T for matrices [..., A, A]: falls to zero where M does."""
    square = matrix.mT @ matrix + DAMPING**2 * torch.eye(matrix.shape[-1], dtype=matrix.dtype)
    inverse: Tensor = torch.linalg.solve(square, matrix.mT)
    return inverse
