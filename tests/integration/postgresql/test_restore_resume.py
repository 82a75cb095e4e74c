# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that are interrupted at any point and go on from there."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import LockedError, RestoreError, TargetNotEmptyError, UsageError
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.postgresql.restore_selection import RestoreSelection
from dbfleet.postgresql.restore_session import SessionOptions
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    LocalArtifact,
    assert_equal_databases,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    target,
    transcribe,
)
from tests.servers.fixtures import ServerPool

LATEST = "pg18"
ENGINE = [sys.executable, "-m", "dbfleet.cli"]
MANY = """
DO $$ BEGIN FOR i IN 1 .. 50 LOOP
    EXECUTE format('CREATE TABLE t%s AS SELECT n, repeat(md5(n::text), 3) AS x FROM generate_series(1, %s) n', i, i * 20);
    EXECUTE format('ALTER TABLE t%s ADD PRIMARY KEY (n)', i);
    EXECUTE format('CREATE INDEX ON t%s (x)', i);
END LOOP; END $$;
CREATE TABLE large AS SELECT n, repeat(md5(n::text), 10) AS x FROM generate_series(1, 60000) n;
CREATE INDEX ON large (x);
SELECT lo_from_bytea(0, decode(repeat('00ff10', 1000), 'hex')) FROM generate_series(1, 30);
"""  # noqa: E501


@pytest.fixture(scope="module")
def filled(server_pool: ServerPool) -> Iterator[str]:
    server = server_pool.get(LATEST)
    with new_database(server) as name:
        fill(server, name, SAMPLE)
        fill(server, name, MANY)
        # PostgreSQL itself may not come up after a crash in the moment in which an unlogged table is made: its startup
        # process then finds the table's file where it wants to create it.
        fill(server, name, "DROP TABLE public.scratch")
        yield name


