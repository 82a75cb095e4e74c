# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.grants import Grants
from dbfleet.mysql.load_warnings import Warned, only_empty_enums
from dbfleet.mysql.script_needs import needed_names
from dbfleet.mysql.script_policy import ScriptPolicy, SqlModes
from dbfleet.mysql.statements import (
    Action,
    ObjectName,
    assignments,
    classify,
    definer,
    qualified_names,
    strings,
    tokens,
)


def named(*names: str) -> tuple[ObjectName, ...]:
    return tuple(ObjectName(*name.rpartition(".")[::2]) for name in names)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (b"INSERT INTO `a``b` VALUES (1)", Action("INSERT", "TABLE", named("a`b"))),
        (b"insert ignore into `t` values (1)", Action("INSERT", "TABLE", named("t"), True)),
        (b"REPLACE INTO `d`.`t` VALUES (1)", Action("REPLACE", "TABLE", named("d.t"))),
        (b"INSERT /* x */ INTO d . t SET a = 1", Action("INSERT", "TABLE", named("d.t"))),
        (b"CREATE TABLE IF NOT EXISTS `t` (i INT)", Action("CREATE", "TABLE", named("t"))),
        (b"CREATE OR REPLACE ALGORITHM=MERGE VIEW v AS SELECT 1", Action("CREATE", "VIEW", named("v"))),
        (
            b"/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`a`@`%`  */ /*!5 VIEW `v` AS x */",
            Action("CREATE", "VIEW", named("v")),
        ),
        (b"/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ /*!50003 TRIGGER x*/", Action("CREATE", "TRIGGER", named("x"))),
        (b"CREATE DEFINER=`table`@`view` PROCEDURE `p`()", Action("CREATE", "PROCEDURE", named("p"))),
        (b"CREATE PACKAGE BODY d.p AS x", Action("CREATE", "PACKAGE BODY", named("d.p"))),
        (b"CREATE UNIQUE INDEX i ON t (a)", Action("CREATE", "INDEX", named("t"))),
        (b"DROP TABLE IF EXISTS a, `b`,d.c CASCADE", Action("DROP", "TABLE", named("a", "b", "d.c"))),
        (b"/*!40000 DROP DATABASE IF EXISTS `x`*/", Action("DROP", "DATABASE", named("x"))),
        (b"CREATE SCHEMA /*!32312 IF NOT EXISTS*/ `x` /*!40100 DEFAULT*/", Action("CREATE", "DATABASE", named("x"))),
        (b"ALTER DATABASE CHARACTER SET latin1", Action("ALTER", "DATABASE")),
        (b"/*!40000 ALTER TABLE `t` DISABLE KEYS */", Action("ALTER", "TABLE", named("t"))),
        (b"LOCK TABLES `a` WRITE, b READ LOCAL", Action("LOCK", "TABLE", named("a", "b"))),
        (b"RENAME TABLE a TO d.b, c TO e", Action("RENAME", "TABLE", named("a", "d.b", "c", "e"))),
        (b"UNLOCK TABLES", Action("UNLOCK", "TABLES")),
        (b"USE `shop`", Action("USE", "DATABASE", named("shop"))),
        (b"/* nothing */", Action("")),
    ],
)  # fmt: skip
def test_what_a_statement_acts_on(text: bytes, want: Action) -> None:
    assert classify(text) == want


def test_code_behind_executable_comments_can_be_looked_at_alone() -> None:
    assert classify(b"/*!99999 SELECT */ DROP TABLE t", skip_executable=True) == Action("DROP", "TABLE", named("t"))
    assert classify(b"/*!50003 CREATE TRIGGER x BEGIN /* y */ SET a=1; END */", skip_executable=True).verb == ""


def test_assignments_with_their_scope() -> None:
    found = assignments(b"SET @a = @@GLOBAL.b, sql_mode := CONCAT('x', ','), @@global.c = 1, SESSION d=2, PERSIST e=3")
    assert [(one.scope, one.name) for one in found] == [
        ("USER", "a"), ("SESSION", "sql_mode"), ("GLOBAL", "c"), ("SESSION", "d"), ("PERSIST", "e"),
    ]  # fmt: skip


def test_names_with_a_database_are_found_in_code_only() -> None:
    text = b"SELECT `d`.`t`.`c`, d . x, 'd.s', 1.5, e.y -- d.z\n/* d.w */ FROM /*!1 f.g */ h"
    assert list(qualified_names(text)) == list(named("d.t", "d.x", "e.y", "f.g"))
    assert list(strings(text)) == ["d.s"]


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (b"CREATE DEFINER=`a``b`@`%` VIEW v AS SELECT 1", ("a`b", "%")),
        (b"/*!50017 DEFINER=root@localhost*/ x", ("root", "localhost")),
        (b"CREATE DEFINER = 'x' @ 'y' VIEW v", ("x", "y")),
        (b"CREATE DEFINER=`role` VIEW v", ("role", "")),
        (b"CREATE VIEW v AS SELECT 1", None),
    ],
)
def test_definer(text: bytes, want: tuple[str, str] | None) -> None:
    assert definer(text) == want


