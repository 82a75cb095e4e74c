# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of restores share: a database of odd things, genuine dumps and loads, and a picture to compare by."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.mysql.load import MysqlRestoreTarget
from dbfleet.mysql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.records import Manifest
from dbfleet.streams.file import FileSink, FileSource
from tests.servers import Server
from tests.servers.clients import client


class FileArtifact:
    """A single file or a folder of files as a restore job hands it to an engine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.description = str(path)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(one.name for one in self._path.iterdir())) if self._path.is_dir() else ("",)

    def open(self, path: str) -> FileSource:
        return FileSource(str(self._path / path))


_TABLES = """
CREATE TABLE plain (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(200), raw VARBINARY(300), body LONGTEXT,
  amount DECIMAL(20,6), ratio DOUBLE, moment DATETIME(6), day DATE, stamp TIMESTAMP NULL, kind ENUM('a','b',';'),
  flags SET('x','y'), bits BIT(12), UNIQUE KEY name_key (name)) ENGINE=InnoDB
CREATE TABLE `we``ird ;'"-- #/* name` (`c;'"``\\` INT, `delimiter` TEXT) ENGINE=MyISAM
CREATE TABLE empty_one (id INT PRIMARY KEY) ENGINE=InnoDB
CREATE TABLE made (id INT PRIMARY KEY, twice INT AS (id * 2) STORED, thrice INT AS (id * 3) VIRTUAL) ENGINE=InnoDB
CREATE TABLE child (id INT PRIMARY KEY, parent INT, FOREIGN KEY (parent) REFERENCES plain (id)) ENGINE=InnoDB
CREATE TABLE narrow (t VARCHAR(50)) DEFAULT CHARSET=latin1
"""
# fmt: off
_ROWS: list[tuple[str, list[tuple[Any, ...]]]] = [
    (
        f"INSERT INTO plain (name, raw, body, amount, ratio, moment, day, kind, flags, bits) VALUES ({'%s, ' * 9}%s)",
        [
            (
                "it's", bytes(range(256)), "a;b\nDELIMITER ;;\n\\g \\! -- x", "1.5", 0.1, "2024-02-29 23:59:59.999999",
                "2024-01-01", "a", "x", b"\x01",
            ),
            (
                '"quoted"', b"", "/* */ # ' \" ` \\\\ \0 \x1a \r\n\t", "-7", 1e300, "1000-01-01",
                "0000-00-00", "", "x,y", b"\x0f\xff",
            ),
            ("ünïcödé 😀", b"'; DROP TABLE plain; --", "x" * 300000, "0", -2.5, None, None, ";", "", None),
            (None, None, None, None, None, None, None, None, None, None),
        ],
    ),
    ("INSERT INTO `we``ird ;'\"-- #/* name` VALUES (%s, %s)", [(1, "delimiter //"), (2, "\\"), (3, "\\'"), (4, "';")]),
    ("INSERT INTO made (id) VALUES (%s)", [(1,), (2,)]),
    ("INSERT INTO child VALUES (%s, %s)", [(1, 1), (2, None)]),
    ("INSERT INTO narrow VALUES (%s)", [("äöü§",)]),
]
# fmt: on
_PROGRAMS = [
    "CREATE VIEW seen AS SELECT id, name, 'it''s; \\\\' AS note FROM plain WHERE id > 0",
    "CREATE VIEW above AS SELECT COUNT(*) AS n FROM seen",
    """CREATE TRIGGER stamp_it BEFORE INSERT ON child FOR EACH ROW BEGIN SET NEW.parent = NEW.parent;
    /* a; comment ' */ SET @x = ';'; END""",
    "CREATE TRIGGER then_it AFTER INSERT ON child FOR EACH ROW SET @y = CONCAT('\\'', NEW.id)",
    """CREATE PROCEDURE `odd ``proc`(IN a INT) BEGIN -- a comment; 'here
    SELECT ';' AS `;`; # another
    SELECT "x;y"; END""",
    "CREATE FUNCTION plus(a INT, b VARCHAR(10) CHARACTER SET utf8mb4) RETURNS INT DETERMINISTIC RETURN a + 1",
    "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DISABLE DO DELETE FROM empty_one",
]


def fill(server: Server, database: str) -> None:
    """Put the odd things into an empty database."""
    with connected(server, database) as cursor:
        cursor.execute("SET sql_mode = ''")
        for statement in _TABLES.strip().split("\nCREATE TABLE "):
            cursor.execute("CREATE TABLE " + statement.removeprefix("CREATE TABLE "))
        for statement, rows in _ROWS:
            for row in rows:
                cursor.execute(statement, row)
        for statement in _PROGRAMS:
            cursor.execute(statement)
        cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
        cursor.execute("CREATE PROCEDURE no_escapes() SELECT '\\', ';', 'a\\'")
        if server.flavor == "mariadb":
            cursor.execute("CREATE SEQUENCE numbers START WITH 100 INCREMENT BY 10 NOCACHE")
            cursor.execute("DO NEXTVAL(numbers)")


@contextmanager
def connected(server: Server, database: str | None = None, **arguments: Any) -> Iterator[Any]:
    connection = server.connect(database, **arguments)
    try:
        yield connection.cursor()
    finally:
        connection.close()


@contextmanager
def scratch(server: Server, *, create: bool = True) -> Iterator[str]:
    """The name of a database that is gone afterwards."""
    name = f"rest_{secrets.token_hex(5)}"
    with connected(server) as cursor:
        if create:
            cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    try:
        yield name
    finally:
        if server.running:
            with connected(server) as cursor:
                # A lock that somebody left must not hold up all other tests.
                cursor.execute("SET SESSION lock_wait_timeout = 60")
                cursor.execute(f"DROP DATABASE IF EXISTS {name}")


def genuine_dump(server: Server, database: str, *options: str) -> bytes:
    """What the vendor's own program writes."""
    common = ["--single-transaction", "--routines", "--events", "--triggers", *options, database]
    if server.flavor == "mariadb":
        return client("mariadb-dump", version=server.version[:2]).run(server, *common).stdout
    old = ["--column-statistics=0"] if server.version < (8,) else []
    return client("mysqldump").run(server, *old, "--set-gtid-purged=OFF", *common).stdout