@pytest.fixture(scope="module")
def archive(server_pool: ServerPool, filled: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pg_dump(server_pool.get(LATEST), filled, tmp_path_factory.mktemp("archive") / "genuine.dump")


def command(server: servers.Server, archive: Path, name: str, state: Path, *more: str) -> list[str]:
    where = ["--host", str(server.socket), "--port", str(server.port), "--user", server.user]
    asked = ["--source", str(archive), "--database", name, "--resume", "--state-folder", str(state), "--quiet"]
    return [*ENGINE, "restore", "postgresql", *where, *asked, *more]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


def interrupted(
    argv: list[str], environment: dict[str, str], state: Path, delay: float, kill: Callable[[int], Any]
) -> int:
    """Begin a restore and do something bad to it, ``delay`` seconds after it began to record; its exit code."""
    process = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    while process.poll() is None and not any(path.stat().st_size for path in state.iterdir()):
        time.sleep(0.01)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        kill(process.pid)
    output, _none = process.communicate(timeout=100)
    assert b"Traceback" not in output, output.decode()
    return process.returncode


def interrupted_in_the_middle(
    server: servers.Server, name: str, argv: list[str], state: Path, kill: Callable[[int], Any]
) -> None:
    """The same, until it was still at work then: on a busy machine it may be done before anybody looks."""
    for _attempt in range(5):
        if interrupted(argv, {**os.environ, **server.env()}, state, 0.1, kill):
            return
        if not server.running:
            server.restart()
        server.execute(f'DROP DATABASE "{name}"')
    pytest.fail("it was always over before it could be interrupted")


@pytest.mark.parametrize(("jobs", "create"), [(1, True), (3, True), (2, False)])
def test_killed_again_and_again_it_comes_to_the_same_end(
    pg_latest: servers.Server, filled: str, archive: Path, tmp_path: Path, jobs: int, create: bool
) -> None:
    """The process is killed at random moments, until it comes to its end."""
    before = databases(pg_latest)
    moments = random.Random(jobs * 2 + create)
    with new_database(pg_latest, create=not create) as name:
        argv = command(pg_latest, archive, name, tmp_path, "--jobs", str(jobs), *(["--create"] if create else []))
        environment = {**os.environ, **pg_latest.env()}
        ended = 1
        for _number in range(3):
            if ended:
                delay = moments.uniform(0.05, 0.6)
                ended = interrupted(argv, environment, tmp_path, delay, lambda pid: os.kill(pid, signal.SIGKILL))
        if ended:
            subprocess.run(argv, env=environment, check=True, timeout=100)
        assert_equal_databases(pg_latest, filled, name)
        assert list(tmp_path.iterdir()) == []
    assert databases(pg_latest) == before


def test_a_killed_worker_stops_all_and_can_be_resumed(
    pg_latest: servers.Server, filled: str, archive: Path, tmp_path: Path
) -> None:
    with new_database(pg_latest, create=False) as name:
        argv = command(pg_latest, archive, name, tmp_path, "--jobs", "2", "--create")
        environment = {**os.environ, **pg_latest.env()}

        def kill(pid: int) -> None:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                found = children(pid)
                if found:
                    os.kill(found[0], signal.SIGKILL)
                    return
                time.sleep(0.01)

        interrupted_in_the_middle(pg_latest, name, argv, tmp_path, kill)
        assert name not in databases(pg_latest)
        subprocess.run(argv, env=environment, check=True, timeout=100)
        assert_equal_databases(pg_latest, filled, name)


def test_a_killed_server_is_no_obstacle(server_pool: ServerPool, filled: str, archive: Path, tmp_path: Path) -> None:
    """What was said to be committed is there after the server comes back."""
    with server_pool.fresh(LATEST) as server, new_database(server, create=False) as name:
        argv = command(server, archive, name, tmp_path, "--create", "--jobs", "2")
        environment = {**os.environ, **server.env()}
        interrupted_in_the_middle(server, name, argv, tmp_path, lambda _pid: server.kill())
        server.restart()
        (state,) = tmp_path.iterdir()
        lines = [json.loads(line) for line in state.read_text(encoding="ascii").splitlines()]
        assert lines[0]["database"].startswith("dbfleet_resumable_")
        subprocess.run(argv, env=environment, check=True, timeout=100)
        with server.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM large").fetchone() == (60000,)
            assert connection.execute(
                "SELECT count(*) FROM pg_class WHERE relkind = 'i' AND relname ~ '^t[0-9]'"
            ).fetchone() == (100,)


def run(folder: Path) -> dict[str, Any]:
    return {"run": RunOptions(resume=True, state_folder=str(folder))}


def test_an_error_can_be_mended_and_the_restore_resumed(pg_server: servers.Server, tmp_path: Path) -> None:
    """On every version: the server tells what became of a transaction."""
    with new_database(pg_server) as source, new_database(pg_server, create=False) as name:
        fill(pg_server, source, SAMPLE)
        archive = pg_dump(pg_server, source, tmp_path / "genuine.dump")
        bad = transcribe(archive, tmp_path / "bad.dump", rows={"orders": b"not a row\n"})
        before = databases(pg_server)
        for _attempt in range(2):
            with pytest.raises(RestoreError, match="run it again with resume to go on") as caught:
                restore(pg_server, bad, name, create=True, **run(tmp_path))
            assert caught.value.context["failed"] == ["TABLE DATA shop.orders"]
            (left,) = databases(pg_server) - before
            assert left.startswith("dbfleet_resumable_")
        # The same archive with whole data.
        archive.replace(bad)
        restore(pg_server, bad, name, create=True, **run(tmp_path))
        assert_equal_databases(pg_server, source, name)
        assert databases(pg_server) - before == {name}


def test_another_restore_is_not_taken_for_the_same(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        first = pg_dump(pg_latest, source, tmp_path / "first.dump")
        bad = transcribe(first, tmp_path / "bad.dump", rows={"t": b"x\n"})
        with pytest.raises(RestoreError):
            restore(
                pg_latest, bad, name, run=RunOptions(resume=True, state_folder=str(tmp_path / "s"), transaction_size=1)
            )
        fill(pg_latest, source, "CREATE TABLE other (a int)")
        second = pg_dump(pg_latest, source, tmp_path / "second.dump")
        with pytest.raises(TargetNotEmptyError, match="TABLE public.t"):
            restore(pg_latest, second, name, **run(tmp_path / "s"))
        with pytest.raises(TargetNotEmptyError, match="TABLE public.t"):
            restore(pg_latest, bad, name)


def test_the_same_restore_does_not_run_twice(pg_latest: servers.Server, archive: Path, tmp_path: Path) -> None:
    with (
        new_database(pg_latest) as name,
        target(pg_latest, name, **run(tmp_path)) as first,
        target(pg_latest, name, **run(tmp_path)) as second,
    ):
        first.plan(LocalArtifact(archive), None)
        with pytest.raises(LockedError, match="the same restore is running"):
            second.plan(LocalArtifact(archive), None)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_resumed_is_refused(pg_latest: servers.Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="resume does not go with clean"):
        restore(pg_latest, tmp_path, "any", clean=True, **run(tmp_path))
    script = tmp_path / "script.sql"
    script.write_text("-- PostgreSQL database dump\n", encoding="ascii")
    with pytest.raises(UsageError, match="resume does not go with the script"):
        restore(pg_latest, script, "any", **run(tmp_path))


@pytest.mark.parametrize("create", [True, False])
def test_a_role_that_is_no_superuser_leaves_marks_too(server_pool: ServerPool, tmp_path: Path, create: bool) -> None:
    # Where everybody may create in the schema public.
    server = server_pool.get("pg11")
    fill(server, "postgres", "CREATE ROLE modest")
    try:
        with new_database(server) as source, new_database(server, create=not create) as name:
            fill(server, source, "CREATE TABLE t AS SELECT 1 AS a; CREATE TABLE u AS SELECT 2 AS a")
            archive = pg_dump(server, source, tmp_path / "genuine.dump")
            bad = transcribe(archive, tmp_path / "bad.dump", rows={"u": b"x\n"})
            if not create:
                fill(server, "postgres", f"ALTER DATABASE {name} OWNER TO modest")
            options: dict[str, Any] = {
                "create": create,
                "session": SessionOptions(role="modest"),
                "selection": RestoreSelection(no_owner=True),
                "run": RunOptions(resume=True, state_folder=str(tmp_path / "state"), transaction_size=1),
            }
            with pytest.raises(RestoreError, match="3 of 4 items were restored before and remain"):
                restore(server, bad, name, **options)
            archive.replace(bad)
            restore(server, bad, name, **options)
            owners = server.execute("SELECT tableowner FROM pg_tables WHERE schemaname = 'public'", database=name)
            assert owners == [("modest",), ("modest",)]
            assert server.execute("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'dbfleet%'", database=name) == []
    finally:
        fill(server, "postgres", "DROP ROLE modest")
