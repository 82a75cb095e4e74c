# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a full backup to a moment in one call; that any moment can be reached is for the test of random moments."""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.cluster_backup import ClusterBackupRequest, backup_cluster
from dbfleet.errors import ConsistencyError, DbfleetError, NotFoundError, RestoreError, UsageError
from dbfleet.mysql.binlog.target import Target, parse_moment
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import BackupOptions, ClusterBackupOptions, RestoreChanges, RestoreOptions
from dbfleet.point_in_time import PointInTimeRequest, PointInTimeResult, restore_to_moment
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .binlog_support import CLUSTER, archive, begin_log, logs, options, records
from .test_binlog_replay import content

FIRST = "CREATE TABLE t (a INT PRIMARY KEY AUTO_INCREMENT, b LONGTEXT, c DECIMAL(40, 10), d DATETIME(6))"
STATEMENTS = (
    "INSERT INTO t (b, c) SELECT HEX(a * 7919), a * 1.5 FROM t UNION SELECT 'one', 1",
    "UPDATE t SET b = CONCAT(b, 'x') WHERE a % 3 = 1",
    "DELETE FROM t WHERE a % 5 = 2",
    "INSERT INTO t (d) VALUES (NOW(6))",
)


class Pair:
    """A source that is backed up and archived, and a target, which may be the same server."""

    def __init__(self, source: Server, target: Server, repository: Path) -> None:
        self.source = source
        self.target = target
        self.repository = repository

    def backup(self) -> str:
        request = BackupRequest(
            BackupOptions(options(self.source), "d"), Destination(repository=str(self.repository), cluster=CLUSTER)
        )
        return str(backup(request, Progress()).backup["id"])

    def work(self, *, other: bool = False) -> None:
        """A few transactions, sometimes in a new file."""
        for _statement in range(random.randrange(1, 4)):
            statement = random.choice(STATEMENTS)
            more = ["FLUSH BINARY LOGS"] if random.random() < 0.3 else []
            self.source.execute(statement, *more, database="d")
        if random.random() < 0.4:
            self.source.execute(f"CREATE TABLE t{random.randrange(10**9)} (a INT PRIMARY KEY)", database="d")
        if other:
            self.source.execute("INSERT INTO other.x VALUES (NULL)")

    def gtid(self) -> str:
        name = "@@gtid_binlog_pos" if self.source.flavor == "mariadb" else "@@global.gtid_executed"
        return str(self.source.execute(f"SELECT {name}")[0][0]).replace("\n", "")

    def place(self) -> tuple[str, int]:
        newest = self.source.flavor == "mysql" and self.source.version[0] >= 9
        statement = "SHOW BINARY LOG STATUS" if newest else "SHOW MASTER STATUS"
        file, position, *_rest = self.source.execute(statement)[0]
        return str(file), int(position)

    def archive(self) -> None:
        archive(self.source, self.repository)

    def rewind(self, target: Target, *, into: str = "d", check: bool = False, **more: Any) -> PointInTimeResult:
        fields = {"create": True, **more.pop("restore", {})}
        request = PointInTimeRequest(
            RestoreOptions(options(self.target), into, **fields),
            str(self.repository),
            target,
            cluster=CLUSTER,
            database=more.pop("database", "d"),
            check=check,
            **more,
        )
        return restore_to_moment(request, Progress())

    def clear(self) -> None:
        self.target.execute("DROP DATABASE IF EXISTS d")


def _fill(source: Server) -> None:
    source.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
    source.execute(FIRST, "INSERT INTO t (b) VALUES ('first'), ('second')", database="d")


def _on_one(server: Server, repository: Path) -> Iterator[Pair]:
    """Back to the very server, as after an accident; it is shared by many tests."""
    begin_log(server)
    try:
        _fill(server)
        yield Pair(server, server, repository)
    finally:
        server.execute(*(f"DROP DATABASE IF EXISTS {name}" for name in ("d", "other", "beside")))


@pytest.fixture(params=["mysql97", "mariadb118"])
def newest(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Pair]:
    yield from _on_one(server_pool.get(request.param), tmp_path / "repository")


