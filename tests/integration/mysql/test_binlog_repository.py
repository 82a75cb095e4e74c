# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Binlogs archived into a repository: byte for byte, over kills, failovers and resets, and safe before a commit is."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import ConsistencyError, CorruptArtifactError, LockedError, UsageError
from dbfleet.mysql.binlog.archive_repository import read_tail, stored_tail
from dbfleet.mysql.binlog.target import Target
from dbfleet.mysql.options import BackupOptions, RestoreOptions
from dbfleet.point_in_time import PointInTimeRequest, restore_to_moment
from dbfleet.progress import Progress
from dbfleet.repository.repository import Repository
from tests.servers import Server
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

from .binlog_support import (
    CLUSTER,
    TABLE,
    archive,
    assert_identical,
    content,
    following,
    logs,
    options,
    records,
    server_bytes,
    wait_for,
    write,
)

COUNTED = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'd'"


@pytest.fixture(params=["mysql97", "mariadb118"])
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    with server_pool.fresh(request.param) as started:
        started.execute("CREATE DATABASE d", TABLE)
        yield started


@pytest.fixture(params=MYSQL_FAMILY)
def any_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    with server_pool.fresh(request.param) as started:
        started.execute("CREATE DATABASE d", TABLE)
        yield started


def test_the_archive_is_the_servers_own_bytes(any_server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(any_server, 10, 3_000_000, flush=True)
    write(any_server, 5)
    planned = archive(any_server, repository, check=True)
    assert planned.changed
    assert not repository.exists()
    first = archive(any_server, repository)
    assert len(first.sealed) == 2
    assert planned.received == pytest.approx(first.received, abs=20)
    wait_for(lambda: not archive(any_server, repository).changed)
    assert not archive(any_server, repository, check=True).changed
    write(any_server, 7)
    again = archive(any_server, repository, compression="none")
    assert again.sealed == ()
    write(any_server, 7, flush=True)
    archive(any_server, repository)
    (log,) = logs(repository)
    assert_identical(any_server, repository, log)
    assert len(records(repository, log)) == 3
    modes = {oct(path.stat().st_mode & 0o777) for path in repository.rglob("*") if path.is_file()}
    assert modes == {"0o600"}
    status = json.loads((repository / log / "status.json").read_text())
    assert status["caught_up"]
    assert status["lag_bytes"] == 0


def test_kills_at_random_lose_and_double_nothing(server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            write(server, random.choice([1, 100, 50_000, 300_000, 2_000_000]), flush=random.random() < 0.2)

    writer = threading.Thread(target=load)
    writer.start()
    try:
        for _kill in range(4):
            with following(server, repository) as process:
                time.sleep(random.uniform(0.4, 1.6))
                process.send_signal(signal.SIGKILL)
    finally:
        done.set()
        writer.join()
    archive(server, repository)
    (log,) = logs(repository)
    assert_identical(server, repository, log)
    # What dead archivers left is gone.
    assert not list((repository / log).glob(".partial-*"))


def test_the_tail_is_whole_while_it_is_written(server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    storage = Repository(str(repository)).storage
    with following(server, repository) as process:
        wait_for(lambda: logs(repository) and read_tail(storage, logs(repository)[0]))
        (log,) = logs(repository)
        for _step in range(5):
            write(server, 200_000)
            assert_identical(server, repository, log)
        with pytest.raises(LockedError):
            archive(server, repository)
        process.send_signal(signal.SIGTERM)
        _nothing, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
    tail = read_tail(storage, log)
    assert tail is not None
    piece = repository / log / f"{tail.facts.name}.part" / tail.stored[-1].name
    data = piece.read_bytes()
    # A job that died may have stored more of the last piece than its record says, in another piece's frame.
    assert content(stored_tail(storage, log, tail))
    piece.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(CorruptArtifactError, match="tail|part"):
        archive(server, repository)
    piece.write_bytes(data)
    archive(server, repository)
    assert_identical(server, repository, log)


#: Follows with a server that gives no sign of life for five minutes.
PATIENT = """
import os, sys
from dbfleet.mysql.binlog.archive import ArchiveRequest, archive_binlogs
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
connection = ConnectionOptions(unix_socket=sys.argv[1], user=sys.argv[2], password=os.environ["MYSQL_PWD"])
request = ArchiveRequest(connection, repository=sys.argv[3], cluster=sys.argv[4], follow=True, heartbeat=300)
archive_binlogs(request, Progress())
"""


def test_what_came_last_does_not_wait_for_a_sign_of_life(server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    storage = Repository(str(repository)).storage

    def everything_is_there() -> bool:
        tail = read_tail(storage, logs(repository)[0]) if logs(repository) else None
        return tail is not None and tail.size == len(server_bytes(server, tail.facts.name))

    command = [sys.executable, "-c", PATIENT, str(server.socket), server.user, str(repository), CLUSTER]
    process = subprocess.Popen(command, env={**os.environ, "MYSQL_PWD": server.password or ""})
    try:
        for sizes in ((10, 10, 10), (5, 3_000_000, 5)):
            write(server, *sizes)
            wait_for(everything_is_there, seconds=120)
    finally:
        process.kill()
        process.wait()


def test_a_reset_is_an_error_until_a_new_chain_is_wanted(server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    write(server, 1, 1, flush=True)
    archive(server, repository)
    time.sleep(1.1)
    server.execute("RESET BINARY LOGS AND GTIDS" if server.flavor == "mysql" else "RESET MASTER")
    write(server, 1)
    with pytest.raises(ConsistencyError, match="reset") as caught:
        archive(server, repository)
    assert "new_chain" in (caught.value.hint or "")
    archive(server, repository, new_chain=True)
    assert len(logs(repository)) == 2
    assert_identical(server, repository, logs(repository)[1])
    assert not archive(server, repository).sealed


@pytest.mark.parametrize("name", ["mysql97", "mariadb118"])
def test_another_server_goes_on_where_the_first_ended(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    settings = {"log_slave_updates": "ON"}
    with (
        server_pool.fresh(name, extra_config=settings) as server,
        server_pool.fresh(name, extra_config=settings) as other,
    ):
        other.execute("SET GLOBAL server_id = 77")
        server.execute("CREATE DATABASE d", TABLE)
        request = BackupRequest(
            BackupOptions(options(server), "d"), Destination(repository=str(repository), cluster=CLUSTER)
        )
        backup(request, Progress())
        write(server, 1, 1, flush=True)
        _replicate(server, other)
        wait_for(lambda: other.execute(COUNTED) and other.execute("SELECT COUNT(*) FROM d.t") == [(2,)])
        archive(server, repository)
        other.execute("STOP REPLICA" if server.flavor == "mysql" else "STOP SLAVE")
        other.execute("FLUSH BINARY LOGS", "INSERT INTO d.t (b) VALUES ('after failover')")
        archive(other, repository)
        first, second = sorted(logs(repository), key=lambda log: -len(records(repository, log)))
        # Nothing of what is archived already is archived again, but for the file that it ends in.
        assert (len(records(repository, first)), len(records(repository, second))) == (2, 0)
        assert_identical(other, repository, second)
        target = RestoreOptions(options(other), "back", create=True)
        result = restore_to_moment(
            PointInTimeRequest(target, str(repository), Target(latest=True), cluster=CLUSTER, database="d"), Progress()
        )
        assert result.replay["transactions"] - result.replay["emptied"] == 3
        rows = "SELECT a, b FROM {}.t ORDER BY a"
        assert other.execute(rows.format("back")) == other.execute(rows.format("d"))
        # A third one that has nothing to do with them.
        with server_pool.fresh(name, extra_config=settings) as stranger:
            if server.flavor == "mariadb":
                stranger.execute(
                    "SET GLOBAL server_id = 78", "SET SESSION gtid_domain_id = 9, GLOBAL gtid_domain_id = 9"
                )
            stranger.execute("CREATE DATABASE x", "FLUSH BINARY LOGS", "CREATE DATABASE y", "FLUSH BINARY LOGS")

            def purged() -> bool:
                stranger.execute("PURGE BINARY LOGS TO 'binlog.000003'")
                return bool(stranger.execute("SHOW BINARY LOGS")[0][0] == "binlog.000003")

            wait_for(purged)
            with pytest.raises(ConsistencyError, match="there is a gap"):
                archive(stranger, repository)


def _replicate(source: Server, replica: Server) -> None:
    source.execute("CREATE USER replica@'%' IDENTIFIED BY 'word'", "GRANT REPLICATION SLAVE ON *.* TO replica@'%'")
    where = f"_HOST = '127.0.0.1', {{0}}_PORT = {source.port}, {{0}}_USER = 'replica', {{0}}_PASSWORD = 'word'"
    if source.flavor == "mysql":
        more = ", SOURCE_AUTO_POSITION = 1, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_SSL = 0"
        replica.execute("CHANGE REPLICATION SOURCE TO SOURCE" + where.format("SOURCE") + more, "START REPLICA")
    else:
        more = ", MASTER_USE_GTID = slave_pos, MASTER_SSL_VERIFY_SERVER_CERT = 0"
        replica.execute("CHANGE MASTER TO MASTER" + where.format("MASTER") + more, "START SLAVE")


@pytest.mark.parametrize("name", ["mysql97", "mariadb105", "mariadb118"])
def test_a_commit_that_returned_is_archived(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    with server_pool.fresh(name) as server:
        server.execute("CREATE DATABASE d", TABLE)
        with pytest.raises(UsageError, match="semi"):
            archive(server, repository, semi_sync=True)
        _become_semi_synchronous(server)
        for _kill in range(3):
            with following(server, repository, "--semi-sync") as process:
                wait_for(lambda: (_semi_sync(server, "status"), _semi_sync(server, "clients")) == ("ON", "1"))
                committed = 0
                end = time.monotonic() + random.uniform(0.3, 0.9)
                while time.monotonic() < end:
                    write(server, random.choice([1, 5000]))
                    committed += 1
                last = server.execute("SELECT MAX(a) FROM d.t")[0][0]
                process.kill()
            (log,) = logs(repository)
            storage = Repository(str(repository)).storage
            tail = read_tail(storage, log)
            assert tail is not None
            _file, position, *_rest = _status(server)
            assert committed
            assert last
            assert tail.size >= int(position), "a commit that returned is not in the archive"
            # Without a replica the server goes on alone, when its patience ends.
            server.execute(f"SET GLOBAL rpl_semi_sync_{_word(server)}_timeout = 100")
            write(server, 1)
            server.execute(f"SET GLOBAL rpl_semi_sync_{_word(server)}_timeout = 60000")
        archive(server, repository)
        assert_identical(server, repository, log)


def _status(server: Server) -> tuple[str, ...]:
    statement = "SHOW BINARY LOG STATUS" if server.version[0] == 9 else "SHOW MASTER STATUS"
    return server.execute(statement)[0]


def _semi_sync(server: Server, what: str) -> str:
    return str(server.execute(f"SHOW STATUS LIKE 'Rpl_semi_sync_{_word(server)}_{what}'")[0][1])


def _word(server: Server) -> str:
    return "source" if server.version[0] == 9 else "master"


def _become_semi_synchronous(server: Server) -> None:
    word = _word(server)
    if server.flavor == "mysql":
        server.execute(f"INSTALL PLUGIN rpl_semi_sync_{word} SONAME 'semisync_{word}.so'")
    server.execute(f"SET GLOBAL rpl_semi_sync_{word}_enabled = ON", f"SET GLOBAL rpl_semi_sync_{word}_timeout = 60000")


def test_the_command_says_what_it_did(server: Server, tmp_path: Path) -> None:
    write(server, 1, flush=True)
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "archive", "--repository", str(tmp_path / "r"), "--json"]
    command += ["--socket", server.socket, "--user", server.user, "--cluster", "a/b"]
    environment = {**os.environ, "MYSQL_PWD": server.password or ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["changed"]
    assert found["folder"].endswith("/r/a%2Fb/%binlogs")
    assert found["lag_bytes"] == 0
