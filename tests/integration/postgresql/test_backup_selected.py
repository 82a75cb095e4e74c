# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of a part of a database: what is left out is neither read nor locked, and what is there is restored."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError, PrivilegeError, QueryError, UsageError
from dbfleet.postgresql.options import ConnectionOptions, DumpSettings, ScriptForm
from dbfleet.postgresql.selection.options import Selection
from tests import servers
from tests.integration.postgresql.backup_support import NEWEST_CLIENT, back_up, fill_with_zoo, restore_genuinely, source
from tests.integration.postgresql.restore_support import new_database, pg_dump, restore
from tests.integration.postgresql.zoo_support import as_text, entries_of
from tests.servers.fixtures import Database


@pytest.fixture
def shop(pg_database: Database) -> Database:
    """Two tables that know each other, in two schemas."""
    pg_database.execute(
        "CREATE SCHEMA shop",
        "CREATE SCHEMA audit",
        "CREATE TABLE shop.orders (id serial PRIMARY KEY, v text)",
        "CREATE TABLE audit.log (id integer PRIMARY KEY REFERENCES shop.orders, note text)",
        "INSERT INTO shop.orders (v) SELECT 'v' || g FROM generate_series(1, 10) g",
        "INSERT INTO audit.log SELECT g, 'n' FROM generate_series(1, 5) g",
        "CREATE FUNCTION audit.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    )
    return pg_database


@pytest.fixture
def reader(shop: Database) -> Iterator[str]:
    """A user who may read the orders and nothing else."""
    name = f"reader_{secrets.token_hex(4)}"
    shop.execute(
        f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA shop, audit TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA shop TO {name}",
        f"GRANT SELECT ON SEQUENCE shop.orders_id_seq TO {name}",
    )  # fmt: skip
    try:
        yield name
    finally:
        shop.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def as_user(database: Database, user: str) -> ConnectionOptions:
    return ConnectionOptions(unix_socket=database.server.socket, port=database.server.port, user=user)


def test_what_is_left_out_needs_no_privilege_and_no_lock(shop: Database, reader: str, tmp_path: Path) -> None:
    connection = as_user(shop, reader)
    with shop.connect(autocommit=False) as other:
        other.execute("LOCK TABLE audit.log IN ACCESS EXCLUSIVE MODE")
        for number, wanted in enumerate((Selection(tables=("shop.*",)), Selection(exclude_tables=("audit.*",)))):
            folder = tmp_path / str(number)
            folder.mkdir()
            _archive, contents, progress = back_up(
                shop.server, shop.name, folder, connection=connection, selection=wanted, lock_wait_timeout=5
            )
            assert [(table.name, table.rows) for table in contents.tables] == [("orders", 10)]
            assert progress.warnings == []
        with pytest.raises(ConsistencyError, match="could not be locked"):
            back_up(shop.server, shop.name, tmp_path, selection=Selection(tables=("audit.log",)), lock_wait_timeout=0.2)
    for wanted in (Selection(), Selection(schemas=("audit",)), Selection(data=False)):
        with pytest.raises(PrivilegeError, match=r"audit\.log"):
            back_up(shop.server, shop.name, tmp_path, connection=connection, selection=wanted)


def test_only_what_is_dumped_is_locked(shop: Database) -> None:
    with source(shop.server, shop.name, selection=Selection(tables=("shop.orders",))) as opened:
        opened.plan()
        locked = shop.execute(
            "SELECT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation AND c.oid >= 16384"
            " WHERE l.mode = 'AccessShareLock' AND l.pid <> pg_backend_pid() AND c.relkind = 'r'"
            " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
    assert locked == [("orders",)]


def test_a_part_is_restored_beside_another(shop: Database, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second", "data")]
    for folder in folders:
        folder.mkdir()
    server = shop.server
    first = back_up(server, shop.name, folders[0], selection=Selection(schemas=("shop",)))[0]
    second = back_up(server, shop.name, folders[1], selection=Selection(schemas=("audit",), data=False))[0]
    third, contents, _progress = back_up(
        server, shop.name, folders[2], selection=Selection(tables=("audit.log",), definitions=False), format="directory"
    )
    assert dict(contents.objects) == {"table data": 1}
    with new_database(server) as copy:
        for archive in (first, second, third):
            restore_genuinely(server, archive, copy)
        found = server.execute(
            "SELECT (SELECT count(*) FROM shop.orders), (SELECT count(*) FROM audit.log), audit.f(),"
            " nextval('shop.orders_id_seq')", database=copy,
        )  # fmt: skip
        assert found == [(10, 5, 1, 11)]


def test_our_own_restore_takes_a_part(shop: Database, tmp_path: Path) -> None:
    archive, contents, _progress = back_up(shop.server, shop.name, tmp_path, selection=Selection(schemas=("shop",)))
    with new_database(shop.server) as copy:
        _plan, restored = restore(shop.server, archive, copy)
        assert [(table.name, table.rows) for table in restored.tables] == [("orders", 10)]
        assert (restored.objects["SCHEMA"], restored.objects["TABLE"]) == (1, 1)
        assert (contents.objects["schema"], contents.objects["table"]) == (1, 1)


def test_the_manifest_says_what_was_selected(shop: Database, tmp_path: Path) -> None:
    wanted = Selection(schemas=("shop", "a*"), exclude_table_data=("audit.log",), without=("comments",), data=True)
    _archive, contents, _progress = back_up(
        shop.server, shop.name, tmp_path, selection=wanted, format="plain", script=ScriptForm(owners=False),
        settings=DumpSettings(quote_all_identifiers=True),
    )  # fmt: skip
    assert {name: value for name, value in contents.options.items() if name != "timezone"} == {
        "schemas": ["shop", "a*"],
        "exclude_table_data": ["audit.log"],
        "without": ["comments"],
        "owners": False,
        "quote_all_identifiers": True,
        "partial": True,
    }


def test_entries_of_a_part_depend_on_entries_of_it(shop: Database, tmp_path: Path) -> None:
    fill_with_zoo(shop.server, shop.name, "selection")
    archive, _contents, _progress = back_up(
        shop.server, shop.name, tmp_path, selection=Selection(tables=("zoo_*", "audit.log"))
    )
    theirs = pg_dump(
        shop.server, shop.name, tmp_path / "theirs", "--table", "zoo_*", "--table", "audit.log", version=NEWEST_CLIENT
    )
    entries = entries_of(archive)
    assert list(map(as_text, entries)) == list(map(as_text, entries_of(theirs)))
    numbers = {entry.dump_id for entry in entries}
    assert all(numbers.issuperset(entry.dependencies) for entry in entries)


def test_what_is_hidden_matters_only_where_it_is_wanted(shop: Database, tmp_path: Path) -> None:
    shop.execute("CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER s FOREIGN DATA WRAPPER w")
    name = f"mapped_{secrets.token_hex(4)}"
    shop.execute(
        f"CREATE ROLE {name} LOGIN", f"GRANT USAGE ON SCHEMA shop, audit TO {name}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA shop, audit TO {name}",
        f"GRANT SELECT ON ALL SEQUENCES IN SCHEMA shop TO {name}",
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'x')",
    )  # fmt: skip
    try:
        connection = as_user(shop, name)
        with pytest.raises(PrivilegeError, match="user mapping"):
            back_up(shop.server, shop.name, tmp_path, connection=connection)
        for number, wanted in enumerate((Selection(schemas=("shop",)), Selection(definitions=False))):
            (tmp_path / str(number)).mkdir()
            back_up(shop.server, shop.name, tmp_path / str(number), connection=connection, selection=wanted)
    finally:
        shop.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


@pytest.fixture
def file_of_rows(pg_database: Database) -> Iterator[str]:
    """A file that the server can read."""
    ((folder,),) = pg_database.execute("SHOW data_directory")
    path = f"{folder}/rows_{secrets.token_hex(4)}.csv"
    pg_database.execute(f"COPY (VALUES (1, 'one'), (2, 'two')) TO '{path}' (FORMAT csv)")
    yield path
    Path(path).unlink()


def test_rows_of_foreign_tables(pg_database: Database, file_of_rows: str, tmp_path: Path) -> None:
    server = pg_database.server
    pg_database.execute(
        "CREATE EXTENSION file_fdw",
        "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw",
        "CREATE FOREIGN TABLE listed (id integer, note text) SERVER files"
        f" OPTIONS (filename '{file_of_rows}', format 'csv')",
    )
    wanted = Selection(foreign_data=("fil*",))
    archive, contents, _progress = back_up(server, pg_database.name, tmp_path, selection=wanted)
    assert [(table.name, table.rows, table.bytes) for table in contents.tables] == [("listed", 2, 12)]
    theirs = pg_dump(
        server, pg_database.name, tmp_path / "theirs", "--include-foreign-data", "fil*", version=NEWEST_CLIENT
    )
    assert list(map(as_text, entries_of(archive))) == list(map(as_text, entries_of(theirs)))
    with pytest.raises(UsageError, match="one job"):
        back_up(server, pg_database.name, tmp_path, selection=wanted, format="directory", jobs=2)


def test_rows_that_an_enum_s_hash_spreads_find_their_places(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    fill_with_zoo(database.server, database.name, "selection")
    database.execute(
        "INSERT INTO zoo_selection.by_enum"
        " SELECT m, g FROM unnest(enum_range(NULL::zoo_selection.mood)) m, generate_series(1, 3) g"
    )
    archive, contents, _progress = back_up(database.server, database.name, tmp_path)
    assert sum(table.rows for table in contents.tables if table.name.startswith("by_enum")) == 9
    for bring in (restore_genuinely, restore):
        with new_database(database.server) as copy:
            bring(database.server, archive, copy)
            found = database.server.execute(
                "SELECT m::text, count(*) FROM zoo_selection.by_enum GROUP BY 1 ORDER BY 1", database=copy
            )
            assert found == [("happy", 3), ("ok", 3), ("sad", 3)]


def test_row_security(shop: Database, reader: str, tmp_path: Path) -> None:
    shop.execute("ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY", "CREATE POLICY few ON shop.orders USING (id < 4)")
    wanted = Selection(tables=("shop.orders",))
    connection = as_user(shop, reader)
    with pytest.raises(PrivilegeError, match="row security would hide rows of shop.orders"):
        back_up(shop.server, shop.name, tmp_path, connection=connection, selection=wanted)
    settings = DumpSettings(row_security=True)
    for form in ("custom", "directory"):
        _archive, contents, _progress = back_up(
            shop.server, shop.name, tmp_path, connection=connection, selection=wanted, settings=settings, format=form,
            jobs=2 if form == "directory" else 1,
        )  # fmt: skip
        assert [table.rows for table in contents.tables] == [3]
        assert dict(contents.options)["row_security"] is True


def test_another_role_reads(shop: Database, reader: str, tmp_path: Path) -> None:
    login = f"login_{secrets.token_hex(4)}"
    shop.execute(f"CREATE ROLE {login} LOGIN NOINHERIT", f"GRANT {reader} TO {login}")
    try:
        connection, wanted = as_user(shop, login), Selection(schemas=("shop",))
        with pytest.raises(PrivilegeError):
            back_up(shop.server, shop.name, tmp_path, connection=connection, selection=wanted)
        _archive, contents, _progress = back_up(
            shop.server, shop.name, tmp_path, connection=connection, selection=wanted, format="directory", jobs=2,
            settings=DumpSettings(role=reader),
        )  # fmt: skip
        assert [table.rows for table in contents.tables] == [10]
        with pytest.raises(UsageError, match="role 'nobody' cannot be taken"):
            back_up(shop.server, shop.name, tmp_path, settings=DumpSettings(role="nobody"))
    finally:
        shop.execute(f"DROP ROLE {login}")


def test_another_encoding(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as name, new_database(pg_latest) as copy:
        pg_latest.execute(
            """CREATE TABLE "größe" ("é" text DEFAULT 'ü', n text)""", """INSERT INTO "größe" VALUES ('äöü', 'x')""",
            """COMMENT ON TABLE "größe" IS 'naïve'""", database=name,
        )  # fmt: skip
        archive, _contents, _progress = back_up(
            pg_latest, name, tmp_path, settings=DumpSettings(encoding="latin1"), compression="none"
        )
        assert "größe".encode("latin1") in archive.read_bytes()
        assert "größe".encode() not in archive.read_bytes()
        restore_genuinely(pg_latest, archive, copy)
        assert pg_latest.execute('SELECT "é" FROM "größe"', database=copy) == [("äöü",)]
        pg_latest.execute("""INSERT INTO "größe" VALUES ('€')""", database=name)
        with pytest.raises(QueryError, match="LATIN1"):
            back_up(pg_latest, name, tmp_path / "again", settings=DumpSettings(encoding="latin1"))
        with pytest.raises(UsageError, match="SJIS"):
            back_up(pg_latest, name, tmp_path, settings=DumpSettings(encoding="sjis"))
