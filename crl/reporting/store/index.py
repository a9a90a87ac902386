"""The index of a folder of runs: ``index.sqlite``, a cache of :func:`~crl.reporting.store.survey.survey`.

It is made from the folders and may be deleted at any time. Every query first brings it up to date: folders that have
changed are looked at again, those that have gone are dropped. Several processes may do so at once: a transaction is
short and waits for the others. Where it can't be written (a read-only folder, a full disk, a file that is no
database), the same index is made in memory, and nothing is asked of the user.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl.reading.plain import require_plain
from crl.reporting.store.discover import discover, is_run
from crl.reporting.store.entry import COLUMNS, REAL, WHOLE, Entry
from crl.reporting.store.survey import name_in, stamp, survey

NAME = "index.sqlite"
VERSION = 3
"""Version of the tables (``PRAGMA user_version``); an index of another one is made anew."""
ATTEMPTS = 3
"""How often an index that turns out to be useless is replaced by a new one, before it is made in memory."""
PATIENCE = 20.0
"""Seconds that a transaction waits for another process."""
ABOVE = 3
"""Levels above a run's own folder of runs at which an index that holds it, too, is looked for."""

_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)  # quoted: one is a word of SQL
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(WHOLE, "INTEGER"),
    **dict.fromkeys(REAL, "REAL"),
}


def entries(root: Path) -> list[Entry]:
    """All runs in a folder, by name, from its index, which is brought up to date.

    Raises:
        CrlError: There is no such folder.
    """
    if not root.is_dir():
        raise CrlError(f"there is no folder of runs {root}", "name one with --in DIR, or make a run: crl train")
    root = root.resolve()
    for _ in range(ATTEMPTS):
        try:
            with _opened(root) as database:
                return refresh(database, root)
        except sqlite3.OperationalError:  # deleted or replaced while it was in use: the next one is another file
            continue
        except sqlite3.DatabaseError:  # damaged in a place that opening it did not look at
            if not _remove(root / NAME):
                break
    with _in_memory() as database:
        return refresh(database, root)


def note(folder: Path) -> None:
    """Bring a run that has just ended into the index of its folder of runs; what goes wrong there stops nobody.

    An index further up that holds this folder of runs is updated instead of starting one here.
    """
    folder = folder.resolve()
    root = _root(folder)
    with contextlib.suppress(OSError, sqlite3.Error), _opened(root) as database:
        _put(database, [(stamp(folder), survey(folder, root))])


def forget(folder: Path) -> None:
    """Drop a run that has been removed."""
    root = _root(folder)
    if (root / NAME).is_file():
        with contextlib.suppress(OSError, sqlite3.Error), _opened(root) as database:
            _put(database, [], [name_in(folder.resolve(), root)])


def rebuild(root: Path) -> list[Entry]:
    """Make the index anew."""
    _remove(root / NAME)
    return entries(root)


def refresh(database: sqlite3.Connection, root: Path) -> list[Entry]:
    """Bring an index up to date with the folders, and give its entries by name.

    A row that is not what was written counts as none: each has a checksum, and its columns follow from its entry.

    Args:
        database: The index.
        root: The folder of runs, resolved.
    """
    known = {}
    rows = database.execute(f"SELECT {_NAMES}, stamp, entry, sum FROM runs").fetchall()
    for row in rows:
        entry = _entry_of(row)
        if entry is not None:
            known[entry.name] = (row[len(COLUMNS)], entry)
    found: dict[str, Entry] = {}
    changed = []
    for folder in discover(root):
        name, mark = name_in(folder, root), stamp(folder)
        before, entry = known.get(name, (None, None))
        # Whether somebody trains in an unfinished run no file tells.
        if entry is None or before != mark or entry.status in ("running", "unfinished"):
            entry = survey(folder, root)
            changed.append((mark, entry))
        found[name] = entry
    # A folder that is nearer than it is looked for now may have been noted by the run that ended in it.
    found |= {name: entry for name, (_, entry) in known.items() if name not in found and is_run(root / name)}
    gone = [row[0] for row in rows if row[0] not in found]
    if changed or gone:
        _put(database, changed, gone)
    return [found[name] for name in sorted(found)]


def _entry_of(row: Sequence[Any]) -> Entry | None:
    columns, (mark, line, checksum) = row[: len(COLUMNS)], row[len(COLUMNS) :]
    try:
        if checksum != _sum(mark, line):
            return None
        entry = Entry.from_json(line)
    except (ValueError, TypeError, AttributeError):
        return None
    return entry if list(columns) == [getattr(entry, column) for column in COLUMNS] else None


