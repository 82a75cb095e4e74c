# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A PostgreSQL server for one drill."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t

from ..errors import NotFoundError
from ..postgresql.options import ConnectionOptions
from .process import PrivateFolder, Program, find_programs, paths_of, running

_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
_USER = "postgres"
# Nothing has to survive a crash, and one restore has the server to itself.
_SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "archive_mode=off",
    "autovacuum=off",
    "max_locks_per_transaction=256",
    "shared_buffers=128MB",
    "max_connections=50",
)


def server_folders() -> tuple[str, ...]:
    """Where packages put the server's programs, with wildcards."""
    return _FOLDERS


def program_for(version_number: int, given: str) -> Program:
    """The oldest server program that is not older than the backup's server.

    :param version_number: the backup's, 160004 for 16.4.
    :param given: a folder of programs; empty for the usual ones.
    :raises NotFoundError: there is none.
    """
    wanted = version_number // 10000
    found = find_programs(paths_of(("postgres",), _FOLDERS, given))
    for program in found:
        if program.version[0] >= wanted and os.access(_beside(program, "initdb"), os.X_OK):
            return program
    there = ", ".join(program.path for program in found) or "none"
    raise NotFoundError(
        f"there are no server programs of PostgreSQL {wanted} or later on this host (found: {there})",
        hint="install them, name their folder (server_programs), or give a server",
    )


@contextlib.contextmanager
def postgresql_server(version_number: int, *, programs: str = "", base: str = "") -> t.Iterator[ConnectionOptions]:
    """A running server with an empty cluster.

    :param programs: the folder of the server's programs; empty for the usual ones.
    :param base: where to put the data.
    :raises NotFoundError: there is no suitable server on this host, or it does not come up.
    """
    program = program_for(version_number, programs)
    folder = PrivateFolder(base, (_USER,))
    try:
        data = os.path.join(folder.path, "data")
        flags = ["--auth=trust", f"--username={_USER}", "--encoding=UTF8", "--locale=C", "--no-sync"]
        folder.run([_beside(program, "initdb"), f"--pgdata={data}", *flags], why="a cluster cannot be made")
        settings = [f"unix_socket_directories={folder.path}", "port=5432", *_SETTINGS]
        command = [program.path, "-D", data, *(word for setting in settings for word in ("-c", setting))]
        with running(folder, command, lambda: _is_ready(data), signal.SIGQUIT):
            yield ConnectionOptions(unix_socket=folder.path, port=5432, user=_USER)
    finally:
        folder.remove()


def _beside(program: Program, name: str) -> str:
    return os.path.join(os.path.dirname(program.path), name)


def _is_ready(data: str) -> bool:
    """Whether connections are accepted: the eighth line of the lock file says so."""
    with contextlib.suppress(OSError), open(os.path.join(data, "postmaster.pid"), encoding="utf-8") as file:
        lines = file.read().splitlines()
        return len(lines) >= 8 and lines[7].strip() == "ready"
    return False
