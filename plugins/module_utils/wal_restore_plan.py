# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a restore of a physical backup will do, found out before anything is changed.

choose the backup → its chain → the WAL from there on → find the target → look at the folder and the room in it.
"""

from __future__ import annotations

import dataclasses
import datetime
import os
import typing as t

from .errors import ConsistencyError, CorruptArtifactError, NotFoundError, UsageError
from .lazy_dataclass import dataclass
from .local_server.launch import CONFIGURATION, Launch, launch_of
from .local_server.recovery import program_of
from .physical_candidates import LATEST, Candidate, candidate_at, candidates, name_of
from .postgresql.physical_restore.backup_chain import Chain, chain_of, open_member
from .postgresql.physical_restore.base_backup_files import BaseBackupFiles
from .postgresql.physical_restore.data_folder import Places, check_places
from .postgresql.physical_restore.marker import Marker
from .postgresql.physical_restore.owner import Owner, owner_of
from .postgresql.physical_restore.recovery import RecoveryTarget
from .postgresql.physical_restore.wal_chain import (
    BackupMoment,
    SearchedWal,
    TargetSearch,
    WalChain,
    chain_from,
)
from .postgresql.replication.lsn import format_lsn, parse_lsn
from .postgresql.wal.archive import WalArchive, archived_systems
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.records import Manifest
from .repository.repository import Repository
from .streams.free_space import check_free_bytes

_DEFAULT_SEGMENT_SIZE = 16 << 20


@dataclass(frozen=True)
class WalRestoreRequest:
    """What to restore, to which moment, and where to.

    :param data_folder: empty or not there yet, but for ``delta``.
    :param repository: its path or URL; empty where a backup lies in a plain folder and no WAL is archived.
    :param source: a folder that holds a backup in tar form, instead of one of the repository.
    :param backup: an id, or ``latest`` for the newest one from which the target can be reached.
    :param owner: see :func:`.owner.owner_of`.
    :param tablespace_mapping: of tablespaces that go elsewhere, the old folder (or the OID) and the new one.
    :param restore_command: what the server shall fetch WAL with; empty to put all that it needs into the folder.
    :param archive_off: the restored server shall not archive its own WAL.
    :param recover: start the server for the time being, unseen by others, until its recovery ends.
    :param start: the same, and start it then as it is configured and leave it running.
    :param server_programs: the folder of the server's programs; empty for the usual ones.
    :param config_file: the server's postgresql.conf where that is not in its data folder; empty for the usual places.
    :param check: find out and say what would be done, change nothing.
    """

    data_folder: str
    target: RecoveryTarget
    repository: str = ""
    source: str = ""
    cluster: str = ""
    backup: str = LATEST
    owner: str = ""
    tablespace_mapping: tuple[tuple[str, str], ...] = ()
    delta: bool = False
    restore_command: str = ""
    archive_off: bool = False
    recover: bool = False
    start: bool = False
    server_programs: str = ""
    config_file: str = ""
    check: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class Wal:
    """The WAL from a backup on.

    :param needed: how many segments of the chain recovery reads.
    """

    archive: WalArchive | None
    chain: WalChain
    needed: int
    window: str


@dataclass(frozen=True)
class Plan:
    """Everything that is known before the first change.

    :param launch: how the server will be started; ``None`` where it will not.
    """

    candidate: Candidate
    chain: Chain
    moment: BackupMoment
    wal: Wal
    places: Places
    owner: Owner
    left: Marker | None
    bytes: int
    is_new: bool
    launch: Launch | None = None


def plan_restore(request: WalRestoreRequest, progress: Progress) -> Plan:
    """Choose the newest suitable backup, and find out that it can be restored.

    :raises NotFoundError: there is no backup from which the target can be reached, or the archive ends before it.
    :raises TargetNotEmptyError: the folder holds something.
    :raises RestoreError: a server runs there.
    :raises CorruptArtifactError: a backup is damaged.
    :raises UsageError: the server that shall be started has no configuration.
    """
    progress.phase("choosing the backup")
    owner = owner_of(request.owner, request.data_folder)
    problems: list[Exception] = []
    searched = SearchedWal()
    for candidate in _candidates(request, progress):
        for artifact in candidate.stored:
            artifact.require_identity()
        members = [open_member(name_of(artifact), BaseBackupFiles(artifact)) for artifact in candidate.stored]
        chain = chain_of(members)
        moment = _moment(candidate, chain)
        if _is_later(moment, request.target):
            problems.append(_too_late(moment, request.target))
            continue
        try:
            wal = _wal(request, candidate, moment, searched, progress)
        except (ConsistencyError, NotFoundError) as error:
            # An older backup may lie on the timeline, or before the transaction.
            problems.append(error)
            continue
        places = _places(request, chain, candidate)
        left = check_places(places, delta=request.delta, system_identifier=moment.system_identifier)
        is_new = not os.path.isdir(places.data) or not os.listdir(places.data) or left is not None
        size = _check_room(request, chain, wal, places, is_new=is_new)
        launch = _launch(request, candidate, chain, places.data)
        return Plan(candidate, chain, moment, wal, places, owner, left, size, is_new, launch)
    if problems:
        raise problems[0]
    raise NotFoundError(
        f"the repository {request.repository} holds no physical backup"
        + (f" of the cluster {request.cluster!r}" if request.cluster else "")
        + (f" with the id {request.backup}" if request.backup != LATEST else ""),
        hint="list what is there (dbfleet info), or make one (dbfleet wal basebackup)",
    )


def _candidates(request: WalRestoreRequest, progress: Progress) -> t.Iterator[Candidate]:
    if request.source:
        yield candidate_at(request.source, request.access)
        return
    repository = Repository(request.repository, request.access)
    repository.require()
    yield from candidates(repository, request.cluster, request.backup, progress)


def _launch(request: WalRestoreRequest, candidate: Candidate, chain: Chain, data: str) -> Launch | None:
    """How the server is started, where that is asked for, or which configuration it recovers with.

    :raises NotFoundError: its programs are not on this host.
    """
    if not (request.start or request.recover):
        return None
    major = str(candidate.manifest.server.version_number // 10000) if candidate.manifest is not None else ""
    if major:
        program_of(major, request.server_programs)
    if not request.start:
        return Launch(request.config_file) if request.config_file else None
    listed = chain.newest.manifest
    has_own = CONFIGURATION in listed.by_path() if listed is not None else None
    return launch_of(data, major, request.config_file, has_own=has_own, programs=request.server_programs)


def _moment(candidate: Candidate, chain: Chain) -> BackupMoment:
    newest = chain.newest
    end = newest.manifest.wal_ranges[-1].end if newest.manifest and newest.manifest.wal_ranges else newest.label.start
    identifier = newest.manifest.system_identifier if newest.manifest is not None else 0
    size, finished = _DEFAULT_SEGMENT_SIZE, None
    if candidate.manifest is not None:
        contents = candidate.manifest.contents
        size = int(contents.options.get("wal_segment_size") or size)
        identifier = identifier or int(candidate.manifest.server.identifier or 0)
        end = max(end, parse_lsn(str(contents.snapshot["end_lsn"]))) if "end_lsn" in contents.snapshot else end
        finished = _finished(candidate.manifest)
    return BackupMoment(identifier, newest.label.timeline, newest.label.start, end, size, finished)


def _finished(manifest: Manifest) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(manifest.finished_at.replace("Z", "+00:00"))
    except ValueError as error:
        raise CorruptArtifactError(f"the manifest of {manifest.id} does not say when it was finished") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=datetime.timezone.utc)


def _is_later(moment: BackupMoment, target: RecoveryTarget) -> bool:
    """Whether a backup is of a moment behind the target."""
    if target.lsn is not None:
        return target.lsn < moment.end
    return target.time is not None and moment.finished is not None and target.time < moment.finished


def _too_late(moment: BackupMoment, target: RecoveryTarget) -> NotFoundError:
    finished = f", {moment.finished:%Y-%m-%d %H:%M:%S} UTC" if moment.finished is not None else ""
    return NotFoundError(
        f"there is no physical backup from before {target.text}; the oldest one that was looked at is consistent from "
        f"{format_lsn(moment.end)} on{finished}",
        hint="choose a later target",
    )


def _wal(
    request: WalRestoreRequest, candidate: Candidate, moment: BackupMoment, searched: SearchedWal, progress: Progress
) -> Wal:
    archive = _archive(request, candidate, moment)
    if archive is not None and candidate.manifest is None:
        record = archive.record()
        size = record.segment_size if record is not None else moment.segment_size
        moment = dataclasses.replace(moment, segment_size=size)
    chain = chain_from(archive, moment, request.target)
    search = TargetSearch(archive, chain, moment, progress, searched)
    needed = search.needed(request.target)
    if chain.gap and request.target.is_latest:
        raise ConsistencyError(
            f"the archived WAL has a gap: {chain.gap} is missing and later segments are there",
            hint=f"archive it, or choose a target before it: {search.window()}",
        )
    return Wal(archive, chain, needed, search.window() if archive is not None else "")


def _archive(request: WalRestoreRequest, candidate: Candidate, moment: BackupMoment) -> WalArchive | None:
    """The archive of the server that was backed up, where there is one."""
    if not request.repository:
        return None
    repository = Repository(request.repository, request.access)
    cluster = candidate.manifest.cluster if candidate.manifest is not None else request.cluster
    if not cluster:
        raise UsageError("the cluster is needed, whose WAL is to be applied", hint="name the cluster")
    systems = archived_systems(repository.storage, cluster)
    identifier = moment.system_identifier or (systems[0] if len(systems) == 1 else 0)
    return WalArchive(repository, cluster, identifier) if identifier in systems else None


def _places(request: WalRestoreRequest, chain: Chain, candidate: Candidate) -> Places:
    """Where the data folder and the tablespaces go.

    :raises UsageError: a mapping is of no tablespace, or not of absolute paths.
    """
    data = os.path.abspath(request.data_folder)
    known = {oid: os.fsdecode(path) for oid, path in chain.newest.tablespace_map.items()}
    if candidate.manifest is not None:
        for one in candidate.manifest.contents.options.get("tablespaces") or ():
            known.setdefault(int(one["oid"]), str(one["location"]))
    mapping = dict(request.tablespace_mapping)
    tablespaces: dict[int, str] = {}
    for oid in chain.newest.files.oids:
        old = known.get(oid, "")
        new = mapping.pop(str(oid), "") or mapping.pop(old, "") or old
        if not os.path.isabs(new):
            # A tablespace in place has a place relative to the data folder.
            new = os.path.join(data, new) if new == f"pg_tblspc/{oid}" else ""
        if not new:
            raise UsageError(
                f"nothing says where the tablespace {oid} goes, or not by an absolute path",
                hint=f"give tablespace_mapping: {oid}=/path/to/a/folder",
            )
        tablespaces[oid] = os.path.normpath(new)
    if mapping:
        raise UsageError(
            f"the backup has no tablespace in {sorted(mapping)[0]}",
            hint="it has " + (", ".join(f"{path} ({oid})" for oid, path in known.items()) or "none"),
        )
    return Places(data, tablespaces)


def _check_room(request: WalRestoreRequest, chain: Chain, wal: Wal, places: Places, *, is_new: bool) -> int:
    """How many bytes will be there in about.

    :raises OutOfSpaceError: they do not fit.
    """
    needed: dict[str, int] = dict.fromkeys((places.data, *places.tablespaces.values()), 0)
    for path, size in chain.sizes().items():
        inside = path.split("/", 2)
        oid = int(inside[1]) if inside[0] == "pg_tblspc" and len(inside) == 3 and inside[1].isdigit() else 0
        needed[places.tablespaces.get(oid, places.data)] += size
    if not request.restore_command:
        needed[places.data] += wal.needed * wal.chain.segment_size
    if is_new:
        check_free_bytes(needed, what="the restore", hint="free space there, or restore elsewhere")
    return sum(needed.values())
