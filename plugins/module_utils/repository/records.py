# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The records that a backup's manifest is made of; what every database engine must be able to say of its backup."""

from __future__ import annotations

import dataclasses
import typing as t

from ..lazy_dataclass import dataclass


@dataclass(frozen=True)
class ServerIdentity:
    """Which server a backup came from.

    :param dbms: ``postgresql``, ``mysql`` or ``mariadb``.
    :param version: as the server says it, for example ``16.15`` or ``10.11.19-MariaDB-log``.
    :param version_number: comparable: PostgreSQL's ``server_version_num`` (160015), else major*10000+minor*100+patch.
    :param host: the host or socket connected to.
    :param port: its TCP port (also where a socket was used).
    :param identifier: PostgreSQL's system identifier, MySQL's ``server_uuid``; empty where it cannot be read.
    """

    dbms: str
    version: str
    version_number: int
    host: str
    port: int
    identifier: str = ""


@dataclass(frozen=True)
class TableRecord:
    """One table's data in a backup.

    :param schema: PostgreSQL's schema, MySQL's database.
    :param rows: how many rows were written.
    :param bytes: the size of its uncompressed data stream.
    :param sha256: of that stream, in hexadecimal: COPY text rows for PostgreSQL (without the end marker), the
        statements' bytes for MySQL, in a folder the content of the file with them. Empty where the table's data was
        left out or is stored as INSERT statements.
    :param parts: of a stream that several processes read, the sizes of their parts in their order; then the digest is
        the SHA-256 of the parts' digests (32 bytes each), one after the other.
    """

    schema: str
    name: str
    rows: int
    bytes: int
    sha256: str
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class LargeObjectsRecord:
    """The contents of large objects that an archive holds together, under one entry.

    :param bytes: the size of all contents.
    :param sha256: of, for every object in the archive's order, its content, its OID (4 bytes, big-endian) and its size
        (8 bytes, big-endian); in hexadecimal.
    """

    count: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class FileRecord:
    """One file of a backup.

    :param path: relative to the backup's folder, with ``/`` between its parts.
    :param size: in bytes.
    :param sha256: of its content as stored, in hexadecimal.
    """

    path: str
    size: int
    sha256: str


#: The option in :attr:`BackupContents.options` of a backup that was asked for a part of its database only.
PARTIAL = "partial"
#: Likewise of one that the vendor's programs wrote: who they are, which one with its version, and why they did.
ENGINE, PROGRAM, REASON = "engine", "program", "engine_reason"


@dataclass(frozen=True)
class BackupContents:
    """What a database engine says of the backup it wrote.

    :param format: ``custom``, ``directory``, ``tar``, ``plain`` or ``physical``.
    :param artifact: the main file's (or folder's) path relative to the backup's folder.
    :param compression: as ``--compress`` names it, for example ``gzip:6``.
    :param snapshot: what fixes the moment: ``lsn``, ``snapshot_id``, or ``binlog_file``, ``binlog_position``, ``gtid``;
        of a physical backup ``lsn``, ``end_lsn`` and ``timeline``.
    :param tables: every table whose data is inside.
    :param objects: how many objects of each kind are inside, by kind.
    :param options: the options that shaped the content, as plain data.
    :param large_objects: PostgreSQL's large objects, in the archive's order.
    """

    format: str
    artifact: str
    compression: str
    snapshot: t.Mapping[str, t.Any]
    tables: tuple[TableRecord, ...]
    objects: t.Mapping[str, int]
    options: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    large_objects: tuple[LargeObjectsRecord, ...] = ()


@dataclass(frozen=True)
class SetMember:
    """One database's backup in a set.

    :param backup: its id.
    """

    database: str
    backup: str


@dataclass(frozen=True)
class EncryptionRecord:
    """How the files of a backup are encrypted.

    :param method: ``age``; empty for files that are not.
    :param recipients: the public keys whose identities open them, as age writes them.
    """

    method: str = ""
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """Everything that is known of one backup; a backup without one does not exist.

    :param id: unique within its database, sortable: ``20261122T124118Z-logical``.
    :param kind: ``logical`` (rows and definitions) or ``globals`` (what belongs to the whole server) or
        ``physical`` (the files of a whole server).
    :param cluster: the name that the repository groups this server's backups under.
    :param database: empty for globals and physical backups.
    :param started_at: ISO 8601, UTC, seconds.
    :param duration: in seconds.
    :param set: the set that the backup was made in, by the id of the set's globals; empty for a single backup.
    :param members: of globals that tie a set together, the other backups of the set. The set exists if this manifest
        does: it is published last.
    :param signature: Ed25519 in base64, of the manifest without it; empty for one that nobody signed.
    :param encryption: of every file. Their sizes and digests are of what is stored, those of tables of what is inside.
    """

    id: str
    kind: str
    cluster: str
    database: str
    server: ServerIdentity
    contents: BackupContents
    files: tuple[FileRecord, ...]
    engine_version: str
    started_at: str
    finished_at: str
    duration: float
    warnings: tuple[str, ...] = ()
    set: str = ""
    members: tuple[SetMember, ...] = ()
    encryption: EncryptionRecord = dataclasses.field(default_factory=EncryptionRecord)
    signature: str = ""

    @property
    def size(self) -> int:
        """Bytes stored, all files together."""
        return sum(record.size for record in self.files)

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.contents.tables)
