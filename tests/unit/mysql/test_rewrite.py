# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of statements on their way, and what of a part of a backup is run."""

from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.choices import CURRENT
from dbfleet.mysql.options import RestoreChanges, Selection
from dbfleet.mysql.restore_selection import SelectedObjects
from dbfleet.mysql.rewrite import Definers, RenamedDatabase, Rewritten
from dbfleet.mysql.script import Statement
from dbfleet.mysql.script_policy import ScriptPolicy
from dbfleet.mysql.statement_filter import StatementFilter
from dbfleet.mysql.statements import classify


def _applied(one: StatementFilter, text: str) -> str | None:
    statement = Statement(text.encode(), 1, 0, True)
    changed = one.apply(statement, classify(statement.text))
    return None if changed is None else changed.text.decode()


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            "CREATE VIEW v AS SELECT `shop`.`t`.`id` FROM `shop`.`t`",
            "CREATE VIEW v AS SELECT `new`.`t`.`id` FROM `new`.`t`",
        ),
        ("CREATE PROCEDURE p() CALL shop.q()", "CREATE PROCEDURE p() CALL `new`.q()"),
        (
            "/*!50001 CREATE VIEW `v` AS SELECT 1 FROM `shop`.`t` */",
            "/*!50001 CREATE VIEW `v` AS SELECT 1 FROM `new`.`t` */",
        ),
        # An alias of the same name, a column, a table, a variable, a string, data: nothing is touched.
        ("CREATE VIEW v AS SELECT `shop`.`id` FROM `shop`.`t` `shop`", None),
        ("CREATE VIEW v AS SELECT 1 FROM `shop`.`shop`", None),
        ("CREATE PROCEDURE p() SELECT x.shop.id FROM x.shop", None),
        ("CREATE PROCEDURE p() SET @shop.x = 1", None),
        ("CREATE PROCEDURE p() SELECT 'shop.t'", None),
        ("INSERT INTO `t` VALUES ('shop.t')", None),
        ("CREATE VIEW v AS SELECT 1 FROM `Shop`.`t`", None),
    ],
)
def test_a_database_is_renamed_where_that_is_sure(text: str, want: str | None) -> None:
    assert _applied(RenamedDatabase("shop", "new"), text) == (want or text)


def test_a_database_in_double_quotes_is_refused() -> None:
    with pytest.raises(UsageError, match="procedure p names shop in double quotes"):
        _applied(RenamedDatabase("shop", "new"), 'CREATE PROCEDURE p() SELECT 1 FROM "shop"."t"')


def test_bytes_that_are_no_utf8_stay_as_they_are() -> None:
    statement = Statement(b"CREATE PROCEDURE p() SELECT '\xb1`' FROM `shop`.`t`", 1, 0, True)
    assert RenamedDatabase("shop", "new").apply(statement, classify(statement.text)) is statement


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            "CREATE DEFINER=`a`@`%` PROCEDURE p() SELECT 'DEFINER=`a`@`%`'",
            "CREATE DEFINER=`b`@`h` PROCEDURE p() SELECT 'DEFINER=`a`@`%`'",
        ),
        (
            "CREATE DEFINER = 'a'@'%' EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
            "CREATE DEFINER = `b`@`h` EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        ),
        (
            "/*!50001 CREATE */\n/*!50013 DEFINER=`a`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS SELECT 1 */",
            "/*!50001 CREATE */\n/*!50013 DEFINER=`b`@`h` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS SELECT 1 */",
        ),
        (
            "CREATE DEFINER=`c`@`%` TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1",
            "CREATE DEFINER=CURRENT_USER TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1",
        ),
        ("CREATE DEFINER=`role` PROCEDURE p() SELECT 1", "CREATE DEFINER=CURRENT_USER PROCEDURE p() SELECT 1"),
        ("CREATE DEFINER=CURRENT_USER() PROCEDURE p() SELECT 1", None),
        ("CREATE PROCEDURE p() SELECT 1", None),
        ("CREATE TABLE t (definer INT)", None),
    ],
)
def test_definers_are_mapped_and_left_to_who_restores(text: str, want: str | None) -> None:
    changes = RestoreChanges(definer=CURRENT, definer_map=((("a", "%"), ("b", "h")),))
    assert _applied(Definers(changes), text) == (want or text)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        (
            "CREATE TABLE t (a INT, b TEXT COLLATE old_ci) ENGINE=Aria PAGE_CHECKSUM=1 COLLATE=OLD_ci",
            "CREATE TABLE t (a INT, b TEXT COLLATE new_ci) ENGINE=InnoDB  COLLATE=new_ci",
        ),
        ("SET collation_connection = old_ci", "SET collation_connection = new_ci"),
        ("SET sql_mode = 'A,GONE,B'", "SET sql_mode = 'A,B'"),
        ("SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='GONE'", "SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE=''"),
        ("CREATE TABLE t (`old_ci` INT COMMENT 'old_ci GONE', aria INT)", None),
        ("INSERT INTO `t` VALUES ('old_ci')", None),
    ],
)
def test_words_are_rewritten_where_they_are_words(text: str, want: str | None) -> None:
    rewrite = (
        ("collation", "old_ci", "new_ci"),
        ("engine", "aria", "InnoDB"),
        ("sql_mode", "gone", ""),
        ("table_option", "page_checksum", ""),
    )
    assert _applied(Rewritten(RestoreChanges(rewrite=rewrite)), text) == (want or text)


