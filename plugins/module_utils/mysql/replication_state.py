# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where a server stands as a replica of another one, and as a member of a Galera cluster."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..errors import ConsistencyError, NotFoundError, PrivilegeError, QueryError, UsageError
from ..lazy_dataclass import dataclass
from ..repository.records import Manifest
from . import quoting
from .binlog.gtid_set import MysqlGtidSet
from .session import Session

if t.TYPE_CHECKING:
    from .snapshot import Snapshot

_SYNTAX_ERROR = 1064
# Before, gtid_purged can only be set where the server has executed none.
_GTIDS_ADD_SINCE = 80000
_STATEMENTS = ("SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
_QUIET_SECONDS = 0.5
_ATTEMPTS = 20


@dataclass(frozen=True)
class ReplicaPosition:
    """How far one channel has applied its source's binlog.

    :param channel: empty for the default one.
    :param file: of the source's binlog.
    :param gtid: MariaDB's ``gtid_slave_pos``; empty for MySQL, whose executed set is the server's own.
    """

    channel: str
    host: str
    port: int
    file: str
    position: int
    gtid: str = ""

    def as_record(self) -> dict[str, t.Any]:
        """For the manifest."""
        return {
            "channel": self.channel or None,
            "source_host": self.host,
            "source_port": self.port,
            "binlog_file": self.file,
            "binlog_position": self.position,
            "gtid": self.gtid or None,
        }


def read_replica(session: Session) -> tuple[ReplicaPosition, ...]:
    """Every channel's position at this moment.

    :raises PrivilegeError: the user may not know.
    :raises NotFoundError: the server is no replica.
    """
    records = _status(session)
    gtid = session.variables.get("gtid_slave_pos") is not None and session.scalar("SELECT @@global.gtid_slave_pos")
    found = [
        ReplicaPosition(
            channel=record.get("channel_name") or record.get("connection_name") or "",
            host=record.get("source_host") or record.get("master_host") or "",
            port=int(record.get("source_port") or record.get("master_port") or 0),
            file=record.get("relay_source_log_file") or record.get("relay_master_log_file") or "",
            position=int(record.get("exec_source_log_pos") or record.get("exec_master_log_pos") or 0),
            gtid=gtid or "",
        )
        for record in records
    ]
    # A channel that has applied nothing yet has no position to begin again at.
    found = [one for one in found if one.file]
    if not found:
        raise NotFoundError(
            f"{session.address} is no replica: it has no position in another server's binlog",
            hint="leave dump_replica out, or back up a replica",
        )
    return tuple(sorted(found, key=lambda one: one.channel))


def read_steady_replica(session: Session) -> tuple[ReplicaPosition, ...]:
    """The positions once they have not moved for a while.

    A position is moved on after the transaction before it was committed, so one that has just moved may be behind.

    :raises ConsistencyError: the replica applies without a pause.
    """
    before = read_replica(session)
    for _attempt in range(_ATTEMPTS):
        time.sleep(_QUIET_SECONDS)
        now = read_replica(session)
        if now == before:
            return now
        before = now
    raise moving()


def moving() -> ConsistencyError:
    """The error for a position that moves while the snapshot is opened without a global lock."""
    return ConsistencyError(
        "the replica applied its source's changes while the snapshot was opened: the position in the source's binlog "
        "cannot be proven to belong to it",
        hint="STOP REPLICA SQL_THREAD on the server for the beginning of the backup, and start it again afterwards",
    )


def attach(session: Session, opened: Snapshot, replica: tuple[ReplicaPosition, ...]) -> Snapshot:
    """A snapshot that was just opened with what else is known of the moment.

    :param replica: the positions read while it was about to be opened, under the same lock if there was one.
    :raises ConsistencyError: they have moved since, and no lock was there to hold them.
    """
    if replica and opened.method != "global_lock" and read_steady_replica(session) != replica:
        raise moving()
    return dataclasses.replace(opened, replica=replica, galera=read_galera(session))


def read_galera(session: Session) -> dict[str, t.Any] | None:
    """The cluster's state as this member has it now; ``None`` where the server belongs to none.

    The number is read beside the snapshot, not in it: transactions that are committed meanwhile may lie between them.
    """
    if session.variables.get("wsrep_on", "OFF") != "ON":
        return None
    status = {(name or "").lower(): value for name, value in session.query("SHOW STATUS LIKE 'wsrep_%'")}
    return {
        "cluster": session.variables.get("wsrep_cluster_name") or None,
        "uuid": status.get("wsrep_local_state_uuid"),
        "seqno": int(status.get("wsrep_last_committed") or -1),
        "state": status.get("wsrep_local_state_comment"),
    }


def _status(session: Session) -> list[dict[str, str | None]]:
    statements = ("SHOW ALL SLAVES STATUS",) if session.version.is_mariadb else _STATEMENTS
    for statement in statements:
        try:
            return session.records(statement)
        except PrivilegeError as error:
            raise PrivilegeError(
                "the user may not read the replica's position, which dump_replica asks for",
                hint="GRANT REPLICATION CLIENT (MariaDB: REPLICA MONITOR) ON *.* TO the user",
                **error.context,
            ) from error
        except QueryError as error:
            if error.context.get("errno") != _SYNTAX_ERROR:
                raise
    return []


def check_gtid(session: Session, manifest: Manifest | None, *, logged: bool) -> str:
    """The GTIDs of a backup, which the target can take over.

    :param logged: whether the restore is written into the target's binlog.
    :raises UsageError: there are none, they are those of the other family, or the target has executed others.
    """
    gtid = str(manifest.contents.snapshot.get("gtid") or "") if manifest is not None else ""
    if manifest is None or not gtid:
        raise UsageError(
            "the backup has no GTIDs that the target could take over",
            hint="leave gtid out; only a backup with a manifest, of a server that uses GTIDs, has them",
        )
    if manifest.server.dbms != session.version.dbms:
        raise UsageError(f"the GTIDs of {manifest.server.dbms} mean nothing to {session.version.product}")
    if _contradicts(session, gtid, logged=logged):
        raise UsageError(
            f"the target's own GTIDs contradict those of the backup ({gtid})",
            hint="for a new replica: RESET MASTER (RESET BINARY LOGS AND GTIDS) on the target, and restore with "
            "skip_binlog",
        )
    return gtid


def _contradicts(session: Session, gtid: str, *, logged: bool) -> bool:
    wanted = quoting.literal(gtid)
    if session.version.is_mariadb:
        theirs = {one.split("-")[0]: int(one.split("-")[2]) for one in gtid.split(",")}
        own = session.scalar("SELECT @@GLOBAL.gtid_binlog_pos") or ""
        behind = [
            one for one in filter(None, own.split(",")) if int(one.split("-")[2]) > theirs.get(one.split("-")[0], 0)
        ]
        return bool(behind) or (logged and session.scalar("SELECT @@GLOBAL.gtid_domain_id") in theirs)
    if session.version.number < _GTIDS_ADD_SINCE:
        executed = bool(session.scalar("SELECT @@GLOBAL.gtid_executed"))
        return logged or (executed and not _stands_there(session, gtid))
    if _stands_there(session, gtid):
        return False
    disjoint = f"SELECT GTID_SUBSET({wanted}, GTID_SUBTRACT({wanted}, @@GLOBAL.gtid_executed))"
    return session.scalar(disjoint) != "1"


def _stands_there(session: Session, gtid: str) -> bool:
    """Whether MySQL has of the backup's servers what the backup has, and nothing else.

    A database of a set that was restored before has told it.
    """
    wanted = MysqlGtidSet.parse(gtid).intervals
    own = MysqlGtidSet.parse(session.scalar("SELECT @@GLOBAL.gtid_executed") or "").intervals
    return {source: runs for source, runs in own.items() if source in wanted} == dict(wanted)


def set_gtid(session: Session, gtid: str) -> None:
    """Let the target stand where the backup was taken: a replica of that server goes on from there.

    :raises DbfleetError: the server refuses it.
    """
    if not session.version.is_mariadb and _stands_there(session, gtid):
        return
    if session.version.is_mariadb:
        session.execute(f"SET GLOBAL gtid_slave_pos = {quoting.literal(gtid)}")
    elif session.version.number >= _GTIDS_ADD_SINCE:
        session.execute(f"SET GLOBAL gtid_purged = {quoting.literal('+' + gtid)}")
    else:
        session.execute(f"SET GLOBAL gtid_purged = {quoting.literal(gtid)}")
