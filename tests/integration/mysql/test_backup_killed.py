# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command, its connections, the server and the disk fail at many moments: no half backup, the next run works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import pytest

from dbfleet.checksums import verify_checksums
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from tests import servers
from tests.servers import Server

from .backup_support import scratch
from .restore_support import connected

COMMAND = str(Path(sys.executable).parent / "dbfleet")
# What of the databases each form takes, and where it puts it.
FORMS = {
    "plain": ("--database", "{0}", "--repository", "{place}"),
    "directory": ("--database", "{0}", "--format", "directory", "--jobs", "2", "--repository", "{place}"),
    "set": ("--databases", "{0}", "--databases", "{1}", "--no-system", "--repository", "{place}"),
    "several": ("--databases", "{0}", "--databases", "{1}", "--format", "directory", "--dest", "{place}/made"),
}
ER_NO_SUCH_THREAD = 1094
KILLS = 4


def fill(server: Server, database: str, rows: int = 12000) -> None:
    """Some megabytes in two tables, and code."""
    with connected(server, database) as cursor:
        for table in ("a", "b"):
            cursor.execute(f"CREATE TABLE {table} (id INT PRIMARY KEY AUTO_INCREMENT, t VARCHAR(300)) ENGINE=InnoDB")
            cursor.execute(f"INSERT INTO {table} (t) VALUES (REPEAT('x', 200))")
        count = 1
        while count < rows:
            cursor.execute("INSERT INTO a (t) SELECT t FROM a")
            count *= 2
        cursor.execute("CREATE PROCEDURE p() SELECT 1")
        cursor.execute("CREATE VIEW v AS SELECT id FROM a")


@pytest.fixture(name="databases")
def _databases(mysql_latest: Server) -> Iterator[tuple[str, str]]:
    with scratch(mysql_latest) as one, scratch(mysql_latest) as two:
        for name in (one, two):
            fill(mysql_latest, name)
        yield one, two


