# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a caller can ask of the MySQL and MariaDB engine: the same fields for modules and command."""

from __future__ import annotations

import dataclasses

SSL_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")


@dataclasses.dataclass(frozen=True)
class ConnectionOptions:
    """How to reach a MySQL or MariaDB server.

    Explicit fields win over the option file, which wins over the built-in defaults (localhost, 3306).

    :param host: host name or address; with :attr:`unix_socket` set it is ignored.
    :param port: TCP port.
    :param unix_socket: the path of the server's socket.
    :param password: never shown, logged or passed on a command line.
    :param option_file: a ``my.cnf``; its groups ``[client]`` and :attr:`option_group` are read.
    :param ssl_mode: one of :data:`SSL_MODES`; never weakened.
    :param connect_timeout: seconds for establishing the connection.
    """

    host: str = ""
    port: int | None = None
    unix_socket: str = ""
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    option_file: str = ""
    option_group: str = ""
    ssl_mode: str = ""
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""
    connect_timeout: int = 30


@dataclasses.dataclass(frozen=True)
class BackupOptions:
    """What to back up of one database, and in which form.

    :param format: ``plain`` now; ``directory`` is refused until it exists.
    :param compression: as ``--compress`` names it; empty takes the format's default.
    :param jobs: worker processes; the format ``plain`` is one stream and takes no more than one.
    :param lock_tables: tables that no snapshot covers (MyISAM, Aria, MEMORY and others) are locked against writing
        while they are read; without, a database with rows in such tables is refused.
    """

    connection: ConnectionOptions
    database: str
    format: str = "plain"
    compression: str = ""
    jobs: int = 1
    lock_tables: bool = False


@dataclasses.dataclass(frozen=True)
class RestoreOptions:
    """Where and how to restore one database.

    :param database: the target, not necessarily the name that was backed up.
    :param create: the target does not exist and is created.
    :param clean: objects of the backup that exist in the target are dropped first.
    :param force: restore into a target that is not empty, as it is.
    :param jobs: worker processes.
    """

    connection: ConnectionOptions
    database: str
    create: bool = False
    clean: bool = False
    force: bool = False
    jobs: int = 1
