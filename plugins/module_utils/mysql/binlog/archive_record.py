# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is recorded of an archived binlog beside it: sealed JSON, as manifests are."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ...repository.sealed import decode, load_sealed, seal
from .file_facts import FactsRecord

LARGEST_RECORD = 16 << 20
_VERSION_KEY = "binlog_version"
_VERSION = 1


@dataclass(frozen=True)
class StoredFile:
    """A file of a repository that holds a binlog or a piece of it.

    :param name: in the binlog's folder.
    :param size: as stored, in bytes; ``sha256`` is of that.
    :param content_size: of the piece of the binlog that is inside; ``content_sha256`` is of that.
    """

    name: str
    size: int
    sha256: str
    content_size: int
    content_sha256: str


@dataclass(frozen=True)
class Sealed:
    """What is known of an archived file.

    :param sha256: of the whole file, in hexadecimal digits.
    :param server: its address, version, id and, where it has one, its UUID.
    :param created: seconds since 1970 in its format description.
    :param first_time: seconds since 1970 of its first event and last; 0 for none.
    :param gtids_before: what the server had when the file began.
    :param gtids_after: the same with what the file holds.
    :param next_file: the one that follows it.
    :param ended_by: ``rotate``, ``stop``, or ``crash`` where the server did not end it.
    :param made: seconds since 1970 at which the file was begun.
    :param boundaries: of a transaction every so many bytes, the offset of its first byte and its time in seconds.
    :param stored: in a repository, the files that hold it, in their order.
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
    made: int
    boundaries: tuple[tuple[int, int], ...] = ()
    stored: tuple[StoredFile, ...] = ()


@dataclass(frozen=True)
class TailRecord:
    """What is known of a file of a repository that is still being archived.

    :param facts: about what :attr:`stored` holds, and nothing behind it.
    """

    server: t.Mapping[str, str]
    facts: FactsRecord
    stored: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Bytes of the binlog that are stored."""
        return sum(each.content_size for each in self.stored)


def render(record: Sealed | TailRecord) -> bytes:
    """As it is written."""
    return seal({_VERSION_KEY: _VERSION, **vars(record)})


def parse_sealed(data: bytes, where: str) -> Sealed:
    """The record of a complete file.

    :raises CorruptArtifactError: it is not one, or was changed.
    """
    return decode(Sealed, _fields(data, where), what=where)


def parse_tail(data: bytes, where: str) -> TailRecord:
    """The record of an unfinished file.

    :raises CorruptArtifactError: it is not one, or was changed.
    """
    return decode(TailRecord, _fields(data, where), what=where)


def _fields(data: bytes, where: str) -> dict[str, t.Any]:
    return load_sealed(data, what=f"the record {where}", version_key=_VERSION_KEY, version=_VERSION)
