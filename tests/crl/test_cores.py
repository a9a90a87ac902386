"""How many cores this process may use: its affinity and the quotas of its control groups, of either version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crl.commands.missions.eval_missions import _split
from crl.cores import cores
from crl.diagnosis.processors import processors
from crl.sweeps.launchers.local import LocalPool

MANY = 64


@pytest.fixture(autouse=True)
def a_large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(MANY)))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def of(tmp_path: Path, groups: str) -> int:
    write(tmp_path / "cgroup", groups)
    return cores(tmp_path / "cgroup", tmp_path / "fs")


def test_affinity_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cores(tmp_path / "nowhere", tmp_path / "nowhere") == MANY
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3})
    assert cores(tmp_path / "nowhere", tmp_path / "nowhere") == 1


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("max 100000", MANY), ("50000 100000", 1), ("150000 100000", 2), ("800000 100000", 8), ("nonsense", MANY)],
)
def test_the_quota_of_version_2(limit: str, expected: int, tmp_path: Path) -> None:
    write(tmp_path / "fs/cpu.max", limit)
    assert of(tmp_path, "0::/\n") == expected


def test_the_least_quota_of_the_groups_around_counts(tmp_path: Path) -> None:
    write(tmp_path / "fs/user.slice/cpu.max", "300000 100000\n")
    write(tmp_path / "fs/user.slice/shell/cpu.max", "max 100000\n")
    assert of(tmp_path, "0::/user.slice/shell\n") == 3
    assert of(tmp_path, "0::/other\n") == MANY


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
@pytest.mark.parametrize(("limit", "expected"), [("-1", MANY), ("250000", 3)])
def test_the_quota_of_version_1(folder: str, limit: str, expected: int, tmp_path: Path) -> None:
    for name, text in (("cpu.cfs_quota_us", limit), ("cpu.cfs_period_us", "100000")):
        write(tmp_path / "fs" / folder / "docker/abc" / name, f"{text}\n")
    assert of(tmp_path, "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n") == expected


def test_a_container_that_sees_its_group_as_the_root(tmp_path: Path) -> None:
    """The host's path is in /proc/self/cgroup, and the container's own group is mounted at the top."""
    write(tmp_path / "fs/cpu/cpu.cfs_quota_us", "200000\n")
    write(tmp_path / "fs/cpu/cpu.cfs_period_us", "100000\n")
    assert of(tmp_path, "4:cpu,cpuacct:/docker/0123456789abcdef\n0::/../..\nno groups\n") == 2


def test_everyone_asks_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 5})
    expected = cores()
    assert LocalPool(tmp_path, None, False).parallel == expected
    assert _split([])[0]["workers"] == expected
    [found] = [finding for finding in processors() if finding.name == "cores"]
    assert found.said.startswith(f"{expected} for this process")
