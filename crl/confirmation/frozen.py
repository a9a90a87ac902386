"""What a confirmation was made with: it is refused on code that nobody can find again, or that changed on the way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from crl.confirmation.suite import Suite
from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.sweeps.code_version import code_version
from crl.training.files.durable import replace_file
from crl.training.runs.provenance import commit

NAME = "confirmation.json"


@dataclass(frozen=True)
class Frozen:
    """What must stay the same from the first mission or run to the last.

    Attributes:
        suite: Name of the suite.
        digest: Digest of its text.
        code: Version of the code that learns, acts and simulates.
        commit: Commit at which it was begun.
    """

    suite: str
    digest: str
    code: str
    commit: str


def claim(suite: Suite, folder: Path) -> Frozen:
    """Begin a confirmation in a folder, or go on with it.

    Raises:
        CrlError: The checkout has uncommitted changes or is none, or the folder was begun with another suite's text or
            with other code.
    """
    made_by = commit()
    if made_by is None:
        raise CrlError("a confirmation needs a git checkout of crl", "clone the repository and install it with pip -e")
    if made_by.endswith("+"):
        raise CrlError(
            "the checkout has changes that are not committed",
            "commit them: a confirmation must be repeatable by others",
        )
    now = Frozen(suite.name, suite.digest, code_version(), made_by)
    path = folder / NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, json.dumps(asdict(now), indent=1).encode() + b"\n")
        return now
    begun = Frozen(**read_json(path))
    if (begun.suite, begun.digest) != (now.suite, now.digest):
        raise CrlError(
            f"{folder} was begun with another text of the suite ({begun.suite}, commit {begun.commit})",
            "give the suite the next block, and run that: criteria that change on the way confirm nothing",
        )
    if begun.code != now.code:
        raise CrlError(
            f"{folder} was begun with other code (commit {begun.commit})",
            f"check out {begun.commit} to go on, or give the suite the next block and run that",
        )
    return begun
