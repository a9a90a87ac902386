"""What is counted of a life, by hand."""

from __future__ import annotations

from crl.adaptation.base import Belief
from crl.training.lives.record import LifeRecord, LivedStep


def lived(record: LifeRecord, regime: int, rights: str, believed: int | None = None) -> None:
    """Steps in a regime: ``+`` with a right expectation, ``-`` with a wrong one."""
    for right in rights:
        belief = Belief(regime if believed is None else believed, "known")
        record.step(LivedStep(regime, f"r{regime}", right == "+", 1.0, 0.5, belief))


def test_returns_count_for_regimes_met_before_until_three_are_right() -> None:
    record = LifeRecord()
    lived(record, 0, "--+++")  # never met before
    lived(record, 1, "+++++")
    lived(record, 0, "-++-+++")  # in force from the fifth step on
    lived(record, 1, "++++")
    lived(record, 0, "-----")
    results = record.results(reached=13, crashes=2)
    assert results["returns"]["median"] == 2.0
    assert results["returned"] == 2 / 3
    assert results["visits"] == 5
    assert results["steps"] == 26
    assert results["waypoints"] == 500
    assert results["crashes"] == 2
    assert results["cross_track"] == 0.5
    assert results["right"] == (3 + 5 + 5 + 4) / 26
    assert results["by_regime"]["r0"] == {"steps": 17, "visits": 3, "reward": 1.0, "right": 8 / 17}


def test_the_timeline_has_changes_alone() -> None:
    record = LifeRecord()
    lived(record, 0, "+++")
    lived(record, 2, "--", believed=0)
    lived(record, 2, "++")
    assert record.timeline == [[0, 0, 0, "known"], [3, 2, 0, "known"], [5, 2, 2, "known"]]
    assert record.since == 2


def test_a_false_alarm_leaves_a_right_expectation_in_a_long_visit() -> None:
    record = LifeRecord()
    lived(record, 0, "+" * 20)
    lived(record, 0, "+", believed=3)  # one
    lived(record, 0, "-" * 3, believed=3)
    lived(record, 0, "+")  # nothing right was left
    assert record.false_alarms == 1
    lived(record, 1, "+" * 5)
    lived(record, 1, "+", believed=0)  # too early to be one
    assert record.false_alarms == 1


def test_a_bridge_that_hands_over_gives_nothing_up_and_a_known_regime_that_is_bridged_is_given_up() -> None:
    record = LifeRecord()
    bridged, known = Belief(0, "opening", settled=False), Belief(3, "known")
    for belief in [bridged] * 20 + [known] * 5:
        record.step(LivedStep(1, "r1", True, 1.0, 0.5, belief))
    assert record.false_alarms == 0
    for belief in [Belief(3, "bridged", settled=False)] * 4 + [known] * 3:
        record.step(LivedStep(1, "r1", True, 1.0, 0.5, belief))
    assert record.false_alarms == 1
    assert record.unchanged == 32 - 15


def test_a_return_is_served_by_any_entry_of_before_that_expects_rightly_at_its_end() -> None:
    record = LifeRecord()
    lived(record, 0, "+" * 40)
    lived(record, 1, "-" * 5 + "+" * 15, believed=0)
    lived(record, 0, "+" * 15)
    lived(record, 1, "-" * 10 + "+" * 12 + "---", believed=0)
    results = record.results(None, 0)
    assert (results["recalled"], results["recalls"]) == (1.0, 1)
    assert (results["served"], results["serves"]) == (1.0, 2)
    lived(record, 0, "+" * 20)
    lived(record, 1, "+" * 11 + "----", believed=0)  # 11 of 15 are too few
    assert record.results(None, 0)["served"] == 3 / 4


def test_it_goes_on_from_its_state() -> None:
    one = LifeRecord()
    lived(one, 0, "-+++")
    lived(one, 1, "++")
    other = LifeRecord.from_state(one.state_dict())
    for record in (one, other):
        lived(record, 1, "+++")
        lived(record, 0, "-++++")
    assert one == other
    assert one.results(3, 0) == other.results(3, 0)


def test_nothing_lived_is_no_error() -> None:
    results = LifeRecord().results(0, 0)
    assert results["steps"] == 0
    assert results["returns"]["median"] is None


def test_a_body_without_waypoints_has_the_distance_to_its_goal() -> None:
    record = LifeRecord()
    lived(record, 0, "++")
    results = record.results(None, 3)
    assert (results["waypoints"], results["cross_track"], results["goal_distance"]) == (None, None, 0.5)
    assert record.results(1, 0)["goal_distance"] is None
