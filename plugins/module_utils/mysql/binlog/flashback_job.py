# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Undoing chosen row changes of the binlog on the server where they were made."""

from __future__ import annotations

import contextlib
import dataclasses
import typing as t

from ...errors import ConsistencyError, DbfleetError, QueryError, UsageError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from .. import connection, faults
from ..options import ConnectionOptions
from ..quoting import qualified
from ..session import Session
from . import undo_statements as sql
from .binlog_file import BinlogFile
from .flashback_batch import Conflicts
from .flashback_plan import FlashbackPlan, plan_flashback
from .flashback_spool import ReverseSpool
from .flashback_steps import Step, Steps
from .flashback_target import TableName, Target, read_targets
from .flashback_undo import Undo
from .listing import TransactionFilter
from .replay_plan import files_in_order
from .transactions import RowCounts, Transaction

PLAN, CHECK, APPLY = "plan", "check", "apply"
_PIECE = 1 << 16
MODES = (PLAN, CHECK, APPLY)


@dataclass(frozen=True)
class FlashbackRequest:
    """What is to be undone, and where.

    :param paths: binlogs in their order, and folders of archived ones, up to the present: what happened to the tables
        after the mistake is looked for in them.
    :param wanted: time, position, GTIDs and server choose transactions; of these, databases, tables and verbs choose
        the rows.
    :param mode: ``plan`` reads and counts, ``check`` also does everything and takes it back, ``apply`` does it.
    :param fire_triggers: undo although triggers would fire.
    :param ignore_cascades: undo although rows that foreign keys changed with these are not in the log.
    :param script: takes the statements that undo, which hold row values, piece by piece; ``None`` where they are not
        wanted.
    """

    connection: ConnectionOptions
    paths: tuple[BinlogFile, ...]
    wanted: TransactionFilter
    mode: str = PLAN
    fire_triggers: bool = False
    ignore_cascades: bool = False
    script: t.Callable[[str], object] | None = None


@dataclass(frozen=True)
class FlashbackResult:
    """What was, or would be, undone."""

    changed: bool
    mode: str
    plan: FlashbackPlan

    def to_dict(self) -> dict[str, t.Any]:
        """As plain data; rows are counted as undoing inserts, updates and deletes them."""
        plan = self.plan
        tables = [
            {"name": ".".join(name), "inserted": done.deleted, "updated": done.updated, "deleted": done.inserted}
            for name, done in plan.tables.items()
        ]
        return {
            "changed": self.changed,
            "mode": self.mode,
            "transactions": plan.transactions,
            "bytes": plan.bytes,
            "rows": _rows(plan.tables),
            "tables": tables,
            "first": _place(plan.first),
            "last": _place(plan.last),
            "incomplete": plan.incomplete,
        }


def flashback(request: FlashbackRequest, progress: Progress) -> FlashbackResult:
    """Undo row changes in one transaction, the last one first, or find out whether that can be done.

    :raises UsageError: the request contradicts itself.
    :raises UnsupportedObjectError: something cannot be undone; nothing was changed.
    :raises ConsistencyError: rows are not as they were left; ``context`` has ``conflicts`` and ``conflict_count``;
        nothing was changed.
    :raises DbfleetError: a file cannot be read, or the server refused something; nothing was changed.
    """
    if request.mode not in MODES:
        raise UsageError(f"unknown mode {request.mode!r}", hint=f"use one of {', '.join(MODES)}")
    progress.phase("choosing")
    files = files_in_order(request.paths)
    plan = plan_flashback(files, request.wanted)
    if plan.transactions:
        # For a plan too: whether the tables allow it should be known before.
        with contextlib.closing(connection.connect(request.connection)) as session, ReverseSpool() as spool:
            plan = _run(request, plan, session, spool, progress)
    return FlashbackResult(request.mode == APPLY and plan.transactions > 0, request.mode, plan)


