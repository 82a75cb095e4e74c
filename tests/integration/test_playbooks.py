# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's playbooks and its role verify, on this host with real servers."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doors import ROWS, World, filled_world
from tests.servers.fixtures import Database


@dataclasses.dataclass(frozen=True)
class Runner:
    """Runs a playbook of the collection."""

    environment: dict[str, str]
    folder: Path

    def run(self, name: str, *words: str, hosts: str = "localhost", **variables: Any) -> tuple[int, str]:
        given = self.folder / "variables.json"
        given.write_text(json.dumps({"ansible_python_interpreter": sys.executable, **variables}))
        given.chmod(0o600)
        inventory = self.folder / "inventory.json"
        names = hosts.split(",")
        inventory.write_text(
            json.dumps({"all": {"hosts": {name: {"ansible_connection": "local"} for name in names}}}), encoding="utf-8"
        )
        done = subprocess.run(
            ["ansible-playbook", "-i", str(inventory), f"dbfleet.backup.{name}", "-e", f"@{given}", *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, done.stdout


@pytest.fixture
def runner(collection: dict[str, str], tmp_path: Path) -> Runner:
    return Runner(collection, tmp_path)


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        yield made


def test_back_up_verify_and_restore(world: World, runner: Runner, tmp_path: Path) -> None:
    repository = str(tmp_path / "repository")
    options = {**world.module_connection(), "repository": repository, "cluster": "test"}

    code, output = runner.run(
        "backup", dbfleet_backup_options=options, dbfleet_backup_databases=[world.name, "nowhere"]
    )
    assert code != 0
    assert f"{repository}/test/{world.name}/" in output
    assert "1 of 2 backups failed: localhost" in output
    assert world.password not in output

    code, output = runner.run(
        "verify",
        verify_repositories=[repository],
        verify_expected=["test/other"],
        verify_objectives=[f"test/{world.name}=1ms"],
        verify_status_folder="",
    )
    assert code != 0
    assert f"test/{world.name}" in output
    assert "test/other: it has no backup at all" in output
    assert "older than its objective" in output

    target = f"{world.name}_restored"
    restore = {**options, "source_database": world.name, "database": target, "create": True}
    words = f"restore {target} on localhost"
    try:
        code, output = runner.run("restore", dbfleet_restore_options=restore)
        assert code != 0
        assert "dbfleet_restore_hosts" in output
        code, output = runner.run(
            *("restore",),
            dbfleet_restore_hosts="localhost",
            dbfleet_restore_options=restore,
            dbfleet_restore_confirm=f"restore {world.name} on localhost",
        )
        assert code != 0
        assert words in output
        assert target not in world.databases()
        code, output = runner.run(
            *("restore",),
            dbfleet_restore_hosts="localhost",
            dbfleet_restore_options=restore,
            dbfleet_restore_confirm=words,
        )
        assert code == 0, output
        assert f"{target}: {ROWS} rows" in output
        assert world.content(target) == world.content(world.name)
    finally:
        world.drop(target)


def test_moving_from_the_dumps_of_others(world: World, runner: Runner, tmp_path: Path) -> None:
    good, cut = tmp_path / "good.dump", tmp_path / "cut.dump"
    options = {**world.module_connection(), "repository": str(tmp_path / "repository"), "cluster": "test"}
    code, output = runner.run(
        "backup", dbfleet_backup_options={**world.module_connection(), "dest": str(good), "database": world.name}
    )
    assert code == 0, output
    cut.write_bytes(good.read_bytes()[:-100])
    # What another tool has written comes without a manifest.
    for manifest in tmp_path.glob("*manifest*"):
        manifest.unlink()
    code, output = runner.run(
        *("migrate",),
        dbfleet_migrate_options=options,
        dbfleet_migrate_dumps=[{"database": world.name, "dump": str(dump)} for dump in (good, cut)],
    )
    assert code != 0
    assert output.count(f"{ROWS} rows") == 2, output
    assert f"{good}: readable" in output
    assert f"Do not rely on {cut};" in output


def test_hosts_that_fail_do_not_stop_the_others(world: World, runner: Runner, tmp_path: Path) -> None:
    options = {**world.module_connection(), "repository": str(tmp_path / "repository")}
    options["login_port"] = "{{ 1 if inventory_hostname == 'b' else " + str(options["login_port"]) + " }}"
    options["cluster"] = "{{ inventory_hostname }}"
    code, output = runner.run(
        *("backup",),
        hosts="a,b,c",
        dbfleet_backup_serial=1,
        dbfleet_backup_options=options,
        dbfleet_backup_databases=[world.name],
    )
    assert code != 0
    assert "1 of 3 backups failed: b" in output
    assert {path.name for path in (tmp_path / "repository").iterdir() if path.is_dir()} >= {"a", "c"}


def test_going_back_to_a_moment(mariadb_latest_database: Database, runner: Runner, tmp_path: Path) -> None:
    with filled_world("mariadb", mariadb_latest_database) as world:
        repository = str(tmp_path / "repository")
        place = ["--repository", repository, "--cluster", "test"]
        dbfleet(world, "backup", "mariadb", "--database", world.name, *place)
        world.database.execute("INSERT INTO orders VALUES (-1, 'after the backup')")
        dbfleet(world, "binlog", "archive", *place)
        target = f"{world.name}_before"
        connection = world.module_connection()
        dbms = connection.pop("dbms")
        options = {
            **connection,
            "repository": repository,
            "cluster": "test",
            "source_database": world.name,
            "database": target,
            "create": True,
            "target_latest": True,
        }
        given = {"dbfleet_pitr_hosts": "localhost", "dbfleet_pitr_dbms": dbms, "dbfleet_pitr_options": options}
        words = f"go back {target} on localhost"
        try:
            code, output = runner.run("point_in_time", **given)
            assert code != 0
            assert words in output
            assert target not in world.databases()
            code, output = runner.run("point_in_time", **given, dbfleet_pitr_confirm=words)
            assert code == 0, output
            assert world.content(target) == world.content(world.name)
            assert world.password not in output
        finally:
            world.drop(target)


def dbfleet(world: World, *words: str) -> None:
    environment = {**os.environ, world.password_variable: world.password}
    subprocess.run(
        [sys.executable, "-m", "dbfleet.cli", *words, *world.connection()],
        env=environment,
        capture_output=True,
        timeout=120,
        check=True,
    )
