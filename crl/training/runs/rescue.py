"""A run whose folder was moved or removed while it worked: what it still holds is written where it can be."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from crl.config import Config
from crl.config.asking.composing import fingerprint, to_yaml
from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointStore
from crl.training.loop import TrainingLoop
from crl.training.runs.folder import RunFolder, RunFolderError
from crl.training.runs.presence import Presence
from crl.training.runs.trust import mark_as_own, named_code


def rescue(
    config: Config, loop: TrainingLoop, presence: Presence, results: Mapping[str, Any] | None = None
) -> NoReturn:
    """Stop a run whose folder is gone.

    If the folder was moved, the run's state goes there. If it was removed, a new folder beside its place gets
    settings, log and state; where that can't be written, one in the current folder or in the one for temporary files.

    Args:
        config: The run's settings.
        loop: Where it stands.
        presence: Its folder.
        results: Its results, if it is done.

    Raises:
        RunFolderError: Always: what happened, where everything is, and the command that goes on.
    """
    moved = presence.moved_to()
    what = f"{presence.path} was {f'moved to {moved}' if moved else 'removed'} while the run worked in it"
    reasons = []
    for place in (moved, presence.path.parent, Path.cwd(), Path(tempfile.gettempdir()) / "crl"):
        if place is None:
            continue
        try:
            folder = RunFolder(place) if place == moved else _anew(config, loop, place, presence.path.name)
            store = CheckpointStore(folder.checkpoints, keep=config.checkpoint.keep)
            store.save(loop.state.env_steps, loop.state_dict(), loop.state.revision)
            if results is not None:
                folder.write_json(folder.results, {**results, "run": str(folder.path)})
        except (CrlError, OSError) as error:
            reasons.append(str(error).splitlines()[0])
            continue
        done = "see it with: crl runs show" if results is not None else "continue it with: crl resume"
        raise RunFolderError(
            f"{what}; everything that it has learned is in {folder.path}", f"{done} {shlex.quote(str(folder.path))}"
        )
    raise RunFolderError(f"{what}, and nothing could be saved: {'; '.join(reasons)}", "start it again: crl train")


def _anew(config: Config, loop: TrainingLoop, root: Path, name: str) -> RunFolder:
    folder = RunFolder.create(root, f"{name}_rescued", fingerprint(config))
    folder.write_text(folder.config, to_yaml(config))
    folder.metrics.write_bytes(loop.log.content())
    mark_as_own(folder.path, named_code(config))
    return folder
