# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Undoing mistakes on real servers: the tables are afterwards what they were before, or nothing was changed."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, DbfleetError, NotFoundError, UnsupportedObjectError, UsageError
from dbfleet.mysql.binlog.flashback_job import APPLY, CHECK, PLAN, FlashbackRequest, FlashbackResult, flashback
from dbfleet.mysql.binlog.listing import TransactionFilter, list_transactions
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.mysql.quoting import identifier
from dbfleet.progress import Progress
from tests import servers
from tests.servers.fixtures import Database, ServerPool

from .row_values_support import columns_of, random_value

SMALL = "CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, a INT, b VARCHAR(30) NOT NULL DEFAULT '', UNIQUE (b))"


class Shop:
    """A database, the log of what is done to it, and the way to undo that."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.server = database.server
        self.name = database.name
        self.server.execute("FLUSH BINARY LOGS")
        self.file = self.server.execute("SHOW BINARY LOGS")[-1][0]
        self.before: dict[str, Any] = {}

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements in a session of their own."""
        return self.server.execute("SET SESSION sql_mode = ''", *statements, database=self.name)

    def position(self) -> int:
        size: int = self.server.execute("SHOW BINARY LOGS")[-1][1]
        return size

    def content(self) -> dict[str, Any]:
        found = {}
        connection = self.server.connect(self.name)
        with connection, connection.cursor() as cursor:
            cursor.execute("SHOW TABLES")
            for (table,) in cursor.fetchall():
                cursor.execute(f"SHOW COLUMNS FROM {identifier(table)}")
                columns = ", ".join(f"HEX({identifier(name)})" for name, *_rest in cursor.fetchall())
                cursor.execute(f"SELECT {columns} FROM {identifier(table)}")
                found[table] = sorted(cursor.fetchall(), key=str)
        return found

    def gtids(self, start: int) -> list[str]:
        """Those of the transactions from a place in the log on."""
        wanted = TransactionFilter(start_position=start)
        return [found.transaction.gtid for found in list_transactions([str(self.path)], wanted)]

    @property
    def path(self) -> Path:
        return Path(self.server.execute("SELECT @@log_bin_basename")[0][0]).parent / self.file

    def mistake(self, *statements: str) -> int:
        """Remember how everything is, and do something else; where in the log that begins."""
        self.before = self.content()
        start = self.position()
        self.execute(*statements)
        assert self.content() != self.before
        return start

    def undo(self, mode: str = APPLY, **arguments: Any) -> FlashbackResult:
        options = {
            name: arguments.pop(name) for name in ("fire_triggers", "ignore_cascades", "script") if name in arguments
        }
        given = ConnectionOptions(
            unix_socket=self.server.socket, user=self.server.user, password=self.server.password or ""
        )
        request = FlashbackRequest(given, (str(self.path),), TransactionFilter(**arguments), mode, **options)
        return flashback(request, Progress())

    def assert_as_before(self) -> None:
        assert self.content() == self.before

    def refused(self, kind: type[DbfleetError], match: str, **arguments: Any) -> DbfleetError:
        """Undoing fails, and changes nothing."""
        now = self.content()
        with pytest.raises(kind, match=match) as caught:
            self.undo(**arguments)
        assert self.content() == now
        return caught.value


@pytest.fixture
def shop(mysql_database: Database) -> Shop:
    return Shop(mysql_database)


@pytest.fixture(params=["mysql57", "mysql97", "mariadb105", "mariadb118"])
def oldest_and_newest(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Shop]:
    server = server_pool.get(request.param)
    server.execute("CREATE DATABASE flashback CHARACTER SET utf8mb4")
    yield Shop(Database(server, "flashback"))
    server.execute("DROP DATABASE flashback")


@pytest.fixture(params=["mysql_latest_database", "mariadb_latest_database"])
def newest(request: pytest.FixtureRequest) -> Shop:
    return Shop(request.getfixturevalue(request.param))


def fill_every_type(shop: Shop, rows: int) -> None:
    kinds = columns_of(shop.server)
    defined = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    rnd = random.Random(shop.server.version[0])
    shop.execute(f"CREATE TABLE t (id INT PRIMARY KEY, {defined}, made INT AS (tiny + 1), kept INT AS (tiny) STORED)")
    values = [
        f"({', '.join([str(number), *(random_value(rnd, kind) for kind in kinds.values())])})" for number in range(rows)
    ]
    shop.execute(f"INSERT INTO t (id, {', '.join(kinds)}) VALUES {', '.join(values)}")


