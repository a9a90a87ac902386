from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from crl.sweeps import record as records
from crl.sweeps.locks import hold
from crl.sweeps.record import Record
from crl.sweeps.screen import Board, Screen
from crl.sweeps.state import State, state
from crl.sweeps.table import counts, ended_line, rows_that_fit, table
from tests.crl.sweeps.small_sweep import arguments, planned

MIXED = [
    *[State(f"done_{i}", "finished", 10, 10, 0.5, 1.0) for i in range(20)],
    State("bad", "failed", 3, 10, None, 0.1, "SHAPE [bold]"),
    State("busy", "running", 4, 10),
    *[State(f"later_{i}", "waiting", 0, 10) for i in range(20)],
]


def text(renderable: object) -> str:
    console = Console(file=io.StringIO(), width=160)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_states_by_what_lies_there(tmp_path: Path) -> None:
    with planned(tmp_path, arguments("seed=range(0,4)")) as folder:
        waiting, running, killed, failed = folder.names()
        for name, outcome in ((running, "running"), (killed, "running"), (failed, "failed")):
            point = folder.read_point(name)
            assert point is not None
            record = Record(outcome, point.fingerprint, "code", 1, error="no\nmore" if outcome == "failed" else None)
            records.write(folder.point(name), record)
        folder.run(running).mkdir(parents=True)
        lines = [
            '{"kind":"episode","step":16,"success":true}',
            '{"kind":"episode","step":32,"success":false}',
            '{"kind":',
        ]
        (folder.run(running) / "metrics.jsonl").write_text("\n".join(lines))
        (folder.run(running) / "timing.jsonl").write_text('{"kind":"clock","step":9,"plan":{"wall":90,"cpu":1}}\n')
        with hold(folder.point(running)):
            assert [state(folder, name).state for name in folder.names()] == ["waiting", "running", "killed", "failed"]
            assert state(folder, running) == State(running, "running", 32, 64, 0.5, 1.5)
            assert Board(folder).states() == [state(folder, name) for name in folder.names()]
        assert state(folder, running).state == "killed"
        assert state(folder, failed).error == "no"
        (folder.point(waiting) / "point.json").unlink()
        assert state(folder, waiting).state == "waiting", "the sweep was killed while it wrote its points"


def test_the_table_shows_everything_and_takes_text_as_it_is() -> None:
    shown = text(table(MIXED, MIXED, "a note"))
    assert all(item.point in shown for item in MIXED)
    assert "SHAPE [bold]" in shown
    assert "42 points: 20 finished, 1 running, 20 waiting, 1 failed" in shown and "a note" in shown


def test_what_fails_and_runs_is_shown_first_where_rows_are_few() -> None:
    shown = rows_that_fit(MIXED, 5)
    assert [item.point for item in shown] == ["done_0", "done_1", "done_2", "bad", "busy"]
    assert "(37 rows not shown)" in text(table(shown, MIXED))
    assert rows_that_fit(MIXED, 100) == MIXED


def test_lines() -> None:
    assert counts([]) == "0 points: none yet"
    assert ended_line(MIXED[0]) == "done_0: finished, success 0.50, 1.0 min"
    assert ended_line(MIXED[20]) == "bad: failed, 0.1 min, SHAPE [bold]"


def test_a_terminal_gets_a_table_and_a_pipe_lines(tmp_path: Path) -> None:
    with planned(tmp_path, arguments("seed=0,1")) as folder:
        seen = {}
        for terminal in (True, False):
            console = Console(file=io.StringIO(), width=120, height=40, force_terminal=terminal)
            with Screen(folder, console) as screen:
                screen.started("hypercrl_s0")
                screen.ended(State("hypercrl_s0", "finished", 1, 1, 1.0, 1.0))
                screen.refresh()
            assert isinstance(console.file, io.StringIO)
            seen[terminal] = console.file.getvalue()
        assert "step / budget" in seen[True] and "handed over" not in seen[True]
        assert seen[False] == "hypercrl_s0: handed over\nhypercrl_s0: finished, success 1.00, 1.0 min\n"
