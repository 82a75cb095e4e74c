# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An archive's header: what it is, where it came from, how its data is compressed."""

from __future__ import annotations

import time

from ...errors import UsageError
from ...lazy_dataclass import dataclass
from ...streams.compression import Compression
from .primitives import INT_SIZE, OFFSET_SIZE, ArchiveInput, encode_int, encode_string

MAGIC = b"PGDMP"

FORMAT_CUSTOM = 1
FORMAT_TAR = 3  # also a directory's toc.dat

OLDEST_VERSION = (1, 12)  # PostgreSQL 9.0 to 10.2
VERSION_SEARCH_PATH = (1, 13)  # 10.3 and 11
VERSION_TABLE_AM = (1, 14)  # 12 to 15
VERSION_COMPRESSION_METHOD = (1, 15)  # 16
VERSION_RELKIND = (1, 16)  # 17 and later: relkind, grouped large objects
NEWEST_VERSION = VERSION_RELKIND
DEFAULT_VERSION = VERSION_TABLE_AM
ARCHIVE_VERSIONS = ("1.12", "1.13", "1.14", "1.15", "1.16")

_METHODS = ("none", "gzip", "lz4", "zstd")
_LONGEST_HEADER_STRING = 1 << 16
_DEFAULT_GZIP_LEVEL = 6
# A day before 1970, for clocks that were never set, to the year 9000, which every calendar on the way knows.
_EARLIEST, _LATEST = -86_400, 221_845_392_000


@dataclass(frozen=True)
class ArchiveHeader:
    """Where an archive came from.

    :param version: the archive format's version, :data:`OLDEST_VERSION` to :data:`NEWEST_VERSION`.
    :param created: seconds since the epoch; the archive holds local time.
    :param database: the source database's name.
    :param server_version: of the source, for example ``16.15``.
    :param dump_version: of the program that wrote the archive.
    """

    version: tuple[int, int]
    created: float
    database: str
    server_version: str
    dump_version: str


@dataclass(frozen=True)
class Layout:
    """How an archive's bytes are to be read.

    :param format: :data:`FORMAT_CUSTOM` or :data:`FORMAT_TAR`.
    :param compression: of the data blocks; its level is only known of gzip before 1.15.
    """

    format: int
    compression: Compression
    int_size: int = INT_SIZE
    offset_size: int = OFFSET_SIZE


def version_for(compression: Compression, *, least: tuple[int, int] = DEFAULT_VERSION) -> tuple[int, int]:
    """The lowest archive version from ``least`` on that can hold data compressed in this way."""
    return max(least, VERSION_COMPRESSION_METHOD) if compression.method in ("lz4", "zstd") else least


def encode_header(header: ArchiveHeader, *, archive_format: int, compression: Compression) -> bytes:
    """The header as bytes.

    :raises UsageError: the version is unknown, or too old for the compression.
    """
    if not OLDEST_VERSION <= header.version <= NEWEST_VERSION:
        raise UsageError(f"archive version {version_text(header.version)} cannot be written", hint="use 1.12 to 1.16")
    if header.version < version_for(compression, least=header.version):
        raise UsageError(
            f"an archive of version {version_text(header.version)} cannot hold {compression.method} compressed data",
            hint="use gzip or none, or archive version 1.15 (read by pg_restore 16 and later)",
        )
    parts = [MAGIC, bytes((*header.version, 0, INT_SIZE, OFFSET_SIZE, archive_format))]
    if header.version >= VERSION_COMPRESSION_METHOD:
        parts.append(bytes((_METHODS.index(compression.method),)))
    else:
        parts.append(encode_int(compression.level))
    when = time.localtime(header.created)
    clock = (when.tm_sec, when.tm_min, when.tm_hour, when.tm_mday, when.tm_mon - 1, when.tm_year - 1900, when.tm_isdst)
    parts.extend(encode_int(value) for value in clock)
    parts.extend(encode_string(text) for text in (header.database, header.server_version, header.dump_version))
    return b"".join(parts)


def read_header(data: ArchiveInput) -> tuple[ArchiveHeader, Layout]:
    """Read a header and prepare ``data`` for what follows it.

    :raises CorruptArtifactError: it is no archive, or of a version that is not known.
    """
    start = data.offset
    if data.take(len(MAGIC), "the magic number") != MAGIC:
        raise data.corrupt("the magic number PGDMP is missing", offset=start)
    major, minor, _revision, int_size, offset_size, archive_format = data.take(6, "the header")
    version = (major, minor)
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise data.corrupt(f"its version is {version_text(version)}; 1.12 to 1.16 can be read", offset=start)
    if not (1 <= int_size <= 8 and 1 <= offset_size <= 8):
        raise data.corrupt(f"integers of {int_size} and offsets of {offset_size} bytes cannot be", offset=start)
    if archive_format not in (FORMAT_CUSTOM, FORMAT_TAR):
        raise data.corrupt(f"its format code {archive_format} is unknown", offset=start)
    data.int_size, data.offset_size = int_size, offset_size
    compression = _read_compression(data, version)
    created = _read_time(data)
    database, server_version, dump_version = (
        data.read_string(what, _LONGEST_HEADER_STRING) or ""
        for what in ("the database's name", "the server's version", "the dump program's version")
    )
    header = ArchiveHeader(version, created, database, server_version, dump_version)
    return header, Layout(archive_format, compression, int_size, offset_size)


def version_text(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def parse_version(text: str) -> tuple[int, int]:
    """An archive version as users write it.

    :raises UsageError: it cannot be written.
    """
    if text not in ARCHIVE_VERSIONS:
        raise UsageError(
            f"archive version {text!r} cannot be written", hint=f"use one of {', '.join(ARCHIVE_VERSIONS)}"
        )
    major, _dot, minor = text.partition(".")
    return int(major), int(minor)


def _read_compression(data: ArchiveInput, version: tuple[int, int]) -> Compression:
    start = data.offset
    if version >= VERSION_COMPRESSION_METHOD:
        code = data.read_byte("the compression")
        if code >= len(_METHODS):
            raise data.corrupt(f"its compression code {code} is unknown", offset=start)
        return Compression(_METHODS[code], _DEFAULT_GZIP_LEVEL if code == 1 else 0)
    level = data.read_int("the compression level")
    if not -1 <= level <= 9:
        raise data.corrupt(f"its compression level {level} is unknown", offset=start)
    if level == 0:
        return Compression("none", 0)
    return Compression("gzip", _DEFAULT_GZIP_LEVEL if level == -1 else level)


def _read_time(data: ArchiveInput) -> float:
    start = data.offset
    second, minute, hour, day, month, year, dst = (data.read_int("the time of creation") for dummy in range(7))
    try:
        created = time.mktime((year + 1900, month + 1, day, hour, minute, second, 0, 0, dst))
    except (OverflowError, ValueError) as error:
        raise data.corrupt("the time of creation cannot be", offset=start) from error
    if not _EARLIEST <= created <= _LATEST:
        raise data.corrupt("the time of creation cannot be", offset=start)
    return created
