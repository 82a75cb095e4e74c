# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of archived binlogs share."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dbfleet.mysql.binlog.archive import ArchiveRequest, ArchiveResult, archive_binlogs
from dbfleet.mysql.binlog.archive_record import Sealed
from dbfleet.mysql.binlog.archive_repository import (
    binlogs_folder,
    log_names,
    read_log,
    read_tail,
    stored_binlog,
    stored_tail,
)
from dbfleet.mysql.binlog.binlog_file import StoredBinlog
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.repository.repository import Repository
from tests.servers import Server

CLUSTER = "shop"
TABLE = "CREATE TABLE d.t (a INT PRIMARY KEY AUTO_INCREMENT, b LONGTEXT)"
_HEADER_FLAGS = 4 + 17


def options(server: Server) -> ConnectionOptions:
    return ConnectionOptions(unix_socket=server.socket, user=server.user, password=server.password or "")


def archive(server: Server, repository: Path, **more: Any) -> ArchiveResult:
    request = ArchiveRequest(options(server), repository=str(repository), cluster=CLUSTER, **more)
    return archive_binlogs(request, Progress())


def begin_log(server: Server) -> None:
    """Have a shared server's log begin here, without what other tests have done."""
    server.execute("FLUSH BINARY LOGS")
    newest = server.execute("SHOW BINARY LOGS")[-1][0]

    def purged() -> bool:
        # MariaDB keeps what it may need after a crash, until it has noted a checkpoint.
        server.execute(f"PURGE BINARY LOGS TO '{newest}'")
        return bool(server.execute("SHOW BINARY LOGS")[0][0] == newest)

    wait_for(purged)


def write(server: Server, *sizes: int, flush: bool = False) -> None:
    """A transaction for each size, and with ``flush`` a new file after it."""
    for size in sizes:
        server.execute(f"INSERT INTO d.t (b) VALUES (REPEAT('x', {size}))")
        if flush:
            server.execute("FLUSH BINARY LOGS")


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def server_bytes(server: Server, name: str) -> bytes:
    """A server's file, without the mark of the one that it is writing."""
    folder = Path(server.execute("SELECT @@log_bin_basename")[0][0]).parent
    data = bytearray((folder / name).read_bytes())
    data[_HEADER_FLAGS] &= 0xFE
    return bytes(data)


def content(binlog: StoredBinlog) -> bytes:
    with contextlib.closing(binlog.open()) as source:
        return b"".join(iter(lambda: source.read(1 << 16), b""))


def logs(repository: Path) -> list[str]:
    """The archived logs of the cluster, as folders of the repository."""
    folder = binlogs_folder(CLUSTER)
    return [f"{folder}/{name}" for name in log_names(Repository(str(repository)).storage, folder)]


def records(repository: Path, log: str) -> list[Sealed]:
    return read_log(Repository(str(repository)).storage, log)


def assert_identical(server: Server, repository: Path, log: str) -> None:
    """Every archived file of a log equals the server's."""
    storage = Repository(str(repository)).storage
    found = records(repository, log)
    for record in found:
        theirs = server_bytes(server, record.file)
        assert content(stored_binlog(storage, log, record)) == theirs, record.file
        assert (record.sha256, record.size) == (hashlib.sha256(theirs).hexdigest(), len(theirs))
        for stored in record.stored:
            raw = (repository / log / record.file / stored.name).read_bytes()
            assert (stored.size, stored.sha256) == (len(raw), hashlib.sha256(raw).hexdigest())
    for before, after in zip(found, found[1:]):
        assert (before.next_file, before.gtids_after) == (after.file, after.gtids_before)
    tail = read_tail(storage, log)
    if tail is not None:
        ours = content(stored_tail(storage, log, tail))
        assert len(ours) == tail.size
        assert server_bytes(server, tail.facts.name).startswith(ours)


@contextlib.contextmanager
def following(server: Server, repository: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command that follows the log."""
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "archive", "--repository", str(repository), "--follow"]
    command += ["--cluster", CLUSTER, "--socket", str(server.socket), "--user", server.user, *arguments]
    environment = {**os.environ, "MYSQL_PWD": server.password or ""}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