def test_needed_names() -> None:
    text = (
        b"CREATE TABLE t (a TEXT CHARACTER SET latin1 COLLATE 'latin1_bin') ENGINE=InnoDB CHARSET=utf8mb4 COMMENT='x'"
    )
    assert list(needed_names(tokens(text))) == [
        ("CHARSET", "latin1"), ("COLLATE", "latin1_bin"), ("ENGINE", "innodb"), ("CHARSET", "utf8mb4"),
    ]  # fmt: skip


def decide(text: bytes) -> str:
    return ScriptPolicy("shop", "target").left_out(text, classify(text))


@pytest.mark.parametrize(
    "text",
    [
        b"USE shop", b"USE target", b"CREATE DATABASE IF NOT EXISTS `shop`", b"DROP DATABASE shop",
        b"SET @@SESSION.SQL_LOG_BIN= 0", b"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'x:1'",
        b"SET GLOBAL gtid_slave_pos='0-1-1'",
    ],
)  # fmt: skip
def test_what_surrounds_a_database_is_left_out_with_a_reason(text: bytes) -> None:
    assert decide(text)


@pytest.mark.parametrize(
    "text",
    [
        b"INSERT INTO t VALUES (1)", b"SET NAMES utf8mb4", b"SET @x = @@GLOBAL.y, TIME_ZONE='+00:00'",
        b"DO SETVAL(s, 1, 0)",
        b"ALTER DATABASE COLLATE utf8mb4_bin", b"ALTER DATABASE target COLLATE x", b"DROP TABLE target.t",
        b"UNLOCK TABLES",
        b"SET @MYSQLDUMP_TEMP_LOG_BIN = @@SESSION.SQL_LOG_BIN", b"START TRANSACTION", b"COMMIT", b"SET autocommit=0",
        b"ANALYZE NO_WRITE_TO_BINLOG TABLE t UPDATE HISTOGRAM ON a USING DATA 'x'", b"SET TRANSACTION READ ONLY",
    ],
)  # fmt: skip
def test_what_belongs_to_a_database_is_run(text: bytes) -> None:
    assert decide(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        b"ALTER DATABASE shop COLLATE x", b"INSERT INTO `shop`.`t` VALUES (1)", b"SET SQL_LOG_BIN=0, sql_mode=''",
        b"SET ROLE x", b"START SLAVE", b"LOCK INSTANCE FOR BACKUP", b"XA COMMIT 'x'", b"FLUSH TABLES",
        b"SET DEFAULT ROLE x TO y",
    ],
)  # fmt: skip
def test_everything_else_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError):
        decide(text)


def test_sql_modes_are_followed() -> None:
    modes = SqlModes()
    seen = []
    for text in (
        b"SET @OLD=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'",
        b"/*!50003 SET @saved = @@sql_mode */",
        b"/*!50003 SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */",
        b"SET @inner = @@session.sql_mode",
        b"/*!50003 SET sql_mode = @saved */",
        b"SET sql_mode = @inner",
        b"SET time_zone = '+00:00', @other = 5",
        b"SET sql_mode = @OLD",
    ):
        modes.observe(text)
        seen.append(modes.backslash_escapes)
    assert seen == [True, True, False, False, True, False, False, True]


def test_grants_allow_only_certain_conclusions() -> None:
    lines = ["GRANT USAGE ON *.* TO `u`@`%`", "GRANT SELECT, INSERT (a, b), CREATE ON `sh\\_p%`.* TO `u`@`%`"]
    grants = Grants("u@%", lines)
    assert not grants.lacks("INSERT", "sh_p1")
    assert grants.lacks("INSERT", "shxp1")
    assert grants.lacks("DROP", "sh_p")
    assert grants.lacks_all(("SUPER",))
    assert not Grants("u@%", [*lines, "GRANT `role`@`%` TO `u`@`%`"]).lacks("DROP", "sh_p")
    assert not Grants("u@%", ["GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION"]).lacks("DROP", "x")


@pytest.mark.parametrize(
    ("statement", "row", "want"),
    [
        (b"INSERT INTO `t` VALUES (1,'it''s (',NULL),(2,'',3)", 2, True),
        (b"INSERT INTO `t` VALUES (1,'it''s (',NULL),(2,'z',3)", 2, False),
        (b"INSERT INTO `t` (`e`, `i`) VALUES (0,1)", 1, True),
        (b"INSERT INTO `t` (`e`, `i`) VALUES ('q',1),('',2)", 1, False),
        (b"INSERT INTO `t` VALUES (1,'',2)", 9, False),
    ],
)
def test_only_the_empty_enumeration_value_is_let_through(statement: bytes, row: int, want: bool) -> None:
    warning = Warned(1265, f"Data truncated for column 'e' at row {row}")
    assert only_empty_enums(statement, [warning], ["i", "e", "x"], {"e"}) is want
    assert not only_empty_enums(statement, [warning], ["i", "e", "x"], set())
    assert not only_empty_enums(statement, [Warned(1264, warning.message)], ["i", "e", "x"], {"e"})
