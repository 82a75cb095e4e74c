# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replays by the fast applier: the target is for a while a replica of what is archived, and then as it was."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConnectError, LockedError, RestoreError, UnsupportedObjectError, UsageError
from dbfleet.mysql.binlog.listing import TransactionFilter
from dbfleet.mysql.binlog.replay_changes import ReplayChanges
from dbfleet.mysql.binlog.replay_filter import Choice
from dbfleet.mysql.binlog.replay_job import ReplayRequest, ReplayResult, replay_binlogs
from dbfleet.mysql.binlog.replay_plan import files_in_order, plan_replay
from dbfleet.mysql.binlog.replica_applier import replica_target
from dbfleet.mysql.binlog.source_address import HERE, SourceAddress
from dbfleet.mysql.connection import connect
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
from tests.servers import Server, TLSFiles, make_certificates
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

from .test_binlog_changes import BY_STATEMENT as CHANGED_BY_STATEMENT
from .test_binlog_changes import TWO_DATABASES
from .test_binlog_list import COLUMNS, NULLS, ROW
from .test_binlog_replay import BY_STATEMENT, FIRST, OBJECTS, Pair, content, options, position_of

# What is replicated is logged, as by default on MySQL since 8.0.
LOGGED = {"log_slave_updates": "ON"}


class Replayed(Pair):
    """A pair whose replays say who applies."""

    def apply(
        self, applier: str = "auto", *, resume: bool = False, keep_gtids: bool = True, **wanted: Any
    ) -> ReplayResult:
        changes = wanted.pop("changes", ReplayChanges())
        source = wanted.pop("source", HERE)
        request = ReplayRequest(
            wanted.pop("connection", options(self.target)),
            (str(self.folder),),
            TransactionFilter(**wanted),
            keep_gtids=keep_gtids,
            applier=applier,
            resume=resume,
            changes=changes,
            source=source,
        )
        return replay_binlogs(request, Progress())

    def assert_left_as_it_was(self) -> None:
        assert statuses(self.target) == []
        assert self.target.execute("SELECT @@server_id") == [(1,)]
        if self.target.flavor == "mariadb":
            assert self.target.execute("SELECT @@slave_parallel_threads") == [(0,)]


def statuses(server: Server) -> Any:
    """What the server replicates from."""
    if server.flavor == "mariadb":
        return list(server.execute("SHOW ALL SLAVES STATUS"))
    return list(server.execute("SHOW REPLICA STATUS" if server.version[0] >= 8 else "SHOW SLAVE STATUS"))


def logged(name: str) -> dict[str, str]:
    return {} if name == "mysql97" else LOGGED


def _replayed(name: str, pool: ServerPool, folder: Path) -> Iterator[Replayed]:
    with pool.fresh(name) as source, pool.fresh(name, extra_config=logged(name)) as target:
        for server in (source, target):
            server.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        source.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
        source.execute(FIRST, database="d")
        yield Replayed(source, target, folder)


@pytest.fixture(params=MYSQL_FAMILY)
def pair(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Replayed]:
    yield from _replayed(request.param, server_pool, tmp_path / "archive")


@pytest.fixture(params=["mysql57", "mysql97", "mariadb118"])
def one(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Replayed]:
    yield from _replayed(request.param, server_pool, tmp_path / "archive")


def gtids(server: Server) -> Any:
    return server.execute("SELECT @@gtid_binlog_pos" if server.flavor == "mariadb" else "SELECT @@global.gtid_executed")


