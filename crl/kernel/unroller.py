"""Networks, packed for the kernel, and their rollouts."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from crl.errors import CrlError
from crl.kernel.layout import Layout
from crl.kernel.library import BUILD, SETS, library
from crl.kernel.structures import ACTIVATIONS, KINDS, Model, Paths

ROWS = 32
"""Rows that the kernel takes through a step together."""


class KernelError(CrlError):
    """The kernel is not there, or was given what it can't unroll."""


class Unroller:
    """Unrolls an ensemble of networks whose summed outputs change a state.

    The weights are copied: of others, another one is made. Several threads may use one at the same time.

    Args:
        layout: How a state is read and moved.
        layers: Matrix [E, in, out] and bias [E, 1, out] of every layer, float32 on the CPU. The first one reads the
            features of the state (:class:`~crl.kernel.layout.Layout`), then the A drives, and then the changes of the
            step before, if the layout says so. The matrices between the first and the last may all be bfloat16: then
            what they read is rounded to it, too, and sums are float32.
        activation: Of all layers but the last: ``silu``, ``relu``, ``elu`` or ``tanh``.
        instructions: One of the processor's instruction sets (:attr:`~crl.kernel.library.Library.sets`); the best
            one by default.

    Raises:
        KernelError: There is no compiled library, it or the processor lacks the instruction set, or the layers don't
            fit together.
    """

    def __init__(
        self,
        layout: Layout,
        layers: Sequence[tuple[Tensor, Tensor]],
        activation: str,
        instructions: str | None = None,
    ) -> None:
        found = library()
        if found.loaded is None:
            raise KernelError(f"the compiled kernel is not there: {found.trouble}", f"build it with: {BUILD}")
        chosen = found.sets[-1] if instructions is None else instructions
        if chosen not in found.sets:
            raise KernelError(
                f"this processor has no instruction set {chosen!r}", f"use one of {', '.join(found.sets)}"
            )
        middle = layers[1:-1]
        halves = bool(middle) and all(matrix.dtype == torch.bfloat16 for matrix, _ in middle)
        if halves:  # exact
            layers = [layers[0], *((matrix.float(), bias) for matrix, bias in middle), layers[-1]]
        widths = _widths(layout, layers)
        self._library, self._set = found.loaded, SETS.index(chosen)
        self._states, self._changes = layout.numbers, layout.changes
        fed_back = layout.changes if layout.fed_back else 0
        self._drives = widths[0] - layout.features - fed_back
        self._widths = torch.tensor(widths, dtype=torch.int32)
        self._kinds = torch.tensor([KINDS[kind] for kind in layout.kinds], dtype=torch.int32)
        self._low, self._high = layout.low.float().contiguous(), layout.high.float().contiguous()
        members = len(layers[0][0])
        self._weights = self._packed(layers, members, halves)
        self._model = Model(
            members,
            len(layers),
            ACTIVATIONS[activation],
            len(layout.kinds),
            self._states,
            self._drives,
            self._changes,
            fed_back,
            layout.first_change,
            halves,
            *(part.data_ptr() for part in (self._widths, self._kinds, self._low, self._high, self._weights)),
        )

    def _packed(self, layers: Sequence[tuple[Tensor, Tensor]], members: int, halves: bool) -> Tensor:
        flat = torch.cat([part.detach().reshape(members, -1) for layer in layers for part in layer], dim=1)
        packed, bytes_each = torch.empty_like(flat), flat.shape[1] * flat.element_size()
        for at in range(0, members * bytes_each, bytes_each):
            self._library.crl_pack(
                self._set, len(layers), self._widths.data_ptr(), halves, flat.data_ptr() + at, packed.data_ptr() + at
            )
        return packed

    def __call__(
        self, start: Tensor, drives: Tensor, offset: Tensor | None = None, before: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """States and changes under drives, float32 on the CPU; no gradients are recorded.

        With more than one PyTorch thread, the paths are shared among as many; the result is the same to the bit.

        Args:
            start: Where all paths begin, [N], or each of them, [K, N].
            drives: What is read beside the state in each step, [K, H, A].
            offset: Added to the changes of every step, [D].
            before: Changes of the step before the first, [D], for networks that read them; ``None``: zeros.

        Returns:
            States [K, H + 1, N], the first of which are the start, and changes [K, H, D].

        Raises:
            KernelError: A tensor is of another shape or type.
        """
        samples, horizon = drives.shape[0], drives.shape[1] if drives.dim() > 1 else 0
        shape = (samples, self._states) if start.dim() == 2 else (self._states,)
        start = _checked("the start", start, shape)
        drives = _checked("the drives", drives, (samples, horizon, self._drives))
        if offset is not None:
            offset = _checked("the offset", offset, (self._changes,))
        if before is not None:
            before = _checked("the changes before", before, (self._changes,))
        states = torch.empty(samples, horizon + 1, self._states)
        changes = torch.empty(samples, horizon, self._changes)

        def unroll(first: int, count: int) -> None:
            paths = Paths(
                count,
                horizon,
                (start[first:] if start.dim() == 2 else start).data_ptr(),
                self._states if start.dim() == 2 else 0,
                None if offset is None else offset.data_ptr(),
                None if before is None else before.data_ptr(),
                drives[first:].data_ptr(),
                states[first:].data_ptr(),
                changes[first:].data_ptr(),
            )
            if self._library.crl_unroll(self._set, ctypes.byref(self._model), ctypes.byref(paths)):
                raise MemoryError("the kernel got no memory for a block of rows")

        blocks = -(-samples // ROWS)
        threads = min(torch.get_num_threads(), blocks)
        if threads <= 1:
            unroll(0, samples)
            return states, changes
        each = ROWS * -(-blocks // threads)
        with ThreadPoolExecutor(threads) as pool:
            parts = [pool.submit(unroll, first, min(each, samples - first)) for first in range(0, samples, each)]
            for part in parts:
                part.result()
        return states, changes


def _widths(layout: Layout, layers: Sequence[tuple[Tensor, Tensor]]) -> list[int]:
    """Inputs, hidden layers and outputs, once they are known to fit together."""
    members, read = len(layers[0][0]), layers[0][0].shape[1]
    widths = [read]
    for index, (matrix, bias) in enumerate(layers):
        outputs = matrix.shape[-1]
        _checked(f"the matrix of layer {index}", matrix, (members, widths[-1], outputs))
        _checked(f"the bias of layer {index}", bias, (members, 1, outputs))
        widths.append(outputs)
    least = layout.features + (layout.changes if layout.fed_back else 0)
    if read < least or widths[-1] != layout.changes:
        raise KernelError(
            f"a network of {read} inputs and {widths[-1]} outputs does not fit a state of {layout.features} features "
            f"and {layout.changes} changes",
            "the first layer reads features, drives and what is fed back, in this order; the last gives the changes",
        )
    return widths


def _checked(name: str, tensor: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor as the kernel reads it: contiguous."""
    if tensor.dtype != torch.float32 or tensor.device.type != "cpu" or tuple(tensor.shape) != shape:
        seen = f"{tensor.dtype} {list(tensor.shape)} on {tensor.device.type}"
        raise KernelError(f"{name}: the kernel can't read {seen}", f"give it torch.float32 {list(shape)} on the CPU")
    return tensor.contiguous()
