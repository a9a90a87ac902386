"""A run whose folder can take nothing more, or is gone: what the run still holds is written where it can be."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from crl.config import Config
from crl.config.asking.composing import fingerprint, to_yaml
from crl.errors import CrlError
from crl.training.checkpoints.store import CheckpointError, CheckpointStore
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
    if moved is not None:
        try:
            _save(config, loop, RunFolder(moved), results)
        except CrlError as error:
            reasons.append(error.message)
        else:
            raise _rescued(what, RunFolder(moved), done=results is not None)
    folder, others = _anew(config, loop, presence.path, [presence.path.parent, *_elsewhere()], results)
    if folder is not None:
        raise _rescued(what, folder, done=results is not None)
    said = "; ".join([*reasons, *others])
    raise RunFolderError(f"{what}, and nothing could be saved: {said}", "start it again: crl train")


def rescue_unwritten(config: Config, loop: TrainingLoop, presence: Presence, error: CheckpointError) -> NoReturn:
    """Stop a run whose checkpoint could not be written, because the disk is full for instance.

    Its state goes to a new folder in the current one, or in the one for temporary files: they may be on another disk.

    Args:
        config: The run's settings.
        loop: Where it stands.
        presence: Its folder, which keeps its earlier checkpoints.
        error: What was raised.

    Raises:
        CheckpointError: Always: the same again where nothing could be saved.
    """
    folder, _ = _anew(config, loop, presence.path, _elsewhere(), None)
    if folder is None:
        raise error
    raise CheckpointError(
        f"{error.message}; everything that the run has learned is in {folder.path}", _hint(folder, done=False)
    ) from error


def _elsewhere() -> list[Path]:
    return [Path.cwd(), Path(tempfile.gettempdir()) / "crl"]


def _rescued(what: str, folder: RunFolder, *, done: bool) -> RunFolderError:
    return RunFolderError(f"{what}; everything that it has learned is in {folder.path}", _hint(folder, done=done))


def _hint(folder: RunFolder, *, done: bool) -> str:
    return f"{'see it with: crl runs show' if done else 'continue it with: crl resume'} {shlex.quote(str(folder.path))}"


def _save(config: Config, loop: TrainingLoop, folder: RunFolder, results: Mapping[str, Any] | None) -> None:
    store = CheckpointStore(folder.checkpoints, keep=config.checkpoint.keep)
    store.save(loop.state.env_steps, loop.state_dict(), loop.state.revision)
    if results is not None:
        folder.write_json(folder.results, {**results, "run": str(folder.path)})


def _anew(
    config: Config, loop: TrainingLoop, path: Path, places: Sequence[Path], results: Mapping[str, Any] | None
) -> tuple[RunFolder | None, list[str]]:
    """A new folder in the first place that takes all of it, and why the others did not; nothing is left in those."""
    reasons = []
    for place in places:
        folder = None
        try:
            folder = RunFolder.create(place, f"{path.name}_rescued", fingerprint(config), latest=place == path.parent)
            folder.write_text(folder.config, to_yaml(config))
            folder.metrics.write_bytes(loop.log.content())
            mark_as_own(folder.path, named_code(config))
            _save(config, loop, folder, results)
        except (CrlError, OSError) as error:
            reasons.append(str(error).splitlines()[0])
            if folder is not None:
                shutil.rmtree(folder.path, ignore_errors=True)
            continue
        return folder, reasons
    return None, reasons
