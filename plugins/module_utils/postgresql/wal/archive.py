# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The archive of PostgreSQL's write-ahead log in a repository.

``<cluster>/%wal/<system identifier>/<timeline>/<first half of the log number>/<file>``, see :mod:`.archived_file` for
the names of the files; ``….history`` files lie beside the folders of the timelines. Each file is stored whole under
its final name or not at all, and never replaced, so nobody needs a lock to archive or to read.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError, NotFoundError, UsageError
from ...lazy_dataclass import dataclass
from ...repository.access import Access
from ...repository.layout import escape_name
from ...repository.repository import Repository
from ...repository.sealed import decode, load_sealed, seal
from ...repository.storage import Storage
from ...streams.base import ByteSink, ByteSource
from ...streams.compression import Compression, compress_sink
from ...streams.encryption import NOT_ENCRYPTED, Encryption
from ...streams.file import FileSource
from .archived_file import ArchivedFile, copy_blocks, is_log_file, open_archived, parse_archived
from .segment import (
    LARGEST_HISTORY,
    LARGEST_SEGMENT,
    PAGE_SIZE,
    SegmentHeader,
    check_header,
    is_history,
    is_partial,
    parse_segment,
)

#: No database has this folder: its name would be written %25wal.
WAL_FOLDER = "%wal"
STATUS_NAME = "status.json"
DEFAULT_COMPRESSION = "gzip:6"
_RECORD_NAME = "wal.json"
_VERSION_KEY = "wal_version"
_VERSION = 1
_LARGEST_RECORD = 1 << 16
_SYSTEM = re.compile(r"[1-9][0-9]{0,19}\Z")
_EIGHT_DIGITS = re.compile(r"[0-9A-F]{8}\Z")
_BLOCK = 1 << 20


@dataclass(frozen=True)
class SystemRecord:
    """What is the same for all segments of a cluster.

    :param system_identifier: as text, because not every reader of JSON has numbers so large.
    :param segment_size: in bytes.
    :param version: PostgreSQL's major version.
    """

    system_identifier: str
    segment_size: int
    version: int


def wal_folder(cluster: str) -> str:
    """The folder of the archives of a cluster, relative to the repository."""
    return f"{escape_name(cluster)}/{WAL_FOLDER}"


def archived_systems(storage: Storage, cluster: str) -> list[int]:
    """The system identifiers of the servers whose log is archived for a cluster."""
    return sorted(int(name) for name in storage.folders(wal_folder(cluster)) if _SYSTEM.match(name))


