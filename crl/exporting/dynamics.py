"""The learned dynamics of one task as a module of PyTorch, and as files for other programs."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.dynamics.task_model import TaskModel
from crl.exporting.extra import ExportError
from crl.training.data.extra import library
from crl.types import TaskSpec

TOLERANCE = 1e-5
"""Greatest difference between a file's predictions and the model's, relative to the larger of 1 and the prediction."""
PROBES = 256
"""Rows that a file is checked on."""
OPSET = 18
"""Operators of ONNX that are used."""


class Dynamics(torch.nn.Module):
    """One step: next observations [N, S] of observations [N, S] and actions [N, A], the mean over the ensemble.

    Args:
        model: The model of a task, of one control step.
    """

    weights: Tensor

    def __init__(self, model: TaskModel) -> None:
        super().__init__()
        self._model = model
        self.register_buffer("weights", model.weights.detach().clone())

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """See the class."""
        model = self._model
        out = model.network.forward(self.weights, model.read(observation, action).unsqueeze(0))
        change = out[..., : model.body.changes].mean(dim=0) * model.scale
        return model.body.apply(observation, change, action)


def probes(task: TaskSpec, seen: Tensor) -> tuple[Tensor, Tensor]:
    """Observations [N, S], drawn from those that were seen [M, S], and actions [N, A] of the whole range."""
    generator = torch.Generator().manual_seed(0)
    low, high = torch.tensor(task.action.low), torch.tensor(task.action.high)
    action = low + (high - low) * torch.rand(PROBES, task.action.size, generator=generator)
    return seen[torch.randint(len(seen), (PROBES,), generator=generator)], action


def to_torch(module: Dynamics, example: tuple[Tensor, Tensor], path: Path) -> float:
    """Write a program that ``torch.export.load`` reads, for any number of rows.

    Returns:
        The greatest difference between what the file and the model predict.

    Raises:
        ExportError: The file predicts something else.
    """
    rows = torch.export.Dim("rows", min=1)
    program = torch.export.export(module, example, dynamic_shapes=({0: rows}, {0: rows}))
    content = io.BytesIO()  # where the disk is full, PyTorch's own writer of files ends the process
    torch.export.save(program, content)
    path.write_bytes(content.getvalue())
    read = torch.export.load(path).module()
    with torch.no_grad():
        return checked(read(*example).numpy(), module(*example).numpy())


def to_onnx(module: Dynamics, example: tuple[Tensor, Tensor], path: Path) -> float:
    """Write an ONNX file with the inputs ``observation`` and ``action`` and the output ``next_observation``.

    Returns:
        The greatest difference between what onnxruntime and the model predict.

    Raises:
        ExportError: A library is missing, or onnxruntime predicts something else.
    """
    for name in ("onnx", "onnxscript"):
        library(name, name)
    runtime: Any = library("onnxruntime", "onnxruntime")
    rows = torch.export.Dim("rows", min=1)
    torch.onnx.export(
        module,
        example,
        str(path),
        input_names=["observation", "action"],
        output_names=["next_observation"],
        dynamic_shapes=({0: rows}, {0: rows}),
        opset_version=OPSET,
        external_data=False,
        dynamo=True,
        verbose=False,
    )
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [part.name for part in session.get_inputs()]
    read = session.run(None, {name: part.numpy() for name, part in zip(names, example, strict=True)})[0]
    with torch.no_grad():
        return checked(read, module(*example).numpy())


def checked(read: Any, expected: Any, does: str = "predict") -> float:
    """The greatest difference, relative to the larger of 1 and what is expected.

    Args:
        read: What a file gives.
        expected: What it should give.
        does: Verb for the message.

    Raises:
        ExportError: It is above :data:`TOLERANCE`.
    """
    apart = np.abs(read - expected) / np.maximum(1.0, np.abs(expected))
    greatest = float(apart.max())
    if not greatest <= TOLERANCE:
        raise ExportError(
            f"the file would {does} {greatest:.2g} away from the model, more than {TOLERANCE:g}",
            "report this, with the versions that `crl doctor` prints",
        )
    return greatest
