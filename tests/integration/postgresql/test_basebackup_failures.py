# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups that fail: nothing is published, nothing stays on the server, and the next one succeeds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dbfleet.errors import ConnectError, DbfleetError, OutOfSpaceError
from dbfleet.progress import Progress
from tests import servers
from tests.integration.postgresql.basebackup_support import back_up
from tests.servers.fixtures import ServerPool


class Trigger:
    """Does something when the data flow, once."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._action = action
        self._done = False

    def update(self, state: object) -> None:
        if getattr(state, "phase", "") == "reading" and getattr(state, "done_bytes", 0) > 1 << 20 and not self._done:
            self._done = True
            self._action()

    def message(self, text: str) -> None:
        """Nobody reads it."""

    def finish(self) -> None:
        """Nothing is open."""


def published(repository: Path) -> list[str]:
    return [path.name for path in repository.glob("*/*/*/manifest.json")]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def server(server_pool: ServerPool) -> Iterator[servers.Server]:
    with server_pool.fresh("pg18") as server:
        server.execute("CREATE TABLE t AS SELECT n, repeat(md5(n::text), 10) AS x FROM generate_series(1, 100000) n")
        yield server


def test_killed_server(server: servers.Server, tmp_path: Path) -> None:
    with pytest.raises(ConnectError):
        back_up(server, tmp_path, progress=Progress(Trigger(server.kill)), max_rate=8192)
    assert not published(tmp_path)
    server.restart()
    assert server.execute("SELECT count(*) FROM pg_replication_slots") == [(0,)]
    back_up(server, tmp_path)


@pytest.mark.parametrize("which", ["dbfleet", "dbfleet wal"])
def test_ended_connection(server: servers.Server, tmp_path: Path, which: str) -> None:
    """Either of the two connections is as necessary as the other."""

    def end() -> None:
        server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{which}'")

    with pytest.raises(DbfleetError):
        back_up(server, tmp_path, progress=Progress(Trigger(end)), max_rate=8192)
    assert not published(tmp_path)
    wait_for(lambda: server.execute("SELECT count(*) FROM pg_replication_slots") == [(0,)])


def test_silent_server(server: servers.Server, tmp_path: Path) -> None:
    stopped: list[int] = []

    def stop() -> None:
        ((pid,),) = server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'dbfleet'")
        stopped.append(pid)
        os.kill(pid, signal.SIGSTOP)

    try:
        with pytest.raises(ConnectError, match="nothing came from the server for 2 seconds"):
            back_up(server, tmp_path, progress=Progress(Trigger(stop)), max_rate=8192, timeout=2.0)
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    assert not published(tmp_path)


def test_full_disk(server: servers.Server, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        with pytest.raises(OutOfSpaceError, match=r"has \d+ bytes free, the backup may need \d+"):
            back_up(server, disk / "repository")
        assert not (disk / "repository").exists()
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        with pytest.raises(OutOfSpaceError, match="No space left"):
            back_up(server, disk / "repository", compression="none")
        assert not published(disk / "repository")
        subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
        back_up(server, disk / "repository")
        assert len(published(disk / "repository")) == 1
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_killed_job(server: servers.Server, tmp_path: Path, how: signal.Signals) -> None:
    arguments = ["wal", "basebackup", "--host", server.socket, "--port", str(server.port), "--user", server.user]
    arguments += ["--repository", str(tmp_path), "--cluster", "shop", "--checkpoint", "fast", "--max-rate", "4096"]
    job = subprocess.Popen([sys.executable, "-m", "dbfleet.cli", *arguments], stderr=subprocess.PIPE)
    wait_for(lambda: server.execute("SELECT phase FROM pg_stat_progress_basebackup") == [("streaming database files",)])
    job.send_signal(how)
    job.communicate(timeout=20)
    assert job.returncode
    assert not published(tmp_path)
    wait_for(lambda: server.execute("SELECT count(*) FROM pg_replication_slots") == [(0,)])
    messages: list[str] = []

    class Messages(Trigger):
        def message(self, text: str) -> None:
            messages.append(text)

    back_up(server, tmp_path, progress=Progress(Messages(lambda: None)))
    assert any("swept" in text for text in messages) is (how == signal.SIGKILL)
    assert len(published(tmp_path)) == 1
