# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups and restores by the vendors' programs: as good as the native engine's, and never believed on their word."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import drivers
from dbfleet.backup import BackupRequest, BackupResult, Destination, backup
from dbfleet.cli.main import main
from dbfleet.compare import CompareRequest, LiveDatabase, compare
from dbfleet.drill import Drill
from dbfleet.errors import (
    ConnectError,
    ConsistencyError,
    DbfleetError,
    DriverMissingError,
    NotFoundError,
    ProgramError,
    RestoreError,
    TargetNotEmptyError,
    UnsupportedObjectError,
    UsageError,
)
from dbfleet.mysql.options import BackupOptions as MysqlBackupOptions
from dbfleet.mysql.options import ConnectionOptions as MysqlConnectionOptions
from dbfleet.mysql.options import RestoreOptions as MysqlRestoreOptions
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.artifact import open_artifact
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from dbfleet.streams.age_keys import parse_recipients
from dbfleet.streams.encryption import Encryption
from dbfleet.tools.engine import AUTO, TOOLS, Engine
from dbfleet.tools.postgresql_contents import read_archive
from dbfleet.tools.scratch import FOLDER_PREFIX
from dbfleet.verify import VerifyRequest, verify
from tests import servers
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks
from tests.integration.postgresql.backup_support import fill_with_zoo
from tests.integration.tools_support import client_version, names_for, programs, write_program
from tests.servers.fixtures import Database, ServerPool

HOSTILE = "a \u2018name\u2019 \"with\" 'all' `sorts` $(of) ; -- \\ things %s 顧客"
#: A key pair of age for tests alone.
RECIPIENT = "age1lsvlf4q8ek33edqtm9jz0nxhe0r8qnq5q7x902pgsq6sfrvdy3rs9wfcmk"
ALL = ("pg10", "pg14", "pg18", "mysql57", "mysql97", "mariadb105", "mariadb118")


@dataclasses.dataclass(frozen=True)
class Place:
    """A database with names that are hard to quote, the programs of its vendor, and where backups go."""

    database: Database
    programs: Path
    repository: Path
    scratch: Path

    @property
    def is_postgresql(self) -> bool:
        return self.database.server.dbms == "postgresql"

    def engine(self, name: str = TOOLS, **changes: Any) -> Engine:
        return Engine(name, programs=str(self.programs), scratch_folder=str(self.scratch), **changes)

    def connection(self, **changes: Any) -> Any:
        server = self.database.server
        at = {"port": server.port, "user": server.user, "password": server.password, **changes}
        if self.is_postgresql:
            return ConnectionOptions(**{"host": server.host, **at})
        return MysqlConnectionOptions(**{"host": "127.0.0.1", **at})

    def back_up(self, engine: Engine | None = None, progress: Progress | None = None, **options: Any) -> BackupResult:
        connection = options.pop("connection", None) or self.connection()
        destination = Destination(repository=str(self.repository), encryption=options.pop("encryption", Encryption(())))
        kind = BackupOptions if self.is_postgresql else MysqlBackupOptions
        chosen = kind(connection, options.pop("database", self.database.name), **options)
        return backup(BackupRequest(chosen, destination, engine=engine or self.engine()), progress or Progress())

    def restore(self, into: str, engine: Engine, progress: Progress | None = None, **options: Any) -> RestoreResult:
        kind = RestoreOptions if self.is_postgresql else MysqlRestoreOptions
        chosen = kind(options.pop("connection", None) or self.connection(), into, **options)
        origin = Origin(repository=str(self.repository), database=self.database.name)
        return restore(RestoreRequest(chosen, origin, engine=engine), progress or Progress())

    def drop(self, name: str) -> None:
        quote = '"' if self.is_postgresql else "`"
        self.database.server.execute(f"DROP DATABASE IF EXISTS {quote}{name}{quote}")

    def quoted(self, name: str) -> str:
        quote = '"' if self.is_postgresql else "`"
        return quote + name.replace(quote, 2 * quote) + quote

    def nothing_is_left(self) -> bool:
        """Neither in the scratch folder nor, unpublished, in the repository."""
        return not os.listdir(self.scratch) and not list(self.repository.rglob(".partial-*"))

    def backups(self) -> list[Path]:
        return list(self.repository.rglob("manifest.json"))


