# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Opens one consistent view of the database together with the binlog position that belongs to it.

Four ways, the first that the server and the user's privileges allow:

- ``binlog_snapshot``: the server itself says which position belongs to the snapshot (MariaDB, Percona Server). No lock.
- ``global_lock``: a FLUSH TABLES WITH READ LOCK for the moment in which the snapshot is opened.
- ``table_locks``: without RELOAD, LOCK TABLES … READ of this database's tables for that moment; no transaction that
  writes to them is between the binlog and the storage engine then.
- ``quiet``: with neither, the position must have been the same for a while before the snapshot and be the same after.

``none`` is recorded where the server writes no binlog: the snapshot is as consistent, it only has no position.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import typing as t

from ..errors import ConsistencyError, DbfleetError, PrivilegeError, QueryError
from . import faults, quoting
from .session import Session

_LOG = logging.getLogger("dbfleet.mysql")
LOCK_SECONDS = 60
_LOCK_ATTEMPT_SECONDS = 4
_LOCK_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 1.0
_QUIET_ATTEMPTS = 15
_SYNTAX_ERROR = 1064
_START = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


@dataclasses.dataclass(frozen=True)
class Position:
    """A place in the binlog.

    :param file: empty where the server writes no binlog.
    :param gtid: MySQL's executed set or MariaDB's position; empty where GTIDs are not in use.
    """

    file: str = ""
    position: int = 0
    gtid: str = ""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """How and when the consistent view was opened.

    :param method: one of the ways of this module.
    :param taken_at: ISO 8601, UTC, by the server's clock.
    """

    position: Position
    method: str
    taken_at: str

    def as_record(self) -> dict[str, t.Any]:
        """For the manifest."""
        return {
            "binlog_file": self.position.file or None,
            "binlog_position": self.position.position if self.position.file else None,
            "gtid": self.position.gtid or None,
            "method": self.method,
            "taken_at": self.taken_at,
        }


def prepare_session(session: Session) -> None:
    """Set what reading a database needs; the session only, never the server, and nothing that is logged."""
    session.set_variables(
        {
            "sql_mode": "''",
            "time_zone": "'+00:00'",
            "sql_quote_show_create": "1",
            "sql_big_selects": "1",
            "information_schema_stats_expiry": "0",
            "show_create_table_verbosity": "0",
            "show_gipk_in_create_table_and_information_schema": "1",
            "max_execution_time": "0",
            "max_statement_time": "0",
            "net_read_timeout": "86400",
            "net_write_timeout": "86400",
            "wait_timeout": "86400",
            "idle_transaction_timeout": "0",
            "idle_readonly_transaction_timeout": "0",
            "lock_wait_timeout": str(LOCK_SECONDS),
        }
    )
    session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def lock_definitions(session: Session) -> bool:
    """Forbid changes of definitions until the session ends, where the server and the privileges allow it.

    :return: whether they are forbidden; without, a change is found and fails the backup.
    :raises ConsistencyError: a change of a definition has been running for longer than :data:`LOCK_SECONDS`.
    """
    try:
        session.execute("LOCK INSTANCE FOR BACKUP")
    except PrivilegeError:
        _LOG.debug("no BACKUP_ADMIN: changes of definitions are not blocked, only detected")
        return False
    except QueryError as error:
        if error.context.get("errno") == faults.LOCK_WAIT_TIMEOUT:
            raise _lock_timeout(session, "LOCK INSTANCE FOR BACKUP") from error
        if error.context.get("errno") != _SYNTAX_ERROR:
            raise
        return False
    return True


def open_snapshot(
    session: Session, *, hold: t.Callable[[], None], lock_tables: t.Callable[[], t.ContextManager[None] | None]
) -> Snapshot:
    """Start the transaction whose reads are the backup.

    :param hold: locks the tables that no snapshot covers by another session, for as long as they are read. Called when
        the global lock, if there is one, is held: it would wait for these locks otherwise.
    :param lock_tables: gives a context in which every table of the database is locked for reading by another session,
        or ``None`` where that is not allowed.
    :raises ConsistencyError: a lock could not be had in time.
    :raises PrivilegeError: the position cannot be read, or not be proven.
    """
    if session.variables.get("log_bin", "OFF") != "ON":
        hold()
        session.execute(_START)
        return _snapshot(session, Position(), "none")
    if session.query("SHOW STATUS LIKE 'binlog_snapshot_file'"):
        hold()
        return _by_binlog_snapshot(session)
    read_position(session)
    if _lock_globally(session):
        try:
            hold()
            session.execute(_START)
            position = read_position(session)
        finally:
            session.execute("UNLOCK TABLES")
        return _snapshot(session, position, "global_lock")
    hold()
    locked = lock_tables()
    if locked is not None:
        with locked:
            session.execute(_START)
            position = read_position(session)
        return _snapshot(session, position, "table_locks")
    return _by_quiet_moment(session)


