# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the debug log and errors show of a statement and of a server's message: never a value."""

from __future__ import annotations

import pymysql
import pytest

from dbfleet.mysql import faults

SECRET = "hunter2"


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("INSERT INTO `a t` VALUES (1,'hunter2')", "INSERT INTO `a t` VALUES …"),
        ("INSERT INTO t SET a='hunter2'", "INSERT INTO t SET a …"),
        ("insert t select 'hunter2'", "insert t select …"),
        ("INSERT INTO t (a, b2) VALUES ('x\\', 'hunter2')", "INSERT INTO t (a, b2) VALUES …"),
        ("/*!40000 INSERT INTO t VALUES ('hunter2') */", "/*!40000 INSERT INTO t VALUES …"),
        ("/* why */ -- and\n # more\n REPLACE `it's` VALUES ('hunter2')", "REPLACE `it's` VALUES …"),
        ('REPLACE INTO t VALUES ("hunter2")', "REPLACE INTO t VALUES …"),
        ("UPDATE t SET a = 'hunter2' WHERE b = 4", "UPDATE t SET a …"),
        ("UPDATE t SET a = 0xhunter2", "UPDATE t SET a …"),
        ("DELETE FROM t WHERE a = 'hunter2'", "DELETE FROM t WHERE a …"),
        ("CALL p('hunter2')", "CALL p …"),
        ("CALL p(1, 'hunter2')", "CALL p …"),
        ("DO SETVAL(`s`, 17, 0)", "DO SETVAL(`s` …"),
        ("SET PASSWORD = 'hunter2'", "SET PASSWORD …"),
        ("SET @a = 'hunter2'", "SET @a …"),
        ("SET @a = N'hunter2', SESSION x = 1", "SET @a = N …"),
        ("CREATE USER u IDENTIFIED BY 'hunter2'", "CREATE USER u IDENTIFIED BY …"),
        ("GRANT ALL ON x.* TO u IDENTIFIED BY 'hunter2'", "GRANT ALL ON x.* TO u IDENTIFIED BY …"),
        ("ANALYZE TABLE t UPDATE HISTOGRAM ON c USING DATA '{\"hunter2\"}'", None),
        ("WITH c AS (SELECT 'hunter2') INSERT INTO t SELECT * FROM c", "WITH c AS (SELECT …"),
        ("EXPLAIN INSERT INTO t VALUES ('hunter2')", "EXPLAIN INSERT INTO t VALUES …"),
        ("PREPARE x FROM 'INSERT hunter2'", "PREPARE x FROM …"),
        ("START REPLICA USER = 'u' PASSWORD = 'hunter2' FOR CHANNEL 'c'", "START REPLICA USER …"),
        ("CHANGE MASTER TO MASTER_PASSWORD = 'hunter2'", "CHANGE MASTER TO MASTER_PASSWORD …"),
        ("BINLOG 'hunter2'", "BINLOG …"),
        ("(VALUES ROW('hunter2'))", None),
        ("'hunter2'", "…"),
        ("`hunter2", "…"),
        ("/* hunter2", "…"),
    ],
)
def test_a_statement_with_values_ends_before_the_first(statement: str, shown: str | None) -> None:
    assert SECRET not in faults.shorten(statement)
    if shown is not None:
        assert faults.shorten(statement) == shown


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT `a` FROM `t` WHERE TABLE_SCHEMA = 'shop' AND n = 4",
        "SHOW STATUS LIKE 'binlog_snapshot_%'",
        "SET SESSION sql_mode = '', SESSION time_zone = '+00:00'",
        "LOCK TABLES `a``b` READ, `c` READ",
        "CREATE DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "SET character_set_results = binary",
        "KILL 17",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT",
    ],
)
def test_what_the_engine_asks_is_shown_whole(statement: str) -> None:
    assert faults.shorten(statement) == statement


def test_a_long_statement_is_shortened() -> None:
    assert len(faults.shorten("SELECT " + "a, " * 1000)) < 310


@pytest.mark.parametrize(
    "message",
    [
        "Duplicate entry 'hunter2' for key 't.PRIMARY'",
        "Incorrect integer value: 'hunter2' for column `d`.`t`.`c` at row 1",
        "Truncated incorrect DOUBLE value: 'hunter2'",
        "Incorrect datetime value: 'hun'ter'hunter2' for function str_to_date",
        "Invalid utf8mb4 character string: 'hunter2'",
        "BIGINT UNSIGNED value is out of range in '(`d`.`t`.`c` - hunter2)'",
        "Illegal double 'hunter2' value found during parsing",
        "Table has no partition for value hunter2",
        "You have an error in your SQL syntax; check the manual for the right syntax to use near 'hunter2')' at line 1",
    ],
)
def test_a_server_s_message_shows_no_value(message: str) -> None:
    error = faults.translate(pymysql.err.DataError(1, message), "INSERT INTO t SET a='hunter2'", product="MySQL")
    assert SECRET not in str(error) + str(error.context)
    assert "…" in error.message
    assert SECRET in faults.without_values("unknown table hunter2")
