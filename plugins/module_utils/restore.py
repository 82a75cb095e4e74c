# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The restore job: the same for every database and every caller.

request → find the backup → checksums → walk the artifact → connect and plan → restore (the engine) → compare → result.
Nothing of the target is changed before everything was read and checked; of a small backup it is looked at meanwhile.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from . import drivers
from .checksums import verify_checksums
from .errors import DbfleetError, RestoreError, UsageError
from .interfaces import RestoreContents, RestorePlan, RestoreTarget
from .lazy_dataclass import dataclass
from .progress import Progress
from .repository.access import NO_ACCESS, Access
from .repository.artifact import StoredArtifact, open_artifact, open_backup, open_globals
from .repository.layout import LOGICAL, PHYSICAL
from .repository.records import Manifest
from .summary import backup_summary, server_summary
from .tools.engine import NATIVE, NATIVE_ENGINE, TOOLS, Engine
from .verified_backup import verify_beside

if t.TYPE_CHECKING:
    from .mysql.options import RestoreOptions as MysqlRestoreOptions
    from .postgresql.options import RestoreOptions as PostgresqlRestoreOptions

RestoreOptions = t.Union["PostgresqlRestoreOptions", "MysqlRestoreOptions"]

# Of a backup of this size the digests take seconds.
_SOON_READ = 1 << 30


@dataclass(frozen=True)
class Origin:
    """Where a backup comes from: a repository or a file or folder.

    :param cluster: needed where the repository holds several.
    :param database: the database that was backed up, needed where the repository holds several.
    :param backup: an id or ``latest``.
    :param source: the path of an artifact, with or without a manifest beside it.
    :param access: what it takes to open it.
    """

    repository: str = ""
    cluster: str = ""
    database: str = ""
    backup: str = "latest"
    source: str = ""
    access: Access = NO_ACCESS


@dataclass(frozen=True)
class RestoreRequest:
    """One restore into one database.

    :param check: verify the whole artifact, connect, find out and say what would be done; change nothing.
    :param engine: who writes the database.
    """

    options: RestoreOptions
    origin: Origin
    check: bool = False
    engine: Engine = NATIVE_ENGINE


@dataclass(frozen=True)
class RestoreResult:
    """What a restore did or would do."""

    changed: bool
    restore: t.Mapping[str, t.Any]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "restore": dict(self.restore)}


def restore(request: RestoreRequest, progress: Progress) -> RestoreResult:
    """Restore one backup into one database.

    :raises DbfleetError: it failed. Before the first change to the target for anything that could be known before;
        else a :class:`RestoreError` says what was done.
    """
    _check_options(request.options)
    artifact = open_origin(request.origin)
    begun: list[bool] = []
    try:
        try:
            return _restore(request, artifact, progress, begun)
        except DbfleetError as error:
            # What has been begun is for the engine to end that has begun it.
            engine = None if begun else request.engine.instead(error)
            if engine is None:
                raise
        progress.warn(f"the native engine cannot do this, so the vendor's programs do: {engine.reason}")
        try:
            return _restore(dataclasses.replace(request, engine=engine), artifact, progress, begun)
        except DbfleetError as error:
            raise engine.failed_too(error) from error
    finally:
        progress.finish()


def _restore(request: RestoreRequest, artifact: StoredArtifact, progress: Progress, begun: list[bool]) -> RestoreResult:
    """
    :param begun: gets an item before the first change.
    """
    manifest = artifact.manifest
    globals_of_set = _globals_of_set(request, manifest, progress)
    target = _tools_target(request) if request.engine.runs_programs else _target(request.options, globals_of_set)
    try:
        _check_backup(request.options, manifest)
        artifact.require_identity()
        driver = drivers.psycopg if request.options.dbms == "postgresql" else drivers.pymysql
        with drivers.imported_beside(driver) as imported:
            plan = _verify(request, artifact, target, progress, imported)
        if plan is None:
            progress.phase("planning")
            plan = target.plan(artifact, manifest)
        if request.check:
            return _result(artifact, plan, None, 0.0, progress, request.engine)
        started = time.monotonic()
        begun.append(True)
        contents = target.restore(artifact, manifest, progress)
        if manifest is not None:
            compare_contents(manifest, contents, plan.tables)
        return _result(artifact, plan, contents, time.monotonic() - started, progress, request.engine)
    finally:
        target.close()


def open_origin(origin: Origin) -> StoredArtifact:
    """The backup that a request names.

    :raises UsageError: it names none, or two; it fits several.
    :raises NotFoundError: there is none.
    """
    if bool(origin.repository) == bool(origin.source):
        raise UsageError("exactly one of a repository and a source is needed")
    if origin.repository:
        return open_backup(
            origin.repository, origin.backup, cluster=origin.cluster, database=origin.database, access=origin.access
        )
    return open_artifact(origin.source, origin.access)


def _check_options(options: RestoreOptions) -> None:
    chosen = [name for name in ("create", "clean", "force") if getattr(options, name)]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", hint="choose one")
    if not options.database:
        raise UsageError("a restore needs the name of the target database")


def _globals_of_set(request: RestoreRequest, manifest: Manifest | None, progress: Progress) -> StoredArtifact | None:
    """The globals out of which missing roles are to be made, verified; ``None`` where none are."""
    origin, options = request.origin, request.options
    if options.dbms == "mysql" or not options.create_roles:
        return None
    if manifest is None or not manifest.set or not origin.repository:
        raise UsageError(
            "create_roles needs a backup that was made as a part of a set, out of its repository",
            hint="make the roles before: out of another backup's globals (globals_only), or by hand",
        )
    artifact = open_globals(origin.repository, manifest.set, cluster=manifest.cluster, access=origin.access)
    if artifact.manifest is not None:
        verify_checksums(artifact, artifact.manifest, progress)
    return artifact


