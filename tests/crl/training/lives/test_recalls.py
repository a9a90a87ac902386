"""Recalls counted from a timeline, by hand."""

from __future__ import annotations

from crl.training.lives.recalls import learned, owners, recalled, served

TIMELINE = [
    [0, 0, 0, "known"],
    [50, 7, 0, "bridged"],
    [60, 7, 1, "known"],
    [100, 0, 1, "known"],
    [102, 0, 0, "known"],
    [140, 7, 0, "known"],
    [142, 7, 1, "known"],
    [180, 0, 0, "bridged"],
    [190, 0, 2, "known"],
    [220, 7, 0, "known"],
    [228, 0, 0, "known"],
]


def test_an_entry_is_of_the_true_regime_in_which_it_was_longest_in_force() -> None:
    assert owners(TIMELINE, 260) == {0: 0, 1: 7, 2: 0}


def test_returns_are_right_if_they_end_with_an_entry_of_their_regime() -> None:
    # Returns: 0 at 100 (right), 7 at 140 (right), 0 at 180 (learned once more), 7 at 220 (too short), 0 at 228 (right).
    assert recalled(TIMELINE, 260) == (3, 4)


def test_a_wrong_regime_at_the_end_of_a_return_is_no_recall() -> None:
    wrong = [*TIMELINE[:6], [180, 0, 0, "known"]]
    assert recalled(wrong, 220) == (2, 3)


def test_a_return_that_is_bridged_to_its_end_is_no_recall() -> None:
    bridged = [*TIMELINE[:5], [140, 7, 0, "bridged"]]
    assert recalled(bridged, 170) == (1, 2)


SHARED = [
    [0, 0, 0, "known"],
    [50, 7, 0, "bridged"],
    [60, 7, 1, "known"],
    [100, 8, 1, "known"],
    [120, 0, 0, "known"],
    [150, 8, 1, "known"],
]
"""8 shares the entry of 7, which is in force longer."""


def test_an_entry_that_predicts_as_well_serves_a_regime_that_shares_it() -> None:
    assert recalled(SHARED, 168) == (1, 1)  # of 8 no return is known without own entries
    assert served(SHARED, 168, [True] * 5) == (2, 2)
    # The entry of 7 errs at the end of 8's return: another regime's is none that serves it then.
    assert served(SHARED, 168, [True, True, True, True, False]) == (1, 2)
    # It erred in 8's first visit: so 8 was not known when it came back.
    assert served(SHARED, 168, [True, True, False, True, True]) == (1, 1)


def test_an_own_entry_is_recalled_even_if_it_errs_and_one_just_opened_is_none() -> None:
    assert served(TIMELINE, 260, [False] * 7) == recalled(TIMELINE, 260)
    assert served(TIMELINE, 260, [True] * 7) == (3, 4)  # 0 at 180 was learned once more


def test_a_regime_is_learned_once_its_own_entry_is_in_force() -> None:
    # 7 from its tenth step on; 9 in its second visit, after 20 + 15 steps; 4 never.
    more = [*TIMELINE, [260, 9, 0, "bridged"], [280, 0, 0, "known"], [300, 9, 0, "bridged"], [315, 9, 3, "known"]]
    assert learned([*more, [400, 4, 0, "bridged"]], 450) == [10, 35, None]


def test_nothing_lived_is_no_error() -> None:
    assert recalled([], 0) == (0, 0)
    assert served([], 0, []) == (0, 0)
    assert learned([], 0) == []
