# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole zoo of every server version, backed up and loaded by the genuine client: nothing may differ."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet import drivers
from dbfleet.mysql import rows_fast
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from . import zoo
from .backup_support import back_up, differences, empty, load, picture, scratch


def test_the_zoo_survives_backup_and_genuine_load(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        want = picture(mysql_server, database)
        made = back_up(mysql_server, database, tmp_path, lock_tables=True)
        empty(mysql_server, database)
        load(mysql_server, database, made.text)
        got = picture(mysql_server, database)
    assert not differences(got, want)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("mysql57", "mysql97"),
        ("mariadb105", "mariadb1011"),
        ("mariadb1011", "mariadb118"),
        ("mariadb105", "mariadb118"),
    ],
)
def test_a_newer_server_of_the_family_loads_the_zoo(
    server_pool: ServerPool, tmp_path: Path, older: str, newer: str
) -> None:
    source, target = server_pool.get(older), server_pool.get(newer)
    with scratch(source) as database, scratch(target, database):
        zoo.fill(source, database)
        want = _content(picture(source, database, checksums=False))
        made = back_up(source, database, tmp_path, lock_tables=True)
        target.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        load(target, database, made.text)
        got = _content(picture(target, database, checksums=False))
    assert not differences(got, want)


def _content(found: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on how a version shows definitions: the objects' names and every row."""
    return {key: value if key.startswith("rows of ") else "" for key, value in found.items()}


def test_the_digest_is_that_of_the_statements(mysql_server: Server, tmp_path: Path) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        made = back_up(mysql_server, database, tmp_path / "one", lock_tables=True)
        again = back_up(mysql_server, database, tmp_path / "two", lock_tables=True, compression="none")
    found = _digests(made.text)
    assert {(table.name, table.bytes, table.sha256) for table in made.contents.tables} == found
    assert made.contents.tables == again.contents.tables
    assert {table.name: table.rows for table in made.contents.tables}["many"] == 20_000
    assert made.text.splitlines()[-1].startswith(b"-- Dump completed")


def _digests(script: bytes) -> set[tuple[str, int, str]]:
    """By the documented definition: the INSERT statements between a table's LOCK TABLES and UNLOCK TABLES."""
    found = set()
    for section in re.split(rb"^LOCK TABLES ", script, flags=re.MULTILINE)[1:]:
        quoted = re.match(rb"((?:`[^`]*`)+) WRITE", section)
        assert quoted
        data = section.partition(b"DISABLE KEYS */;\n")[2].partition(b"/*!40000 ALTER TABLE " + quoted.group(1))[0]
        name = quoted.group(1)[1:-1].replace(b"``", b"`").decode()
        found.add((name, len(data), hashlib.sha256(data).hexdigest()))
    return found


def test_a_dump_without_numpy_is_the_same(
    mysql_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        # However few rows there are.
        for limit in ("WORTH_A_BATCH", "WORTH_LOADING", "WORTH_LOADING_BYTES"):
            monkeypatch.setattr(rows_fast, limit, 0)
        fast = back_up(mysql_server, database, tmp_path / "fast", lock_tables=True)
        monkeypatch.setattr(drivers, "numpy", lambda: None)
        exact = back_up(mysql_server, database, tmp_path / "exact", lock_tables=True)
    assert exact.contents.tables == fast.contents.tables
    assert any("numpy" in warning for warning in exact.warnings)
    assert not any("numpy" in warning for warning in fast.warnings)


def test_nothing_changes_on_the_source(mysql_server: Server, tmp_path: Path) -> None:
    """No global setting, no event in the binlog, no session left."""
    with scratch(mysql_server) as database:
        zoo.fill(mysql_server, database)
        before = _state(mysql_server)
        back_up(mysql_server, database, tmp_path, lock_tables=True)
        deadline = time.monotonic() + 60
        while _state(mysql_server) != before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert _state(mysql_server) == before


def _state(server: Server) -> Any:
    changing = ("gtid", "timestamp", "rand_seed", "pseudo", "error_count", "warning_count", "last_", "statement_id")
    variables = {
        name: value
        for name, value in server.execute("SHOW GLOBAL VARIABLES")
        if not any(word in name.lower() for word in changing)
    }
    logs = [tuple(row[:2]) for row in server.execute("SHOW BINARY LOGS")]
    sessions = server.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'root'")
    return variables, logs, sessions
