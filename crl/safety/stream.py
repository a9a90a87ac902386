"""Which messages about the robot are believed: each must follow from the one before it."""

from __future__ import annotations

import math
from typing import Any

from crl.safety.situation import Situation, plain
from crl.safety.strangers import UnusableError

DRIFT = 0.01
"""How much slower than this computer's clock the source's clock may run (s/s) without its messages looking late."""


class Stream:
    """Keeps the newest message that can be believed; what can't is put aside and refreshes nothing.

    A message is refused, in this order, if it

    1. is no situation, or holds something that is not a finite number;
    2. was received before the last one, or in the future;
    3. is a copy of the last one or older (``sequence``);
    4. was measured no later than the last one (``source``: a frozen or restarted clock, a reordered message);
    5. claims to be measured further after the last one than it came after it, by more than ``late``;
    6. was under way more than ``late`` seconds longer than the fastest message so far;
    7. is further from the last position than ``top_speed`` allows since then, plus ``jump``.

    The clocks of source and receiver need not agree: only their difference's *change* counts. A source whose clock is
    slower by :data:`DRIFT` or less is not late. But stamps alone can't tell a slow clock from messages that take longer
    and longer, so no more than ``late`` seconds in all are put down to drift, until :meth:`restart`: a message that is
    believed was under way at most ``2 * late`` longer than the fastest.

    After a small jump of position messages are believed again as soon as time explains it; after a step of the source's
    clock only :meth:`restart` helps, and :meth:`follow` if it stepped ahead.

    Args:
        late: Seconds, see above.
        top_speed: Fastest that the body can be (m/s).
        jump: Jump of position that is still believed (m).
    """

    def __init__(self, late: float, top_speed: float, jump: float) -> None:
        self._late, self._top_speed, self._jump = late, top_speed, jump
        self.latest: Situation | None = None
        self.measured = -math.inf
        """When the newest message was measured, on this computer's steady clock (s), as if the fastest came at once."""
        self._offset = math.inf
        self._fastest = math.inf

    @property
    def drift(self) -> float:
        """How much of the messages' delay is put down to a slow clock of the source (s), from 0 to ``late``."""
        return 0.0 if self.latest is None else self._offset - self._fastest

    def restart(self) -> None:
        """Forget everything: the next message begins a new stream, and how long it was under way can't be known."""
        self.follow()
        self._fastest = math.inf

    def follow(self) -> None:
        """Begin a new stream after a step of the source's clock ahead: what the fastest message took is remembered.

        So a delay that grew before is still there: a stream that begins anew again and again gains nothing by it.
        """
        self.latest, self.measured, self._offset = None, -math.inf, math.inf

    def offer(self, message: Any, now: float) -> str | None:
        """Take a message at the steady time ``now`` (s), or say why it is refused."""
        try:
            message = plain(message)
        except UnusableError as error:
            return str(error)
        if not message.received <= now:
            return "an observation from the future"
        taken, last = message.received - message.source, self.latest
        fastest = min(taken, self._fastest)
        # A slow source clock: the difference may grow, but not by more than the clock's drift explains.
        passed = math.inf if last is None else min(message.received - last.received, self._late)
        offset = min(taken, self._offset + DRIFT * passed, fastest + self._late)
        wrong = self._break(last, message, taken - offset)
        if wrong is None:
            self.latest, self._offset, self._fastest = message, offset, fastest
            self.measured = message.source + offset
        return wrong

    def _break(self, last: Situation | None, message: Situation, delayed: float) -> str | None:
        """Why a message that was ``delayed`` (s) does not follow from the last one."""
        late = "an observation that came late" if delayed > self._late else None
        if last is None:
            return late
        after, measured = message.received - last.received, message.source - last.source
        if after < 0:
            return "an observation received before the last one"
        if message.sequence <= last.sequence:
            return "an observation that is a copy or out of order"
        if measured <= 0:
            return "an observation whose source's clock did not advance"
        if measured > after + self._late:
            return "an observation whose source's clock jumped ahead"
        if late is not None:
            return late
        if math.dist(message.position, last.position) > self._jump + self._top_speed * min(measured, after):
            return "an observation whose position jumped"
        return None
