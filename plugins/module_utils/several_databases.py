# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring every database of one script or folder of MySQL or MariaDB, each into a new database of its name.

request → checksums → which databases → walk of each → plan of each → databases one after the other → result.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from .checksums import verify_checksums
from .errors import DbfleetError, NotFoundError, UsageError
from .mysql.cluster_source import existing_databases, server_of
from .mysql.load import MysqlRestoreTarget
from .mysql.options import RestoreOptions
from .mysql.script_files import databases_in
from .mysql.server_databases import SYSTEM_DATABASES
from .progress import Progress
from .repository.artifact import StoredArtifact
from .restore import RestoreResult
from .restore_members import Member, in_order, plan_member, restore_member, stopped, verify_member
from .summary import backup_summary, server_summary


def restore_several(
    options: RestoreOptions, artifact: StoredArtifact, progress: Progress, *, check: bool
) -> RestoreResult:
    """Restore all databases of the source but the servers' own.

    :param options: for every database; their database is empty.
    :param check: verify everything, connect, find out and say what would be done; change nothing.
    :raises DbfleetError: it failed. Before the first change for everything that could be known before; else a
        :class:`RestoreError` says what was done, what failed and what was not begun.
    """
    if options.clean or options.create:
        raise UsageError("create and clean are for single databases", hint="the databases of a script are created")
    started = time.monotonic()
    members: list[Member] = []
    try:
        if artifact.manifest is not None:
            verify_checksums(artifact, artifact.manifest, progress)
        members = [_member(options, artifact, name) for name in _names(artifact, progress)]
        for member in members:
            verify_member(member, progress.part(member.name))
        members = in_order(members)
        progress.phase("planning")
        there = existing_databases(options.connection, [member.name for member in members])
        if there:
            raise UsageError(
                f"databases of {artifact.description} exist on the server: {', '.join(map(repr, there))}",
                hint="drop or rename them before, or restore the others one by one (source_database)",
                databases=list(there),
            )
        for member in members:
            plan_member(member)
        done = [] if check else _restore(members, progress)
        return _result(options, artifact, members, done, time.monotonic() - started, progress)
    finally:
        for member in members:
            member.target.close()
        progress.finish()


def _names(artifact: StoredArtifact, progress: Progress) -> list[str]:
    progress.phase("looking for databases")
    found = databases_in(artifact)
    own = [name for name in found if name.lower() in SYSTEM_DATABASES]
    if own:
        progress.warn(f"the servers' own databases are left out: {', '.join(own)}")
    names = [name for name in found if name not in own]
    if not names:
        raise NotFoundError(
            f"{artifact.description} does not say which databases it holds",
            hint="restore it into one database, whose name you give (database)",
        )
    return names


def _member(options: RestoreOptions, artifact: StoredArtifact, name: str) -> Member:
    into = dataclasses.replace(options, database=name, source_database=name, create=True, force=False)
    return Member(name, artifact, MysqlRestoreTarget(into), create=True, shares=True)


def _restore(members: t.Sequence[Member], progress: Progress) -> list[dict[str, t.Any]]:
    done: list[dict[str, t.Any]] = []
    begun: list[Member] = []
    try:
        for member in members:
            begun.append(member)
            done.append(restore_member(member, progress.part(member.name)))
    except DbfleetError as error:
        raise stopped(error, members, begun, len(done)) from error
    return done


def _result(
    options: RestoreOptions,
    artifact: StoredArtifact,
    members: t.Sequence[Member],
    done: t.Sequence[dict[str, t.Any]],
    duration: float,
    progress: Progress,
) -> RestoreResult:
    manifest = artifact.manifest
    summary: dict[str, t.Any] = {
        "source": artifact.description,
        "server": server_summary(server_of(options.connection)),
        "databases": list(done) or [{"database": member.name, "created": member.create} for member in members],
        "altered_roles": [],
        "duration": round(duration, 3),
        "verified": "checksums and structure" if manifest is not None else "structure (there is no manifest)",
        "warnings": list(progress.warnings),
    }
    if manifest is not None:
        summary["backup"] = backup_summary(manifest, path=artifact.description, tables=False)
    after = "".join(f"database {member.name}\n" for member in members)
    return RestoreResult(bool(members), summary, before="", after=after)
