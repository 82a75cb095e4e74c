# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""WAL and physical backups in object storage: pushed, streamed, fetched and pruned there, and what failures leave."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.backup import Destination
from dbfleet.errors import DbfleetError, StorageError
from dbfleet.postgresql.wal.archive import WalArchive, only_system
from dbfleet.postgresql.wal.archive_job import WalArchiveRequest, archive_wal
from dbfleet.postgresql.wal.push import PushRequest, push_wal
from dbfleet.progress import Progress
from dbfleet.repository import s3_client
from dbfleet.repository.repository import Repository
from dbfleet.repository.s3_location import S3Location
from dbfleet.repository.s3_storage import S3Storage
from dbfleet.wal_check import CheckWalRequest, check_wal
from dbfleet.wal_prune import PruneWalRequest, prune_wal
from tests import servers
from tests.integration.postgresql.basebackup_support import back_up
from tests.integration.postgresql.wal_archive_support import (
    CLUSTER,
    assert_same_as_server,
    connection_of,
    content,
    server_python,
    switch,
    wait_until,
)
from tests.integration.repository.faulty_proxy import FAULTS, PASS, SILENCE, faulty_proxy, now_and_then
from tests.integration.repository.stores import ACCESS, BUCKET, KEY, SECRET, Store, running_store
from tests.servers import folders
from tests.servers.fixtures import ServerPool

