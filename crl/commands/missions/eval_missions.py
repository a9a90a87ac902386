"""The command ``crl eval-missions``."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crl.commands.arguments import Trust, err, out, say
from crl.console import PlainConsole
from crl.cores import cores
from crl.errors import SettingsError
from crl.text import counted

if TYPE_CHECKING:
    from crl.sequences import MissionEntry, TaskSequence

OWN = ("seeds", "waypoints", "faults", "gains", "suite", "classes", "out", "workers", "clipped", "refiner", "flow")
PATHS = ("waypoints", "out", "flow")
MOST = 1_000_000
"""Missions per fault, and workers, that are taken for meant."""

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="refiner=afm,none,oracle clipped=true,false seeds=5 waypoints=FILE,FILE suite=NAME classes=A,B "
        "'seeds={A: 5, B: 3}' 'gains=[[-1,2],[0.5,1]]' 'faults=[{payload: 0.4}]' flow=RUN/flow out=DIR workers=N, and "
        "any setting of `crl train`.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("eval-missions")(eval_missions)


def eval_missions(settings: Words = None, trust: Trust = False) -> None:
    """Fly missions with several refiners and compare them: in parallel, resumable, with a table at the end.

    Lists are separated by commas. Refiners: afm, afm_learned, afm_published, oracle, none (online fine-tuning), frozen,
    none_context, randomised; rivals of the flow: inverse, inverse_gentle, box, replan, regression, afm_unguided, l1,
    indi. Maps (`waypoints`) are names of those that ship or CSV files with x,y[,z]. Faults are the sequence's (or those
    of one of its other suites, with `suite`; of some `classes` only, if given), or `gains` or `faults` of your own;
    `seeds` is a number, or one for each class.
    Everything goes to `out`: results.json, table.md, paths.png, and a file per mission; the same command again goes on
    where it stopped. With `flow`, a folder that `crl fit-flow` wrote, that flow is flown with, and none is fitted.
    """
    own, rest = _split(settings or [])
    env = [text for text in rest if text.startswith(("env=", "env.name="))]
    if not env:
        raise SettingsError("eval-missions needs env=...", "for instance env=ugv_mission or env=quadrotor_mission")
    from crl.config.asking.composing import compose, given_keys
    from crl.config.reading import refuse_unread, unread_of
    from crl.reporting.pages.missions.plots import path_plot
    from crl.reporting.pages.missions.tables import missions_table, summarise_missions
    from crl.reporting.tables.markdown import markdown
    from crl.reporting.tables.terminal import terminal
    from crl.sequences import load_sequence
    from crl.training.files.durable import replace_file
    from crl.training.missions.flying import mission_sequence
    from crl.training.missions.showing import show_flights
    from crl.training.missions.trials import Method, check_trials, plan_trials, read_trials, run_trials
    from crl.training.runs.provenance import commit
    from crl.training.runs.trust import asking, require_trusted_run

    base = compose([*rest, "refiner=none"], unread=True)
    sequence = load_sequence(base.env.name)
    mission_sequence(base, sequence, [])  # says so if there are no missions
    methods = [Method(name, clipped, tuple(rest)) for clipped in own["clipped"] for name in own["refiner"]]
    if own["flow"] is not None:
        methods = [replace(method, flow=Path(own["flow"])) if method.has_flow else method for method in methods]
        if not any(method.flow for method in methods):
            raise SettingsError("flow=... is of no use here: no refiner has a flow", "add refiner=afm or afm_learned")
    given = given_keys(rest)
    never = set.intersection(*(set(unread_of(method.config(), given)) for method in methods))
    refuse_unread(methods[0].config(), sorted(never))  # what one refiner reads may be given to all
    trials = plan_trials(methods, own["waypoints"], _missions(own, sequence), own["seeds"])
    check_trials(trials)
    folder = Path(own["out"] or f"missions/{base.env.name}")
    with asking(trust):  # workers can't ask
        for fit in sorted({method.fit for method in methods}):
            if (folder / "fits" / fit / "config.yaml").exists():
                require_trusted_run(folder / "fits" / fit)
    made_by = commit()  # before the missions: the checkout may change while they are flown
    say(f"{counted(len(trials), 'mission')} of {sequence.name} by {counted(len(methods), 'method')}, in {folder}")
    show_flights(run_trials(trials, folder, own["workers"]), out)
    records = read_trials(trials, folder)
    rows = summarise_missions(records)
    command = shlex.join(["crl", "eval-missions", *(settings or [])])
    whole = {"command": command, "commit": made_by, "env": base.env.name, "methods": rows, "missions": records}
    replace_file(folder / "results.json", json.dumps(whole, indent=1).encode() + b"\n")
    table = missions_table(rows)
    replace_file(folder / "table.md", "\n".join([f"`{command}`", "", *markdown(table), ""]).encode())
    written = [folder / "results.json", folder / "table.md"]
    try:
        path_plot(_shown(records), folder, folder / "paths.png")
        written.append(folder / "paths.png")
    except ImportError as error:
        err.print(f"note: no picture of the paths ({error}): pip install 'crl[viz]'", soft_wrap=True)
    wide = out if out.is_terminal else PlainConsole(width=200)
    wide.print(terminal(table.named("missions", f"{sequence.name}, seeds: {own['seeds']}")))
    say(f"results: {', '.join(map(str, written))}")


def _split(words: list[str]) -> tuple[dict[str, Any], list[str]]:
    """The command's own settings, checked, and those of a run."""
    from crl.config.asking.overrides import at_home, parse_override
    from crl.text import shown

    own: dict[str, Any] = {
        "refiner": ["afm", "none", "oracle"],
        "clipped": [True],
        "seeds": 1,
        "waypoints": [None],
        "workers": cores(),
        "out": None,
        "flow": None,
        "suite": None,
        "classes": None,
        "gains": None,
        "faults": None,
    }
    rest = []
    for text in words:
        key, _, value = text.partition("=")
        if key not in OWN:
            rest.append(text)
            continue
        try:
            own[key] = parse_override(f"{key}={value if key in ('gains', 'faults') else f'[{value}]'}", _never).value()
        except SettingsError as error:
            if key in PATHS and not set(value) & set("'\"[]{}"):  # umlauts, ~, &: as they are written
                own[key] = value.split(",")
                continue
            raise SettingsError(
                f"cannot read {shown(text)!r}: {error.message.partition(': ')[2]}",
                "lists are separated by commas; faults are written as 'faults=[{gain: [-1, 2]}]'",
            ) from error
    for key in ("seeds", "workers", "out", "flow", "suite"):
        own[key] = own[key][0] if isinstance(own[key], list) else own[key]
    if isinstance(own["seeds"], dict):
        own["seeds"] = {str(group): count for group, count in own["seeds"].items()}
    counts = own["seeds"].values() if isinstance(own["seeds"], dict) else [own["seeds"]]
    for key, values in (("seeds", counts), ("workers", [own["workers"]])):
        if not values or any(not isinstance(count, int) or isinstance(count, bool) or count < 1 for count in values):
            raise SettingsError(f"{key}={shown(own[key])}: a whole number of at least 1 is expected")
        if max(values) > MOST:
            raise SettingsError(f"{key}={shown(own[key])}: at most {MOST:,} are possible")
    if any(not isinstance(value, bool) for value in own["clipped"]):
        raise SettingsError(f"clipped={own['clipped']}: true, false or both (clipped=true,false)")
    if "off" in own["refiner"]:
        raise SettingsError("refiner=off flies no missions", "use refiner=none to execute what was planned")
    own["waypoints"] = [None if where is None else at_home(str(where)) for where in own["waypoints"]]
    own["out"] = None if own["out"] is None else at_home(str(own["out"]))
    return own, rest


