# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A MySQL or MariaDB server for one drill."""

from __future__ import annotations

import contextlib
import os
import signal
import typing as t

from ..errors import DbfleetError, NotFoundError
from ..mysql.connection import connect
from ..mysql.options import ConnectionOptions
from .process import PrivateFolder, Program, find_programs, paths_of, running

_FOLDERS = ("/usr/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/opt/m*/bin", "/usr/local/opt/m*/bin")
_INSTALLERS = ("mariadb-install-db", "mysql_install_db")
_USER = "mysql"
# Nothing has to survive a crash, and one restore has the server to itself.
_SETTINGS = (
    "--skip-networking",
    "--skip-log-bin",
    "--event-scheduler=OFF",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=OFF",
    "--innodb-buffer-pool-size=256M",
    "--max-allowed-packet=1G",
    "--local-infile=ON",
)


def program_for(version_number: int, *, mariadb: bool, given: str) -> Program:
    """The oldest server program of the family that is not older than the backup's server.

    :param version_number: the backup's, 101106 for MariaDB 10.11.6.
    :param given: a folder of programs; empty for the usual ones.
    :raises NotFoundError: there is none.
    """
    wanted = (version_number // 10000, version_number // 100 % 100)
    names = ("mariadbd", "mysqld") if mariadb else ("mysqld",)
    found = [
        program
        for program in find_programs(paths_of(names, _FOLDERS, given))
        if ("mariadb" in program.words.lower()) == mariadb
    ]
    for program in found:
        if program.version[:2] >= wanted:
            return program
    family = "MariaDB" if mariadb else "MySQL"
    there = ", ".join(program.path for program in found) or "none"
    raise NotFoundError(
        f"there is no server program of {family} {wanted[0]}.{wanted[1]} or later on this host (found: {there})",
        hint="install it, name its folder (server_programs), or give a server",
    )


@contextlib.contextmanager
def mysql_server(
    version_number: int, *, mariadb: bool, programs: str = "", base: str = ""
) -> t.Iterator[ConnectionOptions]:
    """A running server without databases.

    :param programs: the folder of the server's program; empty for the usual ones.
    :param base: where to put the data.
    :raises NotFoundError: there is no suitable server on this host, or it does not come up.
    """
    program = program_for(version_number, mariadb=mariadb, given=programs)
    folder = PrivateFolder(base, (_USER,))
    try:
        data, socket = os.path.join(folder.path, "data"), os.path.join(folder.path, "s")
        # The folder that a package names for exchanged files need not exist.
        where = [f"--datadir={data}", f"--tmpdir={folder.path}", f"--secure-file-priv={folder.path}"]
        if mariadb:
            # The account of the system is let in over the socket, and so is root without a password.
            flags = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
            command = [_installer(program), "--no-defaults", *where, *flags]
        else:
            command = [program.path, "--no-defaults", *where, "--initialize-insecure"]
        folder.run(command, why="a data folder cannot be made")
        options = ConnectionOptions(unix_socket=socket, user="root", ssl_mode="DISABLED")
        pid_file = f"--pid-file={os.path.join(folder.path, 'pid')}"
        command = [program.path, "--no-defaults", *where, f"--socket={socket}", pid_file, *_settings(program)]
        with running(folder, command, lambda: _is_ready(options), signal.SIGKILL):
            yield options
    finally:
        folder.remove()


def _settings(program: Program) -> tuple[str, ...]:
    # The X plugin would open a socket of its own.
    return (*_SETTINGS, "--loose-mysqlx=OFF") if program.version[0] in range(8, 10) else _SETTINGS


def _installer(program: Program) -> str:
    folders = (os.path.dirname(program.path), "/usr/bin", "/usr/local/bin", "/usr/local/mysql/scripts")
    for path in (os.path.join(folder, name) for folder in folders for name in _INSTALLERS):
        if os.access(path, os.X_OK):
            return path
    raise NotFoundError(
        f"there is no {_INSTALLERS[0]} beside {program.path} or in the usual places",
        hint="install it (Debian: mariadb-server-core), or give a server",
    )


def _is_ready(options: ConnectionOptions) -> bool:
    if not os.path.exists(options.unix_socket):
        return False
    try:
        connect(options).close()
    except DbfleetError:
        return False
    return True
