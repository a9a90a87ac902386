"""What a run measures of its agent: bytes per task from how the state grows, and old data that is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from crl.training.metrics.measures import growth, measure, memory
from crl.training.runs.provenance import commit
from tests.tiny import Puppet


def visits(*sizes: int | None, names: str = "abcdefgh", once: Sequence[int | None] = ()) -> list[dict[str, Any]]:
    told = [*once, *[None] * len(sizes)]
    return [
        {"task": name, "kept_bytes": size, "kept_once_bytes": constant}
        for name, size, constant in zip(names, sizes, told, strict=False)
    ]


def test_what_is_kept_grows_from_the_second_task_on_and_the_rest_is_constant() -> None:
    # The second task's begin adds 1,000 once (a snapshot), every task 40.
    assert growth(visits(100, 1140, 1180, 1220)) == (40, 1100)
    assert growth(visits(100)) == (None, None)
    assert growth([]) == (None, None)
    assert growth(visits(100, None, 300)) == (None, None), "an agent that doesn't tell"


def test_two_tasks_tell_growth_from_a_snapshot_where_the_agent_does() -> None:
    assert growth(visits(1_005_512, 2_011_024, once=(1_005_472, 2_010_944))) == (40, 2_010_984)
    assert growth(visits(100, 160)) == (60, 100), "nothing is said: what there is"
    assert growth(visits(100, 1140, 1180, 1220, once=(60, 1060, 1060, 1060))) == (40, 1100), "as without the word"


def test_a_task_that_comes_back_is_no_new_task() -> None:
    assert growth(visits(0, 10, 30, 99, 99, names="abcab")) == (20, 0)


class Talkative(Puppet):
    def kept_bytes(self) -> int:
        return 7

    def kept_once_bytes(self) -> int:
        return 5

    def old_rows_read(self) -> int:
        return 3

    def plasticity(self) -> None:
        return None


def test_an_agent_tells_what_it_can() -> None:
    silent = {"kept_bytes": None, "kept_once_bytes": None, "old_rows_read": None, "plasticity": None}
    assert measure(Talkative()) == {**silent, "kept_bytes": 7, "kept_once_bytes": 5, "old_rows_read": 3}
    assert measure(Puppet()) == silent
    found = memory(Talkative(), [])
    assert found["measured_bytes_per_task"] is None
    assert found["old_rows_read"] is None


def test_a_run_names_the_commit_of_its_checkout() -> None:
    found = commit()
    assert found is None or (7 <= len(found.removesuffix("+")) <= 40 and int(found.removesuffix("+"), 16) >= 0)


@pytest.mark.parametrize("size", [0, 5])
def test_equal_sizes_mean_nothing_is_kept(size: int) -> None:
    assert growth(visits(size, size, size)) == (0, size)
