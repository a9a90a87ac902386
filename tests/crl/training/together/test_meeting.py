from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from crl.training.together.meeting import Meeting, Outcome, Request, Seat


@dataclass(frozen=True)
class Square(Request):
    """Asks for a square; odd and even numbers can't be computed together."""

    number: int
    answered: list[list[int]]

    @property
    def group(self) -> Hashable:
        return self.number % 2

    def together(self, requests: Sequence[Square]) -> Sequence[int]:
        self.answered.append([one.number for one in requests])
        if any(one.number < 0 for one in requests):
            raise ValueError("negative")
        return [one.number**2 for one in requests]


class Late(Square):
    """The same, answered after all others."""

    RANK: ClassVar[int] = 1


def asking(*requests: Request) -> Callable[[Seat], list[Any]]:
    return lambda seat: [seat.ask(request) for request in requests]


def results(outcomes: Sequence[Outcome[Any]]) -> list[Any]:
    return [repr(outcome.error) if outcome.error else outcome.result for outcome in outcomes]


def test_all_that_fit_are_answered_together_each_with_its_own() -> None:
    log: list[list[int]] = []
    meeting = Meeting()
    outcomes = meeting.run([asking(*(Square(2 * at + 10 * step, log) for step in range(3))) for at in range(4)])
    assert results(outcomes) == [[(2 * at + 10 * step) ** 2 for step in range(3)] for at in range(4)]
    assert log == [[0, 2, 4, 6], [10, 12, 14, 16], [20, 22, 24, 26]]
    assert meeting.sizes == {0: [4, 4, 4]}


def test_the_larger_group_first_and_who_waited_longest_among_equals() -> None:
    log: list[list[int]] = []
    # One is a request behind: after one turn alone it is in step with the others.
    outcomes = Meeting().run([asking(Square(1, log), Square(2, log)), asking(Square(4, log)), asking(Square(6, log))])
    assert results(outcomes) == [[1, 4], [16], [36]]
    assert log == [[4, 6], [1], [2]]
    log.clear()
    Meeting().run([asking(Square(1, log), Square(2, log)), asking(Square(4, log))])
    assert log == [[1], [4, 2]]


def test_who_is_late_catches_up_before_requests_of_a_higher_rank() -> None:
    log: list[list[int]] = []
    works = [asking(Late(2, log)), asking(Square(1, log), Square(3, log), Late(4, log)), asking(Late(6, log))]
    assert results(Meeting().run(works)) == [[4], [1, 9, 16], [36]]
    assert log == [[1], [3], [2, 6, 4]]


def test_who_ends_early_asks_nothing_or_fails_holds_nobody_up() -> None:
    log: list[list[int]] = []

    def fails(seat: Seat) -> list[Any]:
        seat.ask(Square(2, log))
        raise RuntimeError("mine")

    works = [asking(), fails, asking(Square(4, log), Square(6, log)), asking(Square(8, log))]
    assert results(Meeting().run(works)) == [[], "RuntimeError('mine')", [16, 36], [64]]
    assert log == [[2, 4, 8], [6]]
    assert results(Meeting().run([fails])) == ["RuntimeError('mine')"]
    assert Meeting().run([]) == []


def test_a_request_that_fails_is_the_error_of_its_own_run_alone() -> None:
    log: list[list[int]] = []

    def catches(seat: Seat) -> str:
        with pytest.raises(ValueError, match="negative"):
            seat.ask(Square(-4, log))
        return "went on"

    works = [asking(Square(2, log)), asking(Square(-2, log)), catches]
    assert results(Meeting().run(works)) == [[4], "ValueError('negative')", "went on"]
    assert log == [[2, -2, -4], [2], [-2], [-4]]


def test_only_one_goes_on_at_a_time() -> None:
    log: list[list[int]] = []
    inside = []
    most = []

    def work(seat: Seat) -> None:
        for number in (2, 4, 6):
            inside.append(seat)
            most.append(len(inside))
            inside.remove(seat)
            seat.ask(Square(number, log))

    Meeting().run([work] * 5)
    assert set(most) == {1}


def test_cpu_time_is_ones_own_and_a_share_of_what_is_computed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[list[int]] = []
    clock = [0.0]
    monkeypatch.setattr("crl.training.together.meeting.time.thread_time", lambda: clock[0])

    @dataclass(frozen=True)
    class Costly(Square):
        def together(self, requests: Sequence[Square]) -> Sequence[int]:
            clock[0] += 6.0
            return super().together(requests)

    told: list[float] = []

    def work(seat: Seat) -> None:
        # With one clock for all threads, the time that others spend is taken off here.
        before = seat.cpu()
        seat.ask(Costly(2, log))
        told.append(seat.cpu() - before)

    Meeting().run([work, work])
    # Who computed has its share of 3 s; on the other's clock the 6 s went by, too, and the share comes on top.
    assert sorted(told) == [3.0, 9.0]
