"""Shares of the slow tests: together they are all of them, and none is in two."""

from __future__ import annotations

import os
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


COLLECT = """
import sys

import pytest

folder, *shares = sys.argv[1:]
for share in shares:
    print("share:", share, flush=True)
    given = [f"--share={share}"] if share != "none" else []
    pytest.main(["-q", "-p", "no:cacheprovider", "--collect-only", *given, folder])
    sys.stdout.flush()
"""
KINDS = [f"{kind}/4" for kind in range(4)]
IMPOSSIBLE = ["4/4", "-1/4", "1", "a/b"]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> dict[str, list[str]]:
    """What pytest says of each share, by one process; the tests are of their own, beside the options of this suite."""
    folder = tmp_path_factory.mktemp("shares")
    source = (repository / "tests" / "conftest.py").read_text(encoding="utf-8")
    hooks = source[source.index("def pytest_addoption") :]
    (folder / "conftest.py").write_text(f"import argparse\nimport zlib\n\nimport pytest\n\n\n{hooks}", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = slow: slow\n", encoding="utf-8")
    (folder / "test_some.py").write_text(PAGE, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", COLLECT, str(folder), "none", *KINDS, *IMPOSSIBLE],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=True,
    )
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("share: "):
            found[line.removeprefix("share: ")] = lines = []
        else:
            lines.append(line)
    return found


def names(lines: list[str]) -> list[str]:
    """Names of the tests that would be run."""
    return [line.rpartition("::")[2] for line in lines if "::" in line]


def test_four_shares_are_all_slow_tests_and_every_quick_one_is_in_each(said: dict[str, list[str]]) -> None:
    shares = [names(said[kind]) for kind in KINDS]
    slow = [name for share in shares for name in share if name != "test_quick"]
    assert sorted(slow) == sorted(f"test_slow[{number}]" for number in range(20))
    assert all("test_quick" in share for share in shares)
    assert max(map(len, shares)) < 12


def test_without_a_share_all_are_run(said: dict[str, list[str]]) -> None:
    assert len(names(said["none"])) == 21


@pytest.mark.parametrize("share", IMPOSSIBLE)
def test_an_impossible_share_is_named(share: str, said: dict[str, list[str]]) -> None:
    assert "is no share" in "\n".join(said[share])
    assert not names(said[share])
