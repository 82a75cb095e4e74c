# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Physical backups in tests: making one, unpacking it as tar does, and starting a server from it."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet.backup import BackupRequest, Destination
from dbfleet.physical_backup import PhysicalBackupRequest, backup_physical
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.replication.options import PhysicalBackupOptions
from dbfleet.progress import Progress
from tests import servers

CLUSTER = "shop"


def connection_of(server: servers.Server, user: str = "") -> ConnectionOptions:
    return ConnectionOptions(unix_socket=server.socket, port=server.port, user=user or server.user)


def request_of(
    server: servers.Server,
    repository: Path | str,
    *,
    incremental: str = "",
    destination: Any = None,
    user: str = "",
    **options: Any,
) -> PhysicalBackupRequest:
    chosen = PhysicalBackupOptions(
        connection_of(server, user), **{"checkpoint": "fast", "compression": "gzip:1", **options}
    )
    place = destination or Destination(repository=str(repository), cluster=CLUSTER)
    return PhysicalBackupRequest(BackupRequest(chosen, place), incremental=incremental)


def back_up(
    server: servers.Server, repository: Path | str, *, progress: Progress | None = None, **options: Any
) -> dict[str, Any]:
    """A physical backup, as results have it."""
    result = backup_physical(request_of(server, repository, **options), progress or Progress())
    assert result.changed
    return dict(result.to_dict()["backup"])


def checked(request: PhysicalBackupRequest) -> PhysicalBackupRequest:
    return dataclasses.replace(request, backup=dataclasses.replace(request.backup, check=True))


def unpack(server: servers.Server, backup: dict[str, Any], folder: Path) -> Path:
    """The data folder that a backup holds, with its WAL, and its tablespaces beside it."""
    base = Path(backup["path"]) / "base"
    folder.mkdir(mode=0o700)
    for archive, place in (("base", folder), ("pg_wal", folder / "pg_wal")):
        with tarfile.open(base / f"{archive}.tar.gz") as tar:
            tar.extractall(place)
    lines = []
    for tablespace in backup["options"]["tablespaces"]:
        place = folder.with_name(f"{folder.name}_{tablespace['oid']}")
        place.mkdir()
        with tarfile.open(base / f"{tablespace['oid']}.tar.gz") as tar:
            tar.extractall(place)
        lines.append(f"{tablespace['oid']} {place}\n")
    if lines:
        (folder / "tablespace_map").write_text("".join(lines))
    shutil.copy(base / "backup_manifest", folder)
    for path in folder.parent.glob(f"{folder.name}*"):
        subprocess.run(["chown", "-R", f"--reference={server.data_dir}", path], check=True)
    folder.chmod(0o700)
    for parent in folder.parents:
        if parent.stat().st_mode & 0o001 == 0:
            # Those that pytest makes are for its own user.
            parent.chmod(0o711)
    return folder


@contextmanager
def writing(server: servers.Server, database: str) -> Iterator[None]:
    """A client that moves amounts between the rows of a table, whose sum never changes, while something is done."""
    server.execute(
        "CREATE TABLE account AS SELECT n, 100 AS amount, repeat('x', 300) AS filler FROM generate_series(1, 5000) n",
        database=database,
    )
    stop = threading.Event()
    failures: list[BaseException] = []

    def write() -> None:
        try:
            with server.connect(database) as connection:
                number = 0
                while not stop.is_set():
                    number += 1
                    with connection.transaction():
                        for row, amount in ((number % 5000, -1), ((number * 7 + 1) % 5000, 1)):
                            connection.execute(
                                "UPDATE account SET amount = amount + %s WHERE n = %s", (amount, row + 1)
                            )
                    if number % 500 == 0:
                        connection.execute("CREATE TABLE IF NOT EXISTS other AS SELECT * FROM account")
                        connection.execute("DROP TABLE other")
        except BaseException as error:  # noqa: BLE001 - told by the test
            failures.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not failures


def program_of(server: servers.Server, name: str) -> Path | None:
    """One of the server's own programs, where its build has it."""
    path = server._layout.build / "bin" / name
    return path if path.exists() else None
