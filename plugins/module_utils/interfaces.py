# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a database engine gives to the backup and restore jobs, and what it gets from them.

The jobs (``backup.py``, ``restore.py``) own everything that is the same for every database: the repository, the
manifest, checksums, locks, check mode, results. An engine owns the connection, the catalog, the data and the format.
"""

from __future__ import annotations

import dataclasses
import typing as t

from .lazy_dataclass import dataclass
from .progress import Progress
from .repository.layout import LOGICAL
from .repository.records import BackupContents, FileRecord, Manifest, ServerIdentity, TableRecord
from .streams.base import Buffer, ByteSink


class ArtifactFile(t.Protocol):
    """One file of a backup being written: a byte sink that is digested and made durable when closed."""

    def write(self, data: Buffer) -> None: ...

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes written before, only where :attr:`ArtifactWriter.can_patch` is true."""

    def close(self) -> None: ...

    def abort(self) -> None: ...


class ArtifactWriter(t.Protocol):
    """Where an engine writes a backup's files. Nothing is visible to others before the job publishes it."""

    @property
    def can_patch(self) -> bool:
        """Whether files can be patched after writing (a local file can, an upload or an encrypted stream cannot)."""

    def create(self, path: str, *, patched: bool = False, large: bool = False) -> ArtifactFile:
        """A new file. ``path`` is relative with ``/`` between its parts; its folders are made.

        :param patched: it will be patched, so that what is written first is not yet what is digested.
        :param large: it will be large, and nobody reads it soon: the system need not keep it in memory.
        :raises StorageError: it exists or cannot be created.
        """

    def for_worker(self) -> WorkerFiles:
        """What another process writes files of this backup with; the files are known here once they are adopted."""

    def adopt(self, files: t.Iterable[FileRecord]) -> None:
        """Take files that another process has written into the backup."""


class WorkerFiles(t.Protocol):
    """Where a process beside the job's own writes a backup's files. It travels there by pickling."""

    def create(self, path: str) -> ArtifactFile:
        """As :meth:`ArtifactWriter.create`."""

    def create_part(self, path: str) -> ByteSink:
        """A part of a file of the backup. It must be joined, by any of the processes, once it is closed."""

    def join(self, path: str, parts: t.Sequence[str]) -> None:
        """Make one file of the parts, in their order; they are gone then."""

    def take(self) -> tuple[FileRecord, ...]:
        """The files made since the last call, for :meth:`ArtifactWriter.adopt`.

        :raises StorageError: one was not closed.
        """


class ArtifactReader(t.Protocol):
    """Where an engine reads a backup's files from."""

    @property
    def description(self) -> str:
        """What to call this artifact in messages: its path or URL."""

    def open(self, path: str) -> SeekableSource:
        """A file of the backup; ``""`` is the artifact itself where it is a single file.

        :raises NotFoundError: there is no such file.
        """

    def names(self) -> tuple[str, ...]:
        """The relative paths of all files (``("",)`` for a single file)."""


class SeekableSource(t.Protocol):
    """A byte source that can be positioned."""

    def read(self, size: int) -> bytes: ...

    def seek(self, offset: int) -> None: ...

    def tell(self) -> int: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class BackupPlan:
    """What a backup would do, found out by reading only.

    :param server: where it would read from.
    :param database: its name on the server.
    :param artifact: the name that the main file or folder would have (``shop.dump``).
    :param estimated_bytes: about how large the data is before compression; for the check of free space, nothing else.
    :param tables: schema and name of every table whose data would be read.
    :param objects: how many objects of each kind would be written.
    :param options: those that decide what is taken of the database, as a manifest's options have them, ``None`` for
        what these do not name: a backup with others is no substitute.
    :param kind: of the backup, as its manifest has it.
    """

    server: ServerIdentity
    database: str
    artifact: str
    format: str
    compression: str
    estimated_bytes: int
    tables: tuple[tuple[str, str], ...]
    objects: t.Mapping[str, int]
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    kind: str = LOGICAL