class WalArchive:
    """The archived log of one server.

    :param cluster: the name that its backups are filed under.
    :param compression: of new files.
    :param encryption: of new files; files with history are never encrypted, they hold no data.
    :raises DriverMissingError: a package that is needed is missing.
    """

    def __init__(
        self,
        repository: Repository,
        cluster: str,
        system_identifier: int,
        *,
        compression: Compression | None = None,
        encryption: Encryption = NOT_ENCRYPTED,
    ) -> None:
        self._compression = compression or Compression.parse(DEFAULT_COMPRESSION)
        self._compression.check_available()
        encryption.check_available()
        self._encryption = encryption
        self._repository = repository
        self._checked_record = False
        self.system_identifier = system_identifier
        self.folder = f"{wal_folder(cluster)}/{system_identifier}"

    @property
    def storage(self) -> Storage:
        return self._repository.storage

    @property
    def access(self) -> Access:
        return self._repository.access

    @property
    def location(self) -> str:
        """For people."""
        return self.storage.url(self.folder)

    @property
    def compression(self) -> Compression:
        return self._compression

    @property
    def encryption(self) -> Encryption:
        return self._encryption

    # Writing

    def put(self, path: str, name: str = "") -> bool:
        """Archive a file of the server; it is durable in the repository when this returns.

        :param name: what the server calls it; that of the file where empty.
        :return: whether it was stored; false for one that is there already.
        :raises UsageError: the server archives no file of such a name.
        :raises CorruptArtifactError: it is not the segment that its name says, or of another server.
        :raises ConsistencyError: another content is archived under its name.
        :raises StorageError: it cannot be read or stored.
        """
        name = name or os.path.basename(path)
        if not is_log_file(name):
            raise UsageError(f"{name} is not the name of a file of the write-ahead log", hint="use %p and %f")
        with contextlib.closing(FileSource(path)) as source:
            return self.put_source(source, name, described=path)

    def put_source(self, source: _Seekable, name: str, *, described: str, is_ours: bool = False) -> bool:
        """The same for what is read from ``source``, which is at its beginning.

        :param described: what it is, for messages.
        :param is_ours: nobody else can write into it, so it is not compared with itself once more.
        """
        header, sha256, size = self._facts(source, name, described)
        if header is not None:
            self.check_record(header)
        elif not self._checked_record:
            self._repository.initialise()
        folder = self._folder_of(name)
        if self._is_there(folder, name, sha256):
            return False
        plain = is_history(name)
        compression = Compression("none", 0) if plain else self._compression
        encryption = NOT_ENCRYPTED if plain else self._encryption
        path = f"{folder}/{name}-{sha256}{compression.suffix}{encryption.suffix}"
        source.seek(0)
        expected = None if is_ours else (sha256, size)
        self._store(source, path, compression, encryption, expected=expected, described=described)
        try:
            # Another one may have come at the same time, with other content.
            self._is_there(folder, name, sha256)
        except ConsistencyError:
            self.storage.remove_small(path)
            raise
        return True

    def check_record(self, header: SegmentHeader) -> None:
        """Compare a segment with what is known of the server, or make that known where it is the first one.

        :raises CorruptArtifactError: it is of another server.
        :raises ConsistencyError: segments of another size or version are archived already.
        """
        if header.system_identifier != self.system_identifier:
            raise CorruptArtifactError(
                f"the segment is of the system {header.system_identifier}, not of {self.system_identifier}",
                hint="the file was copied from another server; look at what writes into pg_wal",
            )
        if self._checked_record:
            return
        record = SystemRecord(str(self.system_identifier), header.segment_size, header.version)
        there = self.record()
        if there is None:
            self._repository.initialise()
            path = f"{self.folder}/{_RECORD_NAME}"
            self.storage.write_small(path, seal({**dataclasses.asdict(record), _VERSION_KEY: _VERSION}))
        elif there != record:
            raise ConsistencyError(
                f"{self.location} has segments of {there.segment_size} bytes of PostgreSQL {there.version}, these are "
                f"of {record.segment_size} bytes of PostgreSQL {record.version}",
                hint="archive under another name of the cluster (--cluster), and make a new full backup",
            )
        self._checked_record = True

    # Reading

    def record(self) -> SystemRecord | None:
        """What is known of the server; ``None`` where nothing is archived.

        :raises CorruptArtifactError: it is damaged.
        """
        path = f"{self.folder}/{_RECORD_NAME}"
        data = self.storage.read_small(path, _LARGEST_RECORD)
        if data is None:
            return None
        what = f"the record of the archive {self.storage.url(path)}"
        record = decode(
            SystemRecord, load_sealed(data, what=what, version_key=_VERSION_KEY, version=_VERSION), what=what
        )
        if record.system_identifier != str(self.system_identifier):
            raise CorruptArtifactError(f"{what} is of the system {record.system_identifier}")
        return record

    def find(self, name: str) -> ArchivedFile | None:
        """An archived file by the server's name for it.

        :raises ConsistencyError: there are several with different content.
        """
        found = self._stored(self._folder_of(name), name)
        if len({file.sha256 for file in found}) > 1:
            raise ConsistencyError(
                f"{name} is archived {len(found)} times with different content in {self.location}",
                hint="two servers archive into one place, or one was restored and archived on: find out which file is "
                "right and move the others away",
            )
        return found[0] if found else None

    def open(self, file: ArchivedFile) -> ByteSource:
        """Its content; see :func:`.archived_file.open_archived`."""
        return open_archived(self.storage, file, self.access)

    def read_history(self, timeline: int) -> bytes | None:
        """The history file of a timeline, ``None`` where it is not archived.

        :raises CorruptArtifactError: it is damaged.
        """
        file = self.find(f"{timeline:08X}.history")
        if file is None:
            return None
        parts: list[bytes] = []
        with contextlib.closing(self.open(file)) as source:
            if copy_blocks(source, lambda data: parts.append(bytes(data))) > LARGEST_HISTORY:
                raise CorruptArtifactError(f"{self.storage.url(file.path)} is larger than a history can be")
        return b"".join(parts)

    def histories(self) -> list[int]:
        """The timelines that have an archived history file."""
        files = (parse_archived(stored, self.folder) for stored in self.storage.files(self.folder, ""))
        return sorted({int(file.name[:8], 16) for file in files if file is not None and is_history(file.name)})

    def timelines(self) -> list[int]:
        """The timelines that have archived segments."""
        return sorted(int(name, 16) for name in self.storage.folders(self.folder) if _EIGHT_DIGITS.match(name))

    def files(self, timeline: int) -> list[ArchivedFile]:
        """Everything that is archived of a timeline, in the order of the names, by one listing of its folder."""
        folder = f"{self.folder}/{timeline:08X}"
        found = []
        for stored in self.storage.sizes(folder):
            inside, _slash, name = stored.rpartition("/")
            file = parse_archived(name, f"{folder}/{inside}" if inside else folder)
            if file is not None and file.name[:8] == f"{timeline:08X}" and inside == file.name[8:16]:
                found.append(file)
        return sorted(found, key=lambda file: (file.name, file.path))

    def segments(self, timeline: int) -> list[ArchivedFile]:
        """The whole segments of a timeline, in their order."""
        return [file for file in self.files(timeline) if file.segment is not None]

    def remove(self, file: ArchivedFile) -> None:
        """Remove a file; one that is gone is no error."""
        self.storage.remove_small(file.path)

    def write_status(self, data: bytes) -> None:
        """Replace the file that says how far archiving is."""
        self.storage.write_small(f"{self.folder}/{STATUS_NAME}", data)

    def _folder_of(self, name: str) -> str:
        return self.folder if is_history(name) else f"{self.folder}/{name[:8]}/{name[8:16]}"

    def _stored(self, folder: str, name: str) -> list[ArchivedFile]:
        found = (parse_archived(stored, folder) for stored in self.storage.files(folder, f"{name}-"))
        return [file for file in found if file is not None and file.name == name]

    def _is_there(self, folder: str, name: str, sha256: str) -> bool:
        """:raises ConsistencyError: another content is."""
        found = self._stored(folder, name)
        others = [file for file in found if file.sha256 != sha256]
        if others:
            raise ConsistencyError(
                f"another file is archived as {name} already: {self.storage.url(others[0].path)}",
                hint="two servers archive into one place, or this one was restored without a new timeline; give it a "
                "place of its own (--cluster)",
            )
        return bool(found)

    def _facts(self, source: _Seekable, name: str, described: str) -> tuple[SegmentHeader | None, str, int]:
        """What a file says about itself, its SHA-256 and its size."""
        place = parse_segment(name[:24]) if is_partial(name) or parse_segment(name) is not None else None
        header = None
        digest = hashlib.sha256()
        size, limit = 0, LARGEST_HISTORY if place is None else LARGEST_SEGMENT
        while True:
            data = source.read(_BLOCK)
            if not data:
                break
            if place is not None and header is None:
                header = check_header(data[:PAGE_SIZE], place, name=described)
            digest.update(data)
            size += len(data)
            if size > limit:
                raise CorruptArtifactError(f"{described} is larger than the {limit} bytes that it may have")
        if place is not None and (header is None or size != header.segment_size):
            expected = f" instead of {header.segment_size}" if header is not None else ""
            raise CorruptArtifactError(f"{described} has {size} bytes{expected}: it is not a whole segment")
        if place is None and not size:
            raise CorruptArtifactError(f"{described} is empty")
        return header, digest.hexdigest(), size

    def _store(
        self,
        source: ByteSource,
        path: str,
        compression: Compression,
        encryption: Encryption,
        *,
        expected: tuple[str, int] | None,
        described: str,
    ) -> None:
        digest = hashlib.sha256()
        size = 0
        sink: ByteSink = self.storage.create(path)
        try:
            sink = compress_sink(encryption.sink(sink), compression)
            while True:
                data = source.read(_BLOCK)
                if not data:
                    break
                if expected is not None:
                    digest.update(data)
                size += len(data)
                sink.write(data)
            if expected is not None and (digest.hexdigest(), size) != expected:
                raise CorruptArtifactError(f"{described} was changed while it was being archived")
            sink.close()
        except BaseException:
            sink.abort()
            raise


class _Seekable(t.Protocol):
    def read(self, size: int) -> bytes: ...

    def seek(self, offset: int, /) -> object: ...

    def close(self) -> None: ...


def only_system(storage: Storage, cluster: str) -> int:
    """The system identifier of a cluster whose log is archived from one server.

    :raises NotFoundError: nothing is archived for it.
    :raises UsageError: there are several.
    """
    found = archived_systems(storage, cluster)
    if not found:
        raise NotFoundError(
            f"{storage.location} holds no archived WAL of the cluster {cluster!r}",
            hint="see the name, and archive first",
        )
    if len(found) > 1:
        raise UsageError(
            f"the WAL of {len(found)} servers is archived for the cluster {cluster!r}: {', '.join(map(str, found))}",
            hint="say which one: --system-identifier",
        )
    return found[0]
