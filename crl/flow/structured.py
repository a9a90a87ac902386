"""Identification by least squares on a known channel structure (:mod:`crl.flow.channels`).

The change that a transition shows is explained by the nominal model at the command u = M a + b. Gauss-Newton on the
parameters of M and b, with the model linearised at the commands found so far; a Gaussian prior around the nominal
body decides what the window leaves open, so that a channel without commands stays nominal. Each transition
counts in proportion to its command (the derivative of u by a gain is the command itself) and to its normalised
residual, in which a share of the effect is forgiven. Structures are tried from the smallest on (one
gain, all gains, biases too, the whole matrix), and more parameters have to earn their place: twenty fit any five
transitions, and a channel that was hardly used would get any gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.config_missions import FlowConfig
from crl.flow.box import Box
from crl.flow.channels import Channels
from crl.flow.detection import Calibration
from crl.flow.nominal import Nominal, doubled, lags, linearise
from crl.flow.regime import Estimate, Window

ITERATIONS = 3
SHUT = 1e-8
"""Share of the prior's variance that a parameter has in a structure without it."""
ENOUGH = 1e-3
"""Change of all parameters (dimensionless) below which another iteration is not worth its time."""


class StructuredIdentifier:
    """Least squares on the channel structure ``config.structure``; the context is the deviation from nominal, [P].

    Args:
        config: Structure, priors and relative error.
        box: The action box.
        nominal: The nominal model.
        calibration: Distribution of its residuals.
    """

    def __init__(self, config: FlowConfig, box: Box, nominal: Nominal, calibration: Calibration) -> None:
        self.channels = Channels(config.structure, box)
        self.size = self.channels.size
        self.features_size = int(self.channels.features(self.channels.nominal).shape[-1])
        self.nominal = torch.zeros(self.size)
        self.relative_error = config.relative_error
        self._prior = self.channels.prior_std(config).square().reciprocal()
        free = self.channels.nested()
        self._priors = self._prior / free.clamp_min(SHUT)
        self._free = free.sum(dim=1)
        self._box = box
        self._model = nominal
        self._calibration = calibration

    def identify(self, window: Window) -> Estimate:
        """Contexts [R, P] of windows; the confidence is the share of the prior's variance that is gone.

        The share is that of the parameters of the structure that was found.
        Of the structures within the wanted one, each window gets that of the least Bayesian information criterion
        (Schwarz 1978), its residuals counted in units of the nominal ones' allowance.
        """
        count, steps = window.weight.shape
        observation, action, change = window.flat()
        weight = self._weights(observation, action, change) * window.weight.flatten().double()
        rows = (observation, action, change, weight)
        seen = window.weight.sum(dim=1).double() * self._calibration.mean.shape[0]
        if count == 1:  # all structures at once: one window is too small a batch to keep a processor busy
            kinds = len(self._free)
            repeated = [part.repeat(kinds, *[1] * (part.ndim - 1)) for part in rows]
            contexts, cost, sure = self._solve(
                (repeated[0], repeated[1], repeated[2], repeated[3]), steps, self._priors
            )
            chosen = int((cost / self._calibration.drift + self._free * torch.log(seen.clamp_min(2.0))).argmin())
            return Estimate(contexts[[chosen]], sure[[chosen]])
        best = torch.zeros(count, self.size)
        least = torch.full((count,), torch.inf, dtype=torch.float64)
        confidence = torch.zeros(count)
        for prior, free in zip(self._priors, self._free, strict=True):
            contexts, cost, sure = self._solve(rows, steps, prior.expand(count, -1))
            criterion = cost / self._calibration.drift + free * torch.log(seen.clamp_min(2.0))
            better = criterion < least
            best = torch.where(better.unsqueeze(-1), contexts, best)
            confidence = torch.where(better, sure, confidence)
            least = torch.where(better, criterion, least)
        return Estimate(best, confidence)

    def _solve(
        self, rows: tuple[Tensor, Tensor, Tensor, Tensor], steps: int, prior: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gauss-Newton under prior precisions [R, P]: contexts [R, P], costs [R] and confidences [R]."""
        observation, action, change, weight = rows
        count = action.shape[0] // steps
        model, box, sent = self._model, self._box, [action]
        if lags(model):
            sent.append(observation[..., lags(model)])
            model, box = doubled(model, box)
        design = torch.cat([self.channels.design(part.double()) for part in sent], dim=-2)
        parameters = self.channels.nominal.expand(count, -1)
        best, least, found = parameters, torch.full((count,), torch.inf, dtype=torch.float64), None
        for _ in range(ITERATIONS + 1):
            repeated = parameters.repeat_interleave(steps, dim=0)
            commands = [self.channels.effective(part.double(), repeated) for part in sent]
            inside = box.clip(torch.cat(commands, dim=-1)).to(action)
            value, derivative = linearise(model, observation, inside, box)
            slope = self._calibration.whitener @ derivative.double()
            # Everything is linear in the command from here on: its nominal value is in the target.
            at = (inside / box.half).double().unsqueeze(-1)
            target = self._calibration.whiten(change.double() - value.double()) + (slope @ at).squeeze(-1)
            scale = weight.sqrt().view(-1, 1, 1)
            matrix = (scale * (slope @ design)).view(count, -1, self.size)
            target = (scale.squeeze(-1) * target).view(count, -1)
            cost = (target - (matrix @ parameters.unsqueeze(-1)).squeeze(-1)).square().sum(dim=-1)
            cost = cost + (prior * (parameters - self.channels.nominal).square()).sum(dim=-1)
            better = cost < least
            best = torch.where(better.unsqueeze(-1), parameters, best)
            least = torch.where(better, cost, least)
            precision = matrix.mT @ matrix + torch.diag_embed(prior)
            found = precision
            right = (matrix.mT @ target.unsqueeze(-1)).squeeze(-1) + prior * self.channels.nominal
            solved = torch.linalg.solve(precision, right)
            if float((solved - parameters).abs().max()) < ENOUGH:
                break
            parameters = solved
        left = torch.linalg.inv(found).diagonal(dim1=-2, dim2=-1) * self._prior
        free = (prior < 2 * self._prior).double()  # what a structure does not have can't be known
        confidence = (1 - (free * left).sum(dim=-1) / free.sum(dim=-1)).clamp(0, 1).float()
        return (best - self.channels.nominal).float(), least, confidence

    def _weights(self, observation: Tensor, action: Tensor, change: Tensor) -> Tensor:
        effect = (change - self._model(observation, action)).double() @ self._calibration.whitener.mT
        return 1 / (1 + self.relative_error**2 * effect.square().mean(dim=-1))

    def parameters(self, context: Tensor) -> Tensor:
        """Parameters of the structure, [..., P], of contexts."""
        return context + self.channels.nominal.to(context)

    def context_of(self, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
        """The context [P] of given M [A, A] and b [A] (in half ranges), as far as the structure has them."""
        parts = [matrix.flatten() if self.channels.full else matrix.diagonal()]
        if self.channels.biased:
            parts.append(torch.zeros(self._box.size) if bias is None else bias)
        return (torch.cat(parts).double() - self.channels.nominal).float()

    def effective(self, action: Tensor, context: Tensor) -> Tensor:
        """See :class:`~crl.flow.regime.Identifier`."""
        return self.channels.effective(action, self.parameters(context))

    def undone(self, action: Tensor, context: Tensor) -> Tensor:
        """See :class:`~crl.flow.regime.Identifier`."""
        return self.channels.undone(action, self.parameters(context))

    def features(self, context: Tensor) -> Tensor:
        """See :class:`~crl.flow.regime.Identifier`."""
        return self.channels.features(self.parameters(context))

    def state_dict(self) -> dict[str, Any]:
        """The structure; there is nothing to learn."""
        return {"kind": "structured", "structure": self.channels.structure}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Check that the structure is the one in force.

        Raises:
            CrlError: It is another one.
        """
        from crl.errors import CrlError

        if state.get("kind") != "structured" or state.get("structure") != self.channels.structure:
            kept = state.get("structure", state.get("kind"))
            raise CrlError(
                f"the flow was fitted for contexts of the structure {kept!r}, this identifier has the structure "
                f"{self.channels.structure!r}",
                f"set flow.structure={kept} or fit the flow again",
            )
