# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of object and value that a server version can hold, to be backed up, restored and compared."""

from __future__ import annotations

from tests.servers import Server

from . import common, mariadb, mysql


def fill(server: Server, database: str) -> None:
    """Create the whole zoo of this server's version in an empty database."""
    groups = [common.TABLES, common.VALUES, common.big_rows(), common.PROGRAMS]
    if server.flavor == "mariadb":
        groups += [mariadb.statements(server.version)]
    else:
        groups += [mysql.statements(server.version)]
    # Functions in a zoo need no promise of being harmless to replication.
    server.execute("SET GLOBAL log_bin_trust_function_creators = 1")
    with server.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("SET sql_mode = ''")
        for group in groups:
            for statement in group:
                try:
                    cursor.execute(statement)
                except Exception as error:
                    raise RuntimeError(f"{error}: {statement[:200]!r}") from error
