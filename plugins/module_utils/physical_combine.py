# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A synthetic full backup: a chain of physical backups put together in the repository, without the server.

It holds the moment of the newest incremental backup and takes its place: what is kept needs the chain no more, so that
retention may remove it, and the next incremental backups build on the new one.
"""

from __future__ import annotations

import datetime
import os
import time
import typing as t

from .backup import stage_backup
from .errors import NotFoundError, UsageError
from .interfaces import BackupPlan
from .lazy_dataclass import dataclass
from .local_server.process import PrivateFolder
from .physical_candidates import LATEST, Candidate, candidates
from .postgresql.physical_restore.backup_chain import Chain, chain_of, open_member
from .postgresql.physical_restore.base_backup_files import BaseBackupFiles
from .postgresql.physical_restore.synthetic import SyntheticBackupSource
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.chains import parent_of
from .repository.layout import PHYSICAL, PHYSICAL_NAME, backup_id
from .repository.place import RepositoryPlace
from .repository.records import Manifest
from .repository.repository import Repository
from .repository.signature import require_signing_key
from .streams.age_keys import parse_recipients
from .streams.compression import Compression
from .streams.encryption import NOT_ENCRYPTED, Encryption
from .streams.free_space import check_free_bytes
from .summary import backup_summary, planned_summary

_ACCOUNT = "postgres"


@dataclass(frozen=True)
class CombineRequest:
    """Which chain to put together.

    :param repository: its path or URL.
    :param cluster: its name; empty where the repository holds physical backups of one only.
    :param backup: the id of the incremental backup, or ``latest`` for the newest good one.
    :param compression: of the new backup; empty for that of the incremental one.
    :param encryption: to whom the new backup is encrypted; without, to whom the incremental one is.
    :param sign_key: a file with the private key that the manifest is signed with; empty for none.
    :param scratch_folder: where the files are put together; empty for the usual place of large temporary files.
    :param check: find out and say what would be done, change nothing.
    """

    repository: str
    cluster: str = ""
    backup: str = LATEST
    compression: str = ""
    encryption: Encryption = NOT_ENCRYPTED
    sign_key: str = ""
    scratch_folder: str = ""
    check: bool = False
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class CombineResult:
    """What was, or would be, made.

    :param backup: the full backup as plain data: the new one, the one that is there, or the planned one.
    :param combined: the ids of the backups that it is, or would be, made of; empty where there is nothing to do.
    """

    changed: bool
    backup: t.Mapping[str, t.Any]
    combined: tuple[str, ...]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "backup": dict(self.backup), "combined": list(self.combined)}


def combine_backups(request: CombineRequest, progress: Progress) -> CombineResult:
    """Make a full backup out of an incremental one and those it builds on; where there is a full one, do nothing.

    :raises NotFoundError: there is no such backup.
    :raises IdentityError: it is encrypted, and nothing given opens it.
    :raises CorruptArtifactError: a backup of the chain is damaged or gone; nothing was published.
    :raises OutOfSpaceError: the scratch folder has no room for it.
    """
    request.encryption.check_available()
    if request.sign_key:
        require_signing_key(request.sign_key)
    repository = Repository(request.repository, request.access)
    repository.require()
    progress.phase("choosing the backup")
    chosen = _chosen(repository, request, progress)
    place = _place(request, _manifest(chosen))
    full = _full(repository, chosen)
    if full is not None:
        return _unchanged(place, full)
    chain = _opened(chosen)
    plan = _plan(request, chosen, chain)
    _check_room(request, plan.estimated_bytes)
    place.check(sum(one.manifest.size for one in chosen.stored if one.manifest is not None), progress)
    if request.check:
        return _planned(place, plan, chosen)
    with place.lock(purpose="combining physical backups") as lock:
        for name in place.sweep():
            progress.message(f"swept {name}, left behind by a job that died")
        # Another job may have changed what there is while this one waited.
        chosen = _chosen(repository, request, progress)
        full = _full(repository, chosen)
        if full is not None:
            return _unchanged(place, full)
        return _combined(request, repository, place, chosen, lock.check, progress)


def _chosen(repository: Repository, request: CombineRequest, progress: Progress) -> Candidate:
    found = next(candidates(repository, request.cluster, request.backup, progress), None)
    if found is None:
        raise NotFoundError(
            f"the repository {request.repository} holds no physical backup"
            + (f" of the cluster {request.cluster!r}" if request.cluster else "")
            + (f" with the id {request.backup}" if request.backup != LATEST else ""),
            hint="list what is there (dbfleet info), or make one (dbfleet wal basebackup)",
        )
    return found


def _manifest(candidate: Candidate) -> Manifest:
    manifest = candidate.manifest
    if manifest is None:
        raise UsageError(f"{candidate.name} is no backup of a repository")
    return manifest


def _place(request: CombineRequest, newest: Manifest) -> RepositoryPlace:
    encryption = request.encryption
    if not encryption and newest.encryption.method:
        # What was encrypted stays so.
        encryption = Encryption(parse_recipients(list(newest.encryption.recipients)))
        encryption.check_available()
    return RepositoryPlace(
        request.repository,
        cluster=newest.cluster,
        database=PHYSICAL_NAME,
        access=request.access,
        encryption=encryption,
        sign_key=request.sign_key,
    )


def _full(repository: Repository, chosen: Candidate) -> Manifest | None:
    """The full backup of the chosen one's moment, if there is one."""
    newest = _manifest(chosen)
    if not parent_of(newest):
        return newest
    for candidate in candidates(repository, newest.cluster, LATEST, Progress()):
        other = _manifest(candidate)
        same = (other.contents.snapshot, other.server.identifier) == (
            newest.contents.snapshot,
            newest.server.identifier,
        )
        if same and not parent_of(other):
            return other
    return None


