# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups from a hot standby."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import ConsistencyError, UsageError
from dbfleet.progress import Progress
from tests import servers
from tests.integration.postgresql.backup_support import (
    NEWEST_CLIENT,
    Folder,
    back_up,
    dumped,
    fill_with_zoo,
    restorable,
    restore_genuinely,
    script_of,
    source,
)
from tests.integration.postgresql.restore_support import new_database, pg_dump
from tests.servers.fixtures import ServerPool


@pytest.fixture(scope="module", params=["pg10", "pg15", "pg18"])
def pair(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[tuple[servers.Server, servers.Server]]:
    """A primary with something of everything in its database postgres, and its standby."""
    with server_pool.fresh(request.param) as primary:
        fill_with_zoo(primary, "postgres", "tables", "views", "functions", "sequences", "types")
        primary.execute(
            "CREATE SCHEMA mine",
            "CREATE TABLE mine.t (id serial PRIMARY KEY, x text)",
            "INSERT INTO mine.t (x) SELECT 'row ' || g FROM generate_series(1, 1000) g",
            "CREATE UNLOGGED TABLE mine.fast (id integer)",
            "INSERT INTO mine.fast VALUES (1)",
            "SELECT lo_from_bytea(4711, 'content')",
        )
        if primary.version[0] >= 15:
            primary.execute("CREATE UNLOGGED SEQUENCE mine.numbers")
        with servers.start_standby(primary, extra_config={"max_standby_streaming_delay": "0"}) as standby:
            yield primary, standby


def wait_for(primary: servers.Server, standby: servers.Server) -> None:
    """Until the standby has all that the primary has written."""
    position = primary.execute("SELECT pg_current_wal_lsn()")[0][0]
    deadline = time.monotonic() + 60
    while not standby.execute(f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn")[0][0]:
        assert time.monotonic() < deadline, "the standby does not follow"
        time.sleep(0.05)


@pytest.mark.parametrize("options", [{}, {"format": "directory", "jobs": 2}])
def test_a_standby_is_backed_up_as_its_primary(
    pair: tuple[servers.Server, servers.Server], tmp_path: Path, options: dict[str, object]
) -> None:
    primary, standby = pair
    wait_for(primary, standby)
    archive, contents, progress = back_up(standby, "postgres", tmp_path, **options)
    left_out = [warning for warning in progress.warnings if "a standby does not have" in warning]
    assert left_out == progress.warnings
    assert sum("mine.fast" in warning for warning in left_out) == 1
    assert sum("mine.numbers" in warning for warning in left_out) == (primary.version[0] >= 15)
    assert contents.snapshot["lsn"]
    assert contents.snapshot["timeline"] == 1
    assert ("t", 1000) in {(table.name, table.rows) for table in contents.tables}
    with new_database(primary) as copy:
        restore_genuinely(primary, archive, copy)
        assert dumped(primary, copy, "--no-unlogged-table-data") == dumped(standby, "postgres")


def test_the_script_of_a_standby_is_pg_dump_s(pair: tuple[servers.Server, servers.Server], tmp_path: Path) -> None:
    primary, standby = pair
    wait_for(primary, standby)
    ours = back_up(standby, "postgres", tmp_path, archive_version="1.16")[0]
    theirs = pg_dump(standby, "postgres", tmp_path / "theirs.dump", version=NEWEST_CLIENT)
    assert restorable(script_of(ours), standby) == restorable(script_of(theirs), standby)


def test_a_standby_has_no_serializable_transactions(
    pair: tuple[servers.Server, servers.Server], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="standby has no serializable") as caught:
        back_up(pair[1], "postgres", tmp_path, serializable_deferrable=True)
    assert "primary" in caught.value.hint


def test_replay_that_cannot_wait_ends_the_backup(pair: tuple[servers.Server, servers.Server], tmp_path: Path) -> None:
    primary, standby = pair
    primary.execute("CREATE TABLE mine.altered AS SELECT 1 AS one")
    wait_for(primary, standby)
    with source(standby, "postgres") as opened:
        opened.plan()
        primary.execute("DROP TABLE mine.altered")
        wait_for(primary, standby)
        with pytest.raises(ConsistencyError, match="conflict with recovery") as caught:
            opened.write(Folder(tmp_path), Progress())
    assert "max_standby_streaming_delay" in caught.value.hint
