# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Between families and versions: what the target does not know is said before, with the rewrite that would help."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.load_options import LoadOptions
from dbfleet.mysql.options import RestoreChanges
from dbfleet.requests.given import Given
from dbfleet.requests.mysql_restore_changes import restore_changes
from tests.servers.fixtures import ServerPool

from .backup_support import scratch
from .restore_support import backup, connected, picture, restore

_TABLES = {
    "mysql97": (
        (
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) COLLATE utf8mb4_0900_as_cs, j JSON) "
            "DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci"
        ),
        "INSERT INTO t VALUES (1, 'Ä', '{\"a\": [1, 2]}')",
        "SET sql_mode = 'TIME_TRUNCATE_FRACTIONAL'",
        "CREATE PROCEDURE does() SELECT CONVERT('x' USING utf8mb4) COLLATE utf8mb4_0900_ai_ci",
    ),
    "mariadb118": (
        (
            "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20) COLLATE utf8mb4_uca1400_as_cs, j TEXT) "
            "ENGINE=Aria DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_uca1400_ai_ci"
        ),
        "INSERT INTO t VALUES (1, 'Ä', '{\"a\": [1, 2]}')",
        "SET sql_mode = 'EMPTY_STRING_IS_NULL'",
        "CREATE PROCEDURE does() SELECT CONVERT('x' USING utf8mb4) COLLATE utf8mb4_uca1400_ai_ci",
    ),
    "mysql57": (
        "CREATE TABLE t (id INT PRIMARY KEY, s VARCHAR(20), j TEXT) DEFAULT CHARSET=latin1",
        "INSERT INTO t VALUES (1, 'Ä', '{\"a\": [1, 2]}')",
        "SET sql_mode = 'NO_AUTO_CREATE_USER,ANSI'",
        "CREATE PROCEDURE does() SELECT 1",
    ),
}


def _changes(texts: list[str]) -> RestoreChanges:
    """As a user gives them."""
    return restore_changes(Given("restore", "mysql", {"rewrite": texts}))


@pytest.mark.parametrize(
    ("source_name", "target_name", "kinds"),
    [
        ("mysql97", "mysql57", {"collation", "sql_mode"}),
        ("mysql97", "mariadb105", {"collation", "sql_mode"}),
        ("mysql97", "mariadb118", {"sql_mode"}),
        ("mariadb118", "mariadb105", {"collation"}),
        ("mariadb118", "mysql97", {"collation", "sql_mode", "engine", "table_option"}),
        ("mysql57", "mysql97", {"sql_mode"}),
    ],
)
def test_what_the_error_proposes_is_what_it_needs(
    server_pool: ServerPool, tmp_path: Path, source_name: str, target_name: str, kinds: set[str]
) -> None:
    source, target = server_pool.get(source_name), server_pool.get(target_name)
    with scratch(source) as database, scratch(target, database):
        with connected(source, database) as cursor:
            cursor.execute("SET NAMES utf8mb4")
            for statement in _TABLES[source_name]:
                cursor.execute(statement)
        manifest, path = backup(source, database, tmp_path)
        with pytest.raises(UsageError, match="cannot hold this backup") as caught:
            restore(target, database, path, tmp_path, manifest=manifest)
        assert not picture(target, database)
        proposed = caught.value.context["rewrite"]
        assert len(proposed) == len(caught.value.context["problems"])
        assert all(one in caught.value.hint for one in proposed)
        restore(target, database, path, tmp_path, manifest=manifest, changes=_changes(proposed))
        assert {one.partition(":")[0] for one in proposed} == kinds
        with connected(target, database) as cursor:
            cursor.execute("SELECT id, s, CAST(j AS CHAR) FROM t")
            assert cursor.fetchall() == ((1, "Ä", '{"a": [1, 2]}'),)
            cursor.execute("CALL does()")


def test_what_nothing_can_replace_is_refused(server_pool: ServerPool, tmp_path: Path) -> None:
    source, target = server_pool.get("mariadb118"), server_pool.get("mysql97")
    with scratch(source) as database, scratch(target, database):
        with connected(source, database) as cursor:
            cursor.execute("CREATE SEQUENCE numbers")
            cursor.execute("CREATE TABLE old (id INT) WITH SYSTEM VERSIONING DEFAULT CHARSET=latin1")
        manifest, path = backup(source, database, tmp_path)
        with pytest.raises(UsageError, match=r"sequence \(sequence numbers\).*system versioning \(table old\)"):
            restore(target, database, path, tmp_path, manifest=manifest)


@pytest.mark.parametrize("name", ["mysql97", "mariadb118"])
def test_the_target_goes_on_where_the_backup_was_taken(server_pool: ServerPool, tmp_path: Path, name: str) -> None:
    server = server_pool.get(name)
    with scratch(server) as database, server_pool.fresh(name) as target:
        with connected(server, database) as cursor:
            for number in range(20):
                cursor.execute(f"CREATE TABLE t{number} (id INT)")
        manifest, path = backup(server, database, tmp_path)
        gtid = manifest.contents.snapshot["gtid"]
        changes = RestoreChanges(set_gtid=True)
        arguments = {"manifest": manifest, "create": True, "changes": changes}
        if server.flavor == "mariadb":
            with pytest.raises(UsageError, match="contradict"):
                restore(target, database, path, tmp_path, **arguments)
            target.execute("RESET MASTER")
        restore(target, database, path, tmp_path, load=LoadOptions(skip_binlog=True), **arguments)
        if server.flavor == "mariadb":
            assert target.execute("SELECT @@GLOBAL.gtid_slave_pos") == [(gtid,)]
        else:
            assert target.execute(f"SELECT GTID_SUBSET('{gtid}', @@GLOBAL.gtid_purged)") == [(1,)]
        with pytest.raises(UsageError, match="no GTIDs"):
            restore(target, database, path, tmp_path, force=True, changes=changes)


def test_gtids_that_the_target_has_already_are_an_error(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("mysql97")
    with scratch(server) as database, scratch(server) as target:
        with connected(server, database) as cursor:
            cursor.execute("CREATE TABLE t (id INT)")
        manifest, path = backup(server, database, tmp_path)
        with connected(server, database) as cursor:
            cursor.execute("CREATE TABLE more (id INT)")
        with pytest.raises(UsageError, match="contradict"):
            restore(server, target, path, tmp_path, manifest=manifest, changes=RestoreChanges(set_gtid=True))


@pytest.mark.parametrize("text", ["collation:a", "colour:a=b", "engine:aria=", "a=b", "collation:a b=c"])
def test_a_rewrite_that_says_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="rewrite"):
        _changes([text])


def test_accounts_are_mapped_by_user_and_host() -> None:
    found = restore_changes(Given("restore", "mysql", {"definer_map": ["a@%=b", "'x@y'@'10.%'=c@localhost"]}))
    assert found.definer_map == ((("a", "%"), ("b", "%")), (("x@y", "10.%"), ("c", "localhost")))
    with pytest.raises(UsageError, match="definer_map"):
        restore_changes(Given("restore", "mysql", {"definer_map": ["a@%"]}))
