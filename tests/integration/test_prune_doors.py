# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention and holds: through the modules and the command, on backups of real servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from tests.integration.doors import World, filled_world
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import Database


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        yield made


@pytest.fixture
def repository(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four backups of one database, each a second or more after the one before."""
    monkeypatch.setenv(world.password_variable, world.password)
    place = tmp_path / "r"
    for _number in range(4):
        arguments = ["--database", world.name, "--repository", str(place), "--cluster", "main", "--quiet"]
        assert main(["backup", world.dbms, *world.connection(), *arguments]) == 0
        time.sleep(0.3)
    return place


def ids(repository: Path, world: World) -> list[str]:
    return sorted(path.name for path in (repository / "main" / world.name).iterdir() if path.is_dir())


def test_through_the_modules(world: World, repository: Path, playbooks: Playbooks) -> None:
    made = ids(repository, world)
    held = {"repository": str(repository), "backup": made[0], "reason": "before the migration"}
    rules = {"repository": str(repository), "keep_last": 2}
    hold, again, planned, done, nothing, wrong = playbooks.play(
        {"dbfleet.backup.backup_hold": held},
        {"dbfleet.backup.backup_hold": held},
        {"dbfleet.backup.backup_prune": rules, "check_mode": True, "diff": True},
        {"dbfleet.backup.backup_prune": rules},
        {"dbfleet.backup.backup_prune": rules},
        {"dbfleet.backup.backup_prune": {"repository": str(repository)}},
    ).results
    assert (hold["changed"], again["changed"]) == (True, False)
    assert hold["backup"]["hold"]["reason"] == "before the migration"
    assert planned["changed"], planned
    assert [one["id"] for one in planned["removed"]] == [made[1]]
    assert made[1] in planned["diff"]["before"]
    assert made[1] not in planned["diff"]["after"]
    assert "on hold before the migration" in planned["diff"]["after"]
    assert done["removed"] == planned["removed"]
    assert {one["id"]: one["reasons"][0] for one in done["kept"]} == {
        made[0]: "on hold before the migration", made[2]: "last 2 of 2", made[3]: "the newest good backup",
    }  # fmt: skip
    assert ids(repository, world) == [made[0], made[2], made[3]]
    assert nothing["changed"] is False
    assert wrong["failed"]
    assert "no rule" in wrong["msg"]


def test_a_copy_through_the_module(world: World, repository: Path, playbooks: Playbooks, tmp_path: Path) -> None:
    made = ids(repository, world)
    second = tmp_path / "second"
    order = {"repository": str(repository), "copy_to": str(second)}
    planned, done, again, unknown, wrong = playbooks.play(
        {"dbfleet.backup.backup_copy": order, "check_mode": True, "diff": True},
        {"dbfleet.backup.backup_copy": order},
        {"dbfleet.backup.backup_copy": order},
        {"dbfleet.backup.backup_copy": {**order, "backup": "20010101T000000Z-logical"}},
        {"dbfleet.backup.backup_copy": {"repository": str(repository)}},
    ).results
    assert [one["changed"] for one in (planned, done, again)] == [True, True, False]
    assert planned["diff"] == {"before": "", "after": f"{done['copies'][0]['copied_to']}\n"}
    assert [one["id"] for one in done["copies"]] == made[3:]
    assert ids(second, world) == made[3:]
    assert (unknown["failed"], unknown["error"]["kind"]) == (True, "not_found")
    assert (wrong["failed"], wrong["error"]["kind"]) == (True, "usage")
    assert "copy_to" in wrong["msg"]


def test_through_the_command(world: World, repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ids(repository, world)
    capsys.readouterr()
    assert main(["prune", str(repository), "--keep-daily", "1", "--check", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in planned["removed"]] == made[:3]
    assert main(["hold", str(repository), "--until", "2999-01-31"]) == 0
    assert f"backup {made[3]} is on hold until 2999-02-01T00:00:00+00:00" in capsys.readouterr().err
    assert main(["hold", str(repository), "--state", "released", "--until", "2999-01-31"]) == 2
    assert main(["prune", str(repository), "--keep-daily", "1"]) == 0
    told = capsys.readouterr().err
    assert "3 of 4 backups removed" in told
    assert "stays: on hold until 2999-02-01" in told
    assert ids(repository, world) == made[3:]
    target = f"{world.name}_copy"
    try:
        # What stays can be restored.
        arguments = ["--database", target, "--create", "--repository", str(repository), "--quiet"]
        assert main(["restore", world.dbms, *world.connection(), *arguments]) == 0
        assert world.content(target) == world.content(world.name)
    finally:
        world.drop(target)
