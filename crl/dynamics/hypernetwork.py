"""Task-conditional hypernetworks: embedding e_t -> all weights w of the target network.

Source: von Oswald, Henning, Sacramento, Grewe, *Continual learning with hypernetworks*, ICLR 2020; used for
dynamics models by Huang et al., *Continual model-based RL with hypernetworks*, ICRA 2021.

All tasks go through the network as one batch [T, N] -> [T, P]. Parameters are an explicit dictionary, so that
the regulariser can be evaluated at shifted parameters without copying a network per task.

Deviations, by option: ``init="base"`` starts from an ordinary network in the head's bias with small head
weights, so that training starts like an ordinary network's; ``init="xavier"`` is the published one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from crl.config import HypernetworkConfig
from crl.dynamics.network import ACTIVATIONS, TargetNetwork
from crl.dynamics.output_distance import OutputDistance, pays
from crl.errors import SettingsError

Parameters = dict[str, Tensor]
Distance = Callable[[Mapping[str, Tensor]], Tensor]
"""Maps Theta to a sum over tasks (scalar)."""


@runtime_checkable
class Hypernetwork(Protocol):
    """Generates target weights from embeddings."""

    target: TargetNetwork

    def initial(self, generator: torch.Generator) -> Parameters:
        """Fresh parameters Theta."""
        ...

    def generate(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Tensor:
        """Weights [T, P] for embeddings [T, N]."""
        ...

    def distance_from(self, anchor: Mapping[str, Tensor], embeddings: Tensor) -> Distance | None:
        """What sums the squared distances of the weights of many tasks from those of a snapshot, if that saves time.

        Args:
            anchor: The snapshot Theta*.
            embeddings: Embeddings [T, N] of the tasks, which stay as they are.

        Returns:
            A function of Theta, or ``None``: their weights have to be generated.
        """
        ...


class FullHypernetwork:
    """Trunk [N -> hidden...] and one linear head per target tensor, held as one [hidden, P] matrix.

    Args:
        config: Sizes, activation and initialisation.
        target: The network whose weights are generated.
    """

    def __init__(self, config: HypernetworkConfig, target: TargetNetwork) -> None:
        self.config = config
        self.target = target

    def initial(self, generator: torch.Generator) -> Parameters:
        """Fresh parameters Theta (Xavier trunk, zero trunk biases)."""
        parameters = _trunk(self.config.embedding, self.config.hidden, generator)
        hidden = self.config.hidden[-1]
        noise = torch.randn(hidden, self.target.size, generator=generator)
        if self.config.init == "base":
            base = self.target.initial(generator)
            scale = self.config.head_scale / math.sqrt(hidden)
            parameters["head.weight"] = noise * (scale * _spread_of(self.target))
            parameters["head.bias"] = base
        else:
            parameters["head.weight"] = noise * _head_std(self.target, hidden)
            parameters["head.bias"] = torch.zeros(self.target.size)
        return parameters

    def generate(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Tensor:
        """Weights [T, P] for embeddings [T, N]."""
        return torch.addmm(parameters["head.bias"], self.features(parameters, embeddings), parameters["head.weight"])

    def features(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Tensor:
        """What the head reads, [T, hidden], for embeddings [T, N]."""
        return _through_trunk(parameters, embeddings, len(self.config.hidden), self.config.activation)

    def distance_from(self, anchor: Mapping[str, Tensor], embeddings: Tensor) -> Distance | None:
        """The Gram form of the sum, beyond its crossover; see :mod:`crl.dynamics.output_distance`."""
        if not pays(len(embeddings), self.config.hidden[-1]):
            return None

        def last_layer(parameters: Mapping[str, Tensor]) -> Tensor:
            return _through_trunk(parameters, embeddings, len(self.config.hidden), self.config.activation)

        with torch.no_grad():
            summed = OutputDistance(anchor["head.bias"], anchor["head.weight"], last_layer(anchor))
        return lambda parameters: summed(parameters["head.bias"], parameters["head.weight"], last_layer(parameters))


class ChunkedHypernetwork:
    """One small network maps (e_t, chunk embedding c_k) to the k-th chunk of w; all chunks are one batch.

    Args:
        config: Sizes, activation, initialisation, chunk length and chunk embedding.
        target: The network whose weights are generated.
    """

    def __init__(self, config: HypernetworkConfig, target: TargetNetwork) -> None:
        self.config = config
        self.target = target
        self.chunks = math.ceil(target.size / config.chunk)

    def initial(self, generator: torch.Generator) -> Parameters:
        """Fresh parameters Theta, the chunk embeddings among them."""
        config = self.config
        parameters = _trunk(config.embedding + config.chunk_embedding, config.hidden, generator)
        parameters["chunks"] = torch.randn(self.chunks, config.chunk_embedding, generator=generator)
        hidden = config.hidden[-1]
        noise = torch.randn(hidden, config.chunk, generator=generator)
        if config.init == "base":
            parameters["base"] = self.target.initial(generator)
            # One deviation for all chunks: the mean of what the target's layers would have.
            scale = config.head_scale * float(_spread_of(self.target).mean()) / math.sqrt(hidden)
        else:
            scale = math.sqrt(2 / (hidden + config.chunk))
        parameters["head.weight"] = noise * scale
        parameters["head.bias"] = torch.zeros(config.chunk)
        return parameters

    def generate(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Tensor:
        """Weights [T, P] for embeddings [T, N]."""
        tasks = embeddings.shape[0]
        chunks = parameters["chunks"]
        pairs = torch.cat(
            [
                embeddings.unsqueeze(1).expand(-1, self.chunks, -1),
                chunks.unsqueeze(0).expand(tasks, -1, -1),
            ],
            dim=-1,
        ).flatten(0, 1)
        hidden = _through_trunk(parameters, pairs, len(self.config.hidden), self.config.activation)
        flat = torch.addmm(parameters["head.bias"], hidden, parameters["head.weight"])
        weights = flat.view(tasks, -1)[:, : self.target.size]
        return weights + parameters["base"] if "base" in parameters else weights

    def distance_from(self, anchor: Mapping[str, Tensor], embeddings: Tensor) -> Distance | None:
        """``None``: each chunk has a bias of its own, so that the sum has no smaller form."""
        del anchor, embeddings
        return None


class RecurrentHypernetwork(ChunkedHypernetwork):
    """A gated recurrent unit makes chunk after chunk, so that each depends on those before (Chandra et al. 2023).

    s_k = GRU((e_t, c_k), s_{k-1}), s_0 = 0, and the k-th chunk of w is a linear function of s_k. The state is as wide
    as the last of the hidden layers that ``config.hidden`` asks for; the others are not there.
    """

    def initial(self, generator: torch.Generator) -> Parameters:
        """Fresh parameters Theta: those of the unit are U(-1/sqrt(state), 1/sqrt(state)), the head's as for chunks."""
        config = self.config
        state, reads = config.hidden[-1], config.embedding + config.chunk_embedding
        parameters = {
            name: value for name, value in super().initial(generator).items() if not name.startswith("trunk.")
        }
        shapes = {"input": (3 * state, reads), "state": (3 * state, state)}
        for name, shape in shapes.items():
            parameters[f"unit.{name}"] = (2 * torch.rand(shape, generator=generator) - 1) / math.sqrt(state)
            parameters[f"unit.{name}_bias"] = torch.zeros(3 * state)
        return parameters

    def generate(self, parameters: Mapping[str, Tensor], embeddings: Tensor) -> Tensor:
        """Weights [T, P] for embeddings [T, N]."""
        tasks, chunks = embeddings.shape[0], parameters["chunks"]
        state = embeddings.new_zeros(tasks, self.config.hidden[-1])
        unit = [parameters[f"unit.{name}"] for name in ("input", "state", "input_bias", "state_bias")]
        made = []
        for chunk in chunks:
            read = torch.cat([embeddings, chunk.expand(tasks, -1)], dim=1)
            state = torch.gru_cell(read, state, *unit)
            made.append(torch.addmm(parameters["head.bias"], state, parameters["head.weight"]))
        weights = torch.cat(made, dim=1)[:, : self.target.size]
        return weights + parameters["base"] if "base" in parameters else weights


