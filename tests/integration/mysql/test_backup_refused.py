# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a backup must refuse, with the object, the cause and the way out, before anything is written."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import (
    ConnectError,
    DbfleetError,
    NotFoundError,
    PrivilegeError,
    UnsupportedObjectError,
    UsageError,
)
from dbfleet.mysql.catalog import columns
from dbfleet.mysql.connection import connect
from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.mysql.options import ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.streams.file import FileSink
from tests.servers import Server

from .backup_support import back_up, options, scratch

PASSWORD = "secret pa$$'\"\\ é"
EVERYTHING = "SELECT, SHOW VIEW, TRIGGER, EVENT ON {db}.*"


@pytest.fixture
def database(mysql_server: Server) -> Iterator[str]:
    with scratch(mysql_server) as name:
        mysql_server.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        mysql_server.execute(
            "CREATE TABLE t1 (a INT, b INT)",
            "CREATE TABLE t2 (a INT)",
            "CREATE VIEW v AS SELECT 1 AS x",
            "CREATE PROCEDURE p() SELECT 1",
            "CREATE FUNCTION f() RETURNS INT RETURN 1",
            "CREATE TRIGGER tr BEFORE INSERT ON t1 FOR EACH ROW SET @a = 1",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
            database=name,
        )
        yield name


def user_with(server: Server, database: str, *privileges: str) -> dict[str, str]:
    """A new user with exactly these privileges."""
    user = f"u_{secrets.token_hex(4)}"
    escaped = PASSWORD.replace("\\", "\\\\").replace("'", "\\'")
    server.execute(f"CREATE USER `{user}`@`%` IDENTIFIED BY '{escaped}'")
    for privilege in privileges:
        server.execute(f"GRANT {privilege.format(db=f'`{database}`')} TO `{user}`@`%`")
    return {"user": user, "password": PASSWORD}


def routine_privileges(server: Server) -> str:
    """What lets a user read every routine."""
    return "SELECT ON mysql.proc" if server.flavor == "mariadb" or server.version < (8,) else "SHOW_ROUTINE ON *.*"


@pytest.mark.parametrize(
    ("privileges", "named"),
    [
        (["SELECT (a) ON {db}.t1"], "SELECT"),
        (["SELECT ON {db}.t1"], "SELECT"),
        (["SELECT ON {db}.*"], "TRIGGER, EVENT"),
        (["SELECT, TRIGGER, SHOW VIEW ON {db}.*"], "EVENT"),
        (["SELECT, EVENT, SHOW VIEW ON {db}.*"], "TRIGGER"),
        (["SELECT, EVENT, SHOW VIEW ON {db}.*", "TRIGGER ON {db}.t1"], "TRIGGER"),
        ([EVERYTHING], "procedures and functions"),
    ],
    ids=lambda value: "; ".join(value) if isinstance(value, list) else value,
)
def test_whoever_may_not_see_everything_is_told_what_is_missing(
    mysql_server: Server, database: str, tmp_path: Path, privileges: list[str], named: str
) -> None:
    user = user_with(mysql_server, database, *privileges)
    for attempt in (_plan, lambda *given, **more: back_up(*given, tmp_path, **more)):
        with pytest.raises(PrivilegeError, match=named) as caught:
            attempt(mysql_server, database, **user)
        assert "GRANT" in caught.value.hint
        assert PASSWORD not in repr(caught.value.details())
    assert not list(tmp_path.iterdir())


def _plan(server: Server, database: str, **changes: Any) -> Any:
    source = MysqlBackupSource(options(server, database, **changes))
    try:
        return source.plan()
    finally:
        source.close()


def test_a_hidden_routine_body_is_an_error(mysql_server: Server, database: str, tmp_path: Path) -> None:
    """EXECUTE shows that routines are there, but not their text."""
    user = user_with(mysql_server, database, EVERYTHING, "EXECUTE ON {db}.*", "RELOAD, REPLICATION CLIENT ON *.*")
    with pytest.raises(PrivilegeError, match=r"hides the text of procedure 'p'") as caught:
        back_up(mysql_server, database, tmp_path, **user)
    assert "grant" in caught.value.hint.lower()


