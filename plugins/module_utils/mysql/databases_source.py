# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backs up several databases, or all of a server, in one snapshot as one script or one folder."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ..errors import DbfleetError, NotFoundError
from ..interfaces import ArtifactWriter, BackupPlan
from ..progress import Progress
from ..release import VERSION
from ..repository.records import BackupContents
from ..streams.compression import Compression
from . import dump_directory, script_text
from .catalog.database import Database, read_database
from .connection import connect
from .database_dump import DatabaseDump, started_readers
from .database_part import DATABASES
from .dump import DEFAULT_COMPRESSION, MysqlBackupSource, check_readable
from .options import ClusterBackupOptions
from .output import Output
from .server_databases import chosen_databases
from .shared_snapshot import SharedSnapshot

_ARTIFACT = "databases"
# What of a database's own manifest says something of its backup, beside what all of them share.
_OWN_OPTIONS = ("system_versioned_history", "character_set", "collation", "invalid_views")


class MysqlDatabasesSource:
    """Several databases as one backup; see :class:`..interfaces.BackupSource`."""

    def __init__(self, options: ClusterBackupOptions) -> None:
        self._options = options
        self._each = options.each
        self._compression = Compression.parse(self._each.compression or DEFAULT_COMPRESSION)
        # What is wrong with the options of each database shall be known before anything is done.
        MysqlBackupSource(dataclasses.replace(self._each, database="mysql")).close()

    def plan(self) -> BackupPlan:
        """Connect and plan every database; change nothing.

        :raises NotFoundError: there is none, or one that is named is not there.
        """
        names = self._names()
        plans = [self._planned(name) for name in names]
        return BackupPlan(
            server=plans[0].server,
            database=",".join(names),
            artifact=self._artifact(),
            format=self._each.format,
            compression=str(self._compression),
            estimated_bytes=sum(one.estimated_bytes for one in plans),
            tables=tuple(table for one in plans for table in one.tables),
            objects=_sum(one.objects for one in plans),
            options=plans[0].options,
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Take the snapshot and write the script or the folder."""
        with contextlib.ExitStack() as resources:
            run = _Run(self._options, self._names(), progress, resources)
            if self._each.format == "directory":
                run.write_folder(writer, self._artifact(), self._compression)
            else:
                output = Output(writer.create(self._artifact()), self._compression)
                try:
                    run.write_script(output)
                    output.close()
                except BaseException:
                    output.abort()
                    raise
        return run.contents(self._artifact(), str(self._compression))

    def close(self) -> None:
        """There is no connection between the calls."""

    def _names(self) -> tuple[str, ...]:
        session = connect(self._each.connection)
        try:
            names = chosen_databases(session, self._options)
            if not names:
                raise NotFoundError(
                    f"there is no database to back up on {session.address}",
                    hint="a user sees only databases that it has a privilege on",
                )
            return names
        finally:
            session.close()

    def _planned(self, name: str) -> BackupPlan:
        source = MysqlBackupSource(dataclasses.replace(self._each, database=name))
        try:
            return source.plan()
        except DbfleetError as error:
            raise about_database(error, name) from error
        finally:
            source.close()

    def _artifact(self) -> str:
        return _ARTIFACT if self._each.format == "directory" else f"{_ARTIFACT}.sql{self._compression.suffix}"


class _Run:
    """One run of :meth:`MysqlDatabasesSource.write`."""

    def __init__(
        self,
        options: ClusterBackupOptions,
        names: tuple[str, ...],
        progress: Progress,
        resources: contextlib.ExitStack,
    ) -> None:
        self._each = options.each
        self._names = names
        self._progress = progress
        self._resources = resources
        self._dumps: dict[str, tuple[Database, DatabaseDump]] = {}

    def write_script(self, output: Output) -> None:
        shared = SharedSnapshot(self._each, self._names)
        self._resources.callback(shared.close)
        session = shared.session(self._names[0])
        taken = shared.of(self._names[0]).snapshot
        positions = self._each.positions
        output.text(script_text.header(None, session.version, session.host, taken, VERSION, positions))
        for name in self._names:
            with _naming(name):
                database, dump = self._opened(shared, name)
                output.text(script_text.begin_database(database, made=not self._each.selection.data_only))
                dump.begin_reading()
                dump.write_tables(output)
                # Any of them may be used by a view of a database that comes before it.
                dump.write_programs(output, placeholders=dump.view_names)
        for name, (database, dump) in self._dumps.items():
            shared.session(name)
            with _naming(name):
                output.text(script_text.use_database(database))
                dump.write_views(output)
        output.text(script_text.footer(taken, session.version, positions))
        session.execute("ROLLBACK")

    def write_folder(self, writer: ArtifactWriter, folder: str, compression: Compression) -> None:
        # Processes are made before there is a snapshot that is to be shared with them.
        leader = connect(self._each.connection, database=self._names[0])
        try:
            first = dataclasses.replace(self._each, database=self._names[0])
            dump = DatabaseDump(first, leader, read_database(leader, self._names[0]), self._progress, self._resources)
            assignment = dump.assignment(writer, folder, compression)
            readers = started_readers(self._resources, self._each, assignment, leader, self._progress)
        finally:
            leader.close()
        shared = SharedSnapshot(self._each, self._names, readers)
        self._resources.callback(shared.close)
        session = shared.session(self._names[0])
        parts = []
        for name in self._names:
            with _naming(name):
                _database, dump = self._opened(shared, name)
                dump.begin_reading()
                parts.append(dump.write_files(writer, dataclasses.replace(assignment, database=name), readers))
        dump_directory.write_metadata(writer, folder, parts, session)
        session.execute("ROLLBACK")

    def _opened(self, shared: SharedSnapshot, name: str) -> tuple[Database, DatabaseDump]:
        session = shared.session(name)
        database = read_database(session, name)
        each = dataclasses.replace(self._each, database=name)
        stack = self._resources.enter_context(contextlib.ExitStack())
        dump = DatabaseDump(each, session, database, self._progress, stack, shared)
        check_readable(each, session, name, dump.tables)
        dump.open_snapshot()
        self._dumps[name] = database, dump
        return database, dump

    def contents(self, artifact: str, compression: str) -> BackupContents:
        """What was written; to be called once the output is closed."""
        each = {name: dump.contents(artifact, compression) for name, (_database, dump) in self._dumps.items()}
        first = each[self._names[0]]
        own = {
            name: {"objects": dict(one.objects), "options": {key: one.options[key] for key in _OWN_OPTIONS}}
            for name, one in each.items()
        }
        shared = {key: value for key, value in first.options.items() if key not in _OWN_OPTIONS}
        return dataclasses.replace(
            first,
            tables=tuple(table for one in each.values() for table in one.tables),
            objects=_sum(one.objects for one in each.values()),
            options={**shared, DATABASES: own},
        )


def about_database(error: DbfleetError, name: str) -> DbfleetError:
    """The error with the name of the database in front, unless it says so itself."""
    if repr(name) in error.message:
        return error
    return type(error)(f"database {name!r}: {error.message}", hint=error.hint, **{"database": name, **error.context})


@contextlib.contextmanager
def _naming(name: str) -> t.Iterator[None]:
    try:
        yield
    except DbfleetError as error:
        raise about_database(error, name) from error


def _sum(counts: t.Iterable[t.Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for kind, count in one.items():
            total[kind] = total.get(kind, 0) + count
    return total