def test_everything_is_replicated(pair: Replayed, tmp_path: Path) -> None:
    source = pair.source
    source.execute(*BY_STATEMENT, database="d")
    source.execute("FLUSH BINARY LOGS", *OBJECTS, database="d")
    source.execute(f"CREATE TABLE wide ({COLUMNS})", f"INSERT INTO wide VALUES {ROW}, {NULLS}, {ROW}", database="d")
    source.execute("UPDATE wide SET b = 'u', p = NULL WHERE a < 3", "DELETE FROM wide WHERE a = 2", database="d")
    source.execute("SET GLOBAL local_infile = 1")
    (tmp_path / "rows.txt").write_text("".join(f"{number}\n" for number in range(1000, 40000)))
    with source.connect("d", local_infile=True) as connection:
        connection.cursor().execute("SET SESSION binlog_format = STATEMENT")
        connection.cursor().execute(f"LOAD DATA LOCAL INFILE '{tmp_path / 'rows.txt'}' INTO TABLE t (a)")
    if source.flavor == "mariadb":
        source.execute("SET GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = 1")
    elif source.version[0] >= 9:
        source.execute("SET GLOBAL binlog_transaction_compression = 1")
    # 5.7 has a limit by its redo log. With the others: events that are longer than a packet.
    times = 200000 if source.version[:2] == (5, 7) else 600000
    source.execute(
        "CREATE TABLE long_rows (a INT PRIMARY KEY, b LONGTEXT, c LONGTEXT)",
        "INSERT INTO long_rows VALUES (1, REPEAT(HEX(RAND()), 9), 'c')",
        f"INSERT INTO long_rows SELECT 2, REPEAT('0123456789abcdef', {times}), REPEAT('fedcba9876543210', {times})",
        "SET GLOBAL binlog_checksum = NONE",
        "UPDATE long_rows SET a = a + 10",
        "SET GLOBAL binlog_checksum = CRC32",
        "DELETE FROM long_rows WHERE a = 11",
        database="d",
    )
    pair.archive()
    result = pair.apply()
    assert result.applier is not None
    assert (result.applier.name, result.applier.reason) == ("replica", "nothing speaks against it")
    pair.assert_equal()
    assert gtids(pair.target) == gtids(source)
    pair.assert_left_as_it_was()


def test_a_part_is_replicated_into_databases_of_other_names(one: Replayed) -> None:
    source, target = one.source, one.target
    source.execute(*TWO_DATABASES, database="mysql")
    source.execute(*CHANGED_BY_STATEMENT, database="mysql")
    if source.flavor == "mysql" and source.version[0] >= 9:
        source.execute("SET GLOBAL binlog_transaction_compression = 1")
    elif source.flavor == "mariadb":
        source.execute("SET GLOBAL log_bin_compress_min_len = 10", "SET GLOBAL log_bin_compress = 1")
    source.execute("INSERT INTO shop.orders (note) SELECT REPEAT('x', 40) FROM shop.orders", database="shop")
    one.archive()
    changes = ReplayChanges(Choice(databases=("shop",)), (("shop", "shop2"),))
    result = one.apply("replica", changes=changes)
    assert result.plan.emptied
    shown = "SELECT * FROM {}.orders ORDER BY id"
    assert target.execute(shown.format("shop2")) == source.execute(shown.format("shop"))
    assert {"shop2"} == {name for (name,) in target.execute("SHOW DATABASES")} & {"shop", "shop2", "other", "d"}
    if source.flavor == "mysql":
        assert gtids(target) == gtids(source)
    one.assert_left_as_it_was()


def test_gaps_are_left_out_and_identifiers_are_given_anew(one: Replayed) -> None:
    source, target = one.source, one.target
    first = gtids(source)[0][0]
    source.execute(*(f"INSERT INTO t (b) VALUES ('{number}')" for number in range(20)), database="d")
    if source.flavor == "mariadb":
        left_out, what = "", {"exclude_gtids": ""}
        one.archive()
        with pytest.raises(UnsupportedObjectError, match="keeps the GTIDs"):
            one.apply("replica", keep_gtids=False)
        one.apply("replica", stop_position=None)
        one.assert_equal()
        return
    uuid = first.partition(":")[0]
    left_out = f"{uuid}:5-7:11"
    what = {"exclude_gtids": left_out}
    one.archive()
    if source.version[0] < 8:
        # Its replicas cannot give new ones.
        with pytest.raises(UnsupportedObjectError, match="gtid_mode is ON"):
            one.apply("replica", keep_gtids=False, **what)
        one.apply("replica", **what)
    else:
        one.apply("replica", keep_gtids=False, **what)
        assert uuid not in gtids(target)[0][0]
    have = {int(b) for (b,) in target.execute("SELECT b FROM t", database="d")}
    # The first two transactions make the database and the table.
    assert have == set(range(20)) - {number - 3 for number in (5, 6, 7, 11)}
    one.assert_left_as_it_was()


