# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Replaying binlogs into a server, as the command's job."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...progress import Progress
from .. import connection
from ..options import ConnectionOptions
from .listing import TransactionFilter
from .replay import apply_plan
from .replay_plan import ReplayPlan, files_in_order, plan_replay
from .transactions import Transaction


@dataclasses.dataclass(frozen=True)
class ReplayRequest:
    """What to replay, and where.

    :param paths: files, and folders of archived binlogs.
    :param keep_gtids: see :func:`.replay.apply_plan`.
    :param check: only read and plan.
    """

    connection: ConnectionOptions
    paths: tuple[str, ...]
    wanted: TransactionFilter
    keep_gtids: bool = True
    check: bool = False


@dataclasses.dataclass(frozen=True)
class ReplayResult:
    """What was, or would be, applied."""

    changed: bool
    plan: ReplayPlan

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data."""
        plan = self.plan
        return {
            "changed": self.changed,
            "files": [planned.path for planned in plan.files if planned.ranges],
            "transactions": plan.transactions,
            "bytes": plan.bytes,
            "last": _place(plan.last),
            "left_out": _place(plan.left_out),
            "incomplete": plan.incomplete,
        }


def replay_binlogs(request: ReplayRequest, progress: Progress) -> ReplayResult:
    """Plan, and unless only that was asked for, apply.

    :raises DbfleetError: as :func:`.replay_plan.plan_replay`, before anything is touched; then as
        :func:`.replay.apply_plan`.
    """
    progress.phase("checking")
    plan = plan_replay(files_in_order(request.paths), request.wanted, partial=True)
    if plan.transactions:
        # In check mode too: who may not connect should know before the night when it matters.
        with contextlib.closing(connection.connect(request.connection)) as session:
            if not request.check:
                apply_plan(session, plan, progress, keep_gtids=request.keep_gtids)
    return ReplayResult(changed=plan.transactions > 0, plan=plan)


def _place(found: tuple[str, Transaction] | None) -> dict[str, t.Any] | None:
    if found is None:
        return None
    file, transaction = found
    return {"file": file, "start": transaction.start, "end": transaction.end, "gtid": transaction.gtid}
