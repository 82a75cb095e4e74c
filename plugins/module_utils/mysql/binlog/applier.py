# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which applier a replay takes, and why."""

from __future__ import annotations

import contextlib

from ...errors import LockedError, PrivilegeError, UsageError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ..session import Session
from .applier_names import AUTO, BINLOG_STATEMENTS, REPLICA
from .replay import apply_plan, check_target
from .replay_plan import ReplayPlan
from .replica_applier import NotReachedError, apply_by_replica, go_on, replica_target, unsupported
from .replica_target import ReplicaTarget
from .source_address import HERE, SourceAddress


@dataclass(frozen=True)
class ChosenApplier:
    """The applier that a replay takes.

    :param name: :data:`BINLOG_STATEMENTS` or :data:`REPLICA`.
    :param reason: why it is this one.
    """

    name: str
    reason: str


def choose_applier(
    session: Session,
    plan: ReplayPlan,
    *,
    keep_gtids: bool,
    applier: str = AUTO,
    resume: bool = False,
    source: SourceAddress = HERE,
) -> ChosenApplier:
    """Decide, and make sure that it can be done; nothing is changed.

    :param applier: one of :data:`APPLIERS`.
    :param resume: go on with a replay by the fast applier that was interrupted.
    :param source: where a target that replicates finds this host.
    :raises UsageError: there is nothing to go on with, or the certificate of ``source`` cannot be used.
    :raises LockedError: an interrupted replay is there, and nobody said that it is to go on.
    :raises UnsupportedObjectError: what was asked for cannot be done, or something in the plan.
    """
    target = replica_target(session, plan, keep_gtids=keep_gtids, source=source)
    if applier == BINLOG_STATEMENTS:
        if resume:
            raise UsageError("only a replay by a replica can be resumed", hint="leave --resume or --applier out")
        with contextlib.suppress(PrivilegeError):
            # Who may not ask for it cannot have made the target a replica.
            _check_leftover(target, resume=False)
        check_target(session, plan)
        return ChosenApplier(BINLOG_STATEMENTS, "asked for")
    source.context()
    reason = target.reason_against(plan, keep_gtids=keep_gtids)
    if not reason:
        _check_leftover(target, resume=resume)
        if applier == AUTO and not resume and not target.log_is_kept():
            reason = "the target would not write what it replicates into its binlog (log_replica_updates is off)"
    if not reason:
        return ChosenApplier(REPLICA, "asked for" if applier == REPLICA else "nothing speaks against it")
    if applier == REPLICA or resume:
        raise unsupported(reason)
    check_target(session, plan)
    return ChosenApplier(BINLOG_STATEMENTS, reason)


def _check_leftover(target: ReplicaTarget, *, resume: bool) -> None:
    leftover = target.leftover()
    if leftover is None and resume:
        raise UsageError("there is no interrupted replay on the target", hint="leave --resume out")
    if leftover is not None and not resume:
        raise LockedError(
            "the target is still the replica of a replay that was interrupted, or is running",
            hint="repeat it with --resume to go on with it",
        )


def apply_with(
    session: Session,
    plan: ReplayPlan,
    progress: Progress,
    *,
    keep_gtids: bool,
    applier: str = AUTO,
    resume: bool = False,
    source: SourceAddress = HERE,
) -> ChosenApplier:
    """Apply the plan's transactions by the applier of choice; which one it was.

    :raises DbfleetError: as :func:`choose_applier`, before anything is changed; then as the applier.
    """
    chosen = choose_applier(session, plan, keep_gtids=keep_gtids, applier=applier, resume=resume, source=source)
    progress.message(f"applier {chosen.name}: {chosen.reason}")
    if chosen.name == REPLICA:
        target = replica_target(session, plan, keep_gtids=keep_gtids, source=source)
        leftover = target.leftover()
        if leftover is not None:
            plan = go_on(target, plan, leftover)
        if not target.log_is_kept():
            progress.warn("the target does not write what it replicates into its binlog: make a new full backup of it")
        try:
            apply_by_replica(target, session, plan, progress, keep_gtids=keep_gtids)
        except NotReachedError as error:
            if applier != AUTO or resume:
                raise
            check_target(session, plan)
            chosen = ChosenApplier(BINLOG_STATEMENTS, error.message)
            progress.message(f"applier {chosen.name}: {chosen.reason}")
    if chosen.name == BINLOG_STATEMENTS:
        apply_plan(session, plan, progress, keep_gtids=keep_gtids)
    return chosen