def test_a_failure_says_where_to_go_on_and_leaves_the_target_as_it_was(one: Replayed) -> None:
    source, target = one.source, one.target
    source.execute("INSERT INTO t (b) VALUES ('one')", "INSERT INTO t (b) VALUES ('two')", database="d")
    source.execute(
        "BEGIN", "INSERT INTO t (b) VALUES ('x')", "UPDATE t SET b = 'y' WHERE a = 1", "COMMIT", database="d"
    )
    source.execute("INSERT INTO t (b) VALUES ('last')", database="d")
    one.archive()
    one.apply("replica", stop_position=position_of(one, 4))
    target.execute("SET sql_log_bin = 0", "INSERT INTO t (a, b) VALUES (3, 'in the way')", database="d")
    with pytest.raises(RestoreError, match=rf"at {position_of(one, 4)} of binlog.000001 failed") as caught:
        one.apply("replica", start_position=position_of(one, 4))
    assert re.search(r"table d\.t;|error 1062", str(caught.value))
    assert "'3'" not in str(caught.value)
    one.assert_left_as_it_was()
    assert target.execute("SELECT a, b FROM t ORDER BY a", database="d") == [(1, "one"), (2, "two"), (3, "in the way")]
    target.execute("SET sql_log_bin = 0", "DELETE FROM t WHERE a = 3", database="d")
    one.apply("replica", start_position=caught.value.context["position"])
    one.assert_equal()
    one.assert_left_as_it_was()


# On both servers, and in no log.
GATE = ("SET sql_log_bin = 0", "CREATE DATABASE gate", "CREATE TABLE gate.t (a INT PRIMARY KEY)")


def fill_counted(source: Server, *, steps: int = 50) -> None:
    """Many small transactions, and some that are larger; in the middle of them one that can be held up."""
    source.execute(*GATE)
    source.execute(
        "CREATE TABLE counted (a INT PRIMARY KEY, b INT, c TEXT)",
        "INSERT INTO counted VALUES (1, 0, REPEAT('x', 1000))",
        database="d",
    )
    for number in range(4):
        if number == 2:
            source.execute("INSERT INTO gate.t VALUES (1)")
        source.execute(*["UPDATE counted SET b = b + 1" for _step in range(steps)], database="d")
        source.execute(
            "INSERT INTO t (b) SELECT REPEAT('large', 1000) FROM mysql.help_topic x LIMIT 200"
            if number % 2
            else "FLUSH BINARY LOGS",
            database="d",
        )


def stopped_in_the_middle(pair: Replayed, signal_number: int) -> int:
    """Replay by the command and send it a signal when the target has half of it; the code that it ended with."""
    target = pair.target
    half = pair.source.execute("SELECT b FROM d.counted")[0][0] // 2
    target.execute(*GATE)
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "replay", "--socket", target.socket]
    command += ["--applier", "replica", "--user", target.user, str(pair.folder)]
    with target.connect("gate") as holding:
        cursor = holding.cursor()
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO t VALUES (1)")
        process = subprocess.Popen(
            command,
            env={**os.environ, "MYSQL_PWD": target.password or ""},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 300
        while counted(target) < half and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal_number)
        cursor.execute("ROLLBACK")
    return process.wait(120)


