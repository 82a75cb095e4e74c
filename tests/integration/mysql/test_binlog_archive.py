# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of real servers' binlogs: byte for byte, over kills, restarts and crashes, and never with a gap."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError, CorruptArtifactError, LockedError, PrivilegeError
from dbfleet.mysql.binlog.archive import ArchiveRequest, ArchiveResult, archive_binlogs
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

TABLE = "CREATE TABLE d.t (a INT PRIMARY KEY AUTO_INCREMENT, b LONGTEXT)"
HEADER_FLAGS = 4 + 17


@pytest.fixture(params=["mysql97", "mariadb118"])
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    """A server of its own, whose log may be reset and which may be killed."""
    with server_pool.fresh(request.param) as started:
        started.execute("CREATE DATABASE d", TABLE)
        yield started


@pytest.fixture(params=MYSQL_FAMILY)
def any_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    with server_pool.fresh(request.param) as started:
        started.execute("CREATE DATABASE d", TABLE)
        yield started


def options(server: Server) -> ConnectionOptions:
    return ConnectionOptions(unix_socket=server.socket, user=server.user, password=server.password or "")


def archive(server: Server, folder: Path, *, connection: ConnectionOptions | None = None) -> ArchiveResult:
    return archive_binlogs(ArchiveRequest(connection or options(server), str(folder)), Progress())


def write(server: Server, *sizes: int, flush: bool = False) -> None:
    """A transaction for each size, and with ``flush`` a new file after it."""
    for size in sizes:
        server.execute(f"INSERT INTO d.t (b) VALUES (REPEAT('x', {size}))")
        if flush:
            server.execute("FLUSH BINARY LOGS")


def logs(server: Server) -> Path:
    return Path(server.execute("SELECT @@log_bin_basename")[0][0]).parent


def assert_identical(server: Server, folder: Path) -> None:
    """Every archived file equals the server's, but for the flag with which it marks the one that it is writing."""
    files = [path for path in folder.iterdir() if path.suffix != ".json" and not path.name.startswith(".")]
    assert files
    for path in files:
        theirs = bytearray((logs(server) / path.name.removesuffix(".part")).read_bytes())
        theirs[HEADER_FLAGS] &= 0xFE
        ours = path.read_bytes()
        if path.suffix == ".part":
            assert theirs.startswith(ours), path.name
        else:
            assert ours == theirs, path.name
            sidecar = json.loads((folder / f"{path.name}.json").read_text())
            assert sidecar["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert sidecar["size"] == path.stat().st_size


def test_the_archive_is_the_servers_own_bytes(any_server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    write(any_server, 10, 1000, 2_000_000, flush=True)
    write(any_server, 5)
    first = archive(any_server, folder)
    assert first.changed
    assert len(first.sealed) == 3
    # MariaDB notes its checkpoints a moment later.
    wait_for(lambda: not archive(any_server, folder).changed)
    assert_identical(any_server, folder)
    write(any_server, 7)
    again = archive(any_server, folder)
    assert again.sealed == ()
    assert again.position > first.position
    assert_identical(any_server, folder)
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}
    sidecars = [json.loads(path.read_text()) for path in sorted(folder.glob("binlog.*.json"))]
    assert [each["next_file"] for each in sidecars[:-1]] == [each["file"] for each in sidecars[1:]]
    assert [each["gtids_after"] for each in sidecars[:-1]] == [each["gtids_before"] for each in sidecars[1:]]


@contextlib.contextmanager
def following(server: Server, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The command that follows the log."""
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "archive", "--folder", str(folder), "--follow"]
    command += ["--socket", str(server.socket), "--user", server.user]
    environment = {**os.environ, "MYSQL_PWD": server.password or ""}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_kills_at_random_lose_and_double_nothing(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    done = threading.Event()

    def load() -> None:
        while not done.is_set():
            write(server, random.choice([1, 100, 50_000, 300_000]), flush=random.random() < 0.1)

    writer = threading.Thread(target=load)
    writer.start()
    try:
        for _kill in range(4):
            with following(server, folder) as process:
                time.sleep(random.uniform(0.3, 1.2))
                process.send_signal(signal.SIGKILL)
    finally:
        done.set()
        writer.join()
    archive(server, folder)
    assert_identical(server, folder)


def test_following_goes_on_over_restart_and_crash_of_the_server(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    with following(server, folder) as process:
        wait_for(lambda: list(folder.glob("binlog.*.part")))
        write(server, 10)
        server.restart()
        write(server, 10)
        wait_for((folder / "binlog.000002.part").exists)
        server.kill()
        server.restart()
        write(server, 10)
        wait_for((folder / "binlog.000003.part").exists)
        process.send_signal(signal.SIGTERM)
        _nothing, said = process.communicate(timeout=30)
        assert process.returncode == 0, said
        assert "trying again" in said
    archive(server, folder)
    assert_identical(server, folder)
    ends = [json.loads(path.read_text())["ended_by"] for path in sorted(folder.glob("binlog.*.json"))]
    assert ends[:2] == ["stop", "crash"]


def test_a_gap_is_named(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    archive(server, folder)
    write(server, 1, 1, 1, flush=True)
    archive(server, folder)
    write(server, 1, 1, 1, flush=True)

    def purged() -> bool:
        # MariaDB keeps what it may need after a crash, until it has noted a checkpoint.
        server.execute("PURGE BINARY LOGS TO 'binlog.000007'")
        return bool(server.execute("SHOW BINARY LOGS")[0][0] == "binlog.000007")

    wait_for(purged)
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(ConsistencyError, match=r"from binlog.000004 on are missing up to binlog.000007"):
        archive(server, folder)
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_log_that_was_reset_and_another_server_are_recognised(server: Server, tmp_path: Path) -> None:
    newer, older = tmp_path / "newer", tmp_path / "older"
    archive(server, older)
    write(server, 1, 1, flush=True)
    archive(server, newer)
    reset = "RESET BINARY LOGS AND GTIDS" if server.flavor == "mysql" else "RESET MASTER"
    # The file's second must be another one: that is how its server tells it from the former of the same name.
    time.sleep(1.1)
    server.execute(reset)
    write(server, 1)
    for folder in (newer, older):
        with pytest.raises(ConsistencyError, match="reset"):
            archive(server, folder)


def test_what_is_torn_goes_on_and_what_is_damaged_does_not(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    write(server, 1000, 1000)
    result = archive(server, folder)
    part = folder / f"{result.file}.part"
    data = part.read_bytes()
    for size in (0, 2, 4, 100, len(data) - 700, len(data) - 1):
        part.write_bytes(data[:size])
        archive(server, folder)
        assert part.read_bytes() == data
    damaged = bytearray(data)
    damaged[len(data) - 1200] ^= 1
    part.write_bytes(damaged)
    with pytest.raises(CorruptArtifactError, match="is damaged at"):
        archive(server, folder)
    part.write_bytes(data)
    write(server, 1, flush=True)
    archive(server, folder)
    (folder / f"{result.file}.json").unlink()
    assert result.file in archive(server, folder).sealed
    assert_identical(server, folder)


def test_one_archives_at_a_time_and_needs_the_privilege(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    with following(server, folder):
        wait_for(lambda: list(folder.glob("binlog.*.part")))
        with pytest.raises(LockedError):
            archive(server, folder)
    server.execute("CREATE USER weak@localhost IDENTIFIED BY 'word'")
    weak = ConnectionOptions(unix_socket=str(server.socket), user="weak", password="word")
    with pytest.raises(PrivilegeError, match="privilege"):
        archive(server, tmp_path / "other", connection=weak)
