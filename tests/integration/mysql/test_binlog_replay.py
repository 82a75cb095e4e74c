# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaying a server's binlogs into another one: at every moment it must be what the source was then."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, RestoreError, UnsupportedObjectError
from dbfleet.mysql.binlog.archive import ArchiveRequest, archive_binlogs
from dbfleet.mysql.binlog.listing import TransactionFilter, list_transactions
from dbfleet.mysql.binlog.replay_job import ReplayRequest, ReplayResult, replay_binlogs
from dbfleet.mysql.binlog.replay_plan import files_in_order
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

from .test_binlog_list import COLUMNS, NULLS, ROW

FIRST = "CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b LONGTEXT, c DECIMAL(40, 10), d DATETIME(6))"
#: What statements depend on, in the formats in which it matters.
BY_STATEMENT = [
    "SET SESSION binlog_format = STATEMENT",
    "SET @s = _utf8mb4'größe' COLLATE utf8mb4_bin, @i = -5, @d = -12345678901234567890.0123456789, @f = 1.5e10",
    "INSERT INTO t (b, c) VALUES (@s, @d)",
    "INSERT INTO t (b, c) VALUES (CONCAT('it''s \\\\ ', @i), @f)",
    "INSERT INTO t (b, c) VALUES (NULL, RAND())",
    "SET time_zone = '+05:30', timestamp = 1700000000.123456",
    "INSERT INTO t (d) VALUES (NOW(6))",
    "SET sql_mode = 'ANSI_QUOTES'",
    "INSERT INTO t (\"b\") VALUES ('quoted')",
    "SET NAMES latin1",
    b"INSERT INTO t (b) VALUES ('r\\u00f6m')".decode("unicode_escape"),
    "SET SESSION binlog_format = ROW",
]
OBJECTS = [
    "CREATE TABLE other (a INT) ENGINE = MyISAM",
    "INSERT INTO other VALUES (1), (2)",
    "CREATE PROCEDURE p() INSERT INTO other VALUES (9)",
    "CALL p()",
    "CREATE TRIGGER g BEFORE INSERT ON other FOR EACH ROW SET NEW.a = NEW.a + 1",
    "INSERT INTO other VALUES (77)",
    "CREATE VIEW v AS SELECT a FROM t",
    "ALTER TABLE other ADD b TIMESTAMP NULL",
    "XA START 'x', 'y', 3",
    "INSERT INTO t (b) VALUES ('xa')",
    "XA END 'x', 'y', 3",
    "XA PREPARE 'x', 'y', 3",
    "XA COMMIT 'x', 'y', 3",
    "CREATE TABLE gone (a INT PRIMARY KEY)",
    "DROP TABLE gone",
]


class Pair:
    """A source whose log is archived, and a target that has nothing."""

    def __init__(self, source: Server, target: Server, folder: Path) -> None:
        self.source = source
        self.target = target
        self.folder = folder

    def archive(self) -> None:
        archive_binlogs(ArchiveRequest(options(self.source), str(self.folder)), Progress())

    def replay(
        self, *, keep_gtids: bool = True, check: bool = False, applier: str = "binlog_statements", **wanted: Any
    ) -> ReplayResult:
        request = ReplayRequest(
            options(self.target),
            (str(self.folder),),
            TransactionFilter(**wanted),
            keep_gtids=keep_gtids,
            check=check,
            applier=applier,
        )
        return replay_binlogs(request, Progress())

    def assert_equal(self) -> None:
        assert content(self.target) == content(self.source)


def options(server: Server) -> ConnectionOptions:
    return ConnectionOptions(unix_socket=server.socket, user=server.user, password=server.password or "")


def content(server: Server) -> dict[str, Any]:
    """Every table's definition and rows, and the names of what else there is."""
    found: dict[str, Any] = {}
    if not server.execute("SHOW DATABASES LIKE 'd'"):
        return found
    for name, kind in server.execute("SHOW FULL TABLES", database="d"):
        _name, made, *_rest = server.execute(f"SHOW CREATE TABLE `{name}`", database="d")[0]
        # Rows that are applied reserve no numbers ahead, as statements do.
        found[name] = re.sub(r" AUTO_INCREMENT=\d+", "", made)
        if kind == "BASE TABLE":
            columns = server.execute(f"SHOW COLUMNS FROM `{name}`", database="d")
            shown = ", ".join(f"HEX(`{column}`)" for column, *_rest in columns)
            found[f"rows of {name}"] = sorted(server.execute(f"SELECT {shown} FROM `{name}`", database="d"), key=str)
    for kind in ("routine", "trigger"):
        query = f"SELECT {kind}_name FROM information_schema.{kind}s WHERE {kind}_schema = 'd'"
        found[f"{kind}s"] = server.execute(query)
    return found


