# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A server with marked moments, a base backup that pg_basebackup made of it, and its archived WAL."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dbfleet.postgresql.replication.lsn import parse_lsn
from dbfleet.postgresql.wal.archive import WalArchive
from dbfleet.repository.repository import Repository
from dbfleet.streams.encryption import NOT_ENCRYPTED, Encryption
from tests import servers
from tests.integration.postgresql.basebackup_support import CLUSTER, back_up
from tests.servers import Server, folders, registry
from tests.servers.install import install

__all__ = ["CLUSTER"]

ARCHIVING = {
    "wal_level": "replica",
    "max_wal_senders": "5",
    "archive_mode": "on",
    # Run in the data folder.
    "archive_command": "cp %p ../wal/%f.tmp && mv ../wal/%f.tmp ../wal/%f",
    "hot_standby": "on",
}


def account() -> str:
    """Whom servers can run as here."""
    return "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def programs(name: str) -> str:
    """The folder of a server's programs."""
    return str(install(registry.SERVERS[name].build) / "bin")


@dataclasses.dataclass(frozen=True)
class Moment:
    """What the table held at some moment.

    :param lsn: behind the commit of the last row.
    :param time: between the commit of that row and the next one.
    """

    rows: int
    lsn: int
    time: datetime.datetime
    xid: int


@dataclasses.dataclass
class Marked:
    """A server whose table grows by a row at a time."""

    server: Server
    folder: Path
    rows: int = 0

    @property
    def archive_folder(self) -> Path:
        return self.server.folder / "wal"

    @property
    def repository(self) -> str:
        return str(self.folder / "repository")

    def prepare(self) -> None:
        self.server.execute(
            "CREATE TABLE marks (id int PRIMARY KEY, filler text)",
            "CREATE TABLE load (id int, filler text)",
            "INSERT INTO load SELECT g, repeat(md5(g::text), 4) FROM generate_series(1, 5000) g",
        )

    def mark(self, *, named: str = "") -> Moment:
        """Commit one row, remember the moment, and commit something else behind it."""
        self.rows += 1
        with contextlib.closing(self.server.connect()) as connection:
            connection.execute("UPDATE load SET filler = md5(filler) WHERE id %% 50 = %s", (self.rows % 50,))
            with connection.transaction():
                xid = connection.execute("SELECT txid_current()").fetchone()[0]
                connection.execute("INSERT INTO marks VALUES (%s, 'row')", (self.rows,))
            # Times of commits have microseconds; the moment must lie between two of them.
            time.sleep(0.01)
            lsn, now = connection.execute("SELECT pg_current_wal_insert_lsn()::text, clock_timestamp()").fetchone()
            if named:
                connection.execute("SELECT pg_create_restore_point(%s)", (named,))
            time.sleep(0.01)
        return Moment(self.rows, parse_lsn(lsn), now, int(xid))

    def base_backup(self, name: str, *arguments: str) -> str:
        """A backup in tar form by the genuine program; the folder."""
        folder = self.folder / name
        servers.client("pg_basebackup").run(
            self.server, "-D", str(folder), "-Ft", "-Xstream", "--checkpoint=fast", *arguments
        )
        return str(folder)

    def backup(self, *, incremental: str = "") -> str:
        """A backup by our own job in the repository; its id."""
        # Ids are of whole seconds.
        time.sleep(1.05)
        return str(back_up(self.server, self.repository, incremental=incremental)["id"])

    @property
    def archive(self) -> WalArchive:
        identifier = self.server.execute("SELECT system_identifier FROM pg_control_system()")[0][0]
        return WalArchive(Repository(self.repository), CLUSTER, int(identifier))

    def archive_wal(self, *, without: str = "", encryption: Encryption = NOT_ENCRYPTED) -> list[str]:
        """Close the segment being written and put all that the server has archived into the repository."""
        # Without a record in between, there is nothing to switch.
        switch = "SELECT pg_walfile_name(pg_switch_wal())"
        wanted = self.server.execute("CREATE TABLE switched ()", "DROP TABLE switched", switch)[0][0]
        deadline = time.monotonic() + 30
        while not (self.archive_folder / wanted).exists():
            assert time.monotonic() < deadline, f"{wanted} is not archived"
            time.sleep(0.05)
        archive = WalArchive(
            Repository(self.repository), CLUSTER, self.archive.system_identifier, encryption=encryption
        )
        names = sorted(path.name for path in self.archive_folder.iterdir() if not path.name.endswith(".tmp"))
        for one in names:
            if one != without:
                archive.put(str(self.archive_folder / one))
        return names


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the servers' account can reach, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-wal-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def marked_server(name: str, folder: Path, **settings: str) -> Iterator[Marked]:
    """A server of a version, with archiving into a folder."""
    with servers.start(name, extra_config={**ARCHIVING, **settings}) as server:
        folders.own_subfolder(server.folder, "wal")
        marked = Marked(server, folder)
        marked.prepare()
        yield marked


@contextlib.contextmanager
def running(name: str, data: Path, socket: Path, *, database: str = "postgres") -> Iterator[Any]:
    """A connection to a server that runs in a restored folder for the time being."""
    socket.mkdir(mode=0o700)
    identity: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(account())
        os.chown(socket, entry.pw_uid, entry.pw_gid)
        identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    hba = socket / "hba"
    hba.write_text("local all all trust\n")
    hba.chmod(0o644)
    settings = [f"unix_socket_directories={socket}", "listen_addresses=", f"hba_file={hba}", "port=5432"]
    settings += ["archive_mode=off", "logging_collector=off"]
    with open(socket / "log", "wb") as log:
        process = subprocess.Popen(
            [f"{programs(name)}/postgres", "-D", str(data), *(word for one in settings for word in ("-c", one))],
            stdout=log,
            stderr=log,
            **identity,
        )
    try:
        import psycopg

        deadline = time.monotonic() + 60
        while True:
            try:
                connection = psycopg.connect(
                    host=str(socket), port=5432, user="postgres", dbname=database, autocommit=True
                )
                break
            except psycopg.OperationalError:
                said = (socket / "log").read_text(errors="replace")
                assert process.poll() is None, said
                assert time.monotonic() < deadline, said
                time.sleep(0.1)
        with contextlib.closing(connection):
            # Queries are answered before recovery is over.
            while connection.execute("SELECT pg_is_in_recovery()").fetchone()[0]:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield connection
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def rows_of(name: str, data: Path, socket: Path) -> int:
    """How many marks a restored folder holds; its index agrees with its table where that can be asked."""
    with running(name, data, socket) as connection:
        count, highest = connection.execute("SELECT count(*), max(id) FROM marks").fetchone()
        assert count == (highest or 0)
        if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'amcheck'").fetchone():
            connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
            connection.execute("SELECT bt_index_check('marks_pkey'::regclass)")
        return int(count)