def test_mistakes_on_every_type_of_column_are_undone(shop: Shop) -> None:
    fill_every_type(shop, 40)
    kinds = columns_of(shop.server)
    others = ", ".join(f"x.{name} = y.{name}" for name in kinds)
    for mistake in (
        ["DELETE FROM t"],
        [f"UPDATE t x JOIN t y ON y.id = 39 - x.id SET {others} WHERE x.id < 25"],
        ["UPDATE t SET tiny = NULL, vc = 'wrong', ts0 = NOW()"],
        [f"INSERT INTO t (id, {', '.join(kinds)}) SELECT id + 100, {', '.join(kinds)} FROM t WHERE id < 30"],
        ["BEGIN", "UPDATE t SET id = id + 1 ORDER BY id DESC", "DELETE FROM t WHERE id < 20", "COMMIT"],
    ):
        start = shop.mistake(*mistake)
        assert shop.undo(CHECK, start_position=start).changed is False
        assert shop.content() != shop.before
        result = shop.undo(start_position=start)
        assert result.changed
        shop.assert_as_before()


def test_what_the_server_computes_need_not_be_in_the_log(oldest_and_newest: Shop) -> None:
    """From 11.8.9 on MariaDB logs it of inserted rows only; keys over it are kept all the same."""
    shop = oldest_and_newest
    computed = "c INT AS (a * 2) STORED, v INT AS (a + 1)"
    shop.execute(
        f"CREATE TABLE k (id INT PRIMARY KEY, a INT, {computed}, UNIQUE (c), UNIQUE (v))",
        f"CREATE TABLE n (a INT, {computed}, b VARCHAR(9))",
        "INSERT INTO k (id, a) VALUES (1, 1), (2, 2), (3, 3), (4, NULL)",
        "INSERT INTO n (a, b) VALUES (1, 'x'), (1, 'x'), (2, NULL)",
    )
    start = shop.mistake(
        "UPDATE k SET a = a + 1 ORDER BY a DESC",
        "DELETE FROM k WHERE id IN (2, 4)",
        "REPLACE INTO k (id, a) VALUES (1, 9), (5, 5)",
        "UPDATE n SET a = 7 WHERE b = 'x' LIMIT 1",
        "DELETE FROM n WHERE b = 'x' LIMIT 1",
        "INSERT INTO n (a) VALUES (3)",
    )
    end = shop.position()
    shop.execute("INSERT INTO k (id, a) VALUES (6, 1)")
    error = shop.refused(ConsistencyError, "not as the change left", start_position=start, stop_position=end)
    assert any("one of its unique values" in text for text in error.context["conflicts"])
    shop.execute("DELETE FROM k WHERE id = 6")
    shop.undo(start_position=start, stop_position=end)
    shop.assert_as_before()


def test_mixed_transactions_are_undone_backwards(oldest_and_newest: Shop) -> None:
    shop = oldest_and_newest
    shop.execute(SMALL, "CREATE TABLE u (a INT, b VARCHAR(20) CHARACTER SET latin1)")
    shop.execute("INSERT INTO t (a, b) SELECT 1, 'one' UNION SELECT 2, 'two' UNION SELECT 3, 'three'")
    shop.execute("INSERT INTO u VALUES (1, 'x'), (1, 'x'), (1, 'x'), (2, NULL), (3, 'é')")
    rnd = random.Random(7)
    work: list[str] = []
    for number in range(30):
        work += (
            ["BEGIN"]
            + rnd.choices(
                [
                    f"INSERT IGNORE INTO t (a, b) VALUES ({number}, 'new{number}')",
                    "UPDATE t SET a = a + 1 ORDER BY RAND() LIMIT 3",
                    f"UPDATE IGNORE t SET b = CONCAT('b{number}', id) ORDER BY RAND() LIMIT 2",
                    "DELETE FROM t ORDER BY RAND() LIMIT 1",
                    f"UPDATE IGNORE t SET id = id + {number + 1}000 LIMIT 1",
                    f"INSERT INTO u VALUES ({number % 3}, 'x')",
                    "UPDATE u SET a = a + 1 LIMIT 2",
                    "DELETE FROM u LIMIT 1",
                    "UPDATE u SET a = 1, b = 'x' LIMIT 1",
                ],
                k=4,
            )
            + ["COMMIT"]
        )
    start = shop.mistake(*work)
    written: list[str] = []
    planned = shop.undo(PLAN, start_position=start, script=written.append)
    assert planned.plan.transactions <= 30
    result = shop.undo(start_position=start)
    shop.assert_as_before()
    assert result.to_dict()["rows"] == planned.to_dict()["rows"]
    # What was done is in the log too, and is itself undone by undoing everything.
    shop.undo(start_position=start)
    shop.assert_as_before()
    # The statements that were shown do the same in the server's own client.
    shop.execute("DELETE FROM t", "DELETE FROM u")
    again = shop.undo(PLAN, start_position=start, script=None)
    assert again.plan.transactions == planned.plan.transactions + 4


