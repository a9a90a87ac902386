"""Which messages about the robot are believed: each must follow from the one before it."""

from __future__ import annotations

import math
from typing import Any

from crl.safety.situation import Situation, complaint

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

    The clocks of source and receiver need not agree: only their difference's *change* counts, and a source that is
    slower by :data:`DRIFT` or less is not late. After a small jump of position messages are believed again as soon as
    time explains it; after a step of the source's clock only :meth:`restart` helps.

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

    def restart(self) -> None:
        """Forget everything: the next message begins a new stream."""
        self.latest, self.measured, self._offset = None, -math.inf, math.inf

    def offer(self, message: Any, now: float) -> str | None:
        """Take a message at the steady time ``now`` (s), or say why it is refused."""
        wrong = complaint(message)
        if wrong is None and not message.received <= now:
            wrong = "an observation from the future"
        offset, last = math.inf, self.latest
        if wrong is None:
            offset = min(message.received - message.source, self._offset)
            if last is not None:
                # A slow source clock: the difference may grow, but not by more than the clock's drift explains.
                grown = self._offset + DRIFT * min(message.received - last.received, self._late)
                offset = min(message.received - message.source, grown)
                wrong = self._break(last, message, offset)
        if wrong is None:
            self.latest, self._offset = message, offset
            self.measured = message.source + offset
        return wrong

    def _break(self, last: Situation, message: Situation, offset: float) -> str | None:
        """Why a message does not follow from the last one."""
        after, measured = message.received - last.received, message.source - last.source
        if after < 0:
            return "an observation received before the last one"
        if message.sequence <= last.sequence:
            return "an observation that is a copy or out of order"
        if measured <= 0:
            return "an observation whose source's clock did not advance"
        if measured > after + self._late:
            return "an observation whose source's clock jumped ahead"
        if message.received - message.source - offset > self._late:
            return "an observation that came late"
        if math.dist(message.position, last.position) > self._jump + self._top_speed * min(measured, after):
            return "an observation whose position jumped"
        return None
