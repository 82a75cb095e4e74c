# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a module returns is documented. The command's ``--json`` prints the same, and starts sooner."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.main import main
from tests.integration.doors import filled_world
from tests.integration.postgresql.wal_restore_support import account, programs
from tests.integration.returned import documented, undocumented_values
from tests.servers.fixtures import Database, ServerPool

pytestmark = pytest.mark.timeout(1200)

MODULES = {
    "backup": "native_backup",
    "compare": "backup_compare",
    "copy": "backup_copy",
    "hold": "backup_hold",
    "info": "backup_info",
    "prune": "backup_prune",
    "restore": "native_restore",
    "verify": "backup_verify",
    "binlog": "binlog_pitr",
    "wal": "wal_pitr",
}


class Command:
    """Runs the command in this process and looks at what it returns."""

    def __init__(self, capsys: pytest.CaptureFixture[str], common: list[str]) -> None:
        self.capsys = capsys
        self.common = common
        self.undocumented: set[str] = set()

    def run(self, *words: str, codes: tuple[int, ...] = (0,)) -> dict[str, Any]:
        job = next(word for word in words if word in MODULES)
        self.capsys.readouterr()
        code = main([*words, "--json"])
        shown = self.capsys.readouterr()
        assert code in codes, (words, shown)
        result = json.loads(shown.out)
        assert isinstance(result, dict)
        self.undocumented.update(undocumented_values(MODULES[job], result))
        return result

    def connected(self, *words: str, **more: Any) -> dict[str, Any]:
        """The same with the options of the connection."""
        return self.run(*words, *self.common, **more)


@pytest.mark.parametrize("dbms", ["postgresql", "mariadb"])
def test_all_that_is_returned_is_documented(
    dbms: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixture = {"postgresql": "pg_latest_database", "mariadb": "mariadb_latest_database"}[dbms]
    database: Database = request.getfixturevalue(fixture)
    repository, second = str(tmp_path / "repository"), str(tmp_path / "second")
    with filled_world(dbms, database) as world:
        monkeypatch.setenv(world.password_variable, world.password)
        command = Command(capsys, [*world.connection()])
        name = database.name
        one = ["--repository", repository, "--cluster", "one", "--database", name]
        command.connected("backup", dbms, *one, "--check")
        command.connected("backup", dbms, *one, "--copy-to", second)
        again = command.connected("backup", dbms, *one, "--max-age", "1h", "--copy-to", second)
        assert not again["changed"]
        command.connected("backup", dbms, "--dest", str(tmp_path / "file"), "--database", name)
        command.run("hold", repository, "--reason", "a test")
        command.run("verify", repository)
        command.run("copy", repository, "--copy-to", second)
        command.run("info", repository)
        command.run("info", repository, "--database", name, "--backup", "latest")
        if dbms == "postgresql":
            command.run("info", repository, "--database", name, "--backup", "latest", "--list")
        command.run("prune", repository, "--keep-last", "1", "--check")
        restored = [*one[:4], "--source-database", name, "--database", f"{name}_again", "--create"]
        command.connected("restore", dbms, *restored, "--check")
        more = ["--analyze"] if dbms == "postgresql" else []
        try:
            command.connected("restore", dbms, *restored, "--verify", "digest", *more)
            world.database.execute("INSERT INTO orders VALUES (-1, 'more')")
            compared = ["--database", f"{name}_again", "--other-database", name]
            different = command.connected("compare", dbms, *compared, codes=(1,))
            assert not different["equal"]
        finally:
            world.drop(f"{name}_again")
        failed = command.connected("restore", dbms, *restored[:4], "--database", name, codes=(1,))
        assert failed["error"]["kind"] == "target_not_empty"
        assert command.undocumented == set()


def test_all_that_states_of_wal_pitr_return_is_documented(
    server_pool: ServerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = server_pool.get("pg18")
    command = Command(capsys, ["--host", server.socket, "--port", str(server.port), "--user", server.user])
    place = ["--repository", str(tmp_path / "repository"), "--cluster", "one"]
    command.connected("wal", "basebackup", *place, "--checkpoint", "fast", "--check")
    command.connected("wal", "basebackup", *place, "--checkpoint", "fast")
    command.connected("wal", "archive", *place)
    target = ["--data-folder", str(tmp_path / "data"), "--target-immediate", "--owner", account()]
    command.run("wal", "restore", *place, *target, "--check")
    command.run("wal", "restore", *place, *target, "--check", "--start", "--server-programs", programs("pg18"))
    command.run("wal", "combine", *place)
    command.run("wal", "restore", *place, *target)
    command.run("info", str(tmp_path / "repository"))
    assert command.undocumented == set()


def test_all_that_states_of_binlog_pitr_return_is_documented(
    mariadb_latest_database: Database,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with filled_world("mariadb", mariadb_latest_database) as world:
        monkeypatch.setenv(world.password_variable, world.password)
        command = Command(capsys, [*world.connection()])
        name = mariadb_latest_database.name
        place = ["--repository", str(tmp_path / "repository"), "--cluster", "one"]
        command.connected("backup", "mariadb", *place, "--database", name)
        # Binlogs have whole seconds.
        time.sleep(1.1)
        mariadb_latest_database.execute("INSERT INTO orders VALUES (-1, 'more')")
        command.connected("binlog", "archive", *place)
        to = [*place, "--source-database", name, "--database", f"{name}_then", "--create", "--to-latest"]
        command.connected("binlog", "restore", *to, "--check")
        try:
            command.connected("binlog", "restore", *to)
        finally:
            world.drop(f"{name}_then")
        command.run("binlog", "prune", "--repository", str(tmp_path / "repository"))
        command.run("info", str(tmp_path / "repository"))
        assert command.undocumented == set()


def test_what_is_not_documented_is_found() -> None:
    assert undocumented_values("native_backup", {"changed": True, "backup": {"id": "x", "colour": "red"}}) == [
        "native_backup.backup.colour"
    ]
    assert undocumented_values("native_backup", {"copies": [{"id": "x"}, {"where": 1}], "more": 1}) == [
        "native_backup.copies.where",
        "native_backup.more",
    ]
    assert "backup" in documented("native_backup")
