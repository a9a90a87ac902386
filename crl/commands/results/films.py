"""The films that end a run: one of each task."""

from __future__ import annotations

from pathlib import Path

from crl.commands.arguments import out, say
from crl.text import counted


def record_videos(folder: Path) -> None:
    """Film every task of a finished run, and tell how far it is; what fails is said and costs nothing else."""
    from crl.reporting.replay.filming import record_all
    from crl.reporting.replay.progress import FilmProgress
    from crl.reporting.tables.wording import duration

    with FilmProgress(out) as progress:
        made = record_all(folder, progress)
    for note in made.notes:
        say(f"no videos: {note}" if not made.paths else f"note: {note}")
    if made.paths:
        places = ", ".join(sorted({str(path.parent) for path in made.paths}))
        say(f"videos: {places} ({counted(len(made.paths), 'film')}, {duration(progress.seconds)})")
