# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""PostgreSQL's ``backup_manifest``: the files of a base backup, each with size and digest, and the WAL that it needs.

The text is JSON whose last line is the SHA-256 of all bytes before that line (PostgreSQL's documentation, "Backup
Manifest Format"). Servers from 13 on send one; for older ones we write the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ...errors import CorruptArtifactError
from ...lazy_dataclass import dataclass
from .crc32c import crc32c

MANIFEST_NAME = "backup_manifest"
#: Some two million files.
LARGEST_MANIFEST = 512 << 20
#: What a server changes or adds when it takes over a restored folder, and what no manifest lists.
NOT_LISTED = frozenset((MANIFEST_NAME, "postgresql.auto.conf", "standby.signal", "recovery.signal", "recovery.conf"))
SHA256, CRC32C, NO_CHECKSUM = "SHA256", "CRC32C", ""
_LAST_LINE = re.compile(rb'"Manifest-Checksum": ?"([0-9a-f]{64})" ?\}\s*\Z')
_LSN = re.compile(r"([0-9A-F]{1,8})/([0-9A-F]{1,8})\Z", re.IGNORECASE)
_HEX = re.compile(r"(?:[0-9a-f]{2})*\Z", re.IGNORECASE)
_HASHES = ("SHA224", "SHA256", "SHA384", "SHA512")
_LARGEST_FILE = 1 << 62
_VERSIONS = (1, 2)


class Checksum(t.Protocol):
    """A digest being made."""

    def update(self, data: bytes) -> None: ...

    def hexdigest(self) -> str: ...


class _Crc32c:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes) -> None:
        self._value = crc32c(data, self._value)

    def hexdigest(self) -> str:
        # The server writes the number's four bytes as they lie in its memory.
        return self._value.to_bytes(4, "little").hex()


class _NoChecksum:
    def update(self, data: bytes) -> None:
        """There is nothing to compare with."""

    def hexdigest(self) -> str:
        return ""


def new_checksum(algorithm: str) -> Checksum:
    """A digest of the kind that a manifest names.

    :param algorithm: ``SHA224`` to ``SHA512``, ``CRC32C``, or empty for none.
    :raises CorruptArtifactError: it is none of these.
    """
    name = algorithm.upper()
    if name in _HASHES:
        return t.cast(Checksum, hashlib.new(name.lower()))
    if name == CRC32C:
        return _Crc32c()
    if name in (NO_CHECKSUM, "NONE"):
        return _NoChecksum()
    raise CorruptArtifactError(f"the backup manifest names the checksum algorithm {algorithm!r}, which nobody knows")


@dataclass(frozen=True)
class ManifestFile:
    """One file of a base backup.

    :param path: relative to the data folder; those of tablespaces begin with ``pg_tblspc/<oid>/``. Bytes that are not
        UTF-8 are kept as surrogates.
    :param size: in bytes.
    :param modified: as the server wrote it, ``2026-11-22 12:00:00 GMT``; empty where unknown.
    :param algorithm: of the checksum, empty for none.
    :param checksum: in lower-case hexadecimal.
    """

    path: str
    size: int
    modified: str = ""
    algorithm: str = NO_CHECKSUM
    checksum: str = ""


@dataclass(frozen=True)
class WalRange:
    """WAL of one timeline that a backup needs to become consistent.

    :param start: the LSN that it begins at.
    :param end: the LSN behind it.
    """

    timeline: int
    start: int
    end: int


@dataclass(frozen=True)
class BackupManifest:
    """A whole manifest.

    :param system_identifier: 0 where it does not say (version 1).
    """

    files: tuple[ManifestFile, ...]
    wal_ranges: tuple[WalRange, ...]
    version: int = 1
    system_identifier: int = 0

    def by_path(self) -> dict[str, ManifestFile]:
        return {file.path: file for file in self.files}


def parse_backup_manifest(data: bytes, *, name: str = MANIFEST_NAME) -> BackupManifest:
    """Read a manifest and verify its own checksum.

    :param name: what errors call it.
    :raises CorruptArtifactError: it is damaged, too large or not a manifest.
    """
    if len(data) > LARGEST_MANIFEST:
        raise CorruptArtifactError(f"{name} is larger than any backup manifest can be ({len(data)} bytes)", path=name)
    _check_digest(data, name)
    try:
        values = json.loads(data.decode("utf-8"))
        return _manifest(values)
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError) as error:
        raise CorruptArtifactError(f"{name} is not a backup manifest: {_cause(error)}", path=name) from error


def _check_digest(data: bytes, name: str) -> None:
    found = _LAST_LINE.search(data, max(0, len(data) - 200))
    if found is None or not data[: found.start()].endswith(b"\n"):
        raise CorruptArtifactError(
            f"{name} does not end with its checksum: it is truncated, or not a backup manifest", path=name
        )
    if hashlib.sha256(memoryview(data)[: found.start()]).hexdigest() != found.group(1).decode("ascii"):
        raise CorruptArtifactError(f"{name} is damaged: its checksum does not match its content", path=name)


def _cause(error: BaseException) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _manifest(values: dict[str, t.Any]) -> BackupManifest:
    version = values["PostgreSQL-Backup-Manifest-Version"]
    if version not in _VERSIONS:
        raise ValueError(f"its version {version!r} is not known")
    identifier = values["System-Identifier"] if version > 1 else 0
    if not isinstance(identifier, int) or not 0 <= identifier < 1 << 64:
        raise ValueError("its system identifier is none")
    files = tuple(_file(entry) for entry in _list(values["Files"]))
    if len({file.path for file in files}) != len(files):
        raise ValueError("it lists a file twice")
    ranges = tuple(_range(entry) for entry in _list(values["WAL-Ranges"]))
    return BackupManifest(files, ranges, version, identifier)


