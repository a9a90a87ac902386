"""Shares of the slow tests: together they are all of them, and none is in two."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PAGE = """
import pytest

@pytest.mark.slow
@pytest.mark.parametrize("number", range(20))
def test_slow(number):
    pass

def test_quick():
    pass
"""


def ran(folder: Path, *arguments: str) -> list[str]:
    """Names of the tests that are run."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", *arguments, str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    return [line.rpartition("::")[2] for line in done.stdout.splitlines() if "::" in line] or [
        done.stdout + done.stderr
    ]


@pytest.fixture
def folder(tmp_path: Path, repository: Path) -> Path:
    """Tests of their own beside the options of this suite."""
    source = (repository / "tests" / "conftest.py").read_text(encoding="utf-8")
    hooks = source[source.index("def pytest_addoption") :]
    (tmp_path / "conftest.py").write_text(
        f"import argparse\nimport zlib\n\nimport pytest\n\n\n{hooks}", encoding="utf-8"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: slow\n", encoding="utf-8")
    (tmp_path / "test_some.py").write_text(PAGE, encoding="utf-8")
    return tmp_path


def test_four_shares_are_all_slow_tests_and_every_quick_one_is_in_each(folder: Path) -> None:
    shares = [ran(folder, "--share", f"{kind}/4") for kind in range(4)]
    slow = [name for share in shares for name in share if name != "test_quick"]
    assert sorted(slow) == sorted(f"test_slow[{number}]" for number in range(20))
    assert all("test_quick" in share for share in shares)
    assert max(map(len, shares)) < 12


def test_without_a_share_all_are_run(folder: Path) -> None:
    assert len(ran(folder)) == 21


@pytest.mark.parametrize("share", ["4/4", "-1/4", "1", "a/b"])
def test_an_impossible_share_is_named(folder: Path, share: str) -> None:
    assert "is no share" in ran(folder, f"--share={share}")[0]
