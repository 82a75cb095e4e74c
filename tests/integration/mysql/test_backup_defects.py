# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Defects that other backup programs have had: each must never be ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server

from .backup_support import Made, back_up, empty, load, picture, scratch


@pytest.fixture
def database(mysql_server: Server) -> Iterator[str]:
    mysql_server.execute("SET GLOBAL log_bin_trust_function_creators = 1")
    with scratch(mysql_server) as name:
        yield name


def round_trip(server: Server, database: str, folder: Path) -> Made:
    """Back up, load with the genuine client into an empty database, and demand that nothing differs."""
    want = picture(server, database)
    made = back_up(server, database, folder)
    empty(server, database)
    load(server, database, made.text)
    assert picture(server, database) == want
    return made


def test_code_is_never_left_out(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """Triggers, procedures, functions and events were silently skipped; views were listed and not written."""
    mysql_server.execute(
        "CREATE TABLE t (id INT)",
        "CREATE VIEW v AS SELECT id FROM t",
        "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW BEGIN SET @a = 1; SET @b = ';'; END",
        "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN SELECT 1; SELECT 2; END",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    want = {"table": 1, "view": 1, "trigger": 1, "procedure": 1, "function": 1, "event": 1}
    assert made.contents.objects == want


def test_sequences_and_versioned_tables_are_there(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as database:
        mariadb_latest.execute(
            "CREATE SEQUENCE s START WITH 7",
            "SELECT NEXTVAL(s)",
            "CREATE TABLE v (id INT) WITH SYSTEM VERSIONING",
            "INSERT INTO v VALUES (1)",
            database=database,
        )
        before = mariadb_latest.execute("SELECT NEXTVAL(s)", database=database)[0][0]
        made = back_up(mariadb_latest, database, tmp_path)
        empty(mariadb_latest, database)
        load(mariadb_latest, database, made.text)
        assert mariadb_latest.execute("SELECT NEXTVAL(s)", database=database)[0][0] > before
        assert mariadb_latest.execute("SELECT id FROM v", database=database) == [(1,)]
    assert made.contents.objects == {"sequence": 1, "table": 1}
    assert made.contents.options["system_versioned_history"] is False
    assert any("current rows" in warning and "v" in warning for warning in made.warnings)


def test_no_estimate_decides_whether_rows_are_read(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """A table whose statistics say zero rows was dumped empty."""
    mysql_server.execute(
        "CREATE TABLE t (id INT) STATS_AUTO_RECALC=0 STATS_PERSISTENT=1",
        "ANALYZE TABLE t",
        "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()",
        "INSERT INTO t VALUES (1), (2), (3)",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    assert made.contents.tables[0].rows == 3


def test_generated_columns_are_not_inserted(mysql_server: Server, database: str, tmp_path: Path) -> None:
    mysql_server.execute(
        "CREATE TABLE t (a INT, v INT AS (a + 1) VIRTUAL, s INT AS (a * 2) STORED, z INT)",
        "INSERT INTO t (a, z) VALUES (1, 9), (NULL, NULL)",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    assert b"INSERT INTO `t` (`a`, `z`) VALUES (1,9),(NULL,NULL);\n" in made.text


def test_bits_json_and_bytes_are_exact(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """b'00100111' is a quote; JSON is text, never bytes; printable bytes are bytes and Cyrillic text is text."""
    mysql_server.execute(
        "CREATE TABLE t (b BIT(8), j JSON, x BLOB, l VARCHAR(20) CHARACTER SET latin1, u TEXT CHARACTER SET utf8mb4)",
        """INSERT INTO t VALUES (b'00100111', '{"ключ": "значение"}', 'printable text', 'é', 'Привет, мир')""",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    statement = re.search(rb"INSERT INTO .*", made.text)
    assert statement is not None
    assert b"0x27," in statement.group()
    assert "значение".encode() in statement.group()
    assert b"0x" + b"printable text".hex().upper().encode() in statement.group()
    assert "'é'".encode() in statement.group()


def test_times_are_those_of_the_header(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """TIMESTAMP values were read in another zone than the header said; zero dates became dates."""
    mysql_server.execute("SET GLOBAL time_zone = '+05:30'")
    try:
        mysql_server.execute(
            "SET time_zone = '+00:00', sql_mode = ''",
            "CREATE TABLE t (ts TIMESTAMP NULL, dt DATETIME, d DATE)",
            "INSERT INTO t VALUES ('2024-03-31 01:30:00', '2024-03-31 02:30:00', '0000-00-00'), "
            "('0000-00-00', '0000-00-00', '2024-02-00')",
            database=database,
        )
        made = round_trip(mysql_server, database, tmp_path)
    finally:
        mysql_server.execute("SET GLOBAL time_zone = 'SYSTEM'")
    assert b"('2024-03-31 01:30:00','2024-03-31 02:30:00','0000-00-00')" in made.text
    assert b"('0000-00-00 00:00:00','0000-00-00 00:00:00','2024-02-00')" in made.text
    assert b"SET TIME_ZONE='+00:00'" in made.text


def test_statements_are_bounded_by_bytes(mysql_server: Server, database: str, tmp_path: Path) -> None:
    mysql_server.execute(
        "CREATE TABLE wide (id INT PRIMARY KEY, x LONGTEXT)",
        *(f"INSERT INTO wide VALUES ({number}, REPEAT('x', 900000))" for number in range(8)),
        "CREATE TABLE narrow (a INT, b INT, c INT, d INT, e INT, f INT, g INT, h INT, i INT, j INT)",
        "INSERT INTO narrow VALUES " + ",".join(["(" + ",".join(["NULL"] * 10) + ")"] * 5000),
        *(["INSERT INTO narrow SELECT * FROM narrow"] * 5),
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    statements = re.findall(rb"^INSERT INTO `(\w+)` VALUES .*;$", made.text, flags=re.MULTILINE)
    assert statements.count(b"wide") == 8
    assert statements.count(b"narrow") > 1
    assert max(len(line) for line in made.text.splitlines()) < 4 << 20


def test_floats_keep_every_digit(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """The servers' own dump programs write 16777217 as 16777200."""
    mysql_server.execute(
        "CREATE TABLE t (f FLOAT)",
        "INSERT INTO t VALUES (16777216), (123456789), (0.1), (3.4028234663852886e38), (1.17549435e-38)",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    assert b"('16777216'),('123456792'),('0.10000000149011612')," in made.text


def test_names_cannot_become_statements(mysql_server: Server, database: str, tmp_path: Path) -> None:
    name = "x\nDROP DATABASE mysql;\n-- "
    mysql_server.execute(
        f"CREATE TABLE `{name}y` (`a`` INT); DROP TABLE t; --` INT)",
        f"INSERT INTO `{name}y` VALUES (1)",
        database=database,
    )
    made = round_trip(mysql_server, database, tmp_path)
    for line in made.text.splitlines():
        assert not line.startswith(b"DROP DATABASE") or b"`" in made.text
    comments = [line for line in made.text.splitlines() if line.startswith(b"-- ")]
    assert any(line.startswith(b"-- DROP DATABASE mysql;") for line in comments)


def test_zero_in_an_auto_increment_column_stays_zero(mysql_server: Server, database: str, tmp_path: Path) -> None:
    mysql_server.execute(
        "SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
        "CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY)",
        "INSERT INTO t VALUES (0), (5)",
        database=database,
    )
    round_trip(mysql_server, database, tmp_path)


def test_a_low_limit_of_the_server_cuts_nothing_off(mysql_server: Server, database: str, tmp_path: Path) -> None:
    mysql_server.execute("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2), (3)", database=database)
    mysql_server.execute("SET GLOBAL sql_select_limit = 1")
    try:
        made = back_up(mysql_server, database, tmp_path)
    finally:
        mysql_server.execute("SET GLOBAL sql_select_limit = DEFAULT")
    assert made.contents.tables[0].rows == 3


def test_a_quoting_mode_of_the_server_changes_nothing(mysql_server: Server, database: str, tmp_path: Path) -> None:
    mysql_server.execute(
        'CREATE TABLE t (`a"b` VARCHAR(20))', "INSERT INTO t VALUES ('back\\\\slash ''quote''')", database=database
    )
    plain = back_up(mysql_server, database, tmp_path / "plain")
    mode = mysql_server.execute("SELECT @@global.sql_mode")[0][0]
    mysql_server.execute("SET GLOBAL sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'")
    try:
        odd = back_up(mysql_server, database, tmp_path / "odd")
    finally:
        mysql_server.execute(f"SET GLOBAL sql_mode = '{mode}'")
    assert odd.contents.tables == plain.contents.tables
    assert _without_moment(odd.text) == _without_moment(plain.text)


def _without_moment(script: bytes) -> bytes:
    return re.sub(rb"MASTER_LOG_POS=\d+|GTID_PURGED=.*|gtid_slave_pos=.*|snapshot of .*", b"", script)
