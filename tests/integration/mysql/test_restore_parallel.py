# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several connections at once: whole databases of every kind of object, as folders and as scripts; deadlocks."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, restore
from tests.servers import Server

from . import zoo
from .backup_support import differences, options, picture, scratch
from .restore_support import connected, connection_options, genuine_dump
from .restore_support import restore as restore_script

KEYS = """CREATE TABLE `keyed ``one` (
  id INT NOT NULL AUTO_INCREMENT, tenant INT NOT NULL, name VARCHAR(60) NOT NULL COMMENT 'a, KEY `no` (id)', body TEXT,
  place POINT NOT NULL, parent INT, up INT,
  PRIMARY KEY (tenant, id), KEY by_id (id), UNIQUE KEY `by name, tenant` (name, tenant), KEY by_body (body(20)),
  KEY by_two (parent, name(5)), FULLTEXT KEY words (name), FULLTEXT KEY more_words (name, body),
  SPATIAL KEY there (place),
  CONSTRAINT `first fk` FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE SET NULL,
  CONSTRAINT second_fk FOREIGN KEY (up, name) REFERENCES parents (id, name) ON UPDATE CASCADE
) ENGINE=InnoDB"""


def fill_keyed(server: Server, database: str, rows: int = 4000) -> None:
    """Tables with every kind of key, and foreign keys to primary and to other keys."""
    with connected(server, database) as cursor:
        if server.version >= (8, 4) and server.flavor == "mysql":
            cursor.execute("SET SESSION restrict_fk_on_non_standard_key = OFF")
        cursor.execute(
            "CREATE TABLE parents (id INT PRIMARY KEY, name VARCHAR(60) NOT NULL, other INT, KEY by_both (id, name), "
            "UNIQUE KEY by_other (other))"
        )
        cursor.execute("INSERT INTO parents VALUES (1, 'n1', 1), (2, 'n2', 2)")
        cursor.execute(KEYS)
        cursor.execute(
            "CREATE TABLE child (id INT PRIMARY KEY, other INT, CONSTRAINT to_other FOREIGN KEY (other) "
            "REFERENCES parents (other))"
        )
        cursor.execute("INSERT INTO child VALUES (1, 1), (2, 2)")
        for table in ("`keyed ``one`",):
            values = ", ".join(
                f"({n}, {n % 7}, 'name {n}', REPEAT('text {n} ', 20), POINT({n}, 2), {n % 2 + 1}, NULL)"
                for n in range(1, rows + 1)
            )
            cursor.execute(f"INSERT INTO {table} VALUES {values}")


def back_up(server: Server, database: str, dest: Path, **arguments: Any) -> None:
    request = BackupRequest(
        options=options(server, database, lock_tables=True, **arguments), destination=Destination(dest=str(dest))
    )
    backup(request, Progress())


