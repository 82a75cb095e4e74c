# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The moment of a backup where it is not the next one: a snapshot that was given, one that is to be waited for."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError, NotFoundError, UsageError
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions
from tests.integration.postgresql.backup_support import back_up, restore_genuinely
from tests.integration.postgresql.restore_support import connection_options, new_database
from tests.servers.fixtures import Database


def _rows(contents: object) -> dict[str, int]:
    return {table.name: table.rows for table in contents.tables}  # type: ignore[attr-defined]


@pytest.mark.parametrize("options", [{}, {"format": "directory", "jobs": 2}])
def test_a_given_snapshot_is_what_is_backed_up(
    pg_database: Database, tmp_path: Path, options: dict[str, object]
) -> None:
    server = pg_database.server
    pg_database.execute(
        "CREATE TABLE t (x integer)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (y integer)",
        "CREATE TABLE part (a integer) PARTITION BY LIST (a)",
        "CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1)",
    )  # fmt: skip
    with pg_database.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        name = other.execute("SELECT pg_export_snapshot()").fetchone()[0]
        pg_database.execute("INSERT INTO t VALUES (2)", "INSERT INTO part VALUES (1)", "CREATE TABLE later (z integer)")
        archive, contents, _progress = back_up(server, pg_database.name, tmp_path, snapshot=name, **options)
    assert _rows(contents) == {"t": 1, "u": 0, "part_1": 0}
    # The moment is that of the other session, so this one's position in the log says nothing of it.
    assert "lsn" not in contents.snapshot
    with new_database(server) as copy:
        restore_genuinely(server, archive, copy)


@pytest.mark.parametrize(
    "change", ["TRUNCATE t", "ALTER TABLE t ALTER COLUMN x TYPE bigint", "DROP TABLE t", "ALTER TABLE t RENAME TO v"]
)
def test_a_table_that_changed_since_a_given_snapshot_is_named(
    pg_latest_database: Database, tmp_path: Path, change: str
) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE t (x integer)", "INSERT INTO t VALUES (1)", "CREATE TABLE u (y integer)")
    with database.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        name = other.execute("SELECT pg_export_snapshot()").fetchone()[0]
        database.execute(change)
        with pytest.raises(ConsistencyError, match=r"public\.t\b") as caught:
            back_up(database.server, database.name, tmp_path, snapshot=name)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["00000003-0000001B-1", "it's none"])
def test_a_snapshot_that_is_not_there(pg_latest_database: Database, tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no snapshot") as caught:
        back_up(pg_latest_database.server, pg_latest_database.name, tmp_path, snapshot=name)
    assert "still open" in caught.value.hint


def test_the_snapshot_of_another_database(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    with database.server.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        name = other.execute("SELECT pg_export_snapshot()").fetchone()[0]
        with pytest.raises(NotFoundError, match="different database"):
            back_up(database.server, database.name, tmp_path, snapshot=name)


def test_two_ways_to_choose_the_moment_exclude_each_other(pg_latest_database: Database) -> None:
    connection = connection_options(pg_latest_database.server)
    with pytest.raises(UsageError, match="snapshot and serializable_deferrable"):
        PostgresqlBackupSource(BackupOptions(connection, "x", snapshot="y", serializable_deferrable=True))


def test_a_serializable_backup_waits_until_nothing_can_contradict_it(
    pg_latest_database: Database, tmp_path: Path
) -> None:
    """A serializable transaction that has written and is not over might have to come before what the backup shows."""
    pg_latest_database.execute("CREATE TABLE t (x integer)", "CREATE TABLE u (y integer)")
    with pg_latest_database.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        other.execute("SELECT count(*) FROM t")
        other.execute("INSERT INTO u VALUES (1)")
        before = time.monotonic()
        commit = threading.Timer(1, other.commit)
        commit.start()
        _archive, contents, _progress = back_up(
            pg_latest_database.server,
            pg_latest_database.name,
            tmp_path,
            serializable_deferrable=True,
            format="directory",
            jobs=2,
        )
        commit.join()
    assert time.monotonic() - before >= 1
    assert set(_rows(contents)) == {"t", "u"}


def test_a_table_rewritten_while_a_serializable_backup_waits(pg_latest_database: Database, tmp_path: Path) -> None:
    """The first snapshot would show it empty: the wait begins again."""
    database = pg_latest_database
    database.execute("CREATE TABLE t (x integer)", "INSERT INTO t SELECT generate_series(1, 100)", "CREATE TABLE u ()")

    def rewrite() -> None:
        with database.connect() as third:
            third.execute("ALTER TABLE t ALTER COLUMN x TYPE bigint")

    with database.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        other.execute("SELECT count(*) FROM u")
        other.execute("CREATE TEMPORARY TABLE written (x integer)")
        timers = threading.Timer(0.3, rewrite), threading.Timer(0.8, other.commit)
        for timer in timers:
            timer.start()
        _archive, contents, _progress = back_up(database.server, database.name, tmp_path, serializable_deferrable=True)
        for timer in timers:
            timer.join()
    assert _rows(contents) == {"t": 100, "u": 0}
