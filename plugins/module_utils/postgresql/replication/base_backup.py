# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The walsender's command BASE_BACKUP: how each version wants it said, and how it answers.

Until 14 the server sends a stream for each archive and one for the manifest; from 15 on there is one stream, whose
messages begin with a letter that says what they are (PostgreSQL's documentation, "Streaming Replication Protocol").
"""

from __future__ import annotations

import typing as t

from ...errors import CorruptArtifactError, QueryError, UsageError
from ...lazy_dataclass import dataclass
from ...streams.compression import Compression
from ..quoting import literal
from .connection import BulkAnswer, ReplicationConnection
from .lsn import parse_lsn
from .options import PhysicalBackupOptions
from .server_facts import is_plain
from .tar_walk import END

_FRAMED = 150000
_HAS_MANIFEST = 130000
_HAS_INCREMENTAL = 170000
_HAS_CHECKSUM_CHOICE = 110000
_BASE = "base.tar"
_KILOBYTE = 1024
_PIECE = 1 << 20


@dataclass(frozen=True)
class Tablespace:
    """A tablespace beside the data folder.

    :param size: in bytes, as the server estimates it.
    """

    oid: int
    location: str
    size: int


@dataclass(frozen=True)
class BackupStart:
    """What the server says before it sends data.

    :param lsn: where recovery of this backup begins; ``timeline`` the one it is on.
    :param size: of everything, in bytes, as the server estimates it.
    """

    lsn: int
    timeline: int
    size: int
    tablespaces: tuple[Tablespace, ...]


class ArchiveSink(t.Protocol):
    """Takes what a server sends."""

    def begin_archive(self, name: str) -> None:
        """A new tar archive: ``base.tar`` or ``<oid>.tar``."""

    def write(self, data: bytes) -> None:
        """More of the archive."""

    def end_archive(self) -> None:
        """It is whole."""

    def manifest(self, data: bytes) -> None:
        """A piece of the backup's manifest, behind all archives."""


def has_manifest(version: int) -> bool:
    """Whether a server sends a manifest."""
    return version >= _HAS_MANIFEST


def verifies_checksums(version: int) -> bool:
    """Whether a server looks at the checksums of the pages that it sends."""
    return version >= _HAS_CHECKSUM_CHOICE


def command_of(options: PhysicalBackupOptions, version: int, compression: Compression | None = None) -> str:
    """The command as a server of ``version`` understands it.

    :param compression: what the server is to do itself.
    :raises UsageError: it cannot do what is asked for.
    """
    if options.parent is not None and version < _HAS_INCREMENTAL:
        raise UsageError(
            f"PostgreSQL {version // 10000} makes no incremental backups", hint="they came with PostgreSQL 17"
        )
    if version >= _FRAMED:
        return f"BASE_BACKUP ({', '.join(_new_words(options, compression))})"
    if compression is not None:
        raise UsageError(
            f"PostgreSQL {version // 10000} does not compress backups", hint="leave server_compression out"
        )
    return f"BASE_BACKUP {' '.join(_old_words(options, version))}"


def _new_words(options: PhysicalBackupOptions, compression: Compression | None) -> t.Iterator[str]:
    yield f"LABEL {literal(options.label)}"
    yield "PROGRESS"
    yield f"CHECKPOINT '{options.checkpoint}'"
    # The log is streamed beside, so that nobody need wait for an archive_command.
    yield "WAIT 0"
    yield "TABLESPACE_MAP"
    yield "MANIFEST 'yes'"
    yield "MANIFEST_CHECKSUMS 'SHA256'"
    if options.max_rate:
        yield f"MAX_RATE {options.max_rate:d}"
    if options.checksum_errors != "fail":
        yield "VERIFY_CHECKSUMS 0"
    if options.parent is not None:
        yield "INCREMENTAL"
    if compression is not None:
        yield f"COMPRESSION '{compression.method}'"
        # For lz4, 0 is the default and no level.
        if compression.level:
            yield f"COMPRESSION_DETAIL 'level={compression.level:d}'"


def _old_words(options: PhysicalBackupOptions, version: int) -> t.Iterator[str]:
    yield f"LABEL {literal(options.label)}"
    yield "PROGRESS"
    if options.checkpoint == "fast":
        yield "FAST"
    yield "NOWAIT"
    if options.max_rate:
        yield f"MAX_RATE {options.max_rate:d}"
    yield "TABLESPACE_MAP"
    if options.checksum_errors != "fail" and verifies_checksums(version):
        yield "NOVERIFY_CHECKSUMS"
    if has_manifest(version):
        yield "MANIFEST 'yes' MANIFEST_CHECKSUMS 'SHA256'"


class BaseBackupStream:
    """One BASE_BACKUP in progress. The calls in their order: :meth:`start`, :meth:`read`, :meth:`finish`."""

    def __init__(
        self,
        connection: ReplicationConnection,
        options: PhysicalBackupOptions,
        compression: Compression | None = None,
    ) -> None:
        self._connection = connection
        self._options = options
        self._compression = compression
        self._answer: BulkAnswer | None = None
        self._start: BackupStart | None = None

    def start(self) -> BackupStart:
        """Send the command and wait until the server has made its checkpoint.

        :raises DbfleetError: the server refuses.
        """
        command = command_of(self._options, self._connection.version, self._compression)
        plain = is_plain(self._options.connection, self._connection.session)
        self._answer = self._connection.send_for_bulk(command, plain=plain)
        ((lsn, timeline),) = self._rows()
        tablespaces, size = [], 0
        for oid, location, kilobytes in self._rows():
            bytes_of = int(kilobytes or 0) * _KILOBYTE
            size += bytes_of
            if oid is not None:
                tablespaces.append(Tablespace(int(oid), location or "", bytes_of))
        self._start = BackupStart(parse_lsn(lsn or ""), int(timeline or 0), size, tuple(tablespaces))
        return self._start

    def read(self, sink: ArchiveSink, *, watch: t.Callable[[int], None]) -> None:
        """Give everything that the server sends to a sink.

        :param watch: is called with the size of every piece; what it raises ends the backup.
        :raises CorruptArtifactError: the stream is not what it must be.
        """
        if self._connection.version >= _FRAMED:
            self._begin_stream()
            _Framed(sink, watch).read(self._batches("sending the backup"))
            return
        if self._start is None:
            raise QueryError("the backup was not started")
        for name in (*(f"{one.oid}.tar" for one in self._start.tablespaces), _BASE):
            self._begin_stream()
            sink.begin_archive(name)
            for messages in self._batches(f"sending {name}"):
                piece = b"".join(messages)
                watch(len(piece))
                sink.write(piece)
            sink.write(END)
            sink.end_archive()
        if has_manifest(self._connection.version):
            self._begin_stream()
            for messages in self._batches("sending the manifest"):
                sink.manifest(b"".join(messages))

    def finish(self) -> tuple[int, int]:
        """The LSN behind the log that the backup needs, and its timeline.

        :raises DbfleetError: the server says in the end that the backup is bad.
        """
        ((lsn, timeline),) = self._rows()
        self._stream().finish()
        return parse_lsn(lsn or ""), int(timeline or 0)

    def _stream(self) -> BulkAnswer:
        if self._answer is None:
            raise QueryError("the backup was not started")
        return self._answer

    def _rows(self) -> list[tuple[str | None, ...]]:
        rows = self._stream().rows()
        if rows is None:
            raise QueryError("the server sends data where it must say something of the backup")
        return rows

    def _begin_stream(self) -> None:
        if self._stream().rows() is not None:
            raise QueryError("the server says something where it must send data")

    def _batches(self, doing: str) -> t.Iterator[list[t.Any]]:
        """The messages of one stream, together about as large as a piece."""
        stream, timeout = self._stream(), self._options.timeout
        while True:
            messages = stream.receive_many(timeout, _PIECE, doing=doing)
            if messages is None:
                return
            yield messages


class _Framed:
    """The one stream of servers from 15 on."""

    def __init__(self, sink: ArchiveSink, watch: t.Callable[[int], None]) -> None:
        self._sink = sink
        self._watch = watch
        self._part = ""

    def read(self, batches: t.Iterator[list[t.Any]]) -> None:
        for messages in batches:
            pieces: list[t.Any] = []
            for message in messages:
                kind = message[0]
                if kind == _DATA:
                    pieces.append(message[1:])
                    continue
                self._data(pieces)
                pieces = []
                if kind == _NEW_ARCHIVE:
                    self._begin(bytes(message[1:]))
                elif kind == _MANIFEST:
                    self._end_archive()
                    self._part = "manifest"
                elif kind != _PROGRESS_REPORT:
                    raise CorruptArtifactError(f"the server sends a message of the unknown kind {kind} in a backup")
            self._data(pieces)
        self._end_archive()

    def _data(self, pieces: list[t.Any]) -> None:
        if not pieces:
            return
        data = b"".join(pieces)
        if self._part == "manifest":
            self._sink.manifest(data)
        elif self._part == "archive":
            self._watch(len(data))
            self._sink.write(data)
        else:
            raise CorruptArtifactError("the server sends data of no archive in a backup")

    def _begin(self, data: bytes) -> None:
        name, separator, _location = data.partition(b"\0")
        if not separator:
            raise CorruptArtifactError("the server begins an archive without a name in a backup")
        self._end_archive()
        self._part = "archive"
        self._sink.begin_archive(name.decode("ascii", "replace"))

    def _end_archive(self) -> None:
        if self._part == "archive":
            self._sink.end_archive()
        self._part = ""


_NEW_ARCHIVE, _DATA, _MANIFEST, _PROGRESS_REPORT = b"ndmp"


def upload_manifest(connection: ReplicationConnection, manifest: bytes) -> None:
    """Tell the server which backup an incremental one builds on.

    :raises DbfleetError: the server refuses it.
    """
    stream = connection.send("UPLOAD_MANIFEST")
    if stream.rows() is not None:
        raise QueryError("the server does not take a manifest")
    for start in range(0, len(manifest), _PIECE):
        stream.put(manifest[start : start + _PIECE])
    stream.end()
    stream.finish()
