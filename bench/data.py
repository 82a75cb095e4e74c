# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that is dumped and loaded: narrow rows as in pgbench, and wide rows with text, JSON and numbers."""

from __future__ import annotations

from tests.servers import Server

from .cells import LARGE_OBJECTS, MANY_TABLES, NARROW, SOURCE, WIDE

# Statements are divided by lines that hold only a semicolon; what is in braces becomes a number.
_NARROW = """
CREATE TABLE accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(40))
;
INSERT INTO accounts SELECT n, n / 100000, n % 7919, '' FROM generate_series(1, {narrow}) AS n
"""
_WIDE = """
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
"""
_LARGE_OBJECTS = """
SELECT lo_from_bytea(0, convert_to(repeat(md5(n::text) || ' ', 300), 'UTF8')) FROM generate_series(1, {objects}) AS n
"""
_MANY_TABLES = """
DO $$
BEGIN
    FOR n IN 1..{tables} LOOP
        EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, name text, amount numeric)', n);
        EXECUTE format('INSERT INTO t%s SELECT k, md5(k::text), k FROM generate_series(1, 10) AS k', n);
        COMMIT;
    END LOOP;
END
$$
"""
_POSTGRESQL = {
    SOURCE: f"{_NARROW};\n{_WIDE}",
    NARROW: _NARROW,
    WIDE: _WIDE,
    LARGE_OBJECTS: _LARGE_OBJECTS,
    MANY_TABLES: _MANY_TABLES,
}
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
# Of this script nothing else is divided: the procedure's own statements end within a line.
_MYSQL_MANY_TABLES = """
CREATE PROCEDURE make_tables()
BEGIN
    DECLARE n INT DEFAULT 1;
    WHILE n <= {tables} DO
        SET @made = CONCAT('CREATE TABLE t', n, ' (id int PRIMARY KEY, name varchar(40), amount int, KEY (name))');
        PREPARE made FROM @made; EXECUTE made; DEALLOCATE PREPARE made;
        SET @made = CONCAT('INSERT INTO t', n, ' VALUES (1, ''a'', 1.5), (2, ''b'', 2.5), (3, ''c'', 3.5)');
        PREPARE made FROM @made; EXECUTE made; DEALLOCATE PREPARE made;
        SET n = n + 1;
    END WHILE;
END
;
CALL make_tables()
;
DROP PROCEDURE make_tables
"""
_MYSQL_SCRIPTS = {SOURCE: _MYSQL, MANY_TABLES: _MYSQL_MANY_TABLES}
#: Numbers of rows, large objects and tables at scale 1.
_NUMBERS = {
    "postgresql": {"narrow": 1_500_000, "wide": 120_000, "objects": 20_000, "tables": 20_000},
    "mysql": {"narrow": 1_000_000, "wide": 120_000, "tables": 20_000},
}


def fill(server: Server, database: str, *, scale: float) -> None:
    """Create a database with its data; ``scale`` multiplies how much of it there is."""
    numbers = {name: int(number * scale) for name, number in _NUMBERS[server.dbms].items()}
    connection = server.connect()
    connection.cursor().execute(f"CREATE DATABASE {database}")
    connection.close()
    connection = server.connect(database)
    script = (_POSTGRESQL if server.dbms == "postgresql" else _MYSQL_SCRIPTS)[database]
    if server.dbms == "postgresql":
        script = f"{script};\nVACUUM ANALYZE"
    for statement in script.split("\n;\n"):
        connection.cursor().execute(statement.format(**numbers))
    connection.close()
