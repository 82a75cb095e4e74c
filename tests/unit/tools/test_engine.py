# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the vendors' programs take over, and which of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import (
    ConnectError,
    CorruptArtifactError,
    DbfleetError,
    DriverMissingError,
    NotFoundError,
    OutOfSpaceError,
    PrivilegeError,
    UnsupportedObjectError,
    UsageError,
)
from dbfleet.tools.engine import AUTO, NATIVE, TOOLS, Engine
from dbfleet.tools.environment import program_environment
from dbfleet.tools.programs import MARIADB, MYSQL, POSTGRESQL, find_programs, newest, program_for

DECLARED = (
    UnsupportedObjectError("the database holds a thing"),
    ConnectError("PostgreSQL 9.6 is not supported", unknown_version=True),
    DriverMissingError("no psycopg", package="psycopg[binary]"),
    DriverMissingError("no PyMySQL", package="PyMySQL"),
)
NOT_DECLARED = (
    ConnectError("password authentication failed"),
    DriverMissingError("no zstandard", package="zstandard"),
    OutOfSpaceError("the disk is full"),
    CorruptArtifactError("the archive is damaged"),
    PrivilegeError("may not"),
    UsageError("nonsense"),
)


@pytest.mark.parametrize("error", DECLARED, ids=str)
def test_what_the_native_engine_declares_is_a_reason(error: DbfleetError) -> None:
    instead = Engine(AUTO, programs="/p", arguments=("--inserts",)).instead(error)
    assert instead == Engine(TOOLS, programs="/p", arguments=("--inserts",), reason=error.message)
    assert Engine(NATIVE).instead(error) is None
    assert Engine(TOOLS).instead(error) is None
    assert Engine(AUTO, unhonoured=("archive_version",)).instead(error) is None


@pytest.mark.parametrize("error", NOT_DECLARED, ids=str)
def test_nothing_else_is_a_reason(error: DbfleetError) -> None:
    assert Engine(AUTO).instead(error) is None


def program(folder: Path, name: str, words: str, code: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{words}'\nexit {code}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("words", "family", "version"),
    [
        ("pg_dump (PostgreSQL) 16.10 (Debian 16.10-1.pgdg12+1)", POSTGRESQL, (16, 10)),
        ("pg_dump (PostgreSQL) 19devel", POSTGRESQL, (19, 0)),
        ("mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)", MYSQL, (5, 7, 44)),
        ("mysqldump  Ver 8.4.3 for Linux on x86_64 (MySQL Community Server - GPL)", MYSQL, (8, 4, 3)),
        ("mysqldump  Ver 10.19 Distrib 10.5.29-MariaDB, for debian-linux-gnu (x86_64)", MARIADB, (10, 5, 29)),
        ("/usr/bin/mariadb-dump from 11.8.6-MariaDB, client 10.19 for debian-linux-gnu", MARIADB, (11, 8, 6)),
    ],
)
def test_programs_say_their_version(tmp_path: Path, words: str, family: str, version: tuple[int, ...]) -> None:
    program(tmp_path / "bin", "dump", words)
    (found,) = find_programs(("dump",), family, str(tmp_path / "bin"))
    assert (found.family, found.version) == (family, version)
    assert "/" not in found.words.split()[0]
    others = {POSTGRESQL, MYSQL, MARIADB} - {family}
    assert not any(find_programs(("dump",), other, str(tmp_path / "bin")) for other in others)


def test_the_program_of_the_server_s_series_is_taken_else_the_oldest_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for series in (14, 16, 17):
        program(tmp_path / str(series), "pg_dump", f"pg_dump (PostgreSQL) {series}.2")
    program(tmp_path / "broken", "pg_dump", "pg_dump (PostgreSQL) 18.1", code=1)
    monkeypatch.setenv("PATH", ":".join(str(tmp_path / name) for name in ("17", "14", "16", "broken")))
    monkeypatch.setattr("dbfleet.tools.programs._USUAL_FOLDERS", {POSTGRESQL: ()})
    for server, expected in (((16, 9), 16), ((15, 1), 16), ((10, 0), 14), ((17, 0), 17)):
        assert program_for(("pg_dump",), POSTGRESQL, server).version == (expected, 2)
    assert newest(("pg_dump",), (POSTGRESQL,)).version == (17, 2)
    with pytest.raises(UsageError, match="older than the server, which is PostgreSQL 18.0"):
        program_for(("pg_dump",), POSTGRESQL, (18, 0))
    with pytest.raises(NotFoundError, match="no program pg_restore of PostgreSQL in"):
        program_for(("pg_restore",), POSTGRESQL, (16, 0))


def test_programs_see_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ("PGPASSWORD", "MYSQL_PWD", "AWS_SECRET_ACCESS_KEY", "DBFLEET_AGE_IDENTITY", "ANYTHING")
    for name in secrets:
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("PGSSLMODE", "require")
    environment = program_environment(MORE="1")
    assert "secret" not in environment.values()
    assert (environment["PGSSLMODE"], environment["MORE"], environment["LC_ALL"]) == ("require", "1", "C")
