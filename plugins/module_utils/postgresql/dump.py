# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up one database: the engine's side of the backup job."""

from __future__ import annotations

import time
import typing as t

from ..interfaces import ArtifactWriter, BackupPlan
from ..progress import Progress
from ..release import VERSION
from ..repository.layout import escape_name
from ..repository.records import BackupContents, LargeObjectsRecord, TableRecord
from .archive.header import VERSION_RELKIND, ArchiveHeader
from .archive.writer import ArchiveWriter, artifact_suffix, new_archive
from .catalog.base import CatalogOid
from .connection import connect
from .contents import Contents, read_contents
from .data_out import TablesOut, write_large_objects
from .dump_settings import apply_dump_settings
from .form import archive_version, deciding_options, form_of, insert_options, recorded_options, script_options
from .options import BackupOptions
from .pooler import refuse_transaction_pooler
from .privileges import check_readable
from .quoting import every_name_quoted
from .selection.relations import data_relations
from .selection.resolve import resolve
from .session import Session
from .snapshot import Snapshot, begin_snapshot, server_identity

if t.TYPE_CHECKING:
    from .archive.directory_writer import DirectoryWriter

# pg_table_size looks at four times as many files, which takes seconds where there are very many tables.
_SIZES = """
    SELECT oid, pg_catalog.pg_relation_size(oid)
           + coalesce(pg_catalog.pg_relation_size(nullif(reltoastrelid, 0::oid)), 0)
    FROM pg_catalog.pg_class WHERE oid = ANY ($1::pg_catalog.oid[])
"""