def _run(
    request: FlashbackRequest, plan: FlashbackPlan, session: Session, spool: ReverseSpool, progress: Progress
) -> FlashbackPlan:
    """Do what the request asks for; the plan with the tables that it is about in the end."""
    session.set_variables({**sql.SESSION, **_names_of_isolation(session)})
    session.execute("START TRANSACTION")
    try:
        _hold(session, plan.tables)
        targets = read_targets(
            session, plan.tables, fire_triggers=request.fire_triggers, ignore_cascades=request.ignore_cascades
        )
        steps = Steps(plan, {name: target.table for name, target in targets.items()}, spool)
        steps.read(progress)
        if request.script is not None:
            for piece in _gathered(script(steps.reversed())):
                request.script(piece)
        if request.mode != PLAN:
            _undo(session, targets, steps, plan, progress)
        session.execute("COMMIT" if request.mode == APPLY else "ROLLBACK")
        return dataclasses.replace(plan, tables={name: plan.tables[name] for name in targets})
    except BaseException:
        with contextlib.suppress(DbfleetError):
            session.execute("ROLLBACK")
        raise


def _undo(
    session: Session, targets: t.Mapping[TableName, Target], steps: Steps, plan: FlashbackPlan, progress: Progress
) -> None:
    progress.phase("undoing", total_bytes=plan.bytes)
    undo = Undo(session, targets, progress)
    undo.run(steps.reversed())
    if not undo.conflicts.count:
        undo.check_foreign_keys()
    if undo.conflicts.count:
        raise _conflict(undo.conflicts)


def _conflict(conflicts: Conflicts) -> ConsistencyError:
    shown = "; ".join(conflicts.named[:3])
    more = f"; and {conflicts.count - 3} more" if conflicts.count > 3 else ""
    number = f"at least {conflicts.count}" if conflicts.is_too_many else str(conflicts.count)
    return ConsistencyError(
        f"{number} rows are not as the change left them: {shown}{more}",
        hint="nothing was changed; choose what came later too, or leave these rows out by choosing other transactions",
        conflicts=conflicts.named,
        conflict_count=conflicts.count,
    )


def script(steps: t.Iterable[Step]) -> t.Iterator[str]:
    """The statements that undo, as a script for the server's own client; each changes one row, and only if it still is
    as the change left it."""
    known = ", ".join(f"{name} = {sql.SESSION[name]}" for name in ("time_zone", "sql_mode", "foreign_key_checks"))
    yield f"SET NAMES utf8mb4;\nSET SESSION {known};\nSTART TRANSACTION;\n"
    for table, before, after in steps:
        if before is None:
            limit = "" if table.key else " LIMIT 1"
            yield f"{sql.delete(table, sql.by_values(table, after or ()) + limit)};\n"
        elif after is None:
            yield f"{sql.insert(table, [before])};\n"
        else:
            limit = "" if table.key else " LIMIT 1"
            yield f"{sql.update(table, after, before, sql.by_values(table, after) + limit)};\n"
    yield "COMMIT;\n"


def _gathered(statements: t.Iterable[str]) -> t.Iterator[str]:
    """The same text in pieces worth a write each."""
    parts: list[str] = []
    size = 0
    for statement in statements:
        parts.append(statement)
        size += len(statement)
        if size >= _PIECE:
            yield "".join(parts)
            parts, size = [], 0
    yield "".join(parts)


def _hold(session: Session, tables: t.Iterable[TableName]) -> None:
    """Keep the definitions as they are until the end of the transaction."""
    for name in tables:
        try:
            session.execute(f"SELECT 1 FROM {qualified(*name)} LIMIT 0 FOR UPDATE")
        except QueryError as error:
            # One that is gone is told of when its definition is read.
            if error.context.get("errno") != faults.UNKNOWN_TABLE:
                raise


def _names_of_isolation(session: Session) -> dict[str, str]:
    name = "transaction_isolation" if session.has_variable("transaction_isolation") else "tx_isolation"
    return {name: "'REPEATABLE-READ'"}


def _rows(tables: t.Mapping[TableName, RowCounts]) -> int:
    return sum(done.inserted + done.updated + done.deleted for done in tables.values())


def _place(found: tuple[str, Transaction] | None) -> dict[str, t.Any] | None:
    if found is None:
        return None
    file, transaction = found
    return {"file": file, "start": transaction.start, "end": transaction.end, "gtid": transaction.gtid}
