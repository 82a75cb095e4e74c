# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The backup job: the same for every database and every caller.

request → connect and plan → lock → sweep → snapshot and data (the engine) → manifest → publish → result.
"""

from __future__ import annotations

import dataclasses
import datetime
import socket
import time
import typing as t

from .errors import StorageError, UsageError
from .interfaces import BackupPlan, BackupSource
from .mysql.options import BackupOptions as MysqlBackupOptions
from .postgresql.options import BackupOptions as PostgresqlBackupOptions
from .progress import Progress
from .release import VERSION
from .repository.layout import LOGICAL
from .repository.lock import RepositoryLock
from .repository.manifest import parse_manifest, render_manifest
from .repository.place import DestinationPlace, Place, RepositoryPlace
from .repository.publication import Publication
from .repository.records import Manifest, ServerIdentity, SetMember
from .summary import backup_summary, planned_summary

BackupOptions = t.Union[PostgresqlBackupOptions, MysqlBackupOptions]

_LOCAL_HOSTS = ("", "localhost", "127.0.0.1", "::1")


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where a backup goes: exactly one of a repository and a plain destination.

    :param repository: its path or URL.
    :param cluster: the name to file the server's backups under; ``<host>-<port>`` by default.
    :param dest: a file or folder.
    """

    repository: str = ""
    cluster: str = ""
    dest: str = ""


@dataclasses.dataclass(frozen=True)
class BackupRequest:
    """One backup of one database.

    :param max_age: seconds; a good backup younger than this makes the job change nothing.
    :param check: find out and say what would be done, change nothing.
    """

    options: BackupOptions
    destination: Destination
    max_age: float | None = None
    check: bool = False


@dataclasses.dataclass(frozen=True)
class BackupResult:
    """What a backup job did or would do.

    :param backup: the backup as plain data (see :mod:`summary`): the new one, the one that is young enough, or the
        planned one.
    :param before: what was there before, for diff mode, ``after`` what is there now.
    """

    changed: bool
    backup: t.Mapping[str, t.Any]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "backup": dict(self.backup)}


def backup(request: BackupRequest, progress: Progress) -> BackupResult:
    """Back up one database.

    :raises DbfleetError: the backup failed; nothing was published.
    """
    destination = request.destination
    if bool(destination.repository) == bool(destination.dest):
        raise UsageError("a backup needs exactly one of a repository and a dest")
    source = _source(request.options)
    try:
        progress.phase("planning")
        plan = source.plan()
        place = _place(destination, plan)
        newest = place.newest_good(warn_once(progress))
        if newest is not None and is_enough(newest, plan, request.max_age):
            return _unchanged(place, newest)
        place.check(plan.estimated_bytes if newest is None else newest.size, progress)
        if request.check:
            return _planned(place, plan)
        with place.lock(purpose=f"backup of {plan.database}") as lock:
            for name in place.sweep():
                progress.message(f"swept {name}, left behind by a job that died")
            # Another job may have finished one while this one waited to begin.
            newest = place.newest_good(warn_once(progress))
            if newest is not None and is_enough(newest, plan, request.max_age):
                return _unchanged(place, newest)
            return _write(place, lock, source, plan, progress)
    finally:
        source.close()
        progress.finish()


def _source(options: BackupOptions) -> BackupSource:
    # Each job loads its own engine only: loading both takes longer than backing up a small database.
    if isinstance(options, PostgresqlBackupOptions):
        from .postgresql.dump import PostgresqlBackupSource

        return PostgresqlBackupSource(options)
    from .mysql.dump import MysqlBackupSource

    return MysqlBackupSource(options)


def _place(destination: Destination, plan: BackupPlan) -> Place:
    cluster = destination.cluster or default_cluster(plan.server)
    if destination.repository:
        return RepositoryPlace(destination.repository, cluster=cluster, database=plan.database)
    return DestinationPlace(destination.dest, artifact=plan.artifact, cluster=cluster, database=plan.database)


def default_cluster(server: ServerIdentity) -> str:
    """The name that a server's backups are filed under unless the user names one: ``<host>-<port>``.

    A server reached over a socket or the loopback address is named after this host, so that the repositories of a
    whole fleet can be one.
    """
    local = server.host in _LOCAL_HOSTS or server.host.startswith(("/", "@"))
    return f"{socket.gethostname() if local else server.host}-{server.port}"


def warn_once(progress: Progress) -> t.Callable[[str], None]:
    def warn(text: str) -> None:
        if text not in progress.warnings:
            progress.warn(text)

    return warn


