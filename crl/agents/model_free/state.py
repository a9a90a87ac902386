"""What an algorithm of Stable-Baselines3 has learned, as plain tensors instead of its own zip of pickles."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import torch
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import Tensor

from crl import restoring


def model_state(model: OffPolicyAlgorithm) -> dict[str, Any]:
    """Networks (targets included), optimisers' moments, learned coefficients and the count of updates.

    Which attributes those are is what the algorithm itself names for its own files, so this serves all of them.

    Returns:
        ``modules`` (by name, their tensors), ``optimisers`` (by name and parameter, their moments), ``tensors`` (by
        name) and ``updates`` (a count), all copies.
    """
    modules: dict[str, Any] = {}
    optimisers: dict[str, Any] = {}
    names, variables = model._get_torch_save_params()
    for name in names:
        part = attrgetter(name)(model)
        if isinstance(part, torch.optim.Optimizer):
            optimisers[name] = {index: _copy(entry) for index, entry in part.state_dict()["state"].items()}
        else:
            modules[name] = _copy(part.state_dict())
    tensors = {name: attrgetter(name)(model).detach().clone() for name in variables}
    return {"modules": modules, "optimisers": optimisers, "tensors": tensors, "updates": model._n_updates}


def load_model_state(model: OffPolicyAlgorithm, state: Mapping[str, Any]) -> None:
    """Restore what :func:`model_state` returned, to the bit, in a model that was made with the same settings.

    Raises:
        UnfitStateError: It is of other parts or shapes, or not finite.
    """
    names, variables = model._get_torch_save_params()
    parts = {name: attrgetter(name)(model) for name in names}
    optimisers = {name: part for name, part in parts.items() if isinstance(part, torch.optim.Optimizer)}
    for name in parts.keys() - optimisers.keys():
        saved = restoring.same(state["modules"][name], f"modules/{name}", parts[name].state_dict())
        parts[name].load_state_dict(saved)
    for name, optimiser in optimisers.items():
        groups = optimiser.state_dict()["param_groups"]  # settings, which are not part of the state
        moving = [parameter for group in optimiser.param_groups for parameter in group["params"]]
        own = {
            index: _moments(entry, f"optimisers/{name}/{index}", moving[index])
            for index, entry in state["optimisers"][name].items()
        }
        optimiser.load_state_dict({"state": own, "param_groups": groups})
    learned = {name: attrgetter(name)(model) for name in variables}
    with torch.no_grad():
        for name, value in restoring.same(state["tensors"], "tensors", learned).items():
            learned[name].copy_(value)
    model._n_updates = int(state["updates"])


def _moments(entry: Mapping[str, Any], name: str, parameter: Tensor) -> dict[str, Any]:
    """An optimiser's moments of a parameter, copied: the optimiser takes tensors over, and goes on to change them."""
    step = torch.empty((), dtype=parameter.dtype)  # it stays in the processor's memory
    return {
        key: restoring.tensor(value, f"{name}/{key}", step if key == "step" else parameter)
        for key, value in entry.items()
    }


def is_finite(state: Any) -> bool:
    """Whether all numbers of a nested state are finite."""
    if isinstance(state, Mapping):
        return all(is_finite(value) for value in state.values())
    return not isinstance(state, Tensor) or bool(torch.isfinite(state).all())


def _copy(entries: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.detach().clone() if isinstance(value, Tensor) else value for name, value in entries.items()}
