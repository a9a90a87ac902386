"""What can be wrong with a run's folder, each with its hint."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.reading.plain import require_plain
from crl.reporting.store.entry import Finding
from crl.training.checkpoints.manifest import ManifestError, read_manifest
from crl.training.checkpoints.names import FORMAT, checkpoint_folders
from crl.training.runs.results_file import NEEDED
from crl.training.runs.settings import CHANGED, RESTORE
from crl.version import __version__


def half_written(folder: Path) -> Finding:
    """Stopped before it began."""
    return Finding(
        "has no config.yaml: the run was stopped before it began, and nothing was learned in it",
        f"remove it: crl runs rm {shlex.quote(str(folder))}",
    )


def no_config(folder: Path) -> Finding:
    """Results without settings."""
    return Finding(
        "has lost its config.yaml: its results are shown, its settings are not known",
        "copy config.yaml of a run with equal settings (see `crl runs list --json`, fingerprint) into "
        f"{shlex.quote(str(folder))}",
    )


def broken_config(path: Path, error: object) -> Finding:
    """Settings that can't be read."""
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Finding(f"config.yaml can't be read: {first}", f"fix or copy back {shlex.quote(str(path))}")


def changed_config(folder: Path) -> Finding:
    """Settings that the run was not made with."""
    return Finding(f"{CHANGED}: its results are shown, its settings are not", f"{RESTORE} ({_quoted(folder)})")


def unchecked_config() -> Finding:
    """Settings that nothing confirms."""
    return Finding(
        "has lost its fingerprint: nothing shows whether config.yaml is what it was made with",
        "nothing else needs the file; a copy of it may be put back",
        False,
    )


def odd_settings(folder: Path, wrong: Sequence[str]) -> Finding:
    """Facts that are no facts."""
    return Finding(
        f"its settings or log say odd things, which are not shown: {_several(wrong)}",
        f"look at config.yaml and metrics.jsonl in {_quoted(folder)}",
    )


def odd_results(folder: Path, wrong: Sequence[str]) -> Finding:
    """Results that are none."""
    return Finding(
        f"results.json holds what no run writes, which is left out: {_several(wrong)}",
        f"remove results.json and write it again: crl resume {_quoted(folder)}",
    )


def broken_results(folder: Path, error: object) -> Finding:
    """Results that can't be read."""
    return Finding(
        f"results.json is broken: {error}", f"write it again from the last checkpoint: crl resume {_quoted(folder)}"
    )


def of_files(
    folder: Path, status: str, results: Mapping[str, Any] | None, settings: Mapping[str, Any] | None
) -> list[Finding]:
    """All else: parts that are missing, versions, place, permissions."""
    return [
        *_of_results(folder, results),
        *_of_logs(folder, status),
        *_of_checkpoints(folder, status),
        *_of_version(results, settings),
        *_of_place(folder, status, results, settings),
    ]


def _of_results(folder: Path, results: Mapping[str, Any] | None) -> Iterator[Finding]:
    lacking = [name for name in NEEDED if name not in results] if results is not None else []
    if lacking:
        yield Finding(
            f"results.json lacks {', '.join(lacking)}: reports leave the run out",
            f"remove results.json and write it again: crl resume {_quoted(folder)}",
        )


def _of_logs(folder: Path, status: str) -> Iterator[Finding]:
    if os.path.isfile(folder / "metrics.jsonl"):  # noqa: PTH113 (unlike Path.is_file, it never raises)
        return
    if status in ("running", "unfinished"):
        yield Finding(
            "has no metrics.jsonl yet: its first episode has not ended", "nothing is to be done about it", False
        )
    else:
        yield Finding("has no metrics.jsonl: there are no learning curves", "copy the file back, or run it again")


