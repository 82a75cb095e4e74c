# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores by several processes: the same database as by one, and exact reports when something fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import RestoreError
from dbfleet.postgresql.options import ConnectionOptions, RestoreOptions
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest
from dbfleet.restore import restore as job
from tests import servers
from tests.integration.postgresql.backup_support import back_up
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    assert_equal_databases,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    transcribe,
)
from tests.servers.fixtures import ServerPool

CIRCLE = """
CREATE TABLE hen (id integer PRIMARY KEY, egg integer);
CREATE TABLE egg (id integer PRIMARY KEY, hen integer REFERENCES hen);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE;
INSERT INTO hen SELECT i, NULL FROM generate_series(1, 500) i;
INSERT INTO egg SELECT i, i FROM generate_series(1, 500) i;
UPDATE hen SET egg = id;
CREATE TABLE many (a integer, b integer, c integer, d text);
INSERT INTO many SELECT i, i % 7, -i, 'text ' || i FROM generate_series(1, 5000) i;
CREATE INDEX ON many (a);
CREATE INDEX ON many (b);
CREATE INDEX ON many (c, b);
CREATE INDEX ON many (lower(d));
ALTER TABLE many ADD CONSTRAINT positive CHECK (a > 0), ADD UNIQUE (c), ADD FOREIGN KEY (b) REFERENCES few NOT VALID;
COMMENT ON CONSTRAINT positive ON many IS 'a positive one';
COMMENT ON INDEX many_a_idx IS 'an index';
CREATE MATERIALIZED VIEW first AS SELECT b, count(*) AS n FROM many GROUP BY b;
CREATE MATERIALIZED VIEW second AS SELECT sum(n) AS n FROM first;
CREATE INDEX ON second (n);
"""


@pytest.fixture
def filled(pg_server: servers.Server) -> Iterator[str]:
    with new_database(pg_server) as name:
        fill(pg_server, name, SAMPLE)
        fill(pg_server, name, "CREATE TABLE few (id integer PRIMARY KEY); INSERT INTO few SELECT generate_series(0, 6)")
        fill(pg_server, name, CIRCLE)
        yield name


def test_two_processes_restore_what_one_does(pg_server: servers.Server, filled: str, tmp_path: Path) -> None:
    archive = pg_dump(pg_server, filled, tmp_path / "genuine.dump")
    with new_database(pg_server, create=False) as name:
        _plan, contents = restore(pg_server, archive, name, create=True, jobs=2)
        assert_equal_databases(pg_server, filled, name)
    rows = {(table.schema, table.name): table.rows for table in contents.tables}
    assert rows["public", "many"] == 5000
    assert rows["shop", "empty"] == 0


@pytest.mark.parametrize("form", ["directory", "tar", "custom"])
def test_every_format_of_ours_into_an_existing_database(pg_latest: servers.Server, tmp_path: Path, form: str) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SAMPLE)
        archive, _contents, _progress = back_up(pg_latest, source, tmp_path, format=form)
        restore(pg_latest, archive, name, jobs=4)
        assert_equal_databases(pg_latest, source, name)


def test_an_archive_written_into_a_pipe_has_no_offsets_and_is_restored_all_the_same(
    pg_latest: servers.Server, tmp_path: Path
) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SAMPLE)
        archive, _contents, _progress = back_up(pg_latest, source, tmp_path, can_patch=False)
        restore(pg_latest, archive, name, jobs=3)
        assert_equal_databases(pg_latest, source, name)


def test_a_failure_stops_all_and_names_the_item(pg_server: servers.Server, tmp_path: Path) -> None:
    """What is done, failed and not begun adds up, and is what the target holds."""
    with new_database(pg_server) as source, new_database(pg_server) as name:
        fill(pg_server, source, "CREATE TABLE good (a int); CREATE TABLE bad (a int); CREATE TABLE large (a int)")
        fill(pg_server, source, "INSERT INTO large SELECT generate_series(1, 300000); CREATE INDEX ON large (a)")
        fill(pg_server, source, "INSERT INTO bad VALUES (1), (2)")
        genuine = pg_dump(pg_server, source, tmp_path / "genuine.dump")
        archive = transcribe(genuine, tmp_path / "bad.dump", rows={"bad": b"1\nnone\n"})
        with pytest.raises(RestoreError, match="TABLE DATA public.bad failed, line 2, column a") as caught:
            restore(pg_server, archive, name, jobs=2)
        context = caught.value.context
        assert context["failed"] == ["TABLE DATA public.bad"]
        assert "TABLE public.bad" in context["done"]
        assert "INDEX public.large_a_idx" in context["not_begun"] + context.get("broken_off", [])
        items = context["done"] + context["failed"] + context["not_begun"] + context.get("broken_off", [])
        assert len(items) == len(set(items))
        with pg_server.connect(name) as connection:
            loaded = connection.execute("SELECT count(*) FROM large").fetchone()
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbfleet%%' AND datname = %s",
                (name,),
            ).fetchone()
        assert loaded == (300000 if "TABLE DATA public.large" in context["done"] else 0,)
        assert others == (0,)


def test_a_failed_parallel_restore_of_a_new_database_leaves_none(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)")
        fill(pg_latest, source, "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1'")
        fill(pg_latest, source, "CREATE INDEX ON t (f(a))")
        fill(pg_latest, source, "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1/0'")
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        before = databases(pg_latest)
        with (
            new_database(pg_latest, create=False) as name,
            pytest.raises(RestoreError, match="INDEX public.t_f_idx") as caught,
        ):
            restore(pg_latest, archive, name, create=True, jobs=2)
        assert databases(pg_latest) == before
        assert caught.value.context["done"] == []
        assert caught.value.context["rolled_back"] is True


