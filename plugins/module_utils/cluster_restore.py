# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring a set: the globals of a server alone, or the globals and then every database.

request → find the set → checksums and walk of everything → plan → globals → plan of databases → databases → result.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .checksums import verify_checksums
from .errors import DbfleetError, NotFoundError, UsageError
from .interfaces import RestoreTarget
from .lazy_dataclass import dataclass
from .mysql.options import GlobalsRestoreOptions as MysqlGlobalsRestoreOptions
from .mysql.options import RestoreOptions as MysqlRestoreOptions
from .postgresql.options import GlobalsRestoreOptions as PostgresqlGlobalsRestoreOptions
from .postgresql.options import RestoreOptions as PostgresqlRestoreOptions
from .progress import Progress
from .repository.artifact import StoredArtifact, open_artifact, open_globals, stored_artifact
from .repository.layout import GLOBALS
from .repository.repository import Repository
from .repository.sets import StoredSet, stored_set
from .restore import Origin, RestoreResult
from .restore_members import Member, in_order, plan_member, restore_member, stopped, verify_member
from .summary import backup_summary, server_summary

if t.TYPE_CHECKING:
    from .mysql.globals_restore import GlobalsPlan as MysqlGlobalsPlan
    from .mysql.globals_restore import MysqlGlobalsRestore
    from .postgresql.cluster.globals_restore import GlobalsPlan as PostgresqlGlobalsPlan
    from .postgresql.cluster.globals_restore import GlobalsRestore as PostgresqlGlobalsRestore

    GlobalsPlan = t.Union[PostgresqlGlobalsPlan, MysqlGlobalsPlan]
    GlobalsRestore = t.Union[PostgresqlGlobalsRestore, MysqlGlobalsRestore]

RestoreOptions = t.Union[PostgresqlRestoreOptions, MysqlRestoreOptions]

#: Every PostgreSQL server has these from the start, so they are restored into and not created.
_ALWAYS_THERE = ("template1", "postgres")


@dataclass(frozen=True)
class ClusterRestoreRequest:
    """One restore of a set.

    :param options: for every database; their database is empty. ``force`` also makes roles and tablespaces that exist
        what the backup says.
    :param globals_only: no database.
    :param check: verify everything, connect, find out and say what would be done; change nothing.
    """

    options: RestoreOptions
    origin: Origin
    globals_only: bool = False
    check: bool = False


def restore_cluster(request: ClusterRestoreRequest, progress: Progress) -> RestoreResult:
    """Restore the globals of a set, and unless told otherwise every database of it.

    :raises DbfleetError: it failed. Before the first change for everything that could be known before; else a
        :class:`RestoreError` says what was done, what failed and what was not begun.
    """
    if request.origin.source and not request.globals_only and isinstance(request.options, MysqlRestoreOptions):
        from .several_databases import restore_several

        whole = open_artifact(request.origin.source, request.origin.access)
        whole.require_identity()
        several = restore_several(request.options, whole, progress, check=request.check)
        return RestoreResult(several.changed, several.restore, several.before, several.after)
    _check(request)
    started = time.monotonic()
    found, artifact = _open(request)
    server = _globals(request)
    members: list[Member] = []
    try:
        _verify_globals(artifact, server, progress)
        members = [] if found is None or request.globals_only else _members(request, found)
        for member in members:
            verify_member(member, progress.part(member.name))
        members = in_order(members)
        progress.phase("planning")
        plan = server.plan()
        # After a connection was made: a wrong password shall not be looked for in a list of databases.
        _check_new(request, [member.name for member in members if member.create])
        done: list[dict[str, t.Any]] = []
        if not request.check:
            done = _restore(server, plan, members, progress)
        return _result(request, artifact, plan, members, done, time.monotonic() - started, progress)
    finally:
        server.close()
        for member in members:
            member.target.close()
        progress.finish()


def _check(request: ClusterRestoreRequest) -> None:
    origin, options = request.origin, request.options
    if bool(origin.repository) == bool(origin.source):
        raise UsageError("a restore needs exactly one of a repository and a source")
    if origin.source and not request.globals_only:
        raise UsageError("a restore of all databases needs the repository that holds the set")
    if options.clean or options.create:
        raise UsageError(
            "create and clean are for single databases",
            hint="the databases of a set are created, unless the server always has them; drop old ones before",
        )


def _open(request: ClusterRestoreRequest) -> tuple[StoredSet | None, StoredArtifact]:
    """The set, where there is one, and its globals."""
    origin = request.origin
    if origin.source:
        artifact = open_artifact(origin.source, origin.access)
        if artifact.manifest is not None and artifact.manifest.kind != GLOBALS:
            raise UsageError(f"{origin.source} is a backup of database {artifact.manifest.database!r}, not of globals")
        return None, artifact
    if request.globals_only:
        return None, open_globals(origin.repository, origin.backup, cluster=origin.cluster, access=origin.access)
    repository = Repository(origin.repository, origin.access)
    found = stored_set(repository, repository.find_globals(origin.backup, cluster=origin.cluster))
    if found.missing:
        raise NotFoundError(
            f"set {found.id} is incomplete: the backups of {', '.join(map(repr, found.missing))} are gone",
            hint="restore its globals (globals_only), then the databases that are left one by one",
            missing=list(found.missing),
        )
    return found, stored_artifact(repository, found.globals)


