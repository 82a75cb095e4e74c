# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The server that is made a replica of the replay's source for a while, and left as it was."""

from __future__ import annotations

import dataclasses
import re
import time
import typing as t

from ...errors import ConnectError, DbfleetError, LockedError, PrivilegeError, RestoreError
from ..faults import without_values
from ..grants import read_grants
from ..quoting import literal
from ..session import Session
from .replay_plan import ReplayPlan
from .replica_words import Place, ReplicaStatus, ReplicaWords, status_of
from .source_address import HERE, SourceAddress

_USER = re.compile(r"dbfleet_([0-9a-f]+)_([0-9a-f]{8})(p?)")
_HERE = ("localhost", "127.0.0.1", "::1")
_FREE_SERVER_IDS_FROM = 0xDBF00000
#: Transactions of so many bytes on average are worth it that MariaDB applies several at a time, and as many as that.
_WORTH_THREADS = 64 << 10
_THREADS = 4
#: Whoever has one of these may be pointed to a source.
_MAY_REPLICATE = ("SUPER", "REPLICATION_SLAVE_ADMIN", "REPLICATION SLAVE ADMIN")
_MAY_SET = ("SUPER", "SYSTEM_VARIABLES_ADMIN", "REPLICATION MASTER ADMIN", "BINLOG ADMIN")
_MAY_SEE = ("SUPER", "REPLICATION CLIENT", "REPLICATION SLAVE ADMIN", "REPLICA MONITOR", "SLAVE MONITOR")
_LOOK_SECONDS = 0.1
#: Workers record where they are three times a second.
_SETTLED_SECONDS = 1.0
_WORKER_ERROR = (
    "SELECT CONCAT(last_error_message, ' (error ', last_error_number, ')') "
    "FROM performance_schema.replication_applier_status_by_worker WHERE last_error_number <> 0"
)
_QUERY_TEXT = re.compile(r"(Query: ').*'", re.DOTALL)
_WORKERS_REACHED = "SELECT master_log_name, master_log_pos FROM mysql.slave_worker_info"


