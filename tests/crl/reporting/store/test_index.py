"""The index: a cache that may be deleted, damaged or shared, and never says anything but what the folders say."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.reporting.store import index
from crl.reporting.store.survey import stamp
from tests.crl.reporting.folders import leave


def make(root: Path, count: int = 3) -> Path:
    for seed in range(count):
        leave(root, "hypercrl", seed)
    return root


def names(root: Path) -> list[str]:
    return [entry.name for entry in index.entries(root)]


def test_it_follows_the_folders(tmp_path: Path) -> None:
    make(tmp_path)
    assert names(tmp_path) == ["hypercrl_s0", "hypercrl_s1", "hypercrl_s2"]
    assert (tmp_path / index.NAME).is_file()
    shutil.rmtree(tmp_path / "hypercrl_s1")
    leave(tmp_path / "sweep", "ewc", 0)
    assert names(tmp_path) == ["hypercrl_s0", "hypercrl_s2", "sweep/ewc_s0"]
    (tmp_path / "hypercrl_s0" / "results.json").unlink()
    assert [entry.status for entry in index.entries(tmp_path)] == ["unfinished", "finished", "finished"]


def test_a_change_is_seen_and_nothing_else_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    before = index.entries(tmp_path)
    looked: list[str] = []
    real = index.survey
    monkeypatch.setattr(index, "survey", lambda folder, root: looked.append(folder.name) or real(folder, root))
    assert index.entries(tmp_path) == before
    assert looked == []
    (tmp_path / "hypercrl_s1" / "metrics.jsonl").unlink()
    assert index.entries(tmp_path) != before
    assert looked == ["hypercrl_s1"]


def test_a_checkpoint_that_goes_changes_the_stamp(tmp_path: Path) -> None:
    folder = leave(tmp_path, "hypercrl", 0)
    inside = folder / "checkpoints" / "step_000000001"
    inside.mkdir(parents=True)
    (inside / "state.json").write_text("{}")
    before = stamp(folder)
    (inside / "state.json").unlink()
    assert stamp(folder) != before


@pytest.mark.parametrize("damage", [b"no database at all, and longer than a header" * 100, b""])
def test_a_damaged_or_deleted_index_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    make(tmp_path)
    expected = index.entries(tmp_path)
    (tmp_path / index.NAME).write_bytes(damage)
    assert index.entries(tmp_path) == expected
    assert sqlite3.connect(tmp_path / index.NAME).execute("SELECT count(*) FROM runs").fetchone() == (3,)
    assert index.rebuild(tmp_path) == expected


def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    make(tmp_path)
    with sqlite3.connect(tmp_path / index.NAME) as database:
        database.execute("CREATE TABLE runs (name TEXT PRIMARY KEY, something TEXT)")
        database.execute("PRAGMA user_version = 999")
    assert len(index.entries(tmp_path)) == 3
    assert sqlite3.connect(tmp_path / index.NAME).execute("PRAGMA user_version").fetchone() == (index.VERSION,)


def test_somebody_elses_database_stays_as_it_is(tmp_path: Path) -> None:
    make(tmp_path)
    with sqlite3.connect(tmp_path / index.NAME) as database:
        database.execute("CREATE TABLE accounts (name TEXT)")
    before = (tmp_path / index.NAME).read_bytes()
    assert len(index.entries(tmp_path)) == 3
    assert (tmp_path / index.NAME).read_bytes() == before


def test_an_index_with_a_view_that_never_ends_is_not_asked(tmp_path: Path) -> None:
    make(tmp_path)
    index.entries(tmp_path)
    with sqlite3.connect(tmp_path / index.NAME) as database:
        database.execute("ALTER TABLE runs RENAME TO kept")
        database.execute(
            "CREATE VIEW runs AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x FROM n) SELECT x FROM n"
        )
    assert len(index.entries(tmp_path)) == 3


def test_odd_things_in_the_place_of_the_index(tmp_path: Path) -> None:
    make(tmp_path)
    os.mkfifo(tmp_path / index.NAME)
    assert len(index.entries(tmp_path)) == 3
    (tmp_path / index.NAME).unlink(missing_ok=True)
    (tmp_path / index.NAME).mkdir()
    assert len(index.entries(tmp_path)) == 3


def test_no_flipped_byte_changes_what_is_listed(tmp_path: Path) -> None:
    """Bytes inside a row that no check of SQLite's covers, and those of the file's structure."""
    make(tmp_path, 2)
    expected = index.entries(tmp_path)
    file = tmp_path / index.NAME
    data = file.read_bytes()
    row = data.index(b'{"name":"hypercrl_s1"')
    places = [*range(row, row + 1500, 37), data.index(b'seed":1') + 6, *range(0, len(data), len(data) // 60)]
    for place in places:
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        assert index.entries(tmp_path) == expected, place
        assert index.entries(tmp_path) == expected, place


def test_a_column_that_was_changed_is_written_again(tmp_path: Path) -> None:
    make(tmp_path)
    expected = index.entries(tmp_path)
    with sqlite3.connect(tmp_path / index.NAME) as database:
        database.execute("UPDATE runs SET success = 0.125, stamp = stamp || 'x' WHERE name = 'hypercrl_s0'")
        database.execute("UPDATE runs SET status = 'running' WHERE name = 'hypercrl_s1'")
    assert index.entries(tmp_path) == expected
    with sqlite3.connect(tmp_path / index.NAME) as database:
        assert database.execute("SELECT count(*) FROM runs WHERE success = 0.125 OR status = 'running'").fetchone() == (
            0,
        )


def test_an_index_that_is_deleted_while_it_is_used_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path)
    expected = index.entries(tmp_path)
    (tmp_path / "hypercrl_s0" / "metrics.jsonl").unlink()  # so that there is something to write
    real, deleted = index.discover, []

    def deleting(root: Path) -> list[Path]:
        if not deleted:
            deleted.append((tmp_path / index.NAME).unlink())
        return real(root)

    monkeypatch.setattr(index, "discover", deleting)
    assert [entry.name for entry in index.entries(tmp_path)] == [entry.name for entry in expected]
    assert deleted and (tmp_path / index.NAME).is_file()


def test_a_folder_that_cant_be_written_is_listed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    monkeypatch.setattr(index.os, "access", lambda path, mode: mode != os.W_OK)
    assert len(index.entries(tmp_path)) == 3
    assert not (tmp_path / index.NAME).exists()


def test_an_index_in_use_for_too_long_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path)
    index.entries(tmp_path)
    monkeypatch.setattr(index, "PATIENCE", 0.01)
    with sqlite3.connect(tmp_path / index.NAME, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert len(index.entries(tmp_path)) == 3
        index.note(tmp_path / "hypercrl_s0")
        other.execute("ROLLBACK")


def test_a_run_that_ends_is_noted_where_an_index_holds_it(tmp_path: Path) -> None:
    index.note(leave(tmp_path, "hypercrl", 0))
    assert sqlite3.connect(tmp_path / index.NAME).execute("SELECT name, status FROM runs").fetchall() == [
        ("hypercrl_s0", "finished")
    ]
    folder = leave(tmp_path / "sweep", "ewc", 0)
    index.note(folder)
    assert not (tmp_path / "sweep" / index.NAME).exists(), "the index above holds it"
    found = sqlite3.connect(tmp_path / index.NAME).execute("SELECT name FROM runs ORDER BY name").fetchall()
    assert found == [("hypercrl_s0",), ("sweep/ewc_s0",)]
    shutil.rmtree(folder)
    index.forget(folder)
    assert sqlite3.connect(tmp_path / index.NAME).execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_settings_and_findings_can_be_queried_with_sql(tmp_path: Path) -> None:
    make(tmp_path)
    index.entries(tmp_path)
    database = sqlite3.connect(tmp_path / index.NAME)
    query = "SELECT runs.name FROM runs JOIN settings USING (name) WHERE key = 'seed' AND value = '2'"
    assert database.execute(query).fetchall() == [("hypercrl_s2",)]
    assert database.execute("SELECT count(*) FROM findings WHERE serious").fetchone()[0] >= 3, "no checkpoints"


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    make(tmp_path, 6)
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_work, args=(tmp_path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert len(names(tmp_path)) == 6 + 3
    check = sqlite3.connect(tmp_path / index.NAME)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert check.execute("SELECT count(*) FROM runs").fetchone() == (9,)


def _work(root: Path, number: int) -> None:
    for _ in range(5):
        assert len(index.entries(root)) >= 6
    index.note(leave(root, "ewc", number))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match="there is no folder of runs"):
        index.entries(tmp_path / "nowhere")
