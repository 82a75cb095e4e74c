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

Several sessions can open it together (:class:`Followers`). Under a lock, and in a quiet moment, they all see the same.
Where the server says the position of each session's snapshot, they are opened until the positions are the same, and if
that never happens, under a global lock. Without a binlog only a lock proves anything.
"""

from __future__ import annotations

import contextlib
import logging
import time
import typing as t

from ..errors import ConsistencyError, DbfleetError, PrivilegeError, QueryError
from ..lazy_dataclass import dataclass
from . import faults, quoting
from .replication_state import ReplicaPosition
from .session import Session

_LOG = logging.getLogger("dbfleet.mysql")
LOCK_SECONDS = 60
_LOCK_ATTEMPT_SECONDS = 4
_LOCK_PAUSE_SECONDS = 1.0
_QUIET_SECONDS = 1.0
_QUIET_ATTEMPTS = 15
_TOGETHER_ATTEMPTS = 20
_SYNTAX_ERROR = 1064
_SAVEPOINT = "dbfleet"
_START = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


@dataclass(frozen=True)
class Position:
    """A place in the binlog.

    :param file: empty where the server writes no binlog.
    :param gtid: MySQL's executed set or MariaDB's position; empty where GTIDs are not in use.
    """

    file: str = ""
    position: int = 0
    gtid: str = ""


@dataclass(frozen=True)
class Snapshot:
    """How and when the consistent view was opened.

    :param method: one of the ways of this module.
    :param taken_at: ISO 8601, UTC, by the server's clock.
    :param replica: where the server stands as a replica, if that was asked for.
    :param galera: see :func:`.replication_state.read_galera`.
    """

    position: Position
    method: str
    taken_at: str
    replica: tuple[ReplicaPosition, ...] = ()
    galera: t.Mapping[str, t.Any] | None = None

    def as_record(self) -> dict[str, t.Any]:
        """For the manifest."""
        record: dict[str, t.Any] = {
            "binlog_file": self.position.file or None,
            "binlog_position": self.position.position if self.position.file else None,
            "gtid": self.position.gtid or None,
            "method": self.method,
            "taken_at": self.taken_at,
        }
        if self.replica:
            record["replica"] = [one.as_record() for one in self.replica]
        if self.galera is not None:
            record["galera"] = dict(self.galera)
        return record


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
    if session.version.is_mariadb:
        # A transaction that might be logged would keep its locks on definitions until it ends, see release().
        with contextlib.suppress(PrivilegeError):
            session.execute("SET SESSION sql_log_bin = 0")


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


class Followers(t.Protocol):
    """Other sessions that read the same snapshot."""

    def start(self) -> t.Collection[Position]:
        """Let each of them open its view, a new one if it has one.

        :return: of each :func:`follow`.
        """


def follow(session: Session) -> Position:
    """Open a follower's view; its position where the server tells it, else an empty one."""
    session.execute("ROLLBACK")
    session.execute(_START)
    session.execute(f"SAVEPOINT {_SAVEPOINT}")
    return _snapshot_position(session) if _tells_position(session) else Position()


def release(session: Session) -> None:
    """Give back the locks on definitions that reading has taken; the view stays open.

    MariaDB only does so where the user may turn the session's binlog off (BINLOG ADMIN); without, whoever alters a
    table that was read waits for the end of the backup.
    """
    session.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}")


def open_snapshot(
    session: Session,
    *,
    hold: t.Callable[[], None],
    lock_tables: t.Callable[[], t.ContextManager[None] | None],
    followers: Followers | None = None,
    holds: bool = False,
) -> Snapshot:
    """Start the transaction whose reads are the backup.

    :param hold: locks the tables that no snapshot covers by another session, for as long as they are read. Called when
        the global lock, if there is one, is held: it would wait for these locks otherwise.
    :param holds: whether :attr:`hold` locks any.
    :param followers: the sessions that read the same snapshot.
    :param lock_tables: gives a context in which every table of the database is locked for reading by another session,
        or ``None`` where that is not allowed.
    :raises ConsistencyError: a lock could not be had in time.
    :raises PrivilegeError: the position cannot be read, or not be proven.
    """
    if session.variables.get("log_bin", "OFF") != "ON":
        if followers is not None:
            return _without_binlog(session, hold, lock_tables, followers)
        hold()
        session.execute(_START)
        return _snapshot(session, Position(), "none")
    if _tells_position(session):
        if followers is not None:
            return _together(session, hold, followers, holds=holds)
        hold()
        session.execute(_START)
        return _snapshot(session, _snapshot_position(session), "binlog_snapshot")
    read_position(session)
    if _lock_globally(session):
        try:
            hold()
            _start_all(session, followers)
            position = read_position(session)
        finally:
            session.execute("UNLOCK TABLES")
        return _snapshot(session, position, "global_lock")
    hold()
    locked = lock_tables()
    if locked is not None:
        with locked:
            _start_all(session, followers)
            position = read_position(session)
        return _snapshot(session, position, "table_locks")
    return _by_quiet_moment(session, followers)


