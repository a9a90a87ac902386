from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.reporting.replay.filming import takes_of
from crl.reporting.replay.rerun import write_rerun
from crl.training.runner import train
from tests import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    train(tiny.settings(folder), tiny.quiet()[0])
    return folder / "run"


def test_without_the_package_the_hint_is_named(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(CrlError, match=r"--rerun needs the package rerun-sdk[^\n]*\npip install"):
        write_rerun(takes_of([run], 0, 0), tmp_path / "x.rrd")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    takes = takes_of([run, run], 0, 0)
    written = write_rerun(takes, tmp_path / "there" / "x.rrd")
    content = written.read_bytes()
    assert content[:4] in (b"RRF2", b"RRF1", b"RRF0"), "Rerun's own mark"
    assert len(content) > 5000
    assert [path.name for path in written.parent.iterdir()] == ["x.rrd"]


def test_a_recording_that_can_not_be_written(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("rerun")
    (tmp_path / "file").write_text("")
    with pytest.raises(CrlError, match="can't be written"):
        write_rerun(takes_of([run], 0, 0), tmp_path / "file" / "x.rrd")
