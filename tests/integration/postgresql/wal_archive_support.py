# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Servers that archive their WAL by our command, and what is asked of an archive."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import dbfleet
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.postgresql.wal.archive import WalArchive, only_system
from dbfleet.postgresql.wal.archived_file import ArchivedFile
from dbfleet.postgresql.wal.segment import check_segment
from dbfleet.postgresql.wal.tail import TailSource, read_tail, tails
from dbfleet.repository.repository import Repository
from tests import servers
from tests.servers import folders
from tests.servers.paths import server_user

CLUSTER = "shop"
PATIENCE = 180.0
_BLOCK = 1 << 20


def wait_until(what: Callable[[], object]) -> None:
    """Until it is true."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, "it does not become true"
        time.sleep(0.05)


def server_python(folder: Path) -> str:
    """How the servers' user runs ``python -m dbfleet.cli``: where root runs the tests, maybe by another Python."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info[1]}"):
        # A Python in root's home is out of reach for others.
        user = server_user()
        identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user.is_other else {}
        with contextlib.suppress(OSError):
            if not subprocess.run([python, "-c", ""], check=False, cwd="/", capture_output=True, **identity).returncode:
                break
    else:
        raise AssertionError(f"{server_user().name} can run no Python {sys.version_info[:2]}")
    packages = folder / "python"
    packages.mkdir(exist_ok=True)
    link = packages / "dbfleet"
    if not link.exists():
        link.symlink_to(Path(str(dbfleet.__file__)).parent)
    path = f"{packages}:{sysconfig.get_paths()['purelib']}"
    # As an installed program has it: compiled once, not for every segment.
    compiled = folder / "bytecode"
    if not compiled.exists():
        folders.own_subfolder(folder, compiled.name)
    environment = f"PYTHONPYCACHEPREFIX={shlex.quote(str(compiled))} PYTHONPATH={shlex.quote(path)}"
    return f"env -u PYTHONDONTWRITEBYTECODE {environment} {shlex.quote(python)} -m dbfleet.cli"


def begin_archiving(server: servers.Server, *options: str) -> Path:
    """Let a server that was started with ``archive_mode`` archive by our command; the repository.

    Its archiver looks again when a segment is complete, or after a minute.
    """
    repository = folders.own_subfolder(server.folder, "repository")
    folders.own_subfolder(server.folder, "spool")
    set_command(server, "archive_command", f"wal push %p {where(server)} {' '.join(options)}")
    switch(server)
    return repository


def where(server: servers.Server) -> str:
    """The options for the repository of :func:`begin_archiving`."""
    return f"--repository {server.folder}/repository --cluster {CLUSTER} --spool {server.folder}/spool"


def set_command(server: servers.Server, name: str, arguments: str) -> None:
    command = f"{server_python(server.folder)} {arguments}".replace("'", "''")
    server.execute(f"ALTER SYSTEM SET {name} = '{command}'")
    server.execute("SELECT pg_reload_conf()")


def archive_of(repository: Path, cluster: str = CLUSTER) -> WalArchive:
    opened = Repository(str(repository))
    return WalArchive(opened, cluster, only_system(opened.storage, cluster))


def content(archive: WalArchive, file: ArchivedFile) -> bytes:
    with contextlib.closing(archive.open(file)) as source:
        return b"".join(iter(lambda: source.read(_BLOCK), b""))


def connection_of(server: servers.Server) -> ConnectionOptions:
    return ConnectionOptions(unix_socket=server.socket, port=server.port, user=server.user)


def connection_arguments(server: servers.Server) -> list[str]:
    return ["--socket", server.socket, "--port", str(server.port), "--user", server.user]


def switch(server: servers.Server) -> str:
    """Write a little, and end the segment; its name."""
    (row,) = server.execute("SELECT pg_walfile_name(pg_current_wal_insert_lsn())")
    server.execute("CREATE TABLE IF NOT EXISTS written (n int)", "INSERT INTO written VALUES (1)")
    server.execute("SELECT pg_switch_wal()")
    return str(row[0])


def assert_same_as_server(archive: WalArchive, server: servers.Server) -> int:
    """Every archived segment and tail that the server still has is byte for byte the server's; how many."""
    compared = 0
    folder = server.data_dir / "pg_wal"
    for timeline in archive.timelines():
        for file in archive.segments(timeline):
            with contextlib.closing(archive.open(file)) as source:
                assert file.segment is not None
                check_segment(source, file.segment, name=file.name)
            if (folder / file.name).exists():
                assert content(archive, file) == (folder / file.name).read_bytes()
                compared += 1
    for place in tails(archive):
        record = read_tail(archive, place)
        assert record is not None
        with contextlib.closing(TailSource(archive, record, fill=False)) as source:
            data = b"".join(iter(lambda: source.read(_BLOCK), b""))
        if (folder / str(place)).exists():
            assert data == (folder / str(place)).read_bytes()[: len(data)]
            compared += 1
    return compared
