# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The fast applier: the target becomes, for a while, a replica of a source that serves the plan's events and no more.

The target's own applier does the work; it records where in the archived files it is, which is what an interrupted
replay goes on from.
"""

from __future__ import annotations

import contextlib
import dataclasses
import random
import threading
import time
import zlib

from ...errors import ConnectError, DbfleetError, LockedError, RestoreError, UnsupportedObjectError
from ...progress import Progress
from ..session import Session
from .binlog_file import log_name
from .replay_plan import PlannedFile, ReplayPlan
from .replica_target import ReplicaTarget, shown, suppressed
from .replica_words import Place, ReplicaStatus
from .source_address import HERE, SourceAddress
from .source_protocol import NATIVE, SHA2
from .source_server import SourceServer

_CONNECT_SECONDS = 30.0
#: What is wrong with a certificate will be so at the next attempt, too.
_NO_TLS = "(error 2026)"
_FINISH_SECONDS = 10.0
_LOOK_SECONDS = (0.02, 0.25)
#: Where more than this is received and not applied yet, no further transaction is sent.
_MOST_RELAYED = 512 << 20


class NotReachedError(ConnectError):
    """The target could not be made a replica; nothing was applied and it is as it was."""


def replica_target(
    session: Session, plan: ReplayPlan, *, keep_gtids: bool, source: SourceAddress = HERE
) -> ReplicaTarget:
    """The target's side of a replay; nothing is changed."""
    return ReplicaTarget(session, identity=_identity(plan, keep_gtids=keep_gtids), source=source)


def apply_by_replica(
    target: ReplicaTarget, session: Session, plan: ReplayPlan, progress: Progress, *, keep_gtids: bool
) -> None:
    """Have the target replicate the plan's transactions, each whole or not at all, and detach it.

    :raises NotReachedError: the target does not connect; nothing was applied.
    :raises RestoreError: a transaction failed; ``context`` says which, and where to go on.
    """
    first = next((planned for planned in plan.files if planned.ranges), None)
    if first is None:
        return
    anonymous, assign = target.gtid_handling(plan, keep_gtids=keep_gtids)
    server = SourceServer(
        plan,
        address=target.source,
        user=target.user(plan),
        plugin=NATIVE if session.has_variable("master_info_repository") or plan.is_mariadb else SHA2,
        version=("5.5.5-" if plan.is_mariadb else "") + plan.server_version,
        anonymous=anonymous,
        server_id=_own_server_id(plan),
        variables={
            "gtid_mode": target.gtid_mode(anonymous=anonymous),
            "master_binlog_checksum": "CRC32",
            "source_binlog_checksum": "CRC32",
        },
    )
    place = Place(
        target.source.host,
        server.port,
        server.user,
        server.password,
        log_name(first.path),
        first.ranges[0][0],
        target.source.authority,
    )
    progress.phase("replaying", total_bytes=plan.bytes)
    with contextlib.closing(server):
        server.start()
        try:
            watcher = _Watcher(target, server, plan, progress, place, assign_gtids=assign)
            watcher.watch()
        except BaseException as error:
            if not isinstance(error, DbfleetError):
                suppressed(lambda: _finish_transaction(target, server))
            # The first failure is the one to tell of.
            problem = suppressed(target.detach)
            if problem:
                progress.warn(f"the target could not be detached from the replay: {problem}")
            raise
        target.detach()


def _finish_transaction(target: ReplicaTarget, server: SourceServer) -> None:
    """Send no further transaction, and have what was sent applied: half of one takes a minute to be given up."""
    server.pause(paused=True)
    deadline = time.monotonic() + _FINISH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS[1])
        status = target.status()
        if status.idle or status.apply_error:
            return


def go_on(target: ReplicaTarget, plan: ReplayPlan, leftover: ReplicaStatus) -> ReplayPlan:
    """Finish what an interrupted replay had sent; the plan of what is left.

    :raises LockedError: it was another replay.
    :raises RestoreError: a transaction that it had sent failed.
    """
    reached = target.take_over(leftover)
    if reached.apply_error:
        raise _failed(reached, plan)
    return remaining(plan, reached.file, reached.position)


def remaining(plan: ReplayPlan, file: str, position: int) -> ReplayPlan:
    """What of a plan comes behind a place in one of its files.

    :raises LockedError: it has no such file.
    """
    names = [log_name(planned.path) for planned in plan.files]
    if file not in names:
        raise LockedError(
            f"the interrupted replay ended in {file}, which is not one of the files", hint="give the same files again"
        )
    index = names.index(file)
    ranges = tuple((max(start, position), stop) for start, stop in plan.files[index].ranges if stop > position)
    files = (PlannedFile(plan.files[index].path, ranges), *plan.files[index + 1 :])
    return dataclasses.replace(
        plan, files=files, bytes=sum(stop - start for planned in files for start, stop in planned.ranges)
    )