def test_views_need_show_view(mysql_server: Server, database: str, tmp_path: Path) -> None:
    user = user_with(
        mysql_server,
        database,
        "SELECT, TRIGGER, EVENT ON {db}.*",
        routine_privileges(mysql_server),
        "RELOAD, REPLICATION CLIENT ON *.*",
    )
    with pytest.raises(PrivilegeError, match="SHOW VIEW"):
        back_up(mysql_server, database, tmp_path, **user)


def test_the_least_privileges_are_enough(mysql_server: Server, database: str, tmp_path: Path) -> None:
    needed = [EVERYTHING, routine_privileges(mysql_server)]
    if mysql_server.flavor == "mysql":
        needed.append("RELOAD, REPLICATION CLIENT ON *.*")
    user = user_with(mysql_server, database, *needed)
    plan = _plan(mysql_server, database, **user)
    assert plan.tables == ((database, "t1"), (database, "t2"))
    assert plan.artifact == f"{database}.sql.gz"
    made = back_up(mysql_server, database, tmp_path, **user)
    want = {"table": 2, "view": 1, "procedure": 1, "function": 1, "trigger": 1, "event": 1}
    assert plan.objects == want
    assert made.contents.objects == want
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_the_position_needs_replication_client_on_mysql(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        user = user_with(mysql_latest, database, EVERYTHING, "SHOW_ROUTINE, RELOAD ON *.*")
        with pytest.raises(PrivilegeError, match="position of the binlog") as caught:
            back_up(mysql_latest, database, tmp_path, **user)
    assert "REPLICATION CLIENT" in caught.value.hint


def test_a_role_counts(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        mysql_latest.execute("CREATE TABLE t (id INT)", database=database)
        role = f"r_{secrets.token_hex(4)}"
        mysql_latest.execute(
            f"CREATE ROLE {role}",
            f"GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON `{database}`.* TO {role}",
            f"GRANT SHOW_ROUTINE, RELOAD, REPLICATION CLIENT ON *.* TO {role}",
        )
        user = user_with(mysql_latest, database)
        mysql_latest.execute(f"GRANT {role} TO `{user['user']}`@`%`")
        with pytest.raises(PrivilegeError):
            back_up(mysql_latest, database, tmp_path, **user)
        mysql_latest.execute(f"SET DEFAULT ROLE {role} TO `{user['user']}`@`%`")
        back_up(mysql_latest, database, tmp_path, **user)


def test_wrong_logins(mysql_server: Server, database: str) -> None:
    with pytest.raises(ConnectError, match="Access denied") as caught:
        _plan(mysql_server, database, password="wrong-secret")
    assert "password" in caught.value.hint
    assert "wrong-secret" not in repr(caught.value.details())
    with pytest.raises(NotFoundError, match="no database 'no_such_db'"):
        _plan(mysql_server, "no_such_db")
    with pytest.raises(ConnectError, match="no such socket"):
        _plan(mysql_server, database, unix_socket="/no/such.sock")
    with pytest.raises(ConnectError, match="127.0.0.1:1"):
        _plan(mysql_server, database, host="127.0.0.1", port=1)
    with pytest.raises(ConnectError, match="does not offer TLS"):
        _plan(mysql_server, database, host="127.0.0.1", port=mysql_server.port, ssl_mode="REQUIRED")


def test_a_port_is_honoured_beside_a_socket_of_the_option_file(
    mysql_server: Server, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(
        f'[client]\nsocket=/no/such.sock\nuser={mysql_server.user}\n[nightly]\npassword="{mysql_server.password}"\n'
    )
    session = connect(
        ConnectionOptions(
            host="127.0.0.1", port=mysql_server.port, option_file=str(file), option_group="nightly", ssl_mode="DISABLED"
        ),
        database=database,
    )
    assert session.scalar("SELECT DATABASE()") == database
    assert session.variables["port"] == str(mysql_server.port)
    session.close()
    with pytest.raises(ConnectError, match="socket /no/such"):
        connect(ConnectionOptions(option_file=str(file), option_group="nightly"))


@pytest.mark.parametrize("name", ["mysql57", "mysql97", "mariadb1011", "mariadb118"])
def test_tls_modes_do_what_they_say(server_pool: Any, name: str) -> None:
    with server_pool.fresh(name, tls=True) as server:
        files = server.tls
        login = {"user": server.user, "password": server.password, "host": "127.0.0.1", "port": server.port}

        def encrypted(**changes: Any) -> bool:
            session = connect(ConnectionOptions(**{**login, **changes}))
            used = session.is_encrypted
            assert (session.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")[0][1] != "") == used
            session.close()
            return used

        assert not encrypted(ssl_mode="DISABLED")
        assert encrypted(ssl_mode="PREFERRED")
        assert encrypted()
        assert encrypted(ssl_mode="REQUIRED")
        # A socket file is encrypted where that was asked for, as the servers' own clients have it.
        assert not encrypted(host="", port=None, unix_socket=server.socket)
        assert encrypted(host="", port=None, unix_socket=server.socket, ssl_mode="REQUIRED")
        assert encrypted(ssl_mode="VERIFY_CA", ca_cert=str(files.ca_cert))
        assert encrypted(ca_cert=str(files.ca_cert))
        assert encrypted(ssl_mode="VERIFY_IDENTITY", ca_cert=str(files.ca_cert))
        for mode in ("VERIFY_CA", "VERIFY_IDENTITY"):
            with pytest.raises(ConnectError, match="certificate") as caught:
                encrypted(ssl_mode=mode)
            assert mode in caught.value.hint
        with pytest.raises(UsageError, match="TLS files /no/such"):
            encrypted(ssl_mode="VERIFY_CA", ca_cert="/no/such.pem")


def test_what_cannot_be_dumped_is_named(mysql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A type of a later server stands for any: here one that is taken from the known ones."""
    monkeypatch.setattr("dbfleet.mysql.catalog.inventory.KNOWN_TYPES", columns.KNOWN_TYPES - {"bigint"})
    with scratch(mysql_server) as database:
        mysql_server.execute("CREATE TABLE t (a INT, odd BIGINT)", database=database)
        with pytest.raises(UnsupportedObjectError, match=r"column t\.odd of type bigint") as caught:
            back_up(mysql_server, database, tmp_path)
    assert len(caught.value.context["objects"]) == 1
    assert not list(tmp_path.iterdir())


def test_an_invalid_view_is_kept_as_a_comment_and_reported(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        mysql_server.execute(
            "CREATE TABLE t (id INT)", "CREATE VIEW broken AS SELECT id FROM t", "DROP TABLE t", database=database
        )
        made = back_up(mysql_server, database, tmp_path)
    assert any("broken" in warning for warning in made.warnings)
    assert made.contents.options["invalid_views"] == ["broken"]
    assert b"\nCREATE" not in made.text


def test_a_format_that_is_not_there_is_refused(mysql_latest: Server) -> None:
    for changes in ({"format": "tar"}, {"compression": "brotli"}):
        with pytest.raises(UsageError):
            MysqlBackupSource(options(mysql_latest, "x", **changes))


def test_a_full_disk_fails_the_backup(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as database:
        mysql_latest.execute("CREATE TABLE t (a LONGTEXT)", database=database)
        mysql_latest.execute("INSERT INTO t VALUES (REPEAT('x', 3000000))", database=database)

        class Full:
            """A file on a device that has no room."""

            can_patch = True

            def create(self, path: str) -> FileSink:
                sink = FileSink(str(tmp_path / "file"))
                full = os.open("/dev/full", os.O_WRONLY)
                os.dup2(full, sink._fd)
                os.close(full)
                return sink

        source = MysqlBackupSource(options(mysql_latest, database, compression="none"))
        with pytest.raises(DbfleetError, match="No space left"):
            source.write(Full(), Progress())
        source.close()