ARCHIVING = {"archive_mode": "on", "archive_command": "", "wal_keep_size": "1600"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store("moto", tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture(scope="module")
def server(server_pool: ServerPool) -> Iterator[servers.Server]:
    with server_pool.fresh("pg18", extra_config=ARCHIVING) as server:
        folders.own_subfolder(server.folder, "spool")
        yield server


def location(store: Store, name: str, *, endpoint: str = "", more: str = "") -> str:
    """Without a percent sign, which has a meaning in a server's commands."""
    return f"s3://{BUCKET}/{name}?endpoint={endpoint or store.endpoint}{more}"


def archive_at(url: str) -> WalArchive:
    repository = Repository(url, ACCESS)
    return WalArchive(repository, CLUSTER, only_system(repository.storage, CLUSTER))


def command_of(server: servers.Server, words: str, url: str) -> str:
    keys = f"AWS_ACCESS_KEY_ID={KEY} AWS_SECRET_ACCESS_KEY={SECRET}"
    place = f"--repository {shlex.quote(url)} --cluster {CLUSTER} --spool {server.folder}/spool"
    return f"{keys} {server_python(server.folder)} wal {words} {place}".replace("'", "''")


def set_archive_command(server: servers.Server, command: str) -> None:
    server.execute(f"ALTER SYSTEM SET archive_command = '{command}'")
    server.execute("SELECT pg_reload_conf()")


def segment_of(server: servers.Server, name: str) -> str:
    return str(server.data_dir / "pg_wal" / name)


def push(server: servers.Server, name: str, url: str) -> bool:
    request = PushRequest(segment_of(server, name), url, CLUSTER, compression="none", access=ACCESS)
    return push_wal(request, Progress()).changed


def test_a_server_lives_with_it(server: servers.Server, store: Store) -> None:
    """It archives several segments by one call, is backed up there, recovers from there, and is pruned there."""
    url = location(store, "lives")
    server.execute("CREATE TABLE rows AS SELECT generate_series(1, 10) AS n")
    names = [switch(server) for _number in range(4)]
    set_archive_command(server, command_of(server, "push %p", url))
    names.append(switch(server))
    status = server.data_dir / "pg_wal/archive_status"
    wait_until(lambda: not list(status.glob("*.ready")))
    archive = archive_at(url)
    assert {*names} <= {file.name for file in archive.segments(1)}
    assert assert_same_as_server(archive, server) >= len(names)
    assert any(line.startswith("archived ") and " and " in line for line in server.log.read_text().splitlines())

    destination = Destination(repository=url, cluster=CLUSTER, access=ACCESS)
    back_up(server, "", destination=destination)
    copy = server.folder / "copy"
    server.shutdown()
    subprocess.run(["cp", "-a", server.data_dir, copy], check=True)
    server.restart()
    server.execute("INSERT INTO rows SELECT generate_series(1, 1000)")
    switch(server)
    wait_until(lambda: not list(status.glob("*.ready")))
    settings = {
        "archive_mode": "off",
        "restore_command": command_of(server, "fetch %f %p", url),
        "recovery_target_timeline": "latest",
    }
    with servers.start(server.name, extra_config=settings, data=copy, files={"recovery.signal": ""}) as recovered:
        wait_until(lambda: recovered.execute("SELECT NOT pg_is_in_recovery()") == [(True,)])
        assert recovered.execute("SELECT count(*) FROM rows") == [(1010,)]

    assert check_wal(CheckWalRequest(url, read=True, access=ACCESS), Progress()).problems == ()
    planned = prune_wal(PruneWalRequest(url, check=True, access=ACCESS), Progress())
    assert {one["file"] for one in planned.removed} >= {*names}
    assert prune_wal(PruneWalRequest(url, access=ACCESS), Progress()).removed == planned.removed
    assert all(archive.find(name) is None for name in names)
    assert check_wal(CheckWalRequest(url, read=True, access=ACCESS), Progress()).problems == ()


def test_it_is_streamed_into(server: servers.Server, store: Store) -> None:
    """With the segment that is not complete."""
    url = location(store, "streamed")

    def stream() -> bool:
        request = WalArchiveRequest(
            connection=connection_of(server), repository=url, cluster=CLUSTER, compression="zstd:1", access=ACCESS
        )
        return archive_wal(request, Progress()).changed

    server.execute("SELECT txid_current()")
    assert stream()
    switch(server)
    server.execute("CREATE TABLE IF NOT EXISTS more (n int)", "INSERT INTO more VALUES (1)")
    assert stream()
    assert assert_same_as_server(archive_at(url), server) >= 2


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "SILENT_SECONDS", 1)
    s3_client._connection.cache_clear()
    monkeypatch.setattr(s3_client, "_pause", lambda _attempt: 0.01)
    # The library's own pauses.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda _self, _context: 0.01)


@pytest.mark.usefixtures("_impatient")
def test_a_store_that_fails_now_and_then(server: servers.Server, store: Store) -> None:
    """Whatever an answer says, what is there in the end is the server's, once."""
    names = [switch(server) for _number in range(3)]
    faults = [fault for fault in FAULTS if fault != SILENCE]
    with faulty_proxy(store.endpoint, now_and_then(7, 0.15, *faults)) as proxy:
        url = location(store, "failing", endpoint=proxy.endpoint, more="&part_size=5MiB")
        for name in names:
            for _attempt in range(50):
                try:
                    push(server, name, url)
                    break
                except StorageError:
                    # The server calls again.
                    continue
            else:
                raise AssertionError(f"{name} cannot be stored")
        assert any(choice != PASS for _method, _path, choice in proxy.seen)
    direct = location(store, "failing")
    assert [push(server, name, direct) for name in names] == [False] * len(names)
    archive = archive_at(direct)
    assert [file.name for file in archive.segments(1)] == names
    assert assert_same_as_server(archive, server) == len(names)


@pytest.mark.usefixtures("_impatient")
def test_a_store_that_is_gone(server: servers.Server, store: Store) -> None:
    name = switch(server)
    with faulty_proxy(store.endpoint, lambda _method, _path: "500") as proxy, pytest.raises(DbfleetError):
        push(server, name, location(store, "gone", endpoint=proxy.endpoint))
    assert push(server, name, location(store, "gone"))


def test_a_push_that_is_killed(server: servers.Server, store: Store) -> None:
    """What it had sent is nowhere to be seen, and goes with the next pruning."""
    name = switch(server)
    parts = threading.Event()
    killed = threading.Event()

    def choose(method: str, path: str) -> str:
        if method == "PUT" and "partNumber=2" in path and not killed.is_set():
            parts.set()
            killed.wait(60)
        return PASS

    with faulty_proxy(store.endpoint, choose) as proxy:
        url = location(store, "killed", endpoint=proxy.endpoint, more="&part_size=5MiB")
        arguments = ["wal", "push", segment_of(server, name), "--repository", url, "--cluster", CLUSTER]
        arguments += ["--compress", "none", "--spool", str(server.folder / "spool")]
        environment = {**os.environ, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
        process = subprocess.Popen(
            [sys.executable, "-m", "dbfleet.cli", *arguments], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            assert parts.wait(60)
        finally:
            process.kill()
            assert process.wait(60) == -signal.SIGKILL
            killed.set()
    direct = location(store, "killed")
    prefix = S3Location.parse(direct).prefix
    client = S3Storage(direct, ACCESS)._client
    assert client.uploads(prefix)
    archive = archive_at(direct)
    assert archive.segments(1) == []
    # Pruning leaves alone what may still be under way.
    prune_wal(PruneWalRequest(direct, cluster=CLUSTER, access=ACCESS), Progress())
    assert client.uploads(prefix)
    assert push(server, name, direct)
    (file,) = archive.segments(1)
    assert content(archive, file) == Path(segment_of(server, name)).read_bytes()
    prune_wal(PruneWalRequest(direct, cluster=CLUSTER, access=ACCESS), Progress())
    assert client.uploads(prefix) == []
    assert archive.segments(1) == [file]