def _pair(name: str, pool: ServerPool, folder: Path) -> Iterator[Pair]:
    with pool.fresh(name) as source, pool.fresh(name) as target:
        for server in (source, target):
            # Functions and triggers need no promise of being harmless to replication.
            server.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        source.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
        source.execute(FIRST, database="d")
        yield Pair(source, target, folder)


@pytest.fixture(params=MYSQL_FAMILY)
def pair(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Pair]:
    yield from _pair(request.param, server_pool, tmp_path / "archive")


@pytest.fixture(params=["mysql97", "mariadb118"])
def newest(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Pair]:
    yield from _pair(request.param, server_pool, tmp_path / "archive")


def test_everything_is_replayed(pair: Pair) -> None:
    source = pair.source
    source.execute(*BY_STATEMENT, database="d")
    source.execute("FLUSH BINARY LOGS", *OBJECTS, database="d")
    source.execute(f"CREATE TABLE wide ({COLUMNS})", f"INSERT INTO wide VALUES {ROW}, {NULLS}, {ROW}", database="d")
    source.execute("UPDATE wide SET b = 'u', p = NULL WHERE a < 3", "DELETE FROM wide WHERE a = 2", database="d")
    if source.flavor == "mariadb":
        source.execute("SET GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = 1")
    elif source.version[0] >= 9:
        source.execute("SET GLOBAL binlog_transaction_compression = 1")
    # One statement of many megabytes, which goes over in several.
    source.execute(
        "INSERT INTO t (b) SELECT REPEAT(HEX(a * 7919), 40000) FROM wide w JOIN (SELECT 1 UNION SELECT 2) x",
        "INSERT INTO t (b) SELECT b FROM t",
        "INSERT INTO t (b) SELECT b FROM t",
        database="d",
    )
    pair.archive()
    result = pair.replay()
    assert result.changed
    assert result.plan.left_out is None
    pair.assert_equal()
    gtids = "SELECT @@gtid_binlog_pos" if source.flavor == "mariadb" else "SELECT @@global.gtid_executed"
    assert pair.target.execute(gtids) == source.execute(gtids)
    if source.flavor == "mysql":
        # The server leaves out what it has.
        pair.replay()
        pair.assert_equal()


@pytest.mark.parametrize("applier", ["binlog_statements", "replica"])
def test_a_replay_stops_at_any_moment(newest: Pair, applier: str) -> None:
    random.seed(20261122)
    source = newest.source
    moments: list[tuple[str, dict[str, Any]]] = []
    gtid = "SELECT @@gtid_binlog_pos" if source.flavor == "mariadb" else "SELECT @@global.gtid_executed"
    for _step in range(6):
        for _statement in range(random.randrange(1, 4)):
            statement = random.choice(
                [
                    "INSERT INTO t (b, c) SELECT MD5(RAND()), RAND() FROM t UNION SELECT 'one', 1",
                    "UPDATE t SET b = CONCAT(b, 'x') WHERE a % 3 = 1",
                    "DELETE FROM t WHERE a % 5 = 2",
                    f"CREATE TABLE t{random.randrange(10**9)} (a INT PRIMARY KEY)",
                ]
            ).replace("MD5(RAND())", "HEX(RAND() * 1000000)")
            source.execute(statement, *(["FLUSH BINARY LOGS"] if random.random() < 0.3 else []), database="d")
        moments.append((source.execute(gtid)[0][0].replace("\n", ""), content(source)))
    newest.archive()
    for reached, want in random.sample(moments, 3):
        newest.target.execute("DROP DATABASE IF EXISTS d")
        if source.flavor == "mariadb":
            # There a replica keeps the GTIDs, and so a second time needs a log without them.
            newest.target.execute("RESET MASTER")
        keep = applier == "replica" and source.flavor == "mariadb"
        newest.replay(include_gtids=reached, keep_gtids=keep, applier=applier)
        assert content(newest.target) == want


