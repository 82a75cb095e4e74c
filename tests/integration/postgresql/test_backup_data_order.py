# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order of rows where the foreign keys are there before them, and what depends on each other in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.postgresql.selection.options import Selection
from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    restorable,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump
from tests.integration.postgresql.zoo_support import entries_of
from tests.servers.fixtures import Database

DATA = Selection(definitions=False)
_CHAIN = (
    "CREATE TABLE a (id integer PRIMARY KEY)",
    "CREATE TABLE z (id integer PRIMARY KEY)",
    "CREATE TABLE m (id integer PRIMARY KEY, z integer REFERENCES z)",
    "ALTER TABLE a ADD COLUMN m integer REFERENCES m",
    "CREATE TABLE b (a integer REFERENCES a, z integer REFERENCES z)",
    "INSERT INTO z VALUES (1)", "INSERT INTO m VALUES (1, 1)", "INSERT INTO a VALUES (1, 1)",
    "INSERT INTO b VALUES (1, 1)",
)  # fmt: skip


def _data(archive: Path) -> list[str]:
    return [entry.tag for entry in entries_of(archive) if entry.desc == "TABLE DATA"]


def test_rows_come_after_those_that_they_refer_to(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    pg_database.execute(*_CHAIN)
    ours, _contents, progress = back_up(server, pg_database.name, tmp_path, selection=DATA)
    theirs = pg_dump(server, pg_database.name, tmp_path / "theirs.dump", "--data-only", version=NEWEST_CLIENT)
    assert script_of(ours) == script_of(theirs)
    assert _data(ours) == ["z", "m", "a", "b"]
    assert progress.warnings == []
    with new_database(server) as copy:
        server.execute(*_CHAIN[:5], database=copy)
        restore_genuinely(server, ours, copy)
        assert dumped(server, copy) == dumped(server, pg_database.name)


def test_rows_of_partitions_come_after_those_that_they_refer_to(pg_latest_database: Database, tmp_path: Path) -> None:
    """pg_dump goes by the partitioned tables' own keys, which have no rows."""
    database = pg_latest_database
    tables = (
        "CREATE TABLE z (id integer PRIMARY KEY) PARTITION BY LIST (id)",
        "CREATE TABLE z_1 PARTITION OF z FOR VALUES IN (1)",
        "CREATE TABLE a (z integer REFERENCES z) PARTITION BY LIST (z)",
        "CREATE TABLE a_1 PARTITION OF a FOR VALUES IN (1)",
    )
    database.execute(*tables, "INSERT INTO z VALUES (1)", "INSERT INTO a VALUES (1)")
    archive = back_up(database.server, database.name, tmp_path, selection=DATA)[0]
    with new_database(database.server) as copy:
        database.server.execute(*tables, database=copy)
        restore_genuinely(database.server, archive, copy)


def test_tables_that_refer_to_each_other_in_a_circle(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    pg_database.execute(
        "CREATE TABLE c (id integer PRIMARY KEY)",
        "CREATE TABLE b (id integer PRIMARY KEY, c integer REFERENCES c)",
        "CREATE TABLE a (id integer PRIMARY KEY, b integer REFERENCES b)",
        "ALTER TABLE c ADD COLUMN a integer REFERENCES a",
        "CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree)",
        "CREATE TABLE alone (x integer)",
    )
    ours, contents, progress = back_up(server, pg_database.name, tmp_path, selection=DATA)
    theirs = pg_dump(server, pg_database.name, tmp_path / "theirs.dump", "--data-only", version=NEWEST_CLIENT)
    assert script_of(ours) == script_of(theirs)
    assert len(contents.tables) == 5
    itself, circle = sorted(progress.warnings, key=len)
    assert "refers to itself" in itself
    assert "public.tree" in itself
    assert "refer to each other" in circle
    assert all(f"public.{name}" in circle for name in "abc")
    # With the definitions, the keys come after the rows.
    (tmp_path / "all").mkdir()
    archive, _contents, progress = back_up(server, pg_database.name, tmp_path / "all")
    assert progress.warnings == []
    with new_database(server) as copy:
        restore_genuinely(server, archive, copy)


# What each object of the circle is: pg_dump takes it apart at another place for each of them.
_CIRCLES = {
    "a default by a function of the table": (
        "CREATE TABLE t (id integer)",
        "CREATE FUNCTION next_id() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION of_row(t) RETURNS integer LANGUAGE sql AS 'SELECT $1.id'",
        "CREATE FUNCTION nothing() RETURNS t LANGUAGE sql AS 'SELECT NULL::t'",
        "ALTER TABLE t ALTER COLUMN id SET DEFAULT of_row(nothing())",
    ),
    "a check by a function of the table": (
        "CREATE TABLE t (id integer)",
        "CREATE FUNCTION fits(t) RETURNS boolean LANGUAGE sql AS 'SELECT $1.id > 0'",
        "ALTER TABLE t ADD CONSTRAINT all_fit CHECK (fits(t.*))",
    ),
    "two views": (
        "CREATE VIEW one AS SELECT 1 AS a",
        "CREATE VIEW two AS SELECT a FROM one",
        "CREATE OR REPLACE VIEW one AS SELECT 1 AS a FROM two",
    ),
    "a view, a function and a materialized view": (
        "CREATE VIEW v AS SELECT 1 AS a",
        "CREATE FUNCTION f(v) RETURNS integer LANGUAGE sql AS 'SELECT $1.a'",
        "CREATE OR REPLACE VIEW v AS SELECT f(NULL) AS a",
        "CREATE MATERIALIZED VIEW m AS SELECT a FROM v",
    ),
    "a domain's check and default": (
        "CREATE DOMAIN d AS integer",
        "CREATE FUNCTION d_ok(d) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
        "ALTER DOMAIN d ADD CONSTRAINT d_check CHECK (d_ok(VALUE))",
        "CREATE TABLE t (x d)",
    ),
    "a view grouped by a primary key": (
        "CREATE TABLE t (id integer PRIMARY KEY, x text)",
        "CREATE VIEW v AS SELECT id, x FROM t GROUP BY id",
        "CREATE MATERIALIZED VIEW m AS SELECT * FROM v",
        "CREATE FUNCTION f(m) RETURNS v LANGUAGE sql AS 'SELECT NULL::v'",
    ),
    "a table and its rule": (
        "CREATE TABLE t (id integer)",
        "CREATE FUNCTION f(t) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT f(NEW)",
    ),
    "a type's functions": (
        "CREATE TYPE odd",
        "CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'textin'",
        "CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout'",
        "CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, DEFAULT = 'x')",
        "CREATE TABLE t (x odd)",
    ),
    "a generated column": (
        "CREATE TABLE t (a integer)",
        "CREATE FUNCTION g(t) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
        "CREATE FUNCTION h(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
        "CREATE INDEX t_h ON t (h(a))",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["pg10", "pg18"])
@pytest.mark.parametrize("circle", _CIRCLES)
def test_a_circle_is_taken_apart_as_pg_dump_does(
    server_pool: servers.fixtures.ServerPool, tmp_path: Path, name: str, circle: str
) -> None:
    server = server_pool.get(name)
    with new_database(server) as database, new_database(server) as copy:
        server.execute(*_CIRCLES[circle], database=database)
        ours = back_up(server, database, tmp_path)[0]
        theirs = pg_dump(server, database, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
        assert restorable(script_of(ours), server) == restorable(script_of(theirs), server)
        restore_genuinely(server, ours, copy)
        assert dumped(server, copy) == dumped(server, database)
