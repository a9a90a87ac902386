"""Compositions against HyperCRL: who beats it, and what the section says."""

from __future__ import annotations

from crl.reporting.pages.strategies.compositions import section, table
from crl.reporting.pages.strategies.page import kept

ZERO = {"a": 0.0, "b": 0.0}


def runs(curve: list[float], matrix: list[list[float | None]]) -> list[dict[str, object]]:
    """Two seeds that learned the same."""
    episodes = [[task, 10, value, False] for task in "ab" for value in curve]
    about = {"tasks": [], "visits": [{"task": "a"}, {"task": "b"}], "matrix_tasks": ["a", "b"], "evaluation": {}}
    scores = {"matrix": [[0.0, None], [0.0, 0.0]], "matrix_return": matrix, "episodes": episodes, "commit": "1a2b3c4"}
    costs = {"gradient_steps": 5, "cpu_seconds": 2.5, "memory": {}, "strategy": "x"}
    return [{"run": f"x_{seed}", "seed": seed, **about, **scores, **costs} for seed in (501, 502)]


SLOW, FAST = [0.0, 5.0, 10.0], [5.0, 10.0, 10.0]
KEPT: list[list[float | None]] = [[10.0, None], [10.0, 10.0]]
LOST: list[list[float | None]] = [[10.0, None], [5.0, 10.0]]


def verdicts(**found: list[dict[str, object]]) -> dict[str, str]:
    """The last column, by composition."""
    groups = {name: kept(each) for name, each in found.items()}
    return {row[0]: row[-1] for row in table(groups, ZERO).rows}


def test_who_learns_faster_and_forgets_as_little_beats_it() -> None:
    base = {"single": runs(SLOW, KEPT), "hypercrl": runs(SLOW, KEPT)}
    assert verdicts(**base, fast=runs(FAST, KEPT), same=runs(SLOW, KEPT), forgetful=runs(FAST, LOST)) == {
        "single": "reference",
        "hypercrl": "to beat",
        "fast": "yes",
        "same": "no",
        "forgetful": "no",
    }


def test_the_section_names_the_winner_or_says_that_there_is_none() -> None:
    methods = {"single": runs(SLOW, KEPT), "hypercrl": runs(SLOW, KEPT), "fast": runs(FAST, KEPT)}
    about = {"settings": ["tasks=[0,1]"]}
    won = "\n".join(section(about, ZERO, {name: kept(each) for name, each in methods.items()}))
    assert "**`fast` did.**" in won and "seeds 501 to 502" in won and "commit 1a2b3c4" in won
    del methods["fast"]
    assert "**None did.**" in "\n".join(section(about, ZERO, {name: kept(each) for name, each in methods.items()}))
