"""Files that somebody else may have written are read within bounds, or refused: never waited for, never expanded."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crl.reading.json_text import DEPTH, parse_json, read_json
from crl.reading.plain import OddFileError, open_plain, read_bytes
from crl.reading.yaml_text import REPEATED, YamlError, check_yaml, plain_yaml, read_yaml


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listener(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(path))  # the name of a socket is short


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)  # no byte of it is on the disk


ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (pipe, "is a pipe"),
    "device": (device, "is a device"),
    "socket": (listener, "is a socket"),
    "huge": (huge, "1,099,511,627,776 bytes"),
    "folder": (Path.mkdir, "is a folder"),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize(
    "read", [lambda path: read_bytes(path, 1000), read_json, read_yaml], ids=["any", "json", "yaml"]
)
def test_what_is_no_plain_file_is_never_read(kind: str, read: Callable[[Path], Any], workplace: Path) -> None:
    make, words = ODD[kind]
    make(workplace / "file")
    with pytest.raises(OSError, match=words):
        read(workplace / "file")


def test_plain_files_and_links_to_them_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    (tmp_path / "link").symlink_to("file")
    assert read_bytes(tmp_path / "link", 10) == b"0123456789"
    with open_plain(tmp_path / "file") as file:
        assert file.read(3) == b"012"
    with pytest.raises(OddFileError, match="has 10 bytes, and at most 9"):
        read_bytes(tmp_path / "file", 9)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none", 10)


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("text", [nested(DEPTH + 1), nested(900), nested(200_000), '{"a":' * 150 + "1" + "}" * 150])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_json_that_is_nested_too_deeply_is_refused(text: str, as_bytes: bool) -> None:
    with pytest.raises(ValueError, match="more than 100 levels deep"):
        parse_json(text.encode() if as_bytes else text)


def test_json_within_the_bounds_is_what_it_was() -> None:
    assert parse_json(nested(DEPTH)) == json.loads(nested(DEPTH))
    many = [[{"a": i}] for i in range(1000)]
    assert parse_json(json.dumps(many)) == many
    with pytest.raises(ValueError, match="digits"):
        parse_json("1" * 10_000)


def bomb(levels: int) -> str:
    rows = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"l{i}: &l{i} [{', '.join([f'*l{i - 1}'] * 10)}]" for i in range(1, levels)]
    return "\n".join(rows) + "\n"


def merged(levels: int) -> str:
    rows = ["l0: &l0 {a: 1, b: 2}"]
    rows += [f"l{i}: &l{i} {{<<: [{', '.join([f'*l{i - 1}'] * 10)}]}}" for i in range(1, levels)]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (bomb(8), "aliases stand for more than"),
        (merged(8), "aliases stand for more than"),
        ("a: &a [1, *a]", "a part of"),
        ("[" * 60 + "]" * 60, "levels deep"),
        ("[" * 100_000, "nesting|levels deep"),
        ("jump: 1" + "0" * 400, "a number of 401 characters"),
        ("a: " + "1:" * 5000 + "1", "a number of"),
        ("%TAG ! x\n---\na: 1", "a directive"),
        ("a: [1", "did not find|expected"),
        ("a: *nothing", "undefined alias"),
    ],
)
def test_yaml_that_nobody_writes_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text(text)
    with pytest.raises(YamlError, match=words) as caught:
        read_yaml(tmp_path / "file.yaml")
    assert "\n" not in str(caught.value)


def test_aliases_that_people_write_are_fine() -> None:
    text = "row: &row [1, 2, 3]\ntable: [*row, *row]\nbase: &base {a: 1}\nmore: {<<: *base, b: 2}\n"
    check_yaml(text)
    assert plain_yaml(text) == yaml.safe_load(text)
    many = "row: &row [1, 2, 3]\ntable: [" + "*row, " * (REPEATED // 4 - 10) + "]\n"
    check_yaml(many)
    again = "a: &x [1]\nb: &x [2, *x]\n"  # an anchor that is used twice names what came last
    check_yaml("a: &x [1]\nb: [*x]\nc: &x [2]\nd: [*x]\n")
    with pytest.raises(YamlError, match="a part of"):
        check_yaml(again)


def test_what_can_not_be_built_is_named() -> None:
    for text in ("a: !!python/object:os.system x", "a: 2025-99-99", "? [a, b]\n: 1"):
        check_yaml(text)
        with pytest.raises(YamlError):
            plain_yaml(text)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(YamlError, match="not UTF-8"):
        read_yaml(tmp_path / "file.yaml")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_whatever_is_dumped_is_read_back(value: Any) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    check_yaml(text)
    assert plain_yaml(text) == yaml.safe_load(text)
    assert parse_json(json.dumps(value)) == value
