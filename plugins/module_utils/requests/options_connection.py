# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The options that say how a server is reached."""

from __future__ import annotations

import dataclasses

from ..mysql.ssl_modes import SSL_MODES as MYSQL_SSL_MODES
from ..postgresql.ssl_modes import SSL_MODES as POSTGRESQL_SSL_MODES
from .option import (
    ACCOUNT,
    ARCHIVE,
    BENCHMARK,
    FLASHBACK,
    MYSQL,
    POSTGRESQL,
    REPLAY,
    REWIND,
    TRANSFER,
    WAL_ARCHIVE,
    WAL_BACKUP,
    Option,
)

_CONNECTION = (
    Option("login_host", "the server's name or address; for PostgreSQL also the folder of its socket", ("--host",)),
    Option("login_port", "the server's port", ("--port",), type="int"),
    Option("login_unix_socket", "the server's socket (MySQL) or its folder (PostgreSQL)", ("--socket",), type="path"),
    Option("login_user", "the user to connect as", ("--user", "--username"), metavar="NAME"),
    Option("login_password", "the user's password", secret=True),
    Option(
        "login_db",
        "the database to connect to where the target does not exist yet",
        ("--maintenance-db",),
        worlds=(POSTGRESQL,),
        metavar="NAME",
    ),
    Option(
        "ssl_mode",
        "how far the connection is encrypted and the server verified",
        ("--ssl-mode",),
        choices={POSTGRESQL: POSTGRESQL_SSL_MODES, MYSQL: MYSQL_SSL_MODES},
        metavar="MODE",
    ),
    Option("ca_cert", "certificates of the authorities to trust", ("--ca-cert", "--ssl-ca"), type="path"),
    Option("ssl_cert", "the client's certificate", ("--ssl-cert",), type="path", aliases=("client_cert",)),
    Option("ssl_key", "the client's private key", ("--ssl-key",), type="path", aliases=("client_key",)),
    Option(
        "connect_timeout",
        "seconds to wait for a connection",
        ("--connect-timeout",),
        type="int",
        default=30,
        metavar="SECONDS",
    ),
    Option("service", "an entry of pg_service.conf", ("--service",), worlds=(POSTGRESQL,), metavar="NAME"),
    Option("passfile", "the password file, instead of ~/.pgpass", ("--passfile",), worlds=(POSTGRESQL,), type="path"),
    Option(
        "option_file",
        "an option file (my.cnf) to take user, password and the rest from",
        ("--defaults-file", "--option-file"),
        worlds=(MYSQL,),
        type="path",
        aliases=("config_file",),
    ),
    Option(
        "option_group",
        "a group of the option file to read after [client]",
        ("--option-group",),
        worlds=(MYSQL,),
        metavar="NAME",
    ),
)

_BINLOG_JOBS = (ARCHIVE, REPLAY, REWIND, FLASHBACK)
_JOBS = (*TRANSFER, "verify", "compare", *_BINLOG_JOBS, WAL_BACKUP, WAL_ARCHIVE, ACCOUNT, BENCHMARK)

CONNECTION = tuple(dataclasses.replace(option, jobs=_JOBS) for option in _CONNECTION)
