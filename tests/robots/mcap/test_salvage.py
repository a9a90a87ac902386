"""Whatever befell a file: all that is whole is saved, what is lost is told, and the file itself is never touched."""

from __future__ import annotations

import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rosbags")

from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from typer.testing import CliRunner

from crl.cli import app
from crl_robots import RobotError
from crl_robots.mcap import records
from crl_robots.mcap.records import CHANNEL, CHUNK, MESSAGE, SCHEMA, Bytes, Record
from crl_robots.mcap.salvage import Salvaged, salvage, salvage_bag
from crl_robots.mcap.scan import Gap, scan
from crl_robots.recordings.bags import read_bag
from tests.robots.mcap.files import WAYS, Message, chunked, content, drive, recorded
from tests.robots.test_bags import STORE

DRIVE = drive(30)
Try = Callable[[bytes], tuple[Salvaged, list[Message]]]


@pytest.fixture
def tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Try]:
    """Salvages bytes, and looks whether the damaged file stays as it is."""
    monkeypatch.setattr("os.fsync", lambda file: None)  # hundreds of files, none of which outlives the test

    def salvaged(data: bytes) -> tuple[Salvaged, list[Message]]:
        damaged, out = tmp_path / "damaged.mcap", tmp_path / "saved.mcap"
        out.unlink(missing_ok=True)
        damaged.write_bytes(data)
        made = salvage_bag(damaged, out)
        assert damaged.read_bytes() == data
        found = content(out)
        assert made.messages == len(found)
        return made, found

    return salvaged


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return recorded(tmp_path_factory.mktemp("own"), DRIVE).read_bytes()


