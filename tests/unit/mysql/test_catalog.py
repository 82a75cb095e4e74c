# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided about objects without a server: order, expressions, delimiters, versions, messages."""

from __future__ import annotations

import pytest

from dbfleet.errors import ConnectError, ConsistencyError, NotFoundError, PrivilegeError, QueryError
from dbfleet.mysql import faults, privileges, script_text
from dbfleet.mysql.catalog.columns import Column
from dbfleet.mysql.catalog.database import Database
from dbfleet.mysql.catalog.sequences import sequences_used
from dbfleet.mysql.catalog.stored_programs import StoredProgram
from dbfleet.mysql.catalog.views import View, forward_references, in_order
from dbfleet.mysql.rows import HEX, NUMBER, TEXT, VERBATIM
from dbfleet.mysql.version import parse_version


def view(name: str, *uses: str) -> View:
    return View(name, b"", "utf8mb4", "utf8mb4_bin", frozenset(uses), ("a",))


def test_views_come_after_those_they_use() -> None:
    views = in_order([view("a", "b", "c"), view("b", "c"), view("c"), view("d")])
    assert [one.name for one in views] == ["c", "d", "b", "a"]
    assert forward_references(views) == frozenset()


def test_views_in_a_circle_need_a_placeholder() -> None:
    views = in_order([view("a", "b"), view("b", "a"), view("c", "a")])
    assert [one.name for one in views] == ["a", "b", "c"]
    assert forward_references(views) == {"b"}


def column(data_type: str, column_type: str = "", character_set: str = "") -> Column:
    return Column("c", data_type, column_type or data_type, character_set, is_generated=False, is_invisible=False)


@pytest.mark.parametrize(
    ("of", "form", "expressions"),
    [
        (column("int"), NUMBER, ["`c`"]),
        (column("decimal"), NUMBER, ["`c`"]),
        (column("float"), TEXT, ["`c`*1e0"]),
        (column("double"), TEXT, ["`c`"]),
        (column("json"), TEXT, ["`c`"]),
        (column("varchar", character_set="utf8mb4"), TEXT, ["`c`"]),
        (column("varchar", character_set="latin1"), TEXT, ["`c`"]),
        (column("varchar", character_set="cp932"), VERBATIM, ["IF(LENGTH(`c`)=0,'',CONCAT('_cp932 0x',HEX(`c`)))"]),
        (column("bit"), HEX, ["HEX(`c`)"]),
        (column("longblob"), HEX, ["IF(LENGTH(`c`)>262144,NULL,HEX(`c`))", "IF(LENGTH(`c`)>262144,`c`,NULL)"]),
        (column("enum", "enum('a','b')", "utf8mb4"), TEXT, ["`c`"]),
        (column("enum", "enum('a','')", "utf8mb4"), NUMBER, ["CAST(`c` AS UNSIGNED)"]),
        (column("set", "set('','b')", "utf8mb4"), NUMBER, ["CAST(`c` AS UNSIGNED)"]),
        (column("enum", "enum('''','b'',')", "utf8mb4"), TEXT, ["`c`"]),
    ],
    ids=lambda value: value.column_type + value.character_set if isinstance(value, Column) else "",
)
def test_how_columns_are_read(of: Column, form: int, expressions: list[str]) -> None:
    assert of.format.form == form
    assert list(of.expressions) == expressions


@pytest.mark.parametrize(
    ("body", "want"), [(b"a", b";;"), (b"a;;", b"$$"), (b";; $$", b"//"), (b";;$$//||", b"$END0$")]
)
def test_the_delimiter_is_not_in_the_text(body: bytes, want: bytes) -> None:
    text = script_text.program(
        StoredProgram("procedure", "p", body, "", "utf8mb4", "x", "y"), Database("d", "utf8mb4", "y")
    )
    assert b"DELIMITER " + want + b"\n" + body + b"\n" + want + b"\nDELIMITER ;\n" in text


def test_a_character_set_that_hides_quotes_is_told_to_the_client() -> None:
    database = Database("d", "utf8mb4", "y")
    program = StoredProgram("procedure", "p", b"SELECT '\x83\x5c'", "", "sjis", "sjis_japanese_ci", "y")
    text = script_text.program(program, database)
    assert text.index(b"/*!\\C sjis */;") < text.index(program.definition) < text.index(b"/*!\\C utf8mb4 */;")
    plain = StoredProgram("procedure", "p", b"SELECT 1", "", "sjis", "sjis_japanese_ci", "y")
    assert b"\\C" not in script_text.program(plain, database)


def test_sequences_in_defaults() -> None:
    definition = b"a DEFAULT nextval(`d``b`.`s``1`), b DEFAULT (lastval(`other`.`t`) + nextval(`d``b`.`s``1`))"
    assert sequences_used(definition, "d`b") == ("`other`.`t`", "`s``1`")


@pytest.mark.parametrize(
    ("text", "comment", "dbms", "number"),
    [
        ("5.7.29-log", "MySQL Community Server (GPL)", "mysql", 50729),
        ("9.7.4-2", "Debian", "mysql", 90704),
        ("5.5.5-10.11.19-MariaDB-0+deb12u1", "Debian 12", "mariadb", 101119),
        ("11.8.6-MariaDB", "", "mariadb", 110806),
        ("10.6.1", "MariaDB Server", "mariadb", 100601),
        ("8.0", "x", "mysql", 80000),
    ],
)
def test_versions(text: str, comment: str, dbms: str, number: int) -> None:
    version = parse_version(text, comment)
    assert (version.dbms, version.number) == (dbms, number)


@pytest.mark.parametrize(
    ("pattern", "database", "covered"),
    [
        ("shop", "shop", True),
        ("sh\\_op", "sh_op", True),
        ("sh\\_op", "shxop", False),
        ("sh_op", "shxop", True),
        ("sh%", "shop", True),
        ("sh%", "xshop", False),
        ("a.b", "axb", False),
    ],
)
def test_grant_patterns(pattern: str, database: str, covered: bool) -> None:
    assert privileges._matches(pattern, database) is covered


@pytest.mark.parametrize(
    ("number", "message", "kind", "secret"),
    [
        (1062, "Duplicate entry 'Ada Lovelace-7' for key 'name'", QueryError, "Ada"),
        (1366, "Incorrect integer value: 'secret' for column 'a' at row 1", QueryError, "secret"),
        (1292, "Truncated incorrect DOUBLE value: 'secret'", QueryError, "secret"),
        (1064, "You have an error … to use near 'secret, 5)' at line 1", QueryError, "secret"),
        (1142, "SELECT command denied to user 'u'@'%' for table 't'", PrivilegeError, "never"),
        (1049, "Unknown database 'x'", NotFoundError, "never"),
        (1412, "Table definition has changed, please retry transaction", ConsistencyError, "never"),
        (2013, "Lost connection to MySQL server during query", ConnectError, "never"),
    ],
)
def test_faults_keep_row_values_to_themselves(number: int, message: str, kind: type, secret: str) -> None:
    statement = "INSERT INTO t VALUES ('secret', 'Ada')"
    error = faults.translate(Exception(number, message), statement, product="MySQL")
    assert error.__class__ is kind
    assert secret not in str(error)
    assert "Ada" not in str(error.context)
    assert error.context["errno"] == number