def bring_back(server: Server, target: str, source: Path, jobs: int, **load: Any) -> dict[str, Any]:
    connection = options(server, target).connection
    chosen = RestoreOptions(connection=connection, database=target, create=True, jobs=jobs, load=LoadOptions(**load))
    request = RestoreRequest(options=chosen, origin=Origin(source=str(source)))
    return dict(restore(request, Progress()).restore)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("mysql57", "plain"), ("mysql97", "directory"), ("mariadb105", "directory"), ("mariadb1011", "plain"),
        ("mariadb118", "directory"),
    ],
)  # fmt: skip
def test_the_zoo_comes_back_over_three_connections(
    server_pool: Any, tmp_path: Path, name: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql_server = server_pool.get(name)
    monkeypatch.setattr("dbfleet.mysql.load_run.DEFER_FROM", 1)
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        fill_keyed(mysql_server, database, rows=300)
        want = picture(mysql_server, database)
        dest = tmp_path / f"backup-{form}"
        back_up(mysql_server, database, dest, format=form, **({"jobs": 2} if form == "directory" else {}))
        mysql_server.execute(f"DROP DATABASE `{database}`")
        bring_back(mysql_server, database, dest, 3)
        assert not differences(picture(mysql_server, database), want)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_genuine_dump_has_all_its_keys_in_the_end(
    mysql_server: Server, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dbfleet.mysql.load_run.DEFER_FROM", 1000)
    with scratch(mysql_server) as source, scratch(mysql_server) as target:
        fill_keyed(mysql_server, source)
        script = genuine_dump(mysql_server, source, "--net-buffer-length=16384")
        made: list[Any] = []
        from dbfleet.mysql import load_run

        real = load_run.defer
        monkeypatch.setattr(load_run, "defer", lambda *given: made.append(real(*given)) or made[-1])
        restore_script(mysql_server, target, script, tmp_path, jobs=jobs)
        assert not differences(picture(mysql_server, target), picture(mysql_server, source))
        # Only the table that no foreign key leads to by a secondary key.
        assert [keys.table for keys in made if keys] == ["keyed `one"]


def test_a_deadlock_is_tried_again(mysql_server: Server, tmp_path: Path) -> None:
    """Another session holds a row lock that the restore waits for, then asks for one that the restore holds."""
    script = (
        "SET unique_checks = 1;\n"
        + "".join(f"INSERT INTO `t` VALUES ({n}),({n + 1}),({n + 2}),({n + 3});\n" for n in range(10, 400, 10))
        + "INSERT INTO `t` VALUES (500);\n"
    )
    with scratch(mysql_server) as target:
        with connected(mysql_server, target) as cursor:
            cursor.execute("CREATE TABLE t (i INT PRIMARY KEY) ENGINE=InnoDB")
            cursor.execute("INSERT INTO t VALUES (1)")
        with connected(mysql_server, target) as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 20")
            cursor.execute("BEGIN")
            cursor.execute("INSERT INTO t VALUES (500)")
            # More than what the restore has done, so that it is the one that gives way.
            cursor.execute(f"INSERT INTO t VALUES {', '.join(f'({n})' for n in range(1000, 1900))}")
            failed: list[BaseException] = []

            def load() -> None:
                try:
                    restore_script(mysql_server, target, script.encode(), tmp_path, force=True)
                except BaseException as error:  # noqa: BLE001 - looked at below
                    failed.append(error)

            thread = threading.Thread(target=load)
            thread.start()
            _until_it_waits(mysql_server, failed)
            cursor.execute("SELECT * FROM t WHERE i = 10 FOR UPDATE")
            cursor.execute("ROLLBACK")
            thread.join(30)
        assert not thread.is_alive()
        assert not failed, failed
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT COUNT(*), SUM(i) FROM t")
            want = sum(n * 4 + 6 for n in range(10, 400, 10)) + 500 + 1
            assert tuple(map(int, cursor.fetchone())) == (39 * 4 + 2, want)


def _until_it_waits(server: Server, failed: list[BaseException]) -> None:
    with connected(server) as cursor:
        for _attempt in range(150):
            assert not failed, failed
            cursor.execute("SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'")
            if cursor.fetchone()[0]:
                return
            # The server looks again only where nobody has asked for a tenth of a second.
            time.sleep(0.2)
    raise AssertionError("the restore never waited")


def test_several_encrypted_connections(server_pool: Any, tmp_path: Path) -> None:
    server = server_pool.fresh("mariadb118", tls=True)
    try:
        server.execute("CREATE DATABASE target")
        rows = b"".join(b"INSERT INTO `t` VALUES (%d,'%s');\n" % (n, b"x" * 30000) for n in range(300))
        script = b"CREATE TABLE t (i INT PRIMARY KEY, b LONGTEXT) ENGINE=InnoDB;\n" + rows
        connection = connection_options(server, unix_socket="", host="127.0.0.1", port=server.port, ssl_mode="REQUIRED")
        contents = restore_script(server, "target", script, tmp_path, jobs=3, connection=connection)
        assert [table.rows for table in contents.tables] == [300]
        assert server.execute("SELECT COUNT(*), SUM(LENGTH(b)) FROM t", database="target") == [(300, 9000000)]
    finally:
        server.stop()
