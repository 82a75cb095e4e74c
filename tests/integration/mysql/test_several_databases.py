# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several databases in one script or folder: all of them, one out of it, and one under another name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.cluster_restore import ClusterRestoreRequest, restore_cluster
from dbfleet.errors import NotFoundError, UsageError
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import ClusterBackupOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from dbfleet.restore import Origin, RestoreRequest
from dbfleet.restore import restore as restore_one
from dbfleet.structure import verify_structure
from tests.servers import Server
from tests.servers.clients import client
from tests.servers.fixtures import ServerPool

from .backup_support import options
from .restore_support import connected, connection_options, fill, picture, restore, scratch


@pytest.fixture(name="mysql_server", params=["mysql57", "mariadb118"])
def _mysql_server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Server:
    """Not all of them: what differs between the others is tested where it is read and written."""
    return server_pool.get(request.param)


@pytest.fixture(name="databases")
def _databases(mysql_server: Server) -> Iterator[tuple[str, str]]:
    """Two databases full of odd things; a view of the one that comes first reads the other."""
    with scratch(mysql_server) as one, scratch(mysql_server) as two:
        first, second = sorted((one, two))
        for name in (first, second):
            fill(mysql_server, name)
        with connected(mysql_server, first) as cursor:
            cursor.execute(f"CREATE VIEW across AS SELECT id FROM {second}.plain")
            cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
            cursor.execute("CREATE PROCEDURE ends_in_backslash() SELECT 'USE x;\\'")
        yield first, second


DIGEST = LoadOptions(verify="digest")


def _dump(server: Server, *what: str) -> bytes:
    common = ["--single-transaction", "--routines", "--events", "--triggers", *what]
    if server.flavor == "mariadb":
        return client("mariadb-dump", version=server.version[:2]).run(server, *common).stdout
    old = ["--column-statistics=0"] if server.version < (8,) else []
    return client("mysqldump").run(server, *old, "--set-gtid-purged=OFF", *common).stdout


def restore_all(server: Server, source: Path, progress: Progress | None = None, **more: Any) -> dict[str, Any]:
    into = RestoreOptions(connection=connection_options(server), database="")
    request = ClusterRestoreRequest(options=into, origin=Origin(source=str(source)), **more)
    return dict(restore_cluster(request, progress or Progress()).restore)


def _drop(server: Server, names: tuple[str, ...]) -> None:
    for name in names:
        server.execute(f"DROP DATABASE `{name}`")


def test_all_databases_of_a_genuine_dump(mysql_server: Server, databases: tuple[str, str], tmp_path: Path) -> None:
    want = [picture(mysql_server, name) for name in databases]
    source = tmp_path / "two.sql"
    source.write_bytes(_dump(mysql_server, "--databases", *databases))
    with pytest.raises(UsageError, match="exist on the server"):
        restore_all(mysql_server, source)
    _drop(mysql_server, databases)
    planned = restore_all(mysql_server, source, check=True)
    done = restore_all(mysql_server, source)
    assert [one["database"] for one in planned["databases"]] == [one["database"] for one in done["databases"]]
    # The one that is read by the other's view comes first.
    assert [one["database"] for one in done["databases"]] == [databases[1], databases[0]]
    assert [picture(mysql_server, name) for name in databases] == want


def test_one_of_a_genuine_dump_of_everything(mysql_server: Server, databases: tuple[str, str], tmp_path: Path) -> None:
    """``--all-databases``: with the server's own tables, from which nothing is taken."""
    script = _dump(mysql_server, "--all-databases")
    with scratch(mysql_server) as target:
        restore(mysql_server, target, script, tmp_path, source_database=databases[1])
        assert picture(mysql_server, target) == picture(mysql_server, databases[1])
        with pytest.raises(UsageError, match="source_database"):
            restore(mysql_server, target, script, tmp_path, force=True)
        with pytest.raises(NotFoundError, match=f"it holds .*{databases[0]}"):
            restore(mysql_server, target, script, tmp_path, force=True, source_database="other")


def _back_up(server: Server, names: tuple[str, ...], dest: Path, **each: Any) -> Path:
    wanted = ClusterBackupOptions(options(server, "", lock_tables=True, **each), databases=names)
    made = backup(BackupRequest(wanted, Destination(dest=str(dest))), Progress()).backup
    return Path(made["path"])


@pytest.mark.parametrize(("form", "jobs"), [("plain", 1), ("directory", 2)])
def test_our_own_backup_of_several(
    mysql_server: Server, databases: tuple[str, str], tmp_path: Path, form: str, jobs: int
) -> None:
    """One of them under another name, then all of them under their own."""
    want = [picture(mysql_server, name) for name in databases]
    made = _back_up(mysql_server, databases, tmp_path / "made", format=form, jobs=jobs)
    artifact = open_artifact(str(made))
    verify_structure(artifact, artifact.manifest, Progress())
    with scratch(mysql_server, create=False) as target:
        into = RestoreOptions(
            connection_options(mysql_server), target, create=True, source_database=databases[1], load=DIGEST, jobs=2
        )
        done = restore_one(RestoreRequest(into, Origin(source=str(made))), Progress()).restore
        assert done["checks"]["compared"]["rows"] == 0
        assert picture(mysql_server, target) == want[1]
    _drop(mysql_server, databases)
    done = restore_all(mysql_server, made)
    assert [one["database"] for one in done["databases"]] == [databases[1], databases[0]]
    assert [picture(mysql_server, name) for name in databases] == want


def test_the_genuine_programs_load_a_backup_of_several(
    mysql_server: Server, databases: tuple[str, str], tmp_path: Path
) -> None:
    want = [picture(mysql_server, name) for name in databases]
    script = _back_up(mysql_server, databases, tmp_path / "made.sql", compression="none").read_bytes()
    _drop(mysql_server, databases)
    mariadb = mysql_server.flavor == "mariadb"
    program = client("mariadb", version=mysql_server.version[:2]) if mariadb else client("mysql")
    program.run(mysql_server, "--binary-mode", "--comments", "--default-character-set=utf8mb4", input=script)
    assert [picture(mysql_server, name) for name in databases] == want


def test_a_younger_backup_of_the_same_databases_is_enough(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as one, scratch(mysql_latest) as two:

        def made(*names: str) -> bool:
            wanted = ClusterBackupOptions(options(mysql_latest, ""), databases=names)
            request = BackupRequest(wanted, Destination(dest=str(tmp_path / "b.sql")), max_age=3600)
            return backup(request, Progress()).changed

        assert made(one, two)
        assert not made(one, two)
        assert made(one)
        assert not made(one)
