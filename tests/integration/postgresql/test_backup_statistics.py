# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The optimizer's statistics: as the newest pg_dump writes them, and equal after a restore."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, PrivilegeError, UnsupportedObjectError
from dbfleet.postgresql.catalog import kinds
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.selection.options import Selection
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    fill_with_zoo,
    restorable,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump, restore
from tests.integration.postgresql.zoo_support import entries_of, needs
from tests.servers.fixtures import Database, ServerPool

WITH = Selection(statistics=True)
# Tables with a foreign table below them cannot be analyzed where the foreign data wrapper is none.
_ANALYZE = """
    DO $$ DECLARE one regclass; BEGIN
        FOR one IN
            SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND c.relispopulated AND NOT EXISTS (
                SELECT FROM pg_inherits i JOIN pg_class f ON f.oid = i.inhrelid AND f.relkind = 'f'
                WHERE i.inhparent = c.oid)
        LOOP EXECUTE 'ANALYZE ' || one; END LOOP;
    END $$
"""
_TABLES = (
    'CREATE SCHEMA "S s"',
    'CREATE TABLE t (id integer PRIMARY KEY, x text, y int4range, z integer[], "odd \'na\\me" numeric, never text)',
    "INSERT INTO t SELECT g, 'it''s ' || g % 7, int4range(g, g + 5), ARRAY[g], g * 1.5 FROM generate_series(1, 999) g",
    "COMMENT ON INDEX t_pkey IS 'of a constraint'",
    "CREATE INDEX t_expressions ON t (lower(x), (id + 1), y)",
    "CREATE MATERIALIZED VIEW filled AS SELECT x, count(*) AS n FROM t GROUP BY 1",
    "CREATE UNIQUE INDEX of_filled ON filled (lower(x))",
    "CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS one WITH NO DATA",
    # Made after the data, because it needs the primary key.
    "CREATE MATERIALIZED VIEW needs_key AS SELECT id, x FROM t GROUP BY id",
    "CREATE TABLE parent (a integer, b text) PARTITION BY RANGE (a)",
    "CREATE TABLE parent_1 PARTITION OF parent FOR VALUES FROM (0) TO (500)",
    "CREATE TABLE parent_2 PARTITION OF parent FOR VALUES FROM (500) TO (5000)",
    "INSERT INTO parent SELECT g, 'b' || g % 10 FROM generate_series(1, 1000) g",
    "CREATE INDEX of_partition ON parent_1 (upper(b))",
    "CREATE TABLE inherited (a integer)",
    "CREATE TABLE inheriting (c integer) INHERITS (inherited)",
    "INSERT INTO inheriting SELECT g, g FROM generate_series(1, 50) g",
    'CREATE UNLOGGED TABLE "S s"."T""t" AS SELECT g AS "A a" FROM generate_series(1, 100) g',
    "CREATE TABLE empty (a integer)",
    "ANALYZE",
    "CREATE TABLE never_analyzed AS SELECT 1 AS one",
)
_SOURCE_VERSION = re.compile(r"'version', '\d+'::integer|\t'relallfrozen', '\d+'::integer")
# Servers before 12 print more digits of a number than there are.
_NUMBER = re.compile(r"\d+\.\d+(e-\d+)?")


def _statistics(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(("\t", "SELECT * FROM pg_catalog.pg_restore_", "-- Stat"))]


