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

from ..errors import ConsistencyError, NotFoundError, QueryError, UsageError
from ..lazy_dataclass import dataclass
from ..repository.records import ServerIdentity
from .data_relations import HOLDS_DATA
from .dump_settings import apply_dump_settings
from .options import DumpSettings
from .quoting import literal, qualified
from .selection.options import Selection
from .selection.relations import SEQUENCE, data_relations
from .selection.resolve import resolve
from .session import Session

_log = logging.getLogger("dbfleet.postgresql")

_LOCKED = """
    SELECT relation FROM pg_catalog.pg_locks
    WHERE pid = pg_catalog.pg_backend_pid() AND locktype = 'relation' AND mode = 'AccessShareLock' AND granted
"""
# The snapshot's file of a table and its present one; a table that is gone has none.
_FILES = f"""
    SELECT c.oid, n.nspname || '.' || c.relname,
           c.relkind = 'p' OR c.relfilenode = coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND {HOLDS_DATA}
    ORDER BY n.nspname, c.relname
"""
_LONGEST_LOCK_STATEMENT = 100_000
_ATTEMPTS = 10
_SHOWN = 10
#: What the server says where a table's name means nothing, or something else, by now.
_OTHER_TABLES = ("42P01", "3F000", "42809")
#: ... and where a snapshot's name means nothing, is none, or is another database's.
_NO_SNAPSHOT = ("22023", "0A000", "42704", "55000")


@dataclass(frozen=True)
class Snapshot:
    """What fixes the moment of a backup.

    :param id: for other sessions' ``SET TRANSACTION SNAPSHOT``, valid while the transaction is open.
    :param lsn: the write-ahead log's position at about that moment, empty where nobody knows it.
    :param timeline: 0 where it cannot be read.
    """

    id: str
    lsn: str
    timeline: int


def begin_snapshot(
    session: Session,
    selection: Selection | None = None,
    *,
    lock_wait_timeout: float = 0,
    given: str = "",
    serializable: bool = False,
) -> Snapshot:
    """Lock every table that is dumped in ACCESS SHARE mode and fix the moment that the transaction shows.

    :param selection: which are dumped, all by default.
    :param lock_wait_timeout: seconds to wait for the locks, 0 waits forever.
    :param given: take over the snapshot that another session exported under this name, instead of a new one.
    :param serializable: wait for a moment that no serializable transaction can contradict.
    :raises ConsistencyError: the locks were not granted in time, or tables changed faster than they could be locked,
        or since the given snapshot was taken.
    :raises NotFoundError: there is no such snapshot.
    :raises PrivilegeError: a table may not be locked.
    """
    selection = selection or Selection()
    if given or serializable:
        return begin_earlier_snapshot(session, selection, given=given, lock_wait_timeout=lock_wait_timeout)
    for attempt in range(_ATTEMPTS):
        tables = _tables(session, selection)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            _lock(session, [(schema, name) for _oid, schema, name in tables], lock_wait_timeout)
        except QueryError as error:
            session.execute("ROLLBACK")
            if error.context.get("sqlstate") not in _OTHER_TABLES or attempt + 1 == _ATTEMPTS:
                raise
            _log.debug("a table went away before it was locked, starting over: %s", error.message)
            continue
        locked = {oid for (oid,) in session.rows(_LOCKED)}
        late = [f"{schema}.{name}" for oid, schema, name in _tables(session, selection) if oid not in locked]
        if not late:
            return describe_snapshot(session)
        session.execute("ROLLBACK")
        _log.debug("tables appeared before the snapshot was taken, starting over: %s", ", ".join(late))
    raise _changing(session, late)


