# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Restored servers that are started for good: in a plain data folder, and with a configuration that lies elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from dbfleet.errors import NotFoundError, RestoreError, UsageError
from dbfleet.postgresql.physical_restore.recovery import PAUSE, RecoveryTarget
from dbfleet.postgresql.replication.lsn import format_lsn, parse_lsn
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.wal_archive_support import wait_until
from tests.integration.postgresql.wal_restore_support import (
    Marked,
    Moment,
    account,
    marked_server,
    open_folder,
    programs,
)
from tests.servers import folders
from tests.servers.fixtures import POSTGRESQL, ServerPool

NEWEST = POSTGRESQL[-1]
CONTROL = shutil.which("pg_ctlcluster")


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def socket_folder(place: Path) -> Path:
    folder = place / "sockets"
    folder.mkdir()
    folders.give_to_server(folder)
    return folder


@contextlib.contextmanager
def ended(data: Path) -> Iterator[None]:
    """No server is left in the folder afterwards."""
    try:
        yield
    finally:
        lock = data / "postmaster.pid"
        if lock.exists():
            os.kill(int(lock.read_text().split()[0]), signal.SIGQUIT)
            wait_until(lambda: not lock.exists())


def configured(marked: Marked, *lines: str) -> None:
    """Settings that the backup takes along."""
    with (marked.server.data_dir / "postgresql.conf").open("a") as settings:
        settings.writelines(f"{line}\n" for line in lines)


def backed_up(marked: Marked) -> Moment:
    """A backup, a moment behind it, and more behind that."""
    marked.backup()
    moment = marked.mark()
    marked.mark()
    marked.archive_wal()
    return moment


def asked(recovered: Any, sockets: Path, query: str) -> Any:
    with contextlib.closing(
        psycopg.connect(host=str(sockets), port=recovered["port"], user="postgres", dbname="postgres", autocommit=True)
    ) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.mark.parametrize("name", [POSTGRESQL[0], NEWEST])
def test_starts_in_a_plain_data_folder(name: str, server_pool: ServerPool, place: Path) -> None:
    server_pool.get(name)
    sockets = socket_folder(place)
    with marked_server(name, place) as marked:
        configured(marked, f"unix_socket_directories = '{sockets}'", "listen_addresses = ''", "port = 5437")
        moment = backed_up(marked)
        target = RecoveryTarget(lsn=moment.lsn)
        data = place / "data"
        planned = restored(marked, "", data, target, recover=False, start=True, check=True)
        assert planned.restore["start"] == {"configuration": "", "command": ""}
        assert "the server is started" in planned.after
        assert not data.exists()
        with ended(data):
            done = restored(marked, "", data, target, recover=False, start=True).restore["recovered"]
            assert (done["state"], done["timeline"], done["running"], done["port"]) == ("promoted", 2, True, 5437)
            assert parse_lsn(done["lsn"]) >= moment.lsn
            assert done["time"]
            assert asked(done, sockets, "SELECT count(*) FROM marks") == moment.rows
            assert asked(done, sockets, "SELECT pg_is_in_recovery()") is False
            assert Path(f"/proc/{done['process']}").stat().st_uid == data.stat().st_uid
            assert data.stat().st_uid == pwd.getpwnam(account()).pw_uid


def test_a_paused_server_runs_for_those_who_look(server_pool: ServerPool, place: Path) -> None:
    server_pool.get(NEWEST)
    sockets = socket_folder(place)
    with marked_server(NEWEST, place) as marked:
        configured(marked, f"unix_socket_directories = '{sockets}'", "listen_addresses = ''", "port = 5437")
        moment = backed_up(marked)
        target, data = RecoveryTarget(lsn=moment.lsn, action=PAUSE), place / "data"
        with ended(data):
            done = restored(marked, "", data, target, recover=False, start=True).restore["recovered"]
            assert (done["state"], done["timeline"], done["running"]) == ("paused", 0, True)
            wait_until(lambda: asked(done, sockets, "SELECT pg_is_wal_replay_paused()"))
            assert asked(done, sockets, "SELECT count(*) FROM marks") == moment.rows


def test_what_keeps_it_from_starting_is_told(server_pool: ServerPool, place: Path) -> None:
    server_pool.get(NEWEST)
    with marked_server(NEWEST, place) as marked:
        # Only where it is started for good does the server look for this.
        configured(marked, "listen_addresses = 'no.such.host.invalid'", "unix_socket_directories = '/no/such/folder'")
        configured(marked, "logging_collector = on", "log_directory = 'own_log'")
        backed_up(marked)
        data = place / "data"
        with pytest.raises(RestoreError, match=r"does not start: .*FATAL: could not create .*socket") as failed:
            restored(marked, "", data, RecoveryTarget(), recover=False, start=True)
        assert "restored and recovered" in failed.value.message
        assert not (data / "postmaster.pid").exists()
        with pytest.raises(NotFoundError, match=r"no server programs of PostgreSQL on this host"):
            restored(marked, "", place / "other", RecoveryTarget(), start=True, server_programs="/nowhere")
        assert not (place / "other").exists()


