# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A chain of base backups written into a data folder, every byte checked against the backups' own manifests.

The full backup's files are written first; blocks of incremental backups are laid over them, one backup after the other.
No archive is read twice, and nothing large is held in memory.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import CorruptArtifactError, UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ..replication.backup_label import LABEL_NAME, TABLESPACE_MAP_NAME, without_incremental
from ..replication.backup_manifest import (
    MANIFEST_NAME,
    SHA256,
    BackupManifest,
    FileCheck,
    ManifestCheck,
    ManifestFile,
    format_backup_manifest,
    new_checksum,
)
from ..replication.control_file import PATH as CONTROL_FILE
from ..replication.control_file import ControlFile, parse_control_file
from .backup_chain import Chain, ChainMember
from .base_backup_files import BASE, WAL, Archive
from .data_folder import LOCK_FILE, DataFolder
from .increment import IncrementReader, whole_name
from .marker import MARKER_NAME, VERSION_FILE
from .tar_reader import FOLDER, LINK, TarMember, TarReader

AUTO_CONF = "postgresql.auto.conf"
# What would tell the server to do something else than what it is restored for, and what is made anew.
_LEFT_OUT = frozenset(
    ("standby.signal", "recovery.signal", "recovery.conf", "recovery.done", LOCK_FILE, MARKER_NAME)
    + (TABLESPACE_MAP_NAME, MANIFEST_NAME)
)
# Kept until the end: the one makes the folder whole, the other is changed.
_HELD = frozenset((VERSION_FILE, AUTO_CONF))
_LARGEST_HELD = 16 << 20
_GROUP_READS = 0o040
# As everybody builds servers; the control file, which an archive ends with, tells whether it is so.
_BLOCK_SIZE, _BLOCKS_PER_FILE = 8192, 131072


@dataclass(frozen=True)
class Unpacked:
    """What was held back, and what is known in the end.

    :param version_file: the content of PG_VERSION.
    :param auto_conf: the content of postgresql.auto.conf.
    :param files: how many files were written or found equal.
    """

    version_file: bytes
    auto_conf: bytes
    control: ControlFile
    files: int


