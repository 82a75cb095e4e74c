# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dbfleet wal archive`` from real servers: byte for byte, killed and started again, over promotions."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.main import main
from dbfleet.errors import ConsistencyError, LockedError
from dbfleet.info import InfoRequest, info
from dbfleet.postgresql.wal.archive_job import WalArchiveRequest, WalArchiveResult, archive_wal
from dbfleet.postgresql.wal.segment import parse_segment
from dbfleet.postgresql.wal.tail import tails
from dbfleet.progress import Progress
from dbfleet.prune import PruneRequest
from dbfleet.prune import prune as prune_backups
from dbfleet.repository.retention import RetentionPolicy
from dbfleet.wal_check import CheckWalRequest, check_wal
from dbfleet.wal_prune import PruneWalRequest, prune_wal
from tests import servers
from tests.integration.postgresql.wal_archive_support import (
    CLUSTER,
    archive_of,
    assert_same_as_server,
    connection_arguments,
    connection_of,
    switch,
    wait_until,
)
from tests.servers.fixtures import ServerPool

EXTREMES = ["pg10", "pg18"]


def keeps_wal(name: str) -> dict[str, str]:
    """Settings of a server that removes none of its log while a test runs."""
    old = name in ("pg10", "pg11", "pg12")
    return {"wal_keep_segments": "100"} if old else {"wal_keep_size": "1600"}


def archived(server: servers.Server, repository: Path, **options: Any) -> WalArchiveResult:
    request = WalArchiveRequest(
        connection=connection_of(server), repository=str(repository), cluster=CLUSTER, compression="zstd:1", **options
    )
    return archive_wal(request, Progress())


def test_every_version_is_archived_byte_for_byte(pg_server: servers.Server, tmp_path: Path) -> None:
    plan = archived(pg_server, tmp_path / "r", check=True)
    assert not (tmp_path / "r").exists()
    first = archived(pg_server, tmp_path / "r")
    assert first.changed
    assert first.received == plan.received
    name = switch(pg_server)
    second = archived(pg_server, tmp_path / "r")
    assert name in second.sealed
    archive = archive_of(tmp_path / "r")
    assert assert_same_as_server(archive, pg_server)
    pg_server.execute("SELECT txid_current()")
    assert archived(pg_server, tmp_path / "r").changed
    found = check_wal(CheckWalRequest(str(tmp_path / "r"), read=True), Progress())
    assert found.sound
    assert found.archives[0]["version"] == pg_server.version[0]


