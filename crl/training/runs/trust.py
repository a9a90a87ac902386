"""Whether code may be imported from the current folder because a run or a file names it.

A run names its environment, strategy, planner, agent, refiner and callbacks. Where such a name is
``module:attribute``, whoever plays the run imports the module, and the current folder is searched for it. In a folder
that came from somebody else, the module came along: to look at the run would be to execute its code. So commands that
are given a run or a file ask first, unless one of these holds for every module that is named:

* the module is found without the current folder: it is installed, built in, or in a folder of ``PYTHONPATH``;
* the run was made by this user on this machine: it holds a mark that only this user's key can make, for this run and
  these names. A run of a
  version that made no marks has none; its first event file tells host and time of its beginning, and the file system
  when its files came to be here, which an archive can't foresee;
* the user says so, with ``--trust``: the run then gets the mark.

Who uses the library imports what he likes: nothing is asked there.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import re
import secrets
import site
import socket
import sys
from collections.abc import Collection, Iterator, Mapping
from contextvars import ContextVar
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

from crl.config import Config
from crl.config.declared.compositions import own_code
from crl.config.limits import leaves
from crl.errors import CrlError
from crl.foreign.names import code_of, is_foreign, parts_of
from crl.plugins import is_path
from crl.reading.plain import read_bytes, read_text
from crl.training.files.durable import replace_file
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import read_settings

MARK = ".made_here"
"""File of a run that holds its mark."""
SLACK = 600.0
"""Seconds between the beginning of a run and its first event file."""
_EVENTS = re.compile(r"events\.out\.tfevents\.(\d{1,12})\.(.+)\.\d+\.\d+")
_KEY_BYTES = 32
_PLACE = ("run_dir", "name")
"""Settings that say where a run lies."""

_asking: ContextVar[bool | None] = ContextVar("asking", default=None)


class UntrustedCodeError(CrlError):
    """Somebody else's run or file would execute code from the current folder."""


@contextlib.contextmanager
def asking(trusted: bool) -> Iterator[None]:
    """Inside, :func:`require_trust` and :func:`require_trusted_modules` ask; outside they don't.

    Args:
        trusted: What the user said beforehand.
    """
    token = _asking.set(trusted)
    try:
        yield
    finally:
        _asking.reset(token)


def named_code(config: Config) -> tuple[str, ...]:
    """All that settings name as ``module:attribute``: sorted, each once.

    Every setting is looked through, options of plug-ins included: which of them are imported is known only to the code
    that reads them. Where a run lies is none of them, and changes when it is moved.
    """
    given = [value for key, value in leaves(config) if key not in _PLACE]
    named = {part for value in given for text in _texts(value) for part in parts_of(text) if is_path(part)}
    # A Gymnasium id imports nothing but what is installed, unless it names a module itself.
    imported = {code_of(text) if is_foreign(text) else text for text in named}
    own = own_code(dict(leaves(config))["continual.name"])  # which may be one among several names
    return tuple(sorted({text for text in imported if text is not None} | set(own)))


def require_trust(folder: Path, names: Collection[str]) -> None:
    """Ask before anything that a run names is imported.

    Args:
        folder: The run's folder.
        names: What it names, as :func:`named_code` gives it.

    Raises:
        UntrustedCodeError: Something would be imported from the current folder, the run comes from elsewhere, and
            nobody said that it may be trusted.
    """
    places = [] if _asking.get() is None else _all_here(names)
    if not places or made_here(folder, names):
        return
    if _asking.get():
        mark_as_own(folder, names)
        return
    raise UntrustedCodeError(
        f"{folder} was not made by you on this machine, and to play it would execute {_listed(places)}", _look(places)
    )


def require_trusted_run(path: Path) -> None:
    """Ask before a run is played, and before the run that it plays itself (``agent=frozen``).

    Raises:
        UntrustedCodeError: See :func:`require_trust`.
        CrlError: The folder is no run, or its settings can't be read.
    """
    seen: set[Path] = set()
    following: Path | None = path
    while following is not None and following.resolve() not in seen:
        seen.add(following.resolve())
        folder = RunFolder.open(following)
        config, _ = read_settings(folder)
        require_trust(folder.path, named_code(config))
        following = Path(config.agent.run) if config.agent.run else None


def require_trusted_modules(source: Path, names: Collection[str]) -> None:
    """Ask before modules that a file names are imported.

    Args:
        source: The file.
        names: What it names, such as ``module:Environment-v0``.

    Raises:
        UntrustedCodeError: One would be imported from the current folder, and nobody said that it may be trusted.
    """
    for name in () if _asking.get() in (None, True) else names:
        if (place := code_here(name)) is not None:
            raise UntrustedCodeError(f"{source} names {name}, and to read it would execute {place}", _look([place]))


