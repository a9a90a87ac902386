"""Identification by least squares on a known channel structure (:mod:`crl.adaptation.identification.channels`).

A transition is explained by the nominal model at the command u = M a + b. Gauss-Newton finds the parameters of M and b,
with the model linearised at the commands found so far. A Gaussian prior around the nominal body decides what the window
does not determine, so that a channel without commands stays nominal. Parameters are selected one by one
(:mod:`crl.adaptation.identification.selection`), because twenty parameters fit any five transitions. A transition
counts in proportion to its command (the derivative of u by a gain is the command itself) and to its normalised
residual. The model-error allowance, a share of the effect, reduces its weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.channels import Channels
from crl.adaptation.identification.identifier import Estimate, Identifier, Information
from crl.adaptation.identification.responses import Responses
from crl.adaptation.identification.selection import select
from crl.adaptation.identification.transitions import Window
from crl.adaptation.nominal_model import Change, NominalModel, doubled, linearise
from crl.config.sections.flow import IdentificationConfig
from crl.errors import CrlError

ITERATIONS = 3
RESPONSE = 4.0
"""k in the BIC penalty ``k ln(n) / 2`` of a slow response, with n data. A gain's is smaller, since a gain can be
corrected."""
ENOUGH = 1e-3
"""Greatest change of a parameter (dimensionless) at which the iteration stops."""


class StructuredIdentifier(Identifier):
    """Least squares on the channel structure ``config.structure`` and on slow responses.

    The context is the deviation of the structure's parameters from nominal and the slowness of the responses, [P + R].

    Args:
        config: Structure, priors and relative error.
        box: The action box.
        nominal: The nominal model.
        calibration: Distribution of its residuals.

    Attributes:
        prior_variance: Variances that the elements of a context have a priori, float64 [C].
    """

    def __init__(self, config: IdentificationConfig, box: Box, nominal: NominalModel, calibration: Calibration) -> None:
        self.channels = Channels(config.structure, box)
        self.responses = Responses(nominal.measured, box)
        self.size = self.channels.size + self.responses.size
        self.features_size = int(self.channels.features(self.channels.nominal).shape[-1])
        self.nominal = torch.zeros(self.size)
        self.relative_error = config.relative_error
        self.fed_back = self.responses.sharing
        self.affine = True
        slow = torch.ones(self.responses.size, dtype=torch.float64)
        self.prior_variance = torch.cat([self.channels.prior_std(config), config.prior_response * slow]).square()
        self._penalties = torch.cat([self.channels.penalties(config), RESPONSE / 2 * slow]).numpy()
        self._box = box
        self._model = nominal
        self._calibration = calibration

    def identify(self, window: Window, start: Tensor | None = None, information: Information | None = None) -> Estimate:
        """Contexts [R, C] of windows; see :class:`~crl.adaptation.identification.identifier.Identifier`.

        The confidence is the share of the prior's variance that the data remove, over the parameters that deviate.
        """
        equations = self._equations(window)
        count = len(window.weight)
        before = information or Information(
            torch.zeros(self.size, self.size).double(), torch.zeros(self.size).double(), 0.0
        )
        found = torch.zeros(count, self.size, dtype=torch.float64)
        if start is not None:
            found = found + start.double()
        best, least = found, torch.full((count,), torch.inf, dtype=torch.float64)
        variance = self.prior_variance.expand_as(found)
        for iteration in range(ITERATIONS + 1):
            matrix, target = equations(found)
            rows = Information(matrix.mT @ matrix, (matrix.mT @ target.unsqueeze(-1)).squeeze(-1), 1.0)
            gram = before.matrix + rows.matrix.view(count, -1, self.size, self.size).sum(dim=1)
            right = before.vector + rows.vector.view(count, -1, self.size).sum(dim=1)
            square = target.square().view(count, -1).sum(dim=-1)
            fitted = (found * ((gram @ found.unsqueeze(-1)).squeeze(-1) - 2 * right)).sum(dim=-1)
            cost = square + fitted + (found.square() / self.prior_variance).sum(dim=-1)
            better = cost < least
            best = torch.where(better.unsqueeze(-1), found, best)
            least = torch.where(better, cost, least)
            if iteration == ITERATIONS:
                break
            solved, variance = self._select(gram, right, window.weight.sum(dim=-1) + before.steps)
            if float((solved - found).abs().max()) < ENOUGH:
                best = solved  # so near that the equations still hold
                break
            found = solved
        deviates = (variance < self.prior_variance).double()
        explained = 1 - variance / self.prior_variance
        confidence = ((deviates * explained).sum(dim=-1) / deviates.sum(dim=-1).clamp_min(1)).float()
        return Estimate(best.float(), confidence, rows)

    def _equations(self, window: Window) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
        """Linear equations X c = y in unit noise, [R * N, D, C] and [R * N, D], for contexts near given ones [R, C]."""
        steps = window.weight.shape[1]
        observation, action, change = window.flat()
        weight = self._weights(observation, action, change) * window.weight.flatten().double()
        model: Change = self._model
        box, sent = self._box, [action]
        if self._model.lags:
            sent.append(observation[..., self._model.lags])
            model, box = doubled(self._model, box)
        fixed = [self.channels.design(part.double()) for part in sent]
        scale = (weight / self._calibration.allowance).sqrt().view(-1, 1, 1)

        def equations(found: Tensor) -> tuple[Tensor, Tensor]:
            context = found.repeat_interleave(steps, dim=0)
            wanted = [self.effective(part.double(), context) for part in sent]
            slowness = context[:, self.channels.size :]
            commands = torch.cat([self.responses.slowed(part, observation, slowness) for part in wanted], dim=-1)
            inside = box.clip(commands).to(action)
            value, derivative = linearise(model, observation, inside, box)
            slope = self._calibration.whitener @ derivative.double()
            share = self.responses.immediate(slowness).unsqueeze(-1)
            parts = [
                torch.cat([share * part, self.responses.design(command, observation)], dim=-1)
                for part, command in zip(fixed, wanted, strict=True)
            ]
            design = torch.cat(parts, dim=-2)
            # Everything is linear in the parameters from here on: the residual at zero deviation.
            at = (inside - commands) / box.half.double() + (design @ context.unsqueeze(-1)).squeeze(-1)
            target = self._calibration.whiten(change.double() - value.double()) + (slope @ at.unsqueeze(-1)).squeeze(-1)
            return scale * (slope @ design), scale[..., 0] * target

        return equations

    def _select(self, gram: Tensor, right: Tensor, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Parameters and their variances [R, P] of each window, from ``steps`` [R] transitions."""
        results = []
        for one, of, rows in zip(gram, right, steps, strict=True):
            seen = max(2.0, float(rows) * len(self._calibration.mean))
            penalty = self._penalties * math.log(seen)
            results.append(select(one.numpy(), of.numpy(), self.prior_variance.numpy(), penalty))
        found, variance = (torch.from_numpy(np.stack(part)) for part in zip(*results, strict=True))
        return found, variance

    def _weights(self, observation: Tensor, action: Tensor, change: Tensor) -> Tensor:
        effect = (change - self._model(observation, action)).double() @ self._calibration.whitener.mT
        return 1 / (1 + self.relative_error**2 * effect.square().mean(dim=-1))

    def parameters(self, context: Tensor) -> Tensor:
        """Parameters of the structure, [..., P], of contexts."""
        return context[..., : self.channels.size] + self.channels.nominal.to(context)

    def context_of(self, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        """The context [P] of given M [A, A] and b [A] (in half ranges), as far as the structure has them."""
        parts = [matrix.flatten() if self.channels.full else matrix.diagonal()]
        if self.channels.biased:
            parts.append(torch.zeros(self._box.size) if bias is None else bias)
        return self._context((torch.cat(parts).double() - self.channels.nominal).float())

    def _context(self, deviation: Tensor) -> Tensor:
        """Contexts [..., C] of deviations of the structure's parameters [..., P], without slow responses."""
        return torch.cat([deviation, deviation.new_zeros(*deviation.shape[:-1], self.responses.size)], dim=-1)

    def describes(self, regime: Tensor) -> Tensor | None:
        """See :class:`Identifier`: the parameters themselves, if they are of this structure."""
        if regime.shape[-1] != self.channels.size:
            return None
        return self._context((regime.double() - self.channels.nominal).float())

    def effective(self, action: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`."""
        return self.channels.effective(action, self.parameters(context))

    def predicted_command(self, observation: Tensor, action: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`: effective commands, answered slowly."""
        slowness = context[..., self.channels.size :]
        return self.responses.slowed(self.effective(action, context), observation, slowness)

    def usable_share(self, context: Tensor) -> Tensor:
        """See :class:`Identifier`: by slowness and by shared actuators."""
        strength = self.channels.matrix(self.parameters(context)).diagonal(dim1=-2, dim2=-1).abs()
        return self.responses.usable_share(context[..., self.channels.size :], strength)

    def inverse_command(self, command: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`."""
        return self.channels.inverse_command(command, self.parameters(context))

    def features(self, context: Tensor) -> Tensor:
        """See :class:`Identifier`."""
        return self.channels.features(self.parameters(context))

    def state_dict(self) -> dict[str, Any]:
        """The structure; there is nothing to learn."""
        return {"kind": "structured", "structure": self.channels.structure}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that the structure is the one in force.

        Raises:
            CrlError: It is another one.
        """
        if state.get("kind") != "structured" or state.get("structure") != self.channels.structure:
            kept = state.get("structure", state.get("kind"))
            raise CrlError(
                f"the flow was fitted for contexts of the structure {kept!r}, this identifier has the structure "
                f"{self.channels.structure!r}",
                f"set flow.identification.structure={kept} or fit the flow again",
            )