def follow(server: servers.Server, repository: Path, *more: str) -> subprocess.Popen[bytes]:
    arguments = ["--repository", str(repository), "--cluster", CLUSTER, "--follow", "--json", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "dbfleet.cli", "wal", "archive", *connection_arguments(server), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def kill_follower(server: servers.Server, repository: Path, seconds: float) -> None:
    """Let one follow for so long, and kill it."""
    process = follow(server, repository, "--slot", "kept", "--create-slot")
    active = "SELECT active FROM pg_replication_slots"
    wait_until(lambda: process.poll() is not None or server.execute(active) == [(True,)])
    time.sleep(seconds)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", EXTREMES)
def test_a_follower_that_is_killed_goes_on_where_it_was(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    with server_pool.fresh(name, extra_config=keeps_wal(name)) as server:
        server.execute("CREATE TABLE busy (n int, t text)")
        busy = True

        def load() -> None:
            while busy:
                server.execute("INSERT INTO busy SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 1500) n")
                time.sleep(0.1)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            for seconds in (0.4, 1.3, 0.9):
                kill_follower(server, tmp_path, seconds)
        finally:
            busy = False
            thread.join()
        process = follow(server, tmp_path, "--slot", "kept")
        end = server.execute("SELECT pg_current_wal_lsn()::text")[0][0]
        slot = f"SELECT restart_lsn >= '{end}'::pg_lsn FROM pg_replication_slots WHERE slot_name = 'kept'"
        # The server was told what is durable, and nothing else.
        wait_until(lambda: process.poll() is not None or server.execute(slot) == [(True,)])
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        assert json.loads(out)["lag_bytes"] == 0
        archive = archive_of(tmp_path)
        assert assert_same_as_server(archive, server) > 2
        found = check_wal(CheckWalRequest(str(tmp_path), read=True), Progress())
        assert not found.problems
        status = json.loads(archive.storage.read_small(f"{archive.folder}/status.json", 10000) or b"")
        assert status["caught_up"]


def promoted(server: servers.Server) -> servers.Server:
    """A server that begins with the data folder of one that is shut down, on a timeline of its own."""
    files = {"standby.signal": ""} if server.version[0] >= 12 else {"recovery.conf": "standby_mode = on\n"}
    latest = {"recovery_target_timeline": "latest"} if server.version[0] >= 12 else {}
    successor = servers.start(
        server.name, extra_config={**keeps_wal(server.name), **latest}, data=server.data_dir, files=files
    )
    (successor.data_dir / "promote").touch()
    pid = int((successor.data_dir / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: successor.execute("SELECT pg_is_in_recovery()") == [(False,)])
    return successor


@pytest.mark.parametrize("name", EXTREMES)
def test_two_promotions_are_followed(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    with server_pool.fresh(name, extra_config=keeps_wal(name)) as first:
        archived(first, tmp_path)
        switch(first)
        archived(first, tmp_path)
        first.shutdown()
        with promoted(first) as second:
            switch(second)
            second.shutdown()
            with promoted(second) as third:
                result = archived(third, tmp_path)
                assert result.timeline == 3
                switch(third)
                archived(third, tmp_path)
                archive = archive_of(tmp_path)
                assert archive.timelines() == [1, 2, 3]
                assert archive.histories() == [2, 3]
                assert assert_same_as_server(archive, third) > 3
                for timeline in (2, 3):
                    path = third.data_dir / f"pg_wal/{timeline:08X}.history"
                    assert archive.read_history(timeline) == path.read_bytes()
                found = check_wal(CheckWalRequest(str(tmp_path), read=True), Progress())
                assert not found.problems
            # Whoever is on an older timeline than the archive is not archived.
        first.restart()
        with pytest.raises(ConsistencyError, match="timeline 3 is archived"):
            archived(first, tmp_path)


def test_a_gap_is_refused_and_named(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18", extra_config={"wal_keep_size": "0", "max_wal_size": "32MB"}) as server:
        server.execute("SELECT txid_current()")
        archived(server, tmp_path)
        names = [switch(server) for _number in range(5)]
        server.execute("CHECKPOINT")
        assert not (server.data_dir / "pg_wal" / names[0]).exists()
        with pytest.raises(ConsistencyError, match="does not have its log from .* on any more"):
            archived(server, tmp_path)
        server.execute("ALTER SYSTEM SET wal_keep_size = '1GB'")
        server.execute("SELECT pg_reload_conf()")
        archived(server, tmp_path, new_chain=True)
        switch(server)
        archived(server, tmp_path)
        found = check_wal(CheckWalRequest(str(tmp_path)), Progress())
        assert [problem["kind"] for problem in found.problems] == ["gap"]
        assert not found.sound


def test_one_archiver_at_a_time(pg_latest: servers.Server, tmp_path: Path) -> None:
    process = follow(pg_latest, tmp_path)
    try:
        wait_until(lambda: list(tmp_path.rglob("status.json")))
        with pytest.raises(LockedError):
            archived(pg_latest, tmp_path)
    finally:
        process.terminate()
        process.communicate()


def test_another_server_is_refused_in_the_middle_of_a_segment(server_pool: ServerPool, tmp_path: Path) -> None:
    """Two servers that were made of one data folder have one system identifier and one timeline."""
    with server_pool.fresh("pg18") as server, server_pool.fresh("pg18") as twin:
        server.execute("CREATE TABLE ours AS SELECT generate_series(1, 5000)")
        archived(server, tmp_path)
        assert tails(archive_of(tmp_path))
        twin.execute("CREATE TABLE theirs AS SELECT generate_series(1, 9000), 'x' AS x")
        with pytest.raises(ConsistencyError, match="another one than the one that is archived"):
            archived(twin, tmp_path)
        assert parse_segment(str(tails(archive_of(tmp_path))[0])) is not None


def command(*arguments: str) -> int:
    return main([*arguments, "--quiet"])


@pytest.mark.parametrize("name", EXTREMES)
def test_windows_and_what_backups_need(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    place = ["--repository", str(tmp_path), "--cluster", CLUSTER]
    with server_pool.fresh(name, extra_config={**keeps_wal(name), "full_page_writes": "on"}) as server:
        backup = ["wal", "basebackup", *connection_arguments(server), *place, "--checkpoint", "fast"]
        server.execute("SELECT txid_current()")
        archived(server, tmp_path)
        before = switch(server)
        assert command(*backup) == 0
        names = [switch(server) for _number in range(3)]
        archived(server, tmp_path)
        assert command(*backup) == 0
        switch(server)
        server.execute("INSERT INTO written VALUES (7)")
        end = archived(server, tmp_path).lsn
        (first, second) = info(InfoRequest(str(tmp_path))).windows
        assert first["ends"] == second["ends"]
        assert (first["ends"]["lsn"], first["gap"], first["ends"]["timeline"]) == (end, "", 1)
        assert first["begins"]["time"] <= second["begins"]["time"] <= second["ends"]["time"]
        archive = archive_of(tmp_path)
        # What was before the first backup, nobody needs.
        assert [one["file"] for one in prune(tmp_path, check=True)] == [one["file"] for one in prune(tmp_path)]
        assert archive.find(before) is None
        assert archive.find(names[0]) is not None
        # It goes with the backup that needed it, and check mode knows that before.
        planned = retained(tmp_path, check=True)
        files = [one["file"] for one in planned["logs"]["removed"]]
        assert names[0] in files
        assert planned["logs"]["kept"]["wal"] > 0
        assert (len(planned["removed"]), archive.find(names[0]) is not None) == (1, True)
        assert command("prune", str(tmp_path), "--keep-last", "1", "--keep-logs") == 0
        assert archive.find(names[0]) is not None
        done = retained(tmp_path)
        assert (done["removed"], done["changed"], done["logs"]) == ([], True, planned["logs"])
        assert archive.find(names[0]) is None
        assert not retained(tmp_path)["changed"]
        assert prune(tmp_path) == []
        (window,) = info(InfoRequest(str(tmp_path))).windows
        assert window == second
        assert check_wal(CheckWalRequest(str(tmp_path), read=True), Progress()).problems == ()
        # A gap behind it matters, and is where the window ends.
        archive.remove(archive.segments(1)[-1])
        found = check_wal(CheckWalRequest(str(tmp_path), read=True), Progress())
        assert not found.sound
        assert found.windows[0]["ends"]["lsn"] != end
        assert command("wal", "check", *place) == 1


def retained(repository: Path, *, check: bool = False) -> dict[str, Any]:
    request = PruneRequest(str(repository), RetentionPolicy(last=1), check=check)
    return prune_backups(request, Progress()).to_dict()


def prune(repository: Path, *, check: bool = False) -> list[Any]:
    return [dict(one) for one in prune_wal(PruneWalRequest(str(repository), check=check), Progress()).removed]
