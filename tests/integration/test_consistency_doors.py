# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A given snapshot and statistics, asked for through the command and through the module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import servers
from tests.integration.playbooks import Playbooks
from tests.servers.fixtures import Database

COMMAND = str(Path(sys.executable).parent / "dbfleet")


@contextmanager
def exported(database: Database) -> Iterator[str]:
    """A snapshot of a table with one row, that has two by now."""
    database.execute("CREATE TABLE t (x integer PRIMARY KEY)", "INSERT INTO t VALUES (1)", "ANALYZE t")
    with database.connect(autocommit=False) as other:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        name = other.execute("SELECT pg_export_snapshot()").fetchone()[0]
        database.execute("INSERT INTO t VALUES (2)")
        yield name


def listed(archive: Path) -> bytes:
    output: bytes = servers.client("pg_restore", version=18).run(None, "-l", archive).stdout
    return output


def test_the_command(pg_latest_database: Database, tmp_path: Path) -> None:
    server = pg_latest_database.server
    with exported(pg_latest_database) as name:
        done = subprocess.run(
            [
                COMMAND, "backup", "postgresql", "--host", server.socket, "--port", str(server.port), "--user",
                server.user, "--database", pg_latest_database.name, "--repository", str(tmp_path), "--snapshot", name,
                "--statistics", "--json",
            ],
            env=dict(os.environ), capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    backup = json.loads(done.stdout)["backup"]
    assert backup["rows"] == 1
    (archive,) = tmp_path.rglob("*.dump")
    assert listed(archive).count(b"STATISTICS DATA") == 2


def test_the_module(pg_latest_database: Database, playbooks: Playbooks, tmp_path: Path) -> None:
    server = pg_latest_database.server
    with exported(pg_latest_database) as name:
        task = {
            "dbfleet.backup.native_backup": {
                "dbms": "postgresql", "login_unix_socket": server.socket, "login_port": server.port,
                "login_user": server.user, "database": pg_latest_database.name, "repository": str(tmp_path / "r"),
                "snapshot": name, "statistics": True,
            }
        }  # fmt: skip
        (result,) = playbooks.play(task).results
    assert result.get("msg", "") == ""
    assert result["backup"]["rows"] == 1
    (archive,) = (tmp_path / "r").rglob("*.dump")
    assert listed(archive).count(b"STATISTICS DATA") == 2