def _start_all(session: Session, followers: Followers | None) -> None:
    session.execute(_START)
    if followers is not None:
        followers.start()


def _without_binlog(
    session: Session,
    hold: t.Callable[[], None],
    lock_tables: t.Callable[[], t.ContextManager[None] | None],
    followers: Followers,
) -> Snapshot:
    if _lock_globally(session):
        try:
            hold()
            _start_all(session, followers)
        finally:
            session.execute("UNLOCK TABLES")
        return _snapshot(session, Position(), "global_lock")
    hold()
    locked = lock_tables()
    if locked is None:
        raise PrivilegeError(
            "the server writes no binlog, and without a lock it cannot be proven that several processes read the same "
            "snapshot",
            hint="GRANT RELOAD ON *.* to the user, or LOCK TABLES on the database; or use one job",
        )
    with locked:
        _start_all(session, followers)
    return _snapshot(session, Position(), "table_locks")


def _together(session: Session, hold: t.Callable[[], None], followers: Followers, *, holds: bool) -> Snapshot:
    """Where each session's position is known: all open their views until they are equal."""
    # A global lock would wait for the tables that are held, so it comes first where there are any.
    if holds and _lock_globally(session):
        return _together_locked(session, hold, followers)
    hold()
    for _attempt in range(_TOGETHER_ATTEMPTS):
        session.execute(_START)
        theirs = followers.start()
        position = _snapshot_position(session)
        if all(one == position for one in theirs):
            return _snapshot(session, position, "binlog_snapshot")
        session.execute("ROLLBACK")
    if not holds and _lock_globally(session):
        return _together_locked(session, lambda: None, followers)
    raise PrivilegeError(
        "the server is being written to so often that no two sessions see the same, and the user may not lock it",
        hint="GRANT RELOAD ON *.* to the user, or use one job",
    )


def _together_locked(session: Session, hold: t.Callable[[], None], followers: Followers) -> Snapshot:
    try:
        hold()
        session.execute(_START)
        theirs = followers.start()
        position = _snapshot_position(session)
    finally:
        session.execute("UNLOCK TABLES")
    if any(one != position for one in theirs):
        raise ConsistencyError(
            "the sessions of the backup see different moments in spite of a global lock",
            hint="run the backup again, or use one job",
        )
    return _snapshot(session, position, "global_lock")


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


def _tells_position(session: Session) -> bool:
    """Whether the server says which position belongs to a session's snapshot."""
    if session.variables.get("log_bin", "OFF") != "ON":
        return False
    return bool(session.query("SHOW STATUS LIKE 'binlog_snapshot_file'"))


def _snapshot_position(session: Session) -> Position:
    rows = session.query("SHOW STATUS LIKE 'binlog_snapshot_%'")
    status = {(name or "").lower(): value or "" for name, value in rows}
    file, offset = status["binlog_snapshot_file"], int(status["binlog_snapshot_position"] or 0)
    if "binlog_snapshot_gtid_executed" in status:
        gtid = status["binlog_snapshot_gtid_executed"]
    else:
        gtid = session.scalar(f"SELECT BINLOG_GTID_POS({quoting.literal(file)}, {offset})") or ""
    return Position(file, offset, gtid.replace("\n", ""))


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


def _by_quiet_moment(session: Session, followers: Followers | None) -> Snapshot:
    for _attempt in range(_QUIET_ATTEMPTS):
        before = read_position(session)
        time.sleep(_QUIET_SECONDS)
        # Whatever is in the binlog since a second has reached the storage engine too.
        if read_position(session) == before:
            _start_all(session, followers)
            if read_position(session) == before:
                return _snapshot(session, before, "quiet")
            session.execute("ROLLBACK")
    raise PrivilegeError(
        "the server is being written to, and without a lock the position of the binlog cannot be proven to belong to "
        "the snapshot",
        hint="GRANT RELOAD ON *.* to the user, or LOCK TABLES on the database",
    )


def _snapshot(session: Session, position: Position, method: str) -> Snapshot:
    # Rolled back to after each object, so that none stays locked against ALTER for the whole backup.
    session.execute(f"SAVEPOINT {_SAVEPOINT}")
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
