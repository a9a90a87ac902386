"""A hundred tasks: speeds are shares of a fresh model's training returns."""

from __future__ import annotations

from typing import Any

import pytest

from crl.reporting.pages.long_page import page, speeds


def run(first: float, last: float, tasks: int = 20) -> dict[str, Any]:
    """A run whose training return is ``first`` in the first ten tasks and ``last`` afterwards."""
    curves = {
        f"length_{at}": [0.5 * (first if at < 10 else last), 1.5 * (first if at < 10 else last)] for at in range(tasks)
    }
    about = {"seed": 0, "average_return": last, "average_success": 0.5, "cpu_seconds": 60.0, "commit": "abc1234"}
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
