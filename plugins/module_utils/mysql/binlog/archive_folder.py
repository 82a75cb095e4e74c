# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A folder of archived binlogs: the server's files byte for byte, each with a sidecar that seals it.

``binlog.000001`` is complete and has ``binlog.000001.json`` beside it. ``binlog.000002.part`` is the file that the
server was writing when it was last looked at; everything in it is whole up to where reading it says.
"""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ...errors import CorruptArtifactError, NotFoundError
from ...repository.folders import make_folders
from ...repository.local import LocalStorage
from ...repository.lock import RepositoryLock
from ...streams.base import Buffer
from ...streams.file import FILE_MODE, FileSink, storage_error, sync_folder
from . import codes
from .archive_place import ServerLog, Tail
from .archive_record import LARGEST_RECORD, Sealed, parse_sealed, render
from .beside_digest import BesideDigest
from .binlog_file import PART_SUFFIX
from .binlog_name import is_binlog_name, number_of
from .file_facts import FileFacts, scan
from .log_start import gap

SIDECAR_SUFFIX = ".json"
STATUS_NAME = "status.json"


class ArchiveFolder:
    """The folder; it is made when something is archived."""

    held: str | None = None
    way_out = "archive into a new folder, and make a new full backup"

    def __init__(self, path: str) -> None:
        self.path = path

    @property
    def location(self) -> str:
        return self.path

    @contextlib.contextmanager
    def log_of(self, server: t.Mapping[str, str], *, check: bool = False) -> t.Iterator[ServerLog]:
        """The folder itself: it is for one server, which its files tell from others.

        :raises LockedError: somebody else archives into it.
        :raises StorageError: it cannot be made.
        """
        if check:
            yield self
            return
        make_folders(self.path)
        with RepositoryLock(LocalStorage(self.path), ".lock", purpose=f"archiving binlogs of {server['address']}"):
            yield self

    def last(self) -> Sealed | None:
        """The newest of the complete files.

        :raises ConsistencyError: one that should be there is missing.
        """
        sealed = self.sealed()
        for before, after in zip(sealed, sealed[1:]):
            if before.next_file != after.file:
                raise gap(before.file, before.next_file, after.file, self.way_out)
        return sealed[-1] if sealed else None

    def sealed(self) -> list[Sealed]:
        """The complete files in the order of their numbers.

        :raises CorruptArtifactError: a sidecar cannot be read.
        """
        names = [name[: -len(SIDECAR_SUFFIX)] for name in self._names() if name.endswith(SIDECAR_SUFFIX)]
        return [self._sidecar(name) for name in sorted(filter(is_binlog_name, names), key=number_of)]

    def mend(self, record: t.Callable[[FileFacts, int, str], Sealed]) -> list[Sealed]:
        written = []
        for name in self.without_sidecar():
            path = self.path_of(name)
            facts, size = scan(path, name)
            if facts.ended_by:
                file = PartialFile(path, size)
                file.close()
                written.append(record(facts, file.size, file.hexdigest()))
                self.write_sidecar(written[-1])
        return written

    def resume(self) -> tuple[FileFacts, Tail] | None:
        name = self.unsealed()
        if name is None:
            return None
        path = self.reopen(name)
        facts, position = scan(path, name)
        file = PartialFile(path, position)
        if not position:
            file.write([codes.MAGIC], len(codes.MAGIC))
        return facts, file

    def tail_position(self) -> tuple[str, int] | None:
        name = self.unsealed()
        if name is None:
            return None
        part = self.path_of(name + PART_SUFFIX)
        _facts, position = scan(part if os.path.lexists(part) else self.path_of(name), name)
        return name, position

    def begin(self, facts: FileFacts) -> Tail:
        file = PartialFile(self.path_of(facts.name + PART_SUFFIX), 0)
        file.write([codes.MAGIC], len(codes.MAGIC))
        return file

    def unsealed(self) -> str | None:
        """The name of the one file that is not complete: partial, or cut off and without a sidecar.

        :raises CorruptArtifactError: there are several.
        """
        found = {name[: -len(PART_SUFFIX)] for name in self._names() if name.endswith(PART_SUFFIX)}
        found = {name for name in (*found, *self.without_sidecar()) if is_binlog_name(name)}
        if len(found) > 1:
            raise CorruptArtifactError(
                f"{self.path} holds several unfinished files: {', '.join(sorted(found))}",
                hint="one folder is for one server; move what belongs to another one away",
            )
        return found.pop() if found else None

    def without_sidecar(self) -> list[str]:
        """The files under their own names that have no sidecar, in the order of their numbers."""
        names = set(self._names())
        return sorted(
            (name for name in names if is_binlog_name(name) and name + SIDECAR_SUFFIX not in names), key=number_of
        )

    def path_of(self, name: str) -> str:
        return os.path.join(self.path, name)

    def reopen(self, name: str) -> str:
        """The path of the partial file ``name``; a complete one without its sidecar becomes partial again."""
        part = self.path_of(name + PART_SUFFIX)
        if not os.path.lexists(part):
            self._rename(self.path_of(name), part)
        return part

    def seal(self, tail: Tail, record: Sealed) -> None:
        """Give the partial file its name and write its sidecar.

        :raises StorageError: it could not be done.
        """
        tail.close()
        self._rename(self.path_of(record.file + PART_SUFFIX), self.path_of(record.file))
        self.write_sidecar(record)

    def write_sidecar(self, record: Sealed) -> None:
        """Say that a file is complete."""
        self._write_small(record.file + SIDECAR_SUFFIX, render(record))

    def write_status(self, content: t.Mapping[str, t.Any]) -> None:
        self._write_small(STATUS_NAME, json.dumps(content, indent=2).encode("ascii") + b"\n")

    def _write_small(self, name: str, content: bytes) -> None:
        new = self.path_of(f".{name}.new")
        if os.path.lexists(new):
            os.unlink(new)
        sink = FileSink(new)
        try:
            sink.write(content)
            sink.close()
        except BaseException:
            sink.abort()
            raise
        self._rename(new, self.path_of(name))

    def _rename(self, old: str, new: str) -> None:
        try:
            os.rename(old, new)
        except OSError as error:
            raise storage_error("rename", old, error) from error
        sync_folder(self.path)

    def _names(self) -> list[str]:
        try:
            return os.listdir(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise storage_error("read", self.path, error) from error

    def _sidecar(self, name: str) -> Sealed:
        path = self.path_of(name + SIDECAR_SUFFIX)
        try:
            with open(path, "rb") as file:
                record = parse_sealed(file.read(LARGEST_RECORD), path)
        except OSError as error:
            raise storage_error("read", path, error) from error
        if record.file != name or not os.path.isfile(self.path_of(name)):
            raise NotFoundError(
                f"{path} belongs to no file {name}", hint="put the file back, or archive into a new folder"
            )
        return record


class PartialFile:
    """The file that is being archived, appended to (a :class:`.archive_place.Tail`).

    :param path: of the partial file.
    :param size: where to go on; what lies behind is cut off.
    :raises StorageError: it cannot be opened.
    """

    is_full = False

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self._digest = BesideDigest()
        try:
            # Without a buffer: what comes is written in large pieces, or it is little.
            self._file = os.fdopen(
                os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE), "r+b", 0
            )
            os.fchmod(self._file.fileno(), FILE_MODE)
            left = size
            while left:
                piece = self._file.read(min(left, 1 << 20))
                if not piece:
                    raise CorruptArtifactError(f"{path} became shorter while it was read")
                self._digest.update(piece)
                left -= len(piece)
            self._file.seek(size)
            self._file.truncate()
        except OSError as error:
            raise storage_error("open", path, error) from error

    def write(self, pieces: t.Sequence[Buffer], size: int) -> None:
        # In one piece of its own, so that the digest of it can be computed while the buffer is filled again.
        data = b"".join(pieces)
        self._digest.update(data)
        try:
            written = os.write(self._file.fileno(), data)
            while written < size:
                # The disk is full, which the next call says, or a signal came in between.
                written += os.write(self._file.fileno(), memoryview(data)[written:])
        except OSError as error:
            raise storage_error("write", self.path, error) from error
        self.size += size

    def sync(self, facts: FileFacts) -> None:
        """Put everything on the disk; the file itself says what is in it."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error("sync", self.path, error) from error

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        self._digest.close()
        try:
            self._file.close()
        except OSError as error:
            raise storage_error("write", self.path, error) from error
