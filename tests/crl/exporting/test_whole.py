"""An export is whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from crl.exporting import minari
from crl.exporting.extra import ExportError
from crl.exporting.whole import whole
from tests.crl.exporting import trips


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt(), ValueError()])
def test_what_fails_leaves_nothing(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.pt2"
    expected = ExportError if isinstance(error, OSError) else type(error)

    def write_half() -> None:
        with whole(path) as beside:
            beside.write_bytes(b"half")
            raise error

    with pytest.raises(expected) as caught:
        write_half()
    if expected is ExportError:
        assert caught.match(r"model\.pt2 can't be written: the disk is full")
    assert list(path.parent.iterdir()) == []


def test_files_and_folders_come_whole_under_their_name(tmp_path: Path) -> None:
    with whole(tmp_path / "a.onnx") as beside:
        assert beside.name == "a.onnx"
        beside.write_bytes(b"content")
        assert not (tmp_path / "a.onnx").exists()
    assert (tmp_path / "a.onnx").read_bytes() == b"content"
    with whole(tmp_path / "data") as beside:
        beside.mkdir()
        (beside / "rows").write_bytes(b"1")
    assert (tmp_path / "data" / "rows").read_bytes() == b"1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "data"]


def test_nothing_is_written_over_not_even_what_came_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "x"

    def write_both() -> None:
        with whole(path) as beside:
            beside.write_bytes(b"ours")
            path.write_bytes(b"theirs")

    with pytest.raises(ExportError, match="exists already"):
        write_both()
    assert path.read_bytes() == b"theirs"


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ExportError, match="can't be written"), whole(tmp_path / "file" / "x"):
        pass


def test_half_a_minari_dataset_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def half(name: str, *_: object, **__: object) -> None:
        (tmp_path / name / "data").mkdir(parents=True)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(library, "create_dataset_from_buffers", half)
        with pytest.raises(OSError, match="No space left"):
            minari.write(trips.episodes((3,)), "tests/half-v0", None, "slides")
    assert not (tmp_path / "tests" / "half-v0").exists()
    minari.write(trips.episodes((3,)), "tests/half-v0", None, "slides")
