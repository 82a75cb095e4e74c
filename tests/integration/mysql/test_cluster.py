# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A whole server as one set: several databases in one snapshot, the accounts, and both back on an empty server."""

from __future__ import annotations

import dataclasses
import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import Destination
from dbfleet.cluster_backup import ClusterBackupRequest, backup_cluster
from dbfleet.cluster_restore import ClusterRestoreRequest, restore_cluster
from dbfleet.errors import NotFoundError, RestoreError
from dbfleet.mysql.options import BackupOptions, ClusterBackupOptions, GlobalsOptions, RestoreOptions, Selection
from dbfleet.progress import Progress
from dbfleet.repository.repository import Repository
from dbfleet.restore import Origin
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from . import zoo
from .backup_support import differences, options, picture, scratch
from .cluster_support import account_picture, accounts, drop_accounts


@pytest.fixture(name="mysql_server", params=["mysql57", "mysql97", "mariadb118"])
def _mysql_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """Not all of them: what differs between the others is tested where it is read and written."""
    return server_pool.get(request.param)


@pytest.fixture(name="databases")
def _databases(mysql_server: Server) -> Iterator[tuple[str, str]]:
    with scratch(mysql_server) as first, scratch(mysql_server) as second:
        yield first, second


def _back_up(server: Server, repository: Path, databases: tuple[str, ...], users: str = "", **each: Any) -> Any:
    given: BackupOptions = options(server, "", lock_tables=True, **each)
    request = ClusterBackupRequest(
        options=ClusterBackupOptions(
            each=given, databases=databases, globals=GlobalsOptions(include_users=(f"{users}*",) if users else ())
        ),
        destination=Destination(repository=str(repository), cluster="zoo"),
    )
    return backup_cluster(request, Progress())


def _restore(server: Server, repository: Path, **arguments: Any) -> dict[str, Any]:
    request = ClusterRestoreRequest(
        options=RestoreOptions(connection=options(server, "").connection, database=""),
        origin=Origin(repository=str(repository), cluster="zoo"),
    )
    return dict(restore_cluster(dataclasses.replace(request, **arguments), Progress()).restore)


def test_a_set_comes_back_whole(mysql_server: Server, databases: tuple[str, str], tmp_path: Path) -> None:
    first, second = databases
    zoo.fill(mysql_server, first)
    mysql_server.execute(
        f"CREATE TABLE {second}.t (id INT PRIMARY KEY)",
        f"INSERT INTO {second}.t VALUES (1), (2)",
        f"CREATE VIEW {second}.across AS SELECT t.id FROM {second}.t JOIN {first}.many ON many.id = t.id",
    )
    with accounts(mysql_server, first) as prefix:
        want = [picture(mysql_server, first), picture(mysql_server, second), account_picture(mysql_server, prefix)]
        made = _back_up(mysql_server, tmp_path, databases, prefix)
        assert made.consistency == "server"
        snapshots = {
            (entry.manifest.contents.snapshot["binlog_file"], entry.manifest.contents.snapshot["binlog_position"])
            for entry in Repository(str(tmp_path)).entries()
            if entry.manifest.database
        }
        assert len(snapshots) == 1
        mysql_server.execute(f"DROP DATABASE {first}", f"DROP DATABASE {second}")
        drop_accounts(mysql_server, prefix)
        planned = _restore(mysql_server, tmp_path, check=True)
        assert account_picture(mysql_server, prefix) in ({}, {"memberships": []})
        restored = _restore(mysql_server, tmp_path)
        got = [picture(mysql_server, first), picture(mysql_server, second), account_picture(mysql_server, prefix)]
    for one, other in zip(got, want, strict=True):
        assert not differences(one, other)
    assert planned["globals"]["created"] == restored["globals"]["created"]
    assert {one["database"] for one in restored["databases"]} == set(databases)


def test_accounts_alone_say_what_was_refused(mysql_server: Server, databases: tuple[str, str], tmp_path: Path) -> None:
    first, _second = databases
    with accounts(mysql_server, first) as prefix:
        want = account_picture(mysql_server, prefix)
        _back_up(mysql_server, tmp_path, databases, prefix)
        drop_accounts(mysql_server, prefix)
        mysql_server.execute(f"DROP TABLE {first}.granted")
        with pytest.raises(RestoreError, match="refused") as caught:
            _restore(mysql_server, tmp_path, globals_only=True)
        assert all(prefix in one for one in caught.value.context["refused"])
        mysql_server.execute(f"CREATE TABLE {first}.granted (a INT, b INT)")
        forced = RestoreOptions(connection=options(mysql_server, "").connection, database="", force=True)
        again = _restore(mysql_server, tmp_path, globals_only=True, options=forced)
        assert account_picture(mysql_server, prefix) == want
        assert not again["globals"]["created"]
        mysql_server.execute(f"ALTER USER {prefix}_hash PASSWORD EXPIRE")
        kept = _restore(mysql_server, tmp_path, globals_only=True)
        if mysql_server.version >= (8,):
            assert list(kept["globals"]["differing"]) == [f"account '{prefix}_hash'@'%'"]


def test_a_database_that_is_not_there_is_named(mysql_server: Server, tmp_path: Path) -> None:
    missing = f"gone_{secrets.token_hex(4)}"
    with pytest.raises(NotFoundError, match=missing):
        _back_up(mysql_server, tmp_path, (missing,))


def test_databases_are_of_one_moment(mysql_server: Server, databases: tuple[str, str], tmp_path: Path) -> None:
    """A writer adds a row to both in one transaction, again and again: both backups have as many."""
    first, second = databases
    for name in databases:
        mysql_server.execute(f"CREATE TABLE {name}.t (id INT AUTO_INCREMENT PRIMARY KEY) ENGINE=InnoDB")
    stop = threading.Event()

    def write() -> None:
        with mysql_server.connect() as connection:
            connection.autocommit(False)
            cursor = connection.cursor()
            while not stop.is_set():
                cursor.execute(f"INSERT INTO {first}.t () VALUES ()")
                cursor.execute(f"INSERT INTO {second}.t () VALUES ()")
                connection.commit()

    writer = threading.Thread(target=write)
    with ExitStack() as stack:
        writer.start()
        stack.callback(writer.join)
        stack.callback(stop.set)
        _back_up(mysql_server, tmp_path, databases, "no_such_user")
    rows = {
        entry.manifest.database: entry.manifest.rows
        for entry in Repository(str(tmp_path)).entries()
        if entry.manifest.database
    }
    assert rows[first] == rows[second] > 0


def test_a_young_set_of_other_parts_is_no_substitute(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        mysql_server.execute(f"CREATE TABLE `{database}`.t (i INT PRIMARY KEY)")

        def made(users: str = "none_such", **each: Any) -> bool:
            given: BackupOptions = options(mysql_server, "", lock_tables=True, **each)
            wanted = ClusterBackupOptions(
                each=given, databases=(database,), globals=GlobalsOptions(include_users=(f"{users}*",))
            )
            place = Destination(repository=str(tmp_path / "r"), cluster="zoo")
            return backup_cluster(ClusterBackupRequest(wanted, place, max_age=3600), Progress()).changed

        assert made()
        assert not made()
        assert made(selection=Selection(skip_views=True))
        assert made(users="others")
        assert not made(users="others")
