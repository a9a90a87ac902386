"""A learner in another process: lessons go there and come back between decisions, and nothing here waits for it.

One request is under way at a time. Its result is put into the memory with the next learning session after it has come.
It is dropped if the memory was changed since otherwise than by learning (its revision differs), or if a number of it is
not finite. Then the next request brings the lesson again, as the memory has it. A process that dies is started again, a
few times; after that nothing is learned any more, and recall goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import torch

from crl.adaptation.helper import Helper
from crl.errors import CrlError
from crl.memory.belief.learner import INLINE, Learner
from crl.memory.beside.letters import Answer, Foundation, Request
from crl.memory.models.memory import Memory
from crl.memory.models.steps import Steps
from crl.processes.child import ChildProcess
from crl.processes.letters import LetterError, receive, send

MODULE = "crl.memory.beside.child"
RESTARTS = 3
"""So often a process that died is started again."""
LATE = 8
"""Control steps whose learning steps are made up for at most after a request that took longer than one."""


class Place(Enum):
    """Where learning takes place."""

    HERE = "here"
    """In this process: none was started."""
    BESIDE = "beside"
    NOWHERE = "nowhere"
    """The process died too often."""


@dataclass(frozen=True)
class UnderWay:
    """A request that has no answer yet: its number, its regime and the memory's revision then."""

    number: int
    regime: int
    revision: int


class ProcessLearner(Learner, Helper):
    """Learns in this process until it is started, and from then on in another one.

    Args:
        stands: Gives the memory of now, and what it is made from; ``None`` before there is one.

    Attributes:
        place: Where learning takes place.
        counts: ``lessons_taken``, ``lessons_outdated`` and ``lessons_not_finite`` (dropped), ``learner_restarts``.
    """

    def __init__(self, stands: Callable[[], tuple[Memory, Foundation] | None]) -> None:
        self._stands = stands
        self.place = Place.HERE
        self.counts = dict.fromkeys(("lessons_taken", "lessons_outdated", "lessons_not_finite", "learner_restarts"), 0)
        self._child: ChildProcess | None = None
        self._memory: Memory | None = None
        self._under_way: UnderWay | None = None
        self._known: tuple[int, int] | None = None
        """Regime and revision of the lesson that the process has."""
        self._number = self._restarts = self._due = 0
        self._news: list[str] = []

    # ------------------------------------------------------------------ the process
    @property
    def alive(self) -> bool:  # type: ignore[override]
        """Whether learning goes on: here, or in a process that lives."""
        return self.place is Place.HERE or (self._child is not None and self._child.alive)

    def start(self) -> None:
        """Learn in another process from now on; see :class:`~crl.adaptation.helper.Helper`."""
        if self.place is Place.BESIDE and self.alive:
            return
        self.close()
        self._restarts = 0
        self._begin()

    def _begin(self) -> None:
        """Start a process for the memory of now."""
        stands = self._stands()
        if stands is None:
            raise CrlError("there is no memory to learn yet", "let the closing session take place first")
        self._memory, foundation = stands
        if not self._memory.elsewhere:
            raise self._memory.refusal()
        self._child = ChildProcess(MODULE)
        self.pid = self._child.pid
        self._child.end.setblocking(False)
        try:
            send(self._child.end, foundation.plain())
        except CrlError:
            self.close()
            raise
        self.place = Place.BESIDE

    def _replace(self) -> None:
        """Start a process in the place of the one that was; if that fails, give up."""
        self.close()
        try:
            self._begin()
        except (OSError, CrlError) as error:
            self._give_up(f"can't be started: {error}")

    def close(self) -> None:
        """End the process; what is under way is lost."""
        child, self._child = self._child, None
        if child is not None:
            child.close()
        self.place = Place.HERE
        self._under_way = self._known = None
        self._due = 0

    def _again(self, what: str) -> None:
        """Start another process in the place of one that failed, or give up."""
        self._restarts += 1
        if self._restarts > RESTARTS:
            self._give_up(what)
            return
        self.counts["learner_restarts"] += 1
        self._news.append(f"the process that learns the memory {what}; it is started again ({self._restarts})")
        self._replace()

    def _give_up(self, what: str) -> None:
        self.close()
        self.place = Place.NOWHERE
        self._news.append(f"the process that learns the memory {what}; nothing is learned any more, recall goes on")

    # ------------------------------------------------------------------ learning
    def collect(self, memory: Memory) -> float | None:
        """Take the result that has come, if one has."""
        if self.place is not Place.BESIDE:
            return None
        assert self._child is not None
        if memory is not self._memory:  # another one was read
            self._replace()
            return None
        if self._under_way is None:
            if not self._child.alive:
                self._again("died")
            return None
        try:
            answer = Answer(**receive(self._child.end))
        except BlockingIOError:
            if not self._child.alive:
                self._again("died")
            return None
        except (EOFError, LetterError, TypeError):
            self._again("died")
            return None
        return self._take(memory, self._under_way, answer)

    def _take(self, memory: Memory, asked: UnderWay, answer: Answer) -> float | None:
        self._under_way = None
        if answer.number != asked.number or memory.revision != asked.revision:
            self.counts["lessons_outdated"] += 1
            self._known = None
            return None
        if not answer.finite:
            if not self.counts["lessons_not_finite"]:
                self._news.append("what was learned of the memory is not finite; it is not used")
            self.counts["lessons_not_finite"] += 1
            self._known = None
            return None
        memory.take_lesson(asked.regime, answer.lesson)
        self.counts["lessons_taken"] += 1
        return answer.loss

    def ready(self, count: int) -> int:
        """None while a request is under way; after it also those that were due meanwhile, within limits."""
        if self.place is not Place.BESIDE:
            return count if self.place is Place.HERE else 0
        if self._under_way is not None:
            self._due += count
            return 0
        due, self._due = self._due, 0
        return min(due + count, LATE * count)

    def learn(self, memory: Memory, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """Ask for learning steps; :meth:`collect` takes their result."""
        if self.place is Place.HERE:
            return INLINE.learn(memory, regime, steps, count, generator)
        if self._child is None or self._under_way is not None:
            return None
        seed = int(torch.randint(2**62, (), generator=generator))
        lesson = (regime, memory.revision)
        self._number += 1
        request = Request.of(memory, self._number, regime, steps, count, seed, known=lesson == self._known)
        try:
            sent = send(self._child.end, vars(request))
        except LetterError as error:
            self._give_up(f"can't be asked: {error}")
            return None
        if sent:  # otherwise it is gone, and collect sees that
            self._under_way, self._known = UnderWay(self._number, *lesson), lesson
        return None

    # ------------------------------------------------------------------ what is told
    def news(self) -> list[str]:
        """What went wrong since this was asked last."""
        news, self._news = self._news, []
        return news