def begin_earlier_snapshot(session: Session, selection: Selection, *, given: str, lock_wait_timeout: float) -> Snapshot:
    """:func:`begin_snapshot` where the locks can only come after the snapshot: it is given, or is to be waited for.

    (A wait for a safe snapshot while tables are locked could last forever: the transaction waited for may wait for
    such a lock, and the server would not see that the two wait for each other.)

    A table that was truncated or rewritten in between would look empty: that shows by its file.
    """
    for _attempt in range(1 if given else _ATTEMPTS):
        if given:
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            _take_over(session, given)
        else:
            _begin_serializable(session)
        changed = _lock_unchanged(session, selection, lock_wait_timeout)
        if not changed:
            found = describe_snapshot(session)
            # When a given snapshot was taken, nobody knows.
            return dataclasses.replace(found, lsn="", timeline=0) if given else found
        session.execute("ROLLBACK")
        _log.debug("tables changed after the snapshot was taken: %s", ", ".join(changed))
    if given:
        raise ConsistencyError(
            f"tables of database {session.database!r} were dropped, truncated or rewritten since the snapshot {given}"
            f" was taken: {', '.join(changed[:_SHOWN])}",
            hint="export another snapshot and back up right after it",
            tables=changed,
        )
    raise _changing(session, changed)


def _tables(session: Session, selection: Selection) -> list[tuple[str, str, str]]:
    """The tables that are dumped: OID, schema and name."""
    relations = data_relations(session, resolve(session, selection))
    return [(str(one.oid), one.schema, one.name) for one in relations if one.kind != SEQUENCE]


def _lock_unchanged(session: Session, selection: Selection, timeout: float) -> list[str]:
    """Lock the tables that the snapshot shows; those that are not what it shows any more."""
    tables = _tables(session, selection)
    wanted = {oid for oid, _schema, _name in tables}
    changed = [name for oid, name, same in session.rows(_FILES) if oid in wanted and same != "t"]
    if changed:
        return changed
    try:
        _lock(session, [(schema, name) for _oid, schema, name in tables], timeout)
    except QueryError as error:
        if error.context.get("sqlstate") not in _OTHER_TABLES:
            raise
        return [error.message]
    locked = {oid for (oid,) in session.rows(_LOCKED)}
    files = [(oid, name, same == "t") for oid, name, same in session.rows(_FILES) if oid in wanted]
    return [name for oid, name, same in files if not same or oid not in locked]


def _begin_serializable(session: Session) -> None:
    if session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t":
        raise UsageError(
            "a standby has no serializable transactions",
            hint="leave --serializable-deferrable out, or back up from the primary",
        )
    session.execute("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE")


def _take_over(session: Session, name: str) -> None:
    try:
        session.execute(f"SET TRANSACTION SNAPSHOT {literal(name)}")
    except QueryError as error:
        session.execute("ROLLBACK")
        if error.context.get("sqlstate") in _NO_SNAPSHOT:
            raise NotFoundError(
                f"there is no snapshot {name!r} for database {session.database!r}: {error.message}",
                hint="the session that exported it must be connected to the same database, its transaction still open",
                **error.context,
            ) from error
        raise


def _changing(session: Session, tables: t.Sequence[str]) -> ConsistencyError:
    return ConsistencyError(
        f"tables were made, dropped or changed in database {session.database!r} faster than they could be locked",
        hint="run the backup when no one alters the schema all the time",
        tables=list(tables),
    )


def join_snapshot(session: Session, snapshot: Snapshot, settings: DumpSettings | None = None) -> None:
    """Begin a transaction that sees what the snapshot shows, with the settings of a dump.

    :raises ConsistencyError: the snapshot's own transaction is over.
    """
    apply_dump_settings(session, settings)
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


def server_identity(session: Session) -> ServerIdentity:
    """Which server the session is on."""
    return ServerIdentity(
        dbms="postgresql",
        version=session.version_text,
        version_number=session.version,
        host=session.host,
        port=session.port,
        identifier=system_identifier(session),
    )


def system_identifier(session: Session) -> str:
    """The cluster's identity, empty where the user may not read it."""
    return _control_value(session, "system_identifier", "pg_control_system")


def _control_value(session: Session, column: str, function: str) -> str:
    """A value of the control file: readable by everyone unless an administrator took the right away."""
    allowed = session.value(f"SELECT pg_catalog.has_function_privilege('pg_catalog.{function}()', 'EXECUTE')")
    return (session.value(f"SELECT {column} FROM pg_catalog.{function}()") or "") if allowed == "t" else ""