def test_a_plan_names_all_and_changes_nothing(newest: Pair) -> None:
    identity = newest.backup()
    newest.source.execute("INSERT INTO t (b) VALUES ('good')", database="d")
    want = content(newest.source)
    time.sleep(1.2)
    moment = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(1.2)
    newest.source.execute("DROP TABLE t", database="d")
    newest.archive()
    newest.clear()
    target = Target(time=parse_moment(moment.isoformat()))
    plan = newest.rewind(target, check=True)
    assert plan.backup["id"] == identity
    assert plan.replay["transactions"] == 1
    assert plan.replay["left_out"]["start"] == plan.replay["last"]["end"]
    assert content(newest.target) == {}
    newest.rewind(target)
    assert content(newest.target) == want
    newest.clear()
    newest.rewind(Target(before=plan.replay["left_out"]["gtid"]))
    assert content(newest.target) == want
    # Under another name, beside the one that is there.
    newest.rewind(target, into="beside")
    assert newest.target.execute("SELECT b FROM t ORDER BY a", database="beside") == [
        ("first",),
        ("second",),
        ("good",),
    ]
    with pytest.raises(NotFoundError, match="from before"):
        newest.rewind(Target(time=parse_moment("2020-01-01 00:00")))
    with pytest.raises(ConsistencyError, match="cannot be reached: the archive ends"):
        newest.rewind(Target(time=parse_moment("2099-01-01 00:00")))


def test_a_gap_and_damage_are_found_before_the_target_is_touched(newest: Pair) -> None:
    newest.backup()
    for _file in range(4):
        newest.source.execute("INSERT INTO t (b) VALUES ('x')", "FLUSH BINARY LOGS", database="d")
    newest.archive()
    newest.clear()
    (log,) = logs(newest.repository)
    first, second, *_rest = records(newest.repository, log)
    folder = newest.repository / log / second.file
    stored = next(path for path in folder.iterdir() if path.name != "manifest.json")
    data = stored.read_bytes()
    stored.write_bytes(data[:-30] + bytes(30))
    with pytest.raises(DbfleetError, match=second.file):
        newest.rewind(Target(latest=True))
    shutil.rmtree(folder)
    with pytest.raises(ConsistencyError, match=f"{second.file} is missing behind {first.file}") as caught:
        newest.rewind(Target(latest=True))
    assert "gap" in caught.value.context["gap"]
    # What lies before the gap can be reached.
    assert newest.rewind(Target(position=(first.file, first.size)), check=True).replay["transactions"] == 1
    assert content(newest.target) == {}


def test_only_the_database_that_was_backed_up_is_replayed(newest: Pair) -> None:
    newest.source.execute("CREATE DATABASE other", "CREATE TABLE other.x (a INT PRIMARY KEY AUTO_INCREMENT)")
    newest.backup()
    for _step in range(4):
        newest.work(other=True)
    newest.archive()
    want, others = content(newest.source), newest.source.execute("SELECT COUNT(*) FROM other.x")
    newest.clear()
    newest.rewind(Target(latest=True))
    assert content(newest.target) == want
    assert newest.target.execute("SELECT COUNT(*) FROM other.x") == others


