"""The command ``crl config``."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Annotated, Any

import typer
from rich import box
from rich.text import Text

from crl.commands.arguments import Settings, out
from crl.console import PlainTable


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("config")(print_config)


def print_config(
    settings: Settings = None,
    table: Annotated[
        bool | None,
        typer.Option(
            "--table/--yaml",
            help="A table that explains every setting, or plain YAML. A terminal gets the table, a pipe YAML.",
            show_default=False,
        ),
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what differs from the defaults, as a table.")
    ] = False,
) -> None:
    """Show the complete settings of a `crl train` with these arguments.

    The table says where every value comes from (the default, a file in configs/, the command line), what it means, its
    unit, and what it may be. Settings that nothing reads with this choice of components are dim, and "not read" stands
    beside them. What `crl train` refuses, this refuses too.
    """
    from crl.config.asking.composing import compose, given_keys, to_yaml
    from crl.config.asking.plugins import check_options
    from crl.continual.trying import check_composition
    from crl.sequences import load_sequence
    from crl.training.order import step_budgets, task_order

    config = compose(settings or [])
    check_options(config, given_keys(settings or []))
    check_composition(config)
    step_budgets(config, len(task_order(config, load_sequence(config.env.name))))
    if changed or (out.is_terminal if table is None else table):
        from crl.config.limits import leaves
        from crl.config.reading import settings_read

        _show(dict(leaves(config)), settings_read(config), settings or [], changed)
    else:
        typer.echo(to_yaml(config), nl=False)


def _show(values: dict[str, Any], read: Collection[str], settings: list[str], changed: bool) -> None:
    """One table per section."""
    from crl.config import Config
    from crl.config.limits import leaves
    from crl.reporting.explaining.settings_meaning import allowed, meanings, sections
    from crl.reporting.explaining.settings_sources import sources

    said, came, defaults = meanings(), sources(settings), dict(leaves(Config()))
    for section, about in sections().items():
        keys = [key for key in values if _section(key) == section]
        if changed:
            keys = [key for key in keys if values[key] != defaults[key] and key in read]
        if not keys:
            continue
        table = PlainTable(box=box.SIMPLE_HEAD, title_justify="left", pad_edge=False, expand=True)
        table.title = Text.assemble((section or "run", "bold"), f"  {about}")
        table.add_column("setting", overflow="fold", ratio=22)
        table.add_column("value", overflow="fold", ratio=13)
        table.add_column("from", overflow="fold", ratio=16)
        table.add_column("meaning", overflow="fold", ratio=39)
        for key in keys:
            place = came[key].replace(".yaml", "") if key in read else "not read"
            inside = key.removeprefix(f"{section}.")
            may_be = f"[{allowed(key)}]" if allowed(key) else ""
            meaning = Text.assemble(said[key], " " if said[key] and may_be else "", (may_be, "dim"))
            style = (
                "dim" if came[key] == "default" or key not in read else "bold" if came[key] == "command line" else ""
            )
            table.add_row(
                Text(inside),
                Text(_written(values[key])),
                Text(place if len(place) <= 12 else place.replace("/", "/\n"), style),
                meaning,
                style="" if key in read else "dim",
            )
        out.print(table)


def _section(key: str) -> str:
    return key.rpartition(".")[0]


def _written(value: Any) -> str:
    """As a user would write it: ``null``, ``[1,2]``, ``3e-07``."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, separators=(",", ":"))
