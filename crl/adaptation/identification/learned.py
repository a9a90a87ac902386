"""Identification by learning: a set encoder (Zaheer et al. 2017) trained on simulated regimes.

Each transition says, in local coordinates, which nominal command would have done what the executed one did. This
difference is the residual of the nominal model, mapped back through its derivative by the action. A network reads each
transition (command, difference, their second moments, and the length of the residual that no command explains). A gated
mean makes one vector of the set, and a second network makes the context c of it. The set's linear trend is an input,
too: the differences regressed on the commands in closed form, with a *learned* prior precision per coefficient
(Harrison et al. 2018, ALPaCA). Two transitions are too few for a network to learn to divide. A decoder predicts from
(a, c) which nominal command the body will execute: a map linear in a, made from c, plus a network of both. All parts
are trained together to predict *other* transitions of the same regime.

It is no identifier without a structure: the trend, the decoder's linear part and the inverse are those of a body that
is affine in its commands, and :class:`~crl.adaptation.identification.simulator.ChannelRegimes` shows it no other. What
is learned beside them corrects that, and is small (a tenth) at first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn.functional import smooth_l1_loss

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.channels import Channels
from crl.adaptation.identification.identifier import Estimate, Identifier, Information
from crl.adaptation.identification.responses import Responses
from crl.adaptation.identification.simulator import RegimeSimulator, simulated_windows
from crl.adaptation.identification.transitions import Window
from crl.adaptation.nominal_model import NominalModel, command_slope
from crl.config.sections.flow import FlowConfig
from crl.dynamics.network import TargetNetwork
from crl.errors import CrlError
from crl.seeding import torch_generator
from crl.types import Told, untold

LIMIT = 3.0
"""Greatest asinh of a decoded difference: about 10 half ranges."""


class LearnedIdentifier(Identifier):
    """A set encoder with its decoder around an affine trend; call :meth:`fit` or :meth:`load_state_dict` before use.

    Args:
        config: Sizes and training.
        box: The action box.
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        seed: Seed of the first weights and of the training data.

    Attributes:
        KIND: Its name in states.
    """

    KIND: ClassVar[str] = "learned"

    def __init__(
        self, config: FlowConfig, box: Box, nominal: NominalModel, calibration: Calibration, seed: int = 0
    ) -> None:
        size = box.size
        inputs = 2 * size + (1 + 2 * size) * (2 + 2 * size) // 2 + 1
        pooled = config.encoder.hidden[-1]
        trend = size * (1 + size)
        self.size = config.encoder.context
        self._channels = Channels("affine", box)
        self.features_size = config.encoder.context + int(self._channels.features(self._channels.nominal).shape[-1])
        self.nominal = torch.zeros(config.encoder.context)
        self.relative_error = config.encoder.relative_error
        self.fed_back = Responses(nominal.measured, box).sharing
        self.affine = False
        self._config, self._box, self._model, self._calibration = config, box, nominal, calibration
        self._seed = seed
        self._each = TargetNetwork(inputs, config.encoder.hidden, pooled + 1)
        self._whole = TargetNetwork(pooled + 1 + trend, config.encoder.hidden, config.encoder.context)
        self._decoder = TargetNetwork(size + config.encoder.context, config.encoder.hidden, size)
        generator = torch_generator(seed, "set-encoder")
        self._weights = [net.initial(generator) for net in (self._each, self._whole, self._decoder)]
        self._weights.append(torch.full((size, 1 + size), math.log(1e-2)))  # log prior precision of the trend
        for rows, columns in ((trend, config.encoder.context), (config.encoder.context, trend)):
            self._weights.append(torch.randn(rows, columns, generator=generator) / math.sqrt(rows))
        self._probes = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=size)))
        self._upper = torch.triu_indices(1 + 2 * size, 1 + 2 * size)

    def identify(self, window: Window, start: Tensor | None = None, information: Information | None = None) -> Estimate:
        """Contexts [R, C], of the windows alone: a set is encoded as a whole.

        The confidence is the share of the regime's effect that the context explains.
        """
        with torch.no_grad():
            difference, rest = self._differences(window)
            context = self._encode(window, difference, rest)
            decoded = self._decode(window.action, context.unsqueeze(1).expand(-1, window.action.shape[1], -1))
            weight = window.weight.unsqueeze(-1)
            error = (weight * (decoded - difference).square()).sum(dim=(1, 2))
            effect = (weight * difference.square()).sum(dim=(1, 2)).clamp_min(1e-12)
            return Estimate(context, (1 - error / effect).clamp(0, 1))

    def effective(self, action: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`; the nominal context (all zeros) leaves actions as they are."""
        with torch.no_grad():
            difference = self._decode(action, context) * self._box.half.to(action)
        known = context.any(dim=-1, keepdim=True)
        return torch.where(known, action + difference, action)

    def usable_share(self, context: Tensor) -> Tensor:
        """See :class:`Identifier`: all of it. Contexts hold no slow responses."""
        return torch.ones(*context.shape[:-1], self._box.size)

    def inverse_command(self, command: Tensor, context: Tensor) -> Tensor:
        """See :class:`Identifier`: the inverse of the decoder's trend."""
        with torch.no_grad():
            return self._channels.inverse_command(
                command, self._affine(context.reshape(-1, self.size)).view(*context.shape[:-1], -1)
            )

    def features(self, context: Tensor) -> Tensor:
        """The context (as asinh), and its decoder's trend: map, bias, and their damped inverses."""
        with torch.no_grad():
            flat = context.reshape(-1, self.size)
            shown = torch.cat([torch.asinh(flat), self._channels.features(self._affine(flat))], dim=-1)
            return shown.view(*context.shape[:-1], self.features_size)

    def _affine(self, context: Tensor) -> Tensor:
        """Map and bias of the decoder's trend for contexts [N, C], as parameters of the structure ``affine``."""
        unit = self._probes
        flat = context.unsqueeze(1).expand(-1, unit.shape[0], -1)
        commands = unit + self._decode((unit * self._box.half).expand(len(flat), -1, -1), flat)
        # Least squares on a symmetric grid: the columns are orthogonal.
        matrix = commands.mT @ unit / unit[:, 0].square().sum()
        return torch.cat([matrix.flatten(1), commands.mean(dim=1)], dim=-1)

    def fit(self, simulator: RegimeSimulator, told: Told = untold) -> None:
        """Train encoder and decoder on simulated regimes."""
        self.train(simulator, told=told)

    def train(self, simulator: RegimeSimulator, updates: int | None = None, told: Told = untold) -> float:
        """Take gradient steps, ``flow.encoder.updates`` by default; returns the mean loss of the last tenth."""
        config = self._config
        count = config.encoder.updates if updates is None else updates
        generator = torch_generator(self._seed, "set-encoder-training")
        self._weights = [weight.detach().clone().requires_grad_(True) for weight in self._weights]
        optimiser = torch.optim.Adam(self._weights, lr=config.field.lr)
        losses = []
        for step in range(count):
            for group in optimiser.param_groups:
                group["lr"] = 0.5 * config.field.lr * (1 + math.cos(math.pi * step / count))
            loss = self._loss(simulator, generator)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._weights, 5.0)
            optimiser.step()
            losses.append(float(loss.detach()))
            told("learned identifier", step + 1, count)
        self._weights = [weight.detach() for weight in self._weights]
        tail = losses[-max(1, count // 10) :]
        return sum(tail) / max(1, len(tail))

    def _loss(self, simulator: RegimeSimulator, generator: torch.Generator) -> Tensor:
        """Huber loss of decoded differences (as asinh) on transitions that the context was not made from."""
        regime = simulator.regimes(self._config.encoder.batch, generator)
        seen = simulated_windows(simulator, regime, self._config.tracking.window, self._calibration, generator)
        other = simulated_windows(simulator, regime, self._config.tracking.window, self._calibration, generator)
        context = self._encode(seen, *self._differences(seen))
        truth, _ = self._differences(other)
        decoded = self._decode(other.action, context.unsqueeze(1).expand(-1, other.action.shape[1], -1), raw=True)
        return smooth_l1_loss(decoded, torch.asinh(truth).clamp(-LIMIT, LIMIT), beta=0.1) / 0.1

    def _differences(self, window: Window) -> tuple[Tensor, Tensor]:
        """Nominal minus executed commands in half ranges, [R, N, A], and the length of what remains, [R, N, 1]."""
        observation, action, change = window.flat()
        # The regime acted on the command before as it does on this one.
        value, derivative = command_slope(self._model, observation, action, self._box)
        slope = self._calibration.whitener @ derivative.double()
        residual = self._calibration.whiten(change - value)
        square = slope.mT @ slope
        # The ridge is of the size of the noise: an element without effect has no difference.
        square = square + torch.eye(self._box.size, dtype=torch.float64)
        difference = torch.linalg.solve(square, (slope.mT @ residual.unsqueeze(-1)).squeeze(-1))
        remaining = residual - (slope @ difference.unsqueeze(-1)).squeeze(-1)
        rest = torch.log1p(remaining.square().mean(dim=-1, keepdim=True)) / 10
        shape = (*window.weight.shape, -1)
        return difference.float().view(shape), rest.float().view(shape)

    def _encode(self, window: Window, difference: Tensor, rest: Tensor) -> Tensor:
        pooled, steps = self._pooled(window, difference, rest)
        scaled = window.action / self._box.half.to(window.action)
        trend = self._trend(scaled, difference, window.weight).flatten(1)
        whole = torch.cat([pooled, steps, torch.asinh(trend)], dim=-1)
        return trend @ self._weights[4] + 0.1 * self._whole.forward(self._weights[1], whole.unsqueeze(0))[0]

    def _pooled(self, window: Window, difference: Tensor, rest: Tensor) -> tuple[Tensor, Tensor]:
        """The gated mean of what the network makes of the transitions, [R, H], and how many there are (log), [R, 1]."""
        scaled = window.action / self._box.half.to(window.action)
        terms = torch.cat([torch.ones_like(rest), scaled, difference], dim=-1)
        moments = (terms.unsqueeze(-1) * terms.unsqueeze(-2))[..., self._upper[0], self._upper[1]]
        inputs = torch.cat([scaled, torch.asinh(difference), torch.asinh(moments), rest], dim=-1)
        each = self._each.forward(self._weights[0], inputs.flatten(0, 1).unsqueeze(0))[0]
        each = each.view(*window.weight.shape, -1)
        gate = each[..., :1].clamp(-8, 8).exp() * window.weight.unsqueeze(-1)
        total = gate.sum(dim=1)
        pooled = (gate * each[..., 1:]).sum(dim=1) / total.clamp_min(1e-9)
        return pooled, torch.log1p(window.weight.sum(dim=1, keepdim=True))

    def _trend(self, scaled: Tensor, difference: Tensor, weight: Tensor) -> Tensor:
        """Coefficients [R, A, 1 + A] of differences on (1, commands): ridge with the learned precision of each."""
        columns = torch.cat([torch.ones_like(scaled[..., :1]), scaled], dim=-1) * weight.unsqueeze(-1)
        square = (columns.mT @ columns).unsqueeze(1) + torch.diag_embed(self._weights[3].exp())
        right = (columns.mT @ difference).mT.unsqueeze(-1)
        coefficients: Tensor = torch.linalg.solve(square, right)[..., 0]
        return coefficients

    def _decode(self, action: Tensor, context: Tensor, *, raw: bool = False) -> Tensor:
        scaled = action / self._box.half.to(action)
        size = self._box.size
        linear = (context @ self._weights[5]).unflatten(-1, (size, 1 + size))
        trend = linear[..., 0] + (linear[..., 1:] @ scaled.unsqueeze(-1)).squeeze(-1)
        out = torch.asinh(trend) + 0.1 * self._nonlinear(action, context)
        return out if raw else self._unscaled(out)

    def _nonlinear(self, action: Tensor, context: Tensor) -> Tensor:
        """What the decoder's network makes of actions [..., A] under contexts [..., C], [..., A]."""
        inputs = torch.cat([action / self._box.half.to(action), torch.asinh(context)], dim=-1)
        flat = inputs.reshape(1, -1, inputs.shape[-1])
        return self._decoder.forward(self._weights[2], flat)[0].view(action.shape)

    @staticmethod
    def _unscaled(decoded: Tensor) -> Tensor:
        """Differences of commands (half ranges), of what is learned of them."""
        return torch.sinh(decoded.clamp(-LIMIT, LIMIT))

    def state_dict(self) -> dict[str, Any]:
        """All weights."""
        return {"kind": self.KIND, "weights": [weight.detach().clone() for weight in self._weights]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            CrlError: It is the state of another identifier, or of other sizes.
        """
        sizes = [weight.shape for weight in self._weights]
        if state.get("kind") != self.KIND or [weight.shape for weight in state["weights"]] != sizes:
            raise CrlError(
                f"the identifier's state ({state.get('kind')}) does not fit a {self.KIND} identifier of these sizes",
                "set flow.encoder.context and flow.encoder.hidden as they were, or fit again",
            )
        saved = enumerate(zip(state["weights"], self._weights, strict=True))
        self._weights = [restoring.tensor(weight, f"weights[{i}]", like) for i, (weight, like) in saved]
