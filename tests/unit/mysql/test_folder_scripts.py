# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError
from dbfleet.mysql.folder_splitter import FolderSplitter, without_added_blanks
from dbfleet.mysql.script_files import DATABASE, EVENT, ROUTINE, ROWS, TABLE, TRIGGER, VIEW, ScriptFile, Scripts


def split(data: bytes, size: int = 1 << 16) -> list[tuple[bytes, int, int]]:
    splitter = FolderSplitter(io.BytesIO(data), name="file", block_size=size)
    return [(one.text, one.line, one.offset) for one in splitter]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 16])
def test_a_statement_ends_where_a_line_ends_with_a_semicolon(size: int) -> None:
    data = b"-- x;\n/* c ;\n */\n# y\n/*!40101 SET NAMES binary*/;\n\n"
    data += b"INSERT INTO `a` VALUES\n(1,\";\"),\n(2,'; x');\n;\nEND\n;\n-- e"
    assert [one[0] for one in split(data, size)] == [
        b"/*!40101 SET NAMES binary*/",
        b"INSERT INTO `a` VALUES\n(1,\";\"),\n(2,'; x')",
        b"END",
    ]
    assert [one[1] for one in split(data, size)] == [5, 7, 11]
    assert all(data[offset:].startswith(text) for text, _line, offset in split(data, size))


def test_the_last_line_may_lack_its_end_but_not_its_semicolon() -> None:
    assert [one[0] for one in split(b"a;\nb;")] == [b"a", b"b"]
    for truncated in (b"a;\nb", b"a;\nb;c", b"INSERT INTO x VALUES (1)\n"):
        with pytest.raises(CorruptArtifactError, match="truncated"):
            split(truncated)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.text("ab;'\"` ,(", min_size=1, max_size=30).map(lambda text: f"x{text}x".encode()), max_size=8),
    st.integers(1, 40),
)
def test_what_was_written_is_read(statements: list[bytes], size: int) -> None:
    data = b"".join(statement + b";\n" for statement in statements)
    assert [one[0] for one in split(data, size)] == statements


def test_blanks_of_our_folders_are_taken_out_of_programs() -> None:
    body = b"BEGIN\n a;\n b; \n c;  \n d ;\nEND"
    blanked = b"BEGIN\n a; \n b;  \n c;   \n d ; \nEND"
    assert without_added_blanks(blanked) == body


class Folder:
    description = "folder"

    def __init__(self, **files: str) -> None:
        self._files = {"metadata": "Finished dump at: x\n", **files}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def open(self, path: str) -> io.BytesIO:
        return io.BytesIO(self._files[path].encode())


def test_files_are_run_in_the_order_of_what_they_hold() -> None:
    names = [
        "d-schema-create.sql", "d.t-schema.sql", "d.t.00002.sql.zst", "d.t.00010.sql.zst", "d.t-schema-triggers.sql",
        "d-schema-post.sql", "d.v-schema-view.sql", "d.t-metadata", "d.t-schema-checksum",
    ]  # fmt: skip
    scripts = Scripts(Folder(**dict.fromkeys(names, "")))  # type: ignore[arg-type]
    order = ((0, DATABASE), (1, TABLE), (2, ROWS), (3, ROWS), (4, TRIGGER), (5, ROUTINE), (6, VIEW), (5, EVENT))
    assert scripts.files == tuple(ScriptFile(names[number], role) for number, role in order)


def test_routines_come_before_views_and_events_behind_them() -> None:
    post = "SET @a = 1;\nDROP PROCEDURE IF EXISTS p;\nCREATE PROCEDURE p() BEGIN\nSELECT 1; \nEND\n;\n"
    post += "CREATE EVENT e DO x;\n"
    for ours, body in (("", b"SELECT 1; \nEND"), ("# dbfleet folder 1\n", b"SELECT 1;\nEND")):
        folder = Folder(**{"metadata": f"{ours}Finished dump at: x\n", "d-schema-post.sql": post})
        scripts = Scripts(folder)  # type: ignore[arg-type]
        found = {}
        for file in scripts.files:
            source = scripts.open(file)
            found[file.role] = [one.text for one in scripts.splitter(file, source)]
            source.close()
        assert found[ROUTINE] == [
            b"SET @a = 1", b"DROP PROCEDURE IF EXISTS p", b"CREATE PROCEDURE p() BEGIN\n" + body,
        ]  # fmt: skip
        assert found[EVENT] == [b"SET @a = 1", b"CREATE EVENT e DO x"]
