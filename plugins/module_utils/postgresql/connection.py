# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Opening a connection: libpq's conventions (environment, passfile, service), explicit fields first, clear errors."""

from __future__ import annotations

import os
import re
import typing as t

from .. import drivers
from ..errors import ConnectError, DbfleetError, NotFoundError, PrivilegeError, UsageError
from .options import ConnectionOptions
from .session import Session, server_version_text
from .ssl_modes import SSL_MODES

OLDEST_SERVER = 100000

#: What libpq or the server say, what that means for the user. The server's part is English only with lc_messages=C
#: or en_*; :func:`_missing_database` covers the other languages for the case that matters to a program.
_HINTS = (
    (r"password authentication failed", "check the user and the password"),
    (r"no password supplied", "give a password: login_password, PGPASSWORD, or a passfile"),
    (r"(Peer|Ident) authentication failed", "connect as the system user of that name, or over TCP"),
    (r"role .* does not exist", "check the user; on a socket without a user the system user's name is taken"),
    (
        r"no pg_hba.conf entry for replication",
        "the server's pg_hba.conf needs a line for the database `replication` with this host and user",
    ),
    (r"no pg_hba.conf entry", "the server's pg_hba.conf allows no such connection; check host, user, database and TLS"),
    (r"could not translate host name", "check the host name"),
    (r"Connection refused|No such file", "check host, port and socket folder, and that the server is running"),
    (r"timeout expired", "check host and port, a firewall may drop the packets; connect_timeout is the limit"),
    (r"server does not support SSL", "the server offers no TLS; the chosen ssl_mode demands it"),
    (
        r"certificate verify failed|root certificate file",
        "check ca_cert; verify-ca and verify-full need the server's CA",
    ),
    (r"does not match host name", "the certificate is for another name: use that name as host, or ssl_mode verify-ca"),
    (r"max_wal_senders", "raise max_wal_senders (and wal_level to replica) or end another replication connection"),
    (r"too many (clients|connections)|remaining connection slots", "raise max_connections or free some connections"),
    (r"starting up|shutting down|in recovery mode", "wait until the server is ready"),
)
_NO_REPLICATION = re.compile(r"replication role to start walsender|permission denied to start WAL sender")
_NO_DATABASE = re.compile(r'database ".*" does not exist', re.DOTALL)


def connect(
    options: ConnectionOptions, *, database: str, application_name: str = "dbfleet", replication: bool = False
) -> Session:
    """Open a session in ``database``.

    :param replication: it is to be a walsender's, where the database only is what libpq's passfile calls it.
    :raises ConnectError: the server cannot be reached or refuses the login.
    :raises PrivilegeError: the user may not replicate.
    :raises NotFoundError: the server has no such database.
    :raises UsageError: the options contradict each other.
    :raises DriverMissingError: psycopg is not installed.
    """
    pgconn = _open(options, database=database, application_name=application_name, replication=replication)
    if pgconn.status != drivers.psycopg_pq().ConnStatus.OK:
        message = _clean(pgconn.get_error_message(), options)
        pgconn.finish()
        raise _failure(message, options, database)
    if pgconn.server_version < OLDEST_SERVER:
        version = server_version_text(pgconn)
        pgconn.finish()
        raise ConnectError(
            f"PostgreSQL {version} is not supported",
            hint="PostgreSQL 10 and later can be backed up and restored",
            unknown_version=True,
        )
    return Session(pgconn, database=database)


def _open(options: ConnectionOptions, *, database: str, application_name: str, replication: bool = False) -> t.Any:
    keywords = connection_keywords(options, database=database, application_name=application_name)
    if replication:
        keywords["replication"] = "true"
    return drivers.psycopg_pq().PGconn.connect(_conninfo(keywords).encode())


def _conninfo(keywords: t.Mapping[str, str]) -> str:
    """libpq's connection string; inside quotes only a quote and a backslash mean something."""
    escaped = ((name, value.replace("\\", "\\\\").replace("'", "\\'")) for name, value in keywords.items())
    return " ".join(f"{name}='{value}'" for name, value in escaped)


def connection_keywords(options: ConnectionOptions, *, database: str, application_name: str) -> dict[str, str]:
    """libpq's keywords for the fields that are set; what is left out follows libpq's own defaults.

    :raises UsageError: an unknown ``ssl_mode``, or a port that is none.
    """
    if options.ssl_mode and options.ssl_mode not in SSL_MODES:
        raise UsageError(f"unknown ssl_mode {options.ssl_mode!r}", hint=f"use one of {', '.join(SSL_MODES)}")
    if options.port is not None and not 0 < options.port < 65536:
        raise UsageError(f"the port {options.port} is not valid", hint="use 1 to 65535")
    values = {
        "host": options.unix_socket or options.host,
        "port": "" if options.port is None else str(options.port),
        "user": options.user,
        "password": options.password,
        "dbname": database,
        "sslmode": options.ssl_mode,
        "sslrootcert": options.ca_cert,
        "sslcert": options.client_cert,
        "sslkey": options.client_key,
        "service": options.service,
        "passfile": options.passfile,
        "connect_timeout": str(options.connect_timeout) if options.connect_timeout else "",
        "application_name": application_name,
        # The environment must not choose the encoding: text.py relies on one that the engine itself has set.
        "client_encoding": "UTF8",
    }
    return {name: value for name, value in values.items() if value}


def _clean(message: str, options: ConnectionOptions) -> str:
    """The error text on one line and, whatever libpq may put into it one day, without a password."""
    for secret in (options.password, os.environ.get("PGPASSWORD", "")):
        if len(secret) > 3:
            message = message.replace(secret, "********")
    return " ".join(message.split())


def _failure(message: str, options: ConnectionOptions, database: str) -> DbfleetError:
    if _NO_DATABASE.search(message):
        return _no_database(database)
    if _NO_REPLICATION.search(message):
        return PrivilegeError(
            f"cannot connect to PostgreSQL: {message}",
            hint="give the role the attribute REPLICATION: ALTER ROLE name REPLICATION",
        )
    hint = next((hint for pattern, hint in _HINTS if re.search(pattern, message)), "")
    if not hint and _missing_database(options, database):
        return _no_database(database)
    return ConnectError(f"cannot connect to PostgreSQL: {message}", hint=hint, database=database)


def _no_database(database: str) -> NotFoundError:
    return NotFoundError(
        f"the server has no database {database!r}",
        hint="check the name; names are case-sensitive here",
        database=database,
    )


def _missing_database(options: ConnectionOptions, database: str) -> bool:
    """Ask the maintenance database, for servers whose messages are in another language."""
    if not database or database == options.maintenance_database:
        return False
    pgconn = _open(options, database=options.maintenance_database, application_name="dbfleet")
    try:
        if pgconn.status != drivers.psycopg_pq().ConnStatus.OK:
            return False
        session = Session(pgconn, database=options.maintenance_database)
        return not session.query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", (database,))
    finally:
        pgconn.finish()