class ReplicaTarget:
    """The target's side of the fast applier.

    :param identity: of the replay, so that another one never goes on with what this one left.
    :param source: where the server is to find its source.
    """

    def __init__(self, session: Session, *, identity: int, source: SourceAddress = HERE) -> None:
        self._session = session
        self.source = source
        self._identity = identity
        self._words = ReplicaWords(session)
        self._mariadb = session.version.is_mariadb
        self._server_id = int(session.scalar("SELECT @@GLOBAL.server_id") or 0)
        self._attached = False
        self._has_threads = False
        variables = session.variables
        workers = variables.get("replica_parallel_workers") or variables.get("slave_parallel_workers") or "0"
        self._workers = not self._mariadb and workers != "0"

    def reason_against(self, plan: ReplayPlan, *, keep_gtids: bool) -> str:
        """Why the server cannot be made a replica for this plan; empty where nothing speaks against it."""
        checks = (self._place, self._family, self._privileges, self._others, self._errors_are_errors, self._order)
        for check in checks:
            reason = check(plan)
            if reason:
                return reason
        return self._gtids(plan, keep_gtids=keep_gtids)

    def log_is_kept(self) -> bool:
        """Whether what a replica applies is in its own binlog, as what clients do."""
        variables = self._session.variables
        if variables.get("log_bin") != "ON":
            return True
        return "ON" in (variables.get("log_replica_updates"), variables.get("log_slave_updates"))

    def leftover(self) -> ReplicaStatus | None:
        """What an earlier replay has left behind when it was killed."""
        return next((status for status in self._statuses() if self._is_ours(status)), None)

    def status(self) -> ReplicaStatus:
        """How far it is.

        :raises ConnectError: it is not a replica of ours any more.
        """
        found = self.leftover()
        if found is None:
            raise ConnectError("the target's replication from the replay was removed by somebody else")
        if found.apply_error and not self._mariadb:
            # Of several workers the replica itself says only that one has failed.
            details = self._session.scalar(f"{_WORKER_ERROR} AND channel_name = {literal(self._words.channel)}")
            if details:
                found = dataclasses.replace(found, apply_error=details)
        return self._with_workers(found) if found.apply_error else found

    def _with_workers(self, status: ReplicaStatus) -> ReplicaStatus:
        """What a stopped replica has reached: its own record lags behind what its workers have committed."""
        if not self._workers:
            return status
        rows = self._session.query(f"{_WORKERS_REACHED} WHERE channel_name = {literal(self._words.channel)}")
        places = [(file or "", int(position or 0)) for file, position in rows if file]
        file, position = max([(status.file, status.position), *places], key=_in_order)
        return dataclasses.replace(status, file=file, position=position)

    def user(self, plan: ReplayPlan) -> str:
        """The name that the replica logs in with: which replay it is, and what has to be put back on the server."""
        return f"dbfleet_{self._server_id:x}_{self._identity:08x}{'p' if self._wants_threads(plan) else ''}"

    def _wants_threads(self, plan: ReplayPlan) -> bool:
        """Whether MariaDB, which has no threads for it by default, is to apply several transactions at a time.

        They are committed in their order. Small ones that change the same rows would only wait for each other.
        """
        variables = self._session.variables
        return (
            self._mariadb
            and variables.get("slave_parallel_threads") == "0"
            and variables.get("slave_parallel_mode") == "optimistic"
            and plan.bytes >= _WORTH_THREADS * max(1, plan.transactions)
        )

    def attach(self, place: Place, plan: ReplayPlan, *, assign_gtids: bool) -> None:
        """Make the server a replica.

        :raises DbfleetError: it cannot be done; the server is as it was.
        """
        self._attached = True
        if self._server_id in plan.server_ids:
            # A replica takes no event that it made itself.
            free = next(number for number in range(_FREE_SERVER_IDS_FROM, 0xFFFFFFFF) if number not in plan.server_ids)
            self._session.execute(f"SET GLOBAL server_id = {free}")
        if self._wants_threads(plan):
            self._has_threads = True
            self._session.execute(f"SET GLOBAL slave_parallel_threads = {_THREADS}")
        self._session.execute(self._words.change(place, assign_gtids=assign_gtids))
        filters = self.status().filters
        if filters:
            raise RestoreError(
                f"the target leaves replicated events out: {filters[0]}",
                hint="take the filter out of its configuration, or use the general applier",
            )
        self._session.execute(self._words.start(place))

    def detach(self) -> ReplicaStatus | None:
        """Stop, and leave the server as it was; what it had reached."""
        if not self._attached:
            return None
        reached = self.leftover()
        if reached is not None:
            self._session.execute(self._words.stop())
            reached = self._with_workers(self.leftover() or reached)
            self._session.execute(self._words.reset())
        if self._session.scalar("SELECT @@GLOBAL.server_id") != str(self._server_id):
            self._session.execute(f"SET GLOBAL server_id = {self._server_id}")
        if self._has_threads:
            self._session.execute("SET GLOBAL slave_parallel_threads = 0")
            self._has_threads = False
        self._attached = False
        return reached

    def take_over(self, leftover: ReplicaStatus) -> ReplicaStatus:
        """Have everything that an interrupted replay had sent applied, and remove it; where it ended.

        :raises LockedError: it is of another replay.
        :raises RestoreError: a transaction cannot be applied; the server is as it was.
        """
        found = _USER.fullmatch(leftover.user)
        if found is None or int(found[2], 16) != self._identity:
            raise LockedError(
                "the target still has what another replay left, with other files, another beginning or other filters",
                hint=f"repeat that one with --resume, or remove it: {self._words.stop()}; {self._words.reset()}",
            )
        self._server_id = int(found[1], 16)
        self._has_threads = bool(found[3])
        self._attached = True
        self._session.execute(self._words.stop_receiving())
        if leftover.applying != "Yes" and not leftover.apply_error:
            self._session.execute(self._words.start_applying())
        status = self._settled()
        reached = self.detach() or status
        # Where the transaction that was under way began to arrive, workers give it up after a minute, as an error.
        return reached if status.apply_error else dataclasses.replace(reached, apply_error="")

    def _settled(self) -> ReplicaStatus:
        """Everything that was received whole is applied, and recorded."""
        status, since = self.status(), time.monotonic()
        while not status.apply_error and time.monotonic() - since < _SETTLED_SECONDS:
            time.sleep(_LOOK_SECONDS)
            before, status = status, self.status()
            if not status.idle or status.receiving != "No" or status.position != before.position:
                since = time.monotonic()
        return status

    def _statuses(self) -> list[ReplicaStatus]:
        return [status_of(record) for record in self._session.records(self._words.show)]

    def _is_ours(self, status: ReplicaStatus) -> bool:
        return status.channel == self._words.channel and _USER.fullmatch(status.user) is not None

    def _place(self, _plan: ReplayPlan) -> str:
        if self.source.is_encrypted or self._session.unix_socket or self._session.host in _HERE:
            return ""
        return (
            "the target is on another host, for which this one's address and certificate are needed (--applier-address)"
        )

    def _family(self, plan: ReplayPlan) -> str:
        if plan.is_mariadb != self._mariadb:
            return "the binlogs are of the other family"
        return ""

    def _privileges(self, plan: ReplayPlan) -> str:
        grants = read_grants(self._session)
        for names, what in ((_MAY_REPLICATE, "be pointed to a source"), (("RELOAD",), "forget it again")):
            if grants.lacks_all(names):
                return f"the user lacks {names[-1]}, with which the target could {what}"
        if self._server_id in plan.server_ids and grants.lacks_all(_MAY_SET):
            return (
                f"the target has the server_id {self._server_id} of the server that made the transactions, and the "
                f"user lacks {'BINLOG ADMIN' if self._mariadb else 'SYSTEM_VARIABLES_ADMIN'} to change it meanwhile"
            )
        return ""

    def _others(self, _plan: ReplayPlan) -> str:
        try:
            statuses = self._statuses()
        except PrivilegeError:
            return f"the user lacks {'SLAVE MONITOR' if self._mariadb else 'REPLICATION CLIENT'}"
        others = [status for status in statuses if not self._is_ours(status)]
        return f"the target replicates from {others[0].host} already" if others else ""

    def _errors_are_errors(self, _plan: ReplayPlan) -> str:
        """Whether something tells the server to pass over what fails."""
        harmless = {"slave_skip_errors": "OFF", "slave_exec_mode": "STRICT", "sql_slave_skip_counter": "0"}
        for name, value in harmless.items():
            for spelled in (name, name.replace("slave", "replica")):
                now = self._session.variables.get(spelled, value)
                if now not in (value, "") and not (now == "0" and value == "OFF"):
                    return f"the target's {spelled} is {now}: errors would be passed over"
        return ""

    def _order(self, _plan: ReplayPlan) -> str:
        if not self._workers:
            return ""
        for name in ("replica_preserve_commit_order", "slave_preserve_commit_order"):
            if self._session.variables.get(name) == "OFF":
                return f"the target's {name} is OFF: a failure would leave gaps"
        if self._session.variables.get("relay_log_info_repository", "TABLE") != "TABLE":
            return "the target applies in parallel and records how far in files (relay_log_info_repository)"
        try:
            self._session.query(f"{_WORKERS_REACHED} LIMIT 0")
        except DbfleetError:
            return "the user may not read mysql.slave_worker_info, which says how far parallel workers are"
        return ""

    def _gtids(self, plan: ReplayPlan, *, keep_gtids: bool) -> str:
        every, some = plan.gtids
        if self._mariadb:
            return "" if keep_gtids else "a replica of MariaDB keeps the GTIDs of what it applies"
        mode = self._session.variables.get("gtid_mode", "OFF")
        if some and not every and keep_gtids:
            return "some transactions have GTIDs and some have none"
        if mode == "OFF" or (every and keep_gtids):
            return ""
        if mode == "ON" and not self._words.has_assigned_gtids:
            return "the target's gtid_mode is ON, and its version gives replicated transactions no GTIDs of its own"
        return ""

    def gtid_handling(self, plan: ReplayPlan, *, keep_gtids: bool) -> tuple[bool, bool]:
        """Whether transactions lose their GTIDs on their way, and whether the server then gives them new ones."""
        if self._mariadb:
            return False, False
        mode = self._session.variables.get("gtid_mode", "OFF")
        kept = keep_gtids and plan.gtids[0] and mode != "OFF"
        return not kept, not kept and mode == "ON"

    def gtid_mode(self, *, anonymous: bool) -> str:
        """What the source is to say that its own mode is, so that the replica takes its events."""
        mode = self._session.variables.get("gtid_mode", "OFF")
        return "OFF" if anonymous and mode == "ON" else mode


def _in_order(place: tuple[str, int]) -> tuple[int, int]:
    """By the number that a binlog's name ends with, then by position."""
    number = place[0].rpartition(".")[2]
    return int(number) if number.isdigit() else 0, place[1]


def shown(error: str) -> str:
    """A replica's error without row values and statement texts."""
    return _QUERY_TEXT.sub(r"\1…'", without_values(error))


def suppressed(action: t.Callable[[], object]) -> str:
    """Do something on the way out of a failure; what went wrong with it."""
    try:
        action()
    except DbfleetError as error:
        return error.message
    return ""
