"""Hands points to a launcher until there are no more, and survives what becomes of them."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.pool import Pool
from crl.sweeps.points.point import Point
from crl.sweeps.points.sources import Source
from crl.sweeps.screen import Screen
from crl.sweeps.state import State, state

TICK = 1.0
"""Longest time between two redraws (s)."""
STOPPING = "\nstopping when the runs have saved what they learned; once more stops at once\n"


def drive(folder: SweepFolder, source: Source, pool: Pool, retries: int, screen: Screen) -> bool:
    """Run all points of a source. A point that fails, or whose worker dies too often, does not stop the rest.

    Args:
        folder: The sweep, held by this process.
        source: Gives the points.
        pool: Runs them.
        retries: Times that a point is started again whose worker died.
        screen: Shows it.

    Returns:
        Whether it was carried through: False after Ctrl-C, once all runs are saved.
    """
    again: list[Point] = []
    deaths: Counter[str] = Counter()
    running: set[str] = set()
    stopping = False
    with _interrupts() as interrupted:
        while True:
            if interrupted.is_set() and not stopping:
                stopping = True
                pool.stop()
            while not stopping and pool.room > 0:
                point = again.pop() if again else source.next(len(running), pool.parallel)
                if point is None:
                    break
                pool.start(point)
                running.add(point.name)
                screen.started(point.name)
            if not running:
                return not stopping
            for ended in pool.wait(TICK):
                name = ended.point.name
                running.discard(name)
                if ended.died is not None and not stopping:
                    deaths[name] += 1
                    if deaths[name] <= retries:
                        screen.say(f"{name}: {ended.died}; it goes on from its last checkpoint")
                        again.append(ended.point)
                        continue
                now = _final(state(folder, name), ended.died)
                screen.ended(now)
                if not stopping:
                    source.ended(now)
            screen.refresh()


def _final(now: State, died: str | None) -> State:
    if died is None or now.state in ("finished", "failed"):
        return now
    return State(now.point, "killed", now.step, now.budget, now.success, now.minutes, died)


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C, SIGTERM or SIGHUP (a closed terminal) sets; the second interrupts at once."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    if before[signal.SIGHUP] is signal.SIG_IGN:  # nohup
        del before[signal.SIGHUP]

    def note(number: int, frame: FrameType | None) -> None:
        del number, frame
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        with suppress(OSError):
            os.write(2, STOPPING.encode())

    for number in before:
        signal.signal(number, note)
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