def _opened(chosen: Candidate) -> Chain:
    for artifact in chosen.stored:
        artifact.require_identity()
    names = chosen.names()
    return chain_of([open_member(name, BaseBackupFiles(artifact)) for name, artifact in zip(names, chosen.stored)])


def _plan(request: CombineRequest, chosen: Candidate, chain: Chain) -> BackupPlan:
    newest = _manifest(chosen)
    compression = Compression.parse(request.compression or newest.contents.compression)
    compression.check_available()
    return BackupPlan(
        kind=PHYSICAL,
        server=newest.server,
        database=newest.database,
        artifact=newest.contents.artifact,
        format=newest.contents.format,
        compression=str(compression),
        estimated_bytes=sum(chain.sizes().values()),
        tables=(),
        objects={},
    )


def _check_room(request: CombineRequest, needed: int) -> None:
    """:raises OutOfSpaceError: the whole files do not fit into the scratch folder."""
    folder = request.scratch_folder or "/var/tmp"
    if not os.path.isdir(folder):
        raise UsageError(f"there is no folder {folder}", hint="make it, or name another one (scratch_folder)")
    hint = "free space there, or name another folder (scratch_folder)"
    check_free_bytes({folder: needed}, what="putting the backups together", hint=hint)


def _combined(
    request: CombineRequest,
    repository: Repository,
    place: RepositoryPlace,
    chosen: Candidate,
    check_lock: t.Callable[[], None],
    progress: Progress,
) -> CombineResult:
    clock = time.monotonic()
    newest, chain = _manifest(chosen), _opened(chosen)
    plan = _plan(request, chosen, chain)
    before = place.describe()
    started = datetime.datetime.fromisoformat(newest.started_at)
    folder = PrivateFolder(request.scratch_folder, (_ACCOUNT,))
    try:
        compression = Compression.parse(plan.compression)
        source = SyntheticBackupSource(chain, plan, newest.contents, chosen.names(), compression, folder.path)
        staged = stage_backup(
            place,
            source,
            plan,
            progress,
            identity=_identity(repository, newest, started),
            started=started,
            finished=datetime.datetime.fromisoformat(newest.finished_at),
            clock=clock,
            kind=PHYSICAL,
        )
        try:
            progress.phase("publishing")
            check_lock()
            staged.publish()
        except BaseException:
            staged.abandon(progress)
            raise
    finally:
        folder.remove()
    summary = backup_summary(staged.manifest, path=place.path_of(staged.manifest))
    return CombineResult(True, summary, tuple(chosen.names()), before, place.describe())


def _identity(repository: Repository, newest: Manifest, started: datetime.datetime) -> str:
    """An id right behind the newest backup's, because ids are in the order of the moments that backups hold."""
    taken = repository.ids(newest.cluster, PHYSICAL_NAME)
    while True:
        started += datetime.timedelta(seconds=1)
        identity = backup_id(PHYSICAL, started)
        if identity not in taken:
            return identity


def _unchanged(place: RepositoryPlace, full: Manifest) -> CombineResult:
    description = place.describe()
    return CombineResult(False, backup_summary(full, path=place.path_of(full)), (), description, description)


def _planned(place: RepositoryPlace, plan: BackupPlan, chosen: Candidate) -> CombineResult:
    before = place.describe()
    summary = planned_summary(plan, cluster=place.cluster, path=place.location)
    what = f"a full backup out of {' + '.join(chosen.names())}\n"
    return CombineResult(True, summary, tuple(chosen.names()), before, before + what)
