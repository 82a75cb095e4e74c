# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that would restore an archive: it is that of the newest pg_restore, byte by byte."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from dbfleet.streams.compression import Compression
from tests import servers
from tests.integration.postgresql.backup_support import back_up, dumped, fill_with_zoo
from tests.integration.postgresql.restore_support import fill, new_database, transcribe
from tests.servers.fixtures import ServerPool

NEWEST = 18
COMMAND = (sys.executable, "-m", "dbfleet.cli")
KEY = "aKeyOfTheTests"
ZOO = ("tables", "functions", "partitions", "given_privileges", "views", "large_objects", "sequences")
FORMS = {"custom": ("-Fc",), "folder": ("-Fd", "-Z0"), "tar": ("-Ft",), "inserts": ("-Fc", "--inserts")}
# A database's own statements and drops, names, parts, owners, settings.
OPTIONS = [
    (),
    ("--create",),
    ("--clean",),
    ("--clean", "--if-exists"),
    ("--clean", "--if-exists", "--create"),
    ("--schema-only", "--no-owner", "--no-privileges"),
    ("--data-only", "--disable-triggers"),
    ("--data-only", "--disable-triggers", "--superuser=root", "--use-set-session-authorization"),
    ("--use-set-session-authorization", "--clean"),
    ("--no-tablespaces", "--no-table-access-method", "--no-comments"),
    ("--role=the role", "--enable-row-security", "--section=pre-data"),
    ("--section=post-data",),
    ("--exclude-schema=zoo_views", "--no-data"),
]
# What the newest pg_restore sends to every server, though only 17 and later know it.
_NEWER = re.compile(rb"^SET transaction_timeout = 0;\n", re.MULTILINE)
_VERSIONS = re.compile(rb"^-- Dumped by .*\n", re.MULTILINE)


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> set[str]:
    return set()


def zoo_on(pool: ServerPool, filled: set[str], name: str) -> servers.Server:
    server = pool.get(name)
    if name not in filled:
        filled.add(name)
        fill(server, "postgres", "DROP DATABASE IF EXISTS scripted")
        fill(server, "postgres", "CREATE DATABASE scripted TEMPLATE template0")
        fill_with_zoo(server, "scripted", *ZOO)
        for statement in ("COMMENT ON DATABASE scripted IS 'it'", "ALTER DATABASE scripted SET work_mem = '9MB'"):
            fill(server, "postgres", statement)
    return server


def ours(archive: Path, target: Path, *options: str) -> bytes:
    arguments = ["restore", "postgresql", "--source", str(archive), "--file", str(target), f"--restrict-key={KEY}"]
    assert main([*arguments, "--quiet", *options]) == 0
    return target.read_bytes()


def genuine(archive: Path, *options: str, version: int) -> bytes:
    arguments = ("-f", "-", f"--restrict-key={KEY}", *options)
    script = servers.client("pg_restore", version=NEWEST).run(None, *arguments, archive).stdout
    script = _VERSIONS.sub(b"", script)
    return script if version >= 17 else _NEWER.sub(b"", script)


@pytest.mark.parametrize(
    ("name", "client", "form"),
    [
        ("pg10", 14, "custom"),
        ("pg10", 16, "folder"),
        ("pg18", 18, "custom"),
        ("pg18", 18, "tar"),
        ("pg18", 18, "inserts"),
    ],
)
def test_it_is_that_of_pg_restore(
    name: str, client: int, form: str, server_pool: ServerPool, filled: set[str], tmp_path: Path
) -> None:
    server = zoo_on(server_pool, filled, name)
    archive = tmp_path / "archive"
    servers.client("pg_dump", version=client).run(server, *FORMS[form], "-f", archive, "scripted")
    # How an archive is stored makes a difference for its data only.
    for options in OPTIONS if form == "custom" else OPTIONS[::5]:
        expected = genuine(archive, *options, version=server.version[0])
        assert _VERSIONS.sub(b"", ours(archive, tmp_path / "script.sql", *options)) == expected, options


