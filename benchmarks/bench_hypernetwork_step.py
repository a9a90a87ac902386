"""One HyperCRL learning step: the package's batched one against the published formulation, side by side in one process.

The published formulation is the oracle of the tests (a linear head per target tensor, a forward pass per earlier task)
with the two habits that made it slow: the look-ahead's Theta + dTheta is made anew for every earlier task, inside the
autograd graph. Sizes are those of the paper's pusher and door. Median CPU milliseconds of one thread; the package is
measured with the look-ahead (the same mathematics) and without it (its default).

    python benchmarks/bench_hypernetwork_step.py [--tasks 0 5 20] [--repeats 5] [--sizes pusher door]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch import Tensor, nn
from torch.func import functional_call

from crl.config import Config, HypernetworkConfig
from crl.continual.hypercrl import HyperCRL
from crl.dynamics.buffer import Windows
from crl.dynamics.model import DynamicsModel
from crl.types import ActionSpec, ObservationField, ObservationSpec
from tests.oracles.hypercrl import PlainHyperCRL, PlainHypernetwork

BATCH = 100


class Published(PlainHyperCRL):
    """The oracle's step with a copy of Theta + dTheta per earlier task in the graph."""

    def regularise(self) -> Tensor:
        """Add grad R to the gradients of Theta; returns R."""
        change = {name: self._adam_step(parameter) for name, parameter in self.hypernetwork.named_parameters()}
        penalty = torch.zeros(())
        for task, target in self.targets.items():
            ahead = {name: parameter + change[name] for name, parameter in self.hypernetwork.named_parameters()}
            weights = functional_call(self.hypernetwork, ahead, (self.embeddings[task].detach(),))
            penalty = penalty + (weights - target).square().sum()
        penalty = self.beta / len(self.targets) * penalty
        penalty.backward()
        return penalty.detach()

    def _adam_step(self, parameter: nn.Parameter) -> Tensor:
        """The change that Adam would make for the present gradient."""
        state, gradient = self.optimiser.state[parameter], parameter.grad.detach()
        step = float(state["step"]) + 1 if state else 1.0
        first = 0.1 * gradient + (0.9 * state["exp_avg"] if state else 0)
        second = 0.001 * gradient**2 + (0.999 * state["exp_avg_sq"] if state else 0)
        return -self.lr * (first / (1 - 0.9**step)) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)


def settings(size: str) -> tuple[Config, ObservationSpec, ActionSpec]:
    """The paper's network sizes for a benchmark of its own."""
    config = Config()
    config.learning.lr, config.continual.beta = 1e-4, 0.05
    if size == "pusher":
        config.dynamics.hidden, hidden, activation, kinds, actions = [200, 200], [50, 50], "elu", ["linear"] * 10, 2
    else:
        config.dynamics.hidden, hidden, activation, actions = [200] * 4, [256, 256], "relu", 7
        config.dynamics.out_var = True
        kinds = ["linear"] * 24 + ["angle"] * 2
    config.dynamics.activation = "relu"
    config.dynamics.hypernetwork = HypernetworkConfig(hidden=hidden, activation=activation, init="xavier")
    fields = tuple(ObservationField(f"x{i}", "1", kind=kind) for i, kind in enumerate(kinds))
    names = tuple(f"u{i}" for i in range(actions))
    return config, ObservationSpec(fields), ActionSpec(names, names, (-1.0,) * actions, (1.0,) * actions)


def milliseconds(steps: list[Callable[[], object]], repeats: int) -> list[float]:
    """Median CPU time of each of several things, taken in turn so that all see the same machine."""
    times: list[list[float]] = [[] for _ in steps]
    for repeat in range(repeats + 1):
        for step, seen in zip(steps, times, strict=True):
            started = time.process_time()
            step()
            if repeat:  # the first one allocates
                seen.append(1e3 * (time.process_time() - started))
    return [statistics.median(seen) for seen in times]


def measure(size: str, earlier: int, repeats: int) -> dict[str, float | int | str]:
    """Times of one size with a number of earlier tasks."""
    config, observation, action = settings(size)
    model = DynamicsModel(config.dynamics, observation, action)
    scales, generator = model.normalisers(), torch.Generator().manual_seed(0)
    start, actions, after = (
        torch.randn(*shape, generator=generator)
        for shape in ((BATCH, observation.size), (1, BATCH, action.size), (1, BATCH, observation.size))
    )

    def loss(weights: Tensor) -> Tensor:
        return model.loss(weights, scales, Windows(start, actions, after))

    embeddings = torch.randn(earlier + 1, config.dynamics.hypernetwork.embedding, generator=generator)
    batched = {}
    for lookahead in (True, False):
        config.continual.lookahead = lookahead
        crl = HyperCRL(config, model.network, torch.Generator().manual_seed(1))
        crl.embeddings = {task: embeddings[task].clone() for task in range(earlier)}
        crl.begin_task(earlier)
        batched[lookahead] = crl
        config = settings(size)[0]
    plain = PlainHypernetwork(
        batched[True].parameters, model.network.tensor_sizes, config.dynamics.hypernetwork.activation
    )
    theta = sum(parameter.numel() for parameter in plain.parameters())
    published = Published(plain, lr=1e-4, lr_embedding=1e-3, clip=5.0, beta=0.05, lookahead=True)
    published.embeddings = {task: nn.Parameter(embeddings[task].clone()) for task in range(earlier)}
    published.begin(earlier, embeddings[earlier])
    old, same, default = milliseconds(
        [lambda: published.step(loss), lambda: batched[True].step(loss), lambda: batched[False].step(loss)], repeats
    )
    return {
        "size": size,
        "earlier_tasks": earlier,
        "target_weights": model.network.size,
        "theta": theta,
        "published_ms": round(old, 2),
        "batched_ms": round(same, 2),
        "batched_without_lookahead_ms": round(default, 2),
        "ratio": round(old / same, 2),
        "ratio_without_lookahead": round(old / default, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[0, 5, 20], help="earlier tasks")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", nargs="+", choices=["pusher", "door"], default=["pusher", "door"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'size':8}{'t':>4}{'published':>12}{'batched':>12}{'ratio':>8}{'no look-ahead':>15}{'ratio':>8}   (CPU ms)")
    rows = []
    for size in options.sizes:
        for earlier in options.tasks:
            row = measure(size, earlier, options.repeats)
            rows.append(row)
            print(
                f"{size:8}{earlier:4}{row['published_ms']:12}{row['batched_ms']:12}{row['ratio']:8}"
                f"{row['batched_without_lookahead_ms']:15}{row['ratio_without_lookahead']:8}",
                flush=True,
            )
    print(json.dumps({"benchmark": "hypernetwork_step", "torch": torch.__version__, "batch": BATCH, "rows": rows}))


if __name__ == "__main__":
    main()
