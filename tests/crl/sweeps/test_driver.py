from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crl.sweeps import record as records
from crl.sweeps.driver import drive
from crl.sweeps.folder import SweepFolder
from crl.sweeps.points.point import Point
from crl.sweeps.points.sources import Listed
from crl.sweeps.record import Record
from crl.sweeps.screen import Screen
from crl.sweeps.state import State
from tests.crl.sweeps.small_sweep import StandIn, arguments, planned, silent


class Heard(Screen):
    """Notes what it is told."""

    def __init__(self, folder: SweepFolder) -> None:
        super().__init__(folder, silent())
        self.final: dict[str, State] = {}

    def ended(self, state: State) -> None:
        self.final[state.point] = state


def driven(
    path: Path, work: Callable[[SweepFolder, Point], str | None], retries: int = 2
) -> tuple[bool, StandIn, Heard]:
    with planned(path, arguments("seed=range(0,5)")) as folder:
        points = [point for name in folder.names() if (point := folder.read_point(name))]
        pool, heard = StandIn(lambda point: work(folder, point)), Heard(folder)
        return drive(folder, Listed(points), pool, retries, heard), pool, heard


def test_all_points_run_and_never_more_than_there_is_room_for(tmp_path: Path) -> None:
    through, pool, heard = driven(tmp_path, lambda folder, point: None)
    assert through and pool.most == 2
    assert pool.started == [f"hypercrl_s{seed}" for seed in range(5)] == list(heard.final)


def test_a_failed_point_does_not_stop_the_rest_and_is_not_tried_again(tmp_path: Path) -> None:
    def work(folder: SweepFolder, point: Point) -> None:
        if point.name == "hypercrl_s1":
            failed = Record("failed", point.fingerprint, "code", 1, error="a bolt\nis loose")
            records.write(folder.point(point.name), failed)

    through, pool, heard = driven(tmp_path, work)
    assert through and len(pool.started) == 5
    assert (heard.final["hypercrl_s1"].state, heard.final["hypercrl_s1"].error) == ("failed", "a bolt")


def test_a_worker_that_dies_is_replaced_so_often_and_no_more(tmp_path: Path) -> None:
    deaths: Counter[str] = Counter()

    def work(folder: SweepFolder, point: Point) -> str | None:
        often = {"hypercrl_s0": 2, "hypercrl_s3": 99}.get(point.name, 0)
        deaths[point.name] += 1
        return "its process was ended by SIGKILL" if deaths[point.name] <= often else None

    through, pool, heard = driven(tmp_path, work)
    assert through
    assert Counter(pool.started) == {f"hypercrl_s{seed}": 3 if seed in (0, 3) else 1 for seed in range(5)}
    assert heard.final["hypercrl_s3"].state == "killed"
    assert heard.final["hypercrl_s3"].error == "its process was ended by SIGKILL"
    assert heard.final["hypercrl_s0"].error is None


def test_ctrl_c_starts_nothing_more_and_waits_for_what_runs(tmp_path: Path) -> None:
    def work(folder: SweepFolder, point: Point) -> None:
        if point.name == "hypercrl_s1":
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    through, pool, heard = driven(tmp_path, work)
    assert not through and pool.stopped and pool.running == []
    # Two ran when the signal came; a third had taken the place of the first.
    assert pool.started == ["hypercrl_s0", "hypercrl_s1", "hypercrl_s2"] == list(heard.final)
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_twice_does_not_wait(tmp_path: Path) -> None:
    def work(folder: SweepFolder, point: Point) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        driven(tmp_path, work)


def test_a_finished_run_stays_finished_however_its_worker_ended() -> None:
    from crl.sweeps.driver import _final

    finished = State("a", "finished", 1, 1, 1.0, 1.0)
    assert _final(finished, "its process was ended by SIGKILL") == finished
    assert _final(replace(finished, state="running"), "it died").state == "killed"
