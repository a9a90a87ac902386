"""Progressive networks: Rusu et al. 2016 (arXiv 1606.04671), equation 1.

Every task adds a column, a network of the target network's shape, whose layers beyond the first also read what the
same layer of every earlier column reads (lateral connections). Earlier columns never change: nothing is forgotten,
and memory and the cost of a prediction grow with the square of the number of tasks. A task's columns together are one
wider network with blocks of zeros, so that planners and losses need not know of columns.

Deviations: lateral connections are plain matrices (the paper's equation 1, not its optional adapters), and start at
zero, so that a new column starts as a fresh network. A task that comes back goes on learning in its output layer
alone, because later columns read all other layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.optimiser import Adam, Average
from crl.continual.strategy import Loss, Storage, Strategy
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows

Column = dict[str, Tensor]
"""Per layer a matrix [E, all inputs, out] (rows of earlier columns first, own last) and a bias [E, 1, out]."""


class PNN(Strategy):
    """A column per task with lateral connections.

    Attributes:
        columns: The column of every task, in the order in which the tasks began.
        task: The current task; -1 before the first.
        returned: Whether the current task is one that came back.
    """

    SETTINGS = GENERATORS["pnn"]

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.columns: dict[int, Column] = {}
        self.returned = False
        self.task = -1
        self._average = Average(config.learning.average)
        self._networks = {1: network}

    def begin_task(self, task: int) -> None:
        """Add a column for a new task."""
        self.returned = task in self.columns
        if not self.returned:
            self.columns[task] = self._fresh(len(self.columns), self.network.initial(self.generator))
        self.task = task
        self._start_task()

    def _fresh(self, earlier: int, weights: Tensor) -> Column:
        """A column with initial weights [P] that reads nothing of the earlier ones yet."""
        column: Column = {}
        parts = self.network.unpack(weights)
        for layer, (matrix, bias) in enumerate(parts):
            members, inputs, outputs = matrix.shape
            lateral = matrix.new_zeros(members, 0 if layer == 0 else earlier * inputs, outputs)
            column[f"matrix {layer}"] = torch.cat([lateral, matrix], dim=1).to(self.device)
            column[f"bias {layer}"] = bias.clone().to(self.device)
        return column

    def _start_task(self) -> None:
        for column in self.columns.values():
            for tensor in column.values():
                tensor.requires_grad_(False)
        config = self.config.learning
        moving = {name: tensor.requires_grad_() for name, tensor in self.moving().items()}
        self._optimiser = Adam(moving, config.lr, config.clip)
        self._average.clear()
        self._blocks = self._frozen_blocks()

    def moving(self) -> Column:
        """The tensors that learn: the current column, or its output layer where later columns read the others."""
        column = self.columns[self.task]
        if not self.returned:
            return dict(column)
        last = len(self.network.layers) - 1
        return {name: column[name] for name in (f"matrix {last}", f"bias {last}")}

    # ------------------------------------------------------------------ columns as one network
    def network_of(self, task: int) -> TargetNetwork:
        """The network of all columns up to a task's own."""
        count = self._position(task) + 1
        if count not in self._networks:
            self._networks[count] = self.network.widened(count)
        return self._networks[count]

    def _position(self, task: int) -> int:
        return list(self.columns).index(task)

    def _frozen_blocks(self) -> list[tuple[Tensor, Tensor]]:
        """What the columns before the current task's put into each hidden layer: matrix and bias, with zero rows."""
        before = list(self.columns.values())[: self._position(self.task)]
        blocks = []
        for layer in range(len(self.network.layers) - 1):
            size = self.columns[self.task][f"matrix {layer}"].shape[1]
            matrices = [_padded(column[f"matrix {layer}"].detach(), size) for column in before]
            biases = [column[f"bias {layer}"].detach() for column in before]
            if before:
                blocks.append((torch.cat(matrices, dim=2), torch.cat(biases, dim=2)))
        return blocks

    def _assemble(self, column: Mapping[str, Tensor], blocks: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Weights of the network of all columns up to one: its own tensors beside the blocks of the earlier ones."""
        parts = []
        for layer in range(len(self.network.layers)):
            matrix, bias = column[f"matrix {layer}"], column[f"bias {layer}"]
            if layer < len(blocks):
                matrix = torch.cat([blocks[layer][0], matrix], dim=2)
                bias = torch.cat([blocks[layer][1], bias], dim=2)
            parts += [matrix.reshape(-1), bias.reshape(-1)]
        return torch.cat(parts)

    # ------------------------------------------------------------------ learning
    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step of the current column."""
        self._optimiser.zero()
        value = loss(self._assemble(self.columns[self.task], self._blocks))
        value.backward()
        self._optimiser.step()
        self._average.update(self.moving())
        return {"task": value.detach()}

    def weights(self, task: int) -> Tensor:
        """Weights of the network of all columns up to the task's own."""
        if task == self.task:
            column = {**self.columns[task], **self._average.of(self.moving())}
            return self._assemble(column, self._blocks).detach()
        current, self.task = self.task, task
        try:
            return self._assemble(self.columns[task], self._frozen_blocks()).detach()
        finally:
            self.task = current

    def end_task(self, rows: Windows) -> None:
        """Make the averaged weights the weights; from now on they stay."""
        del rows
        averaged = self._average.of(self.moving())
        with torch.no_grad():
            for name, tensor in self.moving().items():
                tensor.copy_(averaged[name])
        self._average.clear()

    def scale_lr(self, factor: float) -> None:
        """Set the learning rate to ``factor`` times the configured one."""
        self._optimiser.factor = factor

    def storage(self) -> Storage:
        """A column with its lateral connections, on average over the columns."""
        sizes = [sum(4 * tensor.numel() for tensor in column.values()) for column in self.columns.values()]
        return Storage(bytes_per_task=sum(sizes) // max(1, len(sizes)), revisits_data=False)

    def state_dict(self) -> dict[str, Any]:
        """Columns, optimiser and average."""
        return {
            "task": self.task,
            "order": list(self.columns),
            "columns": {
                task: {name: tensor.detach().clone() for name, tensor in column.items()}
                for task, column in self.columns.items()
            },
            "returned": self.returned,
            "optimiser": self._optimiser.state_dict() if self.columns else {},
            "average": self._average.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.generator.set_state(state["generator"])
        self.task = int(state["task"])
        self.returned = bool(state["returned"])
        self.columns = {}
        for task in state["order"]:
            like = self._fresh(len(self.columns), torch.empty(self.network.size))
            self.columns[task] = restoring.same(state["columns"][task], f"columns/{task}", like)
        if self.columns:
            self._start_task()
            with restoring.part("optimiser"):
                self._optimiser.load_state_dict(state["optimiser"])
        with restoring.part("average"):
            self._average.load_state_dict(state["average"], self.moving() if self.columns else {})


def _padded(matrix: Tensor, rows: int) -> Tensor:
    """A matrix [E, in, out] with rows of zeros below, [E, rows, out]."""
    return torch.nn.functional.pad(matrix, (0, 0, 0, rows - matrix.shape[1]))
