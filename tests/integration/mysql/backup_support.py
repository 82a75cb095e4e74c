# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tests of backups share: backing up into a folder, the genuine client, and a complete picture."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet.interfaces import ArtifactFile
from dbfleet.mysql.dump import MysqlBackupSource
from dbfleet.mysql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.repository.records import BackupContents
from dbfleet.streams.file import FileSink
from tests.servers import Server
from tests.servers.clients import client


class Folder:
    """Where a backup's files go."""

    can_patch = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, path: str) -> ArtifactFile:
        return FileSink(str(self.path / path))


@dataclasses.dataclass(frozen=True)
class Made:
    """A backup that was made."""

    contents: BackupContents
    path: Path
    warnings: list[str]

    @property
    def text(self) -> bytes:
        """The script, decompressed."""
        data = self.path.read_bytes()
        return gzip.decompress(data) if self.path.suffix == ".gz" else data


def options(server: Server, database: str, **changes: Any) -> BackupOptions:
    """Backup options for a database on a test server; unknown names go to the connection."""
    fields = {field.name for field in dataclasses.fields(BackupOptions)}
    connection = {"unix_socket": server.socket, "user": server.user, "password": server.password}
    connection.update({name: value for name, value in changes.items() if name not in fields})
    if "host" in connection:
        del connection["unix_socket"]
    given = {name: value for name, value in changes.items() if name in fields}
    return BackupOptions(connection=ConnectionOptions(**connection), database=database, **given)


def back_up(server: Server, database: str, folder: Path, **changes: Any) -> Made:
    """Make a backup with the engine itself."""
    folder.mkdir(exist_ok=True)
    progress = Progress()
    source = MysqlBackupSource(options(server, database, **changes))
    try:
        contents = source.write(Folder(folder), progress)
    finally:
        source.close()
    return Made(contents, folder / contents.artifact, progress.warnings)


@contextmanager
def scratch(server: Server, name: str = "") -> Iterator[str]:
    """A database that is gone afterwards; an empty one unless it exists."""
    name = name or f"t_{secrets.token_hex(6)}"
    server.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")
    try:
        yield name
    finally:
        server.execute(f"DROP DATABASE IF EXISTS `{name}`")


def empty(server: Server, name: str) -> None:
    """Drop a database and make it anew."""
    server.execute(
        f"DROP DATABASE IF EXISTS `{name}`",
        f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    )


def load(server: Server, database: str, script: bytes, *arguments: str) -> None:
    """Load a script with the genuine client, which keeps comments of routines when asked to."""
    if server.flavor == "mariadb":
        program = client("mariadb", version=server.version[:2])
    else:
        program = client("mysql")
    program.run(server, "--comments", *arguments, database, input=script)


_PROGRAM_COLUMNS = {"created", "last_altered"}


def picture(server: Server, database: str, *, checksums: bool = True) -> dict[str, Any]:
    """Everything that a restored database must have in common with its source."""
    with server.connect(database) as connection:
        cursor = connection.cursor()
        cursor.execute("SET time_zone = '+00:00'")
        found: dict[str, Any] = {}
        for kind, name in _objects(cursor, database):
            found[f"{kind} {name}"] = _definition(cursor, kind, name)
        for name, is_versioned in _tables(cursor, database):
            found[f"rows of {name}"] = _rows(cursor, database, name)
            # The checksum of a system-versioned table covers its history, that of MySQL's JSON more than its value: it
            # differs between two tables filled by the same statements.
            if checksums and not is_versioned and not _has_json(cursor, database, name):
                cursor.execute(f"CHECKSUM TABLE {_quoted(name)}")
                found[f"checksum of {name}"] = cursor.fetchone()[1]
        return found


def differences(got: dict[str, Any], want: dict[str, Any]) -> list[str]:
    """What differs between two pictures, shortened."""
    return [
        f"{key}: got {str(got.get(key))[:400]!r}, want {str(want.get(key))[:400]!r}"
        for key in sorted(got.keys() | want.keys())
        if got.get(key) != want.get(key)
    ]


