# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups judged by the genuine tools: the same statements as pg_dump, restored by pg_restore to an equal database."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    fill_with_zoo,
    restorable,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump
from tests.servers.fixtures import Database


@pytest.fixture
def zoo(pg_database: Database) -> Database:
    fill_with_zoo(pg_database.server, pg_database.name)
    return pg_database


@pytest.mark.slow
def test_the_zoo_is_written_as_the_newest_pg_dump_writes_it(zoo: Database, tmp_path: Path) -> None:
    server = zoo.server
    ours, _contents, progress = back_up(server, zoo.name, tmp_path)
    theirs = pg_dump(server, zoo.name, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
    assert progress.warnings == []
    for options in ((), ("--clean", "--if-exists", "--schema-only"), ("--create", "--schema-only")):
        expected = restorable(script_of(theirs, *options), server)
        assert restorable(script_of(ours, *options), server) == expected, options


@pytest.mark.slow
def test_the_zoo_restored_by_pg_restore_is_the_zoo(zoo: Database, tmp_path: Path) -> None:
    server = zoo.server
    archive, contents, _progress = back_up(server, zoo.name, tmp_path)
    with new_database(server) as copy:
        restore_genuinely(server, archive, copy)
        assert dumped(server, copy) == dumped(server, zoo.name)
    assert {(table.schema, table.name) for table in contents.tables} >= {("zoo_tables", "every_type")}


def test_the_rows_of_extensions_tables_are_those_of_the_user(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    fill_with_zoo(server, pg_database.name, "extension_config")
    ours, contents, _progress = back_up(server, pg_database.name, tmp_path)
    theirs = pg_dump(server, pg_database.name, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
    assert script_of(ours) == script_of(theirs)
    assert [(table.name, table.rows) for table in contents.tables] == [("config", 1), ("all_rows", 1)]


@pytest.mark.parametrize(
    "options",
    [{}, {"format": "directory", "jobs": 2}, {"format": "directory", "jobs": 2, "compression": "none"}],
    ids=["custom", "directory", "uncompressed"],
)
def test_the_record_of_every_table_is_that_of_its_copy_text(
    pg_latest_database: Database, tmp_path: Path, options: dict[str, Any]
) -> None:
    database = pg_latest_database
    fill_with_zoo(database.server, database.name, "tables")
    _archive, contents, _progress = back_up(database.server, database.name, tmp_path, **options)
    assert len(contents.tables) == len({(table.schema, table.name) for table in contents.tables})
    with database.connect() as connection:
        for table in contents.tables:
            schema, name = (part.replace('"', '""') for part in (table.schema, table.name))
            columns = connection.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
                (f'"{schema}"."{name}"',),
            ).fetchone()[0]
            listed = f" ({columns})" if columns else ""
            with connection.cursor().copy(f'COPY "{schema}"."{name}"{listed} TO STDOUT') as copy:
                text = b"".join(bytes(row) for row in copy)
            assert (table.rows, table.bytes) == (text.count(b"\n"), len(text)), table
            assert table.sha256 == hashlib.sha256(text).hexdigest(), table


@pytest.mark.parametrize("compression", ["none", "gzip:1", "gzip:9", "zstd:3", "lz4"])
@pytest.mark.parametrize("can_patch", [True, False])
def test_every_compression_is_read_by_pg_restore(
    pg_latest_database: Database, tmp_path: Path, compression: str, can_patch: bool
) -> None:
    database = pg_latest_database
    database.execute(
        "CREATE TABLE many AS SELECT g AS id, md5(g::text) AS text FROM generate_series(1, 50000) g",
        "CREATE TABLE none_at_all (a integer)",
    )
    archive, contents, _progress = back_up(
        database.server, database.name, tmp_path, can_patch=can_patch, compression=compression
    )
    assert contents.compression == compression or compression == "lz4"
    with new_database(database.server) as copy:
        restore_genuinely(database.server, archive, copy)
        assert dumped(database.server, copy, "--data-only") == dumped(database.server, database.name, "--data-only")


def test_a_database_with_an_odd_name_in_latin1(pg_server: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_server, create=False) as name:
        pg_server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
        pg_server.execute(
            """CREATE TABLE "Größe é" ("Spälte" text DEFAULT 'ü')""",
            """INSERT INTO "Größe é" VALUES ('äöü'), (chr(255))""",
            """COMMENT ON TABLE "Größe é" IS 'naïve'""",
            database=name,
        )
        archive, _contents, _progress = back_up(pg_server, name, tmp_path)
        theirs = pg_dump(pg_server, name, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
        assert _latin1_script(archive) == _latin1_script(theirs)


def _latin1_script(archive: Path) -> list[bytes]:
    text: bytes = servers.client("pg_restore", version=NEWEST_CLIENT).run(None, "-f", "-", archive).stdout
    return [line for line in text.split(b"\n") if not re.match(rb"\\(un)?restrict |-- Dumped (from|by) ", line)]


def test_a_name_that_no_file_can_have(pg_latest: servers.Server, tmp_path: Path) -> None:
    name = "odd/../name 'x' \"y\" é\n%"
    quoted = '"' + name.replace('"', '""') + '"'
    pg_latest.execute(f"CREATE DATABASE {quoted}")
    try:
        archive, contents, _progress = back_up(pg_latest, name, tmp_path)
        assert archive.parent == tmp_path
        assert archive.name == contents.artifact
        assert script_of(archive)
    finally:
        pg_latest.execute(f"DROP DATABASE {quoted}")


def test_hostile_settings_of_the_user_change_nothing(pg_server: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_server) as name:
        fill_with_zoo(pg_server, name, "tables", "views")
        plain, contents, _progress = back_up(pg_server, name, tmp_path)
        settings = {
            "search_path": "zoo_tables, public", "datestyle": "SQL, DMY", "intervalstyle": "iso_8601",
            "extra_float_digits": "-5", "bytea_output": "escape", "xmlbinary": "hex",
            "quote_all_identifiers": "on", "standard_conforming_strings": "off", "statement_timeout": "250",
            "default_transaction_read_only": "on", "default_transaction_isolation": "serializable",
            "client_encoding": "LATIN1", "lc_monetary": "C", "row_security": "on",
        }  # fmt: skip
        pg_server.execute(*(f"ALTER DATABASE {name} SET {key} = '{value}'" for key, value in settings.items()))
        (tmp_path / "again").mkdir()
        again, twice, _progress = back_up(pg_server, name, tmp_path / "again")
        assert twice.tables == contents.tables
        assert script_of(again) == script_of(plain)
