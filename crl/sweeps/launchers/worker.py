"""The process that does one point: ``python -m crl.sweeps.launchers.worker DIR NAME``; or several (``NAME NAME``).

It may be started at any time, any number of times, from any machine that sees the folder: the point's lock lets one
work, a finished run is left alone, an unfinished one is continued, and one of other settings or other code is set
aside. So whatever starts workers may die, forget, or start one too many.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from crl.config import Config
from crl.config.asking.composing import fingerprints, load_yaml
from crl.console import PlainConsole
from crl.errors import CrlError, Interrupted
from crl.sweeps import record as records
from crl.sweeps.code_version import code_version
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.process import BUSY, FAILED, FINISHED, STOPPED
from crl.sweeps.locks import HeldError, hold
from crl.sweeps.points.point import Point
from crl.sweeps.record import Outcome, Record
from crl.sweeps.state import done, fits
from crl.terminal import speak_plainly
from crl.training.runs.folder import RunFolder

if TYPE_CHECKING:  # PyTorch is loaded only where there is something to do
    from crl.training.together.beside import Beside

PATIENCE = 600.0
"""How long to wait for a worker that an ended sweep has left behind (s); it saves what it learned, and ends."""
GRACE = 120.0
"""How long a worker without its parent may take to save (s)."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do a point, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m crl.sweeps.launchers.worker", description="Do one point of a sweep, or several together."
    )
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("points", metavar="NAME", nargs="+")
    parser.add_argument("--any-code", action="store_true", help="also take runs that other code began")
    parser.add_argument("--with-parent", action="store_true", help="save and end when standard input ends")
    given = parser.parse_args(arguments)
    folder = SweepFolder(given.folder.absolute())
    _print_to(folder.log(given.points[0]))
    speak_plainly()
    orphaned = threading.Event()
    if given.with_parent:
        threading.Thread(target=_watch_parent, args=[orphaned], daemon=True).start()
    patience = PATIENCE if given.with_parent else 0.0
    code = None if given.any_code else code_version()
    held: dict[str, ExitStack] = {}
    for name in given.points:
        lock = ExitStack()
        try:
            lock.enter_context(hold(folder.point(name), patience, lambda: not orphaned.is_set()))
        except HeldError as error:
            print(f"nothing to do for {name}: process {error} works on this point", flush=True)
        else:
            held[name] = lock
    if not held:
        return BUSY
    if len(given.points) > 1:
        return work_together(folder, held, code)
    ((name, lock),) = held.items()
    with lock:
        return work(folder, name, code)


def work_together(folder: SweepFolder, held: Mapping[str, ExitStack], code: str | None) -> int:
    """Do points as one batch; each one's words go to its own log.

    Args:
        folder: The sweep.
        held: The lock of each point; it is let go as soon as the point is done.
        code: The code that a run must have been begun with to count; None for any.

    Returns:
        The exit code of the first that did not finish, if there is one.
    """
    from crl.training.runner import interrupts
    from crl.training.together.beside import Beside
    from crl.training.together.computing import ComputingTogether, Stacks
    from crl.training.together.meeting import Meeting, Seat

    stacks = Stacks()
    with interrupts() as stop:

        def one(name: str, seat: Seat) -> int:
            with held[name], folder.log(name).open("a", encoding="utf-8") as log:
                beside = Beside(ComputingTogether(seat, stacks), seat.cpu, stop, PlainConsole(file=log))
                return work(folder, name, code, beside, log)

        outcomes = Meeting().run([partial(one, name) for name in held])
    for outcome in outcomes:
        if outcome.error is not None:
            traceback.print_exception(outcome.error)
    statuses = [FAILED if outcome.result is None else outcome.result for outcome in outcomes]
    return next((status for status in statuses if status != FINISHED), FINISHED)