def test_a_replay_that_was_killed_goes_on(one: Replayed) -> None:
    source, target = one.source, one.target
    fill_counted(source)
    one.archive()
    stopped_in_the_middle(one, signal.SIGKILL)
    assert len(statuses(target)) == 1
    for applier in ("auto", "binlog_statements"):
        with pytest.raises(LockedError, match="interrupted"):
            one.apply(applier)
    with pytest.raises(LockedError, match="another replay"):
        one.apply("replica", resume=True, start_position=position_of(one, 1))
    one.apply("replica", resume=True)
    one.assert_equal()
    one.assert_left_as_it_was()
    assert gtids(target) == gtids(source)
    with pytest.raises(UsageError, match="no interrupted replay"):
        one.apply("replica", resume=True)


def test_an_interrupted_replay_leaves_the_target_as_it_was(one: Replayed) -> None:
    fill_counted(one.source)
    one.archive()
    code = stopped_in_the_middle(one, signal.SIGTERM)
    one.assert_left_as_it_was()
    assert code in (0, 130)
    # What it had is exactly the transactions up to some place.
    if one.source.flavor == "mysql":
        (executed,), (everything,) = gtids(one.target)[0], gtids(one.source)[0]
        assert one.source.execute(f"SELECT GTID_SUBSET('{executed}', '{everything}')") == [(1,)]
        one.apply("replica")
        one.assert_equal()


def counted(server: Server) -> int:
    """How far the target is."""
    if not server.execute("SELECT 1 FROM information_schema.tables WHERE table_name = 'counted'"):
        return 0
    rows = server.execute("SELECT b FROM counted", database="d")
    return int(rows[0][0]) if rows else 0


def test_what_speaks_against_it_is_said(one: Replayed) -> None:
    source, target = one.source, one.target
    source.execute("INSERT INTO t (b) VALUES ('x')", database="d")
    one.archive()
    word = "SOURCE" if target.flavor == "mysql" and target.version[0] >= 8 else "MASTER"
    noun = "REPLICA" if word == "SOURCE" else "SLAVE"
    change = "REPLICATION SOURCE" if word == "SOURCE" else "MASTER"
    target.execute(f"CHANGE {change} TO {word}_HOST = '127.0.0.9', {word}_USER = 'nobody'")
    with pytest.raises(UnsupportedObjectError, match=r"replicates from 127.0.0.9 already"):
        one.apply("replica")
    target.execute(f"RESET {noun} ALL")
    target.execute("CREATE USER small IDENTIFIED BY 'secret'", "GRANT SELECT, INSERT, CREATE ON *.* TO small")
    small = ConnectionOptions(unix_socket=target.socket, user="small", password="secret")
    with pytest.raises(UnsupportedObjectError, match="the user lacks"):
        one.apply("replica", connection=small)
    assert statuses(target) == []
    assert content(target) == {}


def test_a_target_on_another_host_replicates_over_tls_from_whom_it_knows(one: Replayed, tmp_path: Path) -> None:
    source, target = one.source, one.target
    source.execute(*(f"INSERT INTO t (b) VALUES ('{number}')" for number in range(20)), database="d")
    # More than the largest record of TLS.
    source.execute("INSERT INTO t (b) VALUES (REPEAT('long', 200000))", database="d")
    one.archive()
    # An address that is not known to be of this host.
    far = ConnectionOptions(host="127.1", port=target.port, user=target.user, password=target.password or "")
    with pytest.raises(UnsupportedObjectError, match="on another host"):
        one.apply("replica", connection=far)
    # MariaDB takes any name at 127.0.0.1 itself.
    files = make_certificates(tmp_path / "here", hosts=("127.0.0.3",))
    elsewhere = make_certificates(tmp_path / "there", hosts=("elsewhere",))
    authorities = target.data_dir / "authorities.pem"

    def address(of: TLSFiles, known: TLSFiles) -> SourceAddress:
        authorities.write_bytes(known.ca_cert.read_bytes())
        authorities.chmod(0o644)
        return SourceAddress("127.0.0.3", 0, str(of.server_cert), str(of.server_key), str(authorities))

    for of, known in ((elsewhere, elsewhere), (files, elsewhere)):
        with pytest.raises(ConnectError, match=r"does not replicate from this host.*\(error 2026\)"):
            one.apply("replica", connection=far, source=address(of, known))
        one.assert_left_as_it_was()
        assert content(target) == {}
    result = one.apply(connection=far, source=address(files, files))
    assert result.applier is not None
    assert result.applier.name == "replica"
    one.assert_equal()
    one.assert_left_as_it_was()


