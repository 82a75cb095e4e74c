# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which transactions a replay would apply: read, verified and decided before the target is touched."""

from __future__ import annotations

import contextlib
import os
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError, UnsupportedObjectError, UsageError
from ...lazy_dataclass import dataclass
from . import codes
from .archive_folder import SIDECAR_SUFFIX, ArchiveFolder
from .binlog_file import PART_SUFFIX, BinlogFile, StoredBinlog, log_name, open_binlog
from .compressed import inner_events, uncompressed
from .coverage import log_in_repository
from .events import BinlogReader, Event
from .file_facts import FileFacts
from .listing import TransactionFilter, TransactionMatcher
from .query_context import session_assignments
from .query_event import parse_query
from .replay_changes import UNCHANGED, EventChanger, ReplayChanges
from .transactions import Transaction, transactions

#: What lies beside a binlog ends so: MariaDB's index of its GTIDs (since 11.4), and the sidecar of an archived one.
_BESIDE = (".idx", SIDECAR_SUFFIX)


@dataclass(frozen=True)
class PlannedFile:
    """What is wanted of a file.

    :param ranges: first byte and byte behind the last, of transactions that follow each other.
    """

    path: BinlogFile
    ranges: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ReplayPlan:
    """What would be applied.

    :param bytes: of the events.
    :param last: the last transaction that would be applied, with its file.
    :param left_out: the first one behind it that would not.
    :param incomplete: transactions that their files do not end; they are never applied.
    :param changes: what is left out of them and renamed.
    :param emptied: transactions of which nothing is left then.
    :param loads: one of them loads a file (``LOAD DATA`` that was logged as a statement).
    :param server_ids: of the servers that they were made on.
    :param gtids: whether each of them has a GTID, and whether one has.
    :param server_version: of the server that wrote the last of the files, as it says it.
    """

    files: tuple[PlannedFile, ...]
    transactions: int
    bytes: int
    last: tuple[str, Transaction] | None
    left_out: tuple[str, Transaction] | None
    incomplete: int
    changes: ReplayChanges = UNCHANGED
    emptied: int = 0
    loads: bool = False
    server_ids: frozenset[int] = frozenset()
    gtids: tuple[bool, bool] = (False, False)
    server_version: str = ""

    @property
    def is_mariadb(self) -> bool:
        """Whether the binlogs are MariaDB's."""
        return "mariadb" in self.server_version.lower()


Until = t.Callable[[str, Transaction], bool]


def plan_replay(
    paths: t.Sequence[BinlogFile],
    wanted: TransactionFilter,
    *,
    partial: bool = False,
    until: Until | None = None,
    changes: ReplayChanges | None = None,
) -> ReplayPlan:
    """Read all files to their end and choose.

    :param partial: the last file may end within an event, as one that is being archived does.
    :param until: told of every transaction with its file; the first for which it is true, and all behind it, are left
        out, and files behind it are not read.
    :param changes: what is left out of transactions, and renamed.
    :raises UsageError: there is no file, or a table's name cannot be understood.
    :raises ConsistencyError: something is missing between two files.
    :raises CorruptArtifactError: a file is damaged, or a server says that events are missing in one.
    :raises UnsupportedObjectError: something that is wanted cannot be applied; nothing has been.
    """
    if not paths:
        raise UsageError("there is no binlog to replay")
    builder = _Builder(wanted, until, changes or UNCHANGED)
    for index, path in enumerate(paths):
        last = index == len(paths) - 1
        with contextlib.closing(open_binlog(path)) as source:
            name = log_name(path)
            reader = BinlogReader(source, name, partial=partial and (last or _begins_anew(paths[index + 1])))
            builder.read(path, name, reader, first=index == 0, last=last)
        if builder.ended:
            break
    return builder.plan()


def files_in_order(paths: t.Sequence[BinlogFile]) -> list[BinlogFile]:
    """Files as they are given; for a folder of archived binlogs, also of a repository, its files in their order.

    What lies beside a binlog that is given too, and that a pattern for names finds with it, is left out: MariaDB's
    index of its GTIDs, and the sidecar of an archived one.

    :raises CorruptArtifactError, ConsistencyError, StorageError: a folder cannot be read.
    """
    found: list[BinlogFile] = []
    given = set(paths)
    for path in paths:
        if not isinstance(path, str):
            found.append(path)
            continue
        log, suffix = os.path.splitext(path)
        if suffix in _BESIDE and log in given:
            continue
        stored = log_in_repository(path) if os.path.isdir(path) else None
        if stored is not None:
            found += stored
        elif os.path.isdir(path):
            folder = ArchiveFolder(path)
            found += [folder.path_of(sealed.file) for sealed in folder.sealed()]
            part = folder.unsealed()
            if part is not None:
                found.append(folder.path_of(part + PART_SUFFIX))
        else:
            found.append(path)
    return found


def _begins_anew(file: BinlogFile) -> bool:
    return isinstance(file, StoredBinlog) and file.is_first_of_server


