# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The backup of a whole server: every database and what belongs to none, as one set that is there whole or not at all.

request → connect and plan → locks → sweep → every database staged → globals staged → all published, the globals last.
"""

from __future__ import annotations

import contextlib
import time
import typing as t

from .backup import Destination, StagedBackup, is_made_with, is_young, stage_backup, warn_once
from .errors import DbfleetError, StorageError, UsageError
from .interfaces import BackupPlan, ClusterPlan, ClusterSource
from .lazy_dataclass import dataclass
from .postgresql.options import ClusterBackupOptions as PostgresqlClusterBackupOptions
from .progress import Progress
from .repository.cluster_name import default_cluster
from .repository.layout import GLOBALS, LOGICAL
from .repository.lock import RepositoryLock
from .repository.place import RepositoryPlace
from .repository.records import Manifest, SetMember
from .repository.sets import SetPlace, StoredSet
from .summary import backup_summary, planned_summary

if t.TYPE_CHECKING:
    from .mysql.options import ClusterBackupOptions as MysqlClusterBackupOptions

    ClusterBackupOptions = t.Union[PostgresqlClusterBackupOptions, MysqlClusterBackupOptions]


@dataclass(frozen=True)
class ClusterBackupRequest:
    """One backup of a whole server.

    :param max_age: seconds; a good set of the same databases younger than this makes the job change nothing.
    :param check: find out and say what would be done, change nothing.
    """

    options: ClusterBackupOptions
    destination: Destination
    max_age: float | None = None
    check: bool = False


@dataclass(frozen=True)
class ClusterBackupResult:
    """What a backup of a whole server did or would do.

    :param set_id: empty for a planned set.
    :param consistency: what is one moment in the set: each ``database``, or the ``server``.
    :param backups: the globals, then the databases, each as plain data without its tables (see :mod:`summary`).
    """

    changed: bool
    set_id: str
    backups: tuple[t.Mapping[str, t.Any], ...]
    warnings: tuple[str, ...]
    before: str
    after: str
    consistency: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {
            "changed": self.changed,
            "set": self.set_id,
            "consistency": self.consistency,
            "backups": [dict(backup) for backup in self.backups],
            "warnings": list(self.warnings),
        }


def backup_cluster(request: ClusterBackupRequest, progress: Progress) -> ClusterBackupResult:
    """Back up every database of a server, and its globals.

    :raises DbfleetError: the backup failed; nothing was published.
    """
    destination = request.destination
    if destination.dest or not destination.repository:
        raise UsageError(
            "a backup of all databases needs a repository: it is one backup for each of them and one of the globals",
            hint="give a repository instead of a dest",
        )
    destination.check()
    source = _source(request.options)
    try:
        progress.phase("planning")
        plan = source.plan()
        place = SetPlace(
            destination.repository,
            cluster=destination.cluster or default_cluster(plan.server),
            access=destination.access,
            encryption=destination.encryption,
            sign_key=destination.sign_key,
        )
        for why in plan.left_out:
            progress.warn(why)
        newest = place.newest_good(plan.databases, warn_once(progress))
        if newest is not None and _is_enough(newest, plan, request.max_age):
            return _unchanged(place, plan, newest, progress)
        plans = [_planned_database(source, name) for name in plan.databases]
        _check(place, plan, plans, newest, progress)
        if request.check:
            return _planned(place, plan, [source.globals().plan(), *plans], progress)
        with contextlib.ExitStack() as stack:
            places = _places(place, plan)
            purpose = "backup of all databases"
            locks = [stack.enter_context(one.lock(purpose=purpose)) for one in places]
            for one in places:
                for name in one.sweep():
                    progress.message(f"swept {name}, left behind by a job that died")
            # Another job may have finished one while this one waited to begin.
            newest = place.newest_good(plan.databases, warn_once(progress))
            if newest is not None and _is_enough(newest, plan, request.max_age):
                return _unchanged(place, plan, newest, progress)
            return _write(place, locks, source, plan, progress)
    finally:
        source.close()
        progress.finish()


def _is_enough(found: StoredSet, plan: ClusterPlan, max_age: float | None) -> bool:
    """Whether a set is young, and of the same parts of its databases as the planned one."""
    of_the_same = all(is_made_with(member.manifest, plan.options) for member in found.members)
    globals_too = is_made_with(found.globals.manifest, plan.globals_options)
    return is_young(found.globals.manifest, max_age) and of_the_same and globals_too


def _source(options: ClusterBackupOptions) -> ClusterSource:
    # As in the other jobs, only what the job needs is loaded.
    if isinstance(options, PostgresqlClusterBackupOptions):
        from .postgresql.cluster.source import PostgresqlClusterSource

        return PostgresqlClusterSource(options)
    from .mysql.cluster_source import MysqlClusterSource

    return MysqlClusterSource(options)


def _places(place: SetPlace, plan: ClusterPlan) -> list[RepositoryPlace]:
    return [place.globals, *(place.of(name) for name in plan.databases)]


def _planned_database(source: ClusterSource, name: str) -> BackupPlan:
    """What would be done with one database: what cannot be backed up shall be known before hours went by."""
    opened = source.database(name)
    try:
        return opened.plan()
    except DbfleetError as error:
        raise _of_database(error, name) from error
    finally:
        opened.close()


def _of_database(error: DbfleetError, name: str) -> DbfleetError:
    """The error with the name of the database in front, unless it says so itself."""
    if repr(name) in error.message:
        return error
    context = {"database": name, **error.context}
    return type(error)(f"database {name!r}: {error.message}", hint=error.hint, **context)


def _check(
    place: SetPlace, plan: ClusterPlan, plans: list[BackupPlan], newest: StoredSet | None, progress: Progress
) -> None:
    expected = sum(one.estimated_bytes for one in plans)
    if newest is not None:
        expected = sum(entry.manifest.size for entry in newest.entries)
    for one in _places(place, plan)[1:]:
        one.check(0, progress)
    place.globals.check(expected, progress)


def _write(
    place: SetPlace, locks: list[RepositoryLock], source: ClusterSource, plan: ClusterPlan, progress: Progress
) -> ClusterBackupResult:
    before = _describe(place, plan)
    clock = time.monotonic()
    set_id, started = place.globals.new_id(GLOBALS)
    staged: list[StagedBackup] = []
    published: list[Manifest] = []
    try:
        for name in plan.databases:
            one = _stage_database(place.of(name), source, name, set_id, progress)
            staged.append(one)
        globals_source = source.globals()
        staged.append(
            stage_backup(
                place.globals,
                globals_source,
                globals_source.plan(),
                progress,
                identity=set_id,
                started=started,
                clock=clock,
                kind=GLOBALS,
                set_id=set_id,
                members=tuple(SetMember(one.manifest.database, one.manifest.id) for one in staged),
            )
        )
        progress.phase("publishing")
        for lock in locks:
            lock.check()
        for one in staged:
            # Before the attempt: one that fails half way is seen by nobody, or is withdrawn.
            published.append(one.manifest)
            one.publish()
    except BaseException:
        _take_back(place, staged, published, progress)
        raise
    manifests = [staged[-1].manifest, *(one.manifest for one in staged[:-1])]
    return _result(place, plan, manifests, progress, changed=True, before=before, after=_describe(place, plan))


def _stage_database(
    place: RepositoryPlace, source: ClusterSource, name: str, set_id: str, progress: Progress
) -> StagedBackup:
    part = progress.part(name)
    opened = source.database(name)
    try:
        plan = opened.plan()
        identity, started = place.new_id(LOGICAL)
        return stage_backup(place, opened, plan, part, identity=identity, started=started, set_id=set_id)
    except DbfleetError as error:
        raise _of_database(error, name) from error
    finally:
        opened.close()
        progress.warnings.extend(f"{name}: {warning}" for warning in part.warnings)


def _take_back(place: SetPlace, staged: list[StagedBackup], published: list[Manifest], progress: Progress) -> None:
    """Remove everything of a set that failed, the newest first, so that at no moment globals name what is gone."""
    for one in reversed(staged):
        one.abandon(progress)
        if one.manifest not in published:
            continue
        try:
            place.of(one.manifest.database).withdraw(one.manifest)
        except StorageError as error:
            # The error that ended the backup is the one to report; a single backup that stays is a valid one.
            progress.message(f"a backup of the failed set could not be removed: {error}")


def _describe(place: SetPlace, plan: ClusterPlan) -> str:
    return "".join(one.describe() for one in _places(place, plan))


def _unchanged(place: SetPlace, plan: ClusterPlan, newest: StoredSet, progress: Progress) -> ClusterBackupResult:
    manifests = [entry.manifest for entry in newest.entries]
    description = "".join(f"{entry.url}\n" for entry in newest.entries)
    return _result(place, plan, manifests, progress, changed=False, before=description, after=description)


def _result(
    place: SetPlace,
    plan: ClusterPlan,
    manifests: t.Sequence[Manifest],
    progress: Progress,
    *,
    changed: bool,
    before: str,
    after: str,
) -> ClusterBackupResult:
    """The result of a set that exists.

    :param manifests: the globals' first.
    """
    return ClusterBackupResult(
        changed=changed,
        set_id=manifests[0].id,
        backups=tuple(backup_summary(one, path=place.of(one.database).path_of(one), tables=False) for one in manifests),
        warnings=tuple(progress.warnings),
        before=before,
        after=after,
        consistency=plan.consistency,
    )


def _planned(place: SetPlace, plan: ClusterPlan, plans: list[BackupPlan], progress: Progress) -> ClusterBackupResult:
    places = [place.of(each.database) for each in plans]
    before = "".join(one.describe() for one in places)
    return ClusterBackupResult(
        changed=True,
        set_id="",
        backups=tuple(
            planned_summary(each, cluster=place.cluster, path=one.location) for each, one in zip(plans, places)
        ),
        warnings=tuple(progress.warnings),
        before=before,
        after=before + f"a new set of {len(plans) - 1} databases and the globals\n",
        consistency=plan.consistency,
    )
