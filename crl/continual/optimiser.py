"""Adam over a dictionary of tensors, with a clip of the gradient's norm and an average of the parameters.

The state is plain tensors in plain dictionaries, so a checkpoint restores it to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma and Ba 2015) on named tensors, updated in place.

    Args:
        parameters: Named tensors; kept by reference.
        lr: Learning rate.
        clip: Largest norm of the gradient, all tensors together.
    """

    def __init__(self, parameters: Mapping[str, Tensor], lr: float, clip: float) -> None:
        self.parameters = dict(parameters)
        self.lr = lr
        self.factor = 1.0
        self._clip = clip
        self._optimiser = torch.optim.Adam(
            list(self.parameters.values()), lr=lr, betas=(BETA1, BETA2), eps=EPSILON, fused=True
        )

    def zero(self) -> None:
        """Drop the gradients."""
        self._optimiser.zero_grad(set_to_none=True)

    def step(self) -> bool:
        """Clip the gradients' norm and move the parameters; a gradient that is not finite moves nothing.

        Returns:
            Whether the parameters moved.
        """
        gradients = [value.grad for value in self.parameters.values() if value.grad is not None]
        norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
        if not math.isfinite(norm):
            return False
        if norm > self._clip:  # scaling is a pass over all parameters: only when it changes something
            torch._foreach_mul_(gradients, self._clip / norm)
        self._optimiser.param_groups[0]["lr"] = self.lr * self.factor
        self._optimiser.step()
        return self.factor != 0.0

    def forget(self, name: str, which: Tensor) -> None:
        """Set the moments of some elements (a mask of the tensor's shape) of a named tensor to zero."""
        state = self._optimiser.state.get(self.parameters[name], {})
        for key in ("exp_avg", "exp_avg_sq"):
            if key in state:
                state[key].masked_fill_(which, 0.0)

    def lookahead(self) -> dict[str, Tensor]:
        """The change that :meth:`step` would make for the present, unclipped gradients; nothing moves."""
        changes = {}
        for name, parameter in self.parameters.items():
            gradient = parameter.grad
            if gradient is None:
                changes[name] = torch.zeros_like(parameter)
                continue
            state = self._optimiser.state.get(parameter, {})
            step = float(state["step"]) + 1 if state else 1.0
            # In place wherever possible: at this size, every new tensor costs more than its arithmetic.
            if state:
                change = torch.lerp(state["exp_avg"], gradient, 1 - BETA1)
                second = torch.mul(state["exp_avg_sq"], BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            else:
                change = (1 - BETA1) * gradient
                second = (1 - BETA2) * gradient.square()
            denominator = second.div_(1 - BETA2**step).sqrt_().add_(EPSILON)
            changes[name] = change.div_(denominator).mul_(-self.lr * self.factor / (1 - BETA1**step))
        return changes

    def state_dict(self) -> dict[str, Any]:
        """Moments and step of every tensor."""
        return {
            name: {key: value.clone() for key, value in self._optimiser.state[parameter].items()}
            for name, parameter in self.parameters.items()
            if parameter in self._optimiser.state
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            UnfitStateError: It is of other tensors than these, or not finite.
        """
        for name, moments in state.items():
            if name not in self.parameters:
                raise restoring.UnfitStateError(f"the optimiser's {name} is none of {', '.join(self.parameters)}")
            parameter = self.parameters[name]
            count = parameter.new_zeros((), dtype=torch.float32)  # whatever numbers the parameters are
            self._optimiser.state[parameter] = {
                key: restoring.tensor(value, f"{name}/{key}", count if key == "step" else parameter)
                for key, value in moments.items()
            }


class Average:
    """Bias-corrected exponential average of named tensors, taken every ``every`` steps.

    Args:
        decay: Decay per gradient step; 0 switches the average off (it then is the parameters themselves).
        every: Steps between two updates; the decay is raised to it.
    """

    def __init__(self, decay: float, every: int = 5) -> None:
        self.decay = decay
        self.every = every
        self.steps = 0
        self._weight = 0.0
        self._sums: dict[str, Tensor] = {}

    def update(self, parameters: Mapping[str, Tensor]) -> None:
        """Count a gradient step, and take the parameters into the average when it is due."""
        self.steps += 1
        if self.decay == 0.0 or self.steps % self.every:
            return
        keep = self.decay**self.every
        self._weight = keep * self._weight + (1 - keep)
        for name, parameter in parameters.items():
            if name not in self._sums:
                self._sums[name] = torch.zeros_like(parameter)
            self._sums[name].mul_(keep).add_(parameter.detach(), alpha=1 - keep)

    def of(self, parameters: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The averaged tensors; the given ones while nothing was averaged."""
        if not self._weight:
            return dict(parameters)
        return {name: total / self._weight for name, total in self._sums.items()}

    def clear(self) -> None:
        """Start a new average."""
        self.steps, self._weight, self._sums = 0, 0.0, {}

    def state_dict(self) -> dict[str, Any]:
        """Sums, weight and step counter."""
        return {
            "steps": self.steps,
            "weight": self._weight,
            "sums": {name: total.clone() for name, total in self._sums.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any], parameters: Mapping[str, Tensor]) -> None:
        """Restore what :meth:`state_dict` returned.

        Args:
            state: The state.
            parameters: The tensors that are averaged.

        Raises:
            UnfitStateError: It is of other tensors than these, or not finite.
        """
        self.steps = int(state["steps"])
        self._weight = restoring.number(state["weight"], "weight")
        self._sums = restoring.some(state["sums"], "sums", parameters)