_SCRIPT = {
    "CREATE TABLE `a` (id INT)": "a",
    "DROP TABLE IF EXISTS `a`": "a",
    "LOCK TABLES `a` WRITE": "a",
    "INSERT INTO `a` VALUES (1)": "a",
    "ALTER TABLE `a` DISABLE KEYS": "a",
    "CREATE TABLE `b` (id INT)": "b",
    "INSERT INTO `b` VALUES (1)": "b",
    "CREATE DEFINER=`x`@`y` TRIGGER `tr` BEFORE INSERT ON `a` FOR EACH ROW SET @x = 1": "a",
    "DROP TRIGGER IF EXISTS `tr`": "",
    "CREATE VIEW `b` AS SELECT 1": "b",
    "CREATE PROCEDURE `p`() SELECT 1": "",
    "CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1": "",
    "CREATE SEQUENCE `a`": "a",
    "DO SETVAL(`a`, 1, 0)": "a",
}
_ALWAYS = ("SET sql_mode = ''", "UNLOCK TABLES", "USE x")


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_table_comes_with_what_belongs_to_it(name: str) -> None:
    chosen = SelectedObjects(Selection(tables=(name,)), "shop")
    taken = {text for text in (*_SCRIPT, *_ALWAYS) if _applied(chosen, text) is not None}
    assert taken == {text for text, table in _SCRIPT.items() if table == name} | set(_ALWAYS)


def test_definitions_and_rows_apart() -> None:
    for selection, verbs in (
        (Selection(schema_only=True), {"INSERT"}),
        (Selection(data_only=True), {"CREATE", "DROP"}),
    ):
        chosen = SelectedObjects(selection, "shop")
        left_out = {text.split()[0] for text in _SCRIPT if _applied(chosen, text) is None}
        assert left_out == verbs


@pytest.mark.parametrize(
    "text",
    [
        b"CHANGE MASTER TO MASTER_LOG_FILE='bin.1', MASTER_LOG_POS=4",
        b"CHANGE MASTER 'name' TO MASTER_LOG_FILE='bin.1', MASTER_LOG_POS=4",
        b"CHANGE REPLICATION SOURCE TO SOURCE_LOG_FILE='bin.1', SOURCE_LOG_POS=4 FOR CHANNEL 'c'",
    ],
)
def test_a_position_is_left_out_and_nothing_more(text: bytes) -> None:
    policy = ScriptPolicy("shop", "shop")
    assert "stays as it is" in policy.left_out(text, classify(text))
    longer = text + b", MASTER_HOST='x'"
    with pytest.raises(UsageError):
        policy.left_out(longer, classify(longer))
