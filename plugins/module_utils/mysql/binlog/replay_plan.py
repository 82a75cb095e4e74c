# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which transactions a replay would apply: read, verified and decided before the target is touched."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import typing as t

from ...errors import ConsistencyError, CorruptArtifactError, UnsupportedObjectError, UsageError
from . import codes
from .archive_folder import PART_SUFFIX, ArchiveFolder
from .compressed import inner_events, uncompressed
from .events import BinlogReader, Event
from .file_facts import FileFacts
from .listing import TransactionFilter, TransactionMatcher, open_binlog
from .query_context import session_assignments
from .query_event import parse_query
from .transactions import Transaction, transactions

_REFUSED = {
    codes.BEGIN_LOAD_QUERY: "LOAD DATA that was logged as a statement",
    codes.EXECUTE_LOAD_QUERY: "LOAD DATA that was logged as a statement",
}


@dataclasses.dataclass(frozen=True)
class PlannedFile:
    """What is wanted of a file.

    :param ranges: first byte and byte behind the last, of transactions that follow each other.
    """

    path: str
    ranges: tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True)
class ReplayPlan:
    """What would be applied.

    :param bytes: of the events.
    :param last: the last transaction that would be applied, with its file.
    :param left_out: the first one behind it that would not.
    :param incomplete: transactions that their files do not end; they are never applied.
    """

    files: tuple[PlannedFile, ...]
    transactions: int
    bytes: int
    last: tuple[str, Transaction] | None
    left_out: tuple[str, Transaction] | None
    incomplete: int


def plan_replay(paths: t.Sequence[str], wanted: TransactionFilter, *, partial: bool = False) -> ReplayPlan:
    """Read all files to their end and choose.

    :param partial: the last file may end within an event, as one that is being archived does.
    :raises UsageError: there is no file.
    :raises ConsistencyError: something is missing between two files.
    :raises CorruptArtifactError: a file is damaged, or a server says that events are missing in one.
    :raises UnsupportedObjectError: something that is wanted cannot be applied; nothing has been.
    """
    if not paths:
        raise UsageError("there is no binlog to replay")
    builder = _Builder(wanted)
    for index, path in enumerate(paths):
        last = index == len(paths) - 1
        with contextlib.closing(open_binlog(path)) as source:
            name = log_name(path)
            reader = BinlogReader(source, name, partial=partial and last)
            builder.read(path, name, reader, first=index == 0, last=last)
    return builder.plan()


def log_name(path: str) -> str:
    """What the server calls a file, whatever its copy is called."""
    name = os.path.basename(path)
    for suffix in (".gz", ".zst", ".lz4", PART_SUFFIX):
        if name.endswith(suffix):
            name = name[: -len(suffix)]
    return name


def files_in_order(paths: t.Sequence[str]) -> list[str]:
    """Files as they are given; for a folder of archived binlogs, its files in the order of their numbers.

    :raises CorruptArtifactError, StorageError: a folder cannot be read.
    """
    found: list[str] = []
    for path in paths:
        if os.path.isdir(path):
            folder = ArchiveFolder(path)
            found += [folder.path_of(sealed.file) for sealed in folder.sealed()]
            part = folder.unsealed()
            if part is not None:
                found.append(folder.path_of(part + PART_SUFFIX))
        else:
            found.append(path)
    return found


class _Builder:
    def __init__(self, wanted: TransactionFilter) -> None:
        self._wanted = wanted
        self._matches = TransactionMatcher(wanted)
        self._files: list[PlannedFile] = []
        self._count = 0
        self._bytes = 0
        self._incomplete = 0
        self._last: tuple[str, Transaction] | None = None
        self._left_out: tuple[str, Transaction] | None = None
        self._problem = ""
        self._before: FileFacts | None = None

    def read(self, path: str, name: str, reader: BinlogReader, *, first: bool, last: bool) -> None:
        wanted = self._wanted
        start = wanted.start_position if first else 0
        stop = wanted.stop_position if last else None
        ranges: list[tuple[int, int]] = []
        for transaction in transactions(self._checked(reader, name), name):
            problem, self._problem = self._problem, ""
            in_place = transaction.start >= start and (stop is None or transaction.start < stop)
            if not (in_place and self._matches(transaction)):
                if self._left_out is None and self._last is not None:
                    self._left_out = (name, transaction)
                continue
            if not transaction.complete:
                self._incomplete += 1
                continue
            self._accept(name, transaction, problem)
            if ranges and ranges[-1][1] == transaction.start:
                ranges[-1] = (ranges[-1][0], transaction.end)
            else:
                ranges.append((transaction.start, transaction.end))
        self._files.append(PlannedFile(path, tuple(ranges)))

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
        self._last, self._left_out = (name, transaction), None

    def _checked(self, reader: BinlogReader, name: str) -> t.Iterator[Event]:
        """The events, looked at for what could not be applied and for gaps between files."""
        facts = FileFacts(name)
        for event in reader:
            facts.see(event.header, event.body, reader.format)
            if event.header.type in (codes.PREVIOUS_GTIDS, codes.GTID_LIST):
                self._follows(facts)
            if event.header.type == codes.TRANSACTION_PAYLOAD:
                for inner in inner_events(event, name):
                    self._check(inner, reader, name)
            else:
                self._check(event, reader, name)
            yield event
        self._before = facts

    def _check(self, event: Event, reader: BinlogReader, name: str) -> None:
        kind = event.header.type
        if kind in _REFUSED:
            self._problem = self._problem or _REFUSED[kind]
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
        )
