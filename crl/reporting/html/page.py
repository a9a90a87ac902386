"""The page: sections, problems, styles and script in one file that asks no host for anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from crl.reporting.html import section
from crl.reporting.html.block import prose
from crl.reporting.html.drawing import colours
from crl.reporting.html.runs_block import VideoBudget, commands, different_settings, shared_settings, videos
from crl.reporting.report import section_tables
from crl.reporting.report.gather import Gathered
from crl.reporting.report.summary import Summary
from crl.reporting.tables.html import html
from crl.reporting.tables.kinds import duration
from crl.text import counted
from crl.version import __version__

_DARK = (
    "color-scheme:dark;--page:#101215;--card:#1a1d21;--ink:#eceef1;--soft:#a6adb8;--line:#343940;--grid:#2a2e34;"
    "--accent:#7cc0ff;--focus:#ffb454;--more:#3f9be0;--less:#e0703a;--warn:#ffb27a;--warn-card:#2b2018;--code:#24282e;"
    "--shade:none;"
)
_PAPER = "color-scheme:light;--page:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;--accent:#003a66;"


def page(
    gathered: Gathered,
    summaries: Sequence[Summary],
    *,
    title: str = "Report",
    command: str = "",
    budget: VideoBudget | None = None,
) -> str:
    """The report as HTML.

    Args:
        gathered: Runs, problems and notes.
        summaries: Numbers of every section.
        title: The page's title.
        command: What made the page, shown at its foot.
        budget: How much video may be in the page; by default all are linked to, from the current folder.
    """
    videos_left = budget or VideoBudget(0, Path.cwd())
    environment = Environment(
        loader=PackageLoader("crl.reporting.html", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(prose=prose, html=html)
    loader = environment.loader
    assert loader is not None
    css, js = (loader.get_source(environment, f"report.{kind}")[0] for kind in ("css", "js"))
    runs = [run for summary in summaries for run in summary.section.runs]
    hours = sum(float(run.results.get("cpu_seconds") or 0) for run in runs)
    parts = [
        {
            "key": f"part{number}",
            "title": summary.section.title,
            "facts": _facts(summary),
            "blocks": section.blocks(summary),
            "videos": videos(summary.section.runs, videos_left),
            "different": different_settings(summary),
            "commands": commands(summary),
            "runs": section_tables.runs(summary),
            "shared": shared_settings(summary),
        }
        for number, summary in enumerate(summaries, 1)
    ]
    notes = list(gathered.notes)
    if videos_left.left_out and budget is not None and budget.left:
        several = videos_left.left_out > 1
        left = counted(videos_left.left_out, "video")
        notes.append(f"{left} did not fit into the page and {'are' if several else 'is'} linked to")
    count = counted(len(runs), "run")
    left_out = len(gathered.entries) - len(runs)
    return environment.get_template("report.html.j2").render(
        title=title,
        subtitle=f"{count}{f' of {len(gathered.entries)} named' if left_out else ''}, {duration(hours)} of CPU time",
        version=__version__,
        command=command,
        problems=gathered.problems,
        notes=notes,
        parts=parts,
        css=_style(css),
        js=js,
    )


def _facts(summary: Summary) -> list[tuple[str, str]]:
    runs = summary.section.runs
    several = [name for name in summary.methods if summary.iqm[name].known]
    best = max(several or summary.methods, key=lambda name: summary.iqm[name].value)
    among = "highest IQM of several seeds" if several else "highest IQM, one seed"
    seeds = sorted({len(group) for group in summary.section.groups.values()})
    return [
        _fact(len(runs), "run"),
        _fact(len(summary.methods), "method"),
        (f"{seeds[0]} to {seeds[-1]}", "seeds per method") if seeds[1:] else _fact(seeds[0], "seed", " per method"),
        _fact(len(summary.section.visits), "task", " in sequence"),
        *_flown(summary),
        (f"{best}, {summary.iqm[best].format(3 if summary.scale.normalised else 1)}", f"{among} ({summary.unit})"),
    ]


def _flown(summary: Summary) -> list[tuple[str, str]]:
    """How many missions were completed, where any was flown."""
    found = [record for run in summary.section.runs for record in run.missions]
    done = sum(record["completed"] for record in found)
    return [(f"{done} of {len(found)}", "missions completed")] if found else []


def _fact(number: int, noun: str, more: str = "") -> tuple[str, str]:
    """A number, and what it counts."""
    return f"{number:,}", f"{noun if number == 1 else f'{noun}s'}{more}"


def _style(css: str) -> str:
    def methods(palette: Sequence[str]) -> str:
        return "".join(f"--m{place}:{colour};" for place, colour in enumerate(palette))

    return (
        css.replace("/*LIGHTPRINT*/", _PAPER + methods(colours.LIGHT))
        .replace("/*LIGHT*/", methods(colours.LIGHT))
        .replace("/*DARK*/", _DARK + methods(colours.DARK))
    )
