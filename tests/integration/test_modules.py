# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules, run by ansible-playbook from an export of the collection, against a real PostgreSQL and MariaDB."""

from __future__ import annotations

import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.doors import ROWS, World, files_below, filled_world
from tests.integration.playbooks import Playbooks, Task

DATABASES = {"postgresql": "pg_latest_database", "mariadb": "mariadb_latest_database"}
DRIVERS = {"postgresql": "psycopg[binary]", "mariadb": "PyMySQL"}
WRONG_PASSWORD = "wr0ng-but-secret"


@pytest.fixture(params=DATABASES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world(request.param, request.getfixturevalue(DATABASES[request.param])) as made:
        yield made


@pytest.fixture
def target(world: World) -> Iterator[str]:
    """The name of a database that does not exist, and does not when the test is over."""
    name = f"{world.name}_restored"
    yield name
    world.drop(name)


def backup(world: World, *, keywords: Task | None = None, **options: object) -> Task:
    module = {**world.module_connection(), "database": world.name, **options}
    return {"dbfleet.backup.native_backup": module, **(keywords or {})}


def restore(world: World, target: str, *, keywords: Task | None = None, **options: object) -> Task:
    module = {**world.module_connection(), "database": target, **options}
    return {"dbfleet.backup.native_restore": module, **(keywords or {})}


def info(**options: object) -> Task:
    return {"dbfleet.backup.backup_info": options}


def test_the_main_job(world: World, target: str, playbooks: Playbooks, tmp_path: Path) -> None:
    repository = str(tmp_path / "repository")
    into = {"repository": repository, "create": True}
    played = playbooks.play(
        backup(world, repository=repository, max_age="1h"),
        backup(world, repository=repository, max_age="1h"),
        info(repository=repository),
        info(repository=repository, backup="latest"),
        restore(world, target, **into, keywords={"check_mode": True}),
        restore(world, target, **into),
        restore(world, target, repository=repository),
        options=["--diff"],
    )
    made, again, listed, shown, planned, restored, refused = played.results

    assert made["changed"] is True, played.output
    assert made["backup"]["rows"] == ROWS
    assert made["backup"]["dbms"] == world.dbms
    assert made["diff"]["before"] != made["diff"]["after"]
    assert set(files_below(tmp_path / "repository").values()) == {"0o600", "0o700"}
    assert (again["changed"], again["backup"]) == (False, made["backup"])

    assert listed["changed"] is False
    assert [each["id"] for each in listed["backups"]] == [made["backup"]["id"]]
    marks = {"good": True, "hold": None, "verifications": [], "verified_at": ""}
    assert shown["backup"] == {**made["backup"], **marks}

    assert planned["changed"] is True, played.output
    assert planned["restore"]["created"] is True
    assert restored["changed"] is True, played.output
    assert restored["restore"]["rows"] == ROWS
    assert f"database {target}" in restored["diff"]["after"]
    assert world.content(target) == world.content(world.name)

    assert refused["failed"] is True
    assert refused["error"]["kind"] == "target_not_empty"
    assert refused["error"]["hint"] in refused["msg"]


def test_check_mode_changes_nothing(world: World, target: str, playbooks: Playbooks, tmp_path: Path) -> None:
    repository, dest = tmp_path / "repository", tmp_path / "dest"
    playbooks.play(backup(world, dest=str(dest)))
    before, databases = files_below(tmp_path), world.databases()
    played = playbooks.play(
        backup(world, repository=str(repository)),
        backup(world, dest=str(dest)),
        restore(world, target, source=str(dest), create=True),
        restore(world, world.name, source=str(dest), clean=True),
        restore(world, f"{world.name}_nowhere", source=str(dest)),
        options=["--check", "--diff"],
    )
    planned, replacing, creating, cleaning, missing = played.results
    for result in (planned, replacing, creating, cleaning):
        assert result["changed"] is True, played.output
        assert result["diff"]["before"] != result["diff"]["after"]
    assert planned["backup"]["table_count"] == 2
    assert cleaning["restore"]["dropped"] != []
    assert missing["failed"] is True
    assert missing["error"]["kind"] == "not_found"
    assert files_below(tmp_path) == before
    assert world.databases() == databases
    assert len(world.content(world.name)) == ROWS


def test_failures_are_clear_and_show_no_secret(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    played = playbooks.play(
        backup(world, dest=str(tmp_path / "b"), login_password=WRONG_PASSWORD),
        backup(world, dest=str(tmp_path / "b"), database="no_such_database"),
        backup(world, dest=str(tmp_path / "b")),
        options=["-vvvv", "--diff"],
    )
    wrong, unknown, good = played.results
    assert wrong["failed"] is True
    assert wrong["error"]["kind"] == "connect"
    assert "password" in wrong["msg"]
    assert unknown["failed"] is True
    assert unknown["error"]["kind"] == "not_found"
    assert "no_such_database" in unknown["msg"]
    # The log goes with the result at this verbosity.
    assert any("SELECT" in line for line in good["debug"])
    assert WRONG_PASSWORD not in played.output
    assert world.password not in played.output
    assert "Größe" not in played.output
    assert "Traceback" not in played.output


WRONG_OPTIONS = [
    ({"dest": "/x", "repository": "/y"}, "mutually exclusive"),
    ({}, "one of the following is required"),
    ({"dest": "/x", "max_age": "3600"}, "max_age '3600' is not a time"),
    ({"dest": "/x", "max_age": ""}, "max_age is empty"),
    ({"dest": "/x", "cluster": "c"}, "cluster means something only together with repository"),
    ({"dest": "/x", "compress": "brotli"}, "unknown compression 'brotli'"),
    ({"dest": "/x", "passfile": "/p", "option_file": "/m"}, "option_file is an option for mysql"),
    ({"dest": "/x", "jobs": 0}, "jobs is 0"),
]


def test_wrong_options_fail_before_anything_is_done(playbooks: Playbooks) -> None:
    common = {"dbms": "postgresql", "database": "d", "login_host": "nowhere.invalid"}
    tasks = [{"dbfleet.backup.native_backup": {**common, **options}} for options, _message in WRONG_OPTIONS]
    results = playbooks.play(*tasks).results
    for result, (_options, message) in zip(results, WRONG_OPTIONS):
        assert result["failed"] is True
        assert message in result["msg"]


def test_password_from_the_environment_and_options_from_the_group(
    world: World, playbooks: Playbooks, tmp_path: Path
) -> None:
    connection = world.module_connection()
    password = connection.pop("login_password")
    played = playbooks.play(
        {"dbfleet.backup.native_backup": {"database": world.name, "dest": str(tmp_path / "b")}},
        module_defaults={"group/dbfleet.backup.all": connection},
        environment={world.password_variable: password},
    )
    assert played.results[0]["changed"] is True, played.output


def test_asynchronous_task(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    played = playbooks.play(backup(world, dest=str(tmp_path / "b"), keywords={"async": 60, "poll": 1}))
    assert played.results[0]["backup"]["rows"] == ROWS, played.output


def test_without_the_driver_the_module_goes_where_it_is(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    venv.create(bare, with_pip=False)
    dest = str(tmp_path / "b")
    environment_of_the_collection = str(Path(sys.executable).parent.parent)
    played = playbooks.play(
        backup(world, dest=dest, python_environment=str(tmp_path / "nothing")),
        backup(world, dest=dest, python_environment=environment_of_the_collection),
        backup(world, dest=dest, keywords={"environment": {"DBFLEET_PYTHON": sys.executable}}),
        info(source=dest),
        python=str(bare / "bin" / "python"),
    )
    lacking, respawned, respawned_by_environment, looked = played.results
    assert lacking["failed"] is True
    assert lacking["error"]["kind"] == "driver_missing"
    assert lacking["error"]["context"]["package"] == DRIVERS[world.dbms]
    assert str(bare) in lacking["msg"]
    assert str(tmp_path / "nothing" / "bin" / "python") in lacking["msg"]
    assert respawned["backup"]["rows"] == ROWS, played.output
    assert respawned_by_environment["backup"]["rows"] == ROWS, played.output
    # Looking at backups needs no driver.
    assert looked["backup"]["rows"] == ROWS, played.output