def _sum(mark: str, line: str) -> str:
    return hashlib.sha256(f"{mark}\n{line}".encode()).hexdigest()


def _root(folder: Path) -> Path:
    """The folder whose index holds a run: the nearest that has one, else the run's own folder of runs."""
    parents = list(folder.resolve().parents)
    return next((parent for parent in parents[: 1 + ABOVE] if (parent / NAME).is_file()), parents[0])


def _put(database: sqlite3.Connection, found: list[tuple[str, Entry]], gone: list[str] | None = None) -> None:
    """One transaction with everything."""
    marks = ", ".join("?" for _ in range(len(COLUMNS) + 3))
    with database:
        for mark, entry in found:
            values = [getattr(entry, column) for column in COLUMNS]
            line = entry.to_json()
            database.execute(
                f"INSERT OR REPLACE INTO runs ({_NAMES}, stamp, entry, sum) VALUES ({marks})",
                [*values, mark, line, _sum(mark, line)],
            )
            database.execute("DELETE FROM settings WHERE name = ?", [entry.name])
            database.executemany(
                "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
                [(entry.name, key, json.dumps(value, default=str)) for key, value in entry.settings.items()],
            )
            database.execute("DELETE FROM findings WHERE name = ?", [entry.name])
            database.executemany(
                "INSERT INTO findings VALUES (?, ?, ?, ?)",
                [(entry.name, int(item.serious), item.what, item.hint) for item in entry.findings],
            )
        for name in gone or ():
            for table in ("runs", "settings", "findings"):
                database.execute(f"DELETE FROM {table} WHERE name = ?", [name])


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[sqlite3.Connection]:
    """The index of a folder, in its file if that can be written, else in memory."""
    database = _on_disk(root / NAME) if os.access(root, os.W_OK) else None
    if database is None:
        with _in_memory() as made:
            yield made
        return
    try:
        yield database
    finally:
        database.close()


@contextlib.contextmanager
def _in_memory() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        _make(database)
        yield database


def _on_disk(path: Path) -> sqlite3.Connection | None:
    """The index in its file; one that is damaged or of another version is made anew. ``None`` if it can't be used."""
    for _ in range(ATTEMPTS):
        database = None
        try:
            with contextlib.suppress(FileNotFoundError):
                require_plain(path)
            database = sqlite3.connect(path, timeout=PATIENCE)
            with database:  # a write, so that a read-only file is found out now
                database.execute("BEGIN IMMEDIATE")
                ours = _prepare(database)
            if ours:
                return database
            database.close()
            return None
        except sqlite3.OperationalError:  # locked for too long, read-only, disk full: not the file's fault
            if database is not None:
                database.close()
            return None
        except (sqlite3.DatabaseError, OSError):
            if database is not None:
                database.close()
            if not _remove(path):
                return None
    return None


def _prepare(database: sqlite3.Connection) -> bool:
    """Make the tables where there are none; whether the database is an index, and not somebody else's.

    Raises:
        sqlite3.DatabaseError: It is damaged, or an index of another version.
    """
    made = database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY sql").fetchall()
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if not made and version == 0:
        _make(database)
    elif version != VERSION or [row[0] for row in made] != sorted(TABLES):
        if not any(str(row[0]).startswith(OURS) for row in made):
            return False
        raise sqlite3.DatabaseError("an index of another version")
    return True


def _remove(path: Path) -> bool:
    """Remove an index and what an interrupted transaction left of it; whether that was possible."""
    try:
        for each in (path, path.with_name(f"{path.name}-journal")):
            each.unlink(missing_ok=True)
    except OSError:  # a folder, for instance
        return False
    return True


OURS = "CREATE TABLE runs (name TEXT PRIMARY KEY"
"""How the first table of an index of any version begins."""


TABLES = (
    f"{OURS}, "
    + ", ".join(f'"{name}" {_KINDS.get(name, "TEXT")}' for name in COLUMNS if name != "name")
    + ", stamp TEXT NOT NULL, entry TEXT NOT NULL, sum TEXT NOT NULL)",
    "CREATE TABLE settings (name TEXT NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (name, key))",
    "CREATE TABLE findings (name TEXT NOT NULL, serious INTEGER NOT NULL, what TEXT, hint TEXT)",
)
"""What an index consists of; a file with anything else is none of ours."""


def _make(database: sqlite3.Connection) -> None:
    for statement in (*TABLES, f"PRAGMA user_version = {VERSION}"):
        database.execute(statement)
