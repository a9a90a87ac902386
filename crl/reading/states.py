"""How a state becomes a safetensors file and a JSON tree, and back, to the bit and with its types. Never pickle.

Arrays go to the safetensors file under their path in the state (``agent/optimiser/0/exp_avg``). Everything else,
and the place of each array, goes to the tree. JSON's own ``null``, booleans, strings, lists, numbers and objects stand
for themselves; whatever JSON can't tell apart is an object with a ``$`` entry, the tag:

======================  ==========================================================================================
tag                     other entries
======================  ==========================================================================================
``tuple``               ``items``: list of nodes
``dict``, ``ordered``   ``items``: list of [key node, value node]; dicts with integer keys or a key ``$``;
                        ``ordered`` is a ``collections.OrderedDict``
``int``                 ``hex``: integers beyond 64 bits (numpy's PCG64 has 128-bit state)
``float``               ``bits``: the 64 bits of a NaN, an infinity, -0.0 or a tiny number, hexadecimal, big-endian
``scalar``              ``dtype``, ``bytes``: a numpy scalar, hexadecimal, little-endian
``tensor``, ``array``   ``name``: entry of the safetensors file; ``dtype``; ``order`` where the memory layout is not
                        row-major: the permutation of the axes under which it was stored; ``at`` and ``shape`` where
                        it is a part of the entry: its first element, and its sizes as stored
======================  ==========================================================================================

Where there are very many small arrays, as in a run of 1,000 tasks, they are packed, all of one dtype into one entry:
each entry costs more than its numbers.

The memory layout of dense arrays is kept because matrix products may round differently for a transposed operand.
complex128, which safetensors lacks, is stored as float64 with a last axis of two.
"""

from __future__ import annotations

import json
import math
import struct
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crl.reading.json_text import parse_json

Node = Any
Path = tuple[Any, ...]

SAFETENSORS: Mapping[str, str] = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "complex64": "C64",
    "complex128": "F64",
}
"""Name in the safetensors format of each dtype that can be stored."""

TORCH: Mapping[str, torch.dtype] = {
    stored: getattr(torch, name) for name, stored in SAFETENSORS.items() if name != "complex128"
}
"""Dtype of each name in the safetensors format."""

SCALARS = frozenset(SAFETENSORS) - {"bfloat16", "float8_e4m3fn", "float8_e5m2"}
"""Dtypes that numpy has."""

FORMAT_ERRORS = (KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError, OverflowError, struct.error)
"""What reading files or states raises that do not follow the format."""

SMALL = 512
"""Most bytes of an array that may be packed."""
MANY = 1000
"""More small arrays than these are packed; up to them, each is found in the file under its own name."""
SMALLEST = 1e-250
"""Numbers closer to zero are stored as bits: a processor that flushes denormal numbers to zero, as PyTorch can ask it
to, can neither compare nor parse them."""


class UnsupportedStateError(TypeError):
    """The state holds something that has no exact form in a checkpoint; the message names the place."""


@dataclass(frozen=True)
class StoredArray:
    """An array on its way to the file: a view of its memory wherever possible, not a copy."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    itemsize: int
    data: memoryview


def encode(state: Any, *, packed: bool = False) -> tuple[Node, list[StoredArray]]:
    """Split a state into its JSON tree and its arrays.

    The arrays are views of the state's memory: write them before the state changes.

    Args:
        state: The state.
        packed: Pack small arrays if there are many.

    Raises:
        UnsupportedStateError: Something in it can't be stored; the message names the place and the type.
    """
    encoder = _Encoder()
    tree = encoder.node(state, ())
    if packed and len(encoder.small) > MANY:
        encoder.pack()
    return tree, list(encoder.arrays.values())


def safetensors_parts(arrays: Iterable[StoredArray]) -> list[bytes | memoryview]:
    """Content of a safetensors file, in parts: the header and then each array's bytes.

    Written and read here rather than by the safetensors library, which copies every array before it writes, and
    knows more or fewer dtypes from release to release; it can open the file. Arrays with large elements come first, so
    that each is aligned.
    """
    ordered = sorted(arrays, key=lambda item: -item.itemsize)
    header: dict[str, Any] = {}
    at = 0
    for item in ordered:
        end = at + item.data.nbytes
        header[item.name] = {"dtype": item.dtype, "shape": list(item.shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return [struct.pack("<Q", len(text)), text, *(item.data for item in ordered)]


def read_safetensors(data: bytearray) -> dict[str, Tensor]:
    """Arrays of a safetensors file, as views of ``data``.

    Raises:
        KeyError, TypeError, ValueError, struct.error: The content does not follow the format.
    """
    length = struct.unpack_from("<Q", data)[0]
    start = 8 + length
    header = parse_json(bytes(data[8:start]))
    arrays: dict[str, Tensor] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = TORCH[entry["dtype"]], entry["shape"]
        begin, end = entry["data_offsets"]
        if not 0 <= begin <= end <= len(data) - start or any(size < 0 for size in shape):
            raise ValueError(f"{name} lies outside of the file")
        if math.prod(shape) * dtype.itemsize != end - begin:
            raise ValueError(f"{name} has {end - begin} bytes, which are no {entry['dtype']} {shape}")
        flat = torch.empty(0, dtype=dtype)
        if end > begin:  # torch.frombuffer takes no empty range
            flat = torch.frombuffer(data, dtype=dtype, count=math.prod(shape), offset=start + begin)
        arrays[name] = flat.reshape(shape)
    return arrays


def decode(node: Node, arrays: Mapping[str, Tensor]) -> Any:
    """Rebuild a state from its tree and its arrays. Tensors and arrays come back in memory of their own, on the CPU.

    Raises:
        KeyError, ValueError, TypeError, RuntimeError, struct.error: The tree does not follow the format.
    """
    if isinstance(node, list):
        return [decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    if "$" not in node:
        return {key: decode(value, arrays) for key, value in node.items()}
    tag = node["$"]
    if tag == "tuple":
        return tuple(decode(item, arrays) for item in node["items"])
    if tag in ("dict", "ordered"):
        items = [(decode(key, arrays), decode(value, arrays)) for key, value in node["items"]]
        return dict(items) if tag == "dict" else OrderedDict(items)
    if tag == "int":
        return int(node["hex"], 16)
    if tag == "float":
        return struct.unpack(">d", bytes.fromhex(node["bits"]))[0]
    if tag == "scalar":
        if node["dtype"] not in SCALARS:
            raise ValueError(f"there are no numbers of type {node['dtype']!r}")
        return np.frombuffer(bytes.fromhex(node["bytes"]), dtype=node["dtype"])[0]
    if tag == "tensor":
        return _decode_tensor(node, _part(node, arrays[node["name"]]))
    if tag == "array":
        return _decode_array(node, _part(node, arrays[node["name"]]))
    raise ValueError(f"unknown tag {tag!r}")


DEPTH = 300
"""Nodes inside one another that a tree may have: reading one takes two frames of Python's stack for each."""