def backup(server: Server, database: str, folder: Path) -> tuple[Manifest, Path]:
    """Our own backup: what its manifest says, and the file."""
    writer = FolderWriter(folder)
    source = MysqlBackupSource(
        BackupOptions(connection=connection_options(server), database=database, compression="zstd:1", lock_tables=True)
    )
    try:
        plan = source.plan()
        contents = source.write(writer, Progress())
    finally:
        source.close()
    manifest = Manifest(
        id="1", kind="logical", cluster="test", database=database, server=plan.server, contents=contents, files=(),
        engine_version="0", started_at="", finished_at="", duration=0.0,
    )  # fmt: skip
    return manifest, folder / contents.artifact


class FolderWriter:
    """Where a backup's files go, as a backup job hands it to an engine."""

    can_patch = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, path: str) -> FileSink:
        return FileSink(str(self._folder / path))


@contextmanager
def logged(server: Server) -> Iterator[Callable[[], list[bytes]]]:
    """Everything that the server is asked meanwhile."""
    with connected(server) as cursor:
        cursor.execute("SET GLOBAL log_output = 'TABLE'")
        cursor.execute("TRUNCATE mysql.general_log")
        cursor.execute("SET GLOBAL general_log = ON")

    def statements() -> list[bytes]:
        with connected(server) as cursor:
            cursor.execute("SET GLOBAL general_log = OFF")
            cursor.execute("SELECT CAST(argument AS BINARY) FROM mysql.general_log WHERE command_type = 'Query'")
            return [bytes(row[0]) for row in cursor.fetchall()]

    try:
        yield statements
    finally:
        with connected(server) as cursor:
            cursor.execute("SET GLOBAL general_log = OFF")


def genuine_load(server: Server, database: str, script: bytes) -> None:
    """Load a script with the vendor's own client."""
    program = client("mariadb", version=server.version[:2]) if server.flavor == "mariadb" else client("mysql")
    program.run(server, "--binary-mode", "--comments", "--default-character-set=utf8mb4", database, input=script)


def connection_options(server: Server, **arguments: Any) -> ConnectionOptions:
    given = {"unix_socket": server.socket, "user": server.user, "password": server.password, **arguments}
    return ConnectionOptions(**given)


def restore(server: Server, database: str, script: bytes | Path, folder: Path, **arguments: Any) -> Any:
    """Verify, plan and restore, as the job does."""
    path = script
    if isinstance(path, bytes):
        path = folder / f"{secrets.token_hex(4)}.sql"
        path.write_bytes(script)  # type: ignore[arg-type]
    connection = arguments.pop("connection", None) or connection_options(server)
    progress = arguments.pop("progress", None) or Progress()
    manifest = arguments.pop("manifest", None)
    target = MysqlRestoreTarget(RestoreOptions(connection=connection, database=database, **arguments))
    artifact = FileArtifact(path)
    try:
        target.verify(artifact, manifest, progress)
        target.plan(artifact, manifest)
        return target.restore(artifact, manifest, progress)
    finally:
        target.close()


def picture(server: Server, database: str) -> dict[str, Any]:
    """Everything that SHOW CREATE and CHECKSUM TABLE tell of a database, its own name taken out."""
    found: dict[str, Any] = {}
    with connected(server, database) as cursor:
        cursor.execute("SHOW FULL TABLES")
        relations = list(cursor.fetchall())
        for name, kind in relations:
            quoted = "`" + name.replace("`", "``") + "`"
            what = "VIEW" if kind == "VIEW" else "SEQUENCE" if kind == "SEQUENCE" else "TABLE"
            cursor.execute(f"SHOW CREATE {what} {quoted}")
            found[f"{what} {name}"] = _neutral(cursor.fetchone()[1:], database)
            if what == "SEQUENCE":
                cursor.execute(f"SELECT * FROM {quoted}")
                found[f"state {name}"] = cursor.fetchall()
            elif what == "TABLE":
                cursor.execute(f"CHECKSUM TABLE {quoted} EXTENDED")
                cursor.execute(f"CHECKSUM TABLE {quoted} EXTENDED")
                found[f"rows {name}"] = cursor.fetchone()[1]
        routines = (
            "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_TYPE = '{}' AND ROUTINE_SCHEMA = %s"
        )
        for kind, query in (
            ("TRIGGER", "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"),
            ("EVENT", "SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s"),
            ("PROCEDURE", routines.format("PROCEDURE")),
            ("FUNCTION", routines.format("FUNCTION")),
        ):  # fmt: skip
            cursor.execute(query, (database,))
            for (name,) in list(cursor.fetchall()):
                cursor.execute(f"SHOW CREATE {kind} `" + name.replace("`", "``") + "`")
                # The moment at which a trigger was made comes last.
                row = cursor.fetchone()
                found[f"{kind} {name}"] = _neutral(row[1:6] if kind == "TRIGGER" else row[1:], database)
    return found


def _neutral(row: tuple[Any, ...], database: str) -> tuple[Any, ...]:
    return tuple(
        re.sub(rf"`{database}`\.|AUTO_INCREMENT=\d+ ", "", one) if isinstance(one, str) else one for one in row
    )
