from __future__ import annotations

import pytest

from crl.recent import Recent


def test_a_thing_is_made_once_while_it_is_kept() -> None:
    made: list[int] = []
    recent: Recent[str, int] = Recent(2)

    def make() -> int:
        made.append(len(made))
        return made[-1]

    assert [recent.get(key, make) for key in "abab"] == [0, 1, 0, 1]


def test_the_least_recently_used_one_is_dropped() -> None:
    dropped: list[str] = []
    recent: Recent[str, str] = Recent(2, dropped.append)
    for key in "abac":
        recent.get(key, lambda key=key: key.upper())  # type: ignore[misc]
    assert list(recent) == ["a", "c"]
    assert dropped == ["B"]
    recent.clear()
    assert len(recent) == 0
    assert sorted(dropped) == ["A", "B", "C"]


def test_what_can_not_be_made_leaves_nothing() -> None:
    recent: Recent[str, float] = Recent(1)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 / 0)
    assert len(recent) == 0


def test_one_at_least_is_kept() -> None:
    with pytest.raises(ValueError, match="one thing at least"):
        Recent(0)
