# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Backing up one database: the engine's side of the backup job."""

from __future__ import annotations

import time
import typing as t

from ..errors import UsageError
from ..interfaces import ArtifactWriter, BackupPlan
from ..progress import Progress
from ..release import VERSION
from ..repository.layout import escape_name
from ..repository.records import BackupContents, ServerIdentity, TableRecord
from ..streams.background import BackgroundSink
from ..streams.base import ByteSink
from ..streams.compression import Compression
from ..streams.digest import DigestSink
from .archive.custom import CustomWriter
from .archive.header import ArchiveHeader, version_for
from .catalog.base import CatalogOid
from .connection import connect
from .contents import Contents, DataItem, read_contents
from .copy_out import copy_out
from .large_object_out import large_objects_out
from .options import BackupOptions
from .pooler import refuse_transaction_pooler
from .privileges import check_readable
from .session import Session
from .snapshot import Snapshot, apply_dump_settings, begin_snapshot, system_identifier

_DEFAULT_COMPRESSION = "gzip:6"
#: Below this, starting a thread costs more than it saves.
_WORTH_A_THREAD = 1 << 18
_SIZES = "SELECT oid, pg_catalog.pg_table_size(oid) FROM pg_catalog.unnest($1::oid[]) t (oid)"


class PostgresqlBackupSource:
    """One PostgreSQL database that can be backed up (a :class:`BackupSource`).

    The snapshot is taken by :meth:`plan`, so that what was planned is what is written.

    :raises UsageError: the options ask for what does not exist.
    :raises DriverMissingError: the driver or a compression's package is not installed.
    """

    def __init__(self, options: BackupOptions) -> None:
        if options.format != "custom":
            raise UsageError(
                f"the format {options.format!r} cannot be written yet",
                hint="use the format custom",
                format=options.format,
            )
        if options.jobs != 1:
            raise UsageError("the custom format is written by one job", hint="leave --jobs at 1", jobs=options.jobs)
        self._options = options
        self._compression = Compression.parse(options.compression or _DEFAULT_COMPRESSION)
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
            server=_identity(session),
            database=self._options.database,
            artifact=self._artifact,
            format=self._options.format,
            compression=str(self._compression),
            estimated_bytes=total,
            tables=tuple((item.schema, item.name) for item in contents.data),
            objects=contents.objects,
        )

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Write the archive: table of contents, then every table's rows out of the one snapshot."""
        session, snapshot, contents = self._begun()
        for warning in contents.warnings:
            progress.warn(f"not in the backup: {warning}")
        header = ArchiveHeader(
            version=version_for(self._compression),
            created=time.time(),
            database=self._options.database,
            server_version=session.version_text,
            dump_version=f"dbfleet {VERSION}",
        )
        archive = CustomWriter(
            writer.create(self._artifact),
            header=header,
            entries=contents.entries,
            compression=self._compression,
            can_patch=writer.can_patch,
        )
        try:
            progress.phase("reading", total_bytes=sum(self._sizes.values()))
            tables = tuple(self._write_table(session, archive, item, progress) for item in contents.data)
            if contents.large_objects is not None:
                progress.item("large objects")
                blocks = archive.begin_large_objects(contents.large_objects.entry)
                large_objects_out(session, contents.large_objects.oids, blocks, progress)
                blocks.close()
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
            options={"archive_version": ".".join(map(str, header.version))},
        )

    def close(self) -> None:
        """Release the connection, and with it the locks and the snapshot."""
        session, self._session = self._session, None
        self._snapshot = self._contents = None
        if session is not None:
            session.close()

    @property
    def _artifact(self) -> str:
        return f"{escape_name(self._options.database)}.dump"

    def _begun(self) -> tuple[Session, Snapshot, Contents]:
        """The session with its snapshot and what it holds, made at the first call."""
        if self._session is not None and self._snapshot is not None and self._contents is not None:
            return self._session, self._snapshot, self._contents
        options = self._options
        session = self._session = connect(options.connection, database=options.database)
        refuse_transaction_pooler(session, options.connection)
        apply_dump_settings(session)
        check_readable(session)
        self._snapshot = begin_snapshot(session, lock_wait_timeout=options.lock_wait_timeout)
        self._contents = read_contents(session)
        measured = [item.table for item in self._contents.data]
        if self._contents.large_objects is not None:
            measured.append(CatalogOid.PG_LARGEOBJECT.value)
        oids = "{" + ",".join(map(str, measured)) + "}"
        self._sizes = {int(oid): int(size or 0) for oid, size in session.rows(_SIZES, (oids,))}
        return session, self._snapshot, self._contents

    def _write_table(self, session: Session, archive: CustomWriter, item: DataItem, progress: Progress) -> TableRecord:
        progress.item(f"{item.schema}.{item.name}")
        digest = DigestSink(archive.begin_data(item.entry))
        big = self._sizes.get(item.table, 0) >= _WORTH_A_THREAD
        sink: ByteSink = BackgroundSink(digest) if big else digest
        try:
            rows, size = copy_out(session, item.copy_statement, sink, progress)
            sink.close()
        except BaseException:
            sink.abort()
            raise
        return TableRecord(item.schema, item.name, rows, size, digest.hexdigest())


def _identity(session: Session) -> ServerIdentity:
    return ServerIdentity(
        dbms="postgresql",
        version=session.version_text,
        version_number=session.version,
        host=session.host,
        port=session.port,
        identifier=system_identifier(session),
    )


def _moment(snapshot: Snapshot) -> dict[str, t.Any]:
    moment: dict[str, t.Any] = {"snapshot_id": snapshot.id, "lsn": snapshot.lsn}
    if snapshot.timeline:
        moment["timeline"] = snapshot.timeline
    return moment
