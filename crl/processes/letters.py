"""States that two processes send each other, of any size, without either ever waiting for the other.

A letter is written into memory without a name (``memfd_create``, Linux), whose descriptor goes through the socket. So
its size does not matter to the socket, and the memory is gone with the last process that has it. What is written is
what checkpoints hold (:mod:`crl.reading.states`): nothing is unpickled.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

from crl.errors import CrlError
from crl.reading.states import FORMAT_ERRORS, decode, encode, read_safetensors, read_tree, safetensors_parts

_LENGTH = struct.Struct("<Q")
"""Bytes of the tree, which come before those of the arrays."""
_WORD = b"letter"
"""What goes through the socket beside the descriptor."""


class LetterError(CrlError):
    """A letter can't be written or read."""


def send(end: socket.socket, state: Any) -> bool:
    """Send a state.

    Args:
        end: A connected socket with message boundaries that does not block.
        state: Nested dicts of tensors and plain values.

    Returns:
        Whether it was sent; ``False``: the socket takes none now, or nobody is there to read it.

    Raises:
        LetterError: There is no memory for it.
        UnsupportedStateError: Something in it can't be written.
    """
    tree, arrays = encode(state)
    text = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # arrays are aligned
    try:
        descriptor = os.memfd_create("crl-letter", os.MFD_CLOEXEC)
    except (OSError, AttributeError) as error:
        raise LetterError(f"no memory for a letter: {error}", "learning in another process needs Linux") from error
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        try:
            for part in (_LENGTH.pack(len(text)), text, *safetensors_parts(arrays)):
                _write(file.fileno(), part)
        except OSError as error:
            raise LetterError(f"no memory for a letter: {error.strerror}", "free some memory") from error
        try:
            socket.send_fds(end, [_WORD], [file.fileno()])
        except OSError:  # full, or a broken pipe
            return False
    return True


def receive(end: socket.socket) -> Any:
    """The next state.

    Args:
        end: A connected socket with message boundaries.

    Raises:
        BlockingIOError: There is none yet, and the socket does not block.
        EOFError: There will be none: the other end is closed.
        LetterError: What came is no letter.
    """
    try:
        word, descriptors, _, _ = socket.recv_fds(end, len(_WORD) + 1, 1)
    except BlockingIOError:
        raise
    except OSError as error:
        raise EOFError from error
    if not word:
        raise EOFError
    if word != _WORD or len(descriptors) != 1:
        for descriptor in descriptors:
            os.close(descriptor)
        raise LetterError(f"{word!r} with {len(descriptors)} descriptors is no letter")
    with os.fdopen(descriptors[0], "rb", buffering=0) as file:
        file.seek(0)
        data = bytearray(file.read())
    try:
        (length,) = _LENGTH.unpack_from(data)
        start = _LENGTH.size + length
        return decode(read_tree(data[_LENGTH.size : start]), read_safetensors(data[start:]))
    except FORMAT_ERRORS as error:
        raise LetterError(f"what came is no letter: {error!r}") from error


def _write(descriptor: int, data: bytes | memoryview) -> None:
    """Write all of it: one call writes 2 GiB at most."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