def make_place(pool: ServerPool, name: str, folder: Path) -> Iterator[Place]:
    server = pool.get(name)
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    database = Database(server, "engines_of")
    place = Place(database, programs(folder / "programs", name), folder / "repository", scratch)
    place.drop(database.name)
    server.execute(f"CREATE DATABASE {database.name}" + ("" if place.is_postgresql else " CHARACTER SET utf8mb4"))
    table = place.quoted(HOSTILE)
    rows = ", ".join(f"({number}, 'it''s (), \\\\ {number}; 顧客', NULL)" for number in range(500))
    database.execute(
        f"CREATE TABLE {table} (id integer PRIMARY KEY, a varchar(50), b integer)",
        f"INSERT INTO {table} VALUES {rows}",
        "CREATE TABLE keyless (a integer, c varchar(10))",
        "INSERT INTO keyless VALUES (1, 'NULL'), (1, ''), (2, NULL), (NULL, '(')",
        "CREATE TABLE no_rows (a integer)",
        "CREATE VIEW seen AS SELECT a FROM keyless",
    )
    if place.is_postgresql:
        database.execute("SELECT lo_from_bytea(4711, 'large')")
    try:
        yield place
    finally:
        place.drop(database.name)


@pytest.fixture(params=ALL)
def place(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Place]:
    yield from make_place(server_pool, request.param, tmp_path)


@pytest.fixture(params=["pg18", "mariadb118"])
def one_place(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Place]:
    yield from make_place(server_pool, request.param, tmp_path)


@pytest.fixture
def postgresql(server_pool: ServerPool, tmp_path: Path) -> Iterator[Place]:
    yield from make_place(server_pool, "pg18", tmp_path)


def test_what_programs_write_both_engines_restore(place: Place) -> None:
    native = place.back_up(Engine()).backup
    made = place.back_up().backup
    assert (made["engine"], made["engine_reason"], made["rows"]) == ("tools", "", 504)
    assert made["engine_program"].startswith(("pg_dump", "mysqldump", "mariadb-dump"))
    assert {table["name"]: table["rows"] for table in made["tables"]} == {HOSTILE: 500, "keyless": 4, "no_rows": 0}
    assert place.nothing_is_left()
    assert (native["engine"], native["cluster"]) == ("native", made["cluster"])
    if place.is_postgresql:
        assert made["tables"] == native["tables"]
    for engine in (Engine(), place.engine()):
        into = f"restored_by_{engine.name}"
        place.drop(into)
        try:
            result = place.restore(into, engine, create=True).restore
            assert (result["engine"], result["rows"]) == (engine.name, 504)
            rows = place.database.server.execute(
                f"SELECT count(*), sum(id) FROM {place.quoted(HOSTILE)}", database=into
            )
            assert [tuple(map(int, row)) for row in rows] == [(500, 124750)]
            assert place.database.server.execute("SELECT count(*) FROM seen", database=into) == [(4,)]
            with pytest.raises(TargetNotEmptyError):
                place.restore(into, place.engine())
        finally:
            place.drop(into)
    drill = Drill((RestoreOptions if place.is_postgresql else MysqlRestoreOptions)(place.connection(), ""))
    origin = Origin(repository=str(place.repository), database=place.database.name)
    (verdict,) = verify(VerifyRequest(origin, level="restore", drill=drill), Progress()).verifications
    assert (verdict["passed"], verdict["findings"]) == (True, [])
    # What the native engine wrote, the programs restore.
    place.back_up(Engine())
    place.drop("restored_by_tools")
    try:
        assert place.restore("restored_by_tools", place.engine(), create=True).restore["rows"] == 504
    finally:
        place.drop("restored_by_tools")
    assert place.nothing_is_left()


