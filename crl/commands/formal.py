"""The command ``crl formal``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from crl.errors import CrlError
from crl.text import printable


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(formal)


def formal(
    file: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The problem: environment, basis and agents.")],
    dot_file: Annotated[
        Path | None,
        typer.Option("--dot", metavar="OUT", help="Also draw the product, settled set filled, as Graphviz."),
    ] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Execute a module in this folder that the file names as its environment.")
    ] = False,
) -> None:
    """Decide a finite problem: who settles and who never stops learning, with witnesses and exact values."""
    import gymnasium

    from crl.formal.dot import dot
    from crl.formal.problem import decide
    from crl.formal.problem_file import load_problem
    from crl.formal.report import report
    from crl.training.runs.trust import asking, require_trusted_modules

    def make(name: str, **options: Any) -> Any:
        require_trusted_modules(file, [name])
        return gymnasium.make(name, **options)

    with asking(trust):
        problem = load_problem(file, make)
    decision = decide(problem)
    typer.echo(printable(report(problem, decision)))
    if dot_file is not None:
        try:
            dot_file.write_text(dot(problem, decision), encoding="utf-8")
        except OSError as error:
            raise CrlError(
                f"{dot_file} can't be written: {error.strerror}", "name a file in an existing folder"
            ) from error
        typer.echo(printable(f"\ngraph: {dot_file} (dot -Tsvg -O {dot_file} draws it)"))