def _objects(cursor: Any, database: str) -> list[tuple[str, str]]:
    cursor.execute(
        "SELECT CASE TABLE_TYPE WHEN 'VIEW' THEN 'VIEW' WHEN 'SEQUENCE' THEN 'SEQUENCE' ELSE 'TABLE' END, TABLE_NAME "
        "FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s UNION ALL "
        "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s UNION ALL "
        "SELECT 'TRIGGER', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s UNION ALL "
        "SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s",
        (database,) * 4,
    )
    found = list(cursor.fetchall())
    cursor.execute(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'LIBRARIES'"
    )
    if cursor.fetchall():
        cursor.execute("SELECT LIBRARY_NAME FROM information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = %s", (database,))
        found += [("LIBRARY", row[0]) for row in cursor.fetchall()]
    return found


def _definition(cursor: Any, kind: str, name: str) -> Any:
    cursor.execute(f"SHOW CREATE {kind} {_quoted(name)}")
    columns = [column[0] for column in cursor.description]
    row = dict(zip(columns, cursor.fetchone(), strict=True))
    row.pop("Created", None)
    if kind == "TRIGGER":
        cursor.execute(
            "SELECT ACTION_ORDER, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS "
            "WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME = %s",
            (name,),
        )
        row["order"] = cursor.fetchone()
    elif kind == "SEQUENCE":
        cursor.execute(f"SELECT next_not_cached_value, cycle_count FROM {_quoted(name)}")
        row["state"] = cursor.fetchone()
    elif kind == "VIEW":
        cursor.execute(f"SHOW COLUMNS FROM {_quoted(name)}")
        row["columns"] = cursor.fetchall()
    return {key: _canonical(value) if isinstance(value, str) else value for key, value in row.items()}


def _canonical(definition: str) -> str:
    # The genuine clients put a blank behind a comment that ends a statement.
    definition = re.sub(r"\s+;", ";", definition)
    # MySQL 8 and later show the character set of a column once its collation was named, as its own text does.
    return re.sub(r" CHARACTER SET (\w+) COLLATE (?=\1_)", " COLLATE ", definition)


def _tables(cursor: Any, database: str) -> list[tuple[str, bool]]:
    cursor.execute(
        "SELECT TABLE_NAME, TABLE_TYPE = 'SYSTEM VERSIONED' FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND "
        "TABLE_TYPE NOT IN ('VIEW', 'SEQUENCE')",
        (database,),
    )
    return [(name, bool(versioned)) for name, versioned in cursor.fetchall()]


def _has_json(cursor: Any, database: str, table: str) -> bool:
    cursor.execute(
        "SELECT 1 FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND DATA_TYPE = 'json'",
        (database, table),
    )
    return bool(cursor.fetchall())


def _rows(cursor: Any, database: str, table: str) -> tuple[int, str]:
    """How many rows, and a digest of every value's exact bytes."""
    cursor.execute(
        "SELECT COLUMN_NAME, DATA_TYPE, COALESCE(GENERATION_EXPRESSION, '') FROM information_schema.COLUMNS "
        "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        (database, table),
    )
    exact = {"float": "{}*1e0", "enum": "CONCAT({0}+0, ':', HEX({0}))", "set": "CONCAT({0}+0, ':', HEX({0}))"}
    plain = ("double", "timestamp", "decimal", "bigint")
    columns = [
        exact.get(kind, "{}" if kind in plain else "HEX({})").format(_quoted(name))
        for name, kind, generated in cursor.fetchall()
        if not generated.startswith("ROW ")
    ]
    cursor.execute(f"SELECT {', '.join(columns)} FROM {_quoted(table)}")
    # MariaDB 10.11 shows -0 as 0; the checksum of the stored bytes tells them apart.
    rows = sorted(repr([value + 0.0 if isinstance(value, float) else value for value in row]) for row in cursor)
    return len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
