"""The index of a folder of runs: ``index.sqlite``, a cache of :func:`~crl.reporting.store.survey.survey`.

It is made from the folders and may be deleted at any time. Every query first brings it up to date: folders that have
changed are looked at again, those that have gone are dropped. Several processes may do so at once: a transaction is
short and waits for the others. Where it can't be written (a read-only folder, a full disk, a file that is no
database), the same index is made in memory, and nothing is asked of the user.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.store.discover import discover, is_run
from crl.reporting.store.entry import COLUMNS, Entry
from crl.reporting.store.survey import stamp, survey

NAME = "index.sqlite"
VERSION = 1
"""Version of the tables (``PRAGMA user_version``); an index of another one is made anew."""
PATIENCE = 20.0
"""Seconds that a transaction waits for another process."""
ABOVE = 3
"""Levels above a run's own folder of runs at which an index that holds it, too, is looked for."""

_NAMES = ", ".join(f'"{name}"' for name in COLUMNS)  # quoted: one is a word of SQL
_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("seed", "visits", "steps", "size"), "INTEGER"),
    **dict.fromkeys(("success", "mean_return", "forgetting", "cpu_seconds", "wall_seconds"), "REAL"),
}


def entries(root: Path) -> list[Entry]:
    """All runs in a folder, by name, from its index, which is brought up to date.

    Raises:
        CrlError: There is no such folder.
    """
    if not root.is_dir():
        raise CrlError(f"there is no folder of runs {root}", "name one with --in DIR, or make a run: crl train")
    root = root.resolve()
    with _opened(root) as database:
        refresh(database, root)
        rows = database.execute("SELECT entry FROM runs ORDER BY name").fetchall()
    return [Entry.from_json(row[0]) for row in rows]


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
            _put(database, [], [folder.resolve().relative_to(root).as_posix()])


def rebuild(root: Path) -> list[Entry]:
    """Make the index anew."""
    with contextlib.suppress(OSError):
        (root / NAME).unlink(missing_ok=True)
    return entries(root)


def refresh(database: sqlite3.Connection, root: Path) -> None:
    """Bring an index up to date with the folders.

    Args:
        database: The index.
        root: The folder of runs, resolved.
    """
    known = dict(database.execute("SELECT name, stamp FROM runs").fetchall())
    states = dict(database.execute("SELECT name, status FROM runs").fetchall())
    changed, seen = [], set()
    for folder in discover(root):
        name = folder.relative_to(root).as_posix()
        seen.add(name)
        mark = stamp(folder)
        # Whether somebody trains in an unfinished run no file tells.
        if known.get(name) != mark or states.get(name) in ("running", "unfinished"):
            changed.append((mark, survey(folder, root)))
    gone = [name for name in known if name not in seen and not is_run(root / name)]
    if changed or gone:
        _put(database, changed, gone)


def _root(folder: Path) -> Path:
    """The folder whose index holds a run: the nearest that has one, else the run's own folder of runs."""
    parents = list(folder.resolve().parents)
    return next((parent for parent in parents[: 1 + ABOVE] if (parent / NAME).is_file()), parents[0])


def _put(database: sqlite3.Connection, found: list[tuple[str, Entry]], gone: list[str] | None = None) -> None:
    """One transaction with everything."""
    marks = ", ".join("?" for _ in range(len(COLUMNS) + 2))
    with database:
        for mark, entry in found:
            values = [getattr(entry, column) for column in COLUMNS]
            database.execute(
                f"INSERT OR REPLACE INTO runs ({_NAMES}, stamp, entry) VALUES ({marks})",
                [*values, mark, entry.to_json()],
            )
            database.execute("DELETE FROM settings WHERE name = ?", [entry.name])
            database.executemany(
                "INSERT OR REPLACE INTO settings VALUES (?, ?, ?)",
                [(entry.name, key, json.dumps(value, default=str)) for key, value in entry.settings.items()],
            )
            database.execute("DELETE FROM findings WHERE name = ?", [entry.name])
            database.executemany(
                "INSERT INTO findings VALUES (?, ?, ?, ?)",
                [(entry.name, int(item.serious), item.what, item.mend) for item in entry.findings],
            )
        for name in gone or ():
            for table in ("runs", "settings", "findings"):
                database.execute(f"DELETE FROM {table} WHERE name = ?", [name])


@contextlib.contextmanager
def _opened(root: Path) -> Iterator[sqlite3.Connection]:
    """The index of a folder, in its file if that can be written, else in memory."""
    database = _on_disk(root / NAME) if os.access(root, os.W_OK) else None
    if database is None:
        database = sqlite3.connect(":memory:")
        _make(database)
    try:
        yield database
    finally:
        database.close()


def _on_disk(path: Path) -> sqlite3.Connection | None:
    """The index in its file; one that is damaged or of another version is made anew. ``None`` if it can't be used."""
    for _ in range(2):
        database = None
        try:
            database = sqlite3.connect(path, timeout=PATIENCE)
            with database:  # a write, so that a read-only file is found out now
                database.execute("BEGIN IMMEDIATE")
                version = database.execute("PRAGMA user_version").fetchone()[0]
                if version != VERSION:
                    for table in ("runs", "settings", "findings"):
                        database.execute(f"DROP TABLE IF EXISTS {table}")
                    _make(database)
            database.execute("SELECT name, stamp, status, entry FROM runs LIMIT 1")
        except sqlite3.OperationalError:  # locked for too long, read-only, disk full: not the file's fault
            if database is not None:
                database.close()
            return None
        except sqlite3.DatabaseError:
            if database is not None:
                database.close()
            with contextlib.suppress(OSError):
                path.unlink()
        else:
            return database
    return None


def _make(database: sqlite3.Connection) -> None:
    columns = ", ".join(f'"{name}" {_KINDS.get(name, "TEXT")}' for name in COLUMNS if name != "name")
    for statement in (
        f"CREATE TABLE runs (name TEXT PRIMARY KEY, {columns}, stamp TEXT NOT NULL, entry TEXT NOT NULL)",
        "CREATE TABLE settings (name TEXT NOT NULL, key TEXT NOT NULL, value TEXT, PRIMARY KEY (name, key))",
        "CREATE TABLE findings (name TEXT NOT NULL, serious INTEGER NOT NULL, what TEXT, mend TEXT)",
        f"PRAGMA user_version = {VERSION}",
    ):
        database.execute(statement)
