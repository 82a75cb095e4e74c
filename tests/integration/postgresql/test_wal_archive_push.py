# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``dbfleet wal push`` and ``fetch`` as the commands of real servers."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError
from dbfleet.postgresql.wal.archive import WalArchive
from tests import servers
from tests.integration.postgresql.wal_archive_support import (
    archive_of,
    assert_same_as_server,
    begin_archiving,
    content,
    server_python,
    set_command,
    switch,
    wait_until,
    where,
)
from tests.servers.fixtures import POSTGRESQL, ServerPool

EXTREMES = ["pg10", "pg18"]
ARCHIVING = {"archive_mode": "on", "archive_command": ""}


def ready(server: servers.Server) -> list[str]:
    return sorted(path.stem for path in (server.data_dir / "pg_wal/archive_status").glob("*.ready"))


def log_of(server: servers.Server) -> str:
    return server.log.read_text(errors="replace")


@pytest.mark.parametrize("name", POSTGRESQL)
def test_a_server_archives_by_push(server_pool: ServerPool, name: str) -> None:
    with server_pool.fresh(name, extra_config=ARCHIVING) as server:
        first, second = switch(server), switch(server)
        repository = begin_archiving(server)
        wait_until(lambda: not ready(server))
        archive = archive_of(repository)
        assert [file.name for file in archive.segments(1)][:2] == [first, second]
        assert assert_same_as_server(archive, server) == 3
        assert not list(repository.rglob("*.new"))
        (row,) = server.execute("SELECT failed_count FROM pg_stat_archiver")
        assert row == (0,)


@pytest.mark.parametrize("name", EXTREMES)
def test_a_server_recovers_by_fetch(server_pool: ServerPool, name: str) -> None:
    """Its data folder of one moment, and what it archived since."""
    with server_pool.fresh(name, extra_config=ARCHIVING) as server:
        begin_archiving(server, "--compress", "zstd")
        server.execute("CREATE TABLE rows AS SELECT generate_series(1, 10) AS n")
        server.shutdown()
        copy = server.folder / "copy"
        subprocess.run(["cp", "-a", server.data_dir, copy], check=True)
        server.restart()
        for number in range(4):
            server.execute(f"INSERT INTO rows SELECT generate_series(1, 40000) FROM generate_series(1, {number})")
            switch(server)
        (expected,) = server.execute("SELECT count(*) FROM rows")
        wait_until(lambda: not ready(server))
        with recovering(server, copy) as recovered:
            assert recovered.execute("SELECT count(*), pg_is_in_recovery() FROM rows") == [(*expected, False)]
            assert "restored log file" in log_of(recovered)
            # The end of the log is reached, so nothing that was fetched ahead is of use.
            wait_until(lambda: not list((server.folder / "spool").glob("wal-fetch-*/0*")))


@pytest.mark.parametrize("name", EXTREMES)
def test_a_server_stops_rather_than_ends_recovery_too_early(server_pool: ServerPool, name: str) -> None:
    """It would open a database without what is behind the damage."""
    with server_pool.fresh(name, extra_config=ARCHIVING) as server:
        repository = begin_archiving(server, "--compress", "none")
        server.shutdown()
        copy = server.folder / "copy"
        subprocess.run(["cp", "-a", server.data_dir, copy], check=True)
        server.restart()
        names = [switch(server) for _number in range(3)]
        wait_until(lambda: not ready(server))
        archive = archive_of(repository)
        damaged = archive.find(names[1])
        assert damaged is not None
        path = Path(archive.storage.url(damaged.path))
        whole = path.read_bytes()
        path.write_bytes(whole[:9000] + bytes([whole[9000] ^ 1]) + whole[9001:])
        message = stops(server, copy)
        assert "exit code 255" in message
        assert "was changed" in message
        if name == EXTREMES[-1]:
            path.write_bytes(whole[:-1])
            assert "was changed" in stops(server, copy)
            path.unlink()
            assert "there is a gap in the archive" in stops(server, copy)
        path.write_bytes(whole)
        with recovering(server, copy) as recovered:
            assert recovered.execute("SELECT count(*) FROM written") == [(4,)]


def recovery_files(server: servers.Server, *, standby: bool = False) -> tuple[dict[str, str], dict[str, str]]:
    """Settings and files for a server that recovers from the archive of ``server``."""
    command = f"{server_python(server.folder)} wal fetch %f %p {where(server)}".replace("'", "''")
    settings = {"archive_mode": "off"}
    if server.version[0] >= 12:
        settings.update(restore_command=command, recovery_target_timeline="latest")
        return settings, {"standby.signal" if standby else "recovery.signal": ""}
    lines = f"restore_command = '{command}'\nrecovery_target_timeline = 'latest'\n"
    return settings, {"recovery.conf": lines + ("standby_mode = 'on'\n" if standby else "")}


