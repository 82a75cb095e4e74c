# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that are killed at every step that names, makes or removes a database, and servers that crash."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.main import main
from dbfleet.errors import RestoreError
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.postgresql.session import Session
from tests import servers
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    content_of,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    schema_of,
)
from tests.servers.fixtures import ServerPool

OLD, LATEST = "pg11", "pg18"
NEW = """
CREATE TABLE new (a int PRIMARY KEY); INSERT INTO new SELECT generate_series(1, 3);
CREATE FUNCTION no_drops() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nothing is dropped'; END $$;
CREATE EVENT TRIGGER no_drops ON sql_drop EXECUTE PROCEDURE no_drops();
"""
_OURS = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'dbfleet%'"


@pytest.fixture(scope="module", params=(OLD, LATEST))
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> servers.Server:
    return server_pool.get(request.param)


@pytest.fixture(scope="module")
def source(server: servers.Server) -> Iterator[str]:
    with new_database(server) as name:
        fill(server, name, NEW)
        yield name


@pytest.fixture(scope="module")
def archive(server: servers.Server, source: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pg_dump(server, source, tmp_path_factory.mktemp("archive") / "genuine.dump")


@pytest.fixture(scope="module")
def expected(server: servers.Server, source: str) -> tuple[str, list[tuple[Any, ...]]]:
    """The source's schema and content."""
    return schema_of(server, source), content_of(server, source)


def arguments(server: servers.Server, archive: Path, name: str, *more: str) -> list[str]:
    where = ["--host", str(server.socket), "--port", str(server.port), "--user", server.user]
    return ["restore", "postgresql", *where, "--source", str(archive), "--database", name, "--create", "--quiet", *more]


def run(server: servers.Server, archive: Path, name: str, *more: str) -> None:
    """The command, to its end; in this process, which has loaded all of it."""
    assert main(arguments(server, archive, name, *more)) == 0


def run_killed(
    server: servers.Server, archive: Path, name: str, *more: str, when: str, number: int, pattern: str
) -> None:
    """The command, killed at a statement."""
    program = [sys.executable, "-m", "tests.integration.postgresql.killed_command", when, str(number), pattern, "--"]
    environment = {**os.environ, **server.env()}
    ended = subprocess.run(
        [*program, *arguments(server, archive, name, *more)],
        env=environment, capture_output=True, timeout=100, check=False,
    )  # fmt: skip
    assert ended.returncode == -9, ended.stderr.decode()
    with server.connect() as connection:
        deadline = time.monotonic() + 20
        while connection.execute(_OURS).fetchone()[0]:
            assert time.monotonic() < deadline, "the server still works for a command that is gone"
            time.sleep(0.02)


@pytest.mark.parametrize(
    ("server", "when", "number", "pattern", "replaced"),
    [
        (LATEST, "after", 1, "CREATE DATABASE", False),
        (LATEST, "before", 1, "ALTER DATABASE .* RENAME", False),
        (LATEST, "after", 1, "ALTER DATABASE .* RENAME", False),
        (LATEST, "after", 2, "ALTER DATABASE .* RENAME", False),
        (LATEST, "before", 1, r"\s*SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.shobj", True),
        (LATEST, "before", 1, "DROP DATABASE", True),
        (LATEST, "after", 1, "DROP DATABASE", True),
        (OLD, "after", 2, "ALTER DATABASE .* RENAME", False),
        (OLD, "before", 1, "DROP DATABASE", True),
    ],
    indirect=["server"],
)
def test_killed_while_replacing(
    server: servers.Server,
    expected: tuple[str, list[tuple[Any, ...]]],
    archive: Path,
    when: str,
    number: int,
    pattern: str,
    replaced: bool,
) -> None:
    """There is always a whole database under the name, and the next restore removes what is left."""
    with new_database(server) as name:
        fill(server, name, "CREATE TABLE old (a int)")
        before = databases(server)
        run_killed(server, archive, name, "--replace", when=when, number=number, pattern=pattern)
        with server.connect(name) as connection:
            there = connection.execute("SELECT to_regclass('new') IS NOT NULL, to_regclass('old') IS NOT NULL")
            assert there.fetchone() == (replaced, not replaced)
        run(server, archive, name, "--replace")
        assert (schema_of(server, name), content_of(server, name)) == expected
        assert databases(server) == before


@pytest.mark.parametrize(
    ("server", "when", "pattern"),
    [
        (LATEST, "after", "CREATE DATABASE"),
        (LATEST, "after", "CREATE SCHEMA dbfleet_resume"),
        (LATEST, "after", "INSERT INTO dbfleet_resume"),
        (LATEST, "before", "DROP SCHEMA"),
        (LATEST, "after", "DROP SCHEMA"),
        (LATEST, "after", "ALTER DATABASE .* RENAME"),
        (OLD, "after", "DROP SCHEMA"),
    ],
    indirect=["server"],
)
def test_killed_while_it_can_be_resumed(
    server: servers.Server,
    expected: tuple[str, list[tuple[Any, ...]]],
    archive: Path,
    tmp_path: Path,
    when: str,
    pattern: str,
) -> None:
    """Whatever is recorded where, the next run comes to the end, and nothing is left of the records."""
    before = databases(server)
    with new_database(server, create=False) as name:
        asked = ("--resume", "--state-folder", str(tmp_path / "state"))
        run_killed(server, archive, name, *asked, when=when, number=1, pattern=pattern)
        run(server, archive, name, *asked)
        assert (schema_of(server, name), content_of(server, name)) == expected
        assert databases(server) - before == {name}
        assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize("create", [False, True])
def test_a_crash_takes_back_what_seemed_to_be_done(
    server_pool: ServerPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: bool
) -> None:
    """The server loses a transaction, and others get and commit its number before the restore is resumed."""
    with (
        server_pool.fresh("pg18") as server,
        new_database(server) as origin,
        new_database(server, create=not create) as name,
    ):
        fill(server, origin, "".join(f"CREATE TABLE t{n} (a int); INSERT INTO t{n} VALUES ({n}); " for n in range(9)))
        archive = pg_dump(server, origin, tmp_path / "genuine.dump")
        options: dict[str, Any] = {
            "create": create,
            "run": RunOptions(resume=True, state_folder=str(tmp_path / "state"), transaction_size=3),
        }
        numbers = []
        execute = Session.execute

        def crashing(self: Session, sql: str, *arguments: Any, **named: Any) -> str:
            if sql == "COMMIT":
                numbers.append(int(self.value("SELECT pg_catalog.txid_current()") or 0))
                if len(numbers) == 4:
                    server.kill()
            return execute(self, sql, *arguments, **named)

        monkeypatch.setattr(Session, "execute", crashing)
        with pytest.raises(RestoreError):
            restore(server, archive, name, **options)
        monkeypatch.undo()
        server.restart()
        with server.connect() as connection:
            connection.autocommit = True
            while connection.execute("SELECT txid_current()").fetchone()[0] <= numbers[-1]:
                pass
            assert connection.execute("SELECT txid_status(%s)", (numbers[-1],)).fetchone() is not None
        restore(server, archive, name, **options)
        assert content_of(server, name) == content_of(server, origin)
        assert list((tmp_path / "state").iterdir()) == []


def test_a_database_made_again_is_not_taken_for_the_one_that_was_begun(
    server_pool: ServerPool, source: str, archive: Path, server: servers.Server, tmp_path: Path
) -> None:
    with new_database(server) as name:
        options = {"run": RunOptions(resume=True, state_folder=str(tmp_path / "state"))}
        fill(server, name, "CREATE FUNCTION public.no_drops() RETURNS int LANGUAGE sql AS 'SELECT 1'")
        with pytest.raises(RestoreError, match="no_drops"):
            restore(server, archive, name, force=True, **options)
        fill(server, "postgres", f"DROP DATABASE {name}")
        fill(server, "postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        restore(server, archive, name, **options)
        assert_equal_databases(server, source, name)
