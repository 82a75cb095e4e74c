# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verification of backups of real servers: what is good passes every level, and what is not is named and remembered."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.cli.main import main
from dbfleet.drill import SCRATCH_PREFIX, Drill
from dbfleet.errors import ConnectError, DbfleetError, NotFoundError, UsageError, VerificationError
from dbfleet.local_server.process import FOLDER_PREFIX
from dbfleet.mysql.options import BackupOptions as MysqlBackupOptions
from dbfleet.mysql.options import ConnectionOptions as MysqlConnectionOptions
from dbfleet.mysql.options import RestoreOptions as MysqlRestoreOptions
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.repository import Repository
from dbfleet.restore import Origin
from dbfleet.verify import VerifyRequest, VerifyResult, verify
from tests import servers
from tests.integration.doors import World, filled_world
from tests.integration.mysql import zoo as mysql_zoo
from tests.integration.playbooks import Playbooks
from tests.integration.postgresql.backup_support import fill_with_zoo
from tests.integration.postgresql.zoo_support import subscriptions_dropped
from tests.servers import Server, process
from tests.servers import mysql as mysql_servers
from tests.servers.fixtures import Database, ServerPool
from tests.servers.install import install, program_environment


def postgresql_connection(server: Server, **changes: Any) -> ConnectionOptions:
    at = {"host": server.host, "port": server.port, "user": server.user, "password": server.password, **changes}
    return ConnectionOptions(**at)


def mysql_connection(server: Server, **changes: Any) -> MysqlConnectionOptions:
    at = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": server.password, **changes}
    return MysqlConnectionOptions(**at)


def make(database: Database, repository: Path, **options: Any) -> str:
    """A backup of the database; its id."""
    server = database.server
    chosen: BackupOptions | MysqlBackupOptions
    if server.dbms == "postgresql":
        chosen = BackupOptions(postgresql_connection(server), database.name, **options)
    else:
        chosen = MysqlBackupOptions(mysql_connection(server), database.name, lock_tables=True, **options)
    where = Destination(repository=str(repository), cluster="main")
    return str(backup(BackupRequest(chosen, where), Progress()).backup["id"])


def drill(server: Server, *queries: str, **changes: Any) -> Drill:
    if server.dbms == "postgresql":
        return Drill(RestoreOptions(postgresql_connection(server, **changes), ""), queries)
    return Drill(MysqlRestoreOptions(mysql_connection(server, **changes), ""), queries)


def look(repository: Path, level: str, **request: Any) -> VerifyResult:
    origin = Origin(repository=str(repository), **request.pop("origin", {}))
    return verify(VerifyRequest(origin, level, **request), Progress())


def scratches(server: Server) -> list[str]:
    statement = "SELECT datname FROM pg_database" if server.dbms == "postgresql" else "SHOW DATABASES"
    return [name for (name,) in server.execute(statement) if name.startswith(SCRATCH_PREFIX)]


