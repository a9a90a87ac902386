"""Who made a run, by its folder: for errors about settings of another version."""

from __future__ import annotations

import json
from pathlib import Path

from crl.version import __version__


def of_another_version(run: Path) -> str:
    """What to do about settings of a run that this version does not know.

    Args:
        run: Its folder.
    """
    version, commit, finished = _made_by(run)
    if version not in (None, __version__):
        return f"the run was made by crl {version}, this is crl {__version__}: pip install crl=={version}"
    if finished:
        return (
            f"the run was made by commit {commit} of crl {version}: use that one, or take the setting out of the file"
        )
    begun = f" (commit {commit} worked on it)" if commit is not None else ""
    return f"the run may come from another version of crl{begun}: use that one, or take the setting out of the file"


def _made_by(run: Path) -> tuple[str | None, str | None, bool]:
    """Version and commit that made a run, and whether it is by its results, or by what was noted when it began."""
    for name in ("results.json", "provenance.json"):
        finished = name == "results.json"
        try:
            made = json.loads((run / name).read_text(encoding="utf-8"))
            made = made if finished else made["code"][-1]
            return str(made["version"]), made.get("commit"), finished
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return None, None, False
