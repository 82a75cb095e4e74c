# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Replaying binlogs into a server, as the command's job."""

from __future__ import annotations

import contextlib
import typing as t

from ...lazy_dataclass import dataclass
from ...progress import Progress
from .. import connection
from ..options import ConnectionOptions
from .applier import ChosenApplier, apply_with, choose_applier
from .applier_names import AUTO
from .binlog_file import location_of
from .listing import TransactionFilter
from .replay_changes import UNCHANGED, ReplayChanges
from .replay_plan import ReplayPlan, files_in_order, plan_replay
from .source_address import HERE, SourceAddress
from .transactions import Transaction


@dataclass(frozen=True)
class ReplayRequest:
    """What to replay, and where.

    :param paths: files, and folders of archived binlogs.
    :param keep_gtids: see :func:`.replay.apply_plan`.
    :param check: only read and plan.
    :param changes: what is left out of transactions, and renamed.
    :param applier: one of :data:`.applier.APPLIERS`.
    :param resume: go on with a replay by the fast applier that was interrupted.
    :param source: where a target that replicates finds this host.
    """

    connection: ConnectionOptions
    paths: tuple[str, ...]
    wanted: TransactionFilter
    keep_gtids: bool = True
    check: bool = False
    changes: ReplayChanges = UNCHANGED
    applier: str = AUTO
    resume: bool = False
    source: SourceAddress = HERE


@dataclass(frozen=True)
class ReplayResult:
    """What was, or would be, applied."""

    changed: bool
    plan: ReplayPlan
    applier: ChosenApplier | None = None

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data."""
        plan = self.plan
        return {
            "changed": self.changed,
            "files": [location_of(planned.path) for planned in plan.files if planned.ranges],
            "transactions": plan.transactions,
            "bytes": plan.bytes,
            "last": _place(plan.last),
            "left_out": _place(plan.left_out),
            "incomplete": plan.incomplete,
            "emptied": plan.emptied,
            "applier": self.applier.name if self.applier is not None else None,
            "applier_reason": self.applier.reason if self.applier is not None else None,
        }


def replay_binlogs(request: ReplayRequest, progress: Progress) -> ReplayResult:
    """Plan, and unless only that was asked for, apply.

    :raises DbfleetError: as :func:`.replay_plan.plan_replay`, before anything is touched; then as
        :func:`.applier.apply_with`.
    """
    progress.phase("checking")
    plan = plan_replay(files_in_order(request.paths), request.wanted, partial=True, changes=request.changes)
    chosen = None
    if plan.transactions:
        # In check mode too: who may not connect should know before the night when it matters.
        with contextlib.closing(connection.connect(request.connection, sends_files=plan.loads)) as session:
            how: t.Any = {
                "keep_gtids": request.keep_gtids,
                "applier": request.applier,
                "resume": request.resume,
                "source": request.source,
            }
            if request.check:
                chosen = choose_applier(session, plan, **how)
            else:
                chosen = apply_with(session, plan, progress, **how)
    return ReplayResult(changed=plan.transactions > 0, plan=plan, applier=chosen)


def _place(found: tuple[str, Transaction] | None) -> dict[str, t.Any] | None:
    if found is None:
        return None
    file, transaction = found
    return {"file": file, "start": transaction.start, "end": transaction.end, "gtid": transaction.gtid}
