# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backups that must fail, each with an error that names the object, the cause and the way out."""

from __future__ import annotations

import errno
import traceback
from pathlib import Path

import pytest

from dbfleet.errors import (
    ConnectError,
    ConsistencyError,
    DbfleetError,
    NotFoundError,
    OutOfSpaceError,
    PrivilegeError,
    UnsupportedObjectError,
    UsageError,
)
from dbfleet.postgresql.options import ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.streams.base import Buffer
from dbfleet.streams.file import FileSink, storage_error
from tests import servers
from tests.integration.postgresql.backup_support import Folder, back_up, source
from tests.integration.postgresql.restore_support import connection_options
from tests.servers.fixtures import Database

SECRET = "s3cret-pass-w0rd"


def test_a_wrong_password(pg_server: servers.Server, tmp_path: Path) -> None:
    options = ConnectionOptions(host="127.0.0.1", port=pg_server.port, user=pg_server.user, password=SECRET)
    with pytest.raises(ConnectError, match="password authentication failed") as caught:
        back_up(pg_server, "postgres", tmp_path, connection=options)
    assert "password" in caught.value.hint
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.details())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_database(pg_server: servers.Server, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no database 'nowhere'"):
        back_up(pg_server, "nowhere", tmp_path)


def test_an_unknown_host(tmp_path: Path, pg_latest: servers.Server) -> None:
    with pytest.raises(ConnectError, match=r"no-such-host\.invalid"):
        back_up(pg_latest, "postgres", tmp_path, connection=ConnectionOptions(host="no-such-host.invalid"))


def test_nobody_listens(tmp_path: Path, pg_latest: servers.Server) -> None:
    with pytest.raises(ConnectError) as caught:
        back_up(pg_latest, "postgres", tmp_path, connection=ConnectionOptions(host="127.0.0.1", port=1))
    assert "running" in caught.value.hint


def test_tls_is_never_given_up(tmp_path: Path, pg_latest: servers.Server) -> None:
    options = ConnectionOptions(host="127.0.0.1", port=pg_latest.port, password="dbfleet", ssl_mode="require")
    with pytest.raises(ConnectError, match="does not support SSL"):
        back_up(pg_latest, "postgres", tmp_path, connection=options)
    with pytest.raises(UsageError, match="ssl_mode"):
        back_up(pg_latest, "postgres", tmp_path, connection=ConnectionOptions(ssl_mode="maybe"))


def test_tables_and_sequences_without_select(pg_database: Database, tmp_path: Path) -> None:
    user = _new_user(pg_database)
    pg_database.execute(
        "CREATE SCHEMA closed", "CREATE TABLE closed.a (x integer)", 'CREATE TABLE "Odd" (x integer)',
        "CREATE SEQUENCE numbers", "CREATE TABLE readable (x integer)", f"GRANT SELECT ON readable TO {user}",
    )  # fmt: skip
    try:
        with pytest.raises(PrivilegeError) as caught:
            back_up(pg_database.server, pg_database.name, tmp_path, connection=_as(pg_database, user))
        assert caught.value.context["objects"] == ["table closed.a", "table public.Odd", "sequence public.numbers"]
        assert "SELECT" in caught.value.hint
        assert list(tmp_path.iterdir()) == []
    finally:
        _drop_user(pg_database, user)


def test_rows_that_row_security_hides(pg_database: Database, tmp_path: Path) -> None:
    user = _new_user(pg_database)
    pg_database.execute(
        "CREATE TABLE hidden (x integer)", "ALTER TABLE hidden ENABLE ROW LEVEL SECURITY",
        f"GRANT SELECT ON hidden TO {user}",
    )  # fmt: skip
    try:
        with pytest.raises(PrivilegeError, match=r"row security would hide rows of public\.hidden"):
            back_up(pg_database.server, pg_database.name, tmp_path, connection=_as(pg_database, user))
    finally:
        _drop_user(pg_database, user)


def test_a_user_who_may_read_everything_is_enough(pg_database: Database, tmp_path: Path) -> None:
    user = _new_user(pg_database)
    pg_database.execute(
        "CREATE TABLE a (id serial PRIMARY KEY, x text)", "INSERT INTO a (x) VALUES ('one')",
        "CREATE VIEW v AS SELECT * FROM a", "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {user}", f"GRANT SELECT ON SEQUENCE a_id_seq TO {user}",
    )  # fmt: skip
    try:
        _archive, contents, _progress = back_up(
            pg_database.server, pg_database.name, tmp_path, connection=_as(pg_database, user)
        )
        assert [(table.name, table.rows) for table in contents.tables] == [("a", 1)]
    finally:
        _drop_user(pg_database, user)


def test_what_no_kind_covers_is_refused_by_name(pg_database: Database, tmp_path: Path) -> None:
    """An object that is hidden from its kind's query: the inventory must find it by itself."""
    pg_database.execute(
        "CREATE TABLE held (x integer)", "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'"
    )
    # A language that is gone from the catalog hides the function from the join that reads functions.
    with pg_database.connect() as connection:
        connection.execute("SET allow_system_table_mods = on") if pg_database.server.version[0] >= 13 else None
        connection.execute(
            "UPDATE pg_proc SET prolang = 1 WHERE proname = 'f' AND pronamespace = 'public'::regnamespace"
        )
    with pytest.raises(UnsupportedObjectError) as caught:
        back_up(pg_database.server, pg_database.name, tmp_path)
    assert caught.value.context["objects"] == ["function public.f()"]
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_stays_locked(pg_database: Database, tmp_path: Path) -> None:
    pg_database.execute("CREATE TABLE busy (x integer)")
    with pg_database.connect(autocommit=False) as other:
        other.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ConsistencyError, match=r"could not be locked within 0\.3 s") as caught:
            back_up(pg_database.server, pg_database.name, tmp_path, lock_wait_timeout=0.3)
        assert "lock-wait-timeout" in caught.value.hint