def make_hypernetwork(config: HypernetworkConfig, target: TargetNetwork) -> Hypernetwork:
    """The hypernetwork that a configuration names.

    Raises:
        ValueError: ``config.kind`` or ``config.init`` is unknown, or there is no hidden layer.
    """
    kinds: dict[str, type[FullHypernetwork] | type[ChunkedHypernetwork] | type[RecurrentHypernetwork]] = {
        "full": FullHypernetwork,
        "chunked": ChunkedHypernetwork,
        "recurrent": RecurrentHypernetwork,
    }
    if config.kind not in kinds:
        raise ValueError(f"hypernetwork kind {config.kind!r} is unknown: use one of {sorted(kinds)}")
    if len(config.hidden) == 0:
        raise SettingsError("dynamics.hypernetwork.hidden is empty: the hypernetwork needs at least one hidden layer")
    if config.init not in ("base", "xavier"):
        raise ValueError(f"hypernetwork init {config.init!r} is unknown: use 'base' or 'xavier'")
    return kinds[config.kind](config, target)


def _trunk(inputs: int, hidden: list[int], generator: torch.Generator) -> Parameters:
    parameters: Parameters = {}
    for i, (fan_in, fan_out) in enumerate(zip([inputs, *hidden[:-1]], hidden, strict=True)):
        bound = math.sqrt(6 / (fan_in + fan_out))
        parameters[f"trunk.{i}.weight"] = (2 * torch.rand(fan_in, fan_out, generator=generator) - 1) * bound
        parameters[f"trunk.{i}.bias"] = torch.zeros(fan_out)
    return parameters


def _through_trunk(parameters: Mapping[str, Tensor], x: Tensor, layers: int, activation: str) -> Tensor:
    act = ACTIVATIONS[activation]
    for i in range(layers):
        x = act(torch.addmm(parameters[f"trunk.{i}.bias"], x, parameters[f"trunk.{i}.weight"]))
    return x


def _spread_of(target: TargetNetwork) -> Tensor:
    """Deviation of ordinary initial weights, [P]."""
    parts = [
        torch.full((size,), 1 / math.sqrt(3 * target.layers[i // 2][0])) for i, size in enumerate(target.tensor_sizes)
    ]
    return torch.cat(parts)


def _head_std(target: TargetNetwork, hidden: int) -> Tensor:
    """Xavier deviation of one head per target tensor, [P]."""
    return torch.cat([torch.full((size,), math.sqrt(2 / (hidden + size))) for size in target.tensor_sizes])
