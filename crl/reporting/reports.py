"""From a user's arguments to written reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.report import papers
from crl.reporting.report.gather import Gathered, gather
from crl.reporting.report.part import Lived, Part, Scored
from crl.reporting.report.summary import Summary, summarise
from crl.reporting.store import query
from crl.reporting.store.discover import discover, is_run
from crl.reporting.store.survey import survey
from crl.training.files.durable import replace_file
from crl.training.runs.folder import latest_of

RUNS = Path("runs")


@dataclass(frozen=True)
class Options:
    """How a report is made.

    Attributes:
        title: Title of the page.
        by: Settings by which runs of one strategy are told apart.
        base: The method that the others are compared with, where a section has it.
        normalise: Whether scores are normalised where they can be.
        embed: Bytes of video that may be inside the page; 0: videos are linked to.
        command: What made the report, as its foot says it.
    """

    title: str = "Continual learning report"
    by: tuple[str, ...] = ()
    base: str | None = None
    normalise: bool = True
    embed: int = 0
    command: str = ""


@dataclass(frozen=True)
class Made:
    """What was written, and what was wrong."""

    files: tuple[Path, ...]
    problems: tuple[str, ...]


def find_runs(arguments: Sequence[str], root: Path = RUNS) -> list[Path]:
    """Run folders that a user's arguments name: runs, folders of runs, names in ``root``, and ``KEY=VALUE``.

    Raises:
        CrlError: An argument names nothing, or no run is left.
    """
    filters = [query.parse(text) for text in arguments if query.is_filter(text) and not Path(text).exists()]
    names = [text for text in arguments if Path(text).exists() or not query.is_filter(text)]
    found: list[Path] = []
    for name in names or [str(root)]:
        places = [latest_of(each) for each in (Path(name), root / name)]
        path = next((each for each in places if each.is_dir()), None)
        if path is None:
            raise CrlError(f"there is no run and no folder of runs {name}", "crl runs list names the runs")
        inside = [path] if is_run(path) else discover(path)
        if not inside:
            raise CrlError(f"{path} holds no runs", "name a run's folder, or a folder of them")
        found += inside
    folders = list(dict.fromkeys(path.resolve() for path in found))
    if filters:
        entries = query.select([survey(path, path.parent) for path in folders], filters)
        folders = [Path(entry.path) for entry in entries]
        if not folders:
            raise CrlError("no run meets these conditions", "`crl runs list` with them shows what there is")
    return folders


def write_reports(arguments: Sequence[str], files: Mapping[str, Path], options: Options) -> Made:
    """Write a report in one or several formats.

    Args:
        arguments: Runs; see :func:`find_runs`.
        files: File by format: ``html``, ``md``, ``csv``, ``latex``.
        options: How.

    Raises:
        CrlError: There are no such runs, no section has the base, or a file can't be written.
    """
    gathered = gather(find_runs(arguments), options.by)
    summaries = summarised(gathered, options)
    if not summaries and not gathered.lives and set(files) != {"html"}:
        raise CrlError("no run here is finished: there are no tables", "\n".join(gathered.problems) or "crl runs list")
    parts = [*map(Scored.of, summaries), *map(Lived, gathered.lives)]
    for kind, path in files.items():
        page = kind == "html"
        _write(path, _page(gathered, summaries, options, path) if page else _tables(kind, parts, gathered.problems))
    return Made(tuple(files.values()), gathered.problems)


def summarised(gathered: Gathered, options: Options) -> list[Summary]:
    """The numbers of all sections.

    Raises:
        CrlError: No section has the base.
    """
    base = options.base
    having = [bool(section.named(base)) if base is not None else False for section in gathered.sections]
    every = (*gathered.sections, *gathered.lives)
    if base is not None and every and not any(section.named(base) for section in every):
        known = {name for section in every for name in section.groups}
        raise CrlError(f"no run here is of {base!r}", f"methods: {', '.join(sorted(known))}")
    return [
        summarise(section, normalise=options.normalise, base=base if has else None)
        for section, has in zip(gathered.sections, having, strict=True)
    ]


def _page(gathered: Gathered, summaries: Sequence[Summary], options: Options, path: Path) -> str:
    from crl.reporting.html.page import page
    from crl.reporting.html.runs_block import VideoBudget

    budget = VideoBudget(options.embed, path.parent.resolve())
    return page(gathered, summaries, title=options.title, command=options.command, budget=budget)


def _tables(kind: str, parts: Sequence[Part], problems: Sequence[str]) -> str:
    if kind == "csv":
        return papers.tidy(parts)
    return (papers.markdown if kind == "md" else papers.latex)(parts, problems)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise CrlError(f"{path} can't be written: {error.strerror or error}", "name another file with --out") from error
