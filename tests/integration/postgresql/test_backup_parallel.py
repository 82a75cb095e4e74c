# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directory backups by several processes: one snapshot, exact records, and no remains when one of them fails."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import ConsistencyError, CorruptArtifactError, DbfleetError
from dbfleet.postgresql import dump_parallel
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress, ProgressState
from dbfleet.repository.artifact import open_backup
from dbfleet.workers import WorkerFailed
from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    fill_with_zoo,
    restore_genuinely,
)
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    connection_options,
    fill,
    new_database,
    restore,
    target,
)
from tests.servers.fixtures import Database

_WIDE = "CREATE TABLE {name} AS SELECT g AS id, repeat(md5(g::text), 20) AS text FROM generate_series(1, {rows}) g"


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are split that are far too small for it."""
    monkeypatch.setattr(dump_parallel, "_LEAST_PART", 1 << 15)


@pytest.fixture(params=["fork", "spawn"])
def either_start(request: pytest.FixtureRequest) -> Iterator[None]:
    """Processes are forked where this is the only thread, and started anew beside another."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    if request.param == "spawn":
        thread.start()
    yield
    ended.set()
    if request.param == "spawn":
        thread.join()


def children() -> set[int]:
    """The worker processes that this one has started."""
    own = Path("/proc/self/cmdline").read_bytes()
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_bytes()
            if command == own or b"--multiprocessing-fork" in command:
                found.add(int(child))
    return found


@pytest.fixture
def no_process_left() -> Iterator[None]:
    yield
    assert children() == set()