def test_the_script_does_the_same_in_the_genuine_client(newest: Shop) -> None:
    shop = newest
    fill_every_type(shop, 15)
    shop.execute("CREATE TABLE u (a FLOAT, b VARCHAR(9))", "INSERT INTO u VALUES (16777217, 'x'), (16777217, 'x')")
    start = shop.mistake(
        "BEGIN",
        "DELETE FROM t WHERE id < 6",
        "UPDATE t SET id = -id, vc = '', ts0 = NULL",
        "DELETE FROM u LIMIT 1",
        "COMMIT",
        "UPDATE u SET b = NULL",
    )
    written: list[str] = []
    shop.undo(PLAN, start_position=start, script=written.append)
    program = servers.client("mariadb" if shop.server.flavor == "mariadb" else "mysql")
    program.run(shop.server, shop.name, input="".join(written))
    shop.assert_as_before()


def test_rows_that_changed_since_are_conflicts_and_nothing_is_changed(shop: Shop) -> None:
    shop.execute(SMALL, "INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'two'), (3, 'three'), (4, 'four')")
    start = shop.mistake(
        "UPDATE t SET a = 0 WHERE id < 4", "DELETE FROM t WHERE id = 4", "INSERT INTO t (b) VALUES ('new')"
    )
    end = shop.position()
    shop.execute(
        "UPDATE t SET b = 'ONE' WHERE id = 1",
        "DELETE FROM t WHERE id = 2",
        "INSERT INTO t (id, b) VALUES (4, 'mine')",
        "UPDATE t SET a = 9 WHERE b = 'new'",
    )
    error = shop.refused(
        ConsistencyError, "4 rows are not as the change left them", start_position=start, stop_position=end
    )
    assert sorted(error.context["conflicts"]) == sorted(
        [
            f"{shop.name}.t (id=1): it was changed since",
            f"{shop.name}.t (id=2): it is gone",
            f"{shop.name}.t (id=4): a row of this key is there again",
            f"{shop.name}.t (id=5): it was changed since",
        ]
    )
    # With what came later it is undone.
    shop.undo(start_position=start)
    shop.assert_as_before()
    # Another unique value that is taken, and equal rows that are fewer.
    shop.execute("CREATE TABLE u (a INT)", "INSERT INTO u VALUES (1), (1), (2)")
    start = shop.mistake("DELETE FROM t WHERE id = 3", "UPDATE u SET a = 5")
    end = shop.position()
    shop.execute("INSERT INTO t (id, b) VALUES (77, 'three')", "DELETE FROM u LIMIT 1")
    error = shop.refused(ConsistencyError, "2 rows", start_position=start, stop_position=end)
    assert any("one of its unique values" in text for text in error.context["conflicts"])
    assert any("fewer such rows" in text for text in error.context["conflicts"])


def test_only_what_is_chosen_is_undone(newest: Shop) -> None:
    newest.execute(SMALL, "CREATE TABLE u LIKE t", "INSERT INTO t (b) VALUES ('x')", "INSERT INTO u (b) VALUES ('x')")
    start = newest.mistake(
        "BEGIN", "DELETE FROM t", "DELETE FROM u", "INSERT INTO t (id, b) VALUES (10, 'kept')", "COMMIT"
    )
    result = newest.undo(start_position=start, tables=(f"{newest.name}.t",), verbs=("DELETE",))
    assert result.to_dict()["tables"] == [{"name": f"{newest.name}.t", "inserted": 1, "updated": 0, "deleted": 0}]
    assert [row[0] for row in newest.execute("SELECT b FROM t ORDER BY b")] == ["kept", "x"]
    assert newest.execute("SELECT b FROM u") == []
    with pytest.raises(UsageError, match="nothing says"):
        newest.undo()
    with pytest.raises(UsageError, match="TRUNCATE cannot be undone"):
        newest.undo(verbs=("TRUNCATE",))
    assert newest.undo(tables=("no.table",)).changed is False
    start = newest.mistake("INSERT INTO u (id, b) VALUES (30, 'a')")
    newest.execute("INSERT INTO u (id, b) VALUES (31, 'b')", "INSERT INTO u (id, b) VALUES (32, 'c')")
    end, gtids = newest.position(), newest.gtids(start)
    newest.undo(include_gtids=gtids[1])
    assert newest.execute("SELECT id FROM u") == [(30,), (32,)]
    newest.undo(start_position=start, stop_position=end, exclude_gtids=f"{gtids[0]},{gtids[1]}")
    assert newest.execute("SELECT id FROM u") == [(30,)]


