"""A library that is not there, does not fit or can't be loaded is not used, and it is said why."""

from __future__ import annotations

from pathlib import Path

import pytest

from crl.diagnosis.kernel import kernel
from crl.kernel import building, unroller
from crl.kernel.layout import Layout
from crl.kernel.library import Library, library


def test_without_a_library(tmp_path: Path) -> None:
    found = library(tmp_path / "nothing.so")
    assert (found.loaded, found.sets) == (None, ())
    assert "not built" in str(found.trouble)


def test_what_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "broken.so").write_bytes(b"no library")
    assert "can't be loaded" in str(library(tmp_path / "broken.so").trouble)


@pytest.mark.skipif(library().loaded is None, reason="the kernel was not built")
def test_of_other_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = tmp_path / "older.so"
    copied.write_bytes(building.LIBRARY.read_bytes())
    monkeypatch.setattr("crl.kernel.library.digest", lambda: "of newer sources")
    assert "other sources" in str(library(copied).trouble)


def test_doctor_says_what_is_missing_and_how_to_build_it(tmp_path: Path) -> None:
    (finding,) = kernel(tmp_path / "nothing.so")
    assert finding.state == "absent"
    assert "PyTorch" in finding.said
    assert "python -m crl.kernel.building" in str(finding.hint)


def test_an_unroller_without_a_library_says_how_to_build_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(unroller, "library", lambda: Library(None, trouble="it was not built"))
    with pytest.raises(unroller.KernelError, match="not built") as caught:
        unroller.Unroller(Layout((), torch.zeros(0), torch.zeros(0)), [], "relu")
    assert "python -m crl.kernel.building" in str(caught.value.hint)


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(building.NotBuilt, match="no C compiler"):
        building.build(tmp_path / "made.so")
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    with pytest.raises(building.NotBuilt, match="can't be run"):
        building.build(tmp_path / "made.so")
    assert not (tmp_path / "made.so").exists()


def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    failing = tmp_path / "cc"
    failing.write_text("#!/bin/sh\necho no memory left >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setenv("CC", str(failing))
    with pytest.raises(building.NotBuilt, match="no memory left"):
        building.build(tmp_path / "made.so")
