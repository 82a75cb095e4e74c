# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only MySQL has."""

from __future__ import annotations

_SINCE_8_0 = [
    "CREATE TABLE functional (a INT, j JSON, INDEX ((a * 2)), INDEX tags ((CAST(j->'$.t' AS UNSIGNED ARRAY))))",
    """INSERT INTO functional VALUES (1, '{"t": [1, 2, 3]}')""",
    "CREATE TABLE hidden_index (a INT, INDEX h (a) INVISIBLE, INDEX d (a DESC))",
    "CREATE TABLE hidden (a INT, b INT DEFAULT 5 INVISIBLE, c INT AS (a + 1) INVISIBLE)",
    "INSERT INTO hidden (a, b) VALUES (1, 2), (3, NULL)",
    "SET SESSION sql_generate_invisible_primary_key = 1",
    "CREATE TABLE gipk (a INT)",
    "SET SESSION sql_generate_invisible_primary_key = 0",
    "INSERT INTO gipk (a) VALUES (1), (NULL)",
    "CREATE TABLE places (p POINT NOT NULL SRID 4326, SPATIAL INDEX (p))",
    "INSERT INTO places VALUES (ST_GeomFromText('POINT(52.5 13.4)', 4326))",
    """CREATE TABLE checked (a INT CHECK (a > 0), b VARCHAR(50) DEFAULT (CONCAT('a', ';')),
    c BINARY(4) DEFAULT 0xFF00, CONSTRAINT `c'k` CHECK (a < 100) NOT ENFORCED)""",
    "INSERT INTO checked (a) VALUES (5)",
    "CREATE TABLE measured (a INT, b VARCHAR(20))",
    "INSERT INTO measured VALUES (1, 'x'), (2, 'y''z'), (3, 'é')",
    "ANALYZE TABLE measured UPDATE HISTOGRAM ON a, b WITH 4 BUCKETS",
]
_SINCE_9_2 = [
    "CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(4))",
    "INSERT INTO vectors VALUES (1, TO_VECTOR('[0.1,0.2,0.3,-1e10]')), (2, NULL)",
    "CREATE LIBRARY lib LANGUAGE JAVASCRIPT AS $$export function f(n) { return n + ';;' }$$",
]


def statements(version: tuple[int, ...]) -> list[str]:
    """The zoo's part of this version."""
    found: list[str] = []
    if version >= (8, 0, 30):
        found += _SINCE_8_0
    if version >= (9, 2):
        found += _SINCE_9_2
    return found
