"""Whether a life's agent settles while nothing changes, and searches when something does."""

from __future__ import annotations

from typing import Any

from crl.training.lives.searching import searched

KNOWN, BRIDGED = "known", "bridged"


def test_an_agent_that_settles_after_every_change_never_stops_searching() -> None:
    timeline: list[list[Any]] = []
    for visit in range(10):
        begin, regime = 100 * visit, visit % 2
        timeline.append([begin, regime, 1 - regime, KNOWN])  # the member of the regime before, for 4 steps
        timeline.append([begin + 4, regime, regime, KNOWN])
    found = searched(timeline, 1000)
    assert found == {"visits": 10, "settled": 1.0, "after": 4, "searches": 10, "within": 0, "never": True}


def test_where_nothing_changes_it_reaches_its_basis() -> None:
    found = searched([[0, 0, None, BRIDGED], [30, 0, 0, KNOWN]], 1000)
    assert found == {"visits": 1, "settled": 1.0, "after": 30, "searches": 1, "within": 0, "never": False}


def test_a_belief_that_chatters_does_not_settle() -> None:
    timeline = [[step, 0, step // 10 % 2, KNOWN] for step in range(0, 100, 10)]
    found = searched(timeline, 100)
    assert (found["visits"], found["settled"], found["searches"], found["within"]) == (1, 0.0, 9, 4)
    assert found["never"]


def test_a_bridge_is_no_member() -> None:
    """An agent that only ever bridges has no member of the basis in force."""
    assert searched([[0, 0, None, BRIDGED]], 100)["settled"] == 0.0


def test_short_visits_do_not_count() -> None:
    assert searched([[0, 0, 0, KNOWN], [10, 1, 0, KNOWN]], 20)["visits"] == 0
    assert searched([], 0)["settled"] is None
