# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The restore drill: a backup is restored into a scratch database, compared, asked questions, and dropped again."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import typing as t

from .errors import DbfleetError, UsageError
from .lazy_dataclass import dataclass
from .mysql.options import RestoreOptions as MysqlRestoreOptions
from .postgresql.options import RestoreOptions as PostgresqlRestoreOptions
from .progress import Progress
from .repository.artifact import StoredArtifact
from .repository.records import ENGINE, PARTIAL, Manifest
from .restore import Origin, RestoreOptions, RestoreRequest, restore

SCRATCH_PREFIX = "dbfleet_drill_"
_LONGEST_QUERY = 100


@dataclass(frozen=True)
class Drill:
    """Where to restore to, and what to ask.

    :param options: the target's server and how to restore; the database is a new one, whatever they name. ``None`` for
        a server that is started for the drill from the programs on this host.
    :param queries: each has to give one row with one true value.
    :param jobs: for a server of the drill's own.
    :param server_programs: the folder of its programs; empty for the usual ones.
    :param scratch_folder: where its data goes; empty for the usual place.
    """

    options: RestoreOptions | None
    queries: tuple[str, ...] = ()
    jobs: int = 1
    server_programs: str = ""
    scratch_folder: str = ""


class Scratch(t.Protocol):
    """A database made by a drill."""

    def is_true(self, query: str) -> bool: ...

    def objects(self) -> t.Mapping[str, int]: ...

    def compared_kinds(self, kinds: t.Iterable[str]) -> t.Iterator[str]: ...

    def broken(self) -> t.Sequence[str]: ...

    def drop(self) -> None: ...


def hold_drill(
    drill: Drill, origin: Origin, artifact: StoredArtifact, manifest: Manifest | None, progress: Progress
) -> list[str]:
    """Restore, compare rows, digests and the inventory, check references, ask the queries, drop.

    :returns: what is wrong with the restored database.
    :raises DbfleetError: it could not be restored; see :func:`.verify.is_finding` for whose fault that is.
    """
    if drill.options is not None:
        if manifest is not None:
            _check_dbms(drill.options, manifest)
        return _restore_all_and_look(drill.options, drill.queries, origin, manifest, progress)
    if manifest is None:
        raise UsageError(
            f"{artifact.description} has no manifest that says which server it needs",
            hint="give a server for the drill",
        )
    progress.phase("starting a server")
    with _own_server(drill, artifact, manifest) as options:
        return _restore_all_and_look(options, drill.queries, origin, manifest, progress)


@contextlib.contextmanager
def _own_server(drill: Drill, artifact: StoredArtifact, manifest: Manifest) -> t.Iterator[RestoreOptions]:
    """A server of the backup's version or later, with the roles that the backup names."""
    version, where = manifest.server.version_number, {"programs": drill.server_programs, "base": drill.scratch_folder}
    if manifest.server.dbms == "postgresql":
        from .local_server.postgresql import postgresql_server
        from .postgresql.restore_selection import RestoreSelection
        from .postgresql.scratch import make_roles

        with postgresql_server(version, **where) as connection:
            make_roles(connection, artifact)
            selection = RestoreSelection(no_tablespaces=True)
            yield PostgresqlRestoreOptions(connection, "", jobs=drill.jobs, selection=selection)
    else:
        from .local_server.mysql import mysql_server

        with mysql_server(version, mariadb=manifest.server.dbms == "mariadb", **where) as mysql_connection:
            yield MysqlRestoreOptions(mysql_connection, "", jobs=drill.jobs)


def _restore_all_and_look(
    target: RestoreOptions, queries: t.Sequence[str], origin: Origin, manifest: Manifest | None, progress: Progress
) -> list[str]:
    """As :func:`_restore_and_look`, for each database of a backup of several."""
    if manifest is None or not isinstance(target, MysqlRestoreOptions):
        return _restore_and_look(target, queries, origin, manifest, progress)
    from .mysql.database_part import databases_of, of_database

    findings: list[str] = []
    for name in databases_of(manifest) or ("",):
        one = dataclasses.replace(target, source_database=name)
        found = _restore_and_look(one, queries, origin, of_database(manifest, name), progress)
        findings += [f"{name}: {text}" for text in found] if name else found
    return findings


def _restore_and_look(
    target: RestoreOptions, queries: t.Sequence[str], origin: Origin, manifest: Manifest | None, progress: Progress
) -> list[str]:
    name = SCRATCH_PREFIX + secrets.token_hex(8)
    options = _options(target, name, manifest)
    scratch = _scratch(options, name)
    findings: list[str] = []
    with contextlib.ExitStack() as stack:
        stack.callback(_drop, scratch, name, progress)
        restore(RestoreRequest(options, origin), progress)
        progress.phase("looking at the restored database")
        if manifest is not None:
            findings += _compare_inventory(scratch, manifest)
        findings += scratch.broken()
        for number, query in enumerate(queries, 1):
            progress.item(f"query {number}")
            if not scratch.is_true(query):
                findings.append(f"query {number} is not true: {query[:_LONGEST_QUERY]}")
    return findings


def _compare_inventory(scratch: Scratch, manifest: Manifest) -> list[str]:
    """What of the backup is not in the restored database, by kind."""
    if manifest.contents.options.get(PARTIAL) or manifest.contents.options.get(ENGINE):
        # A part of a database takes along what only all of it would list, and the vendor's programs count otherwise.
        return []
    expected, found = manifest.contents.objects, scratch.objects()
    return [
        f"{found.get(kind, 0)} objects of the kind {kind} instead of {expected.get(kind, 0)}"
        for kind in scratch.compared_kinds(sorted({*expected, *found}))
        if found.get(kind, 0) != expected.get(kind, 0)
    ]


def _options(options: RestoreOptions, name: str, manifest: Manifest | None) -> RestoreOptions:
    if isinstance(options, PostgresqlRestoreOptions):
        return dataclasses.replace(
            options,
            database=name,
            create=True,
            # A subscription would begin to replicate, or keep a slot of somebody else's server.
            selection=dataclasses.replace(options.selection, no_subscriptions=True),
            run=dataclasses.replace(options.run, verify="digest"),
        )
    by_programs = manifest is not None and manifest.contents.options.get(ENGINE)
    return dataclasses.replace(
        options,
        database=name,
        create=True,
        # Events would run, and may write to other databases.
        selection=dataclasses.replace(options.selection, skip_events=True),
        # The text of rows is the vendor's program's own, not what the native engine would write.
        load=dataclasses.replace(options.load, verify="rows" if by_programs else "digest"),
    )


def _scratch(options: RestoreOptions, name: str) -> Scratch:
    if isinstance(options, MysqlRestoreOptions):
        from .mysql.scratch import MysqlScratch

        return MysqlScratch(options.connection, name)
    from .postgresql.scratch import PostgresqlScratch

    return PostgresqlScratch(options.connection, name)


def _drop(scratch: Scratch, name: str, progress: Progress) -> None:
    try:
        scratch.drop()
    except DbfleetError as error:
        progress.warn(f"the scratch database {name} could not be dropped: {error.message}")


def _check_dbms(options: RestoreOptions, manifest: Manifest) -> None:
    """:raises UsageError: the drill's server is of another kind than the backup."""
    if isinstance(options, PostgresqlRestoreOptions) != (manifest.server.dbms == "postgresql"):
        raise UsageError(
            f"backup {manifest.id} is of {manifest.server.dbms}, the server for the drill is not",
            hint="name cluster or database, so that only backups of one kind are left",
        )
