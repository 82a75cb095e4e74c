# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the command imports for a job, up to the server that is not there: time that every run pays."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from dbfleet.cli.start import main
sys.argv[1:] = {words!r}
code = main()
print(code, *sorted(name for name in sys.modules if not name.startswith("_")))
"""
SERVERS = {"postgresql": ["--host", "/nowhere"], "mysql": ["--socket", "/nowhere"]}
DRIVERS = {"postgresql": "psycopg.errors", "mysql": "pymysql.connections"}
#: Rooms and packages that are of no use to a job, by the database that it is for. What is left of the other system's
#: rooms are the words of its options.
OTHERS = {
    "postgresql": ("dbfleet.mysql.binlog.events", "dbfleet.mysql.options", "dbfleet.mysql.session", "pymysql", "numpy"),
    "mysql": ("dbfleet.postgresql.options", "dbfleet.postgresql.session", "dbfleet.postgresql.catalog", "psycopg"),
}
NO_JOB_S = (
    "asyncio.events",
    "cryptography.hazmat.bindings",
    "dbfleet.cli.prune_text",
    "dbfleet.repository.s3_storage",
    "dbfleet.requests.options_binlog",
    "dbfleet.requests.options_compare",
    "dbfleet.requests.options_wal_backup",
    "importlib.metadata",
    "rich",
)
#: What a backup writes in one process, and in the usual format, needs none of.
NO_BACKUP_S = (
    "dbfleet.postgresql.archive.directory_writer",
    "dbfleet.postgresql.archive.plain_writer",
    "dbfleet.postgresql.archive.tar_writer",
    "dbfleet.postgresql.dump_parallel",
    "dbfleet.postgresql.restore",
    "dbfleet.requests.options_restore",
)


def imported(words: list[str]) -> tuple[str, list[str]]:
    """The code that the command ends with, and what was imported by then."""
    program = PROGRAM.format(words=words)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    code, *modules = done.stdout.split()
    return code, modules


def found(modules: list[str], unwanted: tuple[str, ...]) -> list[str]:
    return [name for name in modules for one in unwanted if name == one or name.startswith(f"{one}.")]


@pytest.mark.parametrize("world", ["postgresql", "mysql"])
def test_a_restore_imports_nothing_of_other_jobs(world: str) -> None:
    code, modules = imported(["restore", world, "--source", "/nowhere", "--database", "x"])
    assert code == "1"
    assert "dbfleet.requests.options_restore" in modules
    assert not found(
        modules, (*OTHERS[world], *NO_JOB_S, "multiprocessing", "dbfleet.requests.options_postgresql_form")
    )


@pytest.mark.parametrize("world", ["postgresql", "mysql"])
def test_a_backup_imports_nothing_of_other_jobs(world: str, tmp_path: Path) -> None:
    code, modules = imported(["backup", world, *SERVERS[world], "--database", "x", "--dest", str(tmp_path / "x")])
    assert code == "1"
    assert DRIVERS[world] in modules
    assert not found(modules, (*OTHERS[world], *NO_JOB_S, *NO_BACKUP_S))


def test_what_a_server_asks_for_imports_nothing_of_other_jobs(tmp_path: Path) -> None:
    place = ["--repository", str(tmp_path), "--cluster", "c", "--system-identifier", "7000000000000000000"]
    code, modules = imported(["wal", "fetch", *place, "000000010000000000000001", str(tmp_path / "segment")])
    assert code == "255"
    unwanted = ("dbfleet.requests.options_wal_restore", "dbfleet.postgresql.options", "psycopg", "multiprocessing")
    assert not found(modules, (*unwanted, *OTHERS["postgresql"], *NO_JOB_S))


@pytest.mark.parametrize(
    "words",
    [
        ["backup", "postgresql"],
        ["restore", "mariadb"],
        ["info"],
        ["verify"],
        ["prune"],
        ["compare", "mysql"],
        ["benchmark", "postgresql"],
        ["hold"],
        ["copy"],
    ],
)
def test_the_help_of_a_job_has_its_options(words: list[str]) -> None:
    command = [sys.executable, "-m", "dbfleet.cli", *words, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "--json" in done.stdout
    assert "--quiet" in done.stdout
