"""The command ``crl confirm``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import out, say


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("confirm")(confirm)


def confirm(
    suite: Annotated[str | None, typer.Argument(help="Name of the suite; without one, all are listed.")] = None,
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="DIR", help="Where fits, missions and runs go.")
    ] = None,
    page: Annotated[Path, typer.Option("--page", metavar="DIR", help="Where the page goes.")] = Path("docs/results"),
    workers: Annotated[int, typer.Option("--workers", min=1, max=1024, help="Parallel processes.")] = 1,
    dry: Annotated[bool, typer.Option("--dry-run", help="Show what is drawn, and run nothing.")] = False,
) -> None:
    """Confirm a claim once, on seeds, faults, maps and orders of tasks that nobody has seen.

    A suite (configs/confirm/NAME.yaml) states methods, distributions and criteria. It must be committed before: a
    checkout with changes is refused, and so is a change of code or criteria on the way. The same command goes on where
    it stopped, and writes the page anew. The exit code is 1 if a criterion fails.
    """
    from crl.confirmation.loading import load_suite, suites

    if suite is None:
        for name in suites():
            found = load_suite(name)
            say(f"{name:24} block {found.block}  {found.env}  {found.size}")
        return
    found = load_suite(suite)
    if dry:
        for line in found.draws():
            say(line)
        return
    from crl.confirmation.frozen import claim
    from crl.reporting.confirmations.page import write_confirmation

    folder = runs or Path("runs/confirm") / f"{suite}_{found.block}"
    frozen = claim(found, folder)
    say(f"{found.planned} {found.kind.records} of {found.env}: {found.size}, in {folder}")
    found.run(folder, workers, out)
    header = {
        "command": f"crl confirm {suite}",
        "commit": frozen.commit,
        "code": frozen.code,
        "digest": frozen.digest,
        "env": found.env,
        "block": found.block,
        "fits": found.fits,
        "planned": found.planned,
    }
    written, passed = write_confirmation(
        page,
        name=suite,
        claim=found.claim,
        source=found.source,
        header=header,
        criteria=found.criteria,
        records=found.read(folder),
        kind=found.kind,
    )
    say(f"page: {written}")
    if not passed:
        say("not all criteria hold: what was found goes into development; the next confirmation takes the next block")
        raise typer.Exit(1)
