# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups by several processes, started by the command and by the module, with and without TLS."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import ServerPool

COMMAND = str(Path(sys.executable).parent / "dbfleet")
ROWS = 700_000


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "tls"])
def server(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[servers.Server]:
    """With two large tables. Through TLS processes are not forked but started anew."""
    with server_pool.fresh("pg18", tls=request.param) as made:
        made.execute("CREATE DATABASE shop", "CREATE ROLE ann SUPERUSER LOGIN PASSWORD 'Secret 1'")
        for name in ("one", "two"):
            made.execute(
                f"CREATE TABLE {name} AS SELECT g AS id, md5(g::text) || md5((-g)::text) AS text"
                f" FROM generate_series(1, {ROWS}) g",
                database="shop",
            )
        yield made


def family(pid: int) -> list[int]:
    """A process and all its descendants that are not zombies."""
    found = [pid]
    for member in found:
        for task in Path(f"/proc/{member}/task").glob("*/children"):
            found.extend(int(child) for child in task.read_text().split())
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def words(server: servers.Server, repository: Path, *more: str) -> list[str]:
    where = ["--host", server.host, "--port", str(server.port), "--user", "ann", "--repository", str(repository)]
    return [
        COMMAND,
        "backup",
        "postgresql",
        *where,
        "--database",
        "shop",
        "--format",
        "directory",
        "--jobs",
        "2",
        *more,
    ]


def environment() -> dict[str, str]:
    return {**os.environ, "PGPASSWORD": "Secret 1"}


def test_the_module_writes_a_directory_with_two_jobs(
    server: servers.Server,
    playbooks: Playbooks,
    tmp_path: Path,
) -> None:
    task = {
        "dbfleet.backup.native_backup": {
            "dbms": "postgresql", "login_host": server.host, "login_port": server.port, "login_user": "ann",
            "login_password": "Secret 1", "database": "shop", "format": "directory", "jobs": 2,
            "ssl_mode": "require" if server.tls else "prefer", "repository": str(tmp_path / "r"),
        }
    }  # fmt: skip
    (result,) = playbooks.play(task).results
    assert result.get("msg", "") == ""
    assert result["backup"]["rows"] == 2 * ROWS
    folder = Path(result["backup"]["path"]) / "shop.dir"
    listed = servers.client("pg_restore", version=18).run(None, "-l", folder).stdout
    assert listed.count(b"TABLE DATA") == 2


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("group", [False, True], ids=["process", "group"])
def test_no_process_outlives_the_command(
    server: servers.Server, tmp_path: Path, how: signal.Signals, group: bool
) -> None:
    with subprocess.Popen(
        words(server, tmp_path, "--compress", "gzip:9"), env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in tmp_path.rglob("*.gz*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        members = family(process.pid)
        assert len(members) >= 3
        # A terminal signals the whole group.
        (os.killpg if group else os.kill)(process.pid, how)
        _out, err = process.communicate(timeout=30)
    assert process.returncode == (-how if how == signal.SIGKILL else 130), err
    assert "Traceback" not in err
    deadline = time.monotonic() + 60
    while any(alive(member) for member in members):
        assert time.monotonic() < deadline, [member for member in members if alive(member)]
        time.sleep(0.05)
    assert bool(list(tmp_path.rglob(".partial-*"))) == (how == signal.SIGKILL)


def test_a_worker_that_dies_is_named(server: servers.Server, tmp_path: Path) -> None:
    with subprocess.Popen(
        words(server, tmp_path, "--compress", "gzip:9"), env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        deadline = time.monotonic() + 30
        while not any(path.stat().st_size for path in tmp_path.rglob("*.gz*")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(family(process.pid)[-1], signal.SIGKILL)
        _out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "worker process was killed by signal 9" in err
    assert list(tmp_path.rglob(".partial-*")) == []
