# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A full backup made of a full one and the incremental ones that build on it, in the form that a server sends.

The files of which there are increments are put together in a scratch folder. Then the newest backup's archives are
written once more, each increment replaced by its whole file; everything else of them stays as the server sent it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ...errors import CorruptArtifactError
from ...interfaces import ArtifactWriter, BackupPlan
from ...progress import Progress
from ...repository.records import BackupContents
from ...streams.background import BackgroundSink
from ...streams.base import ByteSink
from ...streams.compression import Compression, compress_sink
from ..replication.backup_label import LABEL_NAME, LARGEST_LABEL, without_incremental
from ..replication.backup_manifest import (
    MANIFEST_NAME,
    SHA256,
    BackupManifest,
    ManifestCheck,
    ManifestFile,
    format_backup_manifest,
    new_checksum,
)
from ..replication.control_file import PATH as CONTROL_FILE
from ..replication.physical_source import ARTIFACT, FORMAT
from ..replication.received_archives import DEPTH
from .backup_chain import Chain
from .base_backup_files import WAL, Archive
from .data_folder import DataFolder, Places
from .increment import whole_name
from .marker import VERSION_FILE
from .owner import Owner
from .tar_reader import FILE, TarMember, TarReader, changed_header
from .unpack import Unpacker, full_name

#: In a manifest's options: the backups that a synthetic one was made of.
COMBINED = "combined"
_BLOCK = 512
_END = bytes(2 * _BLOCK)


class SyntheticBackupSource:
    """A chain of backups that is written as one (a :class:`BackupSource`).

    :param contents: of the newest backup.
    :param names: of the backups of the chain.
    :param scratch: an empty folder of this process.
    """

    def __init__(
        self,
        chain: Chain,
        plan: BackupPlan,
        contents: BackupContents,
        names: t.Sequence[str],
        compression: Compression,
        scratch: str,
    ) -> None:
        self._chain = chain
        self._plan = plan
        self._contents = contents
        self._names = tuple(names)
        self._compression = compression
        self._scratch = scratch
        manifest = chain.newest.manifest
        if manifest is None:
            raise CorruptArtifactError(f"{chain.newest.name} is incremental, and has no backup manifest")
        self._manifest: BackupManifest = manifest
        self._changed: dict[str, ManifestFile] = {}

    def plan(self) -> BackupPlan:
        """What is known before."""
        return self._plan

    def close(self) -> None:
        """Nothing is held."""

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        """Put the chain together and write it.

        :raises CorruptArtifactError: a backup is not what its manifest says.
        """
        archives = self._chain.newest.files.archives
        places = {oid: os.path.join(self._scratch, f"tablespace-{oid}") for oid in self._chain.newest.files.oids}
        owner = Owner(os.geteuid(), os.getegid())
        folder = DataFolder(Places(os.path.join(self._scratch, "data"), places), owner, delta=False, left=None)
        manifests = [member.manifest for member in self._chain.members if member.manifest is not None]
        progress.phase("putting together", total_bytes=sum(file.size for one in manifests for file in one.files))
        with contextlib.closing(folder):
            Unpacker(self._chain, folder, progress, without=self._untouched(), with_manifest=False).unpack()
            progress.phase("writing", total_bytes=sum(self._chain.sizes().values()))
            check = ManifestCheck(self._manifest)
            for archive in archives:
                progress.item(archive.part)
                self._write_archive(archive, folder, check, writer, progress)
        self._write_manifest(writer)
        options = {**self._contents.options, "incremental": "", COMBINED: list(self._names)}
        return dataclasses.replace(
            self._contents, format=FORMAT, artifact=ARTIFACT, compression=str(self._compression), options=options
        )

    def _untouched(self) -> frozenset[str]:
        """The files that are copied from the newest backup, and are needed nowhere else."""
        paths = {file.path for file in self._manifest.files if not whole_name(file.path)}
        return frozenset(paths - {CONTROL_FILE, VERSION_FILE})

    def _write_archive(
        self, archive: Archive, folder: DataFolder, check: ManifestCheck, writer: ArtifactWriter, progress: Progress
    ) -> None:
        path = f"{ARTIFACT}/{archive.part}.tar{self._compression.suffix}"
        sink = BackgroundSink(compress_sink(writer.create(path), self._compression), depth=DEPTH)
        try:
            with self._chain.newest.files.open(archive) as reader:
                for member in reader:
                    self._write_member(archive, member, reader, folder, check, sink, progress)
            sink.write(_END)
            sink.close()
        except BaseException:
            sink.abort()
            raise

    def _write_member(
        self,
        archive: Archive,
        member: TarMember,
        reader: TarReader,
        folder: DataFolder,
        check: ManifestCheck,
        sink: ByteSink,
        progress: Progress,
    ) -> None:
        header = reader.header
        if member.kind != FILE:
            sink.write(header)
            return
        name = full_name(archive, member.name)
        one = check.file(name) if archive.part != WAL else None
        whole = whole_name(name)
        if whole in self._chain.origins:
            for _piece in reader.data():
                pass
            size = folder.size_of(whole)
            sink.write(changed_header(header, whole_name(member.name), size))
            self._copy(folder.read_file(whole), size, sink, progress, self._describe(name, whole))
        elif name == LABEL_NAME:
            label = without_incremental(reader.read(LARGEST_LABEL))
            sink.write(changed_header(header, member.name, len(label)))
            self._copy(iter((label,)), len(label), sink, progress, self._describe(name, name))
        else:
            sink.write(header)

            def update(piece: bytes) -> None:
                if one is not None:
                    one.update(piece)

            self._copy(reader.data(), member.size, sink, progress, update)
            finding = one.finding() if one is not None else ""
            if finding:
                raise CorruptArtifactError(f"{self._chain.newest.name}: {finding}", hint="restore another backup")

    def _copy(
        self,
        pieces: t.Iterator[bytes],
        size: int,
        sink: ByteSink,
        progress: Progress,
        update: t.Callable[[bytes], None],
    ) -> None:
        """:raises CorruptArtifactError: it is not as large as it was."""
        written = 0
        for piece in pieces:
            update(piece)
            sink.write(piece)
            progress.advance(len(piece))
            written += len(piece)
        if written != size:
            raise CorruptArtifactError(f"a file of {self._chain.newest.name} has {written} bytes instead of {size}")
        sink.write(bytes(-size % _BLOCK))
        update(b"")

    def _describe(self, old: str, path: str) -> t.Callable[[bytes], None]:
        """Have what the manifest says of a file computed anew; the last piece is empty.

        :param old: the path that the newest backup's manifest has.
        """
        checksum, size = new_checksum(SHA256), 0

        def update(piece: bytes) -> None:
            nonlocal size
            checksum.update(piece)
            size += len(piece)
            if not piece:
                self._changed[old] = ManifestFile(path, size, "", SHA256, checksum.hexdigest())

        return update

    def _write_manifest(self, writer: ArtifactWriter) -> None:
        files = []
        for file in self._manifest.files:
            changed = self._changed.get(file.path)
            if changed is None and whole_name(file.path) in self._chain.origins:
                raise CorruptArtifactError(
                    f"{self._chain.newest.name} lists {file.path}, which its archives do not hold"
                )
            files.append(file if changed is None else dataclasses.replace(changed, modified=file.modified))
        sink = writer.create(f"{ARTIFACT}/{MANIFEST_NAME}")
        try:
            sink.write(format_backup_manifest(dataclasses.replace(self._manifest, files=tuple(files))))
            sink.close()
        except BaseException:
            sink.abort()
            raise