@pytest.fixture(scope="module", params=list(WAYS))
def other(request: Any, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return chunked(tmp_path_factory.mktemp("other") / "a.mcap", DRIVE, request.param).read_bytes()


def flipped(data: bytes, bit: int) -> bytes:
    made = bytearray(data)
    made[bit // 8] ^= 1 << bit % 8
    return bytes(made)


def layout(data: bytes) -> list[Record]:
    """The records of a whole file, those of chunks that are not compressed among them."""
    found = list(scan(Bytes.of(data), lambda record, data: True, len(records.MAGIC)))
    assert not any(isinstance(item, Gap) for item in found)
    return [item for item in found if isinstance(item, Record)]


def test_a_whole_file_is_copied(own: bytes, other: bytes, tried: Try) -> None:
    for data in (own, other):
        made, found = tried(data)
        assert found == DRIVE
        assert (made.lost, made.lost_bytes, made.repaired, made.mismatches) == (0, 0, 0, 0)
        assert "nothing was lost" in str(made)


def test_no_flipped_bit_in_the_frame_of_a_record_costs_a_message(own: bytes, tried: Try) -> None:
    """Kind, length and channel of messages and definitions; the flipped bit is found and turned back."""
    found = layout(own)
    chosen = [next(record for record in found if record.kind == kind) for kind in (SCHEMA, CHANNEL, MESSAGE)]
    chosen += [found[0], found[20], found[21], *found[-3:]]
    for record in chosen:
        for bit in range(0, 8 * records.START, 5):
            made, saved = tried(flipped(own, 8 * record.start + bit))
            assert saved == DRIVE, f"bit {bit} of {record}"
            assert made.lost_bytes <= record.end - record.start
    for bit in range(16):
        _, saved = tried(flipped(own, 8 * (found[20].start + records.START) + bit))
        assert saved == DRIVE


def test_a_flipped_bit_anywhere_costs_one_message_at_most(own: bytes, tried: Try) -> None:
    """Of a topic's name nobody knows that it was another one; the messages are all there."""
    bits = random.Random(0).sample(range(8 * len(own)), 40)
    begins = [record for record in layout(own) if record.kind in (SCHEMA, CHANNEL)]
    bits += [8 * place + place % 8 for record in begins for place in range(record.start, record.start + 60, 5)]
    for bit in bits:
        _, saved = tried(flipped(own, bit))
        kept = {message[1:] for message in saved}
        missing = [message for message in DRIVE if message[1:] not in kept]
        assert len(missing) <= 1, f"byte {bit // 8}, bit {bit % 8}"


def test_a_flipped_bit_costs_no_other_chunk(other: bytes, tried: Try) -> None:
    chunks = [record for record in layout(other) if record.kind == CHUNK]
    inside = [range(*chunk.fields[5]) for chunk in chunks]
    bits = random.Random(0).sample(range(8 * len(records.MAGIC), 8 * len(other)), 25)
    bits += [8 * place + place % 8 for place in range(chunks[1].start, chunks[1].fields[5][0], 3)]
    for bit in bits:
        made, saved = tried(flipped(other, bit))
        hit = [number for number, places in enumerate(inside) if bit // 8 in places]
        others = [
            message for number in range(3) if number not in hit for message in DRIVE[20 * number : 20 * number + 20]
        ]
        if 0 in hit:  # where the topics are defined
            others = [("", *message[1:]) for message in others]
            saved = [("", *message[1:]) for message in saved]
        assert [message for message in saved if message in others] == others, f"byte {bit // 8}, bit {bit % 8}"
        assert len(saved) == len(DRIVE) - (made.lost or 0)
        if len(set(DRIVE) & set(saved)) < len(DRIVE):
            assert made.mismatches or made.gaps


@pytest.mark.parametrize("harm", ["zeros", "noise", "missing", "more"])
def test_what_is_before_and_after_a_damaged_stretch_is_saved(own: bytes, tried: Try, harm: str) -> None:
    rng = random.Random(0)
    ends = [record.end for record in layout(own) if record.kind == MESSAGE]
    for size in (1, 40, 3000):
        at = rng.randrange(8000, 20_000)
        middle = {"zeros": bytes(size), "noise": rng.randbytes(size), "missing": b"", "more": rng.randbytes(size)}[harm]
        after = at if harm == "more" else at + size
        made, saved = tried(own[:at] + middle + own[after:])
        whole = [m for end, m in zip(ends, DRIVE, strict=True) if end <= at or end - len(m[3]) - 31 >= after]
        assert [message for message in saved if message in whole] == whole
        assert made.lost == len(DRIVE) - len(saved)
        assert f"lost: {made.lost} messages" in str(made) or not (made.lost or made.gaps)


def test_a_file_cut_anywhere_gives_every_whole_message(own: bytes, tried: Try) -> None:
    ends = [record.end for record in layout(own) if record.kind == MESSAGE]
    for cut in [ends[0], *range(ends[0] + 1, len(own), 611), len(own) - 1]:
        _, saved = tried(own[:cut])
        assert saved == DRIVE[: sum(end <= cut for end in ends)]


@pytest.mark.parametrize("way", ["lz4", "zstd"])
def test_a_torn_compressed_chunk_gives_what_comes_before_the_tear(way: str, tmp_path: Path, tried: Try) -> None:
    many = drive(300)
    data = chunked(tmp_path / "a.mcap", many, way, each=400).read_bytes()
    first = next(record for record in layout(data) if record.kind == CHUNK)
    start, end = first.fields[5]
    torn = start + 9 * (end - start) // 10
    _, saved = tried(data[:torn])
    assert 50 < len(saved) < 400
    assert saved == many[: len(saved)]
    made, saved = tried(data[:torn] + bytes(20) + data[torn + 20 :])
    assert set(saved) >= {*many[:50], *many[400:]}
    assert made.lost == 600 - len(saved)
    # The chunk's own beginning is gone: its data are found.
    _, saved = tried(data[: first.start] + bytes(30) + data[first.start + 30 :])
    assert saved == many


def test_a_bag_of_rosbags_is_salvaged(tmp_path: Path, tried: Try) -> None:
    writer = Writer(tmp_path / "bag", version=9, storage_plugin=StoragePlugin.MCAP)
    writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
    with writer:
        kinds = {topic: kind for topic, kind, *_ in DRIVE}
        known = {topic: writer.add_connection(topic, kind, typestore=STORE) for topic, kind in kinds.items()}
        for topic, _, time, message in DRIVE:
            writer.write(known[topic], time, message)
    data = (tmp_path / "bag" / "bag.mcap").read_bytes()
    _, saved = tried(data)
    assert saved == DRIVE
    _, saved = tried(data[: len(data) - 100])
    assert saved == DRIVE


def test_a_message_that_swallowed_others_gives_them_back(own: bytes, tried: Try) -> None:
    """Its length reaches to the end of a later message, so that nothing looks damaged from outside."""
    found = [record for record in layout(own) if record.kind == MESSAGE]
    taken = found[13].end - found[10].start - records.START
    place = found[10].start + 1
    _, saved = tried(own[:place] + taken.to_bytes(8, "little") + own[place + 8 :])
    assert set(saved) >= {*DRIVE[:10], *DRIVE[11:]}


def test_a_wrong_time_moves_no_message(own: bytes, tried: Try) -> None:
    found = [record for record in layout(own) if record.kind == MESSAGE]
    for bit in (3, 40, 62):
        _, saved = tried(flipped(own, 8 * (found[10].start + records.START + 6) + bit))
        assert saved == DRIVE


def test_attachments_are_kept(tmp_path: Path, tried: Try) -> None:
    texts = records.text("map.csv") + records.text("text/csv")
    attachment = records.record(records.ATTACHMENT, bytes(16) + texts + (3).to_bytes(8, "little") + b"x,y" + bytes(4))
    data = chunked(tmp_path / "a.mcap", DRIVE, "zstd", more=attachment).read_bytes()
    tried(data[:-60])
    assert attachment in (tmp_path / "saved.mcap").read_bytes()


def test_an_end_that_is_whole_hides_no_loss(own: bytes, tried: Try, tmp_path: Path) -> None:
    ending = len(own) - len(records.ENDING)
    damaged = own[:9000] + bytes(ending - 9000 + 13) + own[ending + 13 :]
    with pytest.raises(
        RobotError, match=r"from byte 9,148 up to its end is damaged.*\nto save what comes before: head -c"
    ):
        tried(damaged)
    assert not (tmp_path / "saved.mcap").exists()
    _, saved = tried(damaged[:9000])
    assert len(saved) > 10


def test_nothing_is_written_over(own: bytes, tmp_path: Path) -> None:
    file, out = tmp_path / "a.mcap", tmp_path / "b.mcap"
    file.write_bytes(own[:-9])
    out.write_text("mine")
    (tmp_path / "link.mcap").symlink_to(tmp_path / "nowhere.mcap")
    for there in (file, out, tmp_path / "link.mcap", tmp_path):
        with pytest.raises(RobotError, match="is there already\nname a new file"):
            salvage_bag(file, there)
    assert (file.read_bytes(), out.read_text()) == (own[:-9], "mine")
    with pytest.raises(RobotError, match="can't be made"):
        salvage_bag(file, tmp_path / "no" / "folder.mcap")


def test_what_holds_nothing_is_refused(own: bytes, tmp_path: Path) -> None:
    out = tmp_path / "out.mcap"
    for data, message in (
        (b"not a bag" * 100, "is no MCAP file"),
        (b"", "is no MCAP file"),
        (b"SQLite format 3\x00" + bytes(100), "sqlite3 FILE .recover"),
        (own[:200], "no whole message"),
    ):
        (tmp_path / "a.mcap").write_bytes(data)
        with pytest.raises(RobotError, match=message):
            salvage_bag(tmp_path / "a.mcap", out)
    with pytest.raises(RobotError, match="is no file"):
        salvage_bag(tmp_path / "nothing", out)
    assert not out.exists()


def test_a_folder_is_salvaged_into_a_new_one(own: bytes, tmp_path: Path) -> None:
    folder, out = tmp_path / "drives", tmp_path / "saved"
    with pytest.raises(RobotError, match="is no file"):
        salvage(folder, out)
    folder.mkdir()
    with pytest.raises(RobotError, match=r"no \.mcap file in"):
        salvage(folder, out)
    (folder / "a.mcap").write_bytes(own)
    (folder / "b.mcap").write_bytes(own[:9000])
    (folder / "c.mcap").write_bytes(own[:100])
    made = salvage(folder, out)
    assert [one.out.name for one in made] == ["a.mcap", "b.mcap"]
    assert len(list(read_bag(out))) == len(DRIVE) + made[1].messages
    with pytest.raises(RobotError, match="name a new folder"):
        salvage(folder, out)
    for name in "ab":
        (folder / f"{name}.mcap").unlink()
    with pytest.raises(RobotError, match=r"no file in .* has a whole message"):
        salvage(folder, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_without_rosbags_the_hint_is_said(own: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mcap").write_bytes(own)
    monkeypatch.setitem(sys.modules, "rosbags.typesys", None)
    with pytest.raises(RobotError, match=r"need the package rosbags\n.*pip install 'crl\[bags\]'"):
        salvage_bag(tmp_path / "a.mcap", tmp_path / "b.mcap")
    assert not (tmp_path / "b.mcap").exists()


def test_a_full_disk_leaves_no_half_file(own: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mcap").write_bytes(own)

    def full(self: Any, file: Any) -> None:
        raise RobotError("the disk is full")

    monkeypatch.setattr("crl_robots.mcap.found.Found.write", full)
    with pytest.raises(RobotError, match="the disk is full"):
        salvage_bag(tmp_path / "a.mcap", tmp_path / "b.mcap")
    assert not (tmp_path / "b.mcap").exists()


def test_the_command_says_what_was_saved(own: bytes, tmp_path: Path) -> None:
    file, out = tmp_path / "a.mcap", tmp_path / "b.mcap"
    file.write_bytes(own[:9000])
    done = CliRunner().invoke(app, ["salvage", str(file), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert f"{out}: {len(content(out))} messages saved from {file}" in done.output
    assert "lost: 0 messages or more" in done.output
    done = CliRunner().invoke(app, ["salvage", str(file), "--out", str(out)])
    assert done.exit_code == 2
    assert "is there already" in done.stderr
    shutil.rmtree(tmp_path, ignore_errors=True)
    done = CliRunner().invoke(app, ["salvage", str(file), "--out", str(out)])
    assert done.exit_code == 2
    assert "there is no file or folder" in done.stderr
