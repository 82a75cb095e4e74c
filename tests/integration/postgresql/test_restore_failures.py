# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restores that stop in the middle: what is said, what is left, and that no data is shown or run."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from dbfleet.errors import JobInterrupted, RestoreError
from dbfleet.postgresql.toc import TocEntry
from dbfleet.progress import Progress, ProgressState
from tests import servers
from tests.integration.postgresql.restore_support import (
    LocalArtifact,
    assert_equal_databases,
    content_of,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    schema_of,
    target,
    transcribe,
)
from tests.servers.fixtures import ServerPool

SCRIPT = """
CREATE TABLE first (a integer);
CREATE TABLE people (id integer, name varchar(12), born date, mood jsonb);
CREATE TABLE zlast (a integer);
INSERT INTO first SELECT generate_series(1, 1000);
INSERT INTO people VALUES (1, 'ann', '2001-02-03', '{}');
INSERT INTO zlast VALUES (1);
CREATE UNIQUE INDEX people_name ON people (name);
"""
SECRET = "TOP-secret-7731"


@pytest.fixture
def genuine(pg_latest: servers.Server, tmp_path: Path) -> Iterator[Path]:
    with new_database(pg_latest) as source:
        fill(pg_latest, source, SCRIPT)
        yield pg_dump(pg_latest, source, tmp_path / "genuine.dump")


@pytest.fixture
def name(pg_latest: servers.Server) -> Iterator[str]:
    with new_database(pg_latest) as made:
        yield made


