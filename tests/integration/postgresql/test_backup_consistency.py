# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups while others write and alter: one moment for everything, or a clear error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError
from dbfleet.progress import Progress, ProgressState
from tests.integration.postgresql.backup_support import Folder, back_up, dumped, restore_genuinely, source
from tests.integration.postgresql.restore_support import new_database
from tests.servers.fixtures import Database


@contextmanager
def beside(work: Callable[[Callable[[], bool]], None]) -> Iterator[None]:
    """Run ``work`` in a thread until the block ends; its failure is the test's."""
    stop = threading.Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work(stop.is_set)
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    if failures:
        raise failures[0]


def test_no_orphans_while_others_write(pg_database: Database, tmp_path: Path) -> None:
    """Writers add parents with their children, in either order of the tables' names, all the time."""
    pg_database.execute(
        "CREATE TABLE z_parent (id integer PRIMARY KEY, filler text DEFAULT repeat('x', 300))",
        "CREATE TABLE a_child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES z_parent)",
        "INSERT INTO z_parent SELECT g FROM generate_series(1, 20000) g",
        "INSERT INTO a_child SELECT g, g FROM generate_series(1, 20000) g",
    )

    def write(stopped: Callable[[], bool]) -> None:
        with pg_database.connect(autocommit=False) as connection:
            number = 20000
            while not stopped():
                number += 1
                connection.execute("INSERT INTO z_parent (id) VALUES (%s)", (number,))
                connection.execute("INSERT INTO a_child VALUES (%s, %s)", (number, number))
                connection.execute("DELETE FROM a_child WHERE id = %s", (number - 20000,))
                connection.execute("DELETE FROM z_parent WHERE id = %s", (number - 20000,))
                connection.commit()

    with beside(write):
        time.sleep(0.1)
        archive, contents, _progress = back_up(pg_database.server, pg_database.name, tmp_path, compression="none")
    rows = {table.name: table.rows for table in contents.tables}
    assert rows == {"a_child": 20000, "z_parent": 20000}
    with new_database(pg_database.server) as copy:
        # The foreign key is made after the data, so it proves that there is no orphan.
        restore_genuinely(pg_database.server, archive, copy)


def test_what_comes_after_the_snapshot_is_not_in_the_backup(pg_database: Database, tmp_path: Path) -> None:
    pg_database.execute("CREATE TABLE t (id serial, x integer)", "INSERT INTO t (x) VALUES (1)")
    with source(pg_database.server, pg_database.name) as opened:
        opened.plan()
        pg_database.execute(
            "INSERT INTO t (x) VALUES (2)", "CREATE TABLE later (y integer)", "INSERT INTO later VALUES (1)",
            "CREATE VIEW later_view AS SELECT 1 AS one", "COMMENT ON TABLE t IS 'later'",
        )  # fmt: skip
        contents = opened.write(Folder(tmp_path), Progress())
    assert [(table.name, table.rows) for table in contents.tables] == [("t", 1)]
    with new_database(pg_database.server) as copy:
        restore_genuinely(pg_database.server, tmp_path / contents.artifact, copy)
        text = "\n".join(dumped(pg_database.server, copy))
        assert "later" not in text


def test_the_tables_are_locked_against_alterations(pg_database: Database, tmp_path: Path) -> None:
    """From the plan to the end: DROP, ALTER and TRUNCATE wait."""
    pg_database.execute("CREATE TABLE t (x integer)", "INSERT INTO t VALUES (1)")
    with source(pg_database.server, pg_database.name) as opened:
        opened.plan()
        for statement in ("DROP TABLE t", "ALTER TABLE t ADD COLUMN y integer", "TRUNCATE t"):
            with pg_database.connect() as other:
                other.execute("SET lock_timeout = 100")
                with pytest.raises(Exception, match="lock timeout"):
                    other.execute(statement)
        contents = opened.write(Folder(tmp_path), Progress())
    assert [(table.name, table.rows) for table in contents.tables] == [("t", 1)]
    pg_database.execute("DROP TABLE t")