@pytest.mark.parametrize(("name", "keep"), [("mysql97", True), ("mariadb118", False)])
def test_a_whole_server_with_its_gtids(name: str, keep: bool, server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh(name) as source, server_pool.fresh(name) as target:
        _fill(source)
        pair = Pair(source, target, tmp_path / "repository")
        source.execute("CREATE DATABASE other", "CREATE TABLE other.x (a INT PRIMARY KEY AUTO_INCREMENT)")
        each = BackupOptions(options(source), "")
        request = ClusterBackupRequest(
            ClusterBackupOptions(each), Destination(repository=str(pair.repository), cluster=CLUSTER)
        )
        backup_cluster(request, Progress())
        pair.work(other=True)
        reached, want = pair.gtid(), content(source)
        pair.work(other=True)
        pair.archive()
        how: dict[str, Any] = {"create": False}
        if keep:
            target.execute("RESET BINARY LOGS AND GTIDS")
            how.update(changes=RestoreChanges(set_gtid=True), load=LoadOptions(skip_binlog=True))
        whole: dict[str, Any] = {"into": "", "database": "", "restore": how, "keep_gtids": keep}
        assert pair.rewind(Target(gtid=reached), check=True, **whole).replay["left_out"]
        assert content(target) == {}
        pair.rewind(Target(gtid=reached), **whole)
        assert content(target) == want
        assert target.execute("SELECT COUNT(*) FROM other.x") == [(1,)]
        if keep:
            # It can take the old server's place.
            assert target.execute("SELECT @@global.gtid_executed") == [(reached,)]


def test_a_failure_says_where_it_stopped(newest: Pair) -> None:
    newest.backup()
    newest.source.execute("INSERT INTO t (b) VALUES ('one')", database="d")
    want, place = content(newest.source), newest.place()
    newest.source.execute("INSERT INTO t (b) VALUES (REPEAT('secret', 500000))", database="d")
    newest.archive()
    newest.clear()
    usual = newest.target.execute("SELECT @@global.max_allowed_packet")[0][0]
    # It takes no row of that size.
    newest.target.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with pytest.raises(RestoreError, match="is restored, but the transaction at") as caught:
            newest.rewind(Target(latest=True), applier="binlog_statements")
    finally:
        newest.target.execute(f"SET GLOBAL max_allowed_packet = {usual}")
    assert "secretsecret" not in str(caught.value)
    assert "max_allowed_packet" in str(caught.value)
    assert (caught.value.context["file"], caught.value.context["position"]) == place
    assert content(newest.target) == want


@pytest.mark.parametrize("killed", [False, True])
def test_it_goes_on_where_it_was_interrupted(newest: Pair, tmp_path: Path, killed: bool) -> None:
    newest.backup()
    newest.source.execute("INSERT INTO t (b) VALUES ('one')", database="d")
    between = content(newest.source)
    newest.source.execute("INSERT INTO t (b) VALUES (REPEAT('x', 3000000))", "DELETE FROM t WHERE a = 1", database="d")
    want = content(newest.source)
    newest.archive()
    newest.clear()
    usual = newest.target.execute("SELECT @@global.max_allowed_packet")[0][0]
    job: dict[str, Any] = {"applier": "binlog_statements", "state_folder": str(tmp_path / "state")}
    newest.target.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with pytest.raises(RestoreError, match="is restored, but the transaction at"):
            newest.rewind(Target(latest=True), **job)
    finally:
        newest.target.execute(f"SET GLOBAL max_allowed_packet = {usual}")
    assert content(newest.target) == between
    (record,) = (tmp_path / "state").iterdir()
    if killed:
        # As it is while transactions are applied.
        record.write_bytes(b"".join(record.read_bytes().splitlines(keepends=True)[:-1]))
        with pytest.raises(RestoreError, match="nobody knows how far it came"):
            newest.rewind(Target(latest=True), **job)
        assert content(newest.target) == between
        return
    result = newest.rewind(Target(latest=True), **job)
    assert result.replay["transactions"] == 3
    assert content(newest.target) == want
    assert not list((tmp_path / "state").iterdir())


@pytest.mark.parametrize(("old", "new"), [("mysql57", "mysql97"), ("mariadb105", "mariadb118")])
def test_a_later_version_takes_it(old: str, new: str, server_pool: ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh(old) as source, server_pool.fresh(new) as target:
        _fill(source)
        pair = Pair(source, target, tmp_path / "repository")
        pair.backup()
        for _step in range(3):
            pair.work()
        pair.archive()
        pair.rewind(Target(latest=True))
        rows = "SELECT a, b, c, d FROM t ORDER BY a"
        assert target.execute(rows, database="d") == source.execute(rows, database="d")
        back = Pair(target, source, tmp_path / "back")
        back.backup()
        target.execute("INSERT INTO t (b) VALUES ('x')", database="d")
        back.archive()
        with pytest.raises(UsageError, match="older"):
            back.rewind(Target(latest=True))


def test_the_command_plans_and_restores(newest: Pair) -> None:
    newest.backup()
    newest.source.execute("INSERT INTO t (b) VALUES ('one')", database="d")
    want = content(newest.source)
    newest.archive()
    newest.clear()
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "restore", "--repository", str(newest.repository)]
    command += ["--socket", newest.target.socket, "--user", newest.target.user, "--database", "d", "--create"]
    environment = {**os.environ, "MYSQL_PWD": newest.target.password or ""}
    command += ["--to-latest"]
    planned = subprocess.run([*command, "--check"], env=environment, capture_output=True, text=True, check=True)
    assert "would restore database 'd' to the end of the archive" in planned.stderr
    assert content(newest.target) == {}
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["replay"]["transactions"] == 1
    assert content(newest.target) == want
