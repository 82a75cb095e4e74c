# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two databases compared by SQL alone, without anything of the engine: rows and a content digest of every table."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.servers import Server

Digests = dict[str, tuple[int, str]]


def postgresql_digests(server: Server, database: str) -> Digests:
    """Number of rows and SHA-256 of the sorted rows of every table and view, and the values of the sequences."""
    digests: Digests = {}
    with server.connect(database) as connection:
        connection.execute("SET extra_float_digits = 3")
        relations = connection.execute(
            "SELECT format('%I.%I', nspname, relname), relkind"
            " FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
            " WHERE relkind IN ('r', 'v', 'S') AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1"
        ).fetchall()
        for name, kind in relations:
            if kind == "S":
                query = f"SELECT last_value, is_called FROM {name}"
            else:
                query = f'SELECT * FROM {name} AS t ORDER BY t::text COLLATE "C"'
            digest, rows = hashlib.sha256(), 0
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT") as copy:
                for row in copy:
                    digest.update(row)
                    rows += 1
            digests[name] = (rows, digest.hexdigest())
    return digests


def mariadb_digests(server: Server, database: str) -> Digests:
    """Number of rows and the server's own checksum of every table, and of the rows of every view."""
    digests: Digests = {}
    connection = server.connect(database)
    with connection.cursor() as cursor:
        cursor.execute("SHOW FULL TABLES")
        tables: list[Any] = sorted(cursor.fetchall())
        for name, kind in tables:
            quoted = "`" + name.replace("`", "``") + "`"
            if kind == "BASE TABLE":
                cursor.execute(f"CHECKSUM TABLE {quoted} EXTENDED")
                checksum = str(cursor.fetchone()[1])
            else:
                cursor.execute(f"SELECT * FROM {quoted}")
                checksum = hashlib.sha256(repr(cursor.fetchall()).encode()).hexdigest()
            cursor.execute(f"SELECT count(*) FROM {quoted}")
            digests[quoted] = (cursor.fetchone()[0], checksum)
    connection.close()
    return digests
