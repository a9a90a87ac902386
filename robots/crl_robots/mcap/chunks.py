"""What can be had of the compressed data of a chunk, whole or torn; needs the extra ``bags``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

from crl_robots.errors import RobotError
from crl_robots.mcap.records import Bytes

_MAGICS = {"zstd": b"\x28\xb5\x2f\xfd", "lz4": b"\x04\x22\x4d\x18"}
COMPRESSED = re.compile(b"|".join(re.escape(magic) for magic in _MAGICS.values()))
"""Beginning of what zstd or lz4 has made."""
_BLOCK = 2**18
_BITE = 64
"""Bytes that are given to a decompressor at once where the data are damaged: what comes before the damage comes out."""


def unpack(data: bytes, way: str = "") -> tuple[bytes, int]:
    """Decompress data.

    Args:
        data: What a chunk holds.
        way: ``zstd`` or ``lz4``; anything else: as the data's beginning says.

    Returns:
        What comes out, and how many bytes at the end of ``data`` gave nothing because something before or in them is
        damaged.

    Raises:
        RobotError: The decompressor is not installed.
    """
    way = way if way in _MAGICS else next((name for name, magic in _MAGICS.items() if data.startswith(magic)), "")
    if not way:
        return b"", len(data)
    data = _MAGICS[way] + data[4:]
    whole, pieces = _decompressors(way)
    try:
        return whole(data), 0
    except Exception:  # the libraries have many families of errors for data that are damaged
        pass
    made, used = list[bytes](), 0
    try:
        for at in range(0, len(data), _BITE):
            out = pieces.decompress(data[at : at + _BITE])
            if out:
                made.append(out)
                used = at + _BITE
            if pieces.eof:
                break
    except Exception:
        pass
    return b"".join(made), max(0, len(data) - used)


def torn(data: Bytes, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """What comes out of compressed stretches whose chunk is damaged.

    Yields:
        Where a stretch begins and where it ends, and what comes out; something does.
    """
    at = start
    while at < end:
        match = COMPRESSED.search(data.read(at, min(at + _BLOCK + 3, end)))
        if match is None:
            at += _BLOCK
            continue
        at += match.start()
        content, unused = unpack(data.read(at, end))
        if content:
            yield at, end - unused, content
            at = end - unused
        else:
            at += 1


def _decompressors(way: str) -> tuple[Callable[[bytes], bytes], Any]:
    try:
        if way == "zstd":
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
            return zstd.decompress, zstd.ZstdDecompressor()
        import lz4.frame
    except ImportError as error:
        raise RobotError(
            "compressed bags need a decompressor", "install the reader of bags: pip install 'crl[bags]'"
        ) from error
    return lz4.frame.decompress, lz4.frame.LZ4FrameDecompressor()
