# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of a part of a database, judged by the newest pg_dump: the same options give the same statements."""

from __future__ import annotations

import dataclasses
import re
import shlex
from pathlib import Path

import pytest

from dbfleet.cli.arguments import parse_arguments
from dbfleet.errors import DbfleetError
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress
from dbfleet.requests.backup import backup_request
from tests import servers
from tests.integration.postgresql.backup_support import NEWEST_CLIENT, Folder, fill_with_zoo, restorable
from tests.integration.postgresql.restore_support import connection_options
from tests.servers.errors import CommandFailed
from tests.servers.fixtures import Database, ServerPool

SERVERS = ("pg10", "pg14", "pg18")
ZOO = (
    "constraints", "extension_config", "foreign_data", "functions", "partitions", "publications", "selection",
    "sequences", "tables", "types", "views",
)  # fmt: skip
CASES = (
    "--schema-only",
    "--section pre-data",
    "--section data",
    "--section post-data",
    "--section pre-data --section post-data",
    "--schema zoo_tables",
    "--schema 'zoo_*' --exclude-schema zoo_views --strict-names",
    "--schema public",
    "--schema zoo_extensions",
    "--schema zoo_selection --large-objects",
    "--exclude-schema 'zoo_t*' --exclude-schema '\"pub zoo\"'",
    "--exclude-schema pg_catalog",
    "--table zoo_public",
    "--table ZOO_PUB* --table zoo_selection.nothing",
    "--table 'zoo_selection.dollar$1' --table 'zoo_selection.\"a.b\"' --table 'zoo_selection.\"with\"\"quote\"'",
    "--table 'zoo_selection.a?b'",
    "--table 'zoo_selection.(axb|\"Dollar$1\")'",
    "--table 'zoo_tables.*' --no-comments",
    "--table zoo_sequences.serials",
    "--table zoo_sequences.identities",
    "--table zoo_sequences.plain",
    "--table 'zoo_sequences.*' --exclude-table zoo_sequences.serials",
    "--table zoo_partitions.range_2020",
    "--table zoo_extensions.config",
    "--table '\"foreign zoo\".*'",
    "--table-and-children zoo_public",
    "--table-and-children zoo_partitions.by_range --exclude-table-data '*.*2020'",
    "--exclude-table 'zoo_sequences.serials*' --exclude-table '\"pub zoo\".other'",
    "--exclude-table zoo_sequences.identities --exclude-table '*'",
    "--exclude-table-and-children zoo_partitions.by_range --exclude-table zoo_extensions.config",
    "--exclude-table-data-and-children zoo_public --exclude-table-data 'zoo_sequences.*'",
    "--extension 'cit*' --schema zoo_extensions",
    "--exclude-extension citext",
    "--no-comments --no-privileges --no-owner",
    "--no-publications --no-subscriptions --no-security-labels --no-policies",
    "--no-tablespaces --no-table-access-method --no-toast-compression --no-unlogged-table-data",
    "--no-data --no-large-objects",
    "--quote-all-identifiers --create --clean --if-exists",
    "--load-via-partition-root",
    "--load-via-partition-root --rows-per-insert 2 --schema zoo_partitions",
    "--use-set-session-authorization --clean --if-exists",
    "--use-set-session-authorization --create",
    "--disable-dollar-quoting --enable-row-security --extra-float-digits 0",
    "--data-only --disable-triggers --schema zoo_tables",
    "--data-only --table 'zoo_s*.*' --section data",
    "--encoding LATIN1 --schema zoo_sequences",
    "--role zoo_reader --table zoo_selection.axb",
)
#: Here pg_dump moves an object for the sake of one that it then leaves out; ours is in the order of what is there.
ANOTHER_ORDER = ("--extension citext", "--data-only", "--no-schema")
REFUSED = (
    "--table nothing",
    "--table zoo_public --table nothing --strict-names",
    "--schema nothing --table zoo_public",
    "--extension nothing",
    "--include-foreign-data nothing",
    "--table a.b.c.d",
    "--table another.public.zoo_public",
    "--schema a.b.c",
    "--schema another.public",
    "--extension a.b",
    "--table 'zoo('",
    "--schema-only --data-only",
    "--data-only --no-data",
    "--schema-only --no-schema",
    "--schema-only --include-foreign-data plain",
    "--data-only --clean",
    "--section middle",
    "--encoding nothing",
    "--role nothing",
)

_OF_THE_PROGRAM = re.compile(rb"\\(?:un)?restrict |-- Dumped by |SET transaction_timeout = 0;")
# pg_dump forgets to quote these, with or without --quote-all-identifiers.
_NOT_NULL = re.compile(r'^    CONSTRAINT "(\w+)" NOT NULL ')


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> dict[str, Database]:
    """Databases with the zoo by server, made when first asked for."""
    return {}