@pytest.mark.parametrize("applier", ["binlog_statements", "replica"])
def test_a_failure_says_where_to_go_on(newest: Pair, applier: str) -> None:
    how: dict[str, Any] = {"keep_gtids": newest.source.flavor == "mariadb", "applier": applier}
    source, target = newest.source, newest.target
    source.execute("INSERT INTO t (b) VALUES ('one')", "INSERT INTO t (b) VALUES ('two')", database="d")
    source.execute(
        "BEGIN", "INSERT INTO t (b) VALUES ('a secret')", "UPDATE t SET b = 'x' WHERE a = 1", "COMMIT", database="d"
    )
    source.execute("INSERT INTO t (b) VALUES ('last')", database="d")
    newest.archive()
    assert newest.replay(**how, check=True).plan.transactions == 6
    assert content(target) == {}
    newest.replay(**how, stop_position=position_of(newest, 3))
    # What the source did not have.
    target.execute("SET sql_log_bin = 0", "INSERT INTO t (a, b) VALUES (3, 'in the way')", database="d")
    with pytest.raises(RestoreError) as caught:
        newest.replay(**how, start_position=position_of(newest, 3))
    assert "secret" not in str(caught.value)
    assert target.execute("SELECT a, b FROM t ORDER BY a", database="d") == [(1, "one"), (2, "two"), (3, "in the way")]
    target.execute("SET sql_log_bin = 0", "DELETE FROM t WHERE a = 3", database="d")
    newest.replay(**how, start_position=caught.value.context["position"])
    newest.assert_equal()


def position_of(pair: Pair, index: int) -> int:
    """Where the transaction of this number begins, counted from 0."""
    found = list(list_transactions(files_in_order([str(pair.folder)]), TransactionFilter()))
    return found[index].transaction.start


def test_a_gap_and_what_cannot_be_applied_are_found_before_anything_is_touched(newest: Pair, tmp_path: Path) -> None:
    source = newest.source
    for _file in range(3):
        source.execute("INSERT INTO t (b) VALUES ('x')", "FLUSH BINARY LOGS", database="d")
    newest.archive()
    files = [str(newest.folder / f"binlog.00000{number}") for number in (1, 3)]
    request = ReplayRequest(options(newest.target), tuple(files), TransactionFilter())
    with pytest.raises(ConsistencyError, match=r"binlog.000002 follows binlog.000001, not binlog.000003"):
        replay_binlogs(request, Progress())
    (tmp_path / "rows.txt").write_text("7\n8\n")
    with source.connect("d", local_infile=True) as connection:
        connection.cursor().execute("SET GLOBAL local_infile = 1")
        connection.cursor().execute("SET SESSION binlog_format = STATEMENT")
        connection.cursor().execute(f"LOAD DATA LOCAL INFILE '{tmp_path / 'rows.txt'}' INTO TABLE t (a)")
    newest.archive()
    newest.target.execute("SET GLOBAL local_infile = 0")
    with pytest.raises(UnsupportedObjectError, match="LOAD DATA"):
        newest.replay()
    assert content(newest.target) == {}


def test_the_command_plans_and_replays(newest: Pair) -> None:
    newest.source.execute("INSERT INTO t (b) VALUES ('one')", "DROP TABLE t", database="d")
    newest.archive()
    last = position_of(newest, 3)
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "replay", "--socket", newest.target.socket]
    command += ["--applier", "binlog_statements"]
    command += ["--user", newest.target.user, "--stop-position", str(last), str(newest.folder)]
    environment = {**os.environ, "MYSQL_PWD": newest.target.password or ""}
    planned = subprocess.run([*command, "--check"], env=environment, capture_output=True, text=True, check=True)
    assert "would apply 3 transactions" in planned.stderr
    assert f"the first one left out: at {last} of binlog.000001" in planned.stderr
    assert content(newest.target) == {}
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["transactions"] == 3
    assert newest.target.execute("SELECT b FROM t", database="d") == [("one",)]
