# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring an opened archive into a database: which transactions, by how many processes."""

from __future__ import annotations

import dataclasses
import os
import secrets
import typing as t

from ..errors import UsageError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import Manifest
from ..state_file import StateFile
from .archive.reader import ArchiveReader
from .index_building import IndexWorkers, index_memory
from .options import RestoreOptions
from .preflight import Report
from .quoting import literal
from .restore_entry import EntryRunner, lock_weight
from .restore_ledger import Ledger
from .restore_order import RestoreOrder
from .restore_run import RestoreRun, RunPolicy
from .restore_sql import ArchiveSettings
from .restore_state import NoJournal, RestoreState, state_key
from .restored_checks import check_restored
from .session import Session

_LOCK_CAPACITY = (
    "SELECT pg_catalog.current_setting('max_locks_per_transaction')::pg_catalog.int8 * "
    "(pg_catalog.current_setting('max_connections')::pg_catalog.int8 + "
    "pg_catalog.current_setting('max_prepared_transactions')::pg_catalog.int8)"
)
#: How much is done again at the most when a restore is resumed: items, and bytes of rows in one transaction.
_RESUMABLE_SIZE = 100
_RESUMABLE_BYTES = 64 << 20


@dataclass(frozen=True)
class OpenedArchive:
    """An archive that is being restored, and what was found out of it.

    :param sizes: how many bytes of data the entries have, by their numbers.
    """

    artifact: ArtifactReader
    reader: ArchiveReader
    order: RestoreOrder
    settings: ArchiveSettings
    manifest: Manifest | None
    sizes: t.Mapping[int, int]


def restore_archive(
    session: Session,
    archive: OpenedArchive,
    options: RestoreOptions,
    progress: Progress,
    *,
    new_database: bool,
    last: t.Callable[[], None],
    state: RestoreState | None = None,
) -> Ledger:
    """Restore everything into the session's database.

    :param new_database: it was made for this restore, and goes away if the restore fails.
    :param last: called inside the last transaction, before it is committed.
    :param state: where to record what is done, and what of it was done before.
    :returns: what was done, and what failed where the restore was to go on.
    :raises RestoreError: it stopped; what remains and what does not is said.
    """
    order, how = archive.order, options.run
    ledger = Ledger(order.steps, new_database=new_database, kept=state is not None, show_data=how.show_data)
    session.show_data = how.show_data
    name, journal = _sessions_name(session, state), None if state is None else state.journal()
    if state is not None:
        take_over(session, state, ledger, order, progress, role=options.session.role if new_database else "")
    policy = RunPolicy(
        clean=options.clean,
        transaction_locks=_transaction_locks(session, order, options, progress, new_database=new_database),
        transaction_size=how.transaction_size or (_RESUMABLE_SIZE if how.resume else 0),
        transaction_bytes=_RESUMABLE_BYTES if how.resume else 0,
        go_on=how.go_on,
        skip_existing=how.skip_existing,
        skip_data_of_failed=how.no_data_for_failed_tables,
    )
    # Of a new database, its last step, the renaming, waits for the disk and so makes everything before it durable.
    lazy = new_database
    as_whom = dataclasses.replace(options.session, index_memory=index_memory(session, jobs=options.jobs))
    runner = EntryRunner(
        session,
        archive.reader,
        archive.settings,
        progress,
        manifest=archive.manifest,
        lazy_durability=lazy,
        how=as_whom,
    )
    run = RestoreRun(runner, order, ledger, progress, policy=policy, journal=journal)
    if options.jobs == 1:
        run.run(last=last)
        return ledger
    # Imported here, as few restores need it and it takes longer than many a restore.
    from .restore_parallel import Assignment, Inherited, ParallelRun

    assignment = Assignment(
        connection=options.connection,
        database=session.database,
        name=name,
        artifact=archive.artifact,
        settings=archive.settings,
        selection=options.selection,
        manifest=archive.manifest,
        lazy_durability=lazy,
        how=as_whom,
        inherited=Inherited(archive.reader, ledger.index, runner.recorded),
        show_data=how.show_data,
        journal=journal or NoJournal(),
    )
    ParallelRun(
        run, session, archive.reader.entries, order, ledger, progress,
        policy=policy, assignment=assignment, jobs=options.jobs, sizes=archive.sizes,
        index_workers=IndexWorkers(session),
    ).run(last=last)  # fmt: skip
    return ledger


