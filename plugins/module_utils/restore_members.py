# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One database after the other: what the restores of several databases share."""

from __future__ import annotations

import time
import typing as t

from .checksums import verify_checksums
from .errors import DbfleetError, RestoreError
from .interfaces import RestoreContents, RestoreTarget
from .lazy_dataclass import dataclass
from .progress import Progress
from .repository.artifact import StoredArtifact
from .restore import compare_contents


@t.runtime_checkable
class NamesDatabases(t.Protocol):
    """A target that knows which other databases the definitions of its backup read."""

    def databases_named(self) -> t.Collection[str]:
        """Their names in lower case, and perhaps names of other things. Known once the artifact was verified."""


@dataclass(frozen=True)
class Member:
    """One database on its way.

    :param shares: its artifact holds other databases too, and was compared with its checksums as a whole.
    """

    name: str
    artifact: StoredArtifact
    target: RestoreTarget
    create: bool
    shares: bool = False


def in_order(members: t.Sequence[Member]) -> list[Member]:
    """Databases whose views read others come after these; where they read each other, as they came."""
    waiting = {member.name: member for member in members}
    named = {
        name: set(member.target.databases_named()) - {name.lower()}
        if isinstance(member.target, NamesDatabases)
        else set()
        for name, member in waiting.items()
    }
    found: list[Member] = []
    while waiting:
        left = {name.lower() for name in waiting}
        free = [name for name in waiting if not named[name] & left]
        found.extend([waiting.pop(name) for name in free or list(waiting)[:1]])
    return found


def verify_member(member: Member, progress: Progress) -> None:
    """Walk a database's backup, and compare its files with their checksums."""
    manifest = member.artifact.manifest
    if manifest is not None and not member.shares:
        member.artifact.require_identity()
        verify_checksums(member.artifact, manifest, progress)
    member.target.verify(member.artifact, manifest, progress)


def stopped(
    error: DbfleetError,
    members: t.Sequence[Member],
    begun: t.Sequence[Member],
    finished: int,
    *,
    before: tuple[str, ...] = (),
) -> RestoreError:
    """The error with what became of each database.

    :param begun: the databases that were begun, the first ``finished`` of which are done.
    :param before: what else was done before.
    """
    done = [*before, *map(_label, begun[:finished])]
    failed = list(map(_label, begun[finished:]))
    rest = list(map(_label, members[len(begun) :]))
    what = ", ".join(failed) or "the databases cannot be begun"
    return RestoreError(
        f"{what}: {error.message}; done: {', '.join(done) or 'nothing'}; not begun: {', '.join(rest) or 'nothing'}",
        hint=error.hint,
        done=done,
        failed=failed,
        not_begun=rest,
        cause=error.details(),
    )


def _label(member: Member) -> str:
    return f"database {member.name!r}"


def plan_member(member: Member) -> None:
    """Find out what stands in the way of one database; the error names it."""
    try:
        member.target.plan(member.artifact, member.artifact.manifest)
    except DbfleetError as error:
        if repr(member.name) in error.message:
            raise
        context = {"database": member.name, **error.context}
        raise type(error)(f"database {member.name!r}: {error.message}", hint=error.hint, **context) from error
    finally:
        # One connection at a time, however many databases there are.
        member.target.close()


def restore_member(member: Member, progress: Progress) -> dict[str, t.Any]:
    """Restore one database; what was done, as plain data."""
    manifest = member.artifact.manifest
    clock = time.monotonic()
    try:
        plan = member.target.plan(member.artifact, manifest)
        contents = member.target.restore(member.artifact, manifest, progress)
        if manifest is not None:
            compare_contents(manifest, contents, plan.tables)
    finally:
        member.target.close()
    return _summary(member, contents, time.monotonic() - clock, progress)


def _summary(member: Member, contents: RestoreContents, duration: float, progress: Progress) -> dict[str, t.Any]:
    return {
        "database": member.name,
        "created": member.create,
        "objects": dict(contents.objects),
        "table_count": len(contents.tables),
        "rows": sum(table.rows for table in contents.tables),
        "duration": round(duration, 3),
        "warnings": list(progress.warnings),
    }
