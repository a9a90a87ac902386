"""Names that others wrote reach the terminal as text: no markup, no emoji, no escape sequences."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live
from rich.text import Text
from typer.testing import CliRunner

from crl.cli import _show_warning, app
from crl.console import PlainConsole, PlainTable
from crl.errors import CrlError
from crl.reporting.pages.missions.tables import missions_table
from crl.reporting.run_summary import results_table, sequences_table
from crl.reporting.store import show
from crl.reporting.store.survey import survey
from crl.reporting.tables.terminal import terminal
from crl.sweeps.state import State
from crl.sweeps.table import table as sweep_table
from crl.text import counted, printable
from crl.training.showing.progress import Progress
from tests.crl.reporting.folders import leave

EVIL = "[/red] :boom: [bold]x[/bold] \x1b]0;owned\x07\x1b[31m\x9b2J \u202egnp"
SHOWN = "[/red] :boom: [bold]x[/bold] ]0;owned[31m2J gnp"
ORDERS = ("\x1b", "\x07", "\x9b", "\u202e")


def missions_row(name: str) -> dict[str, Any]:
    mean = {"mean": 1.0, "low": None, "high": None}
    row: dict[str, Any] = dict.fromkeys(("success", "steps", "cross_track"), mean)
    numbers = dict.fromkeys(("completed", "missions", "crashes", "false_alarms", "nominal_steps"), 1)
    parts = dict.fromkeys(("plan", "identify", "refine", "learn", "step"))
    ratios = {"steps_ratio": None, "error_ratio": None, "steps_to_identify": {"median": None}, "ms": parts}
    return {**row, **numbers, **ratios, "method": name, "class": name}


def tables(folder: Path) -> dict[str, Any]:
    """Every table of the commands, with a hostile name wherever there is one."""
    entry = survey(leave(folder, EVIL.replace("/", ""), 0, name="run"), folder)
    task = {"name": EVIL, "success_rate": 1.0, "mean_return": 1.0}
    state = State(EVIL, "failed", 1, 2, error=EVIL)
    return {
        "results": results_table({"env": EVIL, "strategy": EVIL, "tasks": [task]}),
        "sequences": sequences_table([(EVIL, EVIL, [(EVIL, EVIL)])]),
        "runs": show.table([entry]),
        "compare": show.side_by_side([entry], {EVIL: [EVIL]}, {EVIL: [EVIL]}),
        "missions": terminal(missions_table([missions_row(EVIL)]).named("missions", EVIL)),
        "sweep": sweep_table([state], [state], EVIL),
    }


@pytest.mark.parametrize("name", ["results", "sequences", "runs", "compare", "missions", "sweep"])
@pytest.mark.parametrize("kind", [Console, PlainConsole])
def test_every_table_shows_names_as_they_are(tmp_path: Path, name: str, kind: type[Console]) -> None:
    text = io.StringIO()
    kind(file=text, width=400).print(tables(tmp_path)[name])
    shown = text.getvalue()
    assert not any(order in shown for order in ORDERS)
    expected = SHOWN if name != "runs" else SHOWN.replace("/", "")
    assert expected in shown


def test_a_console_takes_text_as_it_is() -> None:
    text = io.StringIO()
    console = PlainConsole(file=text, width=400)
    console.print(EVIL)
    console.print(Text(EVIL))
    assert text.getvalue() == f"{SHOWN}\n{SHOWN}\n"
    console.print("[red]asked for[/]", markup=True)
    assert text.getvalue().endswith("\nasked for\n")


def test_a_terminal_still_has_colours_and_is_redrawn() -> None:
    text = io.StringIO()
    console = PlainConsole(file=text, width=80, force_terminal=True, color_system="standard")
    with Live(Text("one", style="red"), console=console, auto_refresh=False) as live:
        live.update(Text(f"two {EVIL}"), refresh=True)
    shown = text.getvalue()
    assert "\x1b[31mone\x1b[0m" in shown
    assert "\x1b[2K" in shown, "the first line is erased"
    assert "\x1b]0;owned" not in shown


def test_cells_may_have_a_style_of_their_own() -> None:
    table = PlainTable("[a]", title="[t]")
    table.add_row(Text("[b]", style="bold"))
    text = io.StringIO()
    Console(file=text, width=40).print(table)
    assert [part in text.getvalue() for part in ("[t]", "[a]", "[b]")] == [True] * 3


def test_progress_shows_tasks_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress(10, [EVIL])
    progress.update(task_index=0, step=1, episode_return=1.0)
    progress.message(EVIL)
    shown = capsys.readouterr().out
    assert shown.count(SHOWN) == 2
    assert not any(order in shown for order in ORDERS)


def test_a_run_with_hostile_names_is_listed_shown_compared_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [EVIL, "=cmd()|'/c calc'!A0", 'a | b\n<img src="x">']
    for seed in range(2):
        folder = leave(tmp_path / "runs", "finetune", seed, tasks=names, name=f"run[{seed}]\x1b[31m")
        results = json.loads((folder / "results.json").read_text())
        rows = [{"name": name, "success_rate": 1.0, "mean_return": 1.0} for name in names]
        (folder / "results.json").write_text(json.dumps({**results, "tasks": rows}))
    runs = sorted(str(path) for path in (tmp_path / "runs").iterdir())
    for words in (["runs", "list"], ["runs", "show", runs[0]], ["runs", "compare", *runs]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        assert not any(order in done.output for order in ORDERS), words
    done = CliRunner().invoke(
        app, ["report", "runs", "--format", "html,md,csv,latex", "--out", "out", "--scores", "returns"]
    )
    assert done.exit_code == 0, (done.output, done.exception)
    csv, markdown, page, latex = (Path(f"out.{end}").read_text() for end in ("csv", "md", "html", "tex"))
    assert "'=cmd()" in csv
    assert ",=cmd()" not in csv
    assert "<img" not in markdown and "<img" not in page
    widths = {line.count(" | ") for line in markdown.splitlines() if line.startswith("| ") and "finetune" in line}
    assert widths
    assert not any(order in text for text in (csv, markdown, latex) for order in ORDERS)


def test_errors_and_warnings_too(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> Any:
        raise CrlError(f"no {EVIL}", EVIL)

    monkeypatch.setattr("crl.commands.arguments.say", fail)
    done = CliRunner().invoke(app, ["runs", "show", EVIL])
    assert done.exit_code == 2
    assert not any(order in done.stderr for order in ORDERS)
    _show_warning(UserWarning(EVIL), UserWarning, "file.py", 3)
    shown = capsys.readouterr().err
    assert SHOWN in shown
    assert not any(order in shown for order in ORDERS)
    assert warnings.showwarning is not _show_warning, "only the program itself changes it"


@pytest.mark.parametrize(("number", "expected"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1200, "1,200 runs")])
def test_numbers_with_their_nouns(number: int, expected: str) -> None:
    assert counted(number, "run") == expected
    assert counted(number, "entry", "entries").endswith("entry" if number == 1 else "entries")


def test_new_lines_and_letters_stay() -> None:
    assert printable("Größe → 2 m\n\tok 日本 🤖") == "Größe → 2 m\n\tok 日本 🤖"
