# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the backup tests share: a zoo in a database, backups into a plain folder, the genuine tools as judges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress
from dbfleet.repository.publication import Publication, WorkerFiles
from dbfleet.repository.records import BackupContents, FileRecord
from dbfleet.repository.staging import StagingFolder
from dbfleet.streams.file import FileSink
from tests import servers
from tests.integration.postgresql.restore_support import connection_options
from tests.integration.postgresql.zoo_support import ZOO, zoo_sql

NEWEST_CLIENT = 18
# What the newest pg_dump writes though servers before this version do not understand it; ours is what they understand.
_NEWER_WORDS = (
    (11, re.compile(r"^    FUNCTION = ", re.MULTILINE), "    PROCEDURE = "),
    (11, re.compile(r"^   EXECUTE FUNCTION ", re.MULTILINE), "   EXECUTE PROCEDURE "),
    (14, re.compile(r", streaming = off(?=[,)])"), ""),
    (16, re.compile(r", run_as_owner = true(?=[,)])"), ""),
)
_INHERITED_NOT_NULL = re.compile(r"    NOT NULL \S+,?|ALTER TABLE ONLY \S+ ALTER COLUMN \S+ SET NOT NULL;")
_LOCALE = re.compile(r" LOCALE = ('[^']*')")
#: ICU is not in every build; what uses all extensions needs them; subscriptions belong to the cluster; roles are first.
#: Labels need a provider to be restored; the newest pg_dump has large objects in other places than our archives.
#: An extension's changed catalog entry cannot be restored; rows of hash partitions by an enum land in other partitions.
_NOT_FOR_EVERY_SERVER = frozenset(
    (
        "roles", "collations_icu", "contrib", "extension_config", "large_objects", "security_labels", "selection",
        "subscriptions",
    )
)  # fmt: skip
_DIFFERS_FROM_RUN_TO_RUN = re.compile(r"\\(un)?restrict |-- Dumped (from|by) |-- (Started|Completed) on ")


class Folder:
    """An ArtifactWriter that writes into a plain folder."""

    def __init__(self, path: Path, *, can_patch: bool = True) -> None:
        self.path = path
        self.can_patch = can_patch
        self.adopted: list[FileRecord] = []

    def for_worker(self) -> WorkerFiles:
        return Publication(StagingFolder(str(self.path)), manifest_path="manifest.json").for_worker()

    def adopt(self, files: Iterable[FileRecord]) -> None:
        self.adopted.extend(files)

    def create(self, path: str, *, patched: bool = False) -> FileSink:
        (self.path / path).parent.mkdir(exist_ok=True)
        return FileSink(str(self.path / path))


@contextmanager
def source(server: servers.Server, database: str, **options: Any) -> Iterator[PostgresqlBackupSource]:
    connection = options.pop("connection", None) or connection_options(server)
    opened = PostgresqlBackupSource(BackupOptions(connection=connection, database=database, **options))
    try:
        yield opened
    finally:
        opened.close()


def back_up(
    server: servers.Server, database: str, folder: Path, *, can_patch: bool = True, **options: Any
) -> tuple[Path, BackupContents, Progress]:
    """The whole way of a backup as the job goes it: plan, then write. The archive, what it holds, what was said."""
    progress = Progress()
    with source(server, database, **options) as opened:
        plan = opened.plan()
        contents = opened.write(Folder(folder, can_patch=can_patch), progress)
    assert contents.artifact == plan.artifact
    return folder / contents.artifact, contents, progress


def fill_with_zoo(server: servers.Server, database: str, *names: str) -> None:
    """Run files of the zoo (all that every build can run, unless named) through the genuine psql."""
    chosen = names or tuple(sorted(path.stem for path in ZOO.glob("*.sql") if path.stem not in _NOT_FOR_EVERY_SERVER))
    program = servers.client("psql", version=NEWEST_CLIENT)
    for name in ("roles", *chosen):
        script = "SET client_min_messages = warning;\n" + zoo_sql(name, server.version[0])
        program.run(server, "-Xq", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-", input=script)


def in_words_of(version: int, statements: str) -> str:
    """Statements of the newest pg_dump in the words that a server of the source's version understands."""
    for since, pattern, words in _NEWER_WORDS:
        if version < since:
            statements = pattern.sub(words, statements)
    return statements


def restorable(lines: list[str], server: servers.Server) -> list[str]:
    """Statements of the newest pg_dump as a server of the source's own version understands them.

    pg_dump 18 writes NOT NULL as a table constraint, which servers before 18 do not know, CREATE DATABASE with words
    that came with 13 and 15, and others (see ``in_words_of``) with words that came with 11 to 16. Ours are understood
    by the source's version and by all later ones. (docs/coverage.md lists these differences.)
    """
    version = server.version[0]
    lines = in_words_of(version, "\n".join(lines)).split("\n")
    if version < 18:
        lines = [line for line in lines if not _INHERITED_NOT_NULL.fullmatch(line)]
    if version < 17:
        lines = [line for line in lines if line != "SET transaction_timeout = 0;"]
    if version < 15:
        lines = [_database_words(version, line) if line.startswith("CREATE DATABASE ") else line for line in lines]
    return lines


def _database_words(version: int, statement: str) -> str:
    statement = statement.replace(" LOCALE_PROVIDER = libc", "")
    return statement if version >= 13 else _LOCALE.sub(r" LC_COLLATE = \1 LC_CTYPE = \1", statement)


def script_of(archive: Path, *args: str) -> list[str]:
    """What the genuine pg_restore makes of an archive, line by line, without what differs from run to run."""
    text = servers.client("pg_restore", version=NEWEST_CLIENT).run(None, *args, "-f", "-", archive).stdout.decode()
    return [line for line in text.split("\n") if not _DIFFERS_FROM_RUN_TO_RUN.match(line)]


def dumped(server: servers.Server, database: str, *args: str) -> list[str]:
    """A database as the newest pg_dump prints it."""
    text = servers.client("pg_dump", version=NEWEST_CLIENT).run(server, *args, database).stdout.decode()
    return [line for line in text.split("\n") if not _DIFFERS_FROM_RUN_TO_RUN.match(line)]


def restore_genuinely(server: servers.Server, archive: Path, database: str) -> None:
    """Restore with a genuine pg_restore that fits the server, as one transaction that any error fails."""
    program = servers.client("pg_restore", version=max(14, server.version[0]))
    program.run(server, "--exit-on-error", "--single-transaction", "-d", database, archive)
