# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every way in which a restore can fail: a clear error, no row value in it, and a target that is as the error says."""

from __future__ import annotations

import gc
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dbfleet.errors import (
    ConnectError,
    CorruptArtifactError,
    DbfleetError,
    NotFoundError,
    PrivilegeError,
    RestoreError,
    TargetNotEmptyError,
    UsageError,
)
from dbfleet.progress import Progress, ProgressState
from tests import servers
from tests.servers import Server

from .restore_support import (
    FileArtifact,
    backup,
    connected,
    connection_options,
    fill,
    genuine_dump,
    picture,
    restore,
    scratch,
)

SECRET = "s3cr3t-value"
TABLES = (
    b"CREATE TABLE a (i INT PRIMARY KEY, t VARCHAR(40));CREATE TABLE b (i INT PRIMARY KEY);CREATE TABLE c (i INT);\n"
)


def exists(server: Server, database: str) -> bool:
    with connected(server) as cursor:
        cursor.execute("SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", (database,))
        return cursor.fetchone()[0] == 1


def test_an_error_names_line_object_and_state_but_no_value(mysql_server: Server, tmp_path: Path) -> None:
    script = (
        TABLES
        + b"INSERT INTO c VALUES (1);\nINSERT INTO `a` VALUES (1,'x'),\n(7,'s3cr3t-value'),(7,'s3cr3t-value');\n"
        + b"INSERT INTO b VALUES (1);"
    )
    with scratch(mysql_server) as target:
        with pytest.raises(RestoreError) as caught:
            restore(mysql_server, target, script, tmp_path)
        error = caught.value
        assert error.context["line"] == 3
        assert error.context["errno"] == 1062
        assert error.context["statement"] == "INSERT INTO a"
        assert (error.context["done"], error.context["failed"], error.context["not_begun"]) == (["c"], ["a"], ["b"])
        assert "1 of 3 tables" in error.message
        assert target in error.message
        assert "'7'" not in str(error.details())
        assert SECRET not in str(error.details())


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (b"(1, 's3cr3t-value that is longer than the forty characters of the column')", 1265),
        (b"('s3cr3t-value', 'x')", 1366),
        (b"(99999999999, 'x')", 1264),
        (b"(1, '\xff\xfe')", 1366),
    ],
)
def test_a_value_that_would_be_changed_is_an_error(
    mysql_server: Server, tmp_path: Path, row: bytes, number: int
) -> None:
    script = b"SET NAMES utf8mb4, SQL_MODE='';" + TABLES + b"INSERT INTO a VALUES " + row + b";"
    with scratch(mysql_server) as target:
        with pytest.raises(RestoreError) as caught:
            restore(mysql_server, target, script, tmp_path)
        assert caught.value.context["errno"] in (number, 1300, 1406)
        assert SECRET not in str(caught.value.details())


def test_an_empty_enumeration_value_comes_back_and_a_wrong_one_is_an_error(
    mysql_server: Server, tmp_path: Path
) -> None:
    table = b"SET sql_mode = '';CREATE TABLE e (i INT, k ENUM('x', 'y''), ('));\n"
    rows = b"(1,'x'),(2,''),(3,NULL),(4,'y''), ('),(5,''),(6,0)"
    with scratch(mysql_server) as target:
        restore(mysql_server, target, table + b"INSERT INTO e VALUES " + rows + b";", tmp_path)
        with connected(mysql_server, target) as cursor:
            cursor.execute("SELECT i, k + 0 FROM e ORDER BY i")
            assert [(one, None if k is None else int(k)) for one, k in cursor.fetchall()] == [
                (1, 1), (2, 0), (3, None), (4, 2), (5, 0), (6, 0),
            ]  # fmt: skip
    with scratch(mysql_server) as target, pytest.raises(RestoreError, match="truncated"):
        restore(mysql_server, target, table + b"INSERT INTO e (k, i) VALUES ('',1),('z',2);", tmp_path)