def _globals(request: ClusterRestoreRequest) -> GlobalsRestore:
    options = request.options
    if isinstance(options, MysqlRestoreOptions):
        from .mysql.globals_restore import MysqlGlobalsRestore

        return MysqlGlobalsRestore(MysqlGlobalsRestoreOptions(connection=options.connection, force=options.force))
    from .postgresql.cluster.globals_restore import GlobalsRestore as PostgresqlGlobalsRestore

    return PostgresqlGlobalsRestore(PostgresqlGlobalsRestoreOptions(connection=options.connection, force=options.force))


def _members(request: ClusterRestoreRequest, found: StoredSet) -> list[Member]:
    repository = Repository(request.origin.repository, request.origin.access)
    members = []
    for entry in found.members:
        name = entry.manifest.database
        options, create = _options_of(request.options, name)
        members.append(Member(name, stored_artifact(repository, entry), _target(options), create))
    return members


def _options_of(options: RestoreOptions, name: str) -> tuple[RestoreOptions, bool]:
    """The options for one database of the set, and whether it is created."""
    if isinstance(options, MysqlRestoreOptions):
        return dataclasses.replace(options, database=name, create=True, force=False), True
    create = name not in _ALWAYS_THERE
    force = options.force and not create
    return dataclasses.replace(options, database=name, create=create, force=force, properties=True), create


def _target(options: RestoreOptions) -> RestoreTarget:
    if isinstance(options, MysqlRestoreOptions):
        from .mysql.load import MysqlRestoreTarget

        return MysqlRestoreTarget(options)
    from .postgresql.restore import PostgresqlRestoreTarget

    return PostgresqlRestoreTarget(options, one_of_many=True)


def _verify_globals(artifact: StoredArtifact, server: GlobalsRestore, progress: Progress) -> None:
    if artifact.manifest is not None:
        artifact.require_identity()
        verify_checksums(artifact, artifact.manifest, progress)
    server.verify(artifact)


def _check_new(request: ClusterRestoreRequest, names: t.Sequence[str]) -> None:
    """None of the databases to be created may exist."""
    if not names:
        return
    there = _existing(request.options, names)
    if there:
        raise UsageError(
            f"databases of the set exist on the server: {', '.join(map(repr, there))}",
            hint="drop or rename them before, or restore the others one by one",
            databases=list(there),
        )


def _existing(options: RestoreOptions, names: t.Sequence[str]) -> t.Sequence[str]:
    if isinstance(options, MysqlRestoreOptions):
        from .mysql.cluster_source import existing_databases as existing_in_mysql

        return existing_in_mysql(options.connection, names)
    from .postgresql.cluster.databases import existing_databases

    return existing_databases(options.connection, names)


def _restore(
    server: GlobalsRestore, plan: GlobalsPlan, members: list[Member], progress: Progress
) -> list[dict[str, t.Any]]:
    """Do it. A failure says what became of every part."""
    done: list[dict[str, t.Any]] = []
    begun: list[Member] = []
    server.restore(progress)
    try:
        # Everything that can be known of any database, now that its roles are there, before the first is touched.
        for member in members:
            plan_member(member)
        for member in members:
            begun.append(member)
            done.append(restore_member(member, progress.part(member.name)))
    except DbfleetError as error:
        raise stopped(error, members, begun, len(done), before=("globals",)) from error
    server.finish(progress)
    return done


def _result(
    request: ClusterRestoreRequest,
    artifact: StoredArtifact,
    plan: GlobalsPlan,
    members: list[Member],
    done: list[dict[str, t.Any]],
    duration: float,
    progress: Progress,
) -> RestoreResult:
    manifest = artifact.manifest
    summary: dict[str, t.Any] = {
        "source": artifact.description,
        "set": manifest.set if manifest is not None else "",
        "server": server_summary(plan.server),
        "globals": {
            "created": list(plan.creates),
            "altered": {name: list(what) for name, what in plan.alters.items()},
            "differing": {name: list(what) for name, what in plan.differs.items()},
            "equal": plan.equal,
        },
        "databases": done or [{"database": member.name, "created": member.create} for member in members],
        "duration": round(duration, 3),
        "verified": "checksums and structure" if manifest is not None else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
    }
    if manifest is not None:
        summary["backup"] = backup_summary(manifest, path=artifact.description, tables=False)
    after = "".join(f"{name}\n" for name in (*plan.creates, *plan.alters))
    after += "".join(f"database {member.name}\n" for member in members)
    before = "".join(f"{name}\n" for name in plan.alters)
    return RestoreResult(plan.changes or bool(members), summary, before=before, after=after)
