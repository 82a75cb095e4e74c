# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Running a script that makes its own databases: one of pg_dumpall, or of pg_dump --create."""

from __future__ import annotations

from ...errors import RestoreError, TargetNotEmptyError, UsageError
from ...interfaces import ArtifactReader
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.records import ServerIdentity
from ..connection import connect
from ..options import ConnectionOptions
from ..pooler import refuse_transaction_pooler
from ..script_run import ScriptOptions, run_script
from ..script_source import ScriptSource
from ..script_tables import ScriptTable
from ..script_verify import ScriptSummary, verify_script
from ..session import Session
from ..snapshot import server_identity
from ..target_objects import user_objects

_MOST_NAMED = 10


@dataclass(frozen=True)
class ClusterScriptPlan:
    """What a script would do to a server.

    :param databases: those that it fills, in order; ``there`` are those of them that the server has, all empty.
    :param roles: those of the script's roles that the server has, and that the script alters.
    """

    server: ServerIdentity
    databases: tuple[str, ...]
    there: frozenset[str]
    roles: tuple[str, ...]


class ClusterScriptRestore:
    """A script for several databases, on its way into a server.

    :param force: roles that the server has may be altered to what the script says.
    """

    def __init__(self, connection: ConnectionOptions, *, force: bool) -> None:
        self._connection = connection
        self._force = force
        self._session: Session | None = None

    def verify(self, artifact: ArtifactReader, progress: Progress) -> ScriptSummary:
        """Read the whole script; no server is needed.

        :raises CorruptArtifactError: it is truncated.
        :raises UsageError: it holds what is not run from a script, or it is for one database.
        """
        summary = verify_script(artifact, None, progress, several_databases=True)
        if not summary.databases:
            raise UsageError(
                f"{artifact.description} is a script for one database", hint="name the database to restore it into"
            )
        return summary

    def plan(self, summary: ScriptSummary) -> ClusterScriptPlan:
        """Connect and find every reason why the script should not be run; change nothing.

        :raises TargetNotEmptyError: a database that it fills holds objects, or a role exists that it would alter.
        :raises UsageError: the server cannot be written.
        """
        session = self._session = connect(self._connection, database=self._connection.maintenance_database)
        refuse_transaction_pooler(session, self._connection)
        if session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t":
            raise UsageError("the server is a standby, which cannot be written", hint="restore on the primary")
        names = {name for (name,) in session.rows("SELECT datname FROM pg_catalog.pg_database")}
        there = frozenset(names.intersection(summary.databases))
        problems = [f"the database {name!r} is not empty" for name in sorted(there) if self._holds_objects(name)]
        own = session.value("SELECT session_user")
        known = {name for (name,) in session.rows("SELECT rolname FROM pg_catalog.pg_roles")} - {own}
        roles = tuple(name for name in summary.roles if name in known)
        if roles and not self._force:
            listed = ", ".join(map(repr, roles[:_MOST_NAMED]))
            problems.append(f"roles exist that the script would alter: {listed} (force allows it)")
        if problems:
            raise TargetNotEmptyError(
                f"the server cannot take the script: {'; '.join(problems)}",
                hint="drop or rename the databases, or restore them one by one from archives",
                problems=problems,
            )
        return ClusterScriptPlan(server_identity(session), summary.databases, there, roles)

    def restore(self, artifact: ArtifactReader, progress: Progress) -> tuple[ScriptTable, ...]:
        """Run the script; what the server has of its roles and databases is filled, not made.

        :raises RestoreError: a statement failed. What was done before remains: a script is no transaction.
        """
        session = self._session or connect(self._connection, database=self._connection.maintenance_database)
        source = ScriptSource(artifact)
        try:
            return run_script(
                session, source, progress,
                options=ScriptOptions(skip_existing=True),
                connect=lambda name: connect(self._connection, database=name),
            )  # fmt: skip
        except RestoreError as error:
            raise RestoreError(
                f"{error.message}; what the script did before remains", hint=error.hint, **error.context
            ) from error
        finally:
            source.close()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _holds_objects(self, database: str) -> bool:
        session = connect(self._connection, database=database)
        try:
            return bool(user_objects(session))
        finally:
            session.close()
