"""The commands ``crl runs list``, ``show``, ``compare`` and ``rm``: the store of results."""

from __future__ import annotations

import difflib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crl.commands.arguments import out, say
from crl.console import PlainConsole
from crl.errors import CrlError

if TYPE_CHECKING:
    from crl.reporting.store.entry import Entry

Root = Annotated[Path, typer.Option("--in", metavar="DIR", help="The folder of runs; folders inside count, too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN", help="Runs: their folders, or their names in the folder of runs.")
]
RUNS = Path("runs")

app = typer.Typer(
    help="Find, show, compare and remove runs. The index (runs/index.sqlite) is made of the folders and may be "
    "deleted at any time.",
    no_args_is_help=True,
)


def register(program: typer.Typer) -> None:
    """Add the commands to the program."""
    program.add_typer(app, name="runs")


@app.command("list")
def list_runs(
    filters: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY=VALUE",
            help="Conditions on facts or settings: env=pusher continual=hypercrl,ewc status=finished 'success>=0.9' "
            "planner.samples=64.",
        ),
    ] = None,
    root: Root = RUNS,
    as_json: AsJson = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the index anew from the folders first.")] = False,
) -> None:
    """List runs, with what is wrong with them and how to fix it."""
    from crl.reporting.store import index, query, show

    conditions = [query.parse(text) for text in filters or []]
    found = query.select(index.rebuild(root) if rebuild else index.entries(root), conditions)
    if as_json:
        typer.echo(json.dumps([entry.to_plain() for entry in found], indent=2, default=str))
        return
    if not found:
        say(f"no runs in {root}" + (" meet these conditions" if conditions else ": make one with `crl train`"))
        return
    # A file or a pipe has no width that names would have to be broken for.
    (out if out.is_terminal else PlainConsole(width=200)).print(show.table(found))
    for line in show.findings(found):
        say(line)


@app.command("show")
def show_run(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's folder, its name in runs/, or `latest`.")],
    root: Root = RUNS,
    as_json: AsJson = False,
) -> None:
    """Show one run: what it is, what it reached, what is wrong with it, and the command that makes it again."""
    from crl.reporting.explaining.reproduce import train_command
    from crl.reporting.run_summary import results_table, run_missions_table, summary
    from crl.reporting.store import show
    from crl.training.runs.results_file import read_results

    entry = _entries([run], root)[0]
    command = train_command(entry.settings) if entry.settings else None
    if as_json:
        plain = {**entry.to_plain(), "command": command}
        typer.echo(json.dumps(plain, indent=2, default=str))
        return
    for line in show.details(entry):
        say(line)
    if entry.status == "finished":
        results = read_results(Path(entry.path)).entries
        if "tasks" in results:
            out.print(results_table(results))
            missions = run_missions_table(results)
            if missions is not None:
                out.print(missions)
            for line in summary(results):
                say(line)
    if command:
        say(f"made again by: {command}")


@app.command()
def compare(
    runs: Runs,
    root: Root = RUNS,
    everything: Annotated[bool, typer.Option("--all", help="Also settings without effect on what is learned.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare runs: the settings in which they differ, and their results side by side."""
    from crl.reporting.store import comparing, show

    found = _entries(runs, root)
    if len(found) < 2:
        raise CrlError("one run compares with nothing", "name two or more")
    known = [entry.settings if everything else comparing.read_settings(entry.settings) for entry in found]
    settings = comparing.differing(known, everything)
    facts = comparing.facts(found)
    if as_json:
        plain: dict[str, Any] = {"runs": [entry.name for entry in found]}
        plain["settings"] = {
            key: [None if value is comparing.UNSET else value for value in values] for key, values in settings.items()
        }
        typer.echo(json.dumps({**plain, "results": facts}, indent=2, default=str))
        return
    out.print(show.side_by_side(found, settings, facts))
    if len({entry.env for entry in found}) > 1:
        say("note: these runs are of different task sequences; their scores do not compare")
    if not settings:
        say("all settings that matter are equal")


@app.command("rm")
def remove_runs(
    runs: Runs,
    root: Root = RUNS,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove runs for good. A run in which a process trains is refused, and links are never followed."""
    from crl.reporting.store import index, removal, show

    folders = [_locate(run, root) for run in runs]
    for folder in folders:  # all or none
        removal.check_removable(folder)
    if not yes:
        for folder in folders:
            say(show.one_line(folder))
        if not typer.confirm(f"Remove {len(folders)} run(s) for good?"):
            say("nothing was removed")
            raise typer.Exit(1)
    for folder in folders:
        removal.remove(folder)
        say(f"removed {folder}")
        index.forget(folder)


def _entries(runs: list[str], root: Path) -> list[Entry]:
    """Entries of named runs, each once."""
    from crl.reporting.store.survey import survey

    folders = dict.fromkeys(_locate(run, root).resolve() for run in runs)
    return [survey(folder, root.resolve()) for folder in folders]


def _locate(run: str, root: Path) -> Path:
    """The folder of a run, whole or not, by path, by name in the folder of runs, or by the end of such a name.

    Raises:
        CrlError: There is none, or more than one.
    """
    from crl.reporting.store.discover import discover, is_run
    from crl.training.runs.folder import LATEST, RunFolder

    for path in (Path(run), root / run):
        if path.name == LATEST and (path.is_symlink() or path.exists() or path.with_name("latest.txt").is_file()):
            return RunFolder.open(path).path
        if path.is_dir() and (path.is_symlink() or is_run(path)):
            return path
    known = discover(root)
    names = [path.relative_to(root).as_posix() for path in known]
    fits = [path for path, name in zip(known, names, strict=True) if name.endswith(f"/{run}")]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise CrlError(f"{run} could be {len(fits)} runs", f"say which: {', '.join(str(path) for path in fits[:5])}")
    close = difflib.get_close_matches(run, names, n=3, cutoff=0.5)
    meant = f": did you mean {' or '.join(close)}?" if close else ""
    raise CrlError(f"there is no run {run}{meant}", f"crl runs list --in {shlex.quote(str(root))} names them all")
