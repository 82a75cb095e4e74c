# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What other programs got wrong when they loaded dumps, each of which silently changed or lost data once."""

from __future__ import annotations

import gzip
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import CorruptArtifactError, DbfleetError, NotFoundError, RestoreError
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .backup_support import options
from .restore_support import connected, restore, scratch


@pytest.fixture(name="mysql_server", params=["mysql57", "mariadb118"])
def _mysql_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """Not all of them: what differs between the others is tested where it is read and written."""
    return server_pool.get(request.param)


def _rows(server: Server, database: str, query: str) -> list[tuple[Any, ...]]:
    with connected(server, database) as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.parametrize("jobs", [1, 3])
def test_rows_go_to_the_table_that_their_insert_names(mysql_server: Server, tmp_path: Path, jobs: int) -> None:
    """All definitions came first in a dump, and every row of every table was loaded into the last one."""
    tables = [f"t{number}" for number in range(4)]
    script = "".join(f"CREATE TABLE `{name}` (i INT PRIMARY KEY, t VARCHAR(9));\n" for name in tables)
    for name in tables * 3:
        start = script.count(f"INSERT INTO `{name}`") * 10
        script += f"INSERT INTO `{name}` VALUES ({start},'{name}'),({start + 1},'{name}');\n"
    with scratch(mysql_server) as target:
        restore(mysql_server, target, script.encode(), tmp_path, jobs=jobs)
        for name in tables:
            assert _rows(mysql_server, target, f"SELECT COUNT(*), MIN(t), MAX(t) FROM {name}") == [(6, name, name)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_escapes_and_hexadecimal_numbers_are_what_the_server_reads(
    mysql_server: Server, tmp_path: Path, jobs: int
) -> None:
    r"""``\n`` became the letter n, and 0x00FF10 became eight letters."""
    script = b"CREATE TABLE `t` (i INT PRIMARY KEY, a VARCHAR(40), b VARBINARY(9)) CHARSET=utf8mb4;\n"
    script += b"INSERT INTO `t` VALUES (0,'',''),(9,'','');\n"
    script += rb"INSERT INTO `t` VALUES (1,'line1\nline2\r\t\0\Z\\ \' \" \% x',0x00FF10),(2,'a''b',x'27');" + b"\n"
    with scratch(mysql_server) as target:
        restore(mysql_server, target, script, tmp_path, jobs=jobs)
        assert _rows(mysql_server, target, "SELECT HEX(a), HEX(b) FROM t WHERE i IN (1, 2) ORDER BY i") == [
            (b"line1\nline2\r\t\0\x1a\\ ' \" \\% x".hex().upper(), "00FF10"),
            (b"a'b".hex().upper(), "27"),
        ]


def test_the_databases_own_character_set_changes_no_text(mysql_server: Server, tmp_path: Path) -> None:
    """Rows were loaded in the character set of the database: UTF-8 text in a latin1 database was mangled."""
    script = "/*!40101 SET NAMES utf8mb4 */;\nCREATE TABLE `t` (b INT, `a` TEXT CHARACTER SET utf8mb4, l TEXT);\n"
    script += "INSERT INTO `t` (`l`, `a`, `b`) VALUES ('é','日本 é',1);\n"
    with scratch(mysql_server) as target:
        mysql_server.execute(f"ALTER DATABASE {target} CHARACTER SET latin1")
        restore(mysql_server, target, script.encode(), tmp_path)
        assert _rows(mysql_server, target, "SELECT b, a, l, HEX(l) FROM t") == [(1, "日本 é", "é", "E9")]


def test_replicas_get_the_restore_and_nothing_global_is_set(mysql_server: Server, tmp_path: Path) -> None:
    """``sql_log_bin`` was switched off silently, so that replicas missed the restore."""
    if mysql_server.execute("SELECT @@log_bin") != [(1,)]:
        pytest.fail("the server of this test has a binary log")
    before = mysql_server.execute("SHOW GLOBAL VARIABLES")
    with scratch(mysql_server) as target:
        # What other tests have written is not only text.
        mysql_server.execute("FLUSH BINARY LOGS")
        script = b"SET sql_log_bin=0;\nCREATE TABLE `t` (i INT);\nINSERT INTO `t` VALUES (424242);\n"
        restore(mysql_server, target, script, tmp_path)
        (name,) = mysql_server.execute("SHOW BINARY LOGS")[-1:]
        events = mysql_server.execute(f"SHOW BINLOG EVENTS IN '{name[0]}'")
        assert any(f"`{target}`" in str(event[5]) or target in str(event[5]) for event in events)
    moving = ("gtid", "timestamp", "binlog", "innodb_buffer_pool", "last_", "wsrep")
    changed = set(mysql_server.execute("SHOW GLOBAL VARIABLES")) ^ set(before)
    assert not [one for one in changed if not any(word in one[0] for word in moving)]


def test_statements_end_where_the_client_ends_them(mysql_server: Server, tmp_path: Path) -> None:
    """Scripts were cut at every semicolon, executable comments passed over, lines of 10 MB refused."""
    large = b"x" * (12 << 20)
    script = b"CREATE TABLE `t` (i INT PRIMARY KEY, a LONGTEXT);\n/*!40000 INSERT INTO t VALUES (1, 'a; b') */;\n"
    script += b"INSERT INTO `t` VALUES (2,'" + large + b"');\nDELIMITER //\n"
    script += b"CREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (3, ';'); END //\nDELIMITER ;\n"
    limit = mysql_server.execute("SELECT @@GLOBAL.max_allowed_packet")[0][0]
    mysql_server.execute("SET GLOBAL max_allowed_packet = 67108864")
    try:
        with scratch(mysql_server) as target:
            restore(mysql_server, target, script, tmp_path)
            assert _rows(mysql_server, target, "SELECT i, LENGTH(a) FROM t ORDER BY i") == [(1, 4), (2, len(large))]
            assert _rows(mysql_server, target, "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE "
                         f"ROUTINE_SCHEMA = '{target}'") == [(1,)]  # fmt: skip
    finally:
        mysql_server.execute(f"SET GLOBAL max_allowed_packet = {limit}")


def test_another_name_of_the_database_changes_no_value(mysql_server: Server, tmp_path: Path) -> None:
    """The old name was replaced in the text of the rows too."""
    with scratch(mysql_server) as target:
        script = "-- MySQL dump 10.13\n--\n-- Host: h    Database: shop\n-- ----\nCREATE TABLE `t` (a TEXT);\n"
        script += "INSERT INTO `t` VALUES ('see `shop`.`t`, shop.t'),('USE shop;');\n-- Dump completed on x\n"
        restore(mysql_server, target, script.encode(), tmp_path)
        assert _rows(mysql_server, target, "SELECT a FROM t") == [("see `shop`.`t`, shop.t",), ("USE shop;",)]


def test_an_error_in_the_middle_is_a_failure(mysql_server: Server, tmp_path: Path) -> None:
    """Errors were warnings, and the restore had succeeded."""
    with scratch(mysql_server) as target:
        script = b"CREATE TABLE `t` (i INT);\nINSERT INTO `nothing` VALUES (1);\nINSERT INTO `t` VALUES (1);\n"
        with pytest.raises(RestoreError, match="nothing"):
            restore(mysql_server, target, script, tmp_path)


def test_a_truncated_compressed_script_leaves_no_rows_and_shows_none(mysql_server: Server, tmp_path: Path) -> None:
    """Thousands of rows stayed of one, and the error message showed some of them."""
    rows = ",".join(f"({number},'secret{secrets.token_hex(40)}')" for number in range(20000))
    script = f"CREATE TABLE `t` (i INT, a TEXT);\nINSERT INTO `t` VALUES {rows};\n" * 2
    path = tmp_path / "dump.sql.gz"
    path.write_bytes(gzip.compress(script.encode())[:-100000])
    with scratch(mysql_server) as target:
        with pytest.raises(CorruptArtifactError) as caught:
            restore(mysql_server, target, path, tmp_path)
        assert "secret" not in str(caught.value.details())
        assert mysql_server.execute(f"SHOW TABLES FROM {target}") == []


def test_a_password_of_any_signs_is_only_a_password(mysql_latest: Server, tmp_path: Path) -> None:
    """A password with a space and a dollar sign failed with an error that said nothing, or was run by a shell."""
    user, password = f"u{secrets.token_hex(4)}", "a b$(touch x)'\"`;\\%@:/?#é"
    path = tmp_path / "dump.sql.gz"
    path.write_bytes(gzip.compress(b"CREATE TABLE `t` (i INT);\n"))
    with scratch(mysql_latest) as target:
        with connected(mysql_latest) as cursor:
            cursor.execute(f"CREATE USER {user}@localhost IDENTIFIED BY %s", (password,))
            cursor.execute(f"GRANT ALL ON {target}.* TO {user}@localhost")
        try:
            command = [str(Path(sys.executable).parent / "dbfleet"), "restore", "mysql", "--source", str(path)]
            command += ["--database", target, "--socket", mysql_latest.socket, "--user", user]
            done = subprocess.run(
                command, env={**os.environ, "MYSQL_PWD": password}, cwd=tmp_path, capture_output=True, check=False
            )
            assert done.returncode == 0, done.stderr
            assert not (tmp_path / "x").exists()
            assert mysql_latest.execute(f"SHOW TABLES FROM {target}") == [("t",)]
        finally:
            mysql_latest.execute(f"DROP USER {user}@localhost")


def test_check_mode_and_backup_fail_alike(mysql_latest: Server, tmp_path: Path) -> None:
    """Check mode said that a dump would succeed: into a folder that is not there, of a database that is not there."""
    with scratch(mysql_latest) as database:
        (tmp_path / "file").write_text("in the way")
        for name, dest in (("no_such_database", tmp_path / "b.sql"), (database, tmp_path / "file" / "b.sql")):
            for check in (True, False):
                with pytest.raises(DbfleetError) as caught:
                    backup(
                        BackupRequest(options(mysql_latest, name), Destination(dest=str(dest)), check=check), Progress()
                    )
                assert (name == database) != isinstance(caught.value, NotFoundError)
        missing = Destination(dest=str(tmp_path / "new" / "folder" / "b.sql"))
        outcomes: list[object] = []
        for check in (True, False):
            try:
                outcomes.append(
                    backup(BackupRequest(options(mysql_latest, database), missing, check=check), Progress()).changed
                )
            except DbfleetError as error:
                outcomes.append(type(error))
        assert outcomes[0] == outcomes[1]