def leave_as_if_killed(pair: Replayed) -> None:
    """Make the target what a replay with threads leaves when it is killed before anything was sent."""
    plan = plan_replay(files_in_order([str(pair.folder)]), TransactionFilter(), partial=True)
    with contextlib.closing(connect(options(pair.target))) as session:
        user = replica_target(session, plan, keep_gtids=True).user(plan)
    assert user.endswith("p")
    pair.target.execute(
        "SET GLOBAL slave_parallel_threads = 4",
        f"CHANGE MASTER 'dbfleet_replay' TO MASTER_HOST = '127.0.0.1', MASTER_USER = '{user}', "
        f"MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = {position_of(pair, 0)}, MASTER_USE_GTID = no",
    )


@pytest.mark.parametrize("stopped", [False, True])
def test_large_transactions_are_applied_side_by_side_and_committed_in_their_order(
    stopped: bool, server_pool: ServerPool, tmp_path: Path
) -> None:
    for one in _replayed("mariadb118", server_pool, tmp_path / "archive"):
        source, target = one.source, one.target
        rows = "INSERT INTO t (b) SELECT CONCAT(seq, REPEAT('x', 1000)) FROM seq_1_to_{}"
        # Some that wait for each other, too.
        source.execute(*[rows.format(100 + number) for number in range(12)], database="d")
        source.execute(*["UPDATE t SET b = CONCAT(b, 'y')", rows.format(50)] * 3, database="d")
        one.archive()
        if stopped:
            one.apply("replica", stop_position=position_of(one, 6))
            # The key of a row in the middle of what comes.
            in_the_way = "INSERT INTO t (a, b) SELECT MAX(a) + 350, 'in the way' FROM t"
            target.execute("SET sql_log_bin = 0", in_the_way, database="d")
            before = {row for (row,) in target.execute("SELECT a FROM t", database="d")}
            with pytest.raises(RestoreError) as caught:
                one.apply("replica", start_position=position_of(one, 6))
            one.assert_left_as_it_was()
            position = caught.value.context["position"]
            assert position_of(one, 6) < position < position_of(one, 12)
            after = {row for (row,) in target.execute("SELECT a FROM t", database="d")}
            assert before < after
            target.execute("SET sql_log_bin = 0", "DELETE FROM t WHERE b = 'in the way'", database="d")
            one.apply("replica", start_position=position)
        else:
            leave_as_if_killed(one)
            result = one.apply("replica", resume=True)
            # So large that they are worth threads.
            assert result.plan.bytes > (64 << 10) * result.plan.transactions
        one.assert_equal()
        assert gtids(target) == gtids(source)
        one.assert_left_as_it_was()


def test_what_would_not_be_logged_is_not_chosen(server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("mariadb118") as source, server_pool.fresh("mariadb118") as target:
        source.execute("CREATE DATABASE d", "CREATE TABLE d.t (a INT PRIMARY KEY)")
        pair = Replayed(source, target, tmp_path / "archive")
        pair.archive()
        result = pair.apply()
        assert result.applier is not None
        assert result.applier.name == "binlog_statements"
        assert "would not write" in result.applier.reason
        pair.assert_equal()