def read_position(session: Session) -> Position:
    """Where the binlog ends now (MySQL).

    :raises PrivilegeError: the user may not know.
    """
    record = None
    for statement in ("SHOW BINARY LOG STATUS", "SHOW MASTER STATUS"):
        try:
            records = session.records(statement)
        except PrivilegeError as error:
            raise PrivilegeError(
                "the user may not read the position of the binlog, which a backup must record",
                hint="GRANT REPLICATION CLIENT ON *.* TO the user",
                **error.context,
            ) from error
        except QueryError as error:
            if error.context.get("errno") != _SYNTAX_ERROR:
                raise
            continue
        record = records[0] if records else None
        break
    if record is None:
        raise QueryError("the server writes a binlog and shows no position of it")
    gtid = (record.get("executed_gtid_set") or "").replace("\n", "")
    return Position(record["file"] or "", int(record["position"] or 0), gtid)


def _by_binlog_snapshot(session: Session) -> Snapshot:
    session.execute(_START)
    rows = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'")
    status = {(name or "").lower(): value or "" for name, value in rows}
    file, offset = status["binlog_snapshot_file"], int(status["binlog_snapshot_position"] or 0)
    if "binlog_snapshot_gtid_executed" in status:
        gtid = status["binlog_snapshot_gtid_executed"]
    else:
        gtid = session.scalar(f"SELECT BINLOG_GTID_POS({quoting.literal(file)}, {offset})") or ""
    return _snapshot(session, Position(file, offset, gtid.replace("\n", "")), "binlog_snapshot")


def _lock_globally(session: Session) -> bool:
    """FLUSH TABLES WITH READ LOCK; false where the user may not.

    While it waits for a statement to end, every other statement that writes waits behind it: also the next one of a
    transaction whose row lock that statement is waiting for. So it is not waited for longer than a few seconds at a
    time, far less than innodb_lock_wait_timeout, which would end somebody's transaction.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    session.execute(f"SET SESSION lock_wait_timeout = {_LOCK_ATTEMPT_SECONDS}")
    try:
        while True:
            try:
                session.execute("FLUSH TABLES WITH READ LOCK")
            except PrivilegeError as error:
                _LOG.debug("FLUSH TABLES WITH READ LOCK is not allowed: %s", error.message)
                return False
            except QueryError as error:
                if error.context.get("errno") != faults.LOCK_WAIT_TIMEOUT:
                    raise
                if time.monotonic() > deadline:
                    raise _lock_timeout(session, "FLUSH TABLES WITH READ LOCK") from error
                _LOG.debug("FLUSH TABLES WITH READ LOCK stood in the way of others; tried again in a moment")
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                return True
    finally:
        session.execute(f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}")


def _by_quiet_moment(session: Session) -> Snapshot:
    for _attempt in range(_QUIET_ATTEMPTS):
        before = read_position(session)
        time.sleep(_QUIET_SECONDS)
        # Whatever is in the binlog since a second has reached the storage engine too.
        if read_position(session) == before:
            session.execute(_START)
            if read_position(session) == before:
                return _snapshot(session, before, "quiet")
            session.execute("ROLLBACK")
    raise PrivilegeError(
        "the server is being written to, and without a lock the position of the binlog cannot be proven to belong to "
        "the snapshot",
        hint="GRANT RELOAD ON *.* to the user, or LOCK TABLES on the database",
    )


def _snapshot(session: Session, position: Position, method: str) -> Snapshot:
    taken_at = session.scalar("SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%dT%H:%i:%sZ')") or ""
    _LOG.debug("consistent snapshot by %s at %s", method, position)
    return Snapshot(position, method, taken_at)


def _lock_timeout(session: Session, statement: str) -> ConsistencyError:
    return ConsistencyError(
        f"{statement} did not succeed within {LOCK_SECONDS} s{_blockers(session)}",
        hint="run the backup when no long statement or transaction is under way",
    )


def _blockers(session: Session) -> str:
    """The longest running statements, without their text (it may hold data)."""
    try:
        rows = session.query(
            "SELECT ID, USER, TIME, COALESCE(STATE, ''), SUBSTRING_INDEX(LTRIM(INFO), ' ', 1) "
            "FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump', "
            "'Binlog Dump GTID') AND ID <> CONNECTION_ID() ORDER BY TIME DESC LIMIT 3"
        )
    except DbfleetError:
        return ""
    shown = [f"connection {row[0]} of {row[1]}: {row[4]} for {row[2]} s ({row[3]})" for row in rows]
    return f"; running: {'; '.join(shown)}" if shown else ""
