"""A folder holds at most 15 files, and a file of the package at most 400 lines, so that both can be looked through."""

from __future__ import annotations

from pathlib import Path

import pytest

MOST_FILES = 15
MOST_LINES = 400
LARGER = {
    "crl": 20,  # what every folder of it uses
    "crl/formal": 33,  # flat, because crl.formal is imported as one module
    "ros_ws/src/crl_ros/crl_ros": 30,  # a ROS package is one folder
    "tests/crl": 19,  # mirrors crl
    "tests/envs": 21,
}
"""Folders that hold more, and how many they may hold: none may grow."""
PACKAGES = ("crl", "envs", "robots", "ros_ws/src", "benchmarks", "tests")


def python_files(repository: Path) -> list[Path]:
    files = (file for package in PACKAGES for file in (repository / package).rglob("*.py"))
    return [file for file in files if "build" not in file.relative_to(repository).parts]  # left by pip


def test_no_folder_holds_more_files_than_it_may(repository: Path) -> None:
    found: dict[str, int] = {}
    for file in python_files(repository):
        folder = file.parent.relative_to(repository).as_posix()
        found[folder] = found.get(folder, 0) + 1
    assert len(found) > 100
    assert {name: count for name, count in found.items() if count > LARGER.get(name, MOST_FILES)} == {}


def test_no_exception_outlives_its_reason(repository: Path) -> None:
    for name in LARGER:
        assert len(list((repository / name).glob("*.py"))) > MOST_FILES, name


@pytest.mark.parametrize("package", ["crl", "envs", "robots"])
def test_no_file_has_more_lines_than_it_may(package: str, repository: Path) -> None:
    files = list((repository / package).rglob("*.py"))
    assert files
    long = {str(file): lines for file in files if (lines := file.read_text().count("\n")) > MOST_LINES}
    assert long == {}