def _never(key: str) -> bool:
    del key
    return False


def _missions(own: dict[str, Any], sequence: TaskSequence) -> list[MissionEntry]:
    """The faults to fly with."""
    for key, kind, example in (("gains", list, "gains=[[-1,2],[0.5,1]]"), ("faults", dict, "faults=[{gain: [-1, 2]}]")):
        value = own[key]
        if value is not None and not (isinstance(value, list) and value and all(isinstance(v, kind) for v in value)):
            raise SettingsError(f"{key}={value} is not a list of {kind.__name__}s", f"write for instance '{example}'")
    from crl.sequences import MissionEntry

    given = [{"gain": pair} for pair in own["gains"] or []] + list(own["faults"] or [])
    if given:
        names = [json.dumps(fault, sort_keys=True) if fault else "nominal" for fault in given]
        for character in '{}" []':
            names = [name.replace(character, "") for name in names]
        return [
            MissionEntry(name.replace(":", "_").replace(",", "_"), "given", fault)
            for name, fault in zip(names, given, strict=True)
        ]
    missions = sequence.missions
    if own["suite"] is not None:
        if own["suite"] not in sequence.suites:
            raise SettingsError(
                f"{sequence.name} has no suite {own['suite']!r}",
                f"it has {sorted(sequence.suites)}; without suite=... its own missions are flown",
            )
        missions = sequence.suites[own["suite"]]
    if own["classes"] is None:
        return list(missions)
    groups = {entry.group for entry in missions}
    unknown = set(map(str, own["classes"])) - groups
    if unknown:
        missing = ", ".join(sorted(unknown))
        raise SettingsError(f"{sequence.name} has no faults of class {missing}", f"it has {sorted(groups)}")
    return [entry for entry in missions if entry.group in own["classes"]]


def _shown(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Up to twelve missions for the picture: the first seed's, of the first method that corrects."""
    first = min(record["seed"] for record in records)
    methods = list(dict.fromkeys(record["method"] for record in records))
    chosen = next((name for name in methods if name.startswith("afm")), methods[0])
    return [record for record in records if record["method"] == chosen and record["seed"] == first][:12]