def flip(path: Path, *, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_the_zoo_of_postgresql_passes_a_drill(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get(name)
    server.execute("DROP DATABASE IF EXISTS drilled", "CREATE DATABASE drilled")
    database = Database(server, "drilled")
    try:
        with subscriptions_dropped(server, database.name):
            fill_with_zoo(server, database.name)
            make(database, tmp_path / "r")
            make(database, tmp_path / "r", format="directory", jobs=2)
            (first, second) = look(
                tmp_path / "r", "restore", drill=drill(server), origin={"backup": "all"}
            ).verifications
        assert (first["passed"], second["passed"]) == (True, True)
        assert scratches(server) == []
    finally:
        server.execute("DROP DATABASE drilled")


def test_the_zoo_of_mysql_and_mariadb_passes_a_drill(mysql_database: Database, tmp_path: Path) -> None:
    server = mysql_database.server
    mysql_zoo.fill(server, mysql_database.name)
    make(mysql_database, tmp_path / "r")
    make(mysql_database, tmp_path / "r", format="directory", jobs=2)
    found = look(tmp_path / "r", "restore", drill=drill(server), origin={"backup": "all"}).verifications
    assert [one["passed"] for one in found] == [True, True]
    assert scratches(server) == []


@pytest.fixture(params=["pg18", "mariadb118"])
def small(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[Database]:
    """A database of two tables, one of which refers to the other."""
    database = Database(server_pool.get(request.param), "verified")
    database.server.execute("DROP DATABASE IF EXISTS verified", "CREATE DATABASE verified")
    database.execute(
        "CREATE TABLE customers (id integer PRIMARY KEY, name varchar(99))",
        "CREATE TABLE orders (id integer PRIMARY KEY, customer integer REFERENCES customers (id))"
        if database.server.dbms == "postgresql"
        else "CREATE TABLE orders (id int PRIMARY KEY, customer int, FOREIGN KEY (customer) REFERENCES customers (id))",
        "INSERT INTO customers VALUES (1, 'Ann'), (2, 'Bea')",
        "INSERT INTO orders VALUES (1, 1), (2, 2), (3, NULL)",
    )
    try:
        yield database
    finally:
        database.server.execute("DROP DATABASE verified")


@pytest.mark.parametrize("level", ["checksums", "structure", "restore"])
def test_a_flipped_bit_is_a_finding_and_is_remembered(level: str, small: Database, tmp_path: Path) -> None:
    repository = tmp_path / "r"
    good = make(small, repository)
    bad = make(small, repository)
    request = {"drill": drill(small.server)} if level == "restore" else {}
    assert look(repository, level, **request).verifications[0]["id"] == bad
    (artifact,) = (path for path in (repository / "main" / "verified" / bad).iterdir() if path.suffix != ".json")
    flip(artifact, at=0.5)
    with pytest.raises(VerificationError, match="1 of 1 backups failed their verification") as caught:
        look(repository, level, **request)
    (verdict,) = caught.value.context["verifications"]
    assert (verdict["passed"], verdict["id"]) == (False, bad)
    assert artifact.name in verdict["findings"][0]
    assert Repository(str(repository)).find("latest").manifest.id == good
    assert scratches(small.server) == []
    flip(artifact, at=0.5)
    look(repository, level, **request)
    assert Repository(str(repository)).find("latest").manifest.id == bad


def test_a_damaged_manifest_is_a_finding_and_the_others_are_looked_at(small: Database, tmp_path: Path) -> None:
    repository = tmp_path / "r"
    first, second = make(small, repository), make(small, repository)
    flip(repository / "main" / "verified" / second / "manifest.json", at=0.3)
    with pytest.raises(VerificationError, match=f"1 of 2 backups failed.*{second}"):
        look(repository, "structure", origin={"backup": "all"})
    with pytest.raises(VerificationError, match="1 of 2 backups failed") as caught:
        look(repository, "structure")
    assert [one["passed"] for one in caught.value.context["verifications"]] == [False, True]
    assert caught.value.context["verifications"][1]["id"] == first


def test_queries_have_to_be_true(small: Database, tmp_path: Path) -> None:
    make(small, tmp_path / "r")
    true = ("SELECT count(*) = 3 FROM orders", "SELECT 1")
    assert look(tmp_path / "r", "restore", drill=drill(small.server, *true)).verifications[0]["passed"]
    for query in ("SELECT count(*) > 3 FROM orders", "SELECT NULL", "SELECT 1 WHERE 1 = 0", "SELECT 1, 1", "SELECT 0"):
        with pytest.raises(VerificationError, match="query 2 is not true"):
            look(tmp_path / "r", "restore", record=False, drill=drill(small.server, true[0], query))
    with pytest.raises(VerificationError):
        look(tmp_path / "r", "restore", record=False, drill=drill(small.server, "DELETE FROM orders"))
    assert Repository(str(tmp_path / "r")).find("latest")
    assert scratches(small.server) == []


def test_what_the_server_cannot_do_says_nothing_of_the_backup(small: Database, tmp_path: Path) -> None:
    made = make(small, tmp_path / "r")
    with pytest.raises(ConnectError):
        look(tmp_path / "r", "restore", drill=drill(small.server, port=1))
    with pytest.raises(DbfleetError) as caught:
        look(tmp_path / "r", "restore", drill=drill(small.server, user="nobody", password="wrong"))
    assert not isinstance(caught.value, VerificationError)
    assert not list((tmp_path / "r").rglob("verifications.json"))
    with pytest.raises(UsageError, match="needs a server"):
        look(tmp_path / "r", "restore")
    planned = look(tmp_path / "r", "restore", drill=drill(small.server), check=True).verifications
    assert [(one["id"], one["level"]) for one in planned] == [(made, "restore")]


def test_rows_that_refer_to_nothing_are_a_finding(mysql_latest_database: Database, tmp_path: Path) -> None:
    database = mysql_latest_database
    database.execute(
        "CREATE TABLE parents (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE children (id int PRIMARY KEY, a int, b int, "
        "CONSTRAINT `to parent` FOREIGN KEY (a, b) REFERENCES parents (a, b))",
        "INSERT INTO parents VALUES (1, 1)",
        "INSERT INTO children VALUES (1, 1, 1), (2, NULL, 7)",
    )
    make(database, tmp_path / "r")
    assert look(tmp_path / "r", "restore", drill=drill(database.server)).verifications[0]["passed"]
    database.execute("SET foreign_key_checks = 0", "INSERT INTO children VALUES (3, 1, 2)")
    make(database, tmp_path / "r")
    with pytest.raises(VerificationError, match="children: rows refer to nothing by the foreign key to parent"):
        look(tmp_path / "r", "restore", drill=drill(database.server))


_LAUNCHER = """#!/bin/sh
if [ "$1" = --no-defaults ]; then shift; set -- --no-defaults {flags} "$@"; fi
{environment} exec {program} "$@"
"""


def programs_of(name: str, folder: Path) -> Path:
    """A folder with the programs of a server; relocated ones have to be told where their files are."""
    spec = servers.SERVERS[name]
    build = install(spec.build)
    if spec.dbms == "postgresql":
        return build / "bin"
    folder.mkdir()
    flags = " ".join(f"--{key}={value}" for key, value in mysql_servers.program_options(spec, build).items())
    environment = program_environment(spec.build, build)
    libraries = " ".join(f"{key}={value}" for key, value in environment.items() if key == "LD_LIBRARY_PATH")
    found = {"mysqld" if spec.flavor == "mysql" else "mariadbd": build / spec.build.programs[0]}
    if spec.flavor == "mariadb":
        found["mariadb-install-db"] = build / "usr/bin/mariadb-install-db"
    for program, path in found.items():
        launcher = folder / program
        launcher.write_text(_LAUNCHER.format(flags=flags, environment=libraries, program=path))
        launcher.chmod(0o755)
    folder.chmod(0o755)
    return folder


def reachable_folder() -> Path:
    """A folder that the account of a server can get into, unlike those of the tests."""
    folder = Path(tempfile.mkdtemp(prefix="dbfleet-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    return folder


@pytest.mark.parametrize("name", ["pg18", "mysql57", "mysql97", "mariadb118"])
def test_a_drill_on_a_server_of_its_own(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get(name)
    database = Database(server, "own_drill")
    server.execute("DROP DATABASE IF EXISTS own_drill", "CREATE DATABASE own_drill")
    folder = reachable_folder()
    try:
        statements = ["CREATE TABLE orders (id integer PRIMARY KEY)", "INSERT INTO orders VALUES (1), (2)"]
        if server.dbms == "postgresql":
            server.execute("DROP ROLE IF EXISTS own_drill_owner", "CREATE ROLE own_drill_owner")
            statements += [
                "ALTER TABLE orders OWNER TO own_drill_owner",
                "CREATE POLICY mine ON orders TO own_drill_owner USING (true)",
            ]
        database.execute(*statements)
        make(database, tmp_path / "r")
        own = Drill(
            None,
            ("SELECT count(*) = 2 FROM orders",),
            server_programs=str(programs_of(name, folder / "programs")),
            scratch_folder=str(folder),
        )
        assert look(tmp_path / "r", "restore", drill=own).verifications[0]["passed"]
        assert [path.name for path in folder.iterdir() if path.name.startswith(FOLDER_PREFIX)] == []
        none = dataclasses.replace(own, server_programs=str(tmp_path))
        with pytest.raises(NotFoundError, match="no server program.* or later on this host"):
            look(tmp_path / "r", "restore", drill=none)
    finally:
        server.execute("DROP DATABASE own_drill")
        if server.dbms == "postgresql":
            server.execute("DROP ROLE own_drill_owner")
        shutil.rmtree(folder)


def test_a_killed_drill_leaves_no_server_and_its_folder_to_the_next(
    pg_latest_database: Database, tmp_path: Path
) -> None:
    database = pg_latest_database
    database.execute("CREATE TABLE orders AS SELECT generate_series(1, 500000) AS id")
    make(database, tmp_path / "r")
    folder = reachable_folder()
    try:
        programs = programs_of("pg18", folder / "programs")
        words = [
            "--level",
            "restore",
            "--own-server",
            "--server-programs",
            str(programs),
            "--scratch-folder",
            str(folder),
        ]
        command = [sys.executable, "-m", "dbfleet.cli", "verify", str(tmp_path / "r"), *words]
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: list(folder.glob(f"{FOLDER_PREFIX}*/data/postmaster.pid")))
        killed.kill()
        killed.wait()
        (left,) = folder.glob(f"{FOLDER_PREFIX}*")
        wait_for(lambda: not list(process.working_in(left)))
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert list(folder.glob(f"{FOLDER_PREFIX}*")) == []
    finally:
        shutil.rmtree(folder)


def wait_for(condition: Callable[[], object], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        yield made


def test_through_the_modules_and_the_command(
    world: World,
    playbooks: Playbooks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository, connection = tmp_path / "r", world.module_connection()
    made, planned, read, drilled, wrong, shown = playbooks.play(
        {"dbfleet.backup.native_backup": {**connection, "database": world.name, "repository": str(repository)}},
        {"dbfleet.backup.backup_verify": {"repository": str(repository)}, "check_mode": True},
        {"dbfleet.backup.backup_verify": {"repository": str(repository)}},
        {
            "dbfleet.backup.backup_verify": {
                **connection,
                "repository": str(repository),
                "level": "restore",
                "queries": ["SELECT count(*) = 1234 FROM orders"],
            }
        },
        {"dbfleet.backup.backup_verify": {"repository": str(repository), "queries": ["SELECT 1"]}},
        {"dbfleet.backup.backup_info": {"repository": str(repository), "backup": "latest"}},
    ).results
    assert "verifications" in read, read
    identity = made["backup"]["id"]
    assert [one["id"] for one in planned["verifications"]] == [identity]
    assert "passed" not in planned["verifications"][0]
    assert (read["changed"], read["verifications"][0]["passed"]) == (False, True)
    assert drilled["verifications"][0]["level"] == "restore", drilled
    assert wrong["failed"]
    assert "only to a restore drill" in wrong["msg"]
    assert {one["level"] for one in shown["backup"]["verifications"]} == {"structure", "restore"}
    assert shown["backup"]["verified_at"]
    monkeypatch.setenv(world.password_variable, world.password)
    artifact = shown["backup"]["path"] + "/" + shown["backup"]["artifact"]
    assert main(["verify", artifact, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["verifications"][0]["level"] == "structure"
    os.truncate(artifact, 100)
    assert main(["verify", str(repository), "--database", world.name]) == 1
    assert "failed their verification" in capsys.readouterr().err
    assert (
        main(["restore", "postgresql", *world.connection(), "--database", "never", "--repository", str(repository)])
        == 1
    )
    assert "failed its verification" in capsys.readouterr().err
    assert "never" not in world.databases()
