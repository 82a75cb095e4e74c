# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups of databases that are being written to: one moment, the position of that moment, and nothing in between."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, DbfleetError, PrivilegeError
from dbfleet.mysql import snapshot
from tests.servers import Server
from tests.servers.clients import client

from .backup_support import Made, back_up, empty, load, scratch


class Writers:
    """Threads that insert a parent and its child in one transaction, again and again."""

    def __init__(self, server: Server, database: str, count: int) -> None:
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(server, database, number)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self, server: Server, database: str, number: int) -> None:
        # Closed in whatever way it ends: an open transaction would hold the tables against the tests that follow.
        connection = server.connect(database, autocommit=False)
        try:
            cursor = connection.cursor()
            step = 0
            while not self._stop.is_set():
                step += 1
                key = number * 10_000_000 + step
                cursor.execute("INSERT INTO a_child VALUES (%s, NULL, REPEAT('x', 500))", (key,))
                cursor.execute("INSERT INTO z_parent VALUES (%s, %s)", (key, step))
                cursor.execute("UPDATE a_child SET parent = %s WHERE id = %s", (key, key))
                cursor.execute("UPDATE balance SET amount = amount + %s WHERE id = %s", (step % 7, number))
                cursor.execute("UPDATE balance SET amount = amount - %s WHERE id = %s", (step % 7, number + 1))
                connection.commit()
        except BaseException as error:  # noqa: BLE001 - raised again by the test's own thread
            self._errors.append(error)
        finally:
            connection.close()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]


def prepare(server: Server, database: str) -> None:
    server.execute(
        "CREATE TABLE z_parent (id INT PRIMARY KEY, step INT)",
        "CREATE TABLE a_child (id INT PRIMARY KEY, parent INT, filler TEXT, "
        "FOREIGN KEY (parent) REFERENCES z_parent (id))",
        "CREATE TABLE balance (id INT PRIMARY KEY, amount BIGINT)",
        "INSERT INTO balance VALUES (0, 0), (1, 0), (2, 0), (3, 0), (4, 0)",
        database=database,
    )


@contextmanager
def writing(server: Server, database: str, count: int = 3) -> Iterator[None]:
    writers = Writers(server, database, count)
    try:
        # So many rows make several chunks, however slow the machine.
        deadline = time.monotonic() + 120
        while server.execute("SELECT COUNT(*) FROM z_parent", database=database)[0][0] < 200 * count:
            assert time.monotonic() < deadline, "the writers do not write"
            time.sleep(0.05)
        yield
    finally:
        writers.stop()


def totals(server: Server, database: str) -> tuple[Any, ...]:
    found: list[Any] = []
    for table in ("a_child", "z_parent", "balance"):
        found += server.execute(f"CHECKSUM TABLE {table}", database=database)[0][1:]
        found += server.execute(f"SELECT COUNT(*) FROM {table}", database=database)[0]
    return tuple(found)


def assert_one_moment(server: Server, database: str) -> None:
    orphans = server.execute(
        "SELECT COUNT(*) FROM a_child LEFT JOIN z_parent ON z_parent.id = parent WHERE z_parent.id IS NULL",
        database=database,
    )
    assert orphans[0][0] == 0
    counts = server.execute("SELECT (SELECT COUNT(*) FROM a_child), (SELECT COUNT(*) FROM z_parent)", database=database)
    assert counts[0][0] == counts[0][1] > 0
    assert server.execute("SELECT SUM(amount) FROM balance", database=database)[0][0] == 0