def test_a_truncated_dump_is_found_before_anything_is_done(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as source, scratch(mariadb_latest) as target:
        fill(mariadb_latest, source)
        script = genuine_dump(mariadb_latest, source)
        _manifest, path = backup(mariadb_latest, source, tmp_path)
        ours = path.read_bytes()
        for whole, suffix in ((script, ".sql"), (ours, ".sql.zst")):
            for number in range(1, 40):
                part = tmp_path / f"part{number}{suffix}"
                part.write_bytes(whole[: len(whole) * number // 40])
                with pytest.raises((CorruptArtifactError, UsageError)):
                    restore(mariadb_latest, target, part, tmp_path)
        assert picture(mariadb_latest, target) == {}


def test_altered_data_is_found_before_anything_is_done(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as source, scratch(mariadb_latest) as target:
        fill(mariadb_latest, source)
        manifest, _path = backup(mariadb_latest, source, tmp_path)
        records = tuple(
            replace(one, sha256="0" * 64) if one.name == "plain" else one for one in manifest.contents.tables
        )
        wrong = replace(manifest, contents=replace(manifest.contents, tables=records))
        with pytest.raises(CorruptArtifactError, match="plain"):
            restore(mariadb_latest, target, _path, tmp_path, manifest=wrong)
        assert picture(mariadb_latest, target) == {}


@pytest.mark.parametrize(
    ("script", "what"),
    [
        (b"USE mysql;", "USE mysql"),
        (b"/*!40000 USE mysql */;", "USE mysql"),
        (b"CREATE DATABASE other;", "CREATE DATABASE other"),
        (b"DROP DATABASE IF EXISTS `mysql`;", "DROP DATABASE mysql"),
        (b"ALTER DATABASE mysql CHARACTER SET latin1;", "ALTER DATABASE mysql"),
        (b"DROP TABLE mysql.user;", "mysql.user"),
        (b"DROP TABLE a, `mysql` . `user`;", "mysql.user"),
        (b"INSERT INTO `mysql`.`user` VALUES (1);", "mysql.user"),
        (b"CREATE VIEW mysql.v AS SELECT 1;", "mysql.v"),
        (b"RENAME TABLE a TO mysql.a;", "mysql.a"),
        (b"GRANT ALL ON *.* TO x;", "GRANT"),
        (b"CREATE USER x;", "CREATE USER"),
        (b"SET GLOBAL read_only = 1;", "SET GLOBAL read_only"),
        (b"/*!50000 SET @@global.read_only = 1 */;", "SET GLOBAL read_only"),
        (b"SET @a = 1, PERSIST max_connections = 3;", "PERSIST"),
        (b"SET PASSWORD = 'x';", "SET PASSWORD"),
        (b"SHUTDOWN;", "SHUTDOWN"),
        (b"CHANGE MASTER TO MASTER_HOST='x';", "CHANGE"),
        (b"LOAD DATA INFILE '/etc/passwd' INTO TABLE a;", "LOAD"),
        (b"CREATE FUNCTION f RETURNS STRING SONAME 'x.so';", "CREATE FUNCTION"),
        (b"PREPARE s FROM 'DROP DATABASE mysql';", "PREPARE"),
        (b"/*!99999 SELECT */ DROP DATABASE mysql;", "DROP DATABASE"),
        (b"system touch /tmp/x\n", "system"),
    ],
)
def test_statements_that_leave_the_target_are_refused(
    mariadb_latest: Server, tmp_path: Path, script: bytes, what: str
) -> None:
    with scratch(mariadb_latest) as target:
        with pytest.raises(UsageError) as caught:
            restore(mariadb_latest, target, TABLES + script, tmp_path)
        assert what in caught.value.message
        assert caught.value.context["line"] == 2
        assert picture(mariadb_latest, target) == {}


def test_a_created_database_is_dropped_again_when_the_restore_fails(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server, create=False) as target:
        with pytest.raises(RestoreError, match="was dropped again"):
            restore(mysql_server, target, TABLES + b"INSERT INTO nothing VALUES (1);", tmp_path, create=True)
        assert not exists(mysql_server, target)


def test_targets_that_are_not_as_asked(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as target:
        with pytest.raises(UsageError, match="exists"):
            restore(mysql_server, target, TABLES, tmp_path, create=True)
        with pytest.raises(NotFoundError, match="no_such_db"):
            restore(mysql_server, "no_such_db", TABLES, tmp_path)
        wrong = replace(connection_options(mysql_server), password=SECRET)
        with pytest.raises(ConnectError) as caught:
            restore(mysql_server, target, TABLES, tmp_path, connection=wrong)
        assert SECRET not in str(caught.value.details())
        assert picture(mysql_server, target) == {}
        for statement, name in (
            ("CREATE VIEW w AS SELECT 1", "view w"),
            ("CREATE PROCEDURE p() SELECT 1", "procedure p"),
            ("CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1", "event e"),
        ):
            with scratch(mysql_server) as filled:
                with connected(mysql_server, filled) as cursor:
                    cursor.execute(statement)
                with pytest.raises(TargetNotEmptyError, match=name):
                    restore(mysql_server, filled, TABLES, tmp_path)


@contextmanager
def account(server: Server, *grants: str) -> Iterator[object]:
    """An account with these privileges, as connection options."""
    name = f"u{secrets.token_hex(4)}"
    with connected(server) as cursor:
        cursor.execute(f"CREATE USER {name}@localhost IDENTIFIED BY 'word'")
        for grant in grants:
            cursor.execute(f"GRANT {grant} TO {name}@localhost")
    try:
        yield connection_options(server, user=name, password="word")
    finally:
        with connected(server) as cursor:
            cursor.execute(f"DROP USER {name}@localhost")


def test_missing_privileges_are_named_before_anything_is_done(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as target:
        script = TABLES + b"INSERT INTO a VALUES (1,'x');CREATE VIEW v AS SELECT 1;"
        with account(mysql_server, f"SELECT, CREATE ON {target}.*") as options:
            with pytest.raises(PrivilegeError) as caught:
                restore(mysql_server, target, script, tmp_path, connection=options)
            assert caught.value.context["missing"] == ["CREATE VIEW", "INSERT"]
        with account(mysql_server, f"ALL ON {target}.*") as options:
            definer = b"CREATE DEFINER=`root`@`localhost` VIEW v AS SELECT 1;"
            with pytest.raises(PrivilegeError, match="root@localhost"):
                restore(mysql_server, target, definer, tmp_path, connection=options)
            trigger = b"CREATE TRIGGER r BEFORE INSERT ON a FOR EACH ROW SET NEW.i = 1;"
            # The server is shared, and other tests trust the creators of functions.
            mysql_server.execute("SET GLOBAL log_bin_trust_function_creators = 0")
            with pytest.raises(PrivilegeError) as caught:
                restore(mysql_server, target, TABLES + trigger, tmp_path, connection=options)
            assert "log_bin_trust_function_creators" in caught.value.hint
            assert picture(mysql_server, target) == {}
            restore(mysql_server, target, script, tmp_path, connection=options)


def test_what_the_target_cannot_hold_is_refused_by_name(mysql_server: Server, tmp_path: Path) -> None:
    unknown = [
        (b"CREATE TABLE t (i INT, s TEXT COLLATE utf8mb4_klingon_ci);", "utf8mb4_klingon_ci (table t)"),
        (b"CREATE TABLE t (i INT) ENGINE=NoSuchEngine;", "nosuchengine (table t)"),
        (b"CREATE TABLE t (i INT) CHARSET=klingon;", "klingon (table t)"),
    ]
    if mysql_server.name in ("mysql57", "mariadb105", "mariadb1011"):
        unknown.append((b"CREATE TABLE t (i INT) COLLATE=utf8mb4_0900_ai_ci;", "utf8mb4_0900_ai_ci (table t)"))
    if mysql_server.flavor == "mysql":
        unknown.append((b"CREATE TABLE t (i INT) COLLATE=utf8mb4_uca1400_ai_ci;", "utf8mb4_uca1400_ai_ci (table t)"))
    with scratch(mysql_server) as target:
        for script, what in unknown:
            with pytest.raises(UsageError) as caught:
                restore(mysql_server, target, script, tmp_path)
            assert what in caught.value.message
        assert picture(mysql_server, target) == {}


def test_a_statement_above_max_allowed_packet_is_refused_before_anything_is_done(
    mysql_server: Server, tmp_path: Path
) -> None:
    with connected(mysql_server) as cursor:
        cursor.execute("SELECT @@GLOBAL.max_allowed_packet")
        (before,) = cursor.fetchone()
        cursor.execute("SET GLOBAL max_allowed_packet = 1048576")
    try:
        with scratch(mysql_server) as target:
            script = b"CREATE TABLE t (b LONGBLOB);INSERT INTO t VALUES ('" + b"x" * (1 << 20) + b"');"
            with pytest.raises(UsageError, match="max_allowed_packet") as caught:
                restore(mysql_server, target, script, tmp_path)
            assert "SET GLOBAL max_allowed_packet" in caught.value.hint
            assert picture(mysql_server, target) == {}
            rest = 1048576 - 2 - len(b"INSERT INTO t VALUES ('')")
            fits = b"CREATE TABLE t (b LONGBLOB);INSERT INTO t VALUES ('" + b"x" * rest + b"');"
            restore(mysql_server, target, fits, tmp_path)
    finally:
        with connected(mysql_server) as cursor:
            cursor.execute(f"SET GLOBAL max_allowed_packet = {before}")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE VIEW w AS SELECT * FROM {source}.t",
        "CREATE PROCEDURE w() SELECT * FROM {source} . t",
        "CREATE FUNCTION w() RETURNS INT DETERMINISTIC RETURN (SELECT COUNT(*) FROM `{source}`.`t`)",
        "CREATE EVENT w ON SCHEDULE EVERY 1 DAY DISABLE DO INSERT INTO {source}.t VALUES (1)",
        "CREATE TRIGGER w BEFORE INSERT ON t FOR EACH ROW SET NEW.i = (SELECT MAX(i) FROM {source}.other)",
    ],
)
def test_definitions_that_name_the_old_database_name_the_new_one(
    mysql_server: Server, tmp_path: Path, statement: str
) -> None:
    with scratch(mysql_server) as source, scratch(mysql_server) as target:
        with connected(mysql_server, source) as cursor:
            cursor.execute("CREATE TABLE t (i INT)")
            cursor.execute("CREATE TABLE other (i INT)")
            cursor.execute(statement.format(source=source))
        script = genuine_dump(mysql_server, source)
        restore(mysql_server, target, script, tmp_path)
        found = picture(mysql_server, target)
        assert f"{statement.split()[1]} w" in found
        assert source not in str(found)


class AtTable:
    """Does something as soon as a table is at hand and so many rows were loaded."""

    def __init__(self, table: str, action: Callable[[], None], *, rows: int = 0) -> None:
        self._table = table
        self._rows = rows
        self._action: Callable[[], None] | None = action

    def update(self, state: ProgressState) -> None:
        at_hand = state.phase == "loading" and state.item == self._table and state.done_rows >= self._rows
        if at_hand and self._action is not None:
            action, self._action = self._action, None
            action()

    def message(self, text: str) -> None:
        pass

    def finish(self) -> None:
        pass


def test_a_killed_connection(mysql_server: Server, tmp_path: Path) -> None:
    def kill() -> None:
        with connected(mysql_server) as cursor:
            cursor.execute("SELECT id FROM information_schema.PROCESSLIST WHERE db LIKE 'rest%'")
            for (number,) in list(cursor.fetchall()):
                cursor.execute(f"KILL {number}")

    script = TABLES + b"INSERT INTO b VALUES (1);" + b"INSERT INTO a VALUES (1,'x');" + b"INSERT INTO c VALUES (1);"
    for create in (True, False):
        with scratch(mysql_server, create=not create) as target:
            with pytest.raises(RestoreError, match="connection") as caught:
                restore(
                    mysql_server, target, script, tmp_path, create=create, progress=Progress(AtTable("a", kill, rows=1))
                )
            assert caught.value.context["done"] == ["b"]
            assert exists(mysql_server, target) is not create


def test_a_killed_server(tmp_path: Path) -> None:
    with servers.start("mariadb1011") as server, scratch(server, create=False) as target:
        progress = Progress(AtTable("a", server.kill))
        script = TABLES + b"INSERT INTO a VALUES (1,'x');"
        with pytest.raises(RestoreError, match="could not be dropped") as caught:
            restore(server, target, script, tmp_path, create=True, progress=progress)
        assert target in caught.value.message
        del caught
        gc.collect()
        server.restart()


def test_an_interrupt_ends_the_statement_on_the_server_and_drops_what_was_created(
    mysql_server: Server, tmp_path: Path
) -> None:
    script = TABLES + b"INSERT INTO a SELECT SLEEP(300), 'marked';"
    with scratch(mysql_server, create=False) as target:

        def interrupt() -> None:
            time.sleep(1.0)
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        progress = Progress(AtTable("a", threading.Thread(target=interrupt, daemon=True).start))
        with pytest.raises(KeyboardInterrupt):
            restore(mysql_server, target, script, tmp_path, create=True, progress=progress)
        assert not exists(mysql_server, target)
        with connected(mysql_server) as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE info LIKE '%SLEEP(300)%marked%'")
            assert cursor.fetchone()[0] <= 1


def test_errors_are_the_engines_own(mariadb_latest: Server, tmp_path: Path) -> None:
    with scratch(mariadb_latest) as target:
        for script in (b"SELECT 'x", b"\x00\x01\x02;", b"INSERT;", b"CREATE;", b"\\x;"):
            with pytest.raises(DbfleetError):
                restore(mariadb_latest, target, script, tmp_path, force=True)
        assert FileArtifact(tmp_path / "one.sql").names() == ("",)
