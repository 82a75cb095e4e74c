# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What restored physical backups are compared with: the server that they are of, the genuine programs, and damage."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import DbfleetError
from dbfleet.info import InfoRequest, info
from dbfleet.postgresql.physical_restore.recovery import RecoveryTarget
from dbfleet.progress import Progress
from dbfleet.wal_check import CheckWalRequest, check_wal
from tests import servers
from tests.integration.postgresql.basebackup_support import back_up
from tests.integration.postgresql.test_wal_archive_stream import archived, follow, keeps_wal
from tests.integration.postgresql.test_wal_restore import restored
from tests.integration.postgresql.wal_archive_support import CLUSTER, archive_of, assert_same_as_server, wait_until
from tests.integration.postgresql.wal_restore_support import (
    ARCHIVING,
    Marked,
    marked_server,
    open_folder,
    rows_of,
    running,
)
from tests.servers import Server, folders
from tests.servers.fixtures import POSTGRESQL, Database, ServerPool

NEWEST = POSTGRESQL[-1]
# Nothing may change them between two backups, or between what is asked before and after.
_STILL = (
    "CREATE TABLE still (id int PRIMARY KEY, t text, j jsonb, b bytea) WITH (autovacuum_enabled = off)",
    """
    INSERT INTO still SELECT n, repeat(md5(n::text), n % 90), jsonb_build_object('n', n), decode(md5(n::text), 'hex')
    FROM generate_series(1, 3000) n
    """,
    "CREATE INDEX still_t ON still (md5(t))",
    "VACUUM FREEZE still",
)
_DIGEST = "SELECT md5(string_agg(md5(still::text), '' ORDER BY id)) FROM still"
_FILES = "SELECT array_agg(pg_relation_filepath(oid) ORDER BY oid) FROM pg_class WHERE relname LIKE 'still%'"
# What TPC-B keeps equal, however many transactions there were.
_BALANCES = """
    SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(bbalance) FROM pgbench_branches),
        (SELECT sum(tbalance) FROM pgbench_tellers), (SELECT coalesce(sum(delta), 0) FROM pgbench_history)
"""
_INDEXES = """
    SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree') AND c.relpersistence = 'p'
"""


@pytest.fixture
def place() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