@pytest.mark.parametrize(
    ("chosen", "compression"),
    [("custom", "zstd:3"), ("directory", "gzip:1"), ("tar", "none"), ("plain", "gzip:6")],
)
def test_every_format_of_pg_dump(postgresql: Place, chosen: str, compression: str) -> None:
    options = {"format": chosen, "compression": compression, "jobs": 2 if chosen == "directory" else 1}
    native = postgresql.back_up(Engine(), **options).backup
    made = postgresql.back_up(**options).backup
    assert [made[name] for name in ("tables", "artifact", "format", "compression")] == [
        native[name] for name in ("tables", "artifact", "format", "compression")
    ]
    for engine in (Engine(), postgresql.engine()):
        try:
            postgresql.restore("formats", engine, create=True)
            assert postgresql.database.server.execute("SELECT count(*) FROM keyless", database="formats") == [(4,)]
            assert postgresql.database.server.execute("SELECT lo_get(4711)", database="formats") == [(b"large",)]
        finally:
            postgresql.drop("formats")


def test_an_encrypted_backup_of_programs(postgresql: Place, tmp_path: Path) -> None:
    made = postgresql.back_up(encryption=Encryption(parse_recipients([RECIPIENT]))).backup
    assert made["encryption"] == "age"
    assert postgresql.nothing_is_left()
    assert not any(b"PGDMP" in path.read_bytes() for path in postgresql.repository.rglob("*.age"))


def test_an_archive_of_redirected_output_is_whole(postgresql: Place, tmp_path: Path) -> None:
    """``pg_dump -Fc > file`` writes the table of contents once more, behind the data."""
    server = postgresql.database.server
    program = servers.client("pg_dump", version=18)
    with (tmp_path / "shop.dump").open("wb") as file:
        command = program.argv(server, "--format=custom", postgresql.database.name)
        subprocess.run(command, env=program.environment(server), stdout=file, check=True)
    written = read_archive(open_artifact(str(tmp_path / "shop.dump")), Progress())
    assert {table.name: table.rows for table in written.tables} == {HOSTILE: 500, "keyless": 4, "no_rows": 0}
    (tmp_path / "shop.dump").write_bytes((tmp_path / "shop.dump").read_bytes()[:-1])
    with pytest.raises(DbfleetError, match="belong to no entry"):
        read_archive(open_artifact(str(tmp_path / "shop.dump")), Progress())


def dump_program(place: Place) -> Path:
    return place.programs / names_for(place.database.server.name)[1]


def replaced(place: Place, then: str) -> None:
    """Put a wrapper before the dump program, which runs the shell commands ``then`` with the genuine one in $REAL."""
    path = dump_program(place)
    real = path.rename(path.with_name("genuine"))
    head = f'#!/bin/sh\nREAL={real}\nif [ "$1" = --version ]; then exec "$REAL" --version; fi\n'
    write_program(path, head + then + "\n")


# Both write to a file that they are told, or to their standard output.
HALF = """
file=
for argument in "$@"; do case "$argument" in --file=*) file=${argument#--file=};; esac; done
"$REAL" "$@" > "$0.out" || exit 9
if [ -n "$file" ]; then
    size=$(stat -c %s "$file"); truncate -s $((size / 2)) "$file"
else
    size=$(stat -c %s "$0.out"); head -c $((size / 2)) "$0.out"
fi
"""


@pytest.mark.parametrize("code", [0, 1])
def test_half_of_a_dump_is_no_backup(one_place: Place, code: int) -> None:
    replaced(one_place, HALF + f"exit {code}")
    with pytest.raises(ProgramError, match="ended with code 1" if code else "ended as if all were well"):
        one_place.back_up()
    assert one_place.nothing_is_left()
    assert one_place.backups() == []


def test_a_script_that_ends_early_is_found(postgresql: Place) -> None:
    replaced(postgresql, HALF + "exit 0")
    with pytest.raises(ProgramError, match="ended as if all were well"):
        postgresql.back_up(format="plain")
    replaced_again = postgresql.programs / "pg_dump"
    write_program(replaced_again, '#!/bin/sh\nif [ "$1" = --version ]; then exec "${0%/*}/genuine" --version; fi\n')
    with pytest.raises(ProgramError, match="ended as if all were well"):
        postgresql.back_up(format="plain")
    assert postgresql.backups() == []


