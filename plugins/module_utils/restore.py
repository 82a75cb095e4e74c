# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The restore job: the same for every database and every caller.

request → find the backup → checksums → walk the artifact → connect and plan → restore (the engine) → compare → result.
Nothing of the target is touched before everything was read and checked.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .errors import CorruptArtifactError, NotFoundError, RestoreError, UsageError
from .interfaces import RestoreContents, RestorePlan, RestoreTarget
from .mysql.options import RestoreOptions as MysqlRestoreOptions
from .postgresql.options import RestoreOptions as PostgresqlRestoreOptions
from .progress import Progress
from .repository.artifact import StoredArtifact, open_artifact, open_backup
from .repository.layout import LOGICAL
from .repository.records import Manifest
from .repository.storage import StoredFile
from .streams.digest import DigestSource
from .summary import backup_summary, server_summary

RestoreOptions = t.Union[PostgresqlRestoreOptions, MysqlRestoreOptions]

_BLOCK_SIZE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a backup comes from: a repository or a file or folder.

    :param cluster: needed where the repository holds several.
    :param database: the database that was backed up, needed where the repository holds several.
    :param backup: an id or ``latest``.
    :param source: the path of an artifact, with or without a manifest beside it.
    """

    repository: str = ""
    cluster: str = ""
    database: str = ""
    backup: str = "latest"
    source: str = ""


@dataclasses.dataclass(frozen=True)
class RestoreRequest:
    """One restore into one database.

    :param check: verify the whole artifact, connect, find out and say what would be done; change nothing.
    """

    options: RestoreOptions
    origin: Origin
    check: bool = False


@dataclasses.dataclass(frozen=True)
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
    origin = request.origin
    if bool(origin.repository) == bool(origin.source):
        raise UsageError("a restore needs exactly one of a repository and a source")
    _check_options(request.options)
    if origin.repository:
        artifact = open_backup(origin.repository, origin.backup, cluster=origin.cluster, database=origin.database)
    else:
        artifact = open_artifact(origin.source)
    manifest = artifact.manifest
    target = _target(request.options)
    try:
        _check_backup(request.options, manifest)
        if manifest is not None:
            verify_checksums(artifact, manifest, progress)
        target.verify(artifact, manifest, progress)
        progress.phase("planning")
        plan = target.plan(artifact, manifest)
        if request.check:
            return _result(artifact, plan, None, 0.0, progress)
        started = time.monotonic()
        contents = target.restore(artifact, manifest, progress)
        if manifest is not None:
            compare_contents(manifest, contents, plan.tables)
        return _result(artifact, plan, contents, time.monotonic() - started, progress)
    finally:
        target.close()
        progress.finish()


def _check_options(options: RestoreOptions) -> None:
    chosen = [name for name in ("create", "clean", "force") if getattr(options, name)]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} exclude each other", hint="choose one")
    if not options.database:
        raise UsageError("a restore needs the name of the target database")


def _target(options: RestoreOptions) -> RestoreTarget:
    # Each job loads its own engine only, as in a backup.
    if isinstance(options, PostgresqlRestoreOptions):
        from .postgresql.restore import PostgresqlRestoreTarget

        return PostgresqlRestoreTarget(options)
    from .mysql.load import MysqlRestoreTarget

    return MysqlRestoreTarget(options)


def _check_backup(options: RestoreOptions, manifest: Manifest | None) -> None:
    wanted = ("postgresql",) if isinstance(options, PostgresqlRestoreOptions) else ("mysql", "mariadb")
    if manifest is not None and manifest.server.dbms not in wanted:
        raise UsageError(
            f"backup {manifest.id} is of {manifest.server.dbms}, the target is {' or '.join(wanted)}",
            hint="restore it into a server of its own kind",
        )
    if manifest is not None and manifest.kind != LOGICAL:
        raise UsageError(
            f"backup {manifest.id} holds {manifest.kind}, not a database",
            hint="name the database of the set (source_database), or restore the globals (globals_only)",
        )


def verify_checksums(artifact: StoredArtifact, manifest: Manifest, progress: Progress) -> None:
    """Read every file of a backup.

    :raises CorruptArtifactError: one is missing, or is not what was backed up.
    """
    progress.phase("checking checksums", total_bytes=manifest.size)
    for record in manifest.files:
        progress.item(record.path)
        source = DigestSource(_open_recorded(artifact, record.path))
        try:
            while True:
                data = source.read(_BLOCK_SIZE)
                if not data:
                    break
                progress.advance(len(data))
        finally:
            source.close()
        if source.size != record.size or source.hexdigest() != record.sha256:
            cause = f"{source.size} bytes instead of {record.size}" if source.size != record.size else "other content"
            raise CorruptArtifactError(
                f"{artifact.description}: the file {record.path} is not what was backed up: {cause}",
                hint="restore another backup; this one is damaged",
                path=record.path,
                expected_sha256=record.sha256,
                found_sha256=source.hexdigest(),
            )


def _open_recorded(artifact: StoredArtifact, path: str) -> StoredFile:
    try:
        return artifact.open_stored(path)
    except NotFoundError as error:
        raise CorruptArtifactError(
            f"{artifact.description}: a file of the backup is missing: {error.message}",
            hint="restore another backup; this one is damaged",
            path=path,
        ) from error


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
    artifact: StoredArtifact, plan: RestorePlan, contents: RestoreContents | None, duration: float, progress: Progress
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
        "dropped": list(plan.drops),
        "skipped": [] if contents is None else list(contents.skipped),
        "checks": {} if contents is None else dict(contents.checks),
        "objects": dict(plan.objects if contents is None else contents.objects),
        "tables": tables,
        "rows": 0 if contents is None else sum(table.rows for table in contents.tables),
        "duration": round(duration, 3),
        "verified": "checksums and structure" if artifact.manifest else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
    }
    if artifact.manifest is not None:
        summary["backup"] = backup_summary(artifact.manifest, path=artifact.description, tables=False)
    before = "" if plan.create else f"database {plan.database}\n" + "".join(f"{name}\n" for name in plan.drops)
    after = f"database {plan.database}\n" + "".join(f"table {schema}.{name}\n" for schema, name in plan.tables)
    return RestoreResult(changed=True, restore=summary, before=before, after=after)
