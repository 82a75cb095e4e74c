# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""``verify: digest``: what is in the restored tables is compared with the manifest, value by value."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import RestoreError, UsageError
from dbfleet.mysql.connection import connect
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import RestoreOptions
from dbfleet.mysql.restored_rows import compare_restored
from dbfleet.mysql.script_files import Scripts
from dbfleet.mysql.script_walk import summarize
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from . import zoo
from .backup_support import options, scratch
from .restore_support import connected, connection_options
from .restore_support import restore as restore_script

DIGEST = LoadOptions(verify="digest")


def _back_up(server: Server, database: str, dest: Path, **changes: Any) -> Path:
    request = BackupRequest(options(server, database, **changes), Destination(dest=str(dest)))
    return Path(backup(request, Progress()).backup["path"])


def _restore(server: Server, database: str, source: Path, progress: Progress, **changes: Any) -> RestoreResult:
    into = RestoreOptions(connection_options(server), database, load=DIGEST, **changes)
    return restore(RestoreRequest(into, Origin(source=str(source))), progress)


@pytest.mark.parametrize(
    ("name", "form"),
    [("mysql57", "plain"), ("mysql97", "directory"), ("mariadb105", "directory"), ("mariadb118", "plain")],
)
def test_every_table_of_the_zoo_is_compared_by_content(
    server_pool: ServerPool, tmp_path: Path, name: str, form: str
) -> None:
    mysql_server = server_pool.get(name)
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        jobs = 2 if form == "directory" else 1
        made = _back_up(mysql_server, database, tmp_path / "made", format=form, jobs=jobs, lock_tables=True)
        mysql_server.execute(f"DROP DATABASE `{database}`")
        progress = Progress()
        done = _restore(mysql_server, database, made, progress, create=True, jobs=jobs).restore
        assert done["checks"]["compared"] == {"digest": len(done["tables"]), "rows": 0}
        assert not [text for text in progress.warnings if "compared" in text]


SETTINGS = (
    "CREATE TABLE keyed (id INT PRIMARY KEY, t VARCHAR(40), b BLOB) ENGINE=InnoDB",
    "INSERT INTO keyed VALUES (1, 'it''s (a) \\\\ \\'),(', x'00270d0a1a'), (2, '', NULL), (3, NULL, '')",
    "CREATE TABLE unkeyed (n INT, t TEXT) ENGINE=InnoDB",
    "INSERT INTO unkeyed VALUES (1, 'one'), (2, 'two'), (2, 'two'), (3, '),(')",
    "CREATE TABLE none (n INT) ENGINE=InnoDB",
    "CREATE TABLE ratios (n INT PRIMARY KEY, r DOUBLE) ENGINE=InnoDB",
    "INSERT INTO ratios VALUES (1, 0.5)",
)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("UPDATE keyed SET t = 'its (a) \\\\ \\'),(' WHERE id = 1", "keyed has other content"),
        ("UPDATE keyed SET b = '' WHERE id = 2", "keyed has other content"),
        ("DELETE FROM unkeyed WHERE n = 3", "unkeyed has 3 rows instead of 4"),
        ("INSERT INTO none VALUES (1)", "none has 1 rows instead of 0"),
        ("UPDATE unkeyed SET n = 1, t = 'one' WHERE n = 2 LIMIT 1", "unkeyed has other content"),
        ("DROP TABLE none", "none is not there"),
    ],
)
def test_what_differs_is_named(mysql_latest: Server, tmp_path: Path, change: str, wrong: str) -> None:
    with pytest.raises(RestoreError, match=wrong):
        _compare_changed(mysql_latest, tmp_path, change)


def test_rows_in_another_order_and_division_are_the_same(mysql_latest: Server, tmp_path: Path) -> None:
    change = "CREATE TABLE o AS SELECT * FROM unkeyed; DELETE FROM unkeyed; "
    change += "INSERT INTO unkeyed SELECT * FROM o ORDER BY n DESC; DROP TABLE o"
    assert _compare_changed(mysql_latest, tmp_path, change) == {"digest": 4, "rows": 0}


def test_other_text_of_another_version_is_no_alarm_and_is_told(mysql_latest: Server, tmp_path: Path) -> None:
    """A floating point number may be written otherwise there; whole numbers and text may not."""
    progress = Progress()
    of_old = {"version_number": 50744}
    compared = _compare_changed(mysql_latest, tmp_path, "UPDATE ratios SET r = 0.25", progress=progress, source=of_old)
    assert compared == {"digest": 3, "rows": 1}
    assert "number of rows: ratios (" in progress.warnings[-1]
    with pytest.raises(RestoreError, match="keyed has other content"):
        _compare_changed(mysql_latest, tmp_path, "UPDATE keyed SET t = 'z' WHERE id = 1", source=of_old)


def _compare_changed(
    server: Server,
    folder: Path,
    change: str,
    *,
    progress: Progress | None = None,
    source: dict[str, Any] | None = None,
) -> dict[str, int]:
    with scratch(server) as database:
        with connected(server, database) as cursor:
            for statement in SETTINGS:
                cursor.execute(statement)
        made = _back_up(server, database, folder / "made.sql")
        with connected(server, database) as cursor:
            for statement in change.split("; "):
                cursor.execute(statement)
        artifact = open_artifact(str(made))
        manifest = artifact.manifest
        assert manifest is not None
        manifest = dataclasses.replace(manifest, server=dataclasses.replace(manifest.server, **(source or {})))
        into = RestoreOptions(connection_options(server), database, load=DIGEST)
        summary = summarize(artifact, manifest, into, Progress())
        found = compare_restored(
            lambda: connect(connection_options(server), database=database),
            into,
            manifest,
            Scripts(artifact),
            summary,
            progress or Progress(),
            [table.name for table in manifest.contents.tables],
        )
        return dataclasses.asdict(found)


def test_content_of_another_servers_backup_is_compared(server_pool: ServerPool, tmp_path: Path) -> None:
    old, new = (server_pool.get(name) for name in ("mysql57", "mariadb118"))
    with scratch(old) as database, scratch(new) as target:
        with connected(old, database) as cursor:
            for statement in SETTINGS:
                cursor.execute(statement)
        made = _back_up(old, database, tmp_path / "made.sql")
        done = _restore(new, target, made, Progress()).restore
        assert done["checks"]["compared"] == {"digest": 4, "rows": 0}


def test_where_there_is_nothing_to_compare_with_it_is_refused(mysql_latest: Server, tmp_path: Path) -> None:
    with scratch(mysql_latest) as target:
        script = b"CREATE TABLE t (i INT);\n"
        with pytest.raises(UsageError, match="there is none"):
            restore_script(mysql_latest, target, script, tmp_path, load=DIGEST)
        assert not mysql_latest.execute(f"SHOW TABLES FROM `{target}`")
