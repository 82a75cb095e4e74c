# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database with every extension that the server ships, and with objects made of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    back_up,
    dumped,
    fill_with_zoo,
    restorable,
    restore_genuinely,
    script_of,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump, restore
from tests.servers.fixtures import ServerPool

#: What some builds ship although the libraries it needs come with no build.
_NEED_LIBRARIES = ("perl", "python", "uuid-ossp", "tcl")


@pytest.fixture(scope="module", params=["pg10", "pg14", "pg18"])
def database(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[tuple[servers.Server, str]]:
    server = server_pool.get(request.param)
    with new_database(server) as name:
        with server.connect(name) as connection:
            available = connection.execute("SELECT name FROM pg_available_extensions ORDER BY name").fetchall()
            for (extension,) in available:
                try:
                    connection.execute(f'CREATE EXTENSION IF NOT EXISTS "{extension}" CASCADE')
                except psycopg.Error:
                    if not any(word in extension for word in _NEED_LIBRARIES):
                        raise
            made = connection.execute("SELECT count(*) FROM pg_extension").fetchone()
        assert made is not None
        assert made[0] > 40
        fill_with_zoo(server, name, "contrib")
        yield server, name


@pytest.mark.slow
def test_the_statements_are_pg_dump_s(database: tuple[servers.Server, str], tmp_path: Path) -> None:
    server, name = database
    ours, _contents, progress = back_up(server, name, tmp_path)
    theirs = pg_dump(server, name, tmp_path / "theirs.dump", version=NEWEST_CLIENT)
    assert progress.warnings == []
    for options in ((), ("--clean", "--if-exists", "--schema-only")):
        expected = restorable(script_of(theirs, *options), server)
        assert restorable(script_of(ours, *options), server) == expected, options


@pytest.mark.slow
@pytest.mark.parametrize("by_us", [False, True])
def test_a_restored_copy_is_the_source(database: tuple[servers.Server, str], tmp_path: Path, by_us: bool) -> None:
    server, name = database
    archive = back_up(server, name, tmp_path)[0]
    with new_database(server) as copy:
        if by_us:
            restore(server, archive, copy)
        else:
            restore_genuinely(server, archive, copy)
        assert dumped(server, copy) == dumped(server, name)