class PostgresqlBackupSource:
    """One PostgreSQL database that can be backed up (a :class:`BackupSource`).

    The snapshot is taken by :meth:`plan`, so that what was planned is what is written.

    :raises UsageError: the options ask for what does not exist.
    :raises DriverMissingError: the driver or a compression's package is not installed.
    """

    def __init__(self, options: BackupOptions) -> None:
        self._options = options
        self._compression = form_of(options)
        self._inserts = insert_options(options)
        self._compression.check_available()
        self._session: Session | None = None
        self._snapshot: Snapshot | None = None
        self._contents: Contents | None = None
        self._sizes: dict[int, int] = {}

    def plan(self) -> BackupPlan:
        """Connect, check, lock and read the catalogs."""
        session, _snapshot, contents = self._begun()
        total = sum(self._sizes.values())
        return BackupPlan(
            server=server_identity(session),
            database=self._options.database,
            artifact=self._artifact,
            format=self._options.format,
            compression=str(self._compression),
            estimated_bytes=total,
            tables=tuple((item.schema, item.name) for item in contents.data),
            objects=contents.objects,
            options=deciding_options(self._options),
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Write the archive: table of contents, then every table's rows out of the one snapshot."""
        with every_name_quoted(self._options.settings.quote_all_identifiers):
            return self._write(writer, progress)

    def _write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        session, snapshot, contents = self._begun()
        for warning in contents.warnings:
            progress.warn(warning)
        header = ArchiveHeader(
            version=archive_version(self._options, self._compression, session.version),
            created=time.time(),
            database=self._options.database,
            server_version=session.version_text,
            dump_version=f"dbfleet {VERSION}",
        )
        archive = new_archive(
            self._options.format,
            writer,
            self._artifact,
            header=header,
            entries=contents.entries,
            compression=self._compression,
            script=script_options(self._options),
            server_version=session.version,
        )
        try:
            progress.phase("reading", total_bytes=sum(self._sizes.values()))
            tables, large_objects = self._write_data(writer, archive, progress)
            session.execute("COMMIT")
            archive.finish()
        except BaseException:
            archive.abort()
            raise
        return BackupContents(
            format=self._options.format,
            artifact=self._artifact,
            compression=str(self._compression),
            snapshot=_moment(snapshot),
            tables=tables,
            objects=contents.objects,
            # The text of rows with times depends on it.
            options={**recorded_options(self._options, header.version), "timezone": session.parameter("TimeZone")},
            large_objects=large_objects,
        )

    def _write_data(
        self, writer: ArtifactWriter, archive: ArchiveWriter, progress: Progress
    ) -> tuple[tuple[TableRecord, ...], tuple[LargeObjectsRecord, ...]]:
        session, _snapshot, contents = self._begun()
        if self._options.jobs > 1:
            # Imported here, as one process alone needs none of it.
            from .archive.directory_writer import DirectoryWriter

            if isinstance(archive, DirectoryWriter) and archive.waiting > 1:
                return self._write_in_parallel(writer, archive, progress)
        tables = tuple(TablesOut(session, archive, self._sizes, inserts=self._inserts).write(contents.data, progress))
        return tables, tuple(
            write_large_objects(session, archive, objects, progress) for objects in contents.large_objects
        )

    def _write_in_parallel(
        self, writer: ArtifactWriter, archive: DirectoryWriter, progress: Progress
    ) -> tuple[tuple[TableRecord, ...], tuple[LargeObjectsRecord, ...]]:
        from .dump_parallel import Assignment, write_in_parallel

        session, snapshot, contents = self._begun()
        assignment = Assignment(
            connection=self._options.connection,
            database=self._options.database,
            snapshot=snapshot.id,
            files=writer.for_worker(),
            folder=self._artifact,
            version=archive.version,
            compression=self._compression,
            sizes=self._sizes,
            inserts=self._inserts,
            settings=self._options.settings,
        )
        return write_in_parallel(
            session, archive, contents, assignment, writer=writer, jobs=self._options.jobs, progress=progress
        )

    def close(self) -> None:
        """Release the connection, and with it the locks and the snapshot."""
        session, self._session = self._session, None
        self._snapshot = self._contents = None
        if session is not None:
            session.close()

    @property
    def _artifact(self) -> str:
        suffix = artifact_suffix(self._options.format, self._compression)
        return f"{escape_name(self._options.database)}{suffix}"

    def _begun(self) -> tuple[Session, Snapshot, Contents]:
        """The session with its snapshot and what it holds, made at the first call."""
        if self._session is not None and self._snapshot is not None and self._contents is not None:
            return self._session, self._snapshot, self._contents
        options = self._options
        session = self._session = connect(options.connection, database=options.database)
        refuse_transaction_pooler(session, options.connection)
        selection, settings = options.selection, options.settings
        apply_dump_settings(session, settings, reads_foreign_tables=bool(selection.foreign_data))
        relations = data_relations(session, resolve(session, selection))
        check_readable(session, relations, row_security=settings.row_security)
        self._snapshot = begin_snapshot(
            session,
            selection,
            lock_wait_timeout=options.lock_wait_timeout,
            given=options.snapshot,
            serializable=options.serializable_deferrable,
        )
        # A script is no archive, and every server runs what makes a group of large objects.
        version = archive_version(options, self._compression, session.version)
        grouped = options.format == "plain" or version >= VERSION_RELKIND
        with every_name_quoted(settings.quote_all_identifiers):
            self._contents = read_contents(
                session,
                groups_large_objects=grouped,
                inserts=self._inserts is not None,
                chosen=resolve(session, selection),
                settings=settings,
            )
        measured = [item.table for item in self._contents.data]
        if self._contents.large_objects:
            measured.append(CatalogOid.PG_LARGEOBJECT.value)
        oids = "{" + ",".join(map(str, measured)) + "}"
        self._sizes = {int(oid): int(size or 0) for oid, size in session.rows(_SIZES, (oids,))}
        return session, self._snapshot, self._contents


def _moment(snapshot: Snapshot) -> dict[str, t.Any]:
    moment: dict[str, t.Any] = {"snapshot_id": snapshot.id}
    if snapshot.lsn:
        moment["lsn"] = snapshot.lsn
    if snapshot.timeline:
        moment["timeline"] = snapshot.timeline
    return moment