def test_statistics_are_written_as_the_newest_pg_dump_writes_them(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    pg_database.execute(*_TABLES)
    ours, contents, _progress = back_up(server, pg_database.name, tmp_path, selection=WITH)
    theirs = pg_dump(server, pg_database.name, tmp_path / "theirs.dump", "--statistics", version=NEWEST_CLIENT)
    assert restorable(script_of(ours), server) == restorable(script_of(theirs), server)
    assert contents.options["statistics"] is True
    assert contents.objects["optimizer statistics"] > 15


def _comparable(lines: list[str]) -> list[str]:
    """A script without what belongs to none of its entries."""
    text = "\n".join(lines)
    return text[text.index("\n--\n-- ", text.index("SET row_security")) :].split("\n")


_ALONE = Selection(definitions=False, data=False, statistics=True)
_PARTS = (
    (Selection(definitions=False, statistics=True), "--no-schema --statistics"),
    (Selection(data=False, statistics=True), "--no-data --statistics"),
    (Selection(tables=("t", "filled"), statistics=True), "-t t -t filled --statistics"),
    (Selection(exclude_tables=("t",), statistics=True), "-T t --statistics"),
    (Selection(exclude_table_data=("filled",), statistics=True), "--exclude-table-data=filled --statistics"),
    (Selection(sections=("data",), statistics=True), "--section=data --statistics"),
    (Selection(sections=("post-data",), statistics=True), "--section=post-data --statistics"),
    (Selection(data=False, sequence_data=True), "--schema-only --sequence-data"),
    (dataclasses.replace(_ALONE, sequence_data=True), "--statistics-only --sequence-data"),
)


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_parts_of_a_database_with_statistics(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    """As the newest pg_dump has them with the same options."""
    server = server_pool.get(name)

    def compare(selection: Selection, options: str) -> None:
        script = back_up(server, database, tmp_path, selection=selection, format="plain", compression="none")[0]
        ours = [line for line in script.read_bytes().decode().split("\n") if not line.startswith("\\")]
        theirs = [line for line in dumped(server, database, *options.split()) if not line.startswith("\\")]
        assert _comparable(restorable(ours, server)) == _comparable(restorable(theirs, server)), options
        script.unlink()

    with new_database(server) as database:
        server.execute(*_TABLES, "CREATE SEQUENCE counted", "SELECT nextval('counted')", database=database)
        compare(_ALONE, "--statistics-only")
        # pg_dump puts things into order with all that is not dumped in mind; that shows where this is made late.
        server.execute("DROP MATERIALIZED VIEW needs_key", database=database)
        for selection, options in _PARTS:
            compare(selection, options)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pg10", "pg14", "pg18"])
def test_statistics_of_the_zoo(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    server = server_pool.get(name)
    with new_database(server) as database:
        fill_with_zoo(server, database)
        server.execute(_ANALYZE, database=database)
        ours = back_up(server, database, tmp_path, selection=WITH)[0]
        theirs = pg_dump(server, database, tmp_path / "theirs.dump", "--statistics", version=NEWEST_CLIENT)
        assert restorable(script_of(ours), server) == restorable(script_of(theirs), server)


def test_what_comes_before_statistics(pg_latest_database: Database, tmp_path: Path) -> None:
    """A restore by several processes goes by the dependencies alone."""
    database = pg_latest_database
    database.execute(*_TABLES)
    ours = needs(entries_of(back_up(database.server, database.name, tmp_path, selection=WITH)[0]))
    theirs = needs(
        entries_of(pg_dump(database.server, database.name, tmp_path / "theirs.dump", "--statistics", version=18))
    )
    mine = {name: found for name, found in ours.items() if name.startswith("STATISTICS DATA")}
    assert mine == {name: found for name, found in theirs.items() if name in mine}
    assert len(mine) > 15


@pytest.mark.parametrize("by_us", [False, True])
@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_restored_statistics_are_the_source_s(
    server_pool: ServerPool, pg_latest_database: Database, tmp_path: Path, name: str, by_us: bool
) -> None:
    source, target = server_pool.get(name), pg_latest_database
    with new_database(source) as database:
        source.execute(*_TABLES, database=database)
        archive = back_up(source, database, tmp_path, selection=WITH)[0]
        if by_us:
            restore(target.server, archive, target.name)
        else:
            restore_genuinely(target.server, archive, target.name)
        theirs = _statistics(dumped(source, database, "--statistics-only"))
    ours = _statistics(dumped(target.server, target.name, "--statistics-only"))

    def comparable(lines: list[str]) -> list[str]:
        if by_us:
            # Our restore loads frozen rows, and the first index finds their pages to be visible to all.
            lines = [line for line in lines if "'relallvisible'" not in line]
        text = _NUMBER.sub(lambda found: f"{float(found[0]):.5g}", _SOURCE_VERSION.sub("", "\n".join(lines)))
        return [line.rstrip(",") for line in text.split("\n") if line.strip(",")]

    assert comparable(ours) == comparable(theirs)


def test_an_older_server_cannot_take_statistics(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg17")
    with new_database(server) as database, new_database(server) as copy:
        server.execute("CREATE TABLE t (x integer)", database=database)
        archive = back_up(server, database, tmp_path, selection=WITH)[0]
        with pytest.raises(NotFoundError, match="cannot take optimizer statistics"):
            restore(server, archive, copy)


def test_statistics_that_the_server_hides(pg_latest_database: Database, tmp_path: Path) -> None:
    """An index has no privileges that could be granted, so the owner alone sees what is known of its expressions."""
    database = pg_latest_database
    database.execute(
        "CREATE TABLE t (x text)", "CREATE INDEX t_lower ON t (lower(x))", "ANALYZE t",
        f"CREATE ROLE {database.name}_reader LOGIN", f"GRANT SELECT ON t TO {database.name}_reader",
    )  # fmt: skip
    reader = ConnectionOptions(
        unix_socket=database.server.socket, port=database.server.port, user=f"{database.name}_reader"
    )
    try:
        with pytest.raises(PrivilegeError, match=r"hides the statistics of public\.t_lower") as caught:
            back_up(database.server, database.name, tmp_path, connection=reader, selection=WITH)
        assert caught.value.context["objects"] == ["public.t_lower"]
        database.execute(f"GRANT pg_read_all_data TO {database.name}_reader")
        archive = back_up(database.server, database.name, tmp_path, connection=reader, selection=WITH)[0]
        assert _statistics(script_of(archive)) == _statistics(dumped(database.server, database.name, "--statistics"))
    finally:
        database.execute(f"DROP OWNED BY {database.name}_reader", f"DROP ROLE {database.name}_reader")


def test_the_inventory_counts_statistics(
    pg_latest_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE t (x integer PRIMARY KEY)")
    others = tuple(read for read in kinds.KINDS if read.__name__ != "read_relation_statistics")  # type: ignore[attr-defined]
    monkeypatch.setattr(kinds, "KINDS", others)
    with pytest.raises(UnsupportedObjectError) as caught:
        back_up(database.server, database.name, tmp_path, selection=WITH)
    assert caught.value.context["objects"] == ["statistics of index public.t_pkey", "statistics of table public.t"]
