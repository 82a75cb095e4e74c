# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that is dumped and loaded: narrow rows as in pgbench, and wide rows with text, JSON and numbers."""

from __future__ import annotations

from tests.servers import Server

from .cells import SOURCE

# Statements are divided by lines that hold only a semicolon; {narrow} and {wide} become numbers of rows.
_POSTGRESQL = """
CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(40))
;
INSERT INTO accounts SELECT n, n / 100000, n % 7919, '' FROM generate_series(1, {narrow}) AS n
;
CREATE TABLE documents (id bigint PRIMARY KEY, body jsonb, price numeric(12, 4), at timestamptz, note text)
;
INSERT INTO documents
SELECT
    n,
    jsonb_build_object('id', n, 'name', md5(n::text), 'tags', ARRAY[md5((n * 2)::text), 'x']),
    n * 1.0001,
    timestamptz '2024-01-01' + n * interval '1 minute',
    repeat(md5((n * 3)::text) || E' line\\nwith ''quotes'' ', 15)
FROM generate_series(1, {wide}) AS n
;
CREATE INDEX ON documents (at)
;
ANALYZE
"""
_MYSQL = """
CREATE TABLE digits (d int PRIMARY KEY)
;
INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
;
CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(40))
;
INSERT INTO accounts
SELECT n, n DIV 100000, n MOD 7919, repeat('f', n MOD 40)
FROM (
    SELECT a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d + 100000 * g.d AS n
    FROM digits a, digits b, digits c, digits e, digits f, digits g
) AS numbers
WHERE n < {narrow}
;
CREATE TABLE documents (
    id bigint PRIMARY KEY, body longtext, price decimal(12, 4), score double, at datetime, note text,
    photo varbinary(40), KEY (at)
)
;
INSERT INTO documents
SELECT
    aid,
    json_object('id', aid, 'name', hex(aid * 7919)),
    aid * 1.0001,
    aid / 7,
    date_add('2024-01-01', INTERVAL aid MINUTE),
    repeat(concat(hex(aid * 104729), ' line\\nwith ''quotes'' '), 20),
    unhex(hex(1048576 + aid * 3))
FROM accounts
WHERE aid < {wide}
"""
_ROWS = {"postgresql": (1_500_000, 120_000), "mysql": (1_000_000, 120_000)}


def fill(server: Server, *, scale: float) -> None:
    """Create the database ``bench`` with its tables; ``scale`` multiplies the numbers of rows."""
    narrow, wide = (int(rows * scale) for rows in _ROWS[server.dbms])
    connection = server.connect()
    connection.cursor().execute(f"CREATE DATABASE {SOURCE}")
    connection.close()
    connection = server.connect(SOURCE)
    script = _POSTGRESQL if server.dbms == "postgresql" else _MYSQL
    for statement in script.split("\n;\n"):
        connection.cursor().execute(statement.format(narrow=narrow, wide=wide))
    connection.close()
