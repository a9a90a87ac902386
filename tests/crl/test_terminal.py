"""A reader that goes away, and an encoding that knows few letters, stop nothing."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from crl.terminal import Terminal, speak_plainly
from tests import tiny


class Broken(io.StringIO):
    """A stream whose writing fails, as one does whose other end is gone."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    "error",
    [BrokenPipeError(), OSError(errno.EIO, "closed"), OSError(errno.ENOSPC, "full"), ValueError("closed file")],
)
def test_what_can_not_be_printed_is_dropped(error: Exception) -> None:
    console = Terminal(file=Broken(error))
    console.print("one")
    console.file.flush()
    console.print("two")


def test_letters_that_an_encoding_does_not_know() -> None:
    raw = io.BytesIO()
    console = Terminal(file=io.TextIOWrapper(raw, encoding="ascii", write_through=True), width=80)
    console.print("a · b … läufe → 1×2", markup=False)
    assert raw.getvalue() == b"a - b ... l\\xe4ufe -> 1x2\n"


def test_standard_output_speaks_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", write_through=True))
    speak_plainly()
    print("a · ü \udcff")
    assert raw.getvalue() == b"a - \\xfc \\udcff\n"


def test_a_run_goes_on_without_its_reader(tmp_path: Path, repository: Path) -> None:
    """`crl train ... 2>&1 | head -1`, with letters that the encoding does not know in every path."""
    place = tmp_path / "läufe & mehr"
    paths = [str(repository / part) for part in ("", "envs", "robots")]
    code = "import sys; from crl.cli import main; sys.argv[0] = 'crl'; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", *tiny.arguments(place, tasks="[0]")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "ascii"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=600) == 0
    assert first.startswith("task 1/1 slide_0")
    assert (place / "run/results.json").is_file()