class Unpacker:
    """Writes the files of a chain.

    :param without: files that are left out, because others come instead of them.
    :param with_manifest: write the manifest of what lies there in the end.
    """

    def __init__(
        self,
        chain: Chain,
        folder: DataFolder,
        progress: Progress,
        *,
        without: t.Collection[str] = (),
        with_manifest: bool = True,
    ) -> None:
        self._without = without
        self._with_manifest = with_manifest
        self._chain = chain
        self._folder = folder
        self._progress = progress
        self._held: dict[str, bytes] = {}
        self._control: ControlFile | None = None
        self._files = 0

    def unpack(self) -> Unpacked:
        """Write all of it.

        :raises CorruptArtifactError: a backup is not what its manifest says.
        """
        for number, member in enumerate(self._chain.members):
            self._member(number, member)
        control = self._control
        if control is None or VERSION_FILE not in self._held:
            raise CorruptArtifactError(f"{self._chain.newest.name} holds no {CONTROL_FILE} or no {VERSION_FILE}")
        self._check_control(control)
        for oid in self._folder.places.tablespaces:
            self._folder.link_tablespace(oid)
        if self._with_manifest:
            self._write_manifest()
        return Unpacked(self._held[VERSION_FILE], self._held.get(AUTO_CONF, b""), control, self._files)

    def _member(self, number: int, member: ChainMember) -> None:
        check = ManifestCheck(member.manifest) if member.manifest is not None else None
        for archive in member.files.archives:
            if archive.part == WAL and member is not self._chain.newest:
                continue
            self._progress.item(f"{member.name}: {archive.file}")
            with member.files.open(archive) as reader:
                for entry in reader:
                    self._entry(number, archive, entry, reader, check)
        missing = check.findings() if check is not None else []
        if missing:
            raise CorruptArtifactError(
                f"{member.name} is not whole: {'; '.join(missing[:5])}", hint="restore another backup"
            )

    def _entry(
        self, number: int, archive: Archive, entry: TarMember, reader: TarReader, check: ManifestCheck | None
    ) -> None:
        member = self._chain.members[number]
        newest = member is self._chain.newest
        name = full_name(archive, entry.name)
        if entry.kind == FOLDER:
            if newest:
                self._folder.make_folder(name)
            return
        if entry.kind == LINK:
            self._check_link(archive, entry)
            return
        one = check.file(name) if check is not None else None
        pieces = self._checked(reader, one, member)
        whole = whole_name(name) if member.label.incremental_lsn is not None else ""
        if whole:
            if number > self._chain.origins.get(whole, number):
                self._change(whole, pieces, member)
        elif newest or self._chain.origins.get(name) == number:
            self._write(name, entry, pieces)

    def _write(self, name: str, entry: TarMember, pieces: t.Iterator[bytes]) -> None:
        self._files += 1
        if name in _LEFT_OUT or name in self._without:
            # Looked at all the same: a backup that is damaged there is damaged.
            for _piece in pieces:
                pass
        elif name in _HELD:
            self._held[name] = _small(pieces, name)
            if name == VERSION_FILE and entry.mode & _GROUP_READS:
                self._folder.allow_group()
        elif name == CONTROL_FILE:
            content = _small(pieces, name)
            self._control = parse_control_file(content, name=name)
            self._folder.write_file(name, iter((content,)))
        elif name == LABEL_NAME:
            self._folder.write_file(name, iter((without_incremental(_small(pieces, name)),)))
        else:
            self._folder.write_file(name, pieces)

    def _change(self, whole: str, pieces: t.Iterator[bytes], member: ChainMember) -> None:
        increment = IncrementReader(pieces, _BLOCK_SIZE, _BLOCKS_PER_FILE, name=f"{member.name}: {whole}")
        # What lies behind the truncation in older backups does not count any more.
        kept = increment.head.truncation * _BLOCK_SIZE
        self._folder.change_file(whole, increment.blocks(), kept, increment.head.size(_BLOCK_SIZE))

    def _check_link(self, archive: Archive, entry: TarMember) -> None:
        folder, _slash, oid = entry.name.rpartition("/")
        if archive.part != BASE or folder != "pg_tblspc" or not (oid.isascii() and oid.isdigit()):
            raise UnsupportedObjectError(
                f"the backup holds the link {entry.name}, which is no tablespace's",
                hint="servers write links to tablespaces only",
            )
        if int(oid) not in self._folder.places.tablespaces:
            raise CorruptArtifactError(f"the backup links the tablespace {oid}, of which it holds no archive")

    def _checked(self, reader: TarReader, one: FileCheck | None, member: ChainMember) -> t.Iterator[bytes]:
        for piece in reader.data():
            self._progress.advance(len(piece))
            if one is not None:
                one.update(piece)
            yield piece
        finding = one.finding() if one is not None else ""
        if finding:
            raise CorruptArtifactError(f"{member.name}: {finding}", hint="restore another backup")

    def _check_control(self, control: ControlFile) -> None:
        newest = self._chain.newest
        identifier = newest.manifest.system_identifier if newest.manifest is not None else 0
        if identifier and control.system_identifier != identifier:
            raise CorruptArtifactError(f"{newest.name}: {CONTROL_FILE} is of another cluster than the backup manifest")
        layout = (control.block_size, control.blocks_per_file)
        if len(self._chain.members) > 1 and layout != (_BLOCK_SIZE, _BLOCKS_PER_FILE):
            raise UnsupportedObjectError(
                f"{newest.name} is incremental, and its server has blocks of {layout[0]} bytes, {layout[1]} a file",
                hint=f"incremental backups are put together for {_BLOCK_SIZE} and {_BLOCKS_PER_FILE} only",
            )

    def _write_manifest(self) -> None:
        """The manifest of what lies there now, as a server would have sent it for this folder."""
        newest = self._chain.newest
        if newest.manifest is None:
            return
        text = newest.manifest_text
        if self._chain.origins or len(self._chain.members) > 1 or newest.tablespace_map:
            text = format_backup_manifest(self._manifest(newest.manifest))
        self._folder.write_file(MANIFEST_NAME, iter((text,)))

    def _manifest(self, newest: BackupManifest) -> BackupManifest:
        files = []
        for file in newest.files:
            whole = whole_name(file.path)
            if whole in self._chain.origins:
                files.append(self._described(file, whole))
            elif file.path == LABEL_NAME:
                files.append(self._described(file, file.path))
            elif file.path != TABLESPACE_MAP_NAME:
                files.append(file)
        return dataclasses.replace(newest, files=tuple(files))

    def _described(self, file: ManifestFile, path: str) -> ManifestFile:
        checksum, size = new_checksum(SHA256), 0
        for piece in self._folder.read_file(path):
            checksum.update(piece)
            size += len(piece)
        return dataclasses.replace(file, path=path, size=size, algorithm=SHA256, checksum=checksum.hexdigest())


def full_name(archive: Archive, name: str) -> str:
    """The path in the data folder of what an archive holds."""
    if archive.oid:
        return f"pg_tblspc/{archive.oid}/{name}"
    return f"pg_wal/{name}" if archive.part == WAL else name


def _small(pieces: t.Iterator[bytes], name: str) -> bytes:
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > _LARGEST_HELD:
            raise CorruptArtifactError(f"the backup's {name} is larger than such a file can be")
    return bytes(content)
