"""Saving what is whole in a damaged MCAP file: before and after the damage, and inside torn chunks."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crl_robots.errors import RobotError
from crl_robots.mcap.found import Found
from crl_robots.mcap.records import MAGIC, Bytes
from crl_robots.mcap.topics import Topics
from crl_robots.mcap.writer import RecordFile
from crl_robots.recordings.bags import typestore

_BLOCK = 2**18
_SHOWN = 5


@dataclass
class Salvaged:
    """What was saved of a file, and what was not.

    Attributes:
        source: The damaged file.
        out: The new file.
        size: Bytes of the damaged file.
        messages: Messages that were saved.
        lost: Messages that were lost; ``None``: the file does not tell.
        exact: Whether ``lost`` is all; otherwise more may be missing at the end.
        gaps: Place and number of the bytes that could not be used; of a compressed chunk, the chunk's place.
        repaired: Records in which one bit was turned back.
        mismatches: Checksums that don't fit.
    """

    source: Path
    out: Path
    size: int
    messages: int
    lost: int | None
    exact: bool
    gaps: list[tuple[int, int]] = field(default_factory=list)
    repaired: int = 0
    mismatches: int = 0

    @property
    def lost_bytes(self) -> int:
        """Bytes that could not be used."""
        return sum(count for _, count in self.gaps)

    def __str__(self) -> str:
        lines = [f"{self.out}: {self.messages:,} messages saved from {self.source}"]
        if self.lost or self.gaps:
            count = "an unknown number of messages" if self.lost is None else f"{self.lost:,} messages"
            more = "" if self.exact or self.lost is None else " or more"
            lines.append(f"lost: {count}{more}, {self.lost_bytes:,} of {self.size:,} bytes{self._places()}")
        else:
            lines.append("nothing was lost")
        if self.repaired:
            lines.append(f"repaired: one flipped bit in each of {self.repaired:,} records")
        if self.mismatches:
            lines.append(f"{self.mismatches:,} checksums don't fit: some messages may have wrong values")
        return "\n".join(lines)

    def _places(self) -> str:
        shown = ", ".join(f"{count:,} at byte {place:,}" for place, count in self.gaps[:_SHOWN])
        more = len(self.gaps) - _SHOWN
        return f" ({shown}{f' and at {more:,} more places' if more > 0 else ''})" if shown else ""


def salvage(path: str | Path, out: str | Path) -> list[Salvaged]:
    """Salvage a file, or all MCAP files of a folder into a new folder; see :func:`salvage_bag`.

    Files of a folder that hold no whole message are left out.

    Raises:
        RobotError: See :func:`salvage_bag`; or the folder holds no MCAP file.
    """
    path, out = Path(path), Path(out)
    if not path.is_dir():
        return [salvage_bag(path, out)]
    files = sorted(path.glob("*.mcap"))
    if not files:
        raise RobotError(f"there is no .mcap file in {path}", "give a .mcap file, or a folder that holds some")
    try:
        out.mkdir(parents=True)
    except OSError as error:
        raise RobotError(f"the folder {out} can't be made: {error.strerror}", "name a new folder") from error
    made = []
    for file in files:
        try:
            made.append(salvage_bag(file, out / file.name))
        except NothingWhole:
            continue
    if not made:
        out.rmdir()
        raise NothingWhole(f"no file in {path} has a whole message", "there is nothing to be saved")
    return made


class NothingWhole(RobotError):
    """A file has no whole message."""


def salvage_bag(path: str | Path, out: str | Path) -> Salvaged:
    """Write all whole messages of a damaged MCAP file into a new one; the damaged file is never changed.

    A message is whole if its record holds together and its data are one message of its topic's type, no more and no
    less. Where a single flipped bit breaks a record, it is turned back. Wrong values inside the data of a message can't
    be seen, except by the checksum of a chunk, if it has one; the message right before lost bytes may have some. The
    new file has neither index nor compression, and its messages are in order of time.

    Args:
        path: The damaged file.
        out: The new file; it must not exist.

    Raises:
        NothingWhole: No message is whole.
        RobotError: ``path`` is no MCAP file, or can't be read; all from some place on is lost, though the file's end is
            whole; ``out`` exists or can't be written; or ``rosbags`` is not installed.
    """
    path, out = Path(path), Path(out)
    if not path.is_file():
        raise RobotError(f"{path} is no file", "give the .mcap file that can't be read")
    if out.exists() or out.is_symlink():
        raise RobotError(f"{out} is there already", "name a new file: nothing is written over")
    typestore()  # complains if there is no rosbags
    with _opened(path) as data:
        found = Found(data, Topics.find(data, len(MAGIC)))
        _check(path, data, found)
        file = RecordFile(out, found.topics.profile)
        try:
            found.write(file)
            file.close()
        except BaseException:
            file.abandon()
            raise
    return Salvaged(
        path,
        out,
        data.size,
        found.messages,
        found.lost,
        found.stated is not None,
        found.gaps,
        found.repaired,
        found.mismatches,
    )


@contextmanager
def _opened(path: Path) -> Iterator[Bytes]:
    """The bytes of a file."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise RobotError(f"{path} can't be read: {error.strerror}", "give a file that you may read") from error
    block, begins = b"", 0

    def read(start: int, end: int) -> bytes:
        nonlocal block, begins
        if start < begins or end > begins + len(block):
            try:
                block, begins = os.pread(file, max(end - start, _BLOCK), start), start
            except OSError as error:
                raise RobotError(f"{path} can't be read: {error.strerror}", "copy it to another disk first") from error
        return block[start - begins : end - begins]

    try:
        yield Bytes(os.fstat(file).st_size, read)
    finally:
        os.close(file)


def _check(path: Path, data: Bytes, found: Found) -> None:
    """Refuse what is no MCAP file, and a loss that an end that is whole would hide."""
    if not found.topics.known and data.read(0, min(len(MAGIC), data.size)) != MAGIC:
        raise RobotError(
            f"{path} is no MCAP file", "give a .mcap file; for a .db3 file there is: sqlite3 FILE .recover"
        )
    if not found.messages:
        raise NothingWhole(f"there is no whole message in {path}", "there is nothing to be saved: leave the file out")
    if found.cut is not None:
        raise RobotError(
            f"all of {path} from byte {found.cut:,} up to its end is damaged, and the end itself is whole",
            f"to save what comes before: head -c {found.cut} {shlex.quote(str(path))} > PART.mcap, and salvage that",
        )
