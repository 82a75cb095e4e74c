# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The backup job: the same for every database and every caller.

request → connect and plan → lock → sweep → snapshot and data (the engine) → manifest → publish → result.
"""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from .errors import DbfleetError, StorageError, UsageError
from .interfaces import BackupPlan, BackupSource
from .lazy_dataclass import dataclass
from .progress import Progress
from .release import VERSION
from .repository.access import NO_ACCESS, Access
from .repository.cluster_name import default_cluster
from .repository.layout import LOGICAL, PHYSICAL, filed_under
from .repository.lock import RepositoryLock
from .repository.manifest import parse_manifest
from .repository.place import DestinationPlace, Place, RepositoryPlace
from .repository.publication import Publication
from .repository.records import Manifest, SetMember
from .repository.repository import Repository
from .repository.signature import require_signing_key
from .streams.encryption import NOT_ENCRYPTED, Encryption
from .summary import backup_summary, planned_summary
from .tools.engine import NATIVE_ENGINE, Engine

if t.TYPE_CHECKING:
    from .mysql.options import BackupOptions as MysqlBackupOptions
    from .mysql.options import ClusterBackupOptions as MysqlClusterBackupOptions
    from .postgresql.options import BackupOptions as PostgresqlBackupOptions
    from .postgresql.replication.options import PhysicalBackupOptions

    #: Several databases of MySQL or MariaDB can be one backup, of all that the options name.
    BackupOptions = t.Union[
        PostgresqlBackupOptions, MysqlBackupOptions, MysqlClusterBackupOptions, PhysicalBackupOptions
    ]

_FOLDER = "directory"


@dataclass(frozen=True)
class Destination:
    """Where a backup goes: exactly one of a repository and a plain destination.

    :param repository: its path or URL.
    :param cluster: the name to file the server's backups under; ``<host>-<port>`` by default.
    :param dest: a file or folder.
    :param copy_to: a second repository, for the doors that copy what was made (:mod:`copied_backup`).
    :param encryption: to whom the files are encrypted.
    :param sign_key: a file with the private key that manifests are signed with; empty for none.
    :param access: what it takes to get into the repository.
    """

    repository: str = ""
    cluster: str = ""
    dest: str = ""
    copy_to: str = ""
    encryption: Encryption = NOT_ENCRYPTED
    sign_key: str = ""
    access: Access = NO_ACCESS

    def check(self) -> None:
        """Find out before anything else what would make the job fail in the end.

        :raises DbfleetError: a package is missing, a key is none, or the second repository cannot be reached.
        """
        self.encryption.check_available()
        if self.sign_key:
            require_signing_key(self.sign_key)
        if self.copy_to:
            Repository(self.copy_to, self.access).check_writable("")


@dataclass(frozen=True)
class BackupRequest:
    """One backup of one database.

    :param max_age: seconds; a good backup younger than this makes the job change nothing.
    :param check: find out and say what would be done, change nothing.
    :param engine: who reads the database.
    """

    options: BackupOptions
    destination: Destination
    max_age: float | None = None
    check: bool = False
    engine: Engine = NATIVE_ENGINE


@dataclass(frozen=True)
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
    if destination.dest and _physical(request.options) is not None:
        raise UsageError("a physical backup goes into a repository", hint="give a repository instead of a dest")
    destination.check()
    try:
        try:
            return _back_up(request, progress)
        except DbfleetError as error:
            engine = request.engine.instead(error)
            if engine is None:
                raise
        progress.warn(f"the native engine cannot do this, so the vendor's programs do: {engine.reason}")
        try:
            return _back_up(dataclasses.replace(request, engine=engine), progress)
        except DbfleetError as error:
            raise engine.failed_too(error) from error
    finally:
        progress.finish()


def _back_up(request: BackupRequest, progress: Progress) -> BackupResult:
    destination = request.destination
    source = _tools_source(request) if request.engine.runs_programs else _source(request.options)
    try:
        progress.phase("planning")
        plan = source.plan()
        place = _place(destination, plan)
        newest = place.newest_good(warn_once(progress))
        if newest is not None and is_enough(newest, plan, request.max_age):
            return _unchanged(place, newest)
        place.check(_expected_bytes(request.options, place, plan, newest), progress)
        if request.check:
            return _planned(place, plan)
        with place.lock(purpose=f"backup of {plan.database or 'the server'}") as lock:
            for name in place.sweep():
                progress.message(f"swept {name}, left behind by a job that died")
            # Another job may have finished one while this one waited to begin.
            newest = place.newest_good(warn_once(progress))
            if newest is not None and is_enough(newest, plan, request.max_age):
                return _unchanged(place, newest)
            # It may be as large as that of the backup to be written.
            newest = None
            return _write(place, lock, source, plan, progress)
    finally:
        source.close()


def _expected_bytes(options: BackupOptions, place: Place, plan: BackupPlan, newest: Manifest | None) -> int:
    """About how large the backup will be: as the newest one of its kind."""
    physical = None if newest is None else _physical(options)
    if newest is not None and physical is not None:
        is_incremental = physical.parent is not None

        def is_alike(manifest: Manifest) -> bool:
            return bool(manifest.contents.options.get("incremental")) == is_incremental

        if not is_alike(newest):
            # What is wrong with others was said when the newest one was looked for.
            newest = place.newest_good(lambda _text: None, suits=is_alike)
    return plan.estimated_bytes if newest is None else newest.size


def _tools_source(request: BackupRequest) -> BackupSource:
    from .tools.sources import tools_source

    return tools_source(request.options, request.engine)


def _source(options: BackupOptions) -> BackupSource:
    # Each job loads its own engine only: loading both takes longer than backing up a small database.
    if options.dbms == "postgresql":
        from .postgresql.options import BackupOptions as OfOne

        if isinstance(options, OfOne):
            from .postgresql.dump import PostgresqlBackupSource

            return PostgresqlBackupSource(options)
        from .postgresql.replication.physical_source import PhysicalBackupSource

        return PhysicalBackupSource(options)
    from .mysql.options import ClusterBackupOptions as OfSeveral

    if isinstance(options, OfSeveral):
        from .mysql.databases_source import MysqlDatabasesSource

        return MysqlDatabasesSource(options)
    from .mysql.dump import MysqlBackupSource

    return MysqlBackupSource(options)


def _physical(options: BackupOptions) -> PhysicalBackupOptions | None:
    if options.dbms != "postgresql":
        return None
    from .postgresql.replication.options import PhysicalBackupOptions

    return options if isinstance(options, PhysicalBackupOptions) else None


def _place(destination: Destination, plan: BackupPlan) -> Place:
    cluster = destination.cluster or default_cluster(plan.server)
    if destination.repository:
        return RepositoryPlace(
            destination.repository,
            cluster=cluster,
            database=filed_under(plan.kind, plan.database),
            access=destination.access,
            encryption=destination.encryption,
            sign_key=destination.sign_key,
        )
    return DestinationPlace(
        destination.dest,
        artifact=plan.artifact,
        cluster=cluster,
        database=plan.database,
        is_folder=plan.format == _FOLDER,
        encryption=destination.encryption,
        sign_key=destination.sign_key,
    )


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
    identity, started = place.new_id(plan.kind)
    staged = stage_backup(place, source, plan, progress, identity=identity, started=started, kind=plan.kind)
    try:
        progress.phase("publishing")
        lock.check()
        staged.publish()
    except BaseException:
        staged.abandon(progress)
        raise
    summary = backup_summary(staged.manifest, path=place.path_of(staged.manifest))
    return BackupResult(changed=True, backup=summary, before=before, after=place.describe(staged.manifest))


@dataclass(frozen=True)
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
    finished: datetime.datetime | None = None,
    clock: float | None = None,
    kind: str = LOGICAL,
    set_id: str = "",
    members: tuple[SetMember, ...] = (),
) -> StagedBackup:
    """Write a backup and its manifest beside its place; the caller holds the lock.

    :param identity: from the place's ``new_id``, as ``started``.
    :param finished: when what it holds was finished, if that is not now.
    :param clock: the monotonic time at which it began, if that was not now.
    :param set_id: the set that it is made in, if any; ``members`` for the globals of the set.
    :raises DbfleetError: it failed; what was written is removed.
    """
    clock = time.monotonic() if clock is None else clock
    publication = place.begin(identity)
    try:
        contents = source.write(publication, progress)
        finished = finished or datetime.datetime.now(datetime.timezone.utc)
        manifest = Manifest(
            id=identity,
            kind=kind,
            cluster=place.cluster,
            database=plan.database,
            server=plan.server,
            contents=dataclasses.replace(contents, artifact=publication.artifact_path(contents.artifact)),
            files=publication.records(),
            engine_version=VERSION,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=finished.isoformat(timespec="seconds"),
            duration=round(time.monotonic() - clock, 3),
            warnings=tuple(progress.warnings),
            set=set_id,
            members=members,
            encryption=publication.encryption,
        )
        manifest, rendered = publication.rendered(manifest)
        # What could not be read again must not be published.
        parse_manifest(rendered, name=f"of backup {identity}", known=manifest)
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
    inside = f"{len(plan.tables)} tables, about {plan.estimated_bytes} bytes uncompressed"
    what = f"a new {plan.format} backup of {'the whole server' if plan.kind == PHYSICAL else inside}\n"
    summary = planned_summary(plan, cluster=place.cluster, path=place.location)
    return BackupResult(changed=True, backup=summary, before=before, after=before + what)