def _list(value: t.Any) -> list[t.Any]:
    if not isinstance(value, list):
        raise ValueError("a list is something else")
    return value


def _file(entry: dict[str, t.Any]) -> ManifestFile:
    if "Encoded-Path" in entry:
        if "Path" in entry:
            raise ValueError("a file has two paths")
        path = bytes.fromhex(_text(entry["Encoded-Path"])).decode("utf-8", "surrogateescape")
    else:
        path = _text(entry["Path"])
    if "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
        raise ValueError(f"the path {path!r} leads out of the backup")
    size = entry["Size"]
    if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size < _LARGEST_FILE:
        raise ValueError(f"the size of {path!r} is none")
    algorithm = _text(entry.get("Checksum-Algorithm", NO_CHECKSUM)).upper()
    checksum = _text(entry.get("Checksum", "")).lower()
    new_checksum(algorithm)
    if bool(algorithm) != bool(checksum) or not _HEX.match(checksum):
        raise ValueError(f"the checksum of {path!r} is none")
    return ManifestFile(path, size, _text(entry.get("Last-Modified", "")), algorithm, checksum)


def _text(value: t.Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is something else")
    return value


def _range(entry: dict[str, t.Any]) -> WalRange:
    timeline = entry["Timeline"]
    if isinstance(timeline, bool) or not isinstance(timeline, int) or not 0 < timeline < 1 << 32:
        raise ValueError("a timeline is none")
    start, end = _lsn(entry["Start-LSN"]), _lsn(entry["End-LSN"])
    if start > end:
        raise ValueError("a range of WAL ends before it begins")
    return WalRange(timeline, start, end)


def _lsn(value: t.Any) -> int:
    found = _LSN.match(_text(value))
    if found is None:
        raise ValueError(f"{value!r} is no place in the WAL")
    return int(found.group(1), 16) << 32 | int(found.group(2), 16)


def format_backup_manifest(manifest: BackupManifest) -> bytes:
    """The text of a manifest, byte for byte as the server writes it."""
    head = [f'{{ "PostgreSQL-Backup-Manifest-Version": {manifest.version},\n']
    if manifest.version > 1:
        head.append(f'"System-Identifier": {manifest.system_identifier},\n')
    files = ",\n".join(_file_text(file) for file in manifest.files)
    ranges = ",\n".join(
        f'{{ "Timeline": {item.timeline}, "Start-LSN": "{_lsn_text(item.start)}", "End-LSN": "{_lsn_text(item.end)}" }}'
        for item in manifest.wal_ranges
    )
    text = "".join((*head, '"Files": [\n', files, '\n],\n"WAL-Ranges": [\n', ranges, "\n],\n")).encode("utf-8")
    return text + f'"Manifest-Checksum": "{hashlib.sha256(text).hexdigest()}"}}\n'.encode("ascii")


def _lsn_text(lsn: int) -> str:
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def _file_text(file: ManifestFile) -> str:
    raw = file.path.encode("utf-8", "surrogateescape")
    try:
        raw.decode("utf-8")
        path = f'"Path": {json.dumps(file.path, ensure_ascii=False)}'
    except UnicodeDecodeError:
        path = f'"Encoded-Path": "{raw.hex()}"'
    modified = f', "Last-Modified": "{file.modified}"' if file.modified else ""
    checksum = f', "Checksum-Algorithm": "{file.algorithm}", "Checksum": "{file.checksum}"' if file.algorithm else ""
    return f'{{ {path}, "Size": {file.size}{modified}{checksum} }}'


class FileCheck:
    """The check of one file while its bytes pass by."""

    def __init__(self, expected: ManifestFile) -> None:
        self._expected = expected
        self._checksum = new_checksum(expected.algorithm)
        self._size = 0

    def update(self, data: bytes) -> None:
        self._size += len(data)
        self._checksum.update(data)

    def finding(self) -> str:
        """What is wrong with the file; empty where nothing is."""
        expected = self._expected
        if self._size != expected.size:
            return f"{expected.path} has {self._size} bytes instead of {expected.size}"
        if expected.checksum and self._checksum.hexdigest() != expected.checksum:
            return f"{expected.path} is damaged: its {expected.algorithm} checksum does not match the backup manifest"
        return ""


class ManifestCheck:
    """The check of all files of a backup, in whatever order they pass by.

    WAL and what servers write into a restored folder are no part of a manifest.
    """

    def __init__(self, manifest: BackupManifest) -> None:
        self._missing = manifest.by_path()

    def file(self, path: str) -> FileCheck | None:
        """The check of the file at ``path``; ``None`` for one that no manifest lists.

        :raises CorruptArtifactError: the manifest does not know the file, or it has passed by before.
        """
        expected = self._missing.pop(path, None)
        if expected is not None:
            return FileCheck(expected)
        if is_listed(path):
            raise CorruptArtifactError(f"the backup holds {path}, which its manifest does not list", path=path)
        return None

    def findings(self) -> list[str]:
        """What is missing in the end."""
        return [f"{path} is missing" for path in self._missing if is_listed(path)]


def is_listed(path: str) -> bool:
    """Whether a manifest must list a file of a backup."""
    return path not in NOT_LISTED and not path.startswith("pg_wal/")