class _Builder:
    def __init__(self, wanted: TransactionFilter, until: Until | None, changes: ReplayChanges) -> None:
        self._wanted = wanted
        self._changes = changes
        self._changer: EventChanger | None = None
        self._emptied_before = 0
        self._emptied = 0
        self._loaded = self._loads = False
        self._server_ids: set[int] = set()
        self._with_gtid = 0
        self._server_version = ""
        self._until = until
        self.ended = False
        self._matches = TransactionMatcher(wanted)
        self._files: list[PlannedFile] = []
        self._count = 0
        self._bytes = 0
        self._incomplete = 0
        self._last: tuple[str, Transaction] | None = None
        self._left_out: tuple[str, Transaction] | None = None
        self._problem = ""
        self._before: FileFacts | None = None

    def read(self, path: BinlogFile, name: str, reader: BinlogReader, *, first: bool, last: bool) -> None:
        wanted = self._wanted
        held = self._of_another_server(path)
        start = wanted.start_position if first else 0
        stop = wanted.stop_position if last else None
        ranges: list[tuple[int, int]] = []
        self._changer, self._emptied_before = None, 0
        for transaction in transactions(self._checked(reader, name), name, counting=False):
            problem, self._problem = self._problem, ""
            loaded, self._loaded = self._loaded, False
            emptied = self._newly_emptied()
            in_place = transaction.start >= start and (stop is None or transaction.start < stop)
            if in_place and held is not None and not held(transaction):
                continue
            if in_place and self._until is not None and not self.ended:
                self.ended = self._until(name, transaction)
            if self.ended or not (in_place and self._matches(transaction)):
                if self._left_out is None and (self._last is not None or self.ended):
                    self._left_out = (name, transaction)
                continue
            if not transaction.complete:
                self._incomplete += 1
                continue
            self._accept(name, transaction, problem)
            self._loads = self._loads or loaded
            self._emptied += emptied
            if ranges and ranges[-1][1] == transaction.start:
                ranges[-1] = (ranges[-1][0], transaction.end)
            else:
                ranges.append((transaction.start, transaction.end))
        self._files.append(PlannedFile(path, tuple(ranges)))

    def _of_another_server(self, path: BinlogFile) -> TransactionMatcher | None:
        """For the first file of another server, what tells the transactions that no file before it holds."""
        if _begins_anew(path):
            self._before = None
        if not isinstance(path, StoredBinlog) or not path.held:
            return None
        return TransactionMatcher(TransactionFilter(exclude_gtids=path.held))

    def _follows(self, facts: FileFacts) -> None:
        """Make sure that nothing is missing between the file before and this one."""
        before = self._before
        if before is None:
            return
        if before.ended_by and before.next_file != facts.name:
            raise ConsistencyError(
                f"{before.next_file} follows {before.name}, not {facts.name}",
                hint="give every file of the server, in order; dbfleet binlog archive keeps them so",
            )
        if before.ended_by and facts.gtids_before != before.gtids_after:
            raise ConsistencyError(
                f"{facts.name} begins after the transactions {facts.gtids_before or 'none'}, but {before.name} ended "
                f"with {before.gtids_after or 'none'}",
                hint="the files are of different servers, or transactions are missing between them",
            )

    def _accept(self, name: str, transaction: Transaction, problem: str) -> None:
        where = f"the transaction at {transaction.start} of {name}"
        if transaction.incident:
            raise CorruptArtifactError(
                f"{where} is missing events: {transaction.incident}",
                hint="its server could not log them; make a new full backup, or leave the transaction out",
            )
        if problem:
            raise UnsupportedObjectError(
                f"{where} cannot be applied: {problem}", hint="leave it out by its GTID or position"
            )
        self._count += 1
        self._bytes += transaction.size
        self._server_ids.add(transaction.server_id)
        self._with_gtid += bool(transaction.gtid)
        self._last, self._left_out = (name, transaction), None

    def _checked(self, reader: BinlogReader, name: str) -> t.Iterator[Event]:
        """The events, looked at for what could not be applied and for gaps between files."""
        facts = FileFacts(name)
        for event in reader:
            facts.see(event.header, event.body, reader.format)
            if event.header.type in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
                self._follows(facts)
            self._change(event, reader, name)
            if event.header.type == codes.TRANSACTION_PAYLOAD:
                for inner in inner_events(event, name):
                    self._check(inner, reader, name)
            else:
                self._check(event, reader, name)
            yield event
        self._before = facts
        self._server_version = reader.format.server_version

    def _change(self, event: Event, reader: BinlogReader, name: str) -> None:
        """Let an event be changed as it will be, to learn whether it can be."""
        if self._changes.is_nothing or event.header.type == codes.FORMAT_DESCRIPTION:
            return
        if self._changer is None:
            self._changer = EventChanger(self._changes, name, mariadb=reader.format.is_mariadb)
        try:
            for _changed in self._changer.take(event):
                pass
        except UnsupportedObjectError as error:
            self._problem = self._problem or error.message
            self._changer.forget()

    def _newly_emptied(self) -> int:
        """How many transactions came out empty since it was asked the last time."""
        before = self._emptied_before
        self._emptied_before = self._changer.emptied if self._changer is not None else 0
        return min(self._emptied_before - before, 1)

    def _check(self, event: Event, reader: BinlogReader, name: str) -> None:
        kind = event.header.type
        if kind == codes.EXECUTE_LOAD_QUERY:
            self._loaded = True
        elif kind in (codes.QUERY, codes.QUERY_COMPRESSED):
            what = f"the statement at {event.position} of {name}"
            query = parse_query(uncompressed(event, what).body, what)
            session_assignments(query, what, mariadb=reader.format.is_mariadb)
            if query.error:
                self._problem = self._problem or f"a statement that ended with the error {query.error} on its server"

    def plan(self) -> ReplayPlan:
        return ReplayPlan(
            files=tuple(self._files),
            transactions=self._count,
            bytes=self._bytes,
            last=self._last,
            left_out=self._left_out,
            incomplete=self._incomplete,
            changes=self._changes,
            emptied=self._emptied,
            loads=self._loads,
            server_ids=frozenset(self._server_ids),
            server_version=self._server_version,
            gtids=(self._with_gtid == self._count, self._with_gtid > 0),
        )