def started(server: Server, form: str, names: tuple[str, ...], place: Path) -> subprocess.Popen[bytes]:
    place.mkdir(exist_ok=True)
    words = [word.format(*names, place=place) for word in FORMS[form]]
    login = ["--socket", server.socket, "--user", server.user]
    environment = {**os.environ, "MYSQL_PWD": server.password}
    return subprocess.Popen(
        [COMMAND, "backup", "mysql", *login, *words, "--json", "--compress", "none"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def whole_run(server: Server, form: str, names: tuple[str, ...], place: Path) -> float:
    """Back up to the end; how long that takes."""
    clock = time.monotonic()
    job = started(server, form, names, place)
    output, errors = job.communicate(timeout=120)
    assert job.returncode == 0, errors
    assert json.loads(output)["changed"]
    return time.monotonic() - clock


def published(place: Path) -> list[Path]:
    """Everything that looks like a backup."""
    found = [path for path in place.rglob("manifest.json") if not any(part.startswith(".") for part in path.parts)]
    return sorted([*found, *place.glob("*.manifest.json"), *place.glob("made")])


def assert_whole(place: Path) -> None:
    for path in published(place):
        artifact = open_artifact(str(path.parent if path.name == "manifest.json" else place / "made"))
        assert artifact.manifest is not None
        verify_checksums(artifact, artifact.manifest, Progress())


@pytest.mark.parametrize("form", ["plain", "directory", "set"])
def test_a_killed_command_leaves_nothing_and_the_next_one_works(
    mysql_latest: Server, databases: tuple[str, str], tmp_path: Path, form: str
) -> None:
    lasts = whole_run(mysql_latest, form, databases, tmp_path / "whole")
    place = tmp_path / "killed"
    place.mkdir()
    for number in range(KILLS):
        job = started(mysql_latest, form, databases, place)
        time.sleep(lasts * (0.3 + 0.6 * number / KILLS))
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
        job.communicate(timeout=30)
        if published(place):
            # It had come so far.
            assert_whole(place)
            break
        assert job.returncode
    whole_run(mysql_latest, form, databases, place / "next" if published(place) else place)
    hidden = [path for path in place.rglob("*") if path.name.startswith(".") and path.is_dir() and any(path.iterdir())]
    assert not [path for path in hidden if "lock" not in path.name], hidden
    # Nobody holds the definitions.
    for name in databases:
        mysql_latest.execute("SET lock_wait_timeout = 20", "ALTER TABLE a ADD c INT", database=name)


@pytest.mark.parametrize("form", ["plain", "directory"])
def test_a_killed_connection_fails_the_command(
    mysql_latest: Server, databases: tuple[str, str], tmp_path: Path, form: str
) -> None:
    failures = 0
    for number in range(2):
        place = tmp_path / str(number)
        place.mkdir()
        job = started(mysql_latest, form, databases, place)
        try:
            time.sleep(0.05)
            failures += _killing_connections(mysql_latest, databases, job, wait_for=number + 1)
        finally:
            _output, errors = job.communicate(timeout=60)
        if job.returncode == 0:
            continue
        assert not published(place)
        assert b"connection" in errors or b"interrupted" in errors or b"lost" in errors.lower(), errors
        assert b"Traceback" not in errors
    assert failures
    whole_run(mysql_latest, form, databases, tmp_path / "next")


def _killing_connections(
    server: Server, databases: tuple[str, str], job: subprocess.Popen[bytes], *, wait_for: int
) -> bool:
    """Kill all connections to the databases once they were seen so many times; whether there were any."""
    seen = 0
    names = ", ".join(f"'{name}'" for name in databases)
    with connected(server) as cursor:
        while job.poll() is None:
            cursor.execute(f"SELECT id FROM information_schema.PROCESSLIST WHERE db IN ({names})")
            numbers = [number for (number,) in cursor.fetchall()]
            seen += bool(numbers)
            if numbers and seen >= wait_for * 3:
                for number in numbers:
                    try:
                        cursor.execute(f"KILL {number}")
                    except pymysql.err.OperationalError as error:
                        if error.args[0] != ER_NO_SUCH_THREAD:
                            raise
                        # It ended by itself in between.
                return True
            time.sleep(0.02)
    return False


def test_a_killed_server_fails_the_command(tmp_path: Path) -> None:
    with servers.start("mariadb1011") as server, scratch(server) as one, scratch(server) as two:
        for name in (one, two):
            fill(server, name)
        for form in ("directory", "set"):
            place = tmp_path / form
            place.mkdir()
            job = started(server, form, (one, two), place)
            with connected(server) as cursor:
                for _attempt in range(1000):
                    cursor.execute("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE info LIKE '%FROM `a`%'")
                    if cursor.fetchone()[0] > 1 or job.poll() is not None:
                        break
            server.kill()
            _output, errors = job.communicate(timeout=60)
            assert job.returncode == 1, errors
            assert not published(place)
            assert b"Traceback" not in errors
            server.restart()
            whole_run(server, form, (one, two), place)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own that is soon full."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("mounting needs the rights of root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("form", ["set", "several"])
def test_a_full_disk_fails_the_command_by_name(
    mysql_latest: Server, databases: tuple[str, str], tmp_path: Path, form: str
) -> None:
    with small_disk(tmp_path / "small", "2m") as place:
        job = started(mysql_latest, form, databases, place)
        _output, errors = job.communicate(timeout=60)
        assert job.returncode == 1
        assert b"No space left on device" in errors or b"free" in errors, errors
        assert not published(place)
        subprocess.run(["mount", "-o", "remount,size=200m", place], check=True)
        whole_run(mysql_latest, form, databases, place)


def test_a_target_without_room_is_named_and_the_next_run_works(mariadb_latest: Server, tmp_path: Path) -> None:
    """Error 1114, as for a full disk; a disk that is really full ends this server."""
    with scratch(mariadb_latest) as target:
        rows = ",".join(f"({number},'{'x' * 200}')" for number in range(1000))
        path = tmp_path / "dump.sql"
        path.write_text(
            "CREATE TABLE `big` (id INT PRIMARY KEY, t VARCHAR(300)) ENGINE=MEMORY;\n"
            f"INSERT INTO `big` VALUES {rows};\n"
        )
        command = [COMMAND, "restore", "mysql", "--socket", mariadb_latest.socket, "--user", mariadb_latest.user]
        command += ["--source", str(path), "--database", f"{target}_t", "--create"]
        environment = {**os.environ, "MYSQL_PWD": mariadb_latest.password}
        limit = mariadb_latest.execute("SELECT @@GLOBAL.max_heap_table_size")[0][0]
        try:
            mariadb_latest.execute("SET GLOBAL max_heap_table_size = 65536")
            failed = subprocess.run(command, env=environment, capture_output=True, check=False)
            assert failed.returncode == 1
            assert b"INSERT INTO big" in failed.stderr, failed.stderr
            assert b"is full" in failed.stderr
            assert b"xxxx" not in failed.stderr
            assert not mariadb_latest.execute(f"SHOW DATABASES LIKE '{target}_t'")
            mariadb_latest.execute(f"SET GLOBAL max_heap_table_size = {limit}")
            done = subprocess.run(command, env=environment, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr
            assert mariadb_latest.execute(f"SELECT COUNT(*) FROM `{target}_t`.big") == [(1000,)]
        finally:
            mariadb_latest.execute(f"SET GLOBAL max_heap_table_size = {limit}")
            mariadb_latest.execute(f"DROP DATABASE IF EXISTS `{target}_t`")