def test_what_the_log_does_not_tell_is_refused(newest: Shop) -> None:
    newest.execute(SMALL, "INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'two')")
    start = newest.mistake("SET SESSION binlog_row_image = MINIMAL", "UPDATE t SET a = 7")
    newest.refused(UnsupportedObjectError, "only a part of each row", start_position=start)
    start = newest.mistake("SET SESSION binlog_format = STATEMENT", "UPDATE t SET a = 8")
    newest.refused(UnsupportedObjectError, "in the log as text", start_position=start)
    newest.execute("CREATE TABLE other (a INT PRIMARY KEY)", "INSERT INTO other VALUES (1)")
    # What is not chosen may be anything, and a table may be copied and get an index.
    newest.execute(
        "CREATE TABLE copy LIKE other", "INSERT INTO copy SELECT * FROM other", "CREATE INDEX i ON other (a)"
    )
    newest.undo(start_position=start, tables=(f"{newest.name}.other",))
    assert newest.execute("SELECT * FROM other") == []
    start = newest.mistake("UPDATE t SET a = 9", "ALTER TABLE t ADD c INT")
    newest.refused(UnsupportedObjectError, r"t was redefined after its rows were changed", start_position=start)
    start = newest.mistake("DELETE FROM t", "TRUNCATE TABLE t")
    newest.refused(UnsupportedObjectError, r"redefined .* \(TRUNCATE TABLE\)", start_position=start)
    newest.execute("INSERT INTO t (b) VALUES ('x')")
    start, end = newest.mistake("DELETE FROM t"), newest.position()
    newest.execute("DROP TABLE t")
    newest.refused(UnsupportedObjectError, "redefined", start_position=start)
    # Told only by the server, where the file of the present is not given.
    newest.server.execute("FLUSH BINARY LOGS")
    assert end
    newest.execute("CREATE TABLE m (a INT) ENGINE = MyISAM")
    newest.file = newest.server.execute("SHOW BINARY LOGS")[-1][0]
    start = newest.mistake("INSERT INTO m VALUES (1)")
    newest.refused(UnsupportedObjectError, "MyISAM, which has no transactions", start_position=start)
    newest.server.execute("FLUSH BINARY LOGS")
    newest.execute("DROP TABLE m")
    newest.refused(NotFoundError, "no table", start_position=start)


def test_triggers_and_foreign_keys(oldest_and_newest: Shop) -> None:
    shop = oldest_and_newest
    shop.execute(
        "CREATE TABLE parent (id INT PRIMARY KEY, a INT)",
        "CREATE TABLE child (id INT PRIMARY KEY, par INT, FOREIGN KEY (par) REFERENCES parent (id) ON DELETE CASCADE)",
        "CREATE TABLE strict (id INT PRIMARY KEY, par INT, boss INT, FOREIGN KEY (par) REFERENCES parent (id), "
        "FOREIGN KEY (boss) REFERENCES strict (id))",
        "INSERT INTO parent VALUES (1, 1), (2, 2), (3, 3)",
        "INSERT INTO child VALUES (10, 1)",
        "INSERT INTO strict VALUES (1, 2, NULL), (2, 2, 1), (3, 2, 2)",
    )
    start = shop.mistake("BEGIN", "DELETE FROM strict ORDER BY id DESC", "DELETE FROM parent WHERE id = 2", "COMMIT")
    shop.refused(UnsupportedObjectError, "child may have been changed with those of .*parent", start_position=start)
    shop.undo(start_position=start, ignore_cascades=True)
    shop.assert_as_before()
    # A row that would be pointed at by another one's rows must not go.
    start, end = shop.mistake("INSERT INTO parent VALUES (7, 7)"), shop.position()
    shop.execute("INSERT INTO child VALUES (70, 7)")
    shop.refused(ConsistencyError, "child: 1 rows would point at rows of", start_position=start, stop_position=end)
    shop.undo(start_position=start)
    shop.assert_as_before()
    shop.execute(
        "CREATE TABLE audit (a INT)",
        "CREATE TRIGGER g AFTER UPDATE ON parent FOR EACH ROW INSERT INTO audit VALUES (1)",
    )
    start = shop.mistake("UPDATE parent SET a = 0")
    shop.refused(UnsupportedObjectError, "triggers that undoing would fire: g", start_position=start)
    shop.undo(start_position=start, tables=(f"{shop.name}.parent",), fire_triggers=True)
    assert shop.content()["parent"] == shop.before["parent"]
    assert len(shop.content()["audit"]) == 6


