"""Where several runs meet: each goes on in a thread of its own, one at a time, until all wait for something to compute.

There is no parallelism in it: a thread runs until it asks for something or ends, and then hands over to another one.
So nothing of a run has to be safe against threads. When all that are left have asked, one group of requests that can be
computed together is answered, and those who asked go on.
"""

from __future__ import annotations

import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

Result = TypeVar("Result")


class Request(ABC):
    """Something that a run waits for.

    Attributes:
        RANK: Requests of a lower rank are answered first, so that a run that is late catches up.
    """

    RANK: ClassVar[int] = 0

    @property
    @abstractmethod
    def group(self) -> Hashable:
        """Requests of one group can be computed together."""

    @abstractmethod
    def together(self, requests: Sequence[Any]) -> Sequence[Any]:
        """Answers to requests of this one's group, itself among them, in their order."""


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How a run ended: with a result, or with an error."""

    result: Result | None = None
    error: BaseException | None = None


@dataclass(frozen=True)
class _Failed:
    """The answer to a request that could not be computed."""

    error: Exception


class Seat:
    """A run's place at a meeting; only its own thread uses it."""

    def __init__(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self.turn = threading.Semaphore(0)
        self.request: Request | None = None
        self.answer: Any = None
        self.asked = 0
        self.own = 0.0  # what it computed for all (s), which is not its own time, less its share of all that was

    def ask(self, request: Request) -> Any:
        """The answer to a request; the others go on meanwhile."""
        self.request = request
        self.asked = next(self._meeting.counter)
        self._meeting.hand_over(self)
        answer, self.answer = self.answer, None
        if isinstance(answer, _Failed):
            raise answer.error
        return answer

    def cpu(self) -> float:
        """CPU seconds of this run: its own thread's, with its share of what was computed together."""
        return time.thread_time() - self.own


class Meeting:
    """Lets runs go on together; see the module's text.

    Attributes:
        counter: Numbers the requests.
        sizes: How many requests were answered together, each time, by rank.
    """

    def __init__(self) -> None:
        self.counter = itertools.count()
        self.sizes: dict[int, list[int]] = {}
        self._seats: list[Seat] = []
        self._ready: deque[Seat] = deque()
        self._over = threading.Event()

    def run(self, works: Sequence[Callable[[Seat], Result]]) -> list[Outcome[Result]]:
        """Do works, each of which is given its seat. An error ends only the work that it comes from."""
        if not works:
            return []
        outcomes: list[Outcome[Result]] = [Outcome()] * len(works)
        self._seats = [Seat(self) for _ in works]
        self._ready = deque(self._seats)
        self._over.clear()

        def follow(at: int, seat: Seat) -> None:
            seat.turn.acquire()
            try:
                outcomes[at] = Outcome(works[at](seat))
            except BaseException as error:
                outcomes[at] = Outcome(error=error)
            self._seats.remove(seat)
            self.hand_over(seat)

        for at, seat in enumerate(list(self._seats)):
            threading.Thread(target=follow, args=(at, seat), daemon=True).start()
        self._ready.popleft().turn.release()
        self._over.wait()
        return outcomes

    def hand_over(self, seat: Seat) -> None:
        """Let the next one go on, and wait for one's turn if one is still there."""
        if not self._ready and self._seats:
            self._answer(seat)
        if not self._ready:
            self._over.set()
            return
        following = self._ready.popleft()
        if following is seat:
            return
        stays = seat in self._seats
        following.turn.release()
        if stays:
            seat.turn.acquire()

    def _answer(self, seat: Seat) -> None:
        """Answer a group of those who wait, which are all: of the lowest rank, the largest, the oldest."""
        groups: dict[Hashable, list[Seat]] = {}
        first = min(waiting.request.RANK for waiting in self._seats if waiting.request)
        for waiting in sorted(self._seats, key=lambda one: one.asked):
            if waiting.request and first == waiting.request.RANK:
                groups.setdefault(waiting.request.group, []).append(waiting)
        chosen = max(groups.values(), key=len)
        requests = [waiting.request for waiting in chosen if waiting.request]
        began = time.thread_time()
        answers = _computed(requests)
        spent = time.thread_time() - began
        seat.own += spent
        for waiting, answer in zip(chosen, answers, strict=True):
            waiting.own -= spent / len(chosen)
            waiting.request, waiting.answer = None, answer
            self._ready.append(waiting)
        self.sizes.setdefault(first, []).append(len(chosen))


def _computed(requests: Sequence[Request]) -> Sequence[Any]:
    """Answers; where computing them together fails, each by itself, so that an error is its own run's."""
    try:
        return requests[0].together(requests)
    except Exception as error:
        if len(requests) == 1:
            return [_Failed(error)]
        return [_computed([request])[0] for request in requests]
