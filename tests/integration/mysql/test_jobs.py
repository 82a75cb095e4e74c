# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole zoo of every server version through both jobs: a repository between them, and nothing may differ."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.mysql.options import RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, restore
from tests.servers import Server

from . import zoo
from .backup_support import differences, options, picture, scratch

# Tables whose rows are kept elsewhere: the definition is in the backup, a record of rows is not.
WITHOUT_ROWS = {"merged", "blackhole"}


def _back_up(server: Server, database: str, repository: Path) -> dict[str, Any]:
    request = BackupRequest(
        options=options(server, database, lock_tables=True),
        destination=Destination(repository=str(repository), cluster="zoo"),
    )
    return dict(backup(request, Progress()).backup)


def _restore(server: Server, target: str, repository: Path) -> dict[str, Any]:
    connection = options(server, target).connection
    request = RestoreRequest(
        options=RestoreOptions(connection=connection, database=target, create=True),
        origin=Origin(repository=str(repository), cluster="zoo"),
    )
    return dict(restore(request, Progress()).restore)


def _check_records(made: dict[str, Any], restored: dict[str, Any], want: dict[str, Any]) -> None:
    rows = {key.removeprefix("rows of "): value[0] for key, value in want.items() if key.startswith("rows of ")}
    expected = {name: count for name, count in rows.items() if name not in WITHOUT_ROWS}
    assert {table["name"]: table["rows"] for table in made["tables"]} == expected
    assert {table["name"]: table["rows"] for table in restored["tables"]} == expected
    assert restored["rows"] == made["rows"] == sum(expected.values())


def test_the_zoo_comes_back_under_its_name(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        if mysql_server.flavor == "mysql":
            mysql_server.execute(f"CREATE TABLE `{database}`.blackhole (i INT) ENGINE=BLACKHOLE")
        want = picture(mysql_server, database)
        made = _back_up(mysql_server, database, tmp_path)
        mysql_server.execute(f"DROP DATABASE `{database}`")
        restored = _restore(mysql_server, database, tmp_path)
        assert not differences(picture(mysql_server, database), want)
        _check_records(made, restored, want)


def test_the_zoo_comes_back_under_another_name(mysql_server: Server, tmp_path: Path) -> None:
    """Without what names the database itself: views, and defaults that use a sequence."""
    target = f"other_{secrets.token_hex(6)}"
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        mysql_server.execute(f"DROP TABLE IF EXISTS `{database}`.numbered")
        views = mysql_server.execute(
            f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{database}'"
        )
        for (name,) in views:
            mysql_server.execute(f"DROP VIEW `{database}`.`{name.replace('`', '``')}`")
        want = picture(mysql_server, database)
        made = _back_up(mysql_server, database, tmp_path)
        try:
            restored = _restore(mysql_server, target, tmp_path)
            assert not differences(picture(mysql_server, target), want)
            assert not differences(picture(mysql_server, database), want)
        finally:
            mysql_server.execute(f"DROP DATABASE IF EXISTS `{target}`")
        _check_records(made, restored, want)
