# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A full backup with the incremental ones that build on it: which file comes out of which of them."""

from __future__ import annotations

import typing as t

from ...errors import CorruptArtifactError, UsageError
from ...lazy_dataclass import dataclass
from ..replication.backup_label import BackupLabel, parse_backup_label
from ..replication.backup_manifest import BackupManifest, is_listed
from .base_backup_files import BaseBackupFiles
from .increment import whole_name


@dataclass(frozen=True)
class ChainMember:
    """One backup of a chain.

    :param name: what errors call it.
    :param manifest: ``None`` where the backup of an old server has none; such a backup is never part of a chain.
    :param manifest_text: its bytes.
    :param tablespace_map: where tablespaces lay, by OID.
    """

    name: str
    files: BaseBackupFiles
    label: BackupLabel
    manifest: BackupManifest | None
    manifest_text: bytes
    tablespace_map: t.Mapping[int, bytes]


def open_member(name: str, files: BaseBackupFiles) -> ChainMember:
    """Read what tells about a backup, without its data.

    :raises CorruptArtifactError: it is damaged.
    """
    found = files.manifest()
    label, places = files.beginning()
    manifest, text = found if found is not None else (None, b"")
    return ChainMember(name, files, parse_backup_label(label, name=f"{name}: backup_label"), manifest, text, places)


@dataclass(frozen=True)
class Chain:
    """Backups from the full one to the newest, and where each file of the newest comes from.

    :param origins: of each file that increments are laid over, by its path, the number of the member that has it whole.
    """

    members: tuple[ChainMember, ...]
    origins: t.Mapping[str, int]

    @property
    def newest(self) -> ChainMember:
        return self.members[-1]

    def sizes(self) -> dict[str, int]:
        """How large the files will be in about, by their paths; empty where nothing tells."""
        newest = self.newest.manifest
        if newest is None:
            return {}
        tables = [member.manifest.by_path() if member.manifest else {} for member in self.members]
        sizes: dict[str, int] = {}
        for file in newest.files:
            whole = whole_name(file.path)
            if whole in self.origins:
                sizes[whole] = tables[self.origins[whole]][whole].size
            else:
                sizes[file.path] = file.size
        return sizes


def chain_of(members: t.Sequence[ChainMember]) -> Chain:
    """Put backups together that build on one another.

    :param members: the full one first.
    :raises UsageError: they are no chain.
    :raises CorruptArtifactError: a file of which there are increments is nowhere whole.
    """
    for number, member in enumerate(members):
        base = member.label.incremental_lsn
        if number == 0:
            if base is not None:
                raise UsageError(
                    f"{member.name} is an incremental backup", hint="give the full backup that it builds on, too"
                )
            continue
        before = members[number - 1].label
        if (base, member.label.incremental_timeline) != (before.start, before.timeline):
            raise UsageError(
                f"{member.name} does not build on {members[number - 1].name}",
                hint="give the backups of one chain, the full one first",
            )
        if member.manifest is None or members[0].manifest is None:
            raise CorruptArtifactError(f"{member.name} is part of a chain, and a backup manifest is missing")
        _check_same_system(members[0], member)
    return Chain(tuple(members), _origins(members) if len(members) > 1 else {})


def _check_same_system(first: ChainMember, member: ChainMember) -> None:
    one, other = (part.manifest.system_identifier if part.manifest else 0 for part in (first, member))
    if one != other:
        raise UsageError(f"{member.name} is of another cluster than {first.name}: {other} instead of {one}")


def _origins(members: t.Sequence[ChainMember]) -> dict[str, int]:
    tables = [{file.path for file in member.manifest.files} if member.manifest else set() for member in members]
    origins: dict[str, int] = {}
    for path in tables[-1]:
        whole = whole_name(path)
        if not whole or not is_listed(path):
            continue
        folder, slash, name = whole.rpartition("/")
        increment = path
        for number in range(len(members) - 2, -1, -1):
            if whole in tables[number]:
                origins[whole] = number
                break
            if increment not in tables[number]:
                raise CorruptArtifactError(
                    f"{members[-1].name} holds changes of {whole}, which {members[number].name} does not hold",
                    hint="the chain is broken: restore another backup",
                    path=f"{folder}{slash}{name}",
                )
        else:
            raise CorruptArtifactError(
                f"{members[-1].name} holds changes of {whole}, which no backup of the chain holds whole",
                hint="the chain is broken: restore another backup",
                path=whole,
            )
    return origins
