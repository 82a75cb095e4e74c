# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How rows are loaded, asked for through the command and through the module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks, collection, playbooks
from tests.servers.fixtures import Database

__all__ = ["collection", "playbooks"]

COMMAND = str(Path(sys.executable).parent / "dbfleet")


@pytest.fixture(params=["mysql", "mariadb"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    database: Database = request.getfixturevalue(f"{request.param}_latest_database")
    with filled_world(request.param, database) as made:
        yield made


def dbfleet(world: World, job: str, *words: object) -> subprocess.CompletedProcess[str]:
    command = [COMMAND, job, world.dbms, *world.connection(), "--json", *map(str, words)]
    environment = {**os.environ, world.password_variable: world.password}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_loads_a_folder_with_all_options(world: World, tmp_path: Path) -> None:
    target = f"{world.name}_again"
    made = dbfleet(world, "backup", "--database", world.name, "--dest", tmp_path / "b", "--format", "directory")
    assert made.returncode == 0, made.stderr
    options = ("--source", tmp_path / "b", "--database", target)
    try:
        done = dbfleet(
            world, "restore", *options, "--create", "--jobs", 3, "--verify", "rows", "--resume", "--state-folder",
            tmp_path / "state", "--skip-binlog",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["restore"]["rows"] == ROWS
        assert world.content(target) == world.content(world.name)
        assert not list((tmp_path / "state").iterdir())
        world.database.server.execute("DELETE FROM orders WHERE id < 10", database=target)
        rows = dbfleet(world, "restore", *options, "--force", "--resume")
        assert rows.returncode != 0
        assert "--resume does not go with --force" in rows.stderr
    finally:
        world.drop(target)


def test_the_module_goes_on_behind_errors_and_leaves_rows(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    target = f"{world.name}_again"
    source = tmp_path / "rows.sql"
    source.write_text("INSERT INTO `orders` VALUES (1,'one'),(5000,'new');\nINSERT INTO nothing VALUES (1);\n")
    server = world.database.server
    server.execute(f"CREATE DATABASE {target}", f"CREATE TABLE {target}.orders AS SELECT * FROM {world.name}.orders")
    server.execute(f"ALTER TABLE {target}.orders ADD PRIMARY KEY (id)")
    task = {
        "dbfleet.backup.native_restore": {
            **world.module_connection(), "database": target, "source": str(source), "force": True, "jobs": 2,
            "on_error": "continue", "duplicates": "ignore",
        },
        "ignore_errors": True,
    }  # fmt: skip
    try:
        (result,) = playbooks.play(task).results
        assert result["failed"]
        assert "1 statements failed" in result["msg"]
        assert "nothing" in json.dumps(result)
        assert len(world.content(target)) == ROWS + 1
        assert world.content(target)[:2] == world.content(world.name)[:2]
    finally:
        world.drop(target)