def test_a_large_mistake_is_undone_in_little_memory(mysql_latest_database: Database) -> None:
    shop = Shop(mysql_latest_database)
    shop.execute(SMALL, "ALTER TABLE t ADD c TEXT", "INSERT INTO t (a, b, c) VALUES (1, 'x0', REPEAT('é', 1500))")
    for power in range(11):
        shop.execute(f"INSERT INTO t (a, b, c) SELECT a + 1, CONCAT('p{power}', id), c FROM t")
    start = shop.mistake("UPDATE t SET a = 0", "DELETE FROM t")
    tracemalloc.start()
    result = shop.undo(start_position=start)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    shop.assert_as_before()
    assert result.plan.bytes > 18_000_000
    assert peak < 12 << 20


def test_when_it_is_killed_nothing_has_changed(newest: Shop) -> None:
    newest.execute(SMALL, "INSERT INTO t (a, b) VALUES (1, 'x0')")
    for power in range(11):
        newest.execute(f"INSERT INTO t (a, b) SELECT a + 1, CONCAT('p{power}', id) FROM t")
    start = newest.mistake("DELETE FROM t")
    now = newest.content()

    class Killer:
        """Ends the connection once rows have been brought back."""

        def update(self, state: Any) -> None:
            if state.phase == "undoing" and state.done_rows > 900:
                others = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = 'root'"
                for (number,) in newest.server.execute(others):
                    with contextlib.suppress(Exception):
                        newest.server.execute(f"KILL {number}")

        def message(self, text: str) -> None:
            pass

        def finish(self) -> None:
            pass

    given = ConnectionOptions(unix_socket=newest.server.socket, user=newest.server.user)
    request = FlashbackRequest(given, (str(newest.path),), TransactionFilter(start_position=start), APPLY)
    with pytest.raises(DbfleetError):
        flashback(request, Progress(Killer()))
    assert newest.content() == now
    newest.undo(start_position=start)
    newest.assert_as_before()


def test_what_cascades_is_undone_where_it_is_logged(mysql_latest_database: Database) -> None:
    shop = Shop(mysql_latest_database)
    shop.execute(
        "CREATE TABLE parent (id INT PRIMARY KEY)",
        "CREATE TABLE child (id INT PRIMARY KEY, par INT, FOREIGN KEY (par) REFERENCES parent (id) "
        "ON DELETE CASCADE ON UPDATE CASCADE)",
        "INSERT INTO parent VALUES (1), (2)",
        "INSERT INTO child VALUES (10, 1), (11, 1), (20, 2)",
    )
    start = shop.mistake("UPDATE parent SET id = 5 WHERE id = 2", "DELETE FROM parent")
    shop.refused(UnsupportedObjectError, "child may have been", start_position=start, tables=(f"{shop.name}.parent",))
    shop.undo(start_position=start)
    shop.assert_as_before()


def test_a_sequence_goes_on_counting(mariadb_latest_database: Database) -> None:
    shop = Shop(mariadb_latest_database)
    shop.execute("CREATE SEQUENCE s NOCACHE", SMALL)
    start = shop.mistake("INSERT INTO t (id, a) VALUES (NEXTVAL(s), 1)")
    result = shop.undo(start_position=start, databases=(shop.name,))
    assert [table["name"] for table in result.to_dict()["tables"]] == [f"{shop.name}.t"]
    assert shop.execute("SELECT * FROM t") == []
    assert shop.execute("SELECT NEXTVAL(s)") == [(2,)]


