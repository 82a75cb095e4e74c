# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a newer server or one of the other family would not take is told before, with the rewrite that helps."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from dbfleet.backup import Destination
from dbfleet.cluster_backup import ClusterBackupRequest, backup_cluster
from dbfleet.cluster_restore import ClusterRestoreRequest, restore_cluster
from dbfleet.errors import UsageError
from dbfleet.mysql.options import ClusterBackupOptions, GlobalsOptions, RestoreChanges, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin
from tests.servers.fixtures import ServerPool

from .backup_support import options, scratch
from .restore_support import backup, connected, connection_options, genuine_dump, restore

_BODY = "BEGIN DECLARE {0} INT; SET {0} = 7; SELECT {0}; END"


@pytest.mark.parametrize(
    ("source_name", "target_name", "word"),
    [("mysql57", "mysql97", "rank"), ("mysql57", "mariadb118", "over"), ("mariadb118", "mysql97", "system")],
)
def test_a_name_that_is_reserved_there_is_told_and_quoted_on_request(
    server_pool: ServerPool, tmp_path: Path, source_name: str, target_name: str, word: str
) -> None:
    old, new = server_pool.get(source_name), server_pool.get(target_name)
    with scratch(old) as source, scratch(new) as target:
        with connected(old, source) as cursor:
            cursor.execute(f"CREATE PROCEDURE p() {_BODY.format(word)}")
        manifest, path = backup(old, source, tmp_path)
        for script, known in ((path, manifest), (genuine_dump(old, source), None)):
            with connected(new, target) as cursor:
                cursor.execute("DROP PROCEDURE IF EXISTS p")
            with pytest.raises(UsageError, match=f"the name {word} without quotes") as caught:
                restore(new, target, script, tmp_path, manifest=known)
            wanted = f"name:{word}={word}"
            assert wanted in caught.value.context["rewrite"]
            changes = RestoreChanges(rewrite=tuple(_parsed(one) for one in caught.value.context["rewrite"]))
            restore(new, target, script, tmp_path, manifest=known, changes=changes)
            with connected(new, target) as cursor:
                cursor.execute("CALL p()")
                assert cursor.fetchone() == (7,)


def _parsed(text: str) -> tuple[str, str, str]:
    kind, _colon, rest = text.partition(":")
    old, _equals, new = rest.partition("=")
    return kind, old, new


def test_code_for_other_servers_is_told(server_pool: ServerPool, tmp_path: Path) -> None:
    """MariaDB passes over what comments hold for MySQL, and the table is another one then."""
    server = server_pool.get("mariadb118")
    progress = Progress()
    script = b"CREATE TABLE t (a INT, b INT /*!80023 INVISIBLE */, c INT /*!50100 NOT NULL */ /*M!100301 DEFAULT 3 */);"
    with scratch(server) as target:
        restore(server, target, script, tmp_path, progress=progress)
    told = [text for text in progress.warnings if "leaves out" in text]
    assert told == ["table t: the target leaves out 'INVISIBLE', which is for servers from 8.0.23 on"]


@pytest.mark.parametrize(("source_name", "target_name"), [("mysql57", "mysql97"), ("mariadb118", "mysql97")])
def test_accounts_that_could_not_log_in_there_are_named(
    server_pool: ServerPool, tmp_path: Path, source_name: str, target_name: str
) -> None:
    old, new = server_pool.get(source_name), server_pool.get(target_name)
    user = f"u{secrets.token_hex(4)}"
    how = "WITH mysql_native_password BY" if old.flavor == "mysql" else "BY"
    with scratch(old) as database:
        old.execute(f"CREATE USER {user}@localhost IDENTIFIED {how} 'word'")
        try:
            wanted = ClusterBackupOptions(
                options(old, ""), databases=(database,), globals=GlobalsOptions(include_users=(user,))
            )
            place = Destination(repository=str(tmp_path / "r"), cluster="zoo")
            backup_cluster(ClusterBackupRequest(wanted, place), Progress())
        finally:
            old.execute(f"DROP USER {user}@localhost")
        into = RestoreOptions(connection_options(new), "")
        origin = Origin(repository=str(tmp_path / "r"), cluster="zoo")
        with pytest.raises(
            UsageError, match="lacks plugins that accounts log in with: mysql_native_password"
        ) as caught:
            restore_cluster(ClusterRestoreRequest(into, origin, globals_only=True), Progress())
        assert user in caught.value.message
        assert not new.execute(f"SELECT 1 FROM mysql.user WHERE User = '{user}'")