@pytest.mark.slow
@pytest.mark.usefixtures("small_parts", "no_process_left")
def test_the_zoo_by_four_jobs_is_the_zoo(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    fill_with_zoo(server, pg_database.name)
    artifact, _contents, progress = back_up(server, pg_database.name, tmp_path, format="directory", jobs=4)
    assert progress.warnings == []
    with new_database(server) as copy:
        restore_genuinely(server, artifact, copy)
        assert dumped(server, copy) == dumped(server, pg_database.name)


@pytest.mark.usefixtures("small_parts", "either_start", "no_process_left")
@pytest.mark.parametrize("compression", ["none", "gzip:6", "gzip:9", "zstd:3", "lz4"])
def test_a_table_in_parts_is_one_file(pg_latest_database: Database, tmp_path: Path, compression: str) -> None:
    server, name = pg_latest_database.server, pg_latest_database.name
    fill(server, name)
    pg_latest_database.execute(_WIDE.format(name="big", rows=5000), "DELETE FROM big WHERE id BETWEEN 1000 AND 1500")
    (tmp_path / "one").mkdir()
    _artifact, serial, _progress = back_up(server, name, tmp_path / "one", format="directory", compression=compression)
    artifact, contents, progress = back_up(server, name, tmp_path, format="directory", compression=compression, jobs=3)
    assert [(one.schema, one.name, one.rows, one.bytes) for one in contents.tables] == [
        (one.schema, one.name, one.rows, one.bytes) for one in serial.tables
    ]
    by_name = {table.name: table for table in contents.tables}
    assert len(by_name["big"].parts) > 4
    assert sum(by_name["big"].parts) == by_name["big"].bytes
    assert progress.state.done_rows == sum(table.rows for table in contents.tables)
    assert not [path.name for path in artifact.iterdir() if ".part" in path.name]
    program = servers.client("pg_restore", version=NEWEST_CLIENT)
    with new_database(server) as copy:
        program.run(server, "--exit-on-error", "--jobs", "4", "-d", copy, artifact)
        assert_equal_databases(server, name, copy)
    with new_database(server) as copy:
        restore(server, artifact, copy)
        assert_equal_databases(server, name, copy)


@pytest.mark.usefixtures("small_parts", "no_process_left")
@pytest.mark.parametrize(
    ("rows", "compression", "divided"),
    [
        ((4000, 3000), "none", set()),
        ((4000, 3000), "gzip:1", {"first", "second"}),
        ((9000, 1000), "none", {"first"}),
        ((9000, 0), "none", {"first"}),
    ],
)
def test_rows_that_are_not_compressed_are_divided_only_of_a_table_that_holds_up_the_others(
    pg_latest_database: Database, tmp_path: Path, rows: tuple[int, int], compression: str, divided: set[str]
) -> None:
    server, name = pg_latest_database.server, pg_latest_database.name
    pg_latest_database.execute(*(_WIDE.format(name=one, rows=many) for one, many in zip(("first", "second"), rows)))
    _artifact, contents, _progress = back_up(
        server, name, tmp_path, format="directory", compression=compression, jobs=2
    )
    assert {table.name: table.rows for table in contents.tables} == dict(zip(("first", "second"), rows))
    assert {table.name for table in contents.tables if table.parts} == divided


def remains(repository: Path) -> list[Path]:
    """What of a failed backup is still there."""
    expected = ("dbfleet-repository.json",)
    found = [path for path in repository.rglob("*") if path.is_file() or path.name.startswith(".")]
    return [path for path in found if path.name not in expected]


def _request(database: Database, repository: Path, **options: object) -> BackupRequest:
    connection = connection_options(database.server)
    chosen = BackupOptions(connection=connection, database=database.name, format="directory", **options)  # type: ignore[arg-type]
    return BackupRequest(options=chosen, destination=Destination(repository=str(repository), cluster="c"))


@pytest.mark.usefixtures("small_parts", "no_process_left")
def test_the_manifest_of_a_parallel_backup_is_exact(pg_latest_database: Database, tmp_path: Path) -> None:
    fill(pg_latest_database.server, pg_latest_database.name)
    pg_latest_database.execute(_WIDE.format(name="big", rows=5000))
    result = backup(_request(pg_latest_database, tmp_path, jobs=3), Progress())
    artifact = open_backup(str(tmp_path), result.backup["id"], cluster="c", database=pg_latest_database.name)
    assert artifact.manifest is not None
    folder = Path(result.backup["path"])
    stored = {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    del stored["manifest.json"]
    assert stored == {record.path: record.size for record in artifact.manifest.files}
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file()} == {0o600}
    with target(pg_latest_database.server, "none") as opened:
        opened.verify(artifact, artifact.manifest, Progress())
    with new_database(pg_latest_database.server) as copy, target(pg_latest_database.server, copy) as opened:
        opened.plan(artifact, artifact.manifest)
        restored = opened.restore(artifact, artifact.manifest, Progress())
        recorded = {(one.schema, one.name): (one.rows, one.sha256) for one in artifact.manifest.contents.tables}
        assert {(one.schema, one.name): (one.rows, one.sha256) for one in restored.tables} == recorded
    assert max(len(table.parts) for table in artifact.manifest.contents.tables) > 4
    (data,) = [path for path in folder.rglob("*.dat.gz") if path.stat().st_size == max(stored.values())]
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    with target(pg_latest_database.server, "none") as opened, pytest.raises(CorruptArtifactError):
        opened.verify(artifact, artifact.manifest, Progress())


class _Watch:
    """A progress sink that does something once data flows."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action: Callable[[], None] | None = action

    def update(self, state: ProgressState) -> None:
        if state.done_bytes and self._action:
            action, self._action = self._action, None
            action()

    def message(self, text: str) -> None: ...

    def finish(self) -> None: ...


def _kill_a_worker() -> None:
    os.kill(max(children()), signal.SIGKILL)


def _interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("either_start", "no_process_left")
@pytest.mark.parametrize(
    ("action", "error"), [(_kill_a_worker, WorkerFailed), (_interrupt, KeyboardInterrupt)], ids=["kill", "interrupt"]
)
def test_a_killed_worker_or_an_interrupt_leaves_nothing(
    pg_latest_database: Database, tmp_path: Path, action: Callable[[], None], error: type[BaseException]
) -> None:
    for number in range(4):
        pg_latest_database.execute(_WIDE.format(name=f"big{number}", rows=60000))
    with pytest.raises(error):
        backup(_request(pg_latest_database, tmp_path, jobs=2, compression="gzip:9"), Progress(_Watch(action)))
    assert remains(tmp_path) == []
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 60
    while pg_latest_database.execute(query) != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.usefixtures("no_process_left")
def test_who_waits_to_alter_a_table_fails_the_backup_clearly(pg_latest_database: Database, tmp_path: Path) -> None:
    pg_latest_database.execute("CREATE TABLE wanted (a integer)", "CREATE TABLE other (a integer)")
    waiting: list[threading.Thread] = []

    def alter() -> None:
        with pg_latest_database.connect() as connection:
            connection.execute("ALTER TABLE wanted ADD b integer")

    def wait_for_lock() -> None:
        thread = threading.Thread(target=alter)
        thread.start()
        waiting.append(thread)
        query = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        while pg_latest_database.execute(query) != [(1,)]:
            time.sleep(0.05)

    class Waits(Progress):
        def phase(self, name: str, *, total_bytes: int = 0) -> None:
            if name == "reading":
                wait_for_lock()
            super().phase(name, total_bytes=total_bytes)

    with pytest.raises(ConsistencyError, match="public.wanted could not be locked") as caught:
        backup(_request(pg_latest_database, tmp_path, jobs=2), Waits())
    waiting[0].join(20)
    assert caught.value.context["table"] == "public.wanted"
    assert remains(tmp_path) == []


@pytest.mark.usefixtures("small_parts", "no_process_left")
def test_a_full_disk_in_a_worker_fails_the_backup(pg_latest_database: Database, tmp_path: Path) -> None:
    pg_latest_database.execute(_WIDE.format(name="big", rows=20000))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(DbfleetError, match="cannot write"):
            backup(_request(pg_latest_database, tmp_path, jobs=2, compression="none"), Progress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert remains(tmp_path) == []


@pytest.mark.usefixtures("small_parts", "no_process_left")
def test_writers_beside_a_parallel_backup_leave_no_orphan(pg_latest_database: Database, tmp_path: Path) -> None:
    pg_latest_database.execute(
        "CREATE TABLE parent (id integer PRIMARY KEY, pad text)",
        "CREATE TABLE child (id integer PRIMARY KEY, parent integer NOT NULL REFERENCES parent, pad text)",
        "INSERT INTO parent SELECT g, repeat('p', 100) FROM generate_series(1, 5000) g",
        "INSERT INTO child SELECT g, g, repeat('c', 100) FROM generate_series(1, 5000) g",
    )
    stopped = threading.Event()

    def write() -> None:
        with pg_latest_database.connect() as connection:
            number = 10_000
            while not stopped.is_set():
                number += 1
                with connection.transaction():
                    connection.execute("INSERT INTO parent VALUES (%s, 'new')", (number,))
                    connection.execute("INSERT INTO child VALUES (%s, %s, 'new')", (number, number))
                    connection.execute("UPDATE parent SET pad = pad || 'x' WHERE id = %s", (number % 5000 + 1,))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        artifact, _contents, _progress = back_up(
            pg_latest_database.server, pg_latest_database.name, tmp_path, format="directory", jobs=3
        )
    finally:
        stopped.set()
        thread.join()
    with new_database(pg_latest_database.server) as copy:
        restore_genuinely(pg_latest_database.server, artifact, copy)
        counts = "SELECT (SELECT count(*) FROM parent), (SELECT count(*) FROM child)"
        ((parents, childs),) = pg_latest_database.server.execute(counts, database=copy)
        assert parents == childs