def work(
    folder: SweepFolder, name: str, code: str | None, beside: Beside | None = None, log: TextIO | None = None
) -> int:
    """Do a point whose lock is held.

    Args:
        folder: The sweep.
        name: The point.
        code: The code that a run must have been begun with to count; None for any.
        beside: What the run is given that is one of several in this process.
        log: Where its words go; to standard output and error by default.
    """
    place = folder.point(name)
    before = records.read(place) or Record()
    try:
        point, config = _load(folder, name)
    except CrlError as error:
        records.write(place, replace(before, outcome="failed", error=str(error)))
        print(f"failed: {error}", flush=True, file=log)
        return FAILED
    if done(folder, point, code):
        print("nothing to do: this run is finished", flush=True, file=log)
        if before.outcome != "finished":
            records.write(place, replace(before, outcome="finished", error=None))
        return FINISHED
    if not fits(before, point, code) and _set_aside(folder, name, log):
        before = replace(before, attempts=0)
    record = Record(
        fingerprint=point.fingerprint,
        code=before.code if fits(before, point, code) else code_version(),
        attempts=before.attempts + 1,
        process=f"{os.getpid()} on {socket.gethostname()}",
        began=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    records.write(place, record)
    outcome, said, status = _attempt(lambda: _train(config, folder.run(name), beside, log), log)
    records.write(place, replace(record, outcome=outcome, error=said))
    print(f"{outcome}: {said}" if said else outcome, flush=True, file=log)
    return status


def _load(folder: SweepFolder, name: str) -> tuple[Point, Config]:
    point = folder.read_point(name)
    if point is None:
        raise CrlError(f"{folder.point(name)} holds no point", "start the sweep again: it writes its points first")
    config = load_yaml(folder.point(name) / "settings.yaml")
    if not any(point.is_of(mark) for mark in fingerprints(config)):
        raise CrlError(
            f"{folder.point(name)}/settings.yaml and point.json tell of different settings",
            "start the sweep again: it writes its points first",
        )
    config.run_dir, config.name, config.resume = str(folder.path / "runs"), name, True
    return point, config


def _attempt(train: Callable[[], None], log: TextIO | None) -> tuple[Outcome, str | None, int]:
    """Outcome, error and exit code of a run. A traceback goes to the log, with what the run printed."""
    try:
        train()
    except (Interrupted, KeyboardInterrupt):
        return "stopped", None, STOPPED
    except CrlError as error:
        return "failed", str(error), FAILED
    except Exception as error:  # a run that fails must not end the sweep, whatever it is
        traceback.print_exc(file=log)
        return "failed", f"{type(error).__name__}: {error}", FAILED
    return "finished", None, FINISHED


def _train(config: Config, run: Path, beside: Beside | None, log: TextIO | None) -> None:
    from crl.reporting.store.index import note
    from crl.training.runner import train
    from crl.training.together.beside import ALONE

    train(config, beside=beside or ALONE)
    if config.videos:
        from crl.reporting.replay.filming import record_all
        from crl.training.runs.trust import asking

        with asking(False):  # the folder may hold what somebody else began
            notes = record_all(run).notes
        for said in notes:
            print(f"videos: {said}", file=log)
    note(run)


def _set_aside(folder: SweepFolder, name: str, log: TextIO | None) -> bool:
    """Move a run out of the way that other settings or other code made: nothing that was learned is deleted."""
    run = folder.run(name)
    if not run.exists():
        return False
    with RunFolder(run).lock():  # nobody else's, started by hand with `crl resume`
        aside = folder.path / "superseded"
        aside.mkdir(exist_ok=True)
        count = 1
        while (target := aside / (name if count == 1 else f"{name}_{count}")).exists():
            count += 1
        run.rename(target)
    print(f"other code or other settings made the run that was here: it is kept in {target}", flush=True, file=log)
    return True


def _print_to(log: Path) -> None:
    """Let everything that this process prints, libraries included, go to the end of a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def _watch_parent(orphaned: threading.Event) -> None:
    """Wait for the end of standard input, which only the parent can write to: then the parent is gone, or lets go.

    However it died. The first signal lets the run save when its episode or learning session is done.
    """
    with suppress(OSError):
        while os.read(0, 1):
            pass
    orphaned.set()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(STOPPED)


if __name__ == "__main__":
    sys.exit(main())