class _Watcher(threading.Thread):
    """Attaches the target and looks after it, in a thread: a signal in the middle of a question would cost the session
    with which the target is to be detached."""

    def __init__(
        self,
        target: ReplicaTarget,
        server: SourceServer,
        plan: ReplayPlan,
        progress: Progress,
        place: Place,
        *,
        assign_gtids: bool,
    ) -> None:
        super().__init__(name="dbfleet-replica", daemon=True)
        self._target = target
        self._server = server
        self._plan = plan
        self._progress = progress
        self._place = place
        self._assign_gtids = assign_gtids
        self._stopped = threading.Event()
        self._error: BaseException | None = None

    def watch(self) -> None:
        """Return when everything is applied, or raise what went wrong."""
        self.start()
        try:
            while self.is_alive():
                self.join(_LOOK_SECONDS[1])
        finally:
            self._stopped.set()
            self.join()
        if self._error is not None:
            raise self._error

    def run(self) -> None:
        try:
            self._target.attach(self._place, self._plan, assign_gtids=self._assign_gtids)
            _watch(self._target, self._server, self._plan, self._progress, self._stopped)
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = error


def _watch(
    target: ReplicaTarget, server: SourceServer, plan: ReplayPlan, progress: Progress, stopped: threading.Event
) -> None:
    """Wait until everything is applied, or somebody stops it."""
    deadline = time.monotonic() + _CONNECT_SECONDS
    pause, told = _LOOK_SECONDS[0], 0
    sizes = _Sizes(plan)
    while not stopped.is_set():
        status = target.status()
        if status.apply_error:
            raise _failed(status, plan)
        done = sizes.up_to(status.file, status.position)
        progress.advance(max(0, done - told))
        told = max(done, told)
        if server.end is not None and (status.file, status.position) == server.end:
            return
        _check_receiving(status, server, deadline, target.source)
        server.pause(paused=status.relay_bytes > _MOST_RELAYED and not status.idle)
        stopped.wait(pause)
        pause = min(pause * 1.5, _LOOK_SECONDS[1])


def _check_receiving(status: ReplicaStatus, server: SourceServer, deadline: float, source: SourceAddress) -> None:
    if status.applying == "No":
        raise RestoreError("the target has stopped to apply, without an error", hint="see the target's error log")
    if server.connected.is_set():
        if server.error is not None and not isinstance(server.error, (ConnectError, OSError)):
            raise server.error
        if server.error is not None or status.receiving == "No":
            cause = status.receive_error or str(server.error or "it stopped to receive")
            raise RestoreError(
                f"the target does not receive the events any more: {shown(cause)}", hint="see the target's error log"
            )
    elif (
        server.error is not None
        or status.receiving == "No"
        or _NO_TLS in status.receive_error
        or time.monotonic() > deadline
    ):
        cause = status.receive_error or str(server.error or "it did not connect")
        trust = ", and to find the certificate good for that by its own file of authorities"
        raise NotReachedError(
            f"the target does not replicate from this host: {shown(cause)}",
            hint=f"it has to reach this host at {source.host}{trust if source.is_encrypted else ''}; or use the other "
            "applier",
        )


class _Sizes:
    """How many of a plan's bytes lie before a place."""

    def __init__(self, plan: ReplayPlan) -> None:
        self._before: dict[str, tuple[int, PlannedFile]] = {}
        total = 0
        for planned in plan.files:
            self._before[log_name(planned.path)] = (total, planned)
            total += sum(stop - start for start, stop in planned.ranges)

    def up_to(self, file: str, position: int) -> int:
        if file not in self._before:
            return 0
        before, planned = self._before[file]
        return before + sum(max(0, min(stop, position) - start) for start, stop in planned.ranges)


def _failed(status: ReplicaStatus, plan: ReplayPlan) -> DbfleetError:
    """The error of a transaction that the target could not apply."""
    file, position = _next(plan, status.file, status.position)
    return RestoreError(
        f"the transaction at {position} of {file} failed: {shown(status.apply_error)}",
        hint=f"everything before it is applied, and it is not; when the cause is mended, go on with {file} and "
        f"--start-position {position}",
        file=file,
        position=position,
    )


def _next(plan: ReplayPlan, file: str, position: int) -> tuple[str, int]:
    """The first transaction of a plan at or behind a place."""
    for planned in remaining(plan, file, position).files:
        if planned.ranges:
            return log_name(planned.path), planned.ranges[0][0]
    return file, position


def _own_server_id(plan: ReplayPlan) -> int:
    """Neither the target's nor that of a server that made the transactions."""
    while True:
        number = random.SystemRandom().randrange(1 << 31, 0xDBE00000)
        if number not in plan.server_ids:
            return number


def _identity(plan: ReplayPlan, *, keep_gtids: bool) -> int:
    """The same for the same beginning and changes, also when more was archived meanwhile."""
    first = next((planned for planned in plan.files if planned.ranges), None)
    start = (log_name(first.path), first.ranges[0][0]) if first is not None else None
    return zlib.crc32(repr((start, plan.changes, keep_gtids)).encode("utf-8", "surrogateescape"))


def unsupported(reason: str) -> DbfleetError:
    """The error where the fast applier was asked for and cannot be used."""
    return UnsupportedObjectError(
        f"the target cannot be made a replica for this replay: {reason}",
        hint="use --applier binlog_statements, or auto, which chooses",
    )