def read_tree(data: bytes | bytearray) -> Node:
    """The tree of a state from its JSON.

    Raises:
        ValueError: It is no JSON, or nested too deeply.
    """
    return parse_json(bytes(data), DEPTH)


def place(path: Path) -> str:
    """``state['agent'][3]`` for the path ``('agent', 3)``."""
    return "state" + "".join(f"[{key!r}]" for key in path)


@dataclass
class _Encoder:
    """Walks a state once and collects its arrays."""

    arrays: dict[str, StoredArray] = field(default_factory=dict)
    small: list[Node] = field(default_factory=list)
    """Nodes of arrays that may be packed."""
    _names: dict[str, int] = field(default_factory=dict)

    def node(self, value: Any, path: Path) -> Node:
        """Tree node of one value. Types are compared exactly: a subclass would come back as its base."""
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return _checked(value, path)
        if kind is int:
            return value if -(2**63) <= value < 2**64 else {"$": "int", "hex": hex(value)}
        if kind is float:
            bits = struct.pack(">d", value)
            return value if SMALLEST < abs(value) < math.inf or not any(bits) else {"$": "float", "bits": bits.hex()}
        if kind is dict or kind is OrderedDict:
            return self._mapping(value, path)
        if kind is list:
            return [self.node(item, (*path, index)) for index, item in enumerate(value)]
        if kind is tuple:
            return {"$": "tuple", "items": [self.node(item, (*path, index)) for index, item in enumerate(value)]}
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if kind is np.ndarray:
            return self._array(value, path)
        if isinstance(value, np.generic) and value.dtype.name in SCALARS:
            return {"$": "scalar", "dtype": value.dtype.name, "bytes": value.tobytes().hex()}
        raise UnsupportedStateError(f"{place(path)} is a {kind.__module__}.{kind.__qualname__}")

    def _mapping(self, value: Mapping[Any, Any], path: Path) -> Node:
        for key in value:
            if type(key) not in (str, int):
                raise UnsupportedStateError(f"{place(path)} has the key {key!r}; keys are strings or integers")
        if type(value) is dict and "$" not in value and all(type(key) is str for key in value):
            return {_checked(key, path): self.node(item, (*path, key)) for key, item in value.items()}
        tag = "dict" if type(value) is dict else "ordered"
        return {
            "$": tag,
            "items": [[self.node(key, path), self.node(item, (*path, key))] for key, item in value.items()],
        }

    def _tensor(self, value: Tensor, path: Path) -> Node:
        name = str(value.dtype).removeprefix("torch.")
        if value.layout is not torch.strided or name not in SAFETENSORS or value.is_quantized or value.is_meta:
            raise UnsupportedStateError(f"{place(path)} is a {value.layout} tensor of {value.dtype} on {value.device}")
        dense = value.detach().cpu().resolve_conj().resolve_neg()
        order = None
        if not dense.is_contiguous():
            permutation = _descending(dense.stride())
            if dense.permute(permutation).is_contiguous():
                order, dense = permutation, dense.permute(permutation)
            else:
                dense = dense.contiguous()
        if dense.nbytes <= SMALL and name in SCALARS:
            data = memoryview(dense.numpy().tobytes())  # a view would take longer to make
        else:
            # Strides of axes of size 0 or 1 are arbitrary, even in what counts as contiguous; as_strided sets them
            # right.
            data = dense.as_strided((dense.numel(),), (1,)).view(torch.uint8).numpy().data
        return self._store("tensor", name, tuple(dense.shape), dense.element_size(), data, order, path)

    def _array(self, value: NDArray[Any], path: Path) -> Node:
        name = value.dtype.name
        if name not in SCALARS or not value.dtype.isnative:
            raise UnsupportedStateError(f"{place(path)} is an array of dtype {value.dtype!r}")
        dense, order = value, None
        if not dense.flags.c_contiguous:
            permutation = _descending(dense.strides)
            if dense.transpose(permutation).flags.c_contiguous:
                order, dense = permutation, dense.transpose(permutation)
            else:
                dense = np.ascontiguousarray(dense)
        data = dense.reshape(-1).view(np.uint8).data if dense.size > 1 else memoryview(dense.tobytes())
        return self._store("array", name, dense.shape, dense.itemsize, data, order, path)

    def _store(
        self,
        tag: str,
        dtype: str,
        shape: tuple[int, ...],
        itemsize: int,
        data: memoryview,
        order: Sequence[int] | None,
        path: Path,
    ) -> Node:
        stored_shape = (*shape, 2) if dtype == "complex128" else shape
        label = self._label("/".join(str(key) for key in path) or "state")
        self.arrays[label] = StoredArray(label, SAFETENSORS[dtype], stored_shape, itemsize, data)
        node: dict[str, Any] = {"$": tag, "name": label, "dtype": dtype}
        if order is not None:
            node["order"] = list(order)
        if data.nbytes <= SMALL:
            self.small.append(node)
        return node

    def pack(self) -> None:
        """Make one array of all small ones of a dtype, and tell their nodes where in it they are."""
        packs: dict[str, tuple[str, bytearray]] = {}
        for node in self.small:
            one = self.arrays.pop(node["name"])
            if one.dtype not in packs:
                packs[one.dtype] = self._label(f"packed/{one.dtype}"), bytearray()
            name, data = packs[one.dtype]
            # A complex number is two of the elements that are stored.
            node.update(name=name, at=len(data) // TORCH[one.dtype].itemsize, shape=list(one.shape))
            data += one.data
        for dtype, (name, data) in packs.items():
            size = TORCH[dtype].itemsize
            self.arrays[name] = StoredArray(name, dtype, (len(data) // size,), size, memoryview(data))

    def _label(self, label: str) -> str:
        """The name of an entry, made different from all others."""
        # Keys may hold the separator, and an integer key may look like a string: a counter keeps the names apart.
        # "__metadata__" has a meaning of its own in safetensors.
        while label in self._names or label == "__metadata__":
            self._names[label] = self._names.get(label, 1) + 1
            label = f"{label}#{self._names[label]}"
        self._names[label] = 1
        return label


def _checked(text: str, path: Path) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UnsupportedStateError(f"{place(path)} holds a string with half a character: {text!r}") from error
    return text


def _descending(strides: Sequence[int]) -> list[int]:
    """Axes from the slowest to the fastest."""
    return sorted(range(len(strides)), key=lambda axis: -strides[axis])


def _inverse(order: Sequence[int]) -> list[int]:
    return [order.index(axis) for axis in range(len(order))]


def _part(node: Mapping[str, Any], stored: Tensor) -> Tensor:
    """The array of a node, which may be a part of what is stored under its name."""
    if "at" not in node:
        return stored
    at, shape = node["at"], node["shape"]
    count = math.prod(shape)
    if stored.ndim != 1 or not 0 <= at <= at + count <= len(stored) or any(size < 0 for size in shape):
        raise ValueError(f"a part of {node['name']} lies outside of it")
    return stored[at : at + count].reshape(shape)


def _decode_tensor(node: Mapping[str, Any], stored: Tensor) -> Tensor:
    # The clone puts the data into PyTorch's aligned memory, where the state had it: some matrix kernels round
    # differently on unaligned operands.
    tensor = stored.clone(memory_format=torch.contiguous_format)
    if node["dtype"] == "complex128":
        tensor = torch.view_as_complex(tensor)
    if str(tensor.dtype) != f"torch.{node['dtype']}":
        raise ValueError(f"{node['name']} is {tensor.dtype}, the tree says {node['dtype']}")
    return tensor.permute(_inverse(node["order"])) if "order" in node else tensor


def _decode_array(node: Mapping[str, Any], stored: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = stored.numpy().copy()
    if node["dtype"] == "complex128":
        array = array.reshape(-1).view(np.complex128).reshape(array.shape[:-1])
    if array.dtype.name != node["dtype"]:
        raise ValueError(f"{node['name']} is {array.dtype}, the tree says {node['dtype']}")
    return array.transpose(_inverse(node["order"])) if "order" in node else array
