# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress of a module while it runs, in an ordinary task: what is shown, and that nothing else is different."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks, Task

WRONG = "wr0ng-but-secret"
OFF = {"dbfleet_progress_interval": 0}
# What differs between two runs of the same task.
TIMES = {"diff", "id", "path", "started_at", "finished_at", "duration", "snapshot", "checksums", "size", "debug"}

# A connection that is lost for a while once the job runs.
FLAKY = """
import os, time
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = '''
name: flaky
short_description: Loses its host for three seconds
description: Loses its host for three seconds.
author: dbfleet
extends_documentation_fragment: connection_pipelining
'''


class Connection(Local):
    transport = "flaky"
    lost_at = 0.0

    def exec_command(self, cmd, in_data=None, sudoable=True):
        if "boot_id" in cmd:
            Connection.lost_at = Connection.lost_at or time.monotonic()
            if time.monotonic() - Connection.lost_at < 3:
                raise AnsibleConnectionFailure("the host does not answer")
        return super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
"""


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world("postgresql", request.getfixturevalue("pg_latest_database")) as made:
        yield made


@pytest.fixture
def jobs(tmp_path: Path) -> dict[str, str]:
    """The variables that keep the files of background jobs in a folder of the test's own."""
    return {"ansible_async_dir": str(tmp_path / "jobs"), "dbfleet_progress_interval": "{{ 15 }}"}


def backup(world: World, repository: Path, *, keywords: Task | None = None, **options: object) -> Task:
    module = {**world.module_connection(), "database": world.name, "repository": str(repository), **options}
    return {"dbfleet.backup.native_backup": module, **(keywords or {})}


def held_by_a_job(repository: Path) -> list[Path]:
    return [path for path in repository.glob("*/*/.*") if path.name.startswith((".lock", ".partial"))]


def steady(result: Any) -> Any:
    """A result without what differs between two runs."""
    if isinstance(result, dict):
        return {key: steady(value) for key, value in result.items() if key not in TIMES}
    return result


def test_lines_are_shown_while_a_backup_runs(
    world: World, playbooks: Playbooks, tmp_path: Path, jobs: dict[str, str]
) -> None:
    world.database.execute(
        "CREATE TABLE large AS SELECT n, md5(n::text) AS a, md5((n + 1)::text) AS b FROM generate_series(1, 1500000) n"
    )
    shown = playbooks.play(
        backup(world, tmp_path / "repository", compress="gzip:9"),
        vars={**jobs, "dbfleet_progress_interval": "{{ 1 }}"},
    )
    assert shown.results[0]["backup"]["rows"] > 1500000, shown.output
    lines = re.findall(r"^localhost: native_backup: (.*)$", shown.output, re.MULTILINE)
    assert len(lines) >= 2, shown.output
    assert any(
        re.search(r"\d+ % reading .*large.*: .*MiB of about .*MiB, .*MiB/s, .*rows, .* left", one) for one in lines
    )
    assert not any((tmp_path / "jobs").iterdir())
    assert world.password not in shown.output


def test_the_result_is_that_of_an_ordinary_run(
    world: World, playbooks: Playbooks, tmp_path: Path, jobs: dict[str, str]
) -> None:
    def tasks(keywords: Task) -> list[Task]:
        folder = tmp_path / "repository"
        return [
            backup(world, folder, keywords=keywords),
            backup(world, folder, keywords=keywords, max_age="1h"),
            backup(world, folder, keywords={**keywords, "no_log": True}, login_password=WRONG),
        ]

    own = [
        backup(world, tmp_path / "repository", keywords={"check_mode": True}),
        {**backup(world, tmp_path / "repository"), "async": 60, "poll": 1},
        # No folder for background jobs can be made there, as in the home of a user who has none.
        backup(world, tmp_path / "repository", max_age="1h", keywords={"vars": {"ansible_async_dir": "/dev/null/x"}}),
    ]
    watched = playbooks.play(*tasks({}), *own, vars=jobs, options=["--diff"])
    plain = playbooks.play(*tasks({"vars": OFF}), options=["--diff"])
    for one, other in zip(watched.results, plain.results, strict=False):
        assert set(one) == set(other)
        assert steady(one) == steady(other)
    made, young, failed, planned, chosen, without = watched.results
    assert (made["changed"], young["changed"], failed["failed"]) == (True, False, True)
    assert made["diff"]["after"]
    assert planned["backup"]["estimated_size"]
    assert (without["changed"], without["backup"]["id"]) == (False, chosen["backup"]["id"])
    # The user's own background job is the user's.
    assert chosen["ansible_job_id"]
    assert WRONG not in watched.output
    assert not any((tmp_path / "jobs").iterdir())


def test_home_may_be_elsewhere_than_the_list_of_users_says(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    playbooks.environment["HOME"] = str(home)
    done = playbooks.play(backup(world, tmp_path / "repository"), vars={"dbfleet_progress_interval": 15}).results[0]
    assert done["changed"], done
    assert done["backup"]["rows"]
    assert not any((home / ".ansible_async").iterdir())


def test_a_lost_connection_does_not_end_the_backup(
    world: World, playbooks: Playbooks, tmp_path: Path, jobs: dict[str, str]
) -> None:
    plugins = playbooks.folder / "connection_plugins"
    plugins.mkdir()
    (plugins / "flaky.py").write_text(FLAKY)
    played = playbooks.play(
        backup(world, tmp_path / "repository"),
        vars={**jobs, "ansible_connection": "flaky"},
    )
    assert played.results[0]["backup"]["rows"] == ROWS, played.output
    assert "the connection is lost; the job goes on there" in played.output
    assert "the host is back" in played.output
    assert not any((tmp_path / "jobs").iterdir())


def test_a_task_whose_time_is_over_stops_its_job(
    world: World, playbooks: Playbooks, tmp_path: Path, jobs: dict[str, str]
) -> None:
    with world.database.server.connect(world.name, autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        played = playbooks.play(backup(world, tmp_path / "repository", keywords={"timeout": 20}), vars=jobs)
    assert played.results[0]["failed"]
    assert "the job was told to stop" in played.output
    assert "native_backup" in played.output
    deadline = time.monotonic() + 20
    while held_by_a_job(tmp_path / "repository") and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not held_by_a_job(tmp_path / "repository")


def test_a_wrong_interval_is_refused(world: World, playbooks: Playbooks, tmp_path: Path) -> None:
    played = playbooks.play(backup(world, tmp_path / "r"), vars={"dbfleet_progress_interval": "often"})
    assert played.results[0]["failed"]
    assert "dbfleet_progress_interval must be a number of seconds" in played.results[0]["msg"]
    assert not (tmp_path / "r").exists()
