# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""System-versioned tables with their past: every row with the time in which it was current."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import UnsupportedObjectError
from dbfleet.mysql.options import Selection
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .backup_support import back_up, load, scratch
from .directory_support import back_up_folder
from .restore_support import connected, restore

_TABLES = (
    "CREATE TABLE implied (id INT PRIMARY KEY, v INT, w INT WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING",
    (
        "CREATE TABLE named (id INT PRIMARY KEY, v INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, "
        "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING"
    ),
    (
        "CREATE TABLE divided (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING "
        "PARTITION BY SYSTEM_TIME (PARTITION p0 HISTORY, PARTITION p1 CURRENT)"
    ),
    "CREATE TABLE plain (id INT PRIMARY KEY, v INT)",
)
_TIMES = {"implied": "row_start, row_end", "named": "s, e", "divided": "row_start, row_end"}


def _fill(server: Server, database: str) -> None:
    with connected(server, database) as cursor:
        for statement in _TABLES:
            cursor.execute(statement)
        for table in (*_TIMES, "plain"):
            cursor.execute(f"INSERT INTO {table} (id, v) VALUES (1, 1), (2, NULL), (3, 3)")
            for value in (10, 11):
                time.sleep(0.002)
                cursor.execute(f"UPDATE {table} SET v = {value} WHERE id = 1")
            cursor.execute(f"DELETE FROM {table} WHERE id = 3")


def _history(server: Server, database: str) -> dict[str, Any]:
    """Every row with its times; of a current one the end is whatever this server says."""
    found: dict[str, Any] = {}
    with connected(server, database) as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        for table, times in _TIMES.items():
            start, end = times.split(", ")
            cursor.execute(
                f"SELECT id, v, {start}, IF({end} > NOW() + INTERVAL 1 YEAR, 'current', {end}) FROM {table} "
                "FOR SYSTEM_TIME ALL ORDER BY 1, 3"
            )
            found[table] = cursor.fetchall()
            cursor.execute(f"SELECT id, v FROM {table} ORDER BY 1")
            found[f"current {table}"] = cursor.fetchall()
    return found


@pytest.mark.parametrize(
    ("source_name", "target_name"),
    [("mariadb1011", "mariadb1011"), ("mariadb118", "mariadb118"), ("mariadb105", "mariadb118")],
)
def test_the_past_comes_back(server_pool: ServerPool, tmp_path: Path, source_name: str, target_name: str) -> None:
    source, target = server_pool.get(source_name), server_pool.get(target_name)
    selection = Selection(dump_history=True)
    with scratch(source) as database, scratch(target, f"{database}_2") as other:
        _fill(source, database)
        want = _history(source, database)
        assert len(want["implied"]) == 5
        made = back_up(source, database, tmp_path / "script", selection=selection)
        assert made.contents.options["system_versioned_history"] is True
        assert {one.name: one.rows for one in made.contents.tables} == {
            "implied": 5, "named": 5, "divided": 5, "plain": 2
        }  # fmt: skip
        assert not any("current rows" in warning for warning in made.warnings)
        restore(target, other, made.text, tmp_path)
        assert _history(target, other) == want
        folder = back_up_folder(source, database, tmp_path / "folder", selection=selection, jobs=2)
        restore(target, other, folder.path, tmp_path, clean=True)
        assert _history(target, other) == want
        load(target, other, made.text)
        assert _history(target, other) == want


def test_history_by_transactions_is_refused(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("mariadb118")
    with scratch(server) as database:
        server.execute(
            f"CREATE TABLE {database}.t (id INT PRIMARY KEY, s BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, "
            "e BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) "
            "WITH SYSTEM VERSIONING ENGINE=InnoDB"
        )
        with pytest.raises(UnsupportedObjectError, match="counts transactions"):
            back_up(server, database, tmp_path / "refused", selection=Selection(dump_history=True))
        made = back_up(server, database, tmp_path / "current")
        assert any("current rows" in warning for warning in made.warnings)