@pytest.mark.parametrize("name", [POSTGRESQL[0], NEWEST])
def test_the_server_had_more_of_something_later(name: str, server_pool: ServerPool, place: Path) -> None:
    """A server that takes queries while it recovers needs as many connections as the one before had."""
    server_pool.get(name)
    with marked_server(name, place) as marked:
        marked.backup()
        marked.server.execute("ALTER SYSTEM SET max_connections = 333")
        marked.server.restart()
        moment = marked.mark()
        marked.mark()
        marked.archive_wal()
        done = restored(marked, "", place / "data", RecoveryTarget(lsn=moment.lsn)).restore["recovered"]
        assert (done["state"], done["timeline"]) == ("promoted", 2)
        assert parse_lsn(done["lsn"]) >= moment.lsn
        # Whoever wants to look before it is promoted has to say where there is as much.
        paused = RecoveryTarget(lsn=moment.lsn, action=PAUSE)
        with pytest.raises(RestoreError, match=r"max_connections"):
            restored(marked, "", place / "paused", paused)


def elsewhere(marked: Marked, data: Path, sockets: Path, root: Path, cluster: str) -> Path:
    """A configuration as Debian keeps it; that in the data folder is gone."""
    folder = root / str(marked.server.version[0]) / cluster
    folder.mkdir(parents=True)
    (folder / "pg_hba.conf").write_text("local all all trust\n")
    file = folder / "postgresql.conf"
    file.write_text(
        f"data_directory = '{data}'\t# where it is\nhba_file = '{folder}/pg_hba.conf'\nident_file = '{folder}/ident'\n"
        f"unix_socket_directories = '{sockets}'\nlisten_addresses = ''\nport = 5438\n"
    )
    (folder / "ident").touch()
    for path in (root, folder.parent, folder, *folder.iterdir()):
        folders.give_to_server(path)
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        (marked.server.data_dir / name).unlink()
    return file


def test_starts_with_a_configuration_elsewhere(
    server_pool: ServerPool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server_pool.get(NEWEST)
    sockets = socket_folder(place)
    with marked_server(NEWEST, place) as marked:
        data = place / "data"
        file = elsewhere(marked, data, sockets, place / "etc", "main")
        moment = backed_up(marked)
        target = RecoveryTarget(lsn=moment.lsn)
        monkeypatch.setenv("PG_CLUSTER_CONF_ROOT", str(place / "none"))
        with pytest.raises(UsageError, match=r"holds no postgresql.conf, and none below .* is for") as refused:
            restored(marked, "", data, target, recover=False, start=True)
        assert "config_file" in refused.value.hint
        with pytest.raises(UsageError, match="there is no file"):
            restored(marked, "", data, target, recover=False, start=True, config_file=f"{file}.old")
        assert not data.exists()
        # It names another folder, which is another server's.
        other = place / "other"
        command = [sys.executable, "-m", "dbfleet.cli", "wal", "restore", "--repository", marked.repository, "--start"]
        command += ["--data-folder", str(other), "--owner", account(), "--disable-archiving", "--json"]
        command += ["--config-file", str(file), "--server-programs", programs(NEWEST)]
        command += ["--target-lsn", format_lsn(moment.lsn)]
        with ended(other):
            done = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
            assert done["restore"]["start"] == {"configuration": str(file), "command": ""}
            done = done["restore"]["recovered"]
            assert (done["state"], done["timeline"], done["port"]) == ("promoted", 2, 5438)
            assert asked(done, sockets, "SHOW data_directory") == str(other)
            assert asked(done, sockets, "SELECT count(*) FROM marks") == moment.rows
        assert not data.exists()


def _of_debian() -> str:
    """A version of which the distribution's server is installed, and ours can be had."""
    for name in reversed(POSTGRESQL):
        if CONTROL and all(Path(f"/usr/lib/postgresql/{name[2:]}/bin/{one}").exists() for one in ("postgres", "psql")):
            return name
    return ""


@pytest.mark.skipif(not _of_debian(), reason="no server of Debian's is installed with pg_ctlcluster")
def test_the_distribution_starts_its_cluster(
    server_pool: ServerPool, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _of_debian()
    server_pool.get(name)
    sockets = socket_folder(place)
    with marked_server(name, place) as marked:
        data = place / "data"
        file = elsewhere(marked, data, sockets, place / "etc", "dbfleettest")
        log = place / "server.log"
        log.touch()
        folders.give_to_server(log)
        (file.parent / "log").symlink_to(log)
        moment = backed_up(marked)
        monkeypatch.setenv("PG_CLUSTER_CONF_ROOT", str(place / "etc"))
        more = {"recover": False, "start": True, "server_programs": f"/usr/lib/postgresql/{name[2:]}/bin"}
        planned = restored(marked, "", data, RecoveryTarget(lsn=moment.lsn), check=True, **more)
        assert planned.restore["start"]["command"] == f"{CONTROL} {name[2:]} dbfleettest start"
        with ended(data):
            done = restored(marked, "", data, RecoveryTarget(lsn=moment.lsn), **more).restore["recovered"]
            assert (done["state"], done["timeline"], done["running"], done["port"]) == ("promoted", 2, True, 5438)
            assert asked(done, sockets, "SELECT count(*) FROM marks") == moment.rows
        # What its log has of before, and of statements, is none of what is told.
        with log.open("a") as text:
            text.write("ERROR:  duplicate key\nDETAIL:  Key (id)=(4711) already exists.\nSTATEMENT:  INSERT 4711\n")
        with file.open("a") as text:
            text.write("unix_socket_directories = '/no/such/folder'\n")
        with pytest.raises(RestoreError, match=r"does not start: .*FATAL: could not create lock file") as failed:
            restored(marked, "", data, RecoveryTarget(lsn=moment.lsn), delta=True, **more)
        assert "4711" not in failed.value.message