@contextlib.contextmanager
def pgbench(database: Database) -> Iterator[None]:
    """Clients of pgbench at work."""
    program = servers.client("pgbench")
    server = database.server
    program.run(server, "-q", "-i", "-s", "1", database.name)
    transactions = f"SELECT xact_commit FROM pg_stat_database WHERE datname = '{database.name}'"
    command = program.argv(server, "-n", "-c", "2", "-T", "600", database.name)
    with subprocess.Popen(
        command, env=program.environment(server), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            begun = server.execute(transactions)[0][0]
            wait_until(lambda: process.poll() is not None or server.execute(transactions)[0][0] > begun + 50)
            yield
            assert process.poll() is None
        finally:
            process.kill()


def check_indexes(connection: Any, version: int) -> int:
    """Every B-tree agrees with itself and its table; how many."""
    connection.execute("CREATE EXTENSION IF NOT EXISTS amcheck")
    # To look whether every row is in the index, too, is known from 11 on.
    more = ", true" if version >= 11 else ""
    names = [name for (name,) in connection.execute(_INDEXES).fetchall()]
    for name in names:
        connection.execute(f"SELECT bt_index_parent_check(%s::regclass{more})", (name,))
    return len(names)


def test_what_was_backed_up_under_load_is_sound(pg_database: Database, place: Path) -> None:
    server, marked = pg_database.server, Marked(pg_database.server, place)
    for statement in _STILL:
        pg_database.execute(statement)
    server.execute("CHECKPOINT")
    digest, files = (pg_database.execute(query)[0][0] for query in (_DIGEST, _FILES))
    with pgbench(pg_database):
        backup = back_up(server, marked.repository)
    result = restored(marked, "", place / "data", RecoveryTarget(immediate=True))
    assert result.backup["id"] == backup["id"]
    modes = {path.stat().st_mode & 0o777 for path in (place / "data", place / "data" / "base")}
    assert modes == {0o700}
    assert (place / "data" / "PG_VERSION").stat().st_mode & 0o777 == 0o600
    # What the genuine program has copied is the same, byte for byte.
    theirs = place / "theirs"
    servers.client("pg_basebackup").run(
        server, "-D", str(theirs), "-Fp", "-Xnone", "--checkpoint=fast", *_elsewhere(place, server)
    )
    for file in files:
        assert (place / "data" / file).read_bytes() == (theirs / file).read_bytes(), file
    with running(server.name, place / "data", place / "s", database=pg_database.name) as connection:
        assert connection.execute(_DIGEST).fetchone()[0] == digest
        balances = connection.execute(_BALANCES).fetchone()
        assert len(set(balances)) == 1, balances
        assert connection.execute("SELECT count(*) FROM pgbench_accounts").fetchone() == (100000,)
        assert check_indexes(connection, server.version[0]) > 100
        identifier = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchone()[0]
        assert identifier == backup["server"]["identifier"]


def _elsewhere(place: Path, server: Server) -> list[str]:
    """Where pg_basebackup on the server's own host puts the tablespaces that other tests have left, if any."""
    where = "SELECT oid, pg_tablespace_location(oid) FROM pg_tablespace WHERE pg_tablespace_location(oid) <> ''"
    return [f"--tablespace-mapping={path}={place / f'space{oid}'}" for oid, path in server.execute(where)]


@pytest.mark.parametrize("name", [POSTGRESQL[0], NEWEST])
def test_a_standbys_backup_leads_to_a_later_moment(name: str, server_pool: ServerPool, place: Path) -> None:
    server_pool.get(name)
    with marked_server(name, place, full_page_writes="on") as marked:
        marked.mark()
        settings = {**ARCHIVING, "full_page_writes": "on"}
        with servers.start_standby(marked.server, extra_config=settings) as standby:
            folders.own_subfolder(standby.folder, "wal")
            position = marked.server.execute("SELECT pg_current_wal_lsn()")[0][0]
            replayed = f"SELECT pg_last_wal_replay_lsn() >= '{position}'::pg_lsn"
            wait_until(lambda: standby.execute(replayed)[0][0])
            backup = back_up(standby, marked.repository)
        assert backup["options"]["from_standby"] is True
        moment = marked.mark()
        # Times of backups have whole seconds.
        time.sleep(1.1)
        later = marked.mark()
        marked.mark()
        marked.archive_wal()
        for number, (target, rows) in enumerate(
            ((RecoveryTarget(lsn=moment.lsn), moment.rows), (RecoveryTarget(time=later.time), later.rows))
        ):
            result = restored(marked, "", place / f"data{number}", target)
            assert result.restore["chain"] == [backup["id"]]
            assert rows_of(name, place / f"data{number}", place / f"s{number}") == rows


@pytest.mark.parametrize("damage", ["flipped", "truncated"])
def test_a_damaged_segment_is_found_before_a_server_starts(damage: str, server_pool: ServerPool, place: Path) -> None:
    server_pool.get(NEWEST)
    with marked_server(NEWEST, place) as marked:
        marked.backup()
        moments = []
        for _number in range(3):
            moments.append(marked.mark())
            marked.archive_wal()
        archive = marked.archive
        files = [Path(marked.repository) / file.path for file in archive.segments(1)]
        content = bytearray(files[-1].read_bytes())
        if damage == "flipped":
            content[len(content) // 2] ^= 1
        else:
            del content[len(content) // 2 :]
        files[-1].write_bytes(content)
        with pytest.raises(DbfleetError, match=archive.segments(1)[-1].name):
            restored(marked, "", place / "data", RecoveryTarget())
        assert not (place / "data" / "PG_VERSION").exists()
        found = check_wal(CheckWalRequest(marked.repository, read=True), Progress())
        assert not found.sound
        # What lies before the damage is in reach as before, what lies behind it is refused at once.
        (window,) = info(InfoRequest(marked.repository)).windows
        assert window["gap"]
        assert window["begins"]["time"] <= window["ends"]["time"]
        target = RecoveryTarget(time=moments[0].time)
        before = restored(marked, "", place / "other", target)
        assert "but the WAL is damaged" in before.restore["window"]
        assert rows_of(NEWEST, place / "other", place / "s") == moments[0].rows
        with pytest.raises(DbfleetError, match=archive.segments(1)[-1].name):
            restored(marked, "", place / "third", RecoveryTarget(time=moments[-1].time))
        assert not (place / "third").exists()


def test_a_server_that_is_killed_is_followed_again(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh(NEWEST, extra_config={**keeps_wal(NEWEST), "full_page_writes": "on"}) as server:
        server.execute("CREATE TABLE busy AS SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 3000) n")
        for _round in range(2):
            process = follow(server, tmp_path, "--slot", "kept", "--create-slot")
            try:
                active = "SELECT active FROM pg_replication_slots"
                wait_until(lambda: process.poll() is not None or server.execute(active) == [(True,)])  # noqa: B023
                server.execute("INSERT INTO busy SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 15000) n")
                server.kill()
            finally:
                process.terminate()
                process.communicate(timeout=120)
            server.restart()
        server.execute("INSERT INTO busy SELECT 1, 'after'")
        result = archived(server, tmp_path)
        assert result.lag_bytes == 0
        archive = archive_of(tmp_path, CLUSTER)
        assert assert_same_as_server(archive, server)
        assert not check_wal(CheckWalRequest(str(tmp_path), read=True), Progress()).problems
