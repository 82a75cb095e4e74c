# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives of the genuine pg_dump, restored by ours into real servers."""

from __future__ import annotations

from pathlib import Path

from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    fill,
    new_database,
    pg_dump,
    restore,
)
from tests.servers.fixtures import Database


def test_genuine_archive_restores_to_an_equal_database(pg_database: Database, tmp_path: Path) -> None:
    server = pg_database.server
    fill(server, pg_database.name)
    archive = pg_dump(server, pg_database.name, tmp_path / "shop.dump")
    with new_database(server) as name:
        plan, contents = restore(server, archive, name)
        assert_equal_databases(server, pg_database.name, name)
    assert ("shop", "customers") in plan.tables
    rows = {(table.schema, table.name): table.rows for table in contents.tables}
    assert rows["shop", "customers"] == 503
    assert rows["shop", "empty"] == 0
    assert contents.objects["TABLE"] >= 8
