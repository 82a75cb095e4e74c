# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""INSERT statements of our own as files of LOAD DATA LOCAL."""

from __future__ import annotations

import io

import pytest

from dbfleet.mysql import insert_as_file
from dbfleet.mysql.catalog.columns import Column
from dbfleet.mysql.catalog.tables import Table
from dbfleet.mysql.folder_splitter import FolderSplitter
from dbfleet.mysql.insert_as_file import rows_file, values_line


def table(*columns: tuple[str, str, str]) -> Table:
    """A table of columns of these types and character sets."""
    made = tuple(
        Column(f"c{place}", name, column_type, character_set, is_generated=False, is_invisible=False)
        for place, (name, column_type, character_set) in enumerate(columns)
    )
    return Table("t", "InnoDB", made, True, False, False, 0)


def no_columns() -> tuple[list[str], str]:
    raise AssertionError("the names are not needed")


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ([("int", "int(11)", ""), ("varchar", "varchar(9)", "latin1"), ("blob", "blob", "")], "-- Values: NTX\n"),
        (
            [("enum", "enum('a')", "utf8mb4"), ("longblob", "longblob", ""), ("double", "double", "")],
            "-- Values: TXT\n",
        ),
        # Members by number, and the bytes of other character sets.
        ([("enum", "enum('','a')", "utf8mb4")], ""),
        ([("int", "int(11)", ""), ("char", "char(1)", "cp932")], ""),
    ],
)
def test_the_line_says_how_values_are_written(columns: list[tuple[str, str, str]], line: str) -> None:
    assert values_line(table(*columns)) == line


@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_the_line_is_known_when_the_rows_come(size: int) -> None:
    data = b"/*!50503 SET NAMES utf8mb4 */;\n-- Values: NT\nINSERT INTO `t` VALUES (1,'-- Values: X\\n');\n"
    data += b"-- Values: T\nEND;\n"
    splitter = FolderSplitter(io.BytesIO(data), name="file", block_size=size)
    assert [(one.text[:6], splitter.values) for one in splitter] == [(b"/*!505", ""), (b"INSERT", "NT"), (b"END", "T")]


def test_the_file_is_what_stands_behind_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insert_as_file, "_PIECE", 3)
    made = rows_file(b"INSERT INTO `a t` VALUES (1,'x'),(2,NULL)", "NT", no_columns)
    assert made is not None
    assert b"".join(made.pieces()) == b"(1,'x'),(2,NULL),"
    assert made.statement.startswith(b"LOAD DATA LOCAL INFILE 'rows' INTO TABLE `a t` CHARACTER SET utf8mb4 FIELDS ")
    assert made.statement.endswith(b"ENCLOSED BY '\\'' ESCAPED BY '\\\\' LINES STARTING BY '(' TERMINATED BY '),'")


def test_digits_and_given_numbers_pass_through_variables() -> None:
    named = rows_file(b"INSERT INTO `t` (`Id`, `d`, `s`) VALUES (0,0x27,'')", "NXT", lambda: ([], "id"))
    assert named is not None
    wanted = b" (@dbfleet_0, @dbfleet_1, `s`) SET `Id` = @dbfleet_0, `d` = UNHEX(SUBSTR(@dbfleet_1, 3))"
    assert named.statement.endswith(wanted)
    unnamed = rows_file(b"INSERT INTO `t` VALUES (0,0x27)", "NX", lambda: (["i", "d`"], ""))
    assert unnamed is not None
    assert unnamed.statement.endswith(b" (`i`, @dbfleet_1) SET `d``` = UNHEX(SUBSTR(@dbfleet_1, 3))")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (b"INSERT INTO `t` VALUES (1)", ""),
        (b"INSERT IGNORE INTO `t` VALUES (1)", "N"),
        (b"REPLACE INTO `t` VALUES (1)", "N"),
        (b"INSERT INTO `t` (`a`) VALUES (1,2)", "NN"),
        (b"INSERT INTO `t``u` VALUES (1)", "N"),
        (b"INSERT INTO `t` SELECT 1", "N"),
        (b"INSERT INTO `t` VALUES ('" + b"x" * insert_as_file.LARGEST + b"')", "T"),
    ],
)
def test_anything_else_is_run_as_it_is(text: bytes, values: str) -> None:
    assert rows_file(text, values, no_columns) is None
