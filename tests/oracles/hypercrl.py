"""HyperCRL's learning step as published: modules, a loop over the tasks, copies instead of algebra.

Huang et al. 2021 (arXiv 2009.11997) and von Oswald et al. 2020. Everything is as slow and as plain as it can be: a
linear head per target tensor, one forward pass per earlier task, a snapshot of the whole network for the targets, and
for the look-ahead a copy of network *and* optimiser that really takes the step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

Loss = Callable[[Tensor], Tensor]
ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "elu": nn.ELU, "tanh": nn.Tanh}


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    """An ordinary layer from a matrix [in, out] and a bias [out]."""
    layer = nn.Linear(*weight.shape, dtype=weight.dtype)
    with torch.no_grad():
        layer.weight.copy_(weight.T)
        layer.bias.copy_(bias)
    return layer


def _trunk(parameters: Mapping[str, Tensor], activation: str) -> nn.Sequential:
    layers: list[nn.Module] = []
    while f"trunk.{len(layers) // 2}.weight" in parameters:
        name = f"trunk.{len(layers) // 2}"
        layers += [_linear(parameters[f"{name}.weight"], parameters[f"{name}.bias"]), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)


class PlainHypernetwork(nn.Module):
    """h(e): a trunk, and one linear head per tensor of the target network.

    Args:
        parameters: Initial values by the package's names; ``head.*`` hold all heads side by side.
        tensor_sizes: Numbers in each target tensor.
        activation: Of the trunk.
    """

    def __init__(self, parameters: Mapping[str, Tensor], tensor_sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        self.trunk = _trunk(parameters, activation)
        weights = torch.split(parameters["head.weight"], list(tensor_sizes), dim=1)
        biases = torch.split(parameters["head.bias"], list(tensor_sizes))
        self.heads = nn.ModuleList([_linear(weight, bias) for weight, bias in zip(weights, biases, strict=True)])

    def forward(self, embedding: Tensor) -> Tensor:
        """All target weights [P] for one embedding [N]."""
        hidden = self.trunk(embedding)
        return torch.cat([head(hidden) for head in self.heads])

    def named(self) -> dict[str, Tensor]:
        """The present values by the package's names."""
        return {
            **_named_trunk(self.trunk),
            "head.weight": torch.cat([head.weight.T for head in self.heads], dim=1),
            "head.bias": torch.cat([head.bias for head in self.heads]),
        }


class PlainChunkedHypernetwork(nn.Module):
    """h(e): the small network makes one chunk after another, the last one is cut to fit."""

    def __init__(self, parameters: Mapping[str, Tensor], tensor_sizes: Sequence[int], activation: str) -> None:
        super().__init__()
        self.size = sum(tensor_sizes)
        self.trunk = _trunk(parameters, activation)
        self.head = _linear(parameters["head.weight"], parameters["head.bias"])
        self.chunks = nn.ParameterList([chunk.detach().clone() for chunk in parameters["chunks"]])
        self.base = nn.Parameter(parameters["base"].detach().clone()) if "base" in parameters else None

    def forward(self, embedding: Tensor) -> Tensor:
        """All target weights [P] for one embedding [N]."""
        parts = [self.head(self.trunk(torch.cat([embedding, chunk]))) for chunk in self.chunks]
        weights = torch.cat(parts)[: self.size]
        return weights if self.base is None else weights + self.base

    def named(self) -> dict[str, Tensor]:
        """The present values by the package's names."""
        values = {
            **_named_trunk(self.trunk),
            "head.weight": self.head.weight.T,
            "head.bias": self.head.bias,
            "chunks": torch.stack(list(self.chunks)),
        }
        return values if self.base is None else {**values, "base": self.base}


def _named_trunk(trunk: nn.Sequential) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    for i, layer in enumerate(layer for layer in trunk if isinstance(layer, nn.Linear)):
        values |= {f"trunk.{i}.weight": layer.weight.T, f"trunk.{i}.bias": layer.bias}
    return values


class PlainHyperCRL:
    """One task after another, one step after another, as the paper writes it.

    Args:
        hypernetwork: The network h(e; Theta).
        lr: Learning rate of Theta.
        lr_embedding: Learning rate of the embedding.
        clip: Largest gradient norm, of Theta and of the embedding separately.
        beta: Strength of the regulariser.
        lookahead: Regularise at Theta + dTheta.
    """

    def __init__(
        self, hypernetwork: nn.Module, *, lr: float, lr_embedding: float, clip: float, beta: float, lookahead: bool
    ) -> None:
        self.hypernetwork = hypernetwork
        self.lr, self.lr_embedding, self.clip, self.beta, self.lookahead = lr, lr_embedding, clip, beta, lookahead
        self.embeddings: dict[int, nn.Parameter] = {}
        self.targets: dict[int, Tensor] = {}

    def begin(self, task: int, embedding: Tensor) -> None:
        """Begin a task; its embedding is the given one if it is new. Everything else that is known is protected."""
        self.task = task
        if task not in self.embeddings:
            self.embeddings[task] = nn.Parameter(embedding.detach().clone())
        snapshot = copy.deepcopy(self.hypernetwork)
        self.targets = {j: snapshot(e).detach() for j, e in self.embeddings.items() if j != task}
        self.optimiser = torch.optim.Adam(self.hypernetwork.parameters(), lr=self.lr, foreach=False)
        self.embedding_optimiser = torch.optim.Adam([self.embeddings[task]], lr=self.lr_embedding, foreach=False)

    def step(self, loss: Loss) -> tuple[Tensor, Tensor]:
        """One learning step; returns the task loss and R."""
        self.optimiser.zero_grad()
        self.embedding_optimiser.zero_grad()
        task_loss = loss(self.hypernetwork(self.embeddings[self.task]))
        task_loss.backward()
        clip([self.embeddings[self.task]], self.clip)
        self.embedding_optimiser.step()

        penalty = torch.zeros(())
        if self.targets and self.beta > 0:
            penalty = self.regularise()
        clip(list(self.hypernetwork.parameters()), self.clip)
        self.optimiser.step()
        return task_loss.detach(), penalty

    def regularise(self) -> Tensor:
        """Add grad R, taken where the look-ahead leads, to the gradients of Theta; returns R."""
        ahead = self.after_the_task_step() if self.lookahead else copy.deepcopy(self.hypernetwork)
        ahead.zero_grad()
        penalty = torch.zeros(())
        for j, target in self.targets.items():
            difference = ahead(self.embeddings[j].detach()) - target
            penalty = penalty + self.beta / len(self.targets) * (difference**2).sum()
        penalty.backward()
        for parameter, other in zip(self.hypernetwork.parameters(), ahead.parameters(), strict=True):
            parameter.grad = parameter.grad + other.grad
        return penalty.detach()

    def after_the_task_step(self) -> nn.Module:
        """A copy of the network that has taken the optimiser's step from the unclipped task gradient."""
        network, optimiser = copy.deepcopy((self.hypernetwork, self.optimiser))
        for parameter, other in zip(self.hypernetwork.parameters(), network.parameters(), strict=True):
            other.grad = parameter.grad.clone()
        optimiser.step()
        return network


def clip(parameters: Sequence[Tensor], largest: float) -> None:
    """Scale the gradients down to a joint norm of at most ``largest``."""
    norm = torch.sqrt(sum((parameter.grad**2).sum() for parameter in parameters))
    if norm > largest:
        for parameter in parameters:
            parameter.grad = parameter.grad * (largest / norm)