def test_an_archive_without_a_search_path_of_its_own(server_pool: ServerPool, filled: set[str], tmp_path: Path) -> None:
    """Archives before 1.13 name objects without their schema."""
    server = zoo_on(server_pool, filled, "pg10")
    made = tmp_path / "made.dump"
    servers.client("pg_dump", version=14).run(server, "-Fc", "-f", made, "scripted")
    old = transcribe(
        made,
        tmp_path / "old.dump",
        version=(1, 12),
        compression=Compression("gzip", 6),
        change=lambda entry: None if entry.desc == "SEARCHPATH" else entry,
    )
    for options in ((), ("--clean", "--if-exists"), ("--create",)):
        expected = genuine(old, *options, version=10)
        assert _VERSIONS.sub(b"", ours(old, tmp_path / "script.sql", *options)) == expected


def test_our_own_backup_becomes_a_script_that_psql_runs(
    server_pool: ServerPool, filled: set[str], tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    archive, _contents, _progress = back_up(server, "scripted", tmp_path, format="directory")
    assert main(["restore", "postgresql", "--source", str(archive), "--file", "-", "--quiet"]) == 0
    script = capfdbinary.readouterr().out
    with new_database(server) as copy:
        servers.client("psql", version=NEWEST).run(server, "-Xq", "-d", copy, input=script)
        assert dumped(server, copy) == dumped(server, "scripted")


def test_an_archive_from_standard_input(server_pool: ServerPool, filled: set[str], tmp_path: Path) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    archive = tmp_path / "archive.dump"
    servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, "scripted")
    kept = tmp_path / "kept"
    kept.mkdir()
    with archive.open("rb") as piped:
        done = subprocess.run(
            [*COMMAND, "restore", "postgresql", "--source", "-", "--file", "-", f"--restrict-key={KEY}", "--quiet"],
            stdin=piped, capture_output=True, check=True, env={**os.environ, "TMPDIR": str(kept)},
        )  # fmt: skip
    assert _VERSIONS.sub(b"", done.stdout) == genuine(archive, version=18)
    assert list(kept.iterdir()) == []


def test_a_reader_of_the_script_that_goes_away_is_an_error(server_pool: ServerPool, tmp_path: Path) -> None:
    """More than a pipe can hold is left to be written when its other end is closed."""
    server = server_pool.get("pg18")
    archive = tmp_path / "large.dump"
    with new_database(server) as name:
        fill(server, name, "CREATE TABLE large AS SELECT n, md5(n::text) AS text FROM generate_series(1, 200000) n")
        servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, name)
    process = subprocess.Popen(
        [*COMMAND, "restore", "postgresql", "--source", str(archive), "--file", "-", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(2) == b"--"
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 1, said
    assert said.startswith("error: ")
    assert "Traceback" not in said


def test_no_script_appears_of_what_is_damaged_or_not_found(
    server_pool: ServerPool, filled: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = zoo_on(server_pool, filled, "pg18")
    archive = tmp_path / "archive.dump"
    servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, "scripted")
    target = tmp_path / "script.sql"
    target.write_text("before")
    whole = archive.read_bytes()
    command = ["restore", "postgresql", "--source", str(archive), "--file", str(target)]
    assert main([*command, "--table", "no such"]) == 1
    assert main([*command, "--check"]) == 0
    archive.write_bytes(whole[:-1])
    assert main(command) == 1
    assert "is not a whole archive" in capsys.readouterr().err
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive.dump", "script.sql"]
    for wrong in (["--force"], ["--database", "d"], ["--disable-triggers"], ["--if-exists"], ["--json", "--file", "-"]):
        assert main([*command, *wrong]) == 2, wrong
    archive.write_bytes(b"SELECT 1;\n")
    assert main(command) == 2
    assert "is a script already" in capsys.readouterr().err


def test_rows_with_an_end_marker_among_them_make_no_script(
    server_pool: ServerPool, filled: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """psql would run what stands behind it."""
    server = zoo_on(server_pool, filled, "pg18")
    archive = tmp_path / "archive.dump"
    with new_database(server) as name:
        fill(server, name, "CREATE TABLE t (a text); INSERT INTO t VALUES ('x')")
        servers.client("pg_dump", version=18).run(server, "-Fc", "-f", archive, name)
    for rows in (b"\\.\nDROP TABLE t;\n", b"x\n\\.\r\nDROP TABLE t;\n", b"y" * (1 << 18) + b"\n\\.\nDROP TABLE t;\n"):
        hostile = transcribe(archive, tmp_path / "hostile.dump", rows={"t": rows})
        assert main(["restore", "postgresql", "--source", str(hostile), "--file", str(tmp_path / "s.sql")]) == 1
        assert "end marker in their midst" in capsys.readouterr().err
        assert not (tmp_path / "s.sql").exists()
