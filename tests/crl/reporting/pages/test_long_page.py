"""A hundred tasks: speeds are shares of a fresh model's training returns."""

from __future__ import annotations

from typing import Any

import pytest

from crl.reporting.pages.long_page import page, retention, speeds


def run(first: float, last: float, tasks: int = 20) -> dict[str, Any]:
    """A run whose training return is ``first`` in the first ten tasks and ``last`` afterwards."""
    curves = {
        f"length_{at}": [0.5 * (first if at < 10 else last), 1.5 * (first if at < 10 else last)] for at in range(tasks)
    }
    ends = {name: first if at < 10 else last for at, name in enumerate(curves)}
    about = {"seed": 0, "all_tasks": ends, "cpu_seconds": 60.0, "commit": "abc1234"}
    return {"curves": curves, **about, "bytes_constant": 1000.0, "bytes_per_task": None}


def test_speeds_are_shares_of_the_fresh_models() -> None:
    assert speeds(run(50, 40), [run(100, 100), run(100, 60)]) == pytest.approx([0.5, 0.5])


def test_the_page_names_who_is_as_fast_as_a_fresh_model_in_the_end() -> None:
    found = {"single": [run(100, 100)], "hypercrl": [run(120, 96)], "finetune_heads": [run(110, 80)]}
    written = page(found)
    assert "or better by: `hypercrl` (0.96)" in written
    assert "Slower: `finetune_heads` (0.80)" in written
    assert "| `finetune_heads` | 1 | 1.10 | 1.10 | 0.80 |" in written


def test_without_fresh_models_there_are_no_speeds() -> None:
    assert "Slower" not in page({"hypercrl": [run(120, 96)]})


def test_retention_counts_tasks_that_return_less_than_their_fresh_model() -> None:
    fresh = [run(100, 100), run(100, 60)]
    assert retention([run(70, 40)], fresh) == pytest.approx([55, 70, 55 / 90, 20])
    assert retention([run(81, 63)], fresh) == pytest.approx([72, 81, 72 / 90, 10])
    assert retention([run(81, 63)], None)[2:] == [None, None]


def test_a_run_is_compared_with_the_fresh_models_of_its_own_seed() -> None:
    run = {"seed": 1, "curves": {"a": [2.0]}, "all_tasks": {"a": 2.0}}
    fresh = [
        {"seed": seed, "curves": {"a": [value]}, "all_tasks": {"a": value}} for seed, value in ((0, 8.0), (1, 4.0))
    ]
    assert speeds(run, fresh) == [0.5]
    assert retention([run], fresh)[2:] == [0.5, 1.0]
    assert speeds({**run, "seed": 2}, fresh) == [2.0 / 6.0]  # there are none of its own