def test_a_rewrite_that_commits_while_the_locks_are_awaited(pg_database: Database, tmp_path: Path) -> None:
    """A snapshot older than the rewrite would see an empty table; ours is taken when the locks are held."""
    pg_database.execute(
        "CREATE TABLE t (x integer)",
        "INSERT INTO t SELECT g FROM generate_series(1, 1000) g",
        "CREATE TABLE u (y integer)",
    )
    with pg_database.connect(autocommit=False) as other:
        other.execute("ALTER TABLE t ALTER COLUMN x TYPE bigint")
        other.execute("TRUNCATE u")
        other.execute("INSERT INTO u VALUES (1)")
        commit = threading.Timer(0.5, other.commit)
        commit.start()
        archive, contents, _progress = back_up(pg_database.server, pg_database.name, tmp_path)
        commit.join()
    assert [(table.name, table.rows) for table in contents.tables] == [("t", 1000), ("u", 1)]
    with new_database(pg_database.server) as copy:
        restore_genuinely(pg_database.server, archive, copy)
        assert dumped(pg_database.server, copy) == dumped(pg_database.server, pg_database.name)


def test_a_table_dropped_and_another_made_while_the_locks_are_awaited(pg_database: Database, tmp_path: Path) -> None:
    pg_database.execute("CREATE TABLE t (x integer)", "CREATE TABLE gone (x integer)")
    with pg_database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        other.execute("DROP TABLE gone")
        other.execute("CREATE TABLE made AS SELECT 1 AS one")
        commit = threading.Timer(0.5, other.commit)
        commit.start()
        _archive, contents, _progress = back_up(pg_database.server, pg_database.name, tmp_path)
        commit.join()
    assert [(table.name, table.rows) for table in contents.tables] == [("made", 1), ("t", 0)]


def test_alterations_all_the_time_give_a_clear_error_or_a_whole_backup(pg_database: Database, tmp_path: Path) -> None:
    pg_database.execute("CREATE TABLE steady (x integer)", "INSERT INTO steady VALUES (1)")

    def alter(stopped: Callable[[], bool]) -> None:
        with pg_database.connect() as connection:
            number = 0
            while not stopped():
                number += 1
                for statement in (
                    f"CREATE TABLE comes_{number} AS SELECT 1 AS one",
                    f"CREATE INDEX ON comes_{number} (one)",
                    f"CREATE VIEW view_{number} AS SELECT * FROM comes_{number}",
                    f"CREATE FUNCTION f_{number}() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
                    f"CREATE SEQUENCE seq_{number}",
                    f"DROP TABLE comes_{number} CASCADE",
                    f"DROP FUNCTION f_{number}()",
                    f"DROP SEQUENCE seq_{number}",
                ):
                    connection.execute(statement)

    outcomes: list[Any] = []
    with beside(alter):
        for number in range(4):
            folder = tmp_path / str(number)
            folder.mkdir()
            try:
                archive, _contents, _progress = back_up(pg_database.server, pg_database.name, folder)
                outcomes.append(archive)
            except ConsistencyError:
                outcomes.append(None)
    for archive in filter(None, outcomes):
        with new_database(pg_database.server) as copy:
            restore_genuinely(pg_database.server, archive, copy)


def test_progress_is_told_as_it_goes(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE many AS SELECT g, md5(g::text) AS t FROM generate_series(1, 100000) g")
    states: list[ProgressState] = []

    class Recorder:
        def update(self, state: ProgressState) -> None:
            states.append(state)

        def message(self, text: str) -> None: ...

        def finish(self) -> None: ...

    with source(database.server, database.name) as opened:
        opened.plan()
        opened.write(Folder(tmp_path), Progress(Recorder()))
    assert states[-1].done_rows == 100000
    assert states[-1].item == "public.many"
    assert 0.5 < states[-1].total_bytes / states[-1].done_bytes < 3
    assert len(states) > 20