def test_partitions_with_keys_and_indexes_meet_no_deadlock(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, "CREATE TABLE kinds (id int PRIMARY KEY); INSERT INTO kinds VALUES (0), (1), (2)")
        fill(pg_latest, source, "CREATE TABLE parts (id int, kind int, x text) PARTITION BY RANGE (id)")
        fill(
            pg_latest,
            source,
            "DO $$ BEGIN FOR i IN 0 .. 59 LOOP EXECUTE format("
            "'CREATE TABLE parts_%s PARTITION OF parts FOR VALUES FROM (%s) TO (%s)', i, i * 50, i * 50 + 50); "
            "END LOOP; END $$",
        )
        fill(pg_latest, source, "ALTER TABLE parts ADD PRIMARY KEY (id), ADD FOREIGN KEY (kind) REFERENCES kinds")
        fill(pg_latest, source, "CREATE INDEX ON parts (x); CREATE INDEX ON parts (kind, x)")
        fill(pg_latest, source, "INSERT INTO parts SELECT i, i % 3, md5(i::text) FROM generate_series(0, 2999) i")
        _plan, contents = restore(pg_latest, pg_dump(pg_latest, source, tmp_path / "genuine.dump"), name, jobs=4)
        assert_equal_databases(pg_latest, source, name)
        assert contents.checks["invalid_indexes"] == []


def test_a_view_whose_function_needs_a_search_path_is_named(server_pool: ServerPool, tmp_path: Path) -> None:
    """As with pg_restore, such a materialized view cannot be filled; everything else can be restored.

    From 17 on, such a view cannot even be made.
    """
    server = server_pool.get("pg16")
    with new_database(server) as source, new_database(server) as name:
        fill(server, source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        fill(
            server,
            source,
            "CREATE FUNCTION f() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM t); END'",
        )
        fill(
            server,
            source,
            "CREATE FUNCTION g() RETURNS bigint LANGUAGE plpgsql SET search_path TO public AS "
            "'BEGIN RETURN (SELECT count(*) FROM t); END'",
        )
        fill(server, source, "CREATE MATERIALIZED VIEW good AS SELECT g() AS n")
        fill(server, source, "SET search_path TO public; CREATE MATERIALIZED VIEW bad AS SELECT f() AS n")
        archive = pg_dump(server, source, tmp_path / "genuine.dump")
        with server.connect(source) as connection:
            assert connection.execute("SELECT n FROM bad").fetchone() == (1,)
        with pytest.raises(RestoreError) as caught:
            restore(server, archive, name, jobs=2, run=RunOptions(on_error="continue"))
        assert caught.value.context["failed"] == ["MATERIALIZED VIEW DATA public.bad"]
        with server.connect(name) as connection:
            assert connection.execute("SELECT n FROM good").fetchone() == (1,)


def test_over_tls_processes_are_started_anew(server_pool: ServerPool, tmp_path: Path) -> None:
    """Whatever they need travels to them; what was selected too."""
    with server_pool.fresh("pg18", tls=True) as server, new_database(server) as source:
        fill(server, source, SAMPLE)
        archive = pg_dump(server, source, tmp_path / "genuine.dump")
        connection = ConnectionOptions(
            host="127.0.0.1", port=server.port, user=server.user, password=server.password, ssl_mode="require"
        )
        options = RestoreOptions(connection=connection, database="made", create=True, jobs=2)
        result = job(RestoreRequest(options, Origin(source=str(archive))), Progress())
        assert {table["name"] for table in result.restore["tables"]} >= {"orders", "customers", "empty"}
        assert_equal_databases(server, source, "made")


@pytest.mark.parametrize(
    ("how", "frozen"),
    [
        ({}, True),
        ({"create": True}, True),
        ({"jobs": 2}, True),
        # An item that may fail is in a savepoint, and what is made in another one may be rolled back by itself.
        ({"run": RunOptions(skip_existing=True)}, False),
    ],
)
def test_rows_that_nobody_else_has_seen_are_frozen(
    pg_latest: servers.Server, tmp_path: Path, how: dict[str, Any], frozen: bool
) -> None:
    """Then a page is known to be visible to all, and an index alone answers for its rows."""
    with new_database(pg_latest) as source:
        fill(pg_latest, source, "CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 999)")
        fill(pg_latest, source, "CREATE TABLE p (id integer PRIMARY KEY) PARTITION BY RANGE (id)")
        fill(pg_latest, source, "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (9); INSERT INTO p VALUES (1)")
        archive = pg_dump(pg_latest, source, tmp_path / "archive", "-Fc")
        at_root = pg_dump(pg_latest, source, tmp_path / "root", "-Fc", "--load-via-partition-root")
        for path in (archive, at_root):
            with new_database(pg_latest, create=not how.get("create")) as name:
                restore(pg_latest, path, name, **how)
                assert_equal_databases(pg_latest, source, name)
                assert (_heap_fetches(pg_latest, name, "t") == 0) == frozen
                # Rows that go through the root find their partition there, which knows no frozen ones.
                assert (_heap_fetches(pg_latest, name, "p1") == 0) == (frozen and path == archive)


def _heap_fetches(server: servers.Server, database: str, table: str) -> int:
    connection = server.connect(database)
    try:
        cursor = connection.cursor()
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM {table} WHERE id > 0")
        ((plans,),) = cursor.fetchall()
        return int(plans[0]["Plan"]["Heap Fetches"])
    finally:
        connection.close()
