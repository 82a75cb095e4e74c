# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several databases in one script or folder: what belongs to which."""

from __future__ import annotations

import dataclasses
import io

import pytest

from dbfleet.errors import NotFoundError, UsageError
from dbfleet.mysql.database_part import of_database
from dbfleet.mysql.script import ScriptSplitter
from dbfleet.mysql.script_files import Scripts, databases_in, recorded_rows
from dbfleet.mysql.sections import SectionSplitter, databases_of
from dbfleet.repository.records import BackupContents, Manifest, ServerIdentity, TableRecord

SCRIPT = rb"""SET NAMES utf8mb4;
CREATE DATABASE `a`;
USE `a`;
INSERT INTO `t` VALUES ('USE b;\'; USE b');
SET sql_mode='NO_BACKSLASH_ESCAPES';
CREATE VIEW v AS SELECT '\';
SET sql_mode='';
CREATE DATABASE `b`;
USE `b`;
INSERT INTO `t` VALUES (2);
use a;
CREATE VIEW w AS SELECT 1;
"""


def _of(database: str) -> list[bytes]:
    splitter = SectionSplitter(ScriptSplitter(io.BytesIO(SCRIPT)), database, name="script")
    return [statement.text for statement in splitter]


def test_a_database_s_statements_are_found_wherever_they_stand() -> None:
    assert _of("b") == [b"SET NAMES utf8mb4", b"CREATE DATABASE `b`", b"USE `b`", b"INSERT INTO `t` VALUES (2)"]
    mine = _of("a")
    assert mine[:3] == [b"SET NAMES utf8mb4", b"CREATE DATABASE `a`", b"USE `a`"]
    assert mine[-2:] == [b"use a", b"CREATE VIEW w AS SELECT 1"]
    assert b"CREATE VIEW v AS SELECT '\\'" in mine
    assert databases_of(ScriptSplitter(io.BytesIO(SCRIPT))) == ("a", "b")


def test_what_is_not_there_is_named_with_what_is() -> None:
    with pytest.raises(NotFoundError, match="'c': it holds a, b"):
        _of("c")
    splitter = SectionSplitter(ScriptSplitter(io.BytesIO(b"SELECT 1;")), "a", name="script")
    with pytest.raises(NotFoundError, match="it names none"):
        list(splitter)


class Folder:
    description = "folder"

    def __init__(self, files: dict[str, str]) -> None:
        self._files = {"metadata": "# Finished dump at: x\n", **files}

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def open(self, path: str) -> io.BytesIO:
        return io.BytesIO(self._files[path].encode())


def test_a_folder_s_files_belong_to_the_longest_beginning() -> None:
    files = dict.fromkeys(
        ("shop.t-schema.sql", "shop.t.00000.sql", "shop.old.t-schema.sql", "shop.old-schema-post.sql"), ""
    )
    files["shop-schema-create.sql"] = "CREATE DATABASE `shop`;\n"
    files["shop.old-schema-create.sql"] = "CREATE DATABASE IF NOT EXISTS `shop.old`;\n"
    folder = Folder(files)
    assert databases_in(folder) == ("shop", "shop.old")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="2 databases"):
        Scripts(folder)  # type: ignore[arg-type]
    found = {one.path for one in Scripts(folder, "shop").files}  # type: ignore[arg-type]
    assert found == {"shop-schema-create.sql", "shop.t-schema.sql", "shop.t.00000.sql"}
    found = {one.path for one in Scripts(folder, "shop.old").files}  # type: ignore[arg-type]
    assert found == {"shop.old-schema-create.sql", "shop.old.t-schema.sql", "shop.old-schema-post.sql"}


def test_numbers_of_rows_are_read_by_the_tables_real_names() -> None:
    metadata = (
        b"[config]\nx = 1\n\n[`d`.`mydumper_0`]\nreal_table_name=a``b\nrows = 7\n\n[`d`.`v`]\nrows = 0\nis_view = 1\n"
    )
    metadata += b"\n[`other`.`t`]\nrows = 9\n\n[`d`.`t`]\nreal_table_name=t\\n\nrows = 3\n"
    assert recorded_rows(metadata, {"d"}, ours=False) == {"a`b": 7, "t\\n": 3}
    assert recorded_rows(metadata, {"d"}, ours=True) == {"a`b": 7, "t\n": 3}


def test_a_manifest_of_several_says_what_one_has() -> None:
    own = {"a": {"objects": {"table": 1}, "options": {"invalid_views": []}}, "b": {"objects": {"table": 2}}}
    contents = BackupContents(
        format="plain",
        artifact="databases.sql",
        compression="none",
        snapshot={},
        tables=(TableRecord("a", "t", 1, 2, "x"), TableRecord("b", "t", 3, 4, "y")),
        objects={"table": 3},
        options={"databases": own},
    )
    server = ServerIdentity("mysql", "9.7.0", 90700, "h", 1, "")
    manifest = Manifest(
        id="1", kind="logical", cluster="c", database="a,b", server=server, contents=contents, files=(),
        engine_version="0", started_at="", finished_at="", duration=0.0,
    )  # fmt: skip
    part = of_database(manifest, "b")
    assert part is not None
    assert (part.database, part.contents.objects) == ("b", {"table": 2})
    assert [table.sha256 for table in part.contents.tables] == ["y"]
    assert of_database(manifest, "") is manifest
    only = dataclasses.replace(contents, options={"databases": {"a": own["a"]}})
    found = of_database(dataclasses.replace(manifest, contents=only), "")
    assert found is not None
    assert found.database == "a"