def test_no_orphan_and_an_exact_position_under_writers(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        prepare(mysql_server, database)
        with writing(mysql_server, database):
            made = back_up(mysql_server, database, tmp_path)
            time.sleep(0.3)
        want = totals(mysql_server, database)
        # What is replayed ends here: not the dropping below.
        mysql_server.execute("FLUSH BINARY LOGS")
        last = [row[0] for row in mysql_server.execute("SHOW BINARY LOGS")][-1]
        events = events_until(mysql_server, database, made, last)
        empty(mysql_server, database)
        load(mysql_server, database, made.text)
        assert_one_moment(mysql_server, database)
        replay(mysql_server, database, events)
        assert totals(mysql_server, database) == want
    expected = "binlog_snapshot" if mysql_server.flavor == "mariadb" else "global_lock"
    assert made.contents.snapshot["method"] == expected
    assert made.contents.snapshot["gtid"]


def test_the_global_lock_ends_no_transaction_of_others(mysql_server: Server, tmp_path: Path) -> None:
    """A statement waits for a row, the lock for the statement, the row's owner for the lock: somebody must yield."""
    with scratch(mysql_server) as database:
        prepare(mysql_server, database)
        owner = mysql_server.connect(database, autocommit=False)
        waiter = mysql_server.connect(database, autocommit=False)
        failed: list[BaseException] = []

        def wait_for_the_row() -> None:
            try:
                waiter.cursor().execute("SET SESSION innodb_lock_wait_timeout = 20")
                waiter.cursor().execute("UPDATE balance SET amount = amount + 1 WHERE id = 0")
                waiter.commit()
            except BaseException as error:  # noqa: BLE001 - looked at by the test's own thread
                failed.append(error)

        def go_on() -> None:
            # By now the backup's lock waits for the statement above.
            time.sleep(1.5)
            owner.cursor().execute("UPDATE balance SET amount = amount - 1 WHERE id = 1")
            owner.commit()

        owner.cursor().execute("UPDATE balance SET amount = amount - 1 WHERE id = 0")
        threads = [threading.Thread(target=target) for target in (wait_for_the_row, go_on)]
        try:
            for thread in threads:
                thread.start()
            time.sleep(0.7)
            made = back_up(mysql_server, database, tmp_path)
        finally:
            for thread in threads:
                thread.join()
            owner.close()
            waiter.close()
        assert failed == []
        expected = "binlog_snapshot" if mysql_server.flavor == "mariadb" else "global_lock"
        assert made.contents.snapshot["method"] == expected


def events_until(server: Server, database: str, made: Made, end: str) -> bytes:
    start = made.contents.snapshot
    files = [row[0] for row in server.execute("SHOW BINARY LOGS")]
    files = files[files.index(start["binlog_file"]) : files.index(end)]
    mariadb = server.flavor == "mariadb"
    tool = client("mariadb-binlog" if mariadb else "mysqlbinlog")
    done = tool.run(
        server,
        "--read-from-remote-server",
        f"--start-position={start['binlog_position']}",
        f"--database={database}",
        *([] if mariadb else ["--skip-gtids"]),
        *files,
    )
    # What is replayed has its GTIDs already and is not to be logged a second time.
    return b"SET sql_log_bin = 0;\n" + done.stdout


def replay(server: Server, database: str, events: bytes) -> None:
    if server.flavor == "mariadb":
        # The server has seen these GTIDs already.
        server.execute("SET GLOBAL gtid_strict_mode = OFF")
    try:
        load(server, database, events)
    finally:
        if server.flavor == "mariadb":
            server.execute("SET GLOBAL gtid_strict_mode = ON")


def grant(server: Server, database: str, *privileges: str) -> dict[str, str]:
    """A user with exactly these privileges."""
    server.execute("DROP USER IF EXISTS 'limited'@'%'", "CREATE USER 'limited'@'%' IDENTIFIED BY 'secret pa$$'")
    for privilege in privileges:
        server.execute(f"GRANT {privilege.format(db=f'`{database}`')} TO 'limited'@'%'")
    return {"user": "limited", "password": "secret pa$$"}


READ = ("SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON {db}.*", "REPLICATION CLIENT ON *.*")


def test_without_reload_the_tables_are_locked_for_the_moment(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        prepare(mysql_latest, database)
        user = grant(mysql_latest, database, *READ, "LOCK TABLES ON {db}.*")
        with writing(mysql_latest, database):
            made = back_up(mysql_latest, database, tmp_path, **user)
            time.sleep(0.2)
        want = totals(mysql_latest, database)
        mysql_latest.execute("FLUSH BINARY LOGS")
        last = [row[0] for row in mysql_latest.execute("SHOW BINARY LOGS")][-1]
        events = events_until(mysql_latest, database, made, last)
        empty(mysql_latest, database)
        load(mysql_latest, database, made.text)
        assert_one_moment(mysql_latest, database)
        load(mysql_latest, database, events)
        assert totals(mysql_latest, database) == want
    assert made.contents.snapshot["method"] == "table_locks"


def test_without_any_lock_a_quiet_server_proves_its_position(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        prepare(mysql_latest, database)
        user = grant(mysql_latest, database, *READ)
        made = back_up(mysql_latest, database, tmp_path, **user)
    assert made.contents.snapshot["method"] == "quiet"


def test_without_any_lock_a_busy_server_is_refused(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "_QUIET_ATTEMPTS", 2)
    monkeypatch.setattr(snapshot, "_QUIET_SECONDS", 0.2)
    with scratch(mysql_latest) as database:
        prepare(mysql_latest, database)
        user = grant(mysql_latest, database, *READ)
        with writing(mysql_latest, database), pytest.raises(PrivilegeError, match="proven") as caught:
            back_up(mysql_latest, database, tmp_path, **user)
    assert "RELOAD" in caught.value.hint


def test_a_server_without_binlog_is_backed_up_without_position(server_pool: Any, tmp_path: Path) -> None:
    with server_pool.fresh("mariadb1011", extra_config=["skip-log-bin"]) as server, scratch(server) as database:
        prepare(server, database)
        made = back_up(server, database, tmp_path)
    assert made.contents.snapshot["method"] == "none"
    assert made.contents.snapshot["binlog_file"] is None
    assert b"wrote no binary log" in made.text


def test_tables_that_no_snapshot_covers_are_refused_by_name(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        mysql_server.execute(
            "CREATE TABLE old (id INT) ENGINE=MyISAM",
            "CREATE TABLE vacant (id INT) ENGINE=MyISAM",
            "CREATE TABLE new_ (id INT) ENGINE=InnoDB",
            "INSERT INTO old VALUES (1)",
            database=database,
        )
        with pytest.raises(ConsistencyError, match=r"old \(MyISAM\)") as caught:
            back_up(mysql_server, database, tmp_path / "refused")
        assert "lock_tables" in caught.value.hint
        assert "vacant" not in str(caught.value)
        assert not list((tmp_path / "refused").iterdir())
        made = back_up(mysql_server, database, tmp_path / "locked", lock_tables=True)
    assert {table.name: table.rows for table in made.contents.tables} == {"old": 1, "vacant": 0, "new_": 0}


def test_a_held_table_cannot_be_written_until_it_was_read(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        mysql_latest.execute(
            "CREATE TABLE old (id INT) ENGINE=MyISAM",
            "INSERT INTO old VALUES (1)",
            "CREATE TABLE new_ (id INT)",
            "INSERT INTO new_ VALUES (1)",
            database=database,
        )
        stop = threading.Event()

        def write() -> None:
            with mysql_latest.connect(database) as connection:
                while not stop.is_set():
                    connection.cursor().execute("INSERT INTO old VALUES (2)")

        thread = threading.Thread(target=write)
        thread.start()
        try:
            made = back_up(mysql_latest, database, tmp_path, lock_tables=True)
        finally:
            stop.set()
            thread.join()
        start = made.contents.snapshot
        want = {table.name: table.rows for table in made.contents.tables}["old"]
        mysql_latest.execute("FLUSH BINARY LOGS")
        last = [row[0] for row in mysql_latest.execute("SHOW BINARY LOGS")][-1]
        final = mysql_latest.execute("SELECT COUNT(*) FROM old", database=database)[0][0]
        events = events_until(mysql_latest, database, made, last)
        empty(mysql_latest, database)
        load(mysql_latest, database, made.text)
        assert mysql_latest.execute("SELECT COUNT(*) FROM old", database=database)[0][0] == want
        load(mysql_latest, database, events)
        assert mysql_latest.execute("SELECT COUNT(*) FROM old", database=database)[0][0] == final
    assert start["method"] == "global_lock"


CHANGES = {
    "add column": "ALTER TABLE later ADD COLUMN more INT",
    "comment": "ALTER TABLE later COMMENT 'x'",
    "drop": "DROP TABLE later",
    "truncate": "TRUNCATE TABLE later",
    "rename": "RENAME TABLE later TO other",
    "drop partition": "ALTER TABLE parts DROP PARTITION p0",
    "truncate partition": "ALTER TABLE parts TRUNCATE PARTITION p0",
    "exchange partition": "ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE later",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("name", ["mysql57", "mariadb105", "mariadb118"])
def test_a_table_changed_during_the_backup_fails_it(
    server_pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, change: str
) -> None:
    """Where nothing forbids the change."""
    server = server_pool.get(name)
    opened = snapshot.open_snapshot

    def open_and_change(*arguments: Any, **named: Any) -> Any:
        found = opened(*arguments, **named)
        server.execute(change, database=database)
        return found

    with scratch(server) as database:
        server.execute(
            "CREATE TABLE first (id INT)",
            "CREATE TABLE later (id INT)",
            "INSERT INTO later VALUES (1)",
            "CREATE TABLE parts (id INT) PARTITION BY RANGE (id) "
            "(PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
            "INSERT INTO parts VALUES (2), (20)",
            database=database,
        )
        made = back_up(server, database, tmp_path / "before")
        assert {table.name: table.rows for table in made.contents.tables} == {"first": 0, "later": 1, "parts": 2}
        monkeypatch.setattr(snapshot, "open_snapshot", open_and_change)
        with pytest.raises(ConsistencyError) as caught:
            back_up(server, database, tmp_path / "during")
    assert ("parts" if "parts" in change else "later") in str(caught.value)


def test_another_database_may_change_during_the_backup(
    server_pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = server_pool.get("mysql57")
    opened = snapshot.open_snapshot

    def open_and_change(*arguments: Any, **named: Any) -> Any:
        found = opened(*arguments, **named)
        server.execute("TRUNCATE TABLE t", "ALTER TABLE t ADD COLUMN x INT", database=other)
        return found

    monkeypatch.setattr(snapshot, "open_snapshot", open_and_change)
    with scratch(server) as database, scratch(server) as other:
        server.execute("CREATE TABLE t (id INT)", database=other)
        server.execute(
            "CREATE TABLE t (id INT) PARTITION BY HASH (id) PARTITIONS 2",
            "CREATE TABLE none_ (id INT)",
            database=database,
        )
        back_up(server, database, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        "CREATE OR REPLACE VIEW v AS SELECT 2 AS x",
        "CREATE TABLE brand_new (id INT)",
        "DROP PROCEDURE p",
        "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1",
        "CREATE TRIGGER t BEFORE INSERT ON one FOR EACH ROW SET @x = 1",
    ],
)
def test_code_changed_between_snapshot_and_reading_it_fails_the_backup(
    server_pool: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    server = server_pool.get("mariadb1011")
    opened = snapshot.open_snapshot

    def open_and_change(*arguments: Any, **named: Any) -> Any:
        found = opened(*arguments, **named)
        server.execute(change, database=database)
        return found

    monkeypatch.setattr(snapshot, "open_snapshot", open_and_change)
    with scratch(server) as database:
        server.execute(
            "CREATE TABLE one (id INT)", "CREATE VIEW v AS SELECT 1 AS x", "CREATE PROCEDURE p() SELECT 1",
            database=database,
        )  # fmt: skip
        with pytest.raises(ConsistencyError, match="changed while"):
            back_up(server, database, tmp_path)


def test_definitions_cannot_change_during_a_mysql_backup(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = snapshot.open_snapshot
    outcome: list[str] = []

    def open_and_change(*arguments: Any, **named: Any) -> Any:
        found = opened(*arguments, **named)
        try:
            mysql_latest.execute("SET lock_wait_timeout = 1", "CREATE TABLE x (id INT)", database=database)
        except Exception as error:  # noqa: BLE001 - the driver's own error is what is looked at
            outcome.append(str(error))
        return found

    monkeypatch.setattr(snapshot, "open_snapshot", open_and_change)
    with scratch(mysql_latest) as database:
        prepare(mysql_latest, database)
        back_up(mysql_latest, database, tmp_path)
        assert re.search("Lock wait timeout", outcome[0])
        # Given back when the backup is done.
        mysql_latest.execute("SET lock_wait_timeout = 1", "CREATE TABLE x (id INT)", database=database)


def test_a_long_statement_that_blocks_the_lock_is_named(
    mysql_latest: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LOCK_SECONDS", 1)
    with scratch(mysql_latest) as database:
        prepare(mysql_latest, database)
        blocker = mysql_latest.connect(database)
        blocker.cursor().execute("LOCK TABLES balance WRITE")
        try:
            with pytest.raises(ConsistencyError, match="FLUSH TABLES WITH READ LOCK did not succeed within 1 s"):
                back_up(mysql_latest, database, tmp_path)
        finally:
            blocker.close()


def test_a_killed_connection_fails_the_backup(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        mysql_server.execute("CREATE TABLE t (id INT PRIMARY KEY, x LONGTEXT)", database=database)
        for start in range(0, 400, 100):
            rows = ",".join(f"({number}, REPEAT('abcdefgh', 20000))" for number in range(start, start + 100))
            mysql_server.execute(f"INSERT INTO t VALUES {rows}", database=database)

        def kill() -> None:
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                running = mysql_server.execute(
                    "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT `id`, `x` FROM `t`%'"
                )
                if running:
                    mysql_server.execute(f"KILL {running[0][0]}")
                    return

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            with pytest.raises(DbfleetError) as caught:
                back_up(mysql_server, database, tmp_path, compression="gzip:9")
        finally:
            thread.join()
    assert "'t'" in str(caught.value)
    # What was written has no end, so nobody can take it for a whole script.
    assert all(b"Dump completed" not in path.read_bytes()[-200:] for path in tmp_path.iterdir())