def _of_checkpoints(folder: Path, status: str) -> Iterator[Finding]:
    store = folder / "checkpoints"
    try:
        found = checkpoint_folders(store)
    except OSError as error:
        yield Finding(f"checkpoints/ can't be read: {error.strerror}", f"make it readable: ls -ld {_quoted(store)}")
        return
    if not found:
        if status == "finished":
            yield Finding(
                "has no checkpoint: its results stand, but eval, replay and frozen can't play it",
                "copy checkpoints/ back, or run it again",
            )
        elif status == "unfinished":
            yield Finding(
                "has no checkpoint yet: resume starts it from the beginning", f"crl resume {_quoted(folder)}", False
            )
        return
    sound = [path for path in found if (fault := _checkpoint_fault(path)) is None]
    if not sound:
        yield Finding(f"no checkpoint is whole: {_checkpoint_fault(found[-1])}", "copy checkpoints/ back")
    elif sound[-1] != found[-1]:
        fault = _checkpoint_fault(found[-1])
        yield Finding(f"the newest checkpoint is not whole: {fault}", f"{sound[-1].name} is used instead", False)


def _checkpoint_fault(path: Path) -> str | None:
    """What is missing of a checkpoint, by names, sizes and version; checksums are left to who loads it."""
    try:
        manifest = read_manifest(path)
        if manifest["format"] > FORMAT:
            return (
                f"{path.name} has format {manifest['format']}, this crl reads up to {FORMAT}: "
                f"install crl {manifest.get('crl_version')}"
            )
        for name, record in manifest["files"].items():
            size = require_plain(path / name)
            if size != record["bytes"]:
                return f"{path.name}/{name} has {size} bytes of {record['bytes']}"
    except FileNotFoundError as error:
        return f"{path.name} lacks {Path(error.filename).name}"
    except OSError as error:
        return f"{path.name}/{Path(str(error.filename)).name} {error.strerror}"
    except ManifestError as error:
        return str(error)
    return None


def _of_version(results: Mapping[str, Any] | None, settings: Mapping[str, Any] | None) -> Iterator[Finding]:
    version = (results or {}).get("version")
    unknown = _unknown(settings or {})
    if unknown:
        by, hint = "another version of crl", "install the version that made it"
        if version and version != __version__:
            by, hint = f"crl {version}", f"to go on with it: pip install crl=={version}"
        elif version:
            by = f"commit {(results or {}).get('commit')} of crl {version}"
            hint = "to go on with it: use that commit, or take the setting out of config.yaml"
        yield Finding(
            f"was made by {by}: this one (crl {__version__}) does not know the setting {unknown[0]!r}; "
            "what was measured is shown, but resume, eval and replay refuse it",
            hint,
        )
    elif version and version != __version__:
        yield Finding(
            f"was made by crl {version}, this is crl {__version__}",
            f"its numbers stand; where equal code matters: pip install crl=={version}",
            False,
        )


def _unknown(settings: Mapping[str, Any]) -> list[str]:
    """Settings that this version does not know; free-form sections excepted."""
    from crl.config.asking.request import keys
    from crl.reporting.store.entry import flat

    if not settings:
        return []
    known = set(keys())
    free = ("continual.options", "agent.options")
    return [key for key in flat(settings) if key not in known and not key.startswith(free)]


def _of_place(
    folder: Path, status: str, results: Mapping[str, Any] | None, settings: Mapping[str, Any] | None
) -> Iterator[Finding]:
    said = (results or {}).get("run")
    if isinstance(said, str) and Path(said).name and not _same_place(Path(said), folder):
        hint = "nothing is lost: name it by its new place"
        yield Finding(f"was moved or copied from {said}", hint, False, alike="was moved or copied")
    agent = (settings or {}).get("agent")
    played = agent.get("run") if isinstance(agent, Mapping) and agent.get("name") == "frozen" else None
    if played and not os.path.isdir(str(played)):  # noqa: PTH112 (it never raises)
        yield Finding(
            f"plays the run {played}, which is not there", "move that run back; only eval and replay need it", False
        )
    if not os.access(folder, os.W_OK):
        wanted = "resume can't continue it" if status == "unfinished" else "videos need another place (replay --out)"
        yield Finding(
            f"is read-only: {wanted}", f"chmod -R u+w {_quoted(folder)}, or copy it", serious=status == "unfinished"
        )


def _same_place(one: Path, other: Path) -> bool:
    try:
        return one == other or one.resolve() == other.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return False


def _several(wrong: Sequence[str]) -> str:
    more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return "; ".join(wrong[:3]) + more


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
