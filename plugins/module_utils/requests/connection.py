# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Each database system's connection options out of those that were given."""

from __future__ import annotations

import typing as t

from ..errors import UsageError
from .given import Given

if t.TYPE_CHECKING:
    from ..mysql.options import ConnectionOptions as MysqlConnection
    from ..postgresql.options import ConnectionOptions as PostgresqlConnection

# Each system's options are imported where they are made: a job knows one of the two.


def postgresql_connection(given: Given) -> PostgresqlConnection:
    """How to reach a PostgreSQL server. What is not given is libpq's business, ``PGPASSWORD`` included.

    :raises UsageError: a value is not valid.
    """
    from ..postgresql.options import ConnectionOptions

    host, unix_socket = given.text("login_host"), given.text("login_unix_socket")
    if host.startswith("/"):
        # As libpq has it: a host that is a path is the socket's folder.
        host, unix_socket = "", unix_socket or host
    return ConnectionOptions(
        host=_plain(given, "login_host", host),
        port=_port(given),
        unix_socket=unix_socket,
        user=given.text("login_user"),
        password=given.text("login_password"),
        maintenance_database=given.text("login_db") or "postgres",
        ssl_mode=given.text("ssl_mode"),
        ca_cert=given.text("ca_cert"),
        client_cert=given.text("ssl_cert"),
        client_key=given.text("ssl_key"),
        service=given.text("service"),
        passfile=given.text("passfile"),
        connect_timeout=given.count("connect_timeout", least=0),
    )


def mysql_connection(given: Given) -> MysqlConnection:
    """How to reach a MySQL or MariaDB server.

    The option file and ``MYSQL_PWD`` are the engine's business.

    :raises UsageError: a value is not valid.
    """
    from ..mysql.options import ConnectionOptions

    host = given.text("login_host")
    if host.startswith("/"):
        raise UsageError(
            f"{given.spelled('login_host')} {host} is a path",
            hint=f"use {given.spelled('login_unix_socket')} for a socket",
        )
    given.only_with("option_group", "option_file")
    return ConnectionOptions(
        host=_plain(given, "login_host", host),
        port=_port(given),
        unix_socket=given.text("login_unix_socket"),
        user=given.text("login_user"),
        password=given.text("login_password"),
        option_file=given.text("option_file"),
        option_group=given.text("option_group"),
        ssl_mode=given.text("ssl_mode"),
        ca_cert=given.text("ca_cert"),
        client_cert=given.text("ssl_cert"),
        client_key=given.text("ssl_key"),
        connect_timeout=given.count("connect_timeout", least=0),
    )


def database_name(given: Given) -> str:
    """The database, which must be a name and not a connection string.

    :raises UsageError: it looks like a connection string.
    """
    return _plain(given, "database", given.text("database"))


def _plain(given: Given, name: str, text: str) -> str:
    # The value may hold a password, so the message does not show it.
    if "://" in text:
        raise UsageError(
            f"{given.spelled(name)} is a connection string, which is not understood",
            hint="give host, port, user and database by their own options, and keep the password out of them",
        )
    return text


def _port(given: Given) -> int | None:
    port = given.number("login_port")
    if port is not None and not 0 < port < 65536:
        raise UsageError(f"{given.spelled('login_port')} is {port}", hint="use 1 to 65535")
    return port