def test_rows_are_locked_before_they_are_compared(newest: Shop) -> None:
    newest.execute(SMALL, "INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'two')")
    start, end = newest.mistake("UPDATE t SET a = 0"), newest.position()
    connection = newest.server.connect(newest.name)
    with connection, connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("UPDATE t SET a = 9 WHERE id = 1")
        newest.server.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        try:
            newest.refused(DbfleetError, "Lock wait timeout", start_position=start)
        finally:
            newest.server.execute("SET GLOBAL innodb_lock_wait_timeout = 50")
        cursor.execute("COMMIT")
    newest.refused(ConsistencyError, r"id=1\): it was changed since", start_position=start, stop_position=end)


def test_strange_tables_and_names(newest: Shop) -> None:
    mysql = newest.server.flavor == "mysql"
    newest.execute(
        "CREATE TABLE `a.b ``c` (`i``d` INT PRIMARY KEY AUTO_INCREMENT, `sel ect` VARCHAR(10) INVISIBLE, "
        "t TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP)",
        "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
        "INSERT INTO `a.b ``c` (`i``d`, `sel ect`, t) VALUES (0, 'zero', '2001-01-01'), (1, 'one', '2002-02-02')",
        "CREATE TABLE parts (a INT NOT NULL, b DATE NOT NULL, c VARCHAR(5), UNIQUE (b, a)) "
        "PARTITION BY RANGE (YEAR(b)) (PARTITION p0 VALUES LESS THAN (2010), PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "INSERT INTO parts VALUES (1, '2005-01-01', 'x'), (2, '2015-01-01', 'y')",
        "CREATE TABLE made (j INT AS (a * 2) STORED PRIMARY KEY, a INT, b INT)" if mysql else "DO 1",
        "INSERT INTO made (a, b) VALUES (1, 1), (2, 2)" if mysql else "DO 1",
        "SET SESSION sql_generate_invisible_primary_key = 1" if mysql else "DO 1",
        "CREATE TABLE keyless (a INT)",
        "INSERT INTO keyless VALUES (1), (1), (2)",
    )
    if mysql:
        newest.server.execute("SET GLOBAL show_gipk_in_create_table_and_information_schema = 0")
    compress = "SET SESSION binlog_transaction_compression = 1" if mysql else "SET GLOBAL log_bin_compress = 1"
    try:
        start = newest.mistake(
            compress,
            "UPDATE `a.b ``c` SET `sel ect` = NULL",
            "UPDATE `a.b ``c` SET `i``d` = `i``d` + 10, `sel ect` = REPEAT('long', 2)",
            "UPDATE parts SET b = '2020-01-01' WHERE a = 1",
            "DELETE FROM parts",
            "UPDATE made SET b = 0" if mysql else "DO 1",
            "DELETE FROM made" if mysql else "DO 1",
            "DELETE FROM keyless LIMIT 2",
        )
        newest.undo(start_position=start)
        newest.assert_as_before()
    finally:
        if mysql:
            newest.server.execute("SET GLOBAL show_gipk_in_create_table_and_information_schema = 1")
        else:
            newest.server.execute("SET GLOBAL log_bin_compress = 0")


def test_the_command(newest: Shop) -> None:
    newest.execute(SMALL, "INSERT INTO t (a, b) VALUES (1, 'one'), (2, 'secret')")
    start = newest.mistake("DELETE FROM t")

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        place = ["--socket", newest.server.socket, "--user", newest.server.user, "--start-position", str(start)]
        command = [
            sys.executable,
            "-m",
            "dbfleet.cli",
            "binlog",
            "flashback",
            *place,
            *words,
            str(newest.path),
        ]
        environment = {**os.environ, "MYSQL_PWD": newest.server.password or ""}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=environment)

    planned = command()
    assert (planned.returncode, planned.stdout) == (0, "")
    assert "would undo 2 changes of rows in 1 transactions" in planned.stderr
    assert "nothing was changed" in planned.stderr
    assert "secret" not in planned.stderr
    assert "VALUES (2, 2, 'secret');" in command("--sql").stdout
    assert command("--check", "--apply").returncode == 2
    applied = json.loads(command("--apply", "--json").stdout)
    assert applied["changed"] is True
    assert applied["tables"] == [{"name": f"{newest.name}.t", "inserted": 2, "updated": 0, "deleted": 0}]
    newest.assert_as_before()
    refused = command("--apply", "--stop-position", str(start + 1), "--json")
    assert refused.returncode == 1
    failed = json.loads(refused.stdout)["error"]
    assert failed["context"]["conflict_count"] == 2
    assert "secret" not in refused.stdout + refused.stderr
