from __future__ import annotations

import json
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.sweeps.folder import SweepFolder, SweepFolderError, writable
from crl.sweeps.locks import HeldError, hold
from crl.sweeps.sweep import sweep
from tests.crl.sweeps.small_sweep import arguments, planned, points, silent


def test_a_point_that_was_written_is_read_back(tmp_path: Path) -> None:
    given = arguments("seed=0,1")
    with planned(tmp_path / "sweep", given) as folder:
        again = SweepFolder.open(tmp_path / "sweep")
        assert [again.read_point(name) for name in again.names()] == points(*given)
        assert folder.read_point("nobody") is None


def test_the_same_sweep_may_be_defined_again_and_another_is_refused(tmp_path: Path) -> None:
    given = arguments("seed=0,1")
    with planned(tmp_path, given):
        pass
    before = (tmp_path / "sweep.json").read_bytes()
    with planned(tmp_path, given):
        pass
    assert (tmp_path / "sweep.json").read_bytes() == before
    with pytest.raises(CrlError) as caught:
        sweep([*arguments("seed=0,1,2"), f"sweep_dir={tmp_path}"], silent())
    assert "holds another sweep: crl sweep env=tests.tiny:SLIDES" in str(caught.value)
    assert "choose another folder with sweep_dir=DIR" in str(caught.value)
    assert (tmp_path / "sweep.json").read_bytes() == before


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("long work")
    with (
        pytest.raises(SweepFolderError, match=r"no sweep and not empty: it holds thesis\.tex"),
        SweepFolder.make(tmp_path),
    ):
        pass
    assert [item.name for item in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_that_cannot_be_written_is_found_out_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CrlError, match="is a file"):
        sweep([*arguments(), f"sweep_dir={tmp_path}/file/sweep"], silent())
    # The permission bits stop nobody who is root.
    monkeypatch.setattr("crl.sweeps.folder.os.access", lambda path, mode: False)
    with pytest.raises(SweepFolderError, match="no permission in") as caught:
        writable(tmp_path / "new" / "sweep")
    assert "sweep_dir=DIR" in str(caught.value)


def test_two_sweeps_at_once_in_one_folder(tmp_path: Path) -> None:
    with SweepFolder.make(tmp_path):
        with pytest.raises(SweepFolderError, match="runs already: process") as caught, SweepFolder.make(tmp_path):
            pass
        assert "--status" in str(caught.value)
    with SweepFolder.make(tmp_path):
        pass


def test_no_sweep_there(tmp_path: Path) -> None:
    with planned(tmp_path / "known", arguments()):
        pass
    with pytest.raises(SweepFolderError, match="is no sweep") as caught:
        SweepFolder.open(tmp_path / "other")
    assert "known" in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', json.dumps({"format": 99})])
def test_a_broken_definition_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(SweepFolderError, match=r"sweep\.json"):
        SweepFolder.open(tmp_path)


def test_a_lock_names_its_holder_and_gives_up_when_nobody_wants_it(tmp_path: Path) -> None:
    asked: list[bool] = []

    def wanted() -> bool:
        asked.append(True)
        return len(asked) < 3

    with hold(tmp_path), pytest.raises(HeldError, match=r"^\d+ on "), hold(tmp_path, patience=600, wanted=wanted):
        pass
    assert len(asked) == 3