def _tools_target(request: RestoreRequest) -> RestoreTarget:
    from .tools.sources import tools_target

    return tools_target(request.options, request.engine)


def _target(options: RestoreOptions, globals_of_set: StoredArtifact | None) -> RestoreTarget:
    # Each job loads its own engine only, as in a backup.
    if options.dbms == "postgresql":
        from .postgresql.restore import PostgresqlRestoreTarget

        return PostgresqlRestoreTarget(options, globals_of_set)
    from .mysql.load import MysqlRestoreTarget

    return MysqlRestoreTarget(options)


def _check_backup(options: RestoreOptions, manifest: Manifest | None) -> None:
    wanted = ("postgresql",) if options.dbms == "postgresql" else ("mysql", "mariadb")
    if manifest is not None and manifest.server.dbms not in wanted:
        raise UsageError(
            f"backup {manifest.id} is of {manifest.server.dbms}, the target is {' or '.join(wanted)}",
            hint="restore it into a server of its own kind",
        )
    if manifest is not None and manifest.kind == PHYSICAL:
        raise UsageError(
            f"backup {manifest.id} holds the files of a whole server, not a database",
            hint="restore it with the module wal_pitr, or dbfleet wal restore",
        )
    if manifest is not None and manifest.kind != LOGICAL:
        raise UsageError(
            f"backup {manifest.id} holds {manifest.kind}, not a database",
            hint="name the database of the set (source_database), or restore the globals (globals_only)",
        )


def _verify(
    request: RestoreRequest,
    artifact: StoredArtifact,
    target: RestoreTarget,
    progress: Progress,
    imported: t.Callable[[], None],
) -> RestorePlan | None:
    """Read everything.

    :param imported: waits for the driver.
    :returns: the plan, where it was made beside.
    """
    manifest = artifact.manifest
    if manifest is None:
        target.verify(artifact, None, progress)
    elif request.options.dbms == "postgresql" and not (request.check or request.engine.runs_programs):
        # What is known of the server and the connection to it grow old while more is read.
        soon = manifest.size <= _SOON_READ and not request.options.run.resume
        return verify_beside(target, artifact, manifest, progress, verify_checksums, imported if soon else None)
    else:
        verify_checksums(artifact, manifest, progress)
        # Who only asks is told all that can be known.
        target.verify(artifact, manifest, progress, checked=not request.check)
    return None


def compare_contents(manifest: Manifest, contents: RestoreContents, planned: t.Collection[tuple[str, str]]) -> None:
    """Every table of the manifest was restored with its number of rows, and with its data where that was digested.

    :param planned: schema and name of the tables whose data was to be restored.
    :raises RestoreError: one was not.
    """
    restored = {(table.schema, table.name): table for table in contents.tables}
    expected = set(planned) - set(contents.skipped_tables)
    wrong = []
    for table in manifest.contents.tables:
        if (table.schema, table.name) not in expected:
            continue
        found = restored.get((table.schema, table.name))
        if found is None:
            # Rows that are stored as statements are not counted when these are run.
            if table.sha256:
                wrong.append(f"{table.schema}.{table.name}: missing")
        elif found.rows != table.rows:
            wrong.append(f"{table.schema}.{table.name}: {found.rows} rows instead of {table.rows}")
        elif found.sha256 and table.sha256 and found.sha256 != table.sha256:
            wrong.append(f"{table.schema}.{table.name}: other data")
    if wrong:
        raise RestoreError(
            f"the restored database differs from the backup: {'; '.join(wrong[:10])}",
            hint="do not use it; restore again and report this as a bug if it happens again",
            failed=wrong,
        )


def _result(
    artifact: StoredArtifact,
    plan: RestorePlan,
    contents: RestoreContents | None,
    duration: float,
    progress: Progress,
    engine: Engine,
) -> RestoreResult:
    tables: list[dict[str, t.Any]]
    if contents is None:
        tables = [{"schema": schema, "name": name} for schema, name in plan.tables]
    else:
        tables = [{"schema": table.schema, "name": table.name, "rows": table.rows} for table in contents.tables]
    summary = {
        "source": artifact.description,
        "database": plan.database,
        "server": server_summary(plan.server),
        "created": plan.create,
        "roles": list(plan.roles),
        "dropped": list(plan.drops),
        "skipped": [] if contents is None else list(contents.skipped),
        "checks": {} if contents is None else dict(contents.checks),
        "objects": dict(plan.objects if contents is None else contents.objects),
        "tables": tables,
        "rows": 0 if contents is None else sum(table.rows for table in contents.tables),
        "duration": round(duration, 3),
        "verified": "checksums and structure" if artifact.manifest else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
        "engine": TOOLS if engine.runs_programs else NATIVE,
        "engine_reason": engine.reason,
    }
    if artifact.manifest is not None:
        summary["backup"] = backup_summary(artifact.manifest, path=artifact.description, tables=False)
    before = "" if plan.create else f"database {plan.database}\n" + "".join(f"{name}\n" for name in plan.drops)
    after = f"database {plan.database}\n" + "".join(f"table {schema}.{name}\n" for schema, name in plan.tables)
    return RestoreResult(changed=True, restore=summary, before=before, after=after)
