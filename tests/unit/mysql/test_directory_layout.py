# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and texts of a folder, and the conditions of ranges, without a server."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from dbfleet.mysql import chunks, directory_layout
from dbfleet.mysql.catalog.database import Database
from dbfleet.mysql.catalog.stored_programs import StoredProgram
from dbfleet.mysql.rows import NUMBER, TEXT

DATABASE = Database("shop", "utf8mb4", "utf8mb4_bin")
KEY = chunks.Key(
    "PRIMARY",
    (chunks.KeyColumn("a", "int", 0, NUMBER, ""), chunks.KeyColumn("w", "varchar", 1, TEXT, "utf8mb4")),
)


def test_a_range_is_compared_column_by_column() -> None:
    part = chunks.Range(("1", "'x'"), True, ("5",))
    assert part.conditions(KEY) == ("(`a` > 1 OR (`a` = 1 AND `w` > 'x'))", "`a` >= 1", "`a` < 5")
    assert chunks.Range().conditions(KEY) == ()
    assert part.divided(("3",)) == (chunks.Range(("1", "'x'"), True, ("3",)), chunks.Range(("3",), False, ("5",)))
    assert part.rest(("2", "'y'")) == chunks.Range(("2", "'y'"), True, ("5",))


def test_a_middle_of_texts_lies_between_them() -> None:
    order = "".join(map(chr, range(0x20, 0x7F)))
    assert "customer-00001" < chunks.middle_text("customer-00001", "customer-00900", order) < "customer-00900"
    assert "a" < chunks.middle_text("a", "b", order) < "b"


@given(st.text(max_size=80))
def test_names_become_parts_of_file_names(name: str) -> None:
    if not name or "\0" in name:
        return
    part = directory_layout.file_part(name)
    assert not re.search(r"[./\s`]", part)
    assert len(part.encode("utf-8", "surrogatepass")) <= 100


@given(st.text(alphabet="a; \n'", max_size=60))
def test_the_blanks_of_a_program_can_be_taken_away_again(body: str) -> None:
    definition = f"CREATE PROCEDURE `p`() {body}".encode()
    text = directory_layout.program(StoredProgram("procedure", "p", definition), DATABASE)
    created = text[text.index(b"CREATE PROCEDURE") : text.rindex(b"\n;\nSET sql_mode")]
    assert b";\n" not in created
    assert re.sub(rb";( *) \n", rb";\1\n", created) == definition


def test_functions_that_views_call_come_before_them() -> None:
    programs = [
        StoredProgram("library", "lib", b""),
        StoredProgram("function", "used", b""),
        StoredProgram("function", "unused", b""),
        StoredProgram("procedure", "other", b""),
    ]
    assert directory_layout.functions_of_views([b"select `shop`.`Used`(1) AS `x`"], programs) == {0, 1}
    assert directory_layout.functions_of_views([b"select `unused` AS `x`"], programs) == frozenset()