BAD_ROWS = {
    "integer": (f"1\tann\t\\N\t\\N\n{SECRET}\tbob\t\\N\t\\N\n", "line 2, column id: invalid input syntax"),
    "quotes": (f'"{SECRET}"x"{SECRET}\tbob\t\\N\t\\N\n', "line 1, column id: invalid input syntax"),
    "date": (f"1\tann\t{SECRET}\t\\N\n", "line 1, column born: invalid input syntax for type date"),
    "json": (f'1\tann\t\\N\t{{"{SECRET}": }}\n', "line 1, column mood: invalid input syntax for type json"),
    "length": (f"1\t{SECRET}\t\\N\t\\N\n", r"line 1, column name: value too long for type character varying\(12\)"),
    "range": ("99999999999\tann\t\\N\t\\N\n", "line 1, column id: "),
    "columns": (f"1\t{SECRET[:8]}\n", "line 1: missing data for column"),
    "extra": (f"1\ta\t\\N\t\\N\t{SECRET}\n", "line 1: extra data after last expected column"),
    "statement": (f"DROP TABLE first; -- {SECRET}\tb\t\\N\t\\N\n", "line 1, column id: invalid input syntax"),
    "duplicate": (f"1\t{SECRET[:8]}\t\\N\t\\N\n" * 2, "restoring INDEX public.people_name failed: could not create"),
    "encoding": ("1\t\udcff\udcfe\t\\N\t\\N\n", "line 1: invalid byte sequence"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_one_bad_row_stops_the_restore(
    pg_latest: servers.Server, genuine: Path, name: str, tmp_path: Path, case: str
) -> None:
    rows, message = BAD_ROWS[case]
    archive = transcribe(genuine, tmp_path / "bad.dump", rows={"people": rows.encode("utf-8", "surrogateescape")})
    before = schema_of(pg_latest, name)
    with pytest.raises(RestoreError, match=message) as caught:
        restore(pg_latest, archive, name)
    shown = str(caught.value) + repr(caught.value.details())
    assert SECRET not in shown
    assert SECRET[:8] not in shown
    assert "99999999999" not in shown
    assert "everything was rolled back" in caught.value.message
    context = caught.value.context
    assert context["rolled_back"] is True
    assert context["done"] == []
    assert context["failed"] == ["INDEX public.people_name" if case == "duplicate" else "TABLE DATA public.people"]
    assert "TABLE public.zlast" in context["not_begun"]
    assert context["sqlstate"]
    assert schema_of(pg_latest, name) == before
    assert content_of(pg_latest, name) == []


def test_rows_that_look_like_statements_stay_rows(
    pg_latest: servers.Server, genuine: Path, name: str, tmp_path: Path
) -> None:
    rows = b"1\t\\\\.\t\\N\t\\N\n2\tDROP TABLE\t\\N\t\\N\n3\t;--\t\\N\t\\N\n"
    archive = transcribe(genuine, tmp_path / "odd.dump", rows={"people": rows})
    restore(pg_latest, archive, name)
    with pg_latest.connect(name) as connection:
        assert connection.execute("SELECT name FROM people ORDER BY id").fetchall() == [
            ("\\.",),
            ("DROP TABLE",),
            (";--",),
        ]


def test_an_end_marker_inside_the_data_never_ends_it_silently(
    pg_latest: servers.Server, genuine: Path, name: str, tmp_path: Path
) -> None:
    """A server takes a line of backslash and dot as the end, and would ignore what follows."""
    rows = b"1\ta\t\\N\t\\N\n\\.\n2\tb\t\\N\t\\N\n"
    archive = transcribe(genuine, tmp_path / "odd.dump", rows={"people": rows})
    with pytest.raises(RestoreError, match="people"):
        restore(pg_latest, archive, name)
    assert content_of(pg_latest, name) == []


def test_a_failing_statement_names_its_item(
    pg_latest: servers.Server, genuine: Path, name: str, tmp_path: Path
) -> None:
    def change(entry: TocEntry) -> TocEntry:
        import dataclasses

        broken = "CREATE TABLE public.zlast (a nonsense);\n"
        return dataclasses.replace(entry, defn=broken) if (entry.desc, entry.tag) == ("TABLE", "zlast") else entry

    archive = transcribe(genuine, tmp_path / "bad.dump", change=change)
    with pytest.raises(RestoreError, match=r'TABLE public\.zlast failed: type "nonsense" does not exist'):
        restore(pg_latest, archive, name)
    assert content_of(pg_latest, name) == []


def test_clean_replaces_what_is_there(pg_latest: servers.Server, genuine: Path, name: str) -> None:
    fill(pg_latest, name, "CREATE TABLE people (other text); CREATE VIEW lean AS SELECT 1 AS a")
    plan, _contents = restore(pg_latest, genuine, name, clean=True)
    assert plan.drops == ("TABLE public.people",)
    plan, _contents = restore(pg_latest, genuine, name, clean=True)
    assert "TABLE public.people" in plan.drops
    fill(pg_latest, name, "DROP VIEW lean")
    with new_database(pg_latest) as other:
        restore(pg_latest, genuine, other)
        assert_equal_databases(pg_latest, other, name)


def test_clean_that_fails_leaves_the_old_content(
    pg_latest: servers.Server, genuine: Path, name: str, tmp_path: Path
) -> None:
    fill(pg_latest, name, SCRIPT + "INSERT INTO people VALUES (2, 'old', NULL, NULL)")
    before = content_of(pg_latest, name)
    archive = transcribe(genuine, tmp_path / "bad.dump", rows={"zlast": b"x\n"})
    with pytest.raises(RestoreError, match="rolled back"):
        restore(pg_latest, archive, name, clean=True)
    assert content_of(pg_latest, name) == before


def test_clean_stops_at_what_others_depend_on(pg_latest: servers.Server, genuine: Path, name: str) -> None:
    fill(pg_latest, name, "CREATE TABLE first (a integer); CREATE VIEW on_it AS SELECT * FROM first")
    with pytest.raises(RestoreError, match=r"dropping TABLE public\.first failed: .*depend"):
        restore(pg_latest, genuine, name, clean=True)


def test_force_adds_and_never_overwrites(pg_latest: servers.Server, genuine: Path, name: str) -> None:
    fill(pg_latest, name, "CREATE TABLE unrelated (a integer)")
    restore(pg_latest, genuine, name, force=True)
    before = content_of(pg_latest, name)
    with pytest.raises(RestoreError, match=r'relation "\w+" already exists'):
        restore(pg_latest, genuine, name, force=True)
    assert content_of(pg_latest, name) == before


def test_a_failed_create_leaves_nothing(pg_latest: servers.Server, genuine: Path, tmp_path: Path) -> None:
    archive = transcribe(genuine, tmp_path / "bad.dump", rows={"zlast": b"x\n"})
    before = databases(pg_latest)
    with pytest.raises(RestoreError, match="the unfinished database is removed"):
        restore(pg_latest, archive, "made_by_restore", create=True)
    assert databases(pg_latest) == before


class Interrupting:
    """A progress sink that interrupts the job when it loads a table."""

    def __init__(self, item: str) -> None:
        self._item = item

    def update(self, state: ProgressState) -> None:
        if state.phase == "restoring" and state.item == self._item and state.done_bytes:
            raise JobInterrupted("interrupted")

    def message(self, text: str) -> None:
        """Nothing to show."""

    def finish(self) -> None:
        """Nothing to end."""


@pytest.mark.parametrize("create", [False, True])
def test_an_interrupt_leaves_nothing(pg_latest: servers.Server, genuine: Path, create: bool) -> None:
    artifact = LocalArtifact(genuine)
    with new_database(pg_latest, create=not create) as name:
        before = databases(pg_latest)
        with target(pg_latest, name, create=create) as opened:
            opened.plan(artifact, None)
            with pytest.raises(JobInterrupted) as caught:
                opened.restore(artifact, None, Progress(Interrupting("public.zlast")))
        assert caught.value.hint.startswith("the unfinished database" if create else "everything was rolled back")
        assert databases(pg_latest) == before
        if not create:
            assert content_of(pg_latest, name) == []


def test_a_signal_ends_a_wait_for_a_lock(pg_latest: servers.Server, genuine: Path, name: str) -> None:
    fill(pg_latest, name, "CREATE TABLE people (a integer)")

    def ring(_number: int, _frame: object) -> NoReturn:
        raise JobInterrupted("interrupted")

    previous = signal.signal(signal.SIGALRM, ring)
    blocker = pg_latest.connect(name, autocommit=False)
    try:
        blocker.execute("SELECT * FROM people")
        signal.setitimer(signal.ITIMER_REAL, 2)
        started = time.monotonic()
        with pytest.raises(JobInterrupted):
            restore(pg_latest, genuine, name, clean=True)
        # Whoever waits for the lock waits for ever.
        assert time.monotonic() - started < 120
        with pg_latest.connect() as watcher:
            deadline = time.monotonic() + 10
            query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'dbfleet'"
            while watcher.execute(query, (name,)).fetchone()[0]:
                assert time.monotonic() < deadline, "the server still works for a job that is gone"
                time.sleep(0.05)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        blocker.close()


@pytest.mark.parametrize("create", [False, True])
def test_a_killed_server(server_pool: ServerPool, genuine: Path, tmp_path: Path, create: bool) -> None:
    rows = b"".join(b"%d\n" % number for number in range(2_000_000))
    archive = transcribe(genuine, tmp_path / "long.dump", rows={"first": rows})
    server = server_pool.fresh("pg18")
    try:
        with new_database(server, create=not create) as name:
            before = databases(server)
            killer = threading.Thread(target=kill_when_busy, args=(server,))
            killer.start()
            with pytest.raises(RestoreError, match=r"public\.first failed: the connection .* broke") as caught:
                restore(server, archive, name, create=create)
            killer.join()
            if create:
                assert "could not be removed" in caught.value.message
                assert "dbfleet_restoring_" in caught.value.hint
            server.restart()
            left = databases(server) - before
            assert name not in left
            if create:
                assert all(one.startswith("dbfleet_restoring_") for one in left)
            else:
                assert not left
                assert content_of(server, name) == []
    finally:
        server.stop()


def kill_when_busy(server: servers.Server) -> None:
    with server.connect() as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            query = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'COPY public.first%'"
            if connection.execute(query).fetchone()[0]:
                break
    server.kill()


def test_more_objects_than_locks(server_pool: ServerPool, tmp_path: Path) -> None:
    settings = {"max_locks_per_transaction": "10", "max_connections": "15"}
    server = server_pool.fresh("pg18", extra_config=settings)
    try:
        with new_database(server) as source, new_database(server) as name, new_database(server) as second:
            for number in range(400):
                fill(
                    server,
                    source,
                    f"CREATE TABLE t{number} (id serial PRIMARY KEY, a text); INSERT INTO t{number} VALUES (1)",
                )
            archive = pg_dump(server, source, tmp_path / "many.dump")
            artifact = LocalArtifact(archive)
            progress = Progress()
            with target(server, name) as opened:
                opened.plan(artifact, None)
                opened.restore(artifact, None, progress)
            assert "too many objects for one transaction" in progress.warnings[0]
            assert_equal_databases(server, source, name)
            restore(server, archive, name, clean=True)
            assert_equal_databases(server, source, name)
            fill(server, "postgres", f"DROP DATABASE {second}")
            restore(server, archive, second, create=True)
            assert_equal_databases(server, source, second)
            fill(server, "postgres", f"DROP DATABASE {second}")
            fill(server, "postgres", f"CREATE DATABASE {second} TEMPLATE template0")
            bad = transcribe(archive, tmp_path / "bad.dump", rows={"t399": b"x\ty\n"})
            with pytest.raises(RestoreError, match=r"\d+ of \d+ items were restored before and remain") as caught:
                restore(server, bad, second)
            assert caught.value.context["rolled_back"] is False
            done = caught.value.context["done"]
            assert "TABLE public.t0" in done
            assert not set(done) & set(caught.value.context["not_begun"])
            assert caught.value.context["failed"] == ["TABLE DATA public.t399"]
            with server.connect(second) as connection:
                there = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r'").fetchall()
            assert {f"TABLE public.{name}" for (name,) in there} >= {
                one for one in done if one.startswith("TABLE public")
            }
    finally:
        server.stop()
