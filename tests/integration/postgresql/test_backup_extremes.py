# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables and large objects at the ends of what there can be: no columns, the most columns, the largest values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import QueryError
from dbfleet.postgresql.contents import DataItem
from dbfleet.postgresql.data_out import unreadable
from dbfleet.postgresql.toc import SECTION_DATA, TocEntry
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    restorable,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump, restore
from tests.integration.postgresql.test_backup_memory import LIMIT, measure
from tests.servers.fixtures import Database, ServerPool


@pytest.fixture(params=["pg10", "pg18"])
def wide(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Database]:
    """An empty database on the oldest and the newest server."""
    server = server_pool.get(request.param)
    with new_database(server) as name:
        yield Database(server, name)


def test_tables_of_every_width(wide: Database, tmp_path: Path) -> None:
    """1,600 columns are the most that there can be; rows of no columns are rows all the same."""
    server = wide.server
    wide.execute(
        f"CREATE TABLE widest ({', '.join(f'c{n} smallint' for n in range(1600))})",
        "INSERT INTO widest DEFAULT VALUES",
        "INSERT INTO widest (c1599) VALUES (NULL)",
        "CREATE TABLE no_columns ()",
        "INSERT INTO no_columns SELECT FROM generate_series(1, 1000)",
        "CREATE TABLE lost_columns (a integer, b text)",
        "INSERT INTO lost_columns VALUES (1, 'x'), (2, 'y')",
        "ALTER TABLE lost_columns DROP COLUMN a, DROP COLUMN b",
        "CREATE TABLE no_rows (a integer)",
        "CREATE TABLE no_columns_no_rows ()",
        "CREATE UNLOGGED TABLE fast AS SELECT 1 AS a",
        "CREATE TABLE of_nothing (LIKE no_columns)",
    )
    with wide.connect() as other:
        other.execute("CREATE TEMPORARY TABLE gone_soon AS SELECT 1 AS a")
        archive, contents, progress = back_up(server, wide.name, tmp_path)
        theirs = pg_dump(server, wide.name, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
    assert restorable(script_of(archive), server) == restorable(script_of(theirs), server)
    assert progress.warnings == []
    assert {table.name: table.rows for table in contents.tables} == {
        "fast": 1, "lost_columns": 2, "no_columns": 1000, "no_columns_no_rows": 0, "no_rows": 0, "of_nothing": 0,
        "widest": 2,
    }  # fmt: skip
    for restored_by_us in (False, True):
        with new_database(server) as copy:
            if restored_by_us:
                restore(server, archive, copy)
            else:
                restore_genuinely(server, archive, copy)
            assert dumped(server, copy) == dumped(server, wide.name)
            assert server.execute("SELECT count(*) FROM no_columns", database=copy) == [(1000,)]


@pytest.mark.slow
def test_a_value_of_many_megabytes(pg_latest_database: Database, tmp_path: Path) -> None:
    """It takes twice that as text, and still no more memory than any other."""
    database = pg_latest_database
    database.execute(
        "CREATE TABLE huge (value bytea)",
        "ALTER TABLE huge ALTER value SET STORAGE EXTERNAL",
        "INSERT INTO huge SELECT convert_to(repeat(md5('x'), 60 << 15), 'UTF8')",
    )
    measured = measure(database.server, database.name, tmp_path, "gzip:1")
    assert measured["rows"] == 1
    assert measured["bytes"] > LIMIT
    assert measured["peak"] < LIMIT, f"{measured['peak'] / (1 << 20):.0f} MiB"
    with new_database(database.server) as copy:
        restore_genuinely(database.server, tmp_path / "out.dump", copy)
        digest = "SELECT count(*), sum(length(value)), md5(string_agg(md5(value), '')) FROM huge"
        assert database.server.execute(digest, database=copy) == database.execute(digest)


@pytest.mark.parametrize("options", [{}, {"format": "directory", "jobs": 2}, {"inserts": True}])
def test_a_value_that_the_server_cannot_send(
    pg_latest_database: Database, tmp_path: Path, options: dict[str, object]
) -> None:
    database = pg_latest_database
    database.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE TABLE small AS SELECT 1 AS one",
        "CREATE TABLE \"too Odd\" AS SELECT 'sad'::mood AS value", "SET allow_system_table_mods = on",
        "DELETE FROM pg_enum WHERE enumtypid = 'mood'::regtype AND enumlabel = 'sad'",
    )  # fmt: skip
    with pytest.raises(QueryError, match=r"table public\.too Odd cannot be read: invalid internal value") as caught:
        back_up(database.server, database.name, tmp_path, **options)
    assert caught.value.context["table"] == "public.too Odd"


def test_the_way_out_for_a_value_of_more_than_a_gigabyte() -> None:
    """The server says no more than that; making such a value takes most of a minute."""
    entry = TocEntry(1, True, 0, 0, "t", "TABLE DATA", SECTION_DATA)
    said = QueryError("invalid memory alloc request size 2097152003 [SQLSTATE XX000]", sqlstate="XX000")
    error = unreadable(DataItem(entry, 1, "public", "t", "COPY public.t TO stdout"), said)
    assert error.message.startswith("the rows of table public.t cannot be read: invalid memory alloc")
    assert "exclude_table_data" in error.hint
    assert error.context == {"sqlstate": "XX000", "table": "public.t"}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "number"), [("pg10", 7_000), ("pg18", 8_000)])
def test_many_large_objects_under_default_limits(
    server_pool: ServerPool, tmp_path: Path, name: str, number: int
) -> None:
    """More than one transaction has locks for: reading large objects must take none."""
    server = server_pool.get(name)
    with new_database(server) as database:
        locks = "current_setting('max_locks_per_transaction')::integer * current_setting('max_connections')::integer"
        assert server.execute(f"SELECT {locks}")[0][0] < number
        # In parts: making them does take locks.
        for start in range(0, number, 1000):
            server.execute(
                "SELECT count(lo_from_bytea(20000 + g, convert_to(repeat(g::text, 20), 'UTF8')))"
                f" FROM generate_series({start}, {start + 999}) g",
                database=database,
            )
        archive, contents, _progress = back_up(server, database, tmp_path)
        assert contents.objects["large object"] == number
        assert _large_objects(archive, contents.format) == number
        with new_database(server) as copy:
            restore(server, archive, copy)
            digest = "SELECT count(*), md5(string_agg(md5(data), '' ORDER BY loid, pageno)) FROM pg_largeobject"
            assert server.execute(digest, database=copy) == server.execute(digest, database=database)


def _large_objects(archive: Path, form: str) -> int:
    assert form == "custom"
    script = script_of(archive)
    return sum(line.startswith("SELECT pg_catalog.lo_open(") for line in script)