def is_young(manifest: Manifest, max_age: float | None) -> bool:
    """Whether a backup is younger than ``max_age`` seconds; one from the future says nothing."""
    if max_age is None:
        return False
    started = datetime.datetime.fromisoformat(manifest.started_at)
    return 0 <= (datetime.datetime.now(datetime.timezone.utc) - started).total_seconds() < max_age


def is_enough(manifest: Manifest, plan: BackupPlan, max_age: float | None) -> bool:
    """Whether a backup is young and of the same part of its database as a planned one."""
    return is_young(manifest, max_age) and is_made_with(manifest, plan.options)


def is_made_with(manifest: Manifest, options: t.Mapping[str, t.Any]) -> bool:
    """Whether a backup was made with options, ``None`` being one that its manifest does not name."""
    return all(manifest.contents.options.get(name) == value for name, value in options.items())


def _write(
    place: Place, lock: RepositoryLock, source: BackupSource, plan: BackupPlan, progress: Progress
) -> BackupResult:
    before = place.describe()
    identity, started = place.new_id(LOGICAL)
    staged = stage_backup(place, source, plan, progress, identity=identity, started=started)
    try:
        progress.phase("publishing")
        lock.check()
        staged.publish()
    except BaseException:
        staged.abandon(progress)
        raise
    summary = backup_summary(staged.manifest, path=place.path_of(staged.manifest))
    return BackupResult(changed=True, backup=summary, before=before, after=place.describe())


@dataclasses.dataclass(frozen=True)
class StagedBackup:
    """A backup that is written whole and that nobody can see yet."""

    publication: Publication
    manifest: Manifest
    rendered: bytes

    def publish(self) -> None:
        """Make it visible.

        :raises StorageError: it failed; after :meth:`abandon` nothing of it is visible.
        """
        self.publication.publish(self.rendered)

    def abandon(self, progress: Progress) -> None:
        """Remove what was written, unless it was published."""
        _abandon(self.publication, progress)


def stage_backup(
    place: Place,
    source: BackupSource,
    plan: BackupPlan,
    progress: Progress,
    *,
    identity: str,
    started: datetime.datetime,
    clock: float | None = None,
    kind: str = LOGICAL,
    set_id: str = "",
    members: tuple[SetMember, ...] = (),
) -> StagedBackup:
    """Write a backup and its manifest beside its place; the caller holds the lock.

    :param identity: from the place's ``new_id``, as ``started``.
    :param clock: the monotonic time at which it began, if that was not now.
    :param set_id: the set that it is made in, if any; ``members`` for the globals of the set.
    :raises DbfleetError: it failed; what was written is removed.
    """
    clock = time.monotonic() if clock is None else clock
    publication = place.begin(identity)
    try:
        contents = source.write(publication, progress)
        finished = datetime.datetime.now(datetime.timezone.utc)
        manifest = Manifest(
            id=identity,
            kind=kind,
            cluster=place.cluster,
            database=plan.database,
            server=plan.server,
            contents=dataclasses.replace(contents, artifact=publication.stored_path(contents.artifact)),
            files=publication.records(),
            engine_version=VERSION,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=finished.isoformat(timespec="seconds"),
            duration=round(time.monotonic() - clock, 3),
            warnings=tuple(progress.warnings),
            set=set_id,
            members=members,
        )
        rendered = render_manifest(manifest)
        # What could not be read again must not be published.
        parse_manifest(rendered, name=f"of backup {identity}")
    except BaseException:
        _abandon(publication, progress)
        raise
    return StagedBackup(publication, manifest, rendered)


def _abandon(publication: Publication, progress: Progress) -> None:
    try:
        publication.abandon()
    except StorageError as error:
        # The error that ended the backup is the one to report, and the next backup sweeps again.
        progress.message(f"what was written could not be removed: {error}")


def _unchanged(place: Place, manifest: Manifest) -> BackupResult:
    description = place.describe()
    summary = backup_summary(manifest, path=place.path_of(manifest))
    return BackupResult(changed=False, backup=summary, before=description, after=description)


def _planned(place: Place, plan: BackupPlan) -> BackupResult:
    before = place.describe()
    what = f"a new {plan.format} backup of {len(plan.tables)} tables, about {plan.estimated_bytes} bytes uncompressed\n"
    summary = planned_summary(plan, cluster=place.cluster, path=place.location)
    return BackupResult(changed=True, backup=summary, before=before, after=before + what)
