# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What belongs to a server beside its accounts: plugins, loadable functions, foreign servers, tablespaces."""

from __future__ import annotations

import posixpath
import typing as t

from ...errors import UnsupportedObjectError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session

_RETURNS = {"0": "STRING", "1": "REAL", "2": "INTEGER", "4": "DECIMAL"}


@dataclass(frozen=True)
class ServerObject:
    """One of them.

    :param kind: ``plugin``, ``udf``, ``server`` or ``tablespace``.
    :param definition: the statement that makes it.
    """

    kind: str
    name: str
    definition: str


def read_plugins(session: Session) -> tuple[ServerObject, ...]:
    """The plugins that were installed by a statement; those of the server's configuration come with it."""
    return tuple(
        ServerObject(
            "plugin",
            name or "",
            f"INSTALL PLUGIN {quoting.identifier(name or '')} SONAME {quoting.literal(library or '')}",
        )
        for name, library in session.query("SELECT name, dl FROM mysql.plugin ORDER BY name")
    )


def read_functions(session: Session) -> tuple[ServerObject, ...]:
    """Functions out of shared libraries.

    :raises UnsupportedObjectError: one returns a type that is not known.
    """
    found = []
    for name, returns, library, kind in session.query("SELECT name, ret, dl, type FROM mysql.func ORDER BY name"):
        if returns not in _RETURNS:
            raise UnsupportedObjectError(f"the loadable function {name} returns the unknown type {returns}")
        aggregate = "AGGREGATE " if kind == "aggregate" else ""
        found.append(
            ServerObject(
                "udf",
                name or "",
                f"CREATE {aggregate}FUNCTION {quoting.identifier(name or '')} RETURNS {_RETURNS[returns]} "
                f"SONAME {quoting.literal(library or '')}",
            )
        )
    return tuple(found)


def read_servers(session: Session) -> tuple[ServerObject, ...]:
    """What FEDERATED and SPIDER tables and others connect to."""
    options = ("Host", "Db", "Username", "Password", "Socket", "Owner")
    columns = ", ".join(f"{name} AS {name.lower()}" for name in options)
    found = []
    for record in session.records(
        f"SELECT Server_name AS server_name, Wrapper AS wrapper, Port AS port, {columns} "
        "FROM mysql.servers ORDER BY Server_name"
    ):
        given = [
            f"{'USER' if name == 'Username' else 'DATABASE' if name == 'Db' else name.upper()} "
            f"{quoting.literal(record[name.lower()] or '')}"
            for name in options
            if record[name.lower()]
        ]
        if record["port"] not in (None, "", "0"):
            given.append(f"PORT {record['port']}")
        name = record["server_name"] or ""
        found.append(
            ServerObject(
                "server",
                name,
                f"CREATE SERVER {quoting.identifier(name)} FOREIGN DATA WRAPPER "
                f"{quoting.identifier(record['wrapper'] or '')} OPTIONS ({', '.join(given)})",
            )
        )
    return tuple(found)


def read_tablespaces(session: Session) -> tuple[ServerObject, ...]:
    """General tablespaces of InnoDB (MySQL 5.7 and later); needs PROCESS."""
    tables = {
        (name or "").upper()
        for (name,) in session.query(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' "
            "AND TABLE_NAME IN ('INNODB_TABLESPACES', 'INNODB_SYS_TABLESPACES', 'FILES')"
        )
    }
    spaces = tables & {"INNODB_TABLESPACES", "INNODB_SYS_TABLESPACES"}
    if session.version.is_mariadb or not spaces or "FILES" not in tables:
        return ()
    rows = session.query(
        "SELECT s.NAME, f.FILE_NAME, s.PAGE_SIZE, s.ZIP_PAGE_SIZE FROM information_schema."
        f"{min(spaces)} s JOIN information_schema.FILES f ON f.FILE_ID = s.SPACE WHERE s.SPACE_TYPE = 'General' "
        "AND s.NAME <> 'mysql' ORDER BY s.NAME, f.FILE_NAME"
    )
    return tuple(_tablespace(name or "", file or "", zip_size or "0") for name, file, _page, zip_size in rows)


def _tablespace(name: str, file: str, zip_size: str) -> ServerObject:
    # A file in the server's own folder is shown as ./name.ibd.
    path = posixpath.normpath(file)
    block = f" FILE_BLOCK_SIZE = {zip_size}" if zip_size != "0" else ""
    return ServerObject(
        "tablespace",
        name,
        f"CREATE TABLESPACE {quoting.identifier(name)} ADD DATAFILE {quoting.literal(path)}{block} ENGINE = InnoDB",
    )


#: What can be asked for, and what reads it.
READERS: t.Mapping[str, t.Callable[[Session], tuple[ServerObject, ...]]] = {
    "plugins": read_plugins,
    "udfs": read_functions,
    "servers": read_servers,
    "tablespaces": read_tablespaces,
}