def recovering(server: servers.Server, copy: Path) -> servers.Server:
    """A server that has recovered from a copy of the data folder of ``server`` and its archive."""
    settings, files = recovery_files(server)
    recovered = servers.start(server.name, extra_config=settings, data=copy, files=files)
    wait_until(lambda: recovered.execute("SELECT NOT pg_is_in_recovery()") == [(True,)])
    return recovered


def stops(server: servers.Server, copy: Path) -> str:
    """A recovery that must not end well; the server's log."""
    settings, files = recovery_files(server)
    try:
        recovered = servers.start(server.name, extra_config={**settings, "hot_standby": "off"}, data=copy, files=files)
    except servers.ServerStartError as error:
        return str(error)
    with recovered:
        wait_until(lambda: not recovered.running)
        return log_of(recovered)


def test_a_standby_is_not_stopped_by_a_failure(server_pool: ServerPool) -> None:
    name = EXTREMES[-1]
    with server_pool.fresh(name, extra_config=ARCHIVING) as server:
        repository = begin_archiving(server)
        server.shutdown()
        copy = server.folder / "copy"
        subprocess.run(["cp", "-a", server.data_dir, copy], check=True)
        server.restart()
        switch(server)
        wait_until(lambda: not ready(server))
        settings, files = recovery_files(server, standby=True)
        settings["wal_retrieve_retry_interval"] = "100ms"
        away = repository.with_name("away")
        repository.rename(away)
        with servers.start(name, extra_config=settings, data=copy, files=files) as standby:
            wait_until(lambda: "is no repository" in log_of(standby) or "error:" in log_of(standby))
            assert standby.running
            away.rename(repository)
            wait_until(lambda: standby.execute("SELECT count(*) FROM pg_class WHERE relname = 'written'") == [(1,)])


def test_many_segments_are_archived_in_one_call(server_pool: ServerPool) -> None:
    with server_pool.fresh("pg18", extra_config=ARCHIVING) as server:
        names = [switch(server) for _number in range(6)]
        repository = begin_archiving(server)
        wait_until(lambda: not ready(server))
        archive = archive_of(repository)
        assert [file.name for file in archive.segments(1)][:6] == names
        assert assert_same_as_server(archive, server) == 7
        ahead = [line for line in log_of(server).splitlines() if " and " in line and line.startswith("archived ")]
        assert ahead
        # No note is left that nobody will use.
        assert [path.read_text() for path in (server.folder / "spool").glob("wal-push-*[0-9a-f]")] == ["{}"]


def test_what_is_archived_is_never_replaced(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg18", extra_config=ARCHIVING) as server:
        name = switch(server)
        path = server.data_dir / "pg_wal" / name
        archive = new_archive(server, tmp_path)
        assert archive.put(str(path))
        assert not archive.put(str(path))
        other = tmp_path / name
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        other.write_bytes(data)
        with pytest.raises(ConsistencyError, match="another file is archived as"):
            archive.put(str(other))
        (file,) = archive.segments(1)
        assert content(archive, file) == path.read_bytes()


def new_archive(server: servers.Server, folder: Path) -> WalArchive:
    from dbfleet.repository.repository import Repository

    (row,) = server.execute("SELECT system_identifier FROM pg_control_system()")
    return WalArchive(Repository(str(folder / "new")), "shop", int(row[0]))


def test_a_full_disk_fails_the_push_and_leaves_nothing(server_pool: ServerPool) -> None:
    with server_pool.fresh("pg18", extra_config=ARCHIVING) as server:
        disk = server.folder / "repository"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=777", "tmpfs", disk], check=True)
        try:
            (server.folder / "spool").mkdir(mode=0o777)
            (server.folder / "spool").chmod(0o777)
            server.execute(
                "CREATE TABLE filling AS SELECT md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 20000) n"
            )
            name = switch(server)
            set_command(server, "archive_command", f"wal push %p {where(server)}")
            switch(server)
            wait_until(lambda: server.execute("SELECT failed_count > 0 FROM pg_stat_archiver") == [(True,)])
            assert "No space left" in log_of(server)
            assert not list(disk.rglob(f"{name}*"))
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            switch(server)
            wait_until(lambda: not ready(server))
            archive = archive_of(disk)
            assert archive.find(name) is not None
            assert assert_same_as_server(archive, server)
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
            time.sleep(0.1)
