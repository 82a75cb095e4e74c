# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts of databases, whole servers and changed restores through the modules and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.main import main
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import Database


@pytest.fixture
def world(mariadb_latest_database: Database) -> Iterator[World]:
    with filled_world("mariadb", mariadb_latest_database) as made:
        made.database.execute("CREATE VIEW seen AS SELECT COUNT(*) AS n FROM orders")
        made.database.execute("CREATE DEFINER = nobody@nowhere PROCEDURE does() SELECT COUNT(*) FROM orders")
        yield made


def test_through_the_command(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MYSQL_PWD", world.password)
    repository = ["--repository", str(tmp_path / "repository"), "--cluster", "c"]
    target = f"{world.name}_other"

    def run(*words: str, expect: int = 0) -> dict[str, Any]:
        code = main([*words, *world.connection(), "--json", "--quiet"])
        out = capsys.readouterr().out
        assert code == expect, out
        return dict(json.loads(out))

    try:
        made = run(
            "backup", "mariadb", "--databases", world.name, *repository, "--include-user", world.user,
            "--skip-events", "--complete-insert",
        )  # fmt: skip
        assert (made["consistency"], len(made["backups"])) == ("server", 2)
        assert made["backups"][0]["objects"] == {"user": 1}
        restored = run(
            "restore", "mariadb", "--database", target, "--create", *repository, "--source-database", world.name,
            "--definer-map", f"nobody@nowhere={world.user}",
        )  # fmt: skip
        assert restored["restore"]["rows"] == ROWS
        world.drop(target)
        part = run(
            "restore", "mariadb", "--database", target, "--create", *repository, "--source-database", world.name,
            "--tables", "ord*", "--no-data",
        )  # fmt: skip
        assert part["restore"]["objects"] == {"table": 1}
        again = run("restore", "mariadb", "--globals-only", *repository)
        assert again["restore"]["globals"]["created"] == []
        wrong = run("restore", "mariadb", "--database", target, "--force", *repository, "--rewrite", "x", expect=2)
        assert "rewrite" in wrong["error"]["message"]
    finally:
        world.drop(target)


def test_through_the_modules(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    target = f"{world.name}_other"
    script = str(tmp_path / "part.sql")
    connection = world.module_connection()
    try:
        into = {"database": target, "create": True, "source": script, "rewrite": ["engine:innodb=Aria"]}
        made, restored = playbooks.play(
            {
                "dbfleet.backup.native_backup": {
                    **connection, "database": world.name, "dest": script, "compress": "none", "tables": ["orders"],
                    "where": "id < 10", "insert_ignore": True, "master_data": "1", "set_gtid_purged": "off",
                }
            },
            {"dbfleet.backup.native_restore": {**connection, **into}},
        ).results  # fmt: skip
        assert made["backup"]["rows"] == 10, made
        assert b"INSERT IGNORE INTO `orders`" in Path(script).read_bytes()
        assert b"\nCHANGE MASTER TO" in Path(script).read_bytes()
        assert restored["restore"]["rows"] == 10, restored
        assert len(world.content(target)) == 10
    finally:
        world.drop(target)
