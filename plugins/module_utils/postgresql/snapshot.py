# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The dump's transaction: settings, locks, then one snapshot that fixes the moment of schema and data.

The locks come first: a repeatable read transaction sees the database as it is at its first query, and LOCK TABLE is
none. So no table can be rewritten or truncated between the moment that the snapshot shows and the moment it is locked;
in that window such a table would look empty.
"""

from __future__ import annotations

import dataclasses
import logging
import typing as t

from ..errors import ConsistencyError, QueryError
from .data_relations import HOLDS_DATA
from .quoting import literal, qualified
from .session import Session

_log = logging.getLogger("dbfleet.postgresql")

_SETTINGS = (
    # First of all, so that the rest has the time it takes.
    "SET statement_timeout TO 0",
    "SET lock_timeout TO 0",
    "SET idle_in_transaction_session_timeout TO 0",
    "SET search_path TO ''",
    "SET datestyle TO iso",
    "SET intervalstyle TO postgres",
    "SET extra_float_digits TO 3",
    "SET synchronize_seqscans TO off",
    "SET row_security TO off",
    "SET standard_conforming_strings TO on",
    "SET bytea_output TO hex",
    "SET xmloption TO content",
    "SET quote_all_identifiers TO off",
)
_IF_KNOWN = """
    SELECT pg_catalog.set_config(
        name, CASE name WHEN 'transaction_timeout' THEN '0' ELSE 'view, foreign-table' END, false)
    FROM pg_catalog.pg_settings WHERE name IN ('transaction_timeout', 'restrict_nonsystem_relation_kind')
"""
_TABLES = f"""
    SELECT c.oid, n.nspname, c.relname
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {HOLDS_DATA}
    ORDER BY c.oid
"""
_LOCKED = """
    SELECT relation FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND mode = 'AccessShareLock' AND granted
"""
_LONGEST_LOCK_STATEMENT = 100_000
_ATTEMPTS = 10


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """What fixes the moment of a backup.

    :param id: for other sessions' ``SET TRANSACTION SNAPSHOT``, valid while the transaction is open.
    :param lsn: the write-ahead log's position at about that moment.
    :param timeline: 0 where it cannot be read.
    """

    id: str
    lsn: str
    timeline: int


def apply_dump_settings(session: Session) -> None:
    """Make the session's output the same for every user and server: formats, paths, time limits.

    Text comes in the database's own encoding, so nothing is converted.
    """
    for statement in _SETTINGS:
        session.execute(statement)
    session.query(_IF_KNOWN)
    session.execute(f"SET client_encoding TO '{session.parameter('server_encoding')}'")


def begin_snapshot(session: Session, *, lock_wait_timeout: float = 0) -> Snapshot:
    """Lock every table in ACCESS SHARE mode, then take the snapshot.

    :param lock_wait_timeout: seconds to wait for the locks, 0 waits forever.
    :raises ConsistencyError: the locks were not granted in time, or tables came and went faster than they could be
        locked.
    :raises PrivilegeError: a table may not be locked.
    """
    for attempt in range(_ATTEMPTS):
        tables = session.rows(_TABLES)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            _lock(session, [(schema, name) for _oid, schema, name in tables], lock_wait_timeout)
        except QueryError as error:
            session.execute("ROLLBACK")
            if error.context.get("sqlstate") not in ("42P01", "3F000", "42809") or attempt + 1 == _ATTEMPTS:
                raise
            _log.debug("a table went away before it was locked, starting over: %s", error.message)
            continue
        locked = {oid for (oid,) in session.rows(_LOCKED)}
        late = [f"{schema}.{name}" for oid, schema, name in session.rows(_TABLES) if oid not in locked]
        if not late:
            return describe_snapshot(session)
        session.execute("ROLLBACK")
        _log.debug("tables appeared before the snapshot was taken, starting over: %s", ", ".join(late))
    raise ConsistencyError(
        f"tables were made and dropped in database {session.database!r} faster than they could be locked",
        hint="run the backup when no one alters the schema all the time",
        tables=late,
    )


def join_snapshot(session: Session, snapshot: Snapshot) -> None:
    """Begin a transaction that sees what the snapshot shows, with the settings of a dump.

    :raises ConsistencyError: the snapshot's own transaction is over.
    """
    apply_dump_settings(session)
    # The rows of a query come in the table's order from one process only.
    session.execute("SET max_parallel_workers_per_gather TO 0")
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    try:
        session.execute(f"SET TRANSACTION SNAPSHOT {literal(snapshot.id)}")
    except QueryError as error:
        raise ConsistencyError(
            f"the snapshot {snapshot.id} cannot be taken over: {error.message}", hint="run the backup again"
        ) from error


def _lock(session: Session, tables: t.Sequence[tuple[str, str]], timeout: float) -> None:
    if timeout:
        session.execute(f"SET LOCAL lock_timeout TO {max(1, round(timeout * 1000))}")
    try:
        for names in _batches([qualified(schema, name) for schema, name in tables]):
            session.execute(f"LOCK TABLE {', '.join(names)} IN ACCESS SHARE MODE")
    except QueryError as error:
        if error.context.get("sqlstate") == "55P03":
            raise ConsistencyError(
                f"the tables of database {session.database!r} could not be locked within {timeout:g} s:"
                " another session holds an ACCESS EXCLUSIVE lock",
                hint="wait for the schema change to end, or raise --lock-wait-timeout",
                database=session.database,
            ) from error
        raise
    if timeout:
        session.execute("SET LOCAL lock_timeout TO 0")


def _batches(names: t.Sequence[str]) -> t.Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for name in names:
        if batch and size + len(name) > _LONGEST_LOCK_STATEMENT:
            yield batch
            batch, size = [], 0
        batch.append(name)
        size += len(name) + 2
    if batch:
        yield batch


def describe_snapshot(session: Session) -> Snapshot:
    """What fixes the moment that the session's transaction shows."""
    standby = session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t"
    position = "pg_last_wal_replay_lsn" if standby else "pg_current_wal_lsn"
    lsn = session.value(f"SELECT pg_catalog.{position}()") or ""
    snapshot = session.value("SELECT pg_catalog.pg_export_snapshot()") or ""
    return Snapshot(snapshot, lsn, int(_control_value(session, "timeline_id", "pg_control_checkpoint") or 0))


def system_identifier(session: Session) -> str:
    """The cluster's identity, empty where the user may not read it."""
    return _control_value(session, "system_identifier", "pg_control_system")


def _control_value(session: Session, column: str, function: str) -> str:
    """A value of the control file: readable by everyone unless an administrator took the right away."""
    allowed = session.value(f"SELECT pg_catalog.has_function_privilege('pg_catalog.{function}()', 'EXECUTE')")
    return (session.value(f"SELECT {column} FROM pg_catalog.{function}()") or "") if allowed == "t" else ""
