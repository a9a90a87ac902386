"""The page: sections, problems, styles and script in one file that asks no host for anything."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from crl.reporting.html.block import prose
from crl.reporting.html.drawing import colours
from crl.reporting.html.parts import lived, scored
from crl.reporting.html.runs_block import VideoBudget
from crl.reporting.report.gather import Gathered
from crl.reporting.report.summary import Summary
from crl.reporting.tables.html import html
from crl.reporting.tables.wording import duration
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
    sections = [*(summary.section for summary in summaries), *gathered.lives]
    runs = [run for section in sections for run in section.runs]
    seconds = sum(float(run.results.get("cpu_seconds") or 0) for run in runs)
    parts = [
        *(scored(summary, f"part{number}", videos_left) for number, summary in enumerate(summaries, 1)),
        *(lived(section, f"lives{number}", videos_left) for number, section in enumerate(gathered.lives, 1)),
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
        subtitle=f"{count}{f' of {len(gathered.entries)} named' if left_out else ''}, {duration(seconds)} of CPU time",
        version=__version__,
        command=command,
        problems=gathered.problems,
        notes=notes,
        parts=parts,
        css=_style(css),
        js=js,
    )


def _style(css: str) -> str:
    def methods(palette: Sequence[str]) -> str:
        return "".join(f"--m{place}:{colour};" for place, colour in enumerate(palette))

    return (
        css.replace("/*LIGHTPRINT*/", _PAPER + methods(colours.LIGHT))
        .replace("/*LIGHT*/", methods(colours.LIGHT))
        .replace("/*DARK*/", _DARK + methods(colours.DARK))
    )
