# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A folder of archived binlogs: the server's files byte for byte, each with a sidecar that seals it.

``binlog.000001`` is complete and has ``binlog.000001.json`` beside it. ``binlog.000002.part`` is the file that the
server was writing when it was last looked at; everything in it is whole up to where reading it says.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import typing as t

from ...errors import CorruptArtifactError, NotFoundError
from ...repository.folders import make_folders
from ...streams.file import FILE_MODE, FileSink, storage_error, sync_folder

PART_SUFFIX = ".part"
SIDECAR_SUFFIX = ".json"
_FORMAT = 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\.(\d{6,})\Z")
_LARGEST_SIDECAR = 16 << 20


@dataclasses.dataclass(frozen=True)
class Sealed:
    """What is known of an archived file.

    :param sha256: of the whole file, in hexadecimal digits.
    :param server: its address, version and, on MySQL, its UUID.
    :param created: seconds since 1970 in its format description.
    :param first_time: seconds since 1970 of its first event and last; 0 for none.
    :param gtids_before: what the server had when the file began.
    :param gtids_after: the same with what the file holds.
    :param next_file: the one that follows it.
    :param ended_by: ``rotate``, ``stop``, or ``crash`` where the server did not end it.
    """

    file: str
    size: int
    sha256: str
    server: t.Mapping[str, str]
    created: int
    first_time: int
    last_time: int
    transactions: int
    gtids_before: str
    gtids_after: str
    next_file: str
    ended_by: str


def number_of(name: str) -> int:
    """The number that a binlog's name ends with.

    :raises CorruptArtifactError: it is no name of a binlog (a server, too, can send anything).
    """
    found = _NAME.match(name)
    if not found:
        raise CorruptArtifactError(f"{name!r} is not the name of a binlog")
    return int(found[1])


def name_after(name: str) -> str:
    """The name of the file that the server begins next: MySQL and MariaDB count on with six digits and more."""
    number = number_of(name)
    stem = name.rpartition(".")[0]
    return f"{stem}.{number + 1:06}"


class ArchiveFolder:
    """The folder; it is made when it does not exist.

    :raises StorageError: it cannot be made or read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        make_folders(path)

    def sealed(self) -> list[Sealed]:
        """The complete files in the order of their numbers.

        :raises CorruptArtifactError: a sidecar cannot be read.
        """
        names = [name[: -len(SIDECAR_SUFFIX)] for name in self._names() if name.endswith(SIDECAR_SUFFIX)]
        return [self._sidecar(name) for name in sorted(filter(_NAME.match, names), key=number_of)]

    def unsealed(self) -> str | None:
        """The name of the one file that is not complete: partial, or cut off and without a sidecar.

        :raises CorruptArtifactError: there are several.
        """
        found = {name[: -len(PART_SUFFIX)] for name in self._names() if name.endswith(PART_SUFFIX)}
        found = {name for name in (*found, *self.without_sidecar()) if _NAME.match(name)}
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
            (name for name in names if _NAME.match(name) and name + SIDECAR_SUFFIX not in names), key=number_of
        )

    def path_of(self, name: str) -> str:
        return os.path.join(self.path, name)

    def reopen(self, name: str) -> str:
        """The path of the partial file ``name``; a complete one without its sidecar becomes partial again."""
        part = self.path_of(name + PART_SUFFIX)
        if not os.path.lexists(part):
            self._rename(self.path_of(name), part)
        return part

    def seal(self, record: Sealed) -> None:
        """Give the partial file its name and write its sidecar. The file must be on the disk already.

        :raises StorageError: it could not be done.
        """
        self._rename(self.path_of(record.file + PART_SUFFIX), self.path_of(record.file))
        self.write_sidecar(record)

    def write_sidecar(self, record: Sealed) -> None:
        """Say that a file is complete."""
        self.write_small(record.file + SIDECAR_SUFFIX, {"format": _FORMAT, **dataclasses.asdict(record)})

    def write_small(self, name: str, content: t.Mapping[str, t.Any]) -> None:
        """Replace a small file as a whole."""
        new = self.path_of(f".{name}.new")
        if os.path.lexists(new):
            os.unlink(new)
        sink = FileSink(new)
        try:
            sink.write(json.dumps(content, indent=2).encode("ascii") + b"\n")
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
        except OSError as error:
            raise storage_error("read", self.path, error) from error

    def _sidecar(self, name: str) -> Sealed:
        path = self.path_of(name + SIDECAR_SUFFIX)
        try:
            with open(path, "rb") as file:
                content = json.loads(file.read(_LARGEST_SIDECAR))
            record = Sealed(**{field.name: content[field.name] for field in dataclasses.fields(Sealed)})
        except OSError as error:
            raise storage_error("read", path, error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptArtifactError(f"{path} is damaged: {error}", hint="remove it; it is written again") from error
        if record.file != name or not os.path.isfile(self.path_of(name)):
            raise NotFoundError(
                f"{path} belongs to no file {name}", hint="put the file back, or archive into a new folder"
            )
        return record


class PartialFile:
    """The file that is being archived, appended to.

    :param path: of the partial file.
    :param size: where to go on; what lies behind is cut off.
    :raises StorageError: it cannot be opened.
    """

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size = size
        self._digest = hashlib.sha256()
        try:
            self._file = os.fdopen(
                os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE), "r+b"
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

    def write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise storage_error("write", self.path, error) from error
        self._digest.update(data)
        self.size += len(data)

    def sync(self) -> None:
        """Put everything on the disk."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise storage_error("sync", self.path, error) from error

    def hexdigest(self) -> str:
        return self._digest.hexdigest()

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise storage_error("write", self.path, error) from error