class BackupSource(t.Protocol):
    """One database that can be backed up; made by an engine from its options."""

    def plan(self) -> BackupPlan:
        """Connect, check privileges and that every object can be dumped; change nothing.

        :raises ConnectError, PrivilegeError, NotFoundError, UnsupportedObjectError: it would fail, and why.
        """

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Take the snapshot and write everything. Every file that was created is closed when this returns.

        Any failure raises; the job then throws away what was written.
        """

    def close(self) -> None:
        """Release the connection, in whatever state."""


@dataclass(frozen=True)
class ClusterPlan:
    """What belongs to a backup of a whole server, found out by reading only.

    :param databases: the names of those that would be backed up, in that order.
    :param left_out: why others would not, one sentence each.
    :param consistency: what is one moment in the backup: each ``database``, or the ``server``.
    :param options: those that decide what is taken of each database, as :class:`BackupPlan` has them.
    :param globals_options: those that decide what is taken of the server itself, likewise.
    """

    server: ServerIdentity
    databases: tuple[str, ...]
    left_out: tuple[str, ...]
    consistency: str = "database"
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    globals_options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


class ClusterSource(t.Protocol):
    """A server that can be backed up whole; made by an engine from its options."""

    def plan(self) -> ClusterPlan:
        """Connect, read the globals for the first time, find the databases; change nothing.

        :raises ConnectError, PrivilegeError: it would fail, and why.
        """

    def database(self, name: str) -> BackupSource:
        """One of the databases."""

    def globals(self) -> BackupSource:
        """What belongs to the whole server, read again when it is written.

        Its ``write`` raises :class:`ConsistencyError` if something that a database may need went away since
        :meth:`plan`.
        """

    def close(self) -> None:
        """Release the connection, in whatever state."""


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do, found out by reading only.

    :param server: the target.
    :param database: the target's name there.
    :param create: the database would be created.
    :param drops: objects of the target that would be dropped, by name.
    :param roles: those that would be made on the server before.
    :param objects: how many objects of each kind would be restored.
    :param tables: schema and name of every table whose data would be loaded.
    """

    server: ServerIdentity
    database: str
    create: bool
    drops: tuple[str, ...]
    objects: t.Mapping[str, int]
    tables: tuple[tuple[str, str], ...]
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class RestoreContents:
    """What a restore did.

    :param tables: rows and bytes loaded for every table, under the schema and name that the backup has (not those of
        a renamed target); the digest is that of the stream that was loaded, empty where it was not computed.
    :param objects: how many objects of each kind were restored.
    :param skipped: what was passed over because it existed, and was to be left as it is.
    :param skipped_tables: of that, schema and name of the tables whose data was not loaded.
    :param checks: what was found when the restored database was looked at, as plain data.
    """

    tables: tuple[TableRecord, ...]
    objects: t.Mapping[str, int]
    skipped: tuple[str, ...] = ()
    skipped_tables: tuple[tuple[str, str], ...] = ()
    checks: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)


class RestoreTarget(t.Protocol):
    """A database that a backup can be restored into; made by an engine from its options."""

    def verify(
        self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress, *, checked: bool = False
    ) -> None:
        """Walk the whole artifact without a server: format, completeness, and where the manifest knows them, every
        table's row count and digest.

        :param checked: every file was found to be what the manifest says, byte for byte. Then the data in them need
            not be read once more before the target is changed; they are compared again when they are loaded.
        :raises CorruptArtifactError: it is not whole.
        """

    def plan(self, artifact: ArtifactReader, manifest: Manifest | None) -> RestorePlan:
        """Connect and check that the restore can be begun; change nothing.

        :raises TargetNotEmptyError: the target holds objects and no option says what to do with them.
        :raises NotFoundError: the target does not exist and is not to be created.
        """

    def restore(self, artifact: ArtifactReader, manifest: Manifest | None, progress: Progress) -> RestoreContents:
        """Do it. Called after :meth:`verify` and :meth:`plan` succeeded.

        :raises RestoreError: it stopped in the middle; the error says what was done.
        """

    def close(self) -> None:
        """Release the connection, in whatever state."""