def test_the_server_dies_in_the_middle(server_pool: servers.fixtures.ServerPool, tmp_path: Path) -> None:
    with server_pool.fresh("pg16") as server:
        server.execute("CREATE TABLE many AS SELECT g, repeat('x', 500) AS t FROM generate_series(1, 200000) g")

        class Killer(FileSink):
            def write(self, data: Buffer) -> None:
                super().write(data)
                if self.size > 1_000_000 and server.running:
                    server.kill()

        class KillingFolder(Folder):
            def create(self, path: str, *, patched: bool = False) -> FileSink:
                return Killer(str(self.path / path))

        with source(server, "postgres", compression="none") as opened:
            opened.plan()
            with pytest.raises(ConnectError, match="broke"):
                opened.write(KillingFolder(tmp_path), Progress())


def test_a_full_disk(pg_latest_database: Database, tmp_path: Path) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE many AS SELECT g, md5(g::text) AS t FROM generate_series(1, 100000) g")

    class Full(FileSink):
        def write(self, data: Buffer) -> None:
            if self.size > 200_000:
                raise storage_error("write", self.path, OSError(errno.ENOSPC, "full"))
            super().write(data)

    class FullFolder(Folder):
        def create(self, path: str, *, patched: bool = False) -> FileSink:
            return Full(str(self.path / path))

    with source(database.server, database.name) as opened:
        opened.plan()
        with pytest.raises(OutOfSpaceError, match="No space left"):
            opened.write(FullFolder(tmp_path), Progress())
        # The connection is in the middle of a COPY: closing it must still work, and free the locks.
    database.execute("DROP TABLE many")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"format": "zip"}, UsageError),
        ({"jobs": 2}, UsageError),
        ({"compression": "brotli"}, UsageError),
        ({"compression": "gzip:0"}, UsageError),
    ],
)
def test_options_that_cannot_be(
    pg_latest: servers.Server, tmp_path: Path, options: dict[str, object], error: type[DbfleetError]
) -> None:
    with pytest.raises(error):
        back_up(pg_latest, "postgres", tmp_path, **options)


def _new_user(database: Database) -> str:
    user = f"reader_of_{database.name}"
    database.execute(f"CREATE ROLE {user} LOGIN")
    return user


def _drop_user(database: Database, user: str) -> None:
    database.execute(f"DROP OWNED BY {user}", f"DROP ROLE {user}")


def _as(database: Database, user: str) -> ConnectionOptions:
    chosen = connection_options(database.server)
    return ConnectionOptions(unix_socket=chosen.unix_socket, port=chosen.port, user=user)
