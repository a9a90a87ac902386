"""What a run measures of its agent: bytes per task from how the state grows, and old data that is read."""

from __future__ import annotations

from typing import Any

import pytest

from crl.training.measures import bytes_per_task, measure, memory
from crl.training.provenance import commit
from tests.tiny import Puppet


def visits(*sizes: int | None, names: str = "abcdefgh") -> list[dict[str, Any]]:
    return [{"task": name, "kept_bytes": size} for name, size in zip(names, sizes, strict=False)]


def test_bytes_per_task_is_the_growth_from_the_second_task_on() -> None:
    # The second task's begin adds 1,000 once (a snapshot), every task 40.
    assert bytes_per_task(visits(100, 1140, 1180, 1220)) == 40
    assert bytes_per_task(visits(100, 160)) == 60, "two tasks: what there is"
    assert bytes_per_task(visits(100)) is None
    assert bytes_per_task([]) is None
    assert bytes_per_task(visits(100, None, 300)) is None, "an agent that doesn't tell"


def test_a_task_that_comes_back_is_no_new_task() -> None:
    assert bytes_per_task(visits(0, 10, 30, 99, 99, names="abcab")) == 20


class Talkative(Puppet):
    def kept_bytes(self) -> int:
        return 7

    def old_rows_read(self) -> int:
        return 3

    def plasticity(self) -> None:
        return None


def test_an_agent_tells_what_it_can() -> None:
    assert measure(Talkative()) == {"kept_bytes": 7, "old_rows_read": 3, "plasticity": None}
    assert measure(Puppet()) == {"kept_bytes": None, "old_rows_read": None, "plasticity": None}
    found = memory(Talkative(), [])
    assert found["measured_bytes_per_task"] is None
    assert found["old_rows_read"] is None


def test_a_run_names_the_commit_of_its_checkout() -> None:
    found = commit()
    assert found is None or (7 <= len(found.removesuffix("+")) <= 40 and int(found.removesuffix("+"), 16) >= 0)


@pytest.mark.parametrize("size", [0, 5])
def test_equal_sizes_mean_nothing_is_kept(size: int) -> None:
    assert bytes_per_task(visits(size, size, size)) == 0