def zoo_on(pool: ServerPool, filled: dict[str, Database], name: str) -> Database:
    server = pool.get(name)
    if name not in filled:
        made = Database(server, "test_selection")
        server.execute(f"DROP DATABASE IF EXISTS {made.name}")
        server.execute(f"CREATE DATABASE {made.name} TEMPLATE template0")
        fill_with_zoo(server, made.name, *ZOO)
        filled[name] = made
    return filled[name]


def options_for(database: Database, line: str, *, form: str = "plain") -> BackupOptions:
    """What the command makes of options that it shares with pg_dump."""
    words = ["--database", database.name, "--dest", "/nowhere", "--format", form, *shlex.split(line)]
    request = backup_request(parse_arguments(["backup", "postgresql", *words]).given, check=False)
    return dataclasses.replace(request.options, connection=connection_options(database.server))


def ours(database: Database, folder: Path, line: str) -> bytes:
    source = PostgresqlBackupSource(options_for(database, line))
    try:
        source.plan()
        contents = source.write(Folder(folder), Progress())
    finally:
        source.close()
    return (folder / contents.artifact).read_bytes()


def genuine(database: Database, line: str) -> bytes:
    program = servers.client("pg_dump", version=NEWEST_CLIENT)
    script: bytes = program.run(database.server, *shlex.split(line), database.name).stdout
    return script


def statements(script: bytes, server: servers.Server) -> list[str]:
    """A script line by line, without what names its program, in words that the source's version understands."""
    lines = [line for line in script.split(b"\n") if line and not _OF_THE_PROGRAM.match(line)]
    text = [line.decode("utf-8", "surrogateescape") for line in lines]
    return [_NOT_NULL.sub(r"    CONSTRAINT \1 NOT NULL ", line) for line in restorable(text, server)]


def entries(lines: list[str]) -> list[str]:
    """A script's entries in alphabetical order."""
    return sorted("\n".join(lines).split("\n--\n-- "))


@pytest.mark.slow
@pytest.mark.parametrize("line", CASES)
@pytest.mark.parametrize("name", SERVERS)
def test_the_same_options_give_the_same_statements(
    name: str, line: str, server_pool: ServerPool, filled: dict[str, Database], tmp_path: Path
) -> None:
    database = zoo_on(server_pool, filled, name)
    expected = statements(genuine(database, line), database.server)
    assert statements(ours(database, tmp_path, line), database.server) == expected


@pytest.mark.slow
@pytest.mark.parametrize("line", ANOTHER_ORDER)
@pytest.mark.parametrize("name", SERVERS)
def test_the_same_entries_in_another_order(
    name: str, line: str, server_pool: ServerPool, filled: dict[str, Database], tmp_path: Path
) -> None:
    database = zoo_on(server_pool, filled, name)
    expected = entries(statements(genuine(database, line), database.server))
    assert entries(statements(ours(database, tmp_path, line), database.server)) == expected


@pytest.mark.parametrize("line", REFUSED)
def test_what_pg_dump_refuses_is_refused(
    line: str, server_pool: ServerPool, filled: dict[str, Database], tmp_path: Path
) -> None:
    database = zoo_on(server_pool, filled, "pg18")
    with pytest.raises(CommandFailed):
        genuine(database, line)
    with pytest.raises(DbfleetError) as caught:
        ours(database, tmp_path, line)
    assert caught.value.kind in ("usage", "not_found"), caught.value
    assert list(tmp_path.iterdir()) == []


FILTER = """
# comment
  include   table   zoo_selection . axb  # another
include table "zoo_selection"."a*b"
include table zoo_selection."with
quote"
include table_and_children zoo_public
exclude table *.zoo_child
exclude table_data zoo_selection.unlogged
include table zoo_selection.un*
exclude table_data_and_children  zoo_selection.grandchild#x
"""


@pytest.mark.parametrize("name", SERVERS)
def test_a_filter_file(name: str, server_pool: ServerPool, filled: dict[str, Database], tmp_path: Path) -> None:
    database = zoo_on(server_pool, filled, name)
    (tmp_path / "filter").write_text(FILTER)
    (tmp_path / "more").write_text("exclude extension citext\ninclude schema zoo_types\nexclude schema zoo_t?*s\n")
    lines = (f"--filter {tmp_path}/filter", f"--filter {tmp_path}/more", f"--filter {tmp_path}/more --table 'zoo_*'")
    for number, line in enumerate(lines):
        folder = tmp_path / str(number)
        folder.mkdir()
        expected = statements(genuine(database, line), database.server)
        assert statements(ours(database, folder, line), database.server) == expected, line
