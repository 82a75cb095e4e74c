# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Applying planned transactions over an ordinary connection: statements as text, rows by BINLOG statements.

The rows of a statement may come in several BINLOG statements, each with all of the statement's table maps; that gives
the same rows and keeps every statement small, whatever the size of a transaction.
"""

from __future__ import annotations

import base64
import contextlib
import os
import zlib

from ...errors import DbfleetError, RestoreError
from ...progress import Progress
from ..quoting import identifier, literal
from ..session import Session
from . import codes
from .body import BodyReader
from .compressed import inner_events, uncompressed
from .events import HEADER, BinlogReader, Event
from .format_description import FormatDescription
from .gtid_event import parse_gtid, xid_text
from .listing import open_binlog
from .query_context import is_half_of_alter, microseconds, session_assignments
from .query_event import Query, parse_query
from .replay_plan import PlannedFile, ReplayPlan
from .statement_values import statement_value

_GTIDS = frozenset((codes.GTID, codes.ANONYMOUS_GTID, codes.GTID_TAGGED, codes.MARIADB_GTID))
_VALUES = frozenset((codes.INTVAR, codes.RAND, codes.USER_VAR))
_NOTES = frozenset(
    (codes.ROWS_QUERY, codes.ANNOTATE_ROWS, codes.IGNORABLE, codes.TRANSACTION_CONTEXT, codes.VIEW_CHANGE)
)
_SUPPRESS_USE = 0x8
_END_OF_STATEMENT = 1
_FLAGS_OF_ROWS = HEADER.size + 6
_LARGEST_STATEMENT = 4 << 20


def apply_plan(session: Session, plan: ReplayPlan, progress: Progress, *, keep_gtids: bool) -> None:
    """Apply the plan's transactions in their order, each whole or not at all.

    :param keep_gtids: under the identifiers that they have, so that MySQL leaves out what it has already.
    :raises PrivilegeError: the user may not do it; nothing was applied.
    :raises RestoreError: a transaction failed and was rolled back; ``context`` says which, and where to go on.
    """
    target = _Target(session, keep_gtids=keep_gtids)
    progress.phase("replaying", total_bytes=plan.bytes)
    for planned in plan.files:
        if planned.ranges:
            progress.item(os.path.basename(planned.path))
            _apply_file(target, planned, progress)
    target.finish()


def _apply_file(target: _Target, planned: PlannedFile, progress: Progress) -> None:
    name = os.path.basename(planned.path)
    ranges = iter(planned.ranges)
    start, stop = next(ranges)
    with contextlib.closing(open_binlog(planned.path)) as source:
        reader = BinlogReader(source, name, partial=True)
        for event in reader:
            if event.header.type == codes.FORMAT_DESCRIPTION:
                target.describe(event, reader.format, name)
                continue
            if event.position >= stop:
                following = next(ranges, None)
                if following is None:
                    return
                start, stop = following
            if event.position >= start:
                target.take(event)
                progress.advance(event.header.size)


class _Target:
    """The session at the other end, and what it was told so far."""

    def __init__(self, session: Session, *, keep_gtids: bool) -> None:
        self._session = session
        self._mariadb = session.version.is_mariadb
        self._keep = keep_gtids and (self._mariadb or session.variables.get("gtid_mode") == "ON")
        limit = min(_LARGEST_STATEMENT, int(session.variables.get("max_allowed_packet") or _LARGEST_STATEMENT) // 2)
        # Base64 makes four bytes of three.
        self._limit = limit * 3 // 4
        self._collations = {
            int(number or 0): name or ""
            for number, name in session.query("SELECT id, collation_name FROM information_schema.collations")
            if number
        }
        self._context: dict[str, str] = {}
        self._database = ""
        self._description: FormatDescription | None = None
        self._name = ""
        self._maps: dict[bytes, bytes] = {}
        self._rows: list[bytearray] = []
        self._pending = 0
        self._start = 0
        self._gtid = ""
        self._applied = 0
        for variable in ("pseudo_slave_mode", "pseudo_replica_mode"):
            if session.has_variable(variable):
                session.execute(f"SET SESSION {variable} = 1")
                break

    def describe(self, event: Event, description: FormatDescription, name: str) -> None:
        """Events are from here on as the format description of the file ``name`` says."""
        self._description, self._name = description, name
        raw = HEADER.pack(*event.header[:-1], event.header.flags & ~codes.FLAG_IN_USE) + event.body
        if description.names_checksums:
            raw += zlib.crc32(raw).to_bytes(4, "little") if description.checksums else bytes(4)
        self.finish()
        self._session.execute(b"BINLOG '" + base64.b64encode(raw) + b"'")
        # MySQL takes what follows a format description for anonymous unless told otherwise.
        self.finish()

    def take(self, event: Event) -> None:
        """Apply one event.

        :raises RestoreError: the server refused something; the transaction is rolled back.
        """
        if event.header.type in _GTIDS:
            self._start = event.position
        try:
            if event.header.type == codes.TRANSACTION_PAYLOAD:
                for inner in inner_events(event, self._what(event)):
                    self._apply(inner)
            else:
                self._apply(event)
        except DbfleetError as error:
            with contextlib.suppress(DbfleetError):
                self._session.execute("ROLLBACK")
            gtid = f" ({self._gtid})" if self._gtid else ""
            raise RestoreError(
                f"the transaction at {self._start} of {self._name}{gtid} failed: {error.message}",
                hint=f"{self._applied} transactions before it are applied, and it is not; when the cause is mended, "
                f"go on with {self._name} and --start-position {self._start}",
                file=self._name,
                position=self._start,
                gtid=self._gtid,
                applied=self._applied,
            ) from error

    def finish(self) -> None:
        """Have the server choose identifiers again, as at the session's beginning."""
        if not self._mariadb:
            self._session.execute("SET SESSION gtid_next = 'AUTOMATIC'")

    def _apply(self, event: Event) -> None:
        event = uncompressed(event, self._what(event))
        kind = event.header.type
        if kind in codes.ROWS:
            self._add_rows(event)
        elif kind == codes.TABLE_MAP:
            self._maps[event.body[:6]] = bytes(self._raw(event))
        elif kind in _GTIDS:
            self._begin(event)
        elif kind == codes.QUERY:
            self._query(event)
        elif kind == codes.XID:
            self._run("COMMIT")
            self._applied += 1
        elif kind == codes.XA_PREPARE:
            self._prepare(event)
        elif kind in _VALUES:
            self._run(statement_value(kind, event.body, self._what(event), self._collations))
        elif kind not in _NOTES and not event.header.flags & codes.FLAG_IGNORABLE:
            raise BodyReader(b"", self._what(event)).damaged("it is out of place in a transaction")

    def _begin(self, event: Event) -> None:
        gtid = parse_gtid(event.header.type, event.header.server_id, event.body, self._what(event))
        self._gtid = gtid.text
        self._maps.clear()
        if self._mariadb:
            if self._keep and gtid.text:
                domain, server, number = gtid.text.split("-")
                self._run(f"SET SESSION gtid_domain_id = {domain}, server_id = {server}, gtid_seq_no = {number}")
            if gtid.xid:
                self._run(f"XA START {gtid.xid}")
            elif not gtid.standalone:
                self._run("START TRANSACTION")
        elif self._keep:
            self._run(f"SET SESSION gtid_next = {literal(gtid.text or 'AUTOMATIC')}")

    def _query(self, event: Event) -> None:
        what = self._what(event)
        query = parse_query(event.body, what)
        if is_half_of_alter(query, what):
            return
        ends = query.text.strip() in (b"COMMIT", b"ROLLBACK")
        if not ends and query.text.strip() != b"BEGIN":
            self._set_context(event, query, what)
        self._run(query.text)
        self._applied += ends

    def _set_context(self, event: Event, query: Query, what: str) -> None:
        if query.database and not event.header.flags & _SUPPRESS_USE and query.database != self._database:
            self._run(f"USE {identifier(query.database)}")
            self._database = query.database
        wanted = session_assignments(query, what, mariadb=self._mariadb)
        wanted["pseudo_thread_id"] = str(query.thread)
        changed = {
            name: value
            for name, value in wanted.items()
            if self._context.get(name) != value and self._session.has_variable(name)
        }
        fraction = microseconds(query, what)
        moment = f"{event.header.timestamp}.{fraction:06}" if fraction else str(event.header.timestamp)
        assignments = [f"{name} = {value}" for name, value in changed.items() if not self._is_so(name, value)]
        self._run(f"SET {', '.join([f'TIMESTAMP = {moment}', *(f'SESSION {each}' for each in assignments)])}")
        self._context.update(changed)

    def _is_so(self, name: str, value: str) -> bool:
        """Whether the session has had a switch like this from the beginning: setting some needs a privilege."""
        now = self._session.variables.get(name, "")
        return name not in self._context and {"ON": "1", "OFF": "0"}.get(now) == value

    def _prepare(self, event: Event) -> None:
        reader = BodyReader(event.body, self._what(event))
        one_phase, form = reader.number(1), reader.number(4)
        global_size, branch_size = reader.number(4), reader.number(4)
        xid = xid_text(form, reader.take(global_size), reader.take(branch_size))
        self._run(f"XA COMMIT {xid} ONE PHASE" if one_phase else f"XA PREPARE {xid}")
        self._applied += 1

    def _add_rows(self, event: Event) -> None:
        raw = self._raw(event)
        if self._rows and self._pending + len(raw) > self._limit:
            self._send_rows()
        self._rows.append(raw)
        self._pending += len(raw)
        if event.body[6] & _END_OF_STATEMENT:
            self._send_rows()
            self._maps.clear()

    def _send_rows(self) -> None:
        """Send what has gathered as a statement of its own."""
        last = self._rows[-1]
        if not last[_FLAGS_OF_ROWS] & _END_OF_STATEMENT:
            last[_FLAGS_OF_ROWS] |= _END_OF_STATEMENT
            self._rows[-1] = self._checked(last[: len(last) - self._checksum_size])
        data = b"".join((*self._maps.values(), *self._rows))
        self._rows, self._pending = [], 0
        self._run(b"BINLOG '" + base64.b64encode(data) + b"'")

    @property
    def _checksum_size(self) -> int:
        return 4 if self._description is not None and self._description.checksums else 0

    def _raw(self, event: Event) -> bytearray:
        """The event as the format description says that events are, however it was stored."""
        size = HEADER.size + len(event.body) + self._checksum_size
        return self._checked(bytearray(HEADER.pack(*event.header._replace(size=size)) + event.body))

    def _checked(self, raw: bytearray) -> bytearray:
        return raw + zlib.crc32(raw).to_bytes(4, "little") if self._checksum_size else raw

    def _run(self, statement: str | bytes) -> None:
        self._session.execute(statement)

    def _what(self, event: Event) -> str:
        return f"the {event.header.name} event at {event.position} of {self._name}"
