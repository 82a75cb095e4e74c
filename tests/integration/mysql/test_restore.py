# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Genuine dumps and hostile scripts, restored by ours and compared with what the genuine clients make of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers import Server

from .restore_support import fill, genuine_dump, genuine_load, picture, restore, scratch

DUMP_OPTIONS = [
    (),
    ("--hex-blob", "--skip-extended-insert", "--complete-insert"),
    ("--skip-opt", "--create-options", "--skip-comments"),
    ("--no-autocommit", "--order-by-primary", "--add-drop-trigger"),
]


@pytest.mark.parametrize("options", DUMP_OPTIONS, ids=lambda options: " ".join(options) or "default")
def test_a_genuine_dump_is_loaded_as_the_genuine_client_loads_it(
    mysql_server: Server, tmp_path: Path, options: tuple[str, ...]
) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server) as theirs, scratch(mysql_server) as ours:
        fill(mysql_server, source)
        script = genuine_dump(mysql_server, source, *options)
        genuine_load(mysql_server, theirs, script)
        contents = restore(mysql_server, ours, script, tmp_path)
        want = picture(mysql_server, source)
        assert picture(mysql_server, theirs) == want
        assert picture(mysql_server, ours) == want
        rows = {table.name: table.rows for table in contents.tables}
        assert rows == {"plain": 4, "we`ird ;'\"-- #/* name": 4, "empty_one": 0, "made": 2, "child": 2, "narrow": 1}