def finish_restore(
    session: Session, archive: OpenedArchive, ledger: Ledger, options: RestoreOptions, progress: Progress
) -> dict[str, t.Any]:
    """What comes after a restore: statistics for the optimizer, and a look at what was restored.

    :returns: what was found, as plain data.
    :raises RestoreError: what is there is not what was backed up.
    """
    how = options.run
    if how.analyze:
        analyze(session, progress)
    steps = archive.order.steps
    checks = check_restored(session, [entry for entry in steps if ledger.is_done(entry.dump_id)])
    if checks["invalid_indexes"]:
        progress.warn(f"these indexes are not valid: {', '.join(checks['invalid_indexes'])}")
    if how.verify != "none":
        from .restored_rows import verify_restored

        checks["compared"] = verify_restored(
            session, archive.reader, steps, ledger.tables, archive.manifest, progress,
            how=how.verify, encoding=archive.settings.encoding,
        )  # fmt: skip
    return checks


def analyze(session: Session, progress: Progress) -> None:
    """Gather the optimizer's statistics of the whole database."""
    progress.phase("analyzing")
    session.execute("ANALYZE")


def check_run_options(options: RestoreOptions) -> None:
    """
    :raises UsageError: the options contradict each other.
    """
    how = options.run
    if how.single_transaction:
        for name, given in (
            ("jobs", options.jobs > 1),
            ("transaction_size", how.transaction_size),
            ("on_error: continue", how.go_on),
            ("resume", how.resume),
        ):
            if given:
                raise UsageError(f"single_transaction does not go with {name}", hint="leave one of them out")
    if how.replace and how.go_on:
        raise UsageError(
            "replace does not go with on_error: continue, which could replace a database by an incomplete one",
            hint="restore under another name, and rename it when you have looked at it",
        )
    if how.resume and options.clean:
        raise UsageError(
            "resume does not go with clean, which would drop again what was restored before",
            hint="restore into a new database (create), or drop the objects before",
        )


def open_state(
    order: RestoreOrder, settings: ArchiveSettings, manifest: Manifest | None, options: RestoreOptions
) -> RestoreState:
    """The state file of this restore.

    :raises LockedError: the same restore is running.
    """
    server = options.connection
    key = state_key(
        order.steps,
        manifest,
        server=[server.host, server.port, server.unix_socket, server.service],
        database=options.database,
        create=options.create,
        encoding=settings.encoding,
    )
    return RestoreState(StateFile(os.path.join(options.run.state_folder, f"restore-{key[:32]}.jsonl"), key))


def check_single_transaction(session: Session, order: RestoreOrder, options: RestoreOptions, report: Report) -> None:
    """Where everything is to be one transaction, the server must have room for its locks."""
    needed, capacity = _locks_needed(order, options), lock_capacity(session)
    if options.run.single_transaction and needed > capacity:
        report.add(
            UsageError,
            f"a single transaction would need about {needed} locks, and the server has room for {capacity}",
            "leave single_transaction out, or raise max_locks_per_transaction on the server",
        )


def lock_capacity(session: Session) -> int:
    """How many locks the server's lock table is made for."""
    return int(session.value(_LOCK_CAPACITY) or 0)


def transaction_locks(session: Session, needed: int, progress: Progress) -> int | None:
    """``None`` where everything fits into one transaction, else how many locks one of several may hold."""
    capacity = lock_capacity(session)
    budget = capacity * 3 // 4
    if needed <= budget:
        return None
    progress.warn(
        f"the backup has too many objects for one transaction (about {needed} locks, the server has room for "
        f"{capacity}): it is restored in several, and a failure will leave a part of it in the target; "
        "to have all or nothing, restore with create or raise max_locks_per_transaction"
    )
    return budget


def _sessions_name(session: Session, state: RestoreState | None) -> str:
    """What the sessions of this restore are called, so that they can be found again."""
    if state is None or state.header is None:
        return f"dbfleet restore {secrets.token_hex(8)}"
    session.execute(f"SET application_name = {literal(state.header.name)}")
    return state.header.name


def take_over(
    session: Session, state: RestoreState, ledger: Ledger, order: RestoreOrder, progress: Progress, *, role: str
) -> None:
    """Note what an earlier run has done."""
    done = state.take_over(session, role=role)
    for entry in order.steps:
        if entry.dump_id in done:
            ledger.finished(entry, done[entry.dump_id])
    if done:
        progress.message(f"going on after {len(done)} of {len(order.steps)} items")


def _locks_needed(order: RestoreOrder, options: RestoreOptions) -> int:
    return sum(lock_weight(entry) for entry in order.steps) * (2 if options.clean else 1)


def _transaction_locks(
    session: Session, order: RestoreOrder, options: RestoreOptions, progress: Progress, *, new_database: bool
) -> int | None:
    if options.run.single_transaction:
        return None
    if new_database or options.jobs > 1 or options.run.transaction_size or options.run.resume:
        return lock_capacity(session) // 2
    return transaction_locks(session, _locks_needed(order, options), progress)