def code_here(name: str) -> Path | None:
    """The file in the current folder that ``module:attribute`` would execute; ``None`` if it is found elsewhere."""
    module, colon, _ = name.partition(":")
    top = module.partition(".")[0]
    if not colon or not top or top in sys.modules:  # whose code has been executed already
        return None
    for finder in sys.meta_path:  # built in, frozen, and packages that are installed to be edited
        if finder is not PathFinder and _found(finder, top) is not None:
            return None
    found = PathFinder.find_spec(top, [entry or os.curdir for entry in sys.path])
    here = Path.cwd().resolve()
    for place in _places(found):
        if place.parent.resolve() == here and here not in _own_folders():
            return place
    return None


def made_here(folder: Path, names: Collection[str]) -> bool:
    """Whether a run was made by this user on this machine, or marked as trusted.

    Args:
        folder: The run's folder.
        names: All that it names as ``module:attribute``; a mark holds for these together.
    """
    key = _key(make=False)
    try:
        if key is not None and hmac.compare_digest(read_text(folder / MARK, 200).strip(), _signed(key, folder, names)):
            return True
    except (OSError, UnicodeDecodeError):
        pass
    return not (folder / MARK).exists() and _began_here(folder)


def mark_as_own(folder: Path, names: Collection[str]) -> None:
    """Mark a run as this user's, on this machine. Where no key or no mark can be written, there is none.

    Args:
        folder: The run's folder.
        names: All that it names as ``module:attribute``; a run that names nothing needs no mark.
    """
    key = _key(make=True) if names else None
    if key is not None:
        with contextlib.suppress(OSError):
            replace_file(folder / MARK, f"{_signed(key, folder, names)}\n".encode())


def _texts(value: Any) -> Iterator[str]:
    """Texts in a setting's value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)


def _all_here(names: Collection[str]) -> list[Path]:
    """Files in the current folder that the names would execute, each once."""
    return list(dict.fromkeys(place for name in names if (place := code_here(name)) is not None))


def _listed(places: Collection[Path]) -> str:
    return ", ".join(str(place) for place in places)


def _look(places: Collection[Path]) -> str:
    what = "that file" if len(places) == 1 else "these files"
    return f"look into {what}; if you trust {'it' if len(places) == 1 else 'them'}, add --trust"


def _signed(key: bytes, folder: Path, names: Collection[str]) -> str:
    try:
        said = read_text(folder / "fingerprint", 1000).strip()
    except (OSError, UnicodeDecodeError):
        said = ""
    whole = "\n".join(("run", said, *sorted(set(names))))
    return hmac.new(key, whole.encode(errors="backslashreplace"), hashlib.sha256).hexdigest()


def _key(make: bool) -> bytes | None:
    """This user's key on this machine, in the folder for what programs remember (``XDG_STATE_HOME``)."""
    try:
        path = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "crl" / "key"
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(_KEY_BYTES))
        found = read_bytes(path, _KEY_BYTES)
    except (OSError, RuntimeError):  # no home, or one that can't be written
        return None
    return found if len(found) == _KEY_BYTES else None


def _began_here(folder: Path) -> bool:
    """Whether a run without a mark began on this machine when its files came to be here."""
    began = []
    try:
        for path in folder.glob("events.out.tfevents.*"):
            if (found := _EVENTS.fullmatch(path.name)) is not None:
                began.append((int(found[1]), found[2]))
        came = (folder / "fingerprint").stat().st_ctime  # unlike the time of a change, nobody can set it
    except OSError:
        return False
    if not began:
        return False
    moment, host = min(began)
    return host == socket.gethostname() and 0 <= moment - came + 60 <= SLACK + 60


def _own_folders() -> set[Path]:
    """Folders that the user put on the path: by ``PYTHONPATH``, or by a file of an installed package."""
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    with contextlib.suppress(OSError, UnicodeDecodeError, AttributeError):
        for packages in (*site.getsitepackages(), site.getusersitepackages()):
            for path in sorted(Path(packages).glob("*.pth")):
                named += [line.strip() for line in path.read_text().splitlines() if line.startswith(("/", "."))]
    return {Path(entry).resolve() for entry in named}


def _found(finder: object, name: str) -> ModuleSpec | None:
    find = getattr(finder, "find_spec", None)
    try:
        return find(name, None) if find is not None else None
    except Exception:  # a finder of somebody else's
        return None


def _places(spec: ModuleSpec | None) -> list[Path]:
    """What an import would execute: a module's file, or a package's folder."""
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place) for place in spec.submodule_search_locations]
    return [Path(spec.origin)] if spec.origin else []