def test_warnings_are_told(one_place: Place) -> None:
    replaced(one_place, 'echo "warning: the moon is full" >&2; exec "$REAL" "$@"')
    progress = Progress()
    made = one_place.back_up(progress=progress).backup
    assert len(progress.warnings) == 1
    assert progress.warnings[0].endswith(": warning: the moon is full")
    assert made["warnings"] == progress.warnings


def test_the_password_is_in_no_argument_and_no_environment(one_place: Place, tmp_path: Path) -> None:
    server = one_place.database.server
    password = "it's \"quoted\" # \\back\\ :colon; $HOME %s 'ü'"
    user = "hostile_password"
    if one_place.is_postgresql:
        escaped = password.replace("'", "''")
        server.execute(f"DROP ROLE IF EXISTS {user}", f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{escaped}'")
    else:
        escaped = password.replace("\\", "\\\\").replace("'", "''")
        server.execute(
            f"DROP USER IF EXISTS {user}",
            f"CREATE USER {user} IDENTIFIED BY '{escaped}'",
            f"GRANT ALL ON *.* TO {user}",
        )
    seen = tmp_path / "seen"
    for name in names_for(server.name)[:2]:
        path = one_place.programs / name
        real = path.rename(path.with_name(f"genuine_{name}"))
        script = (
            f'#!/bin/sh\n{{ printf "%s\\n" "$@"; tr "\\0" "\\n" < /proc/$$/environ; }} >> {seen}\nexec {real} "$@"\n'
        )
        write_program(path, script)
    try:
        made = one_place.back_up(connection=one_place.connection(user=user, password=password)).backup
        assert made["rows"] == 504
        wrong = one_place.connection(user=user, password="no " + password)
        with pytest.raises(ConnectError) as caught:
            one_place.back_up(connection=wrong)
        assert password not in str(caught.value)
        told = seen.read_text(errors="replace")
        assert "--dbname=" in told if one_place.is_postgresql else "--defaults-file=" in told
        assert "#" not in told.replace("$#", "")
        assert "back\\" not in told
    finally:
        server.execute(f"DROP {'ROLE' if one_place.is_postgresql else 'USER'} {user}")
    if one_place.is_postgresql:
        with pytest.raises(UsageError, match="line break"):
            one_place.back_up(connection=one_place.connection(password="two\nlines"))
    assert one_place.nothing_is_left()


def test_programs_that_are_missing_or_too_old(server_pool: ServerPool, postgresql: Place, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NotFoundError, match="no program psql"):
        postgresql.back_up(dataclasses.replace(postgresql.engine(), programs=str(empty)))
    old = programs(tmp_path / "old", "pg18", version=17)
    with pytest.raises(UsageError, match="is older than the server") as caught:
        postgresql.back_up(dataclasses.replace(postgresql.engine(), programs=str(old)))
    assert "tools_path" in caught.value.hint
    # A program that is newer writes for its own time.
    for other in make_place(server_pool, "pg14", tmp_path / "other"):
        newer = Engine(TOOLS, programs=str(postgresql.programs), scratch_folder=str(other.scratch))
        assert other.back_up(newer).backup["rows"] == 504
        with pytest.raises(UsageError, match="transaction_timeout"):
            other.restore("never_there", newer, create=True)
    # Each server gets the program of its own series.
    assert client_version("pg10") == 14
    assert postgresql.backups() == []


def test_auto_uses_programs_for_a_declared_reason_only(one_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert one_place.back_up(one_place.engine(AUTO)).backup["engine"] == "native"
    package = "psycopg[binary]" if one_place.is_postgresql else "PyMySQL"

    def missing() -> Any:
        raise DriverMissingError(f"the Python package {package} is not installed", package=package)

    wrong = one_place.connection(password="wrong " * 3)
    with pytest.raises(ConnectError):
        one_place.back_up(one_place.engine(AUTO), connection=wrong)
    monkeypatch.setattr(drivers, "psycopg" if one_place.is_postgresql else "pymysql", missing)
    progress = Progress()
    made = one_place.back_up(one_place.engine(AUTO), progress=progress).backup
    assert made["engine"] == "tools"
    assert package in made["engine_reason"]
    assert len([text for text in progress.warnings if package in text]) == 1
    with pytest.raises(DriverMissingError):
        one_place.back_up(Engine())
    with pytest.raises(DriverMissingError):
        one_place.back_up(one_place.engine(AUTO, unhonoured=("archive_version",)))
    with pytest.raises(NotFoundError, match="the native engine could not do it either"):
        one_place.back_up(dataclasses.replace(one_place.engine(AUTO), programs=str(one_place.scratch)))
    one_place.drop("by_auto")
    try:
        restored = one_place.restore("by_auto", one_place.engine(AUTO), create=True).restore
        assert (restored["engine"], restored["rows"]) == ("tools", 504)
        assert package in restored["engine_reason"]
    finally:
        one_place.drop("by_auto")
    monkeypatch.undo()
    with pytest.raises(DbfleetError) as caught:
        one_place.back_up(one_place.engine(AUTO), database="no_such_database")
    assert isinstance(caught.value, NotFoundError)


def test_a_restore_that_fails_leaves_the_target_as_it_was(one_place: Place) -> None:
    one_place.back_up()
    loader = one_place.programs / ("pg_restore" if one_place.is_postgresql else names_for("mariadb118")[0])
    real = loader.rename(loader.with_name("genuine_loader"))
    # The client program is also asked questions; only what loads a script is to fail.
    fails = 'case "$*" in *--exit-on-error*|*--binary-mode*) "$REAL" "$@"; echo "broken: half way" >&2; exit 3;; esac'
    write_program(loader, f'#!/bin/sh\nREAL={real}\n{fails}\nexec "$REAL" "$@"\n')
    server = one_place.database.server
    before = {row[0] for row in server.execute(_databases(one_place))}
    with pytest.raises(RestoreError, match="broken: half way") as caught:
        one_place.restore("never_there", one_place.engine(), create=True)
    assert "never_there" in str(caught.value)
    assert {row[0] for row in server.execute(_databases(one_place))} == before
    assert one_place.nothing_is_left()


def _databases(place: Place) -> str:
    return "SELECT datname FROM pg_database" if place.is_postgresql else "SHOW DATABASES"


@pytest.mark.parametrize("name", ["mysql97", "mariadb118"])
def test_what_a_dump_program_of_mysql_would_spoil_is_refused(
    name: str, server_pool: ServerPool, tmp_path: Path
) -> None:
    for place in make_place(server_pool, name, tmp_path):
        place.database.execute("CREATE TABLE myisam (a integer) ENGINE=MyISAM")
        place.back_up()
        place.database.execute("INSERT INTO myisam VALUES (1)")
        with pytest.raises(ConsistencyError, match="myisam"):
            place.back_up()
        assert place.back_up(lock_tables=True).backup["rows"] == 505
        place.database.execute("DROP TABLE myisam", "CREATE TABLE exact (f float)")
        with pytest.raises(UnsupportedObjectError, match=r"exact\.f"):
            place.back_up()
        with pytest.raises(UsageError, match="directory"):
            place.back_up(format="directory")
        assert place.nothing_is_left()


@pytest.fixture(params=["postgresql", "mariadb"])
def world(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[World]:
    server = server_pool.get("pg18" if request.param == "postgresql" else "mariadb118")
    server.execute("DROP DATABASE IF EXISTS engine_doors", "CREATE DATABASE engine_doors")
    try:
        with filled_world(request.param, Database(server, "engine_doors")) as made:
            yield made
    finally:
        server.execute("DROP DATABASE engine_doors")


def test_the_command(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(world.password_variable, world.password)
    folder = programs(tmp_path / "programs", world.database.server.name)
    common = [world.dbms, *world.connection(), "--repository", str(tmp_path / "r"), "--json"]
    tools = ["--engine", "tools", "--tools-path", str(folder), "--scratch-folder", str(tmp_path)]
    assert main(["backup", *common, "--database", world.name, *tools, "--schema-only"]) == 0
    made = json.loads(capsys.readouterr().out)["backup"]
    assert (made["engine"], made["rows"]) == ("tools", 0)
    assert made["options"]["partial"] is True
    assert main(["backup", *common, "--database", world.name, *tools]) == 0
    assert json.loads(capsys.readouterr().out)["backup"]["rows"] == ROWS
    target = f"{world.name}_copy"
    world.drop(target)
    try:
        restored = ["--source-database", world.name, "--database", target, "--create", *tools]
        restored += ["--skip-binlog"] if world.dbms == "mariadb" else ["--no-owner", "--jobs", "2"]
        assert main(["restore", *common, *restored]) == 0
        assert json.loads(capsys.readouterr().out)["restore"]["engine"] == "tools"
        assert len(world.content(target)) == ROWS
    finally:
        world.drop(target)
    unknown = ["--archive-version", "1.14"] if world.dbms == "postgresql" else ["--table", "orders"]
    for refused in (unknown, ["--all-databases"]):
        database = [] if refused == ["--all-databases"] else ["--database", world.name]
        assert main(["backup", *common, *database, *tools, *refused]) == 2
        assert "--engine" in capsys.readouterr().err
    assert main(["backup", *common, "--database", world.name, "--tools-path", str(folder)]) == 2
    assert "--tools-path" in capsys.readouterr().err


def test_an_interrupt_ends_the_program_and_leaves_nothing(postgresql: Place, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    # What it starts stays in its process group, and would go on for long.
    replaced(postgresql, f'sleep 3600 & echo "$$ $!" > {noted}.new; mv {noted}.new {noted}; wait')
    server = postgresql.database.server
    command = [
        sys.executable, "-m", "dbfleet.cli", "backup", "postgresql", "--host", str(server.host),
        "--port", str(server.port), "--user", server.user, "--database", postgresql.database.name,
        "--repository", str(postgresql.repository), "--engine", "tools", "--tools-path", str(postgresql.programs),
        "--scratch-folder", str(postgresql.scratch),
    ]  # fmt: skip
    environment = {**os.environ, "PGPASSWORD": server.password}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 120
        while not noted.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _output, said = process.communicate(timeout=120)
        assert process.returncode == 130, said
    # Killed processes may wait for somebody to take note of their end.
    end = time.monotonic() + 60
    while any(_runs(int(number)) for number in noted.read_text().split()):
        assert time.monotonic() < end
        time.sleep(0.05)
    assert postgresql.nothing_is_left()
    assert postgresql.backups() == []


def _runs(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def test_the_next_job_removes_what_a_killed_one_left(postgresql: Place) -> None:
    left = postgresql.scratch / f"{FOLDER_PREFIX}abcdefgh"
    left.mkdir()
    # The number of a process that runs, and a beginning that is not its.
    (left / "owner").write_text(f"{os.getpid()} 1\n")
    (left / "passfile-1").write_text("*:*:*:*:secret\n")
    postgresql.back_up()
    assert postgresql.nothing_is_left()


@pytest.mark.parametrize("name", ["pg14", "pg18"])
def test_both_engines_write_the_same_of_the_zoo(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get(name)
    server.execute("DROP DATABASE IF EXISTS zoo_of_engines", "CREATE DATABASE zoo_of_engines")
    try:
        fill_with_zoo(server, "zoo_of_engines")
        # Older ones write privileges, and what was changed of the schema public, in other statements.
        newest = programs(tmp_path / "p", name, version=18)
        engine = Engine(TOOLS, programs=str(newest), scratch_folder=str(tmp_path))
        connection = ConnectionOptions(host=server.host, port=server.port, user=server.user, password=server.password)
        found = compare(CompareRequest(engine, LiveDatabase(connection, "zoo_of_engines")), Progress())
        # docs/coverage.md tells how pg_dump 18 writes a column's NOT NULL that an older server's child has of its own.
        unlike = [{"kind": "TABLE", "schema": "zoo_tables", "name": "child"}] if name == "pg14" else []
        assert found.objects == {"only_first": [], "only_second": [], "different": unlike}
        assert found.tables == ()
        assert found.equal is not bool(unlike)
        assert found.compared > 40
        assert "in the same snapshot" in found.second
        assert os.listdir(tmp_path) == ["p"]
    finally:
        server.execute("DROP DATABASE zoo_of_engines")


def test_what_the_engines_write_differently_is_told(one_place: Place) -> None:
    live = LiveDatabase(one_place.connection(), one_place.database.name)
    assert compare(CompareRequest(one_place.engine(), live), Progress()).equal
    # What another one than the genuine program writes.
    if one_place.is_postgresql:
        replaced(one_place, 'exec "$REAL" "$@" --exclude-table-data=keyless --exclude-table=seen')
    else:
        replaced(
            one_place, '"$REAL" "$@" | sed "s/(2,NULL)/(3,NULL)/; s/VIEW `seen` AS SELECT 1/VIEW `seen` AS SELECT 2/"'
        )
    found = compare(CompareRequest(one_place.engine(), live), Progress())
    assert not found.equal
    if one_place.is_postgresql:
        assert found.objects["only_first"] == [{"kind": "VIEW", "schema": "public", "name": "seen"}]
    else:
        assert [table["name"] for table in found.tables] == ["keyless"]
    assert one_place.nothing_is_left()


def test_the_command_compares_engines(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(world.password_variable, world.password)
    folder = programs(tmp_path / "programs", world.database.server.name)
    command = ["compare", world.dbms, *world.connection(), "--database", world.name, "--with-tools"]
    assert main([*command, "--tools-path", str(folder), "--scratch-folder", str(tmp_path)]) == 0
    assert "the content of 2 tables was compared" in capsys.readouterr().out
    assert main([*command, "--source", "x"]) == 2
    assert "--with-tools" in capsys.readouterr().err


def test_the_command_measures_both_engines(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(world.password_variable, world.password)
    folder = programs(tmp_path / "programs", world.database.server.name)
    before = world.databases()
    common = ["benchmark", world.dbms, *world.connection(), "--tools-path", str(folder)]
    command = [*common, "--scratch-folder", str(tmp_path), "--database"]
    assert main([*command, world.name, "--runs", "2", "--restore", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [(one["job"], one["engine"], one["runs"]) for one in data["measurements"]] == [
        ("backup", "native", 2), ("backup", "tools", 2), ("restore", "native", 2), ("restore", "tools", 2),
    ]  # fmt: skip
    for one in data["measurements"]:
        assert one["size"] > 0
        assert 0 < one["wall"]["least"] <= one["wall"]["median"] <= one["wall"]["most"]
        assert one["cpu"]["least"] > 0
        assert bool(one["program"]) == (one["engine"] == "tools")
    assert world.databases() == before
    assert os.listdir(tmp_path) == ["programs"]
    assert main([*command, world.name, "--runs", "1"]) == 0
    assert "backup: native takes" in capsys.readouterr().out
    # A failure in the measured process is the command's.
    assert main([*command, "no_such_database"]) == 1
    assert "no_such_database" in capsys.readouterr().err
    assert main([*command, world.name, "--runs", "0"]) == 2
    assert os.listdir(tmp_path) == ["programs"]


def test_the_modules(playbooks: Playbooks, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg18")
    folder = programs(tmp_path / "programs", "pg18")
    server.execute("DROP DATABASE IF EXISTS engine_modules", "CREATE DATABASE engine_modules")
    try:
        with filled_world("postgresql", Database(server, "engine_modules")) as made:
            there = {**made.module_connection(), "tools_path": str(folder), "scratch_folder": str(tmp_path)}
            place = {"database": made.name, "repository": str(tmp_path / "r"), **there}
            into = {**place, "source_database": made.name, "database": "engine_modules_copy", "create": True}
            played = playbooks.play(
                {"dbfleet.backup.native_backup": {**place, "engine": "tools"}},
                {"dbfleet.backup.native_restore": {**into, "engine": "auto"}},
                {"dbfleet.backup.backup_compare": {**there, "database": made.name, "with_tools": True}},
                {"dbfleet.backup.native_backup": {**place, "engine": "tools", "archive_version": "1.14"}},
            )
            backed_up, restored, compared, refused = played.results
            assert (backed_up["backup"]["engine"], backed_up["backup"]["rows"]) == ("tools", ROWS), played.output
            assert restored["restore"]["engine"] == "native"
            assert compared["equal"] is True
            assert "archive_version" in refused["msg"]
            assert made.password not in played.output
    finally:
        server.execute("DROP DATABASE IF EXISTS engine_modules_copy", "DROP DATABASE engine_modules")
