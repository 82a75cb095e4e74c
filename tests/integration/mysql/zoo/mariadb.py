# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only MariaDB has."""

# ruff: noqa: E501
from __future__ import annotations

_ALWAYS = [
    "CREATE SEQUENCE counter START WITH 100 INCREMENT BY 5 MINVALUE -10 MAXVALUE 100000 CACHE 10 CYCLE",
    "SELECT NEXTVAL(counter)",
    "CREATE SEQUENCE `down ``it` START WITH -1 INCREMENT BY -1 NOCACHE",
    "SELECT NEXTVAL(`down ``it`)",
    "CREATE TABLE numbered (id BIGINT DEFAULT NEXTVAL(counter), x INT)",
    "INSERT INTO numbered (x) VALUES (1), (2)",
    "CREATE TABLE versioned (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING",
    "INSERT INTO versioned VALUES (1, 1), (2, 2)",
    "UPDATE versioned SET x = 3 WHERE id = 1",
    """CREATE TABLE versioned_by_name (id INT, since TIMESTAMP(6) GENERATED ALWAYS AS ROW START,
    until TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, until)) WITH SYSTEM VERSIONING""",
    "INSERT INTO versioned_by_name (id) VALUES (1)",
    "CREATE TABLE booked (id INT, from_ DATE, to_ DATE, PERIOD FOR stay (from_, to_))",
    "INSERT INTO booked VALUES (1, '2024-01-01', '2024-02-01')",
    "CREATE TABLE hidden (a INT, b INT INVISIBLE DEFAULT 5, c INT AS (a + 1) VIRTUAL INVISIBLE)",
    "INSERT INTO hidden (a, b) VALUES (1, 2), (3, NULL)",
    "CREATE TABLE aria_rows (id INT PRIMARY KEY, t TEXT) ENGINE=Aria",
    "INSERT INTO aria_rows VALUES (1, 'x')",
    "CREATE TABLE addresses (a INET6, b BLOB COMPRESSED, c VARCHAR(100) COMPRESSED)",
    "INSERT INTO addresses VALUES ('::1', REPEAT('x', 500), REPEAT('y', 90)), (NULL, NULL, NULL)",
    "CREATE TABLE checked (a INT CHECK (a > 0), b VARCHAR(20) DEFAULT CONCAT('a', ';'), CONSTRAINT `c'k` CHECK (a < 100))",
    "INSERT INTO checked (a) VALUES (5)",
    "SET SESSION sql_mode = 'ORACLE'",
    "CREATE PACKAGE pack AS PROCEDURE p(x INT); FUNCTION f RETURN INT; END",
    """CREATE PACKAGE BODY pack AS FUNCTION f RETURN INT AS BEGIN RETURN 1; END;
    PROCEDURE p(x INT) AS BEGIN NULL; SELECT ';'; END; END""",
    "SET SESSION sql_mode = ''",
    """CREATE AGGREGATE FUNCTION total(x INT) RETURNS INT BEGIN DECLARE s INT DEFAULT 0;
    DECLARE CONTINUE HANDLER FOR NOT FOUND RETURN s; LOOP FETCH GROUP NEXT ROW; SET s = s + x; END LOOP; END""",
]


def statements(version: tuple[int, ...]) -> list[str]:
    """The zoo's part of this version."""
    found = list(_ALWAYS)
    if version >= (10, 7):
        found += [
            "CREATE TABLE uuids (u UUID PRIMARY KEY, x INT)",
            "INSERT INTO uuids VALUES ('123e4567-e89b-12d3-a456-426655440000', 1)",
        ]
    if version >= (10, 10):
        found += ["CREATE TABLE inet4s (a INET4)", "INSERT INTO inet4s VALUES ('127.0.0.1')"]
    if version >= (11, 7):
        found += [
            "CREATE TABLE vectors (id INT PRIMARY KEY, v VECTOR(4) NOT NULL, VECTOR INDEX (v))",
            "INSERT INTO vectors VALUES (1, VEC_FromText('[0.1,0.2,0.3,-1e10]')), (2, VEC_FromText('[0,0,0,0]'))",
        ]
    return found
