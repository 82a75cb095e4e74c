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

from .errors import UsageError
from .interfaces import BackupPlan, BackupSource
from .mysql.dump import MysqlBackupSource
from .mysql.options import BackupOptions as MysqlBackupOptions
from .postgresql.dump import PostgresqlBackupSource
from .postgresql.options import BackupOptions as PostgresqlBackupOptions
from .progress import Progress
from .release import VERSION
from .repository.layout import LOGICAL
from .repository.manifest import render_manifest
from .repository.place import DestinationPlace, Place, RepositoryPlace
from .repository.records import Manifest, ServerIdentity
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
        existing = _young_enough(place, request.max_age)
        if existing is not None:
            return _unchanged(place, existing)
        place.check(plan.estimated_bytes, progress)
        if request.check:
            return _planned(place, plan)
        with place.lock(purpose=f"backup of {plan.database}"):
            return _locked_backup(request, progress, source, place, plan)
    finally:
        source.close()
        progress.finish()


def _source(options: BackupOptions) -> BackupSource:
    if isinstance(options, PostgresqlBackupOptions):
        return PostgresqlBackupSource(options)
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


def _young_enough(place: Place, max_age: float | None) -> Manifest | None:
    """The newest whole backup if it is younger than ``max_age`` seconds."""
    if max_age is None:
        return None
    newest = place.newest()
    if newest is None or not place.is_whole(newest):
        return None
    started = datetime.datetime.fromisoformat(newest.started_at)
    age = (datetime.datetime.now(datetime.timezone.utc) - started).total_seconds()
    return newest if age < max_age else None


def _locked_backup(
    request: BackupRequest, progress: Progress, source: BackupSource, place: Place, plan: BackupPlan
) -> BackupResult:
    # Another job may have finished one while this one waited to begin.
    existing = _young_enough(place, request.max_age)
    if existing is not None:
        return _unchanged(place, existing)
    for name in place.sweep():
        progress.message(f"swept {name}, left behind by a job that died")
    before = place.describe()
    started = datetime.datetime.now(datetime.timezone.utc)
    clock = time.monotonic()
    identity = place.new_id(LOGICAL, started)
    publication = place.begin(identity)
    try:
        contents = source.write(publication, progress)
        progress.phase("publishing")
        finished = datetime.datetime.now(datetime.timezone.utc)
        manifest = Manifest(
            id=identity,
            kind=LOGICAL,
            cluster=place.cluster,
            database=place.database,
            server=plan.server,
            contents=dataclasses.replace(contents, artifact=publication.stored_path(contents.artifact)),
            files=publication.records(),
            engine_version=VERSION,
            started_at=started.isoformat(timespec="seconds"),
            finished_at=finished.isoformat(timespec="seconds"),
            duration=round(time.monotonic() - clock, 3),
            warnings=tuple(progress.warnings),
        )
        place.check_lock()
        publication.publish(render_manifest(manifest), manifest_path=place.manifest_path)
    except BaseException:
        publication.abandon()
        raise
    summary = backup_summary(manifest, path=place.path_of(manifest))
    return BackupResult(changed=True, backup=summary, before=before, after=place.describe())


def _unchanged(place: Place, manifest: Manifest) -> BackupResult:
    description = place.describe()
    summary = backup_summary(manifest, path=place.path_of(manifest))
    return BackupResult(changed=False, backup=summary, before=description, after=description)


def _planned(place: Place, plan: BackupPlan) -> BackupResult:
    before = place.describe()
    what = f"a new {plan.format} backup of {len(plan.tables)} tables, about {plan.estimated_bytes} bytes before compression\n"
    summary = planned_summary(plan, cluster=place.cluster, path=place.location)
    return BackupResult(changed=True, backup=summary, before=before, after=before + what)
