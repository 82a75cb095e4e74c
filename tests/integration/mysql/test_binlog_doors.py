# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archived binlogs through the module and the command: archive, look, restore to a moment, undo, prune."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.playbooks import Playbooks
from tests.servers import Server
from tests.servers.fixtures import ServerPool

from .binlog_support import CLUSTER, archive, begin_log, logs, records
from .test_point_in_time import FIRST, Pair

MODULE = "dbfleet.backup.binlog_pitr"


@pytest.fixture(params=["mysql97", "mariadb118"])
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Server]:
    """One that is shared with other tests."""
    shared = server_pool.get(request.param)
    begin_log(shared)
    try:
        shared.execute("CREATE DATABASE d CHARACTER SET utf8mb4")
        shared.execute(FIRST, "INSERT INTO t (b) VALUES ('first'), ('second')", database="d")
        yield shared
    finally:
        shared.execute("DROP DATABASE IF EXISTS d", "DROP DATABASE IF EXISTS back")


def connection(server: Server) -> dict[str, Any]:
    return {
        "login_unix_socket": server.socket,
        "login_user": server.user,
        **({"login_password": server.password} if server.password else {}),
    }


@pytest.mark.parametrize("server", ["mariadb118"], indirect=True)
def test_through_the_module(server: Server, playbooks: Playbooks, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    pair = Pair(server, server, repository)
    pair.backup()
    server.execute("INSERT INTO t (b) VALUES ('good')", database="d")
    place = pair.place()
    server.execute("DELETE FROM t", database="d")
    common = {**connection(server), "repository": str(repository), "cluster": CLUSTER}
    restored = {
        "database": "back",
        "source_database": "d",
        "create": True,
        "target_position": f"{place[0]}:{place[1]}",
        "state": "restored",
    }
    played = playbooks.play(
        {MODULE: {**common, "state": "archived"}, "check_mode": True},
        {MODULE: {**common, "state": "archived", "compress": "zstd"}},
        {"ansible.builtin.pause": {"seconds": 1}},
        {MODULE: {**common, "state": "archived"}},
        {MODULE: {**common, **restored}, "check_mode": True, "diff": True},
        {MODULE: {**common, **restored}},
        {MODULE: {**common, "state": "flashback", "tables": ["d.t"], "verbs": ["delete"]}, "check_mode": True},
        {MODULE: {**common, "state": "flashback", "tables": ["d.t"], "verbs": ["delete"]}},
        {MODULE: {"state": "pruned", "repository": str(repository)}},
        {"dbfleet.backup.backup_info": {"repository": str(repository)}},
        {MODULE: {**common, "state": "archived", "target_latest": True}},
    ).results
    planned, done, _pause, _again, plan, back, could, undone, pruned, info, wrong = played
    assert planned["changed"], planned
    assert done["changed"], done
    assert done["lag_bytes"] == 0
    assert plan["replay"]["transactions"] == 1, plan
    assert plan["replay"]["left_out"]["start"] == plan["replay"]["last"]["end"]
    assert back["changed"], back
    assert server.execute("SELECT b FROM back.t ORDER BY a") == [("first",), ("second",), ("good",)]
    assert (could["mode"], could["rows"]) == ("check", 3), could
    assert undone["rows"] == 3, undone
    assert server.execute("SELECT b FROM d.t ORDER BY a") == [("first",), ("second",), ("good",)]
    assert (pruned["changed"], pruned["removed"]) == (False, []), pruned
    (window,) = info["windows"]
    assert (window["database"], window["gap"]) == ("d", "")
    assert window["ends"]["position"] >= place[1]
    assert "target_latest means nothing" in wrong["msg"]
    if server.password:
        assert server.password not in json.dumps(played)


def test_what_no_backup_needs_is_pruned(server: Server, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    pair = Pair(server, server, repository)
    server.execute("FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
    pair.backup()
    server.execute("INSERT INTO d.t (b) VALUES ('x')", "FLUSH BINARY LOGS")
    archive(server, repository)
    (log,) = logs(repository)
    first, second, third = (record.file for record in records(repository, log))
    command = [sys.executable, "-m", "dbfleet.cli", "binlog", "prune", "--repository", str(repository), "--json"]

    def prune(*arguments: str) -> Any:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=True, env=dict(os.environ))
        return json.loads(done.stdout)

    retention = [sys.executable, "-m", "dbfleet.cli", "prune", str(repository), "--keep-last", "1", "--json", "--check"]
    kept = json.loads(subprocess.run(retention, capture_output=True, check=True).stdout)
    assert kept["removed"] == []
    assert [(one["kind"], one["file"]) for one in kept["logs"]["removed"]] == [("binlog", first), ("binlog", second)]
    left = json.loads(subprocess.run([*retention, "--keep-logs"], capture_output=True, check=True).stdout)
    assert (left["changed"], left["logs"]["removed"]) == (False, [])
    assert prune("--keep-before", "1d")["removed"] == []
    planned = prune("--check")
    assert [one["file"] for one in planned["removed"]] == [first, second]
    assert len(records(repository, log)) == 3
    assert prune() == planned
    assert not prune()["changed"]
    assert [record.file for record in records(repository, log)] == [third]
    # The archive goes on, and so does the chain of the backup.
    server.execute("INSERT INTO d.t (b) VALUES ('y')")
    archive(server, repository)
    time.sleep(0.1)
    info = subprocess.run(
        [sys.executable, "-m", "dbfleet.cli", "info", str(repository)], capture_output=True, text=True, check=True
    )
    assert "ANY MOMENT FROM" in info.stdout
    # Folders of a repository can be read as any other.
    for folder in (repository / log, repository / log.rpartition("/")[0]):
        listed = subprocess.run(
            [sys.executable, "-m", "dbfleet.cli", "binlog", "list", "--verb", "insert", str(folder)],
            capture_output=True,
            text=True,
            check=True,
        )
        assert listed.stdout.count("d.t +1") == 2
