# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Databases in other encodings than UTF-8: hostile names and data, byte for byte, and through every tool."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import servers
from tests.integration.postgresql.backup_support import NEWEST_CLIENT, back_up, restorable
from tests.integration.postgresql.restore_support import new_database, newest_client, pg_dump, restore
from tests.servers.fixtures import ServerPool

_RUN_TO_RUN = re.compile(rb"\\(un)?restrict |-- Dumped (from|by) |SET transaction_timeout")


@dataclasses.dataclass(frozen=True)
class Sample:
    """An encoding with text in it, as bytes of that encoding.

    :param codec: Python's name of it, empty where the text is none.
    """

    name: str
    text: bytes
    codec: str


# Bytes that end in a backslash or quote in other encodings are what naive quoting falls for.
SAMPLES = (
    # Any bytes at all: broken UTF-8, a lone lead byte at the end, what could be a quote in other encodings.
    Sample("SQL_ASCII", b"caf\xe9 \xff\xfe\x80 \xe2\x82 \xa1\x5c \x8e", ""),
    Sample("LATIN1", "café ÿ½ \xad\x85".encode("latin-1"), "latin-1"),
    Sample("EUC_JP", "日本語 表 ﾊﾝｶｸ".encode("euc_jp"), "euc_jp"),
    Sample("EUC_KR", "한국어 각".encode("euc_kr"), "euc_kr"),
    Sample("EUC_CN", "简体中文 数据".encode("gb2312"), "gb2312"),
)


def _fill(server: servers.Server, database: str, text: bytes) -> None:
    quoted = text.replace(b"'", b"''")
    name = b'"' + text.replace(b'"', b'""') + b' ""x"" \\ \'; --"'
    statements = (
        b"CREATE SCHEMA " + name,
        b"CREATE TYPE " + name + b'."mood" AS ENUM (\'' + quoted + b"', 'plain')",
        b"CREATE TABLE " + name + b"." + name + b" (" + name + b" text DEFAULT '" + quoted + b"\\', b bytea)",
        b"COMMENT ON COLUMN " + name + b"." + name + b"." + name + b" IS '" + quoted + b"\n''" + quoted + b"'",
        b"INSERT INTO " + name + b"." + name
        + b" VALUES ('" + quoted + b"\t\\\n\\.\r', '\\x00ff'), (NULL, NULL), ('', '')",
        b"CREATE VIEW " + name + b".v AS SELECT " + name + b" || '" + quoted + b"' AS " + name
        + b" FROM " + name + b"." + name,
        b"CREATE FUNCTION " + name + b".f() RETURNS text LANGUAGE sql AS $f$SELECT '" + quoted + b"'::text$f$",
        b"CREATE SEQUENCE " + name + b".s",
        b'CREATE INDEX "index of ' + name[1:] + b" ON " + name + b"." + name + b" (" + name + b")",
        b"SELECT lo_from_bytea(4711, '" + quoted.replace(b"\\", b"\\\\") + b"')",
        b"COMMENT ON LARGE OBJECT 4711 IS '" + quoted + b"'",
    )  # fmt: skip
    with server.connect(database) as connection:
        # So that the bytes arrive as they are.
        connection.execute("SET client_encoding TO 'SQL_ASCII'")
        for statement in statements:
            connection.execute(statement)


@contextmanager
def _database(server: servers.Server, encoding: str) -> Iterator[str]:
    with new_database(server, create=False) as name:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'")
        yield name


def _lines(server: servers.Server, script: bytes) -> list[str]:
    kept = [line for line in script.split(b"\n") if not _RUN_TO_RUN.match(line)]
    return restorable([line.decode("latin-1") for line in kept], server)


def _dumped(server: servers.Server, database: str, *options: str) -> list[str]:
    program = servers.client("pg_dump", version=NEWEST_CLIENT)
    return _lines(server, program.run(server, *options, database).stdout)


@pytest.mark.parametrize(
    ("name", "sample"),
    [pytest.param("pg18", sample, id=f"pg18-{sample.name}") for sample in SAMPLES]
    + [pytest.param("pg10", sample, id=f"pg10-{sample.name}") for sample in SAMPLES[:3]],
)
def test_every_byte_comes_through(server_pool: ServerPool, tmp_path: Path, name: str, sample: Sample) -> None:
    server = server_pool.get(name)
    with _database(server, sample.name) as database:
        _fill(server, database, sample.text)
        expected = _dumped(server, database)
        assert sample.text in "\n".join(expected).encode("latin-1")

        script = back_up(server, database, tmp_path, format="plain", compression="none")[0]
        assert _lines(server, script.read_bytes()) == expected
        with _database(server, sample.name) as copy:
            servers.client("psql", version=NEWEST_CLIENT).run(server, "-Xq", "-d", copy, "-f", script)
            assert _dumped(server, copy) == expected
        with _database(server, sample.name) as copy:
            restore(server, script, copy)
            assert _dumped(server, copy) == expected

        for form in ("custom", "directory", "tar") if name == "pg18" else ("custom",):
            archive = back_up(server, database, tmp_path, format=form)[0]
            with _database(server, sample.name) as copy:
                program = servers.client("pg_restore", version=max(14, server.version[0]))
                program.run(server, "--exit-on-error", "-d", copy, archive)
                assert _dumped(server, copy) == expected, form
        script.unlink()
        inserts = back_up(server, database, tmp_path, format="plain", compression="none", column_inserts=True)[0]
        assert _lines(server, inserts.read_bytes()) == _dumped(server, database, "--column-inserts")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_archives_of_the_genuine_tools_are_restored(server_pool: ServerPool, tmp_path: Path, sample: Sample) -> None:
    server = server_pool.get("pg18")
    with _database(server, sample.name) as database:
        _fill(server, database, sample.text)
        theirs = pg_dump(server, database, tmp_path / "theirs.dump", version=newest_client(server))
        ours = back_up(server, database, tmp_path)[0]
        expected = _dumped(server, database)
        for archive in (theirs, ours):
            with _database(server, sample.name) as copy:
                restore(server, archive, copy)
                assert _dumped(server, copy) == expected
        if sample.codec:
            # The server converts what it is sent.
            with new_database(server) as copy:
                restore(server, ours, copy)
                assert _dumped(server, copy) == [_in_utf8(line, sample) for line in expected]


def _in_utf8(line: str, sample: Sample) -> str:
    """A line of :func:`_lines` as a UTF-8 database has it."""
    if line.startswith("SET client_encoding"):
        return "SET client_encoding = 'UTF8';"
    return line.encode("latin-1").decode(sample.codec).encode().decode("latin-1")
