# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Applying planned transactions over an ordinary connection: statements as text, rows by BINLOG statements.

The rows of a statement may come in several BINLOG statements, each with all of the statement's table maps; that gives
the same rows and keeps every statement small, whatever the size of a transaction.
"""

from __future__ import annotations

import base64
import contextlib
import typing as t

from ...errors import DbfleetError, RestoreError, UnsupportedObjectError
from ...progress import Progress
from ..quoting import identifier, literal
from ..session import Session
from ..version import ServerVersion
from . import codes
from .binlog_file import log_name, open_binlog
from .body import BodyReader
from .checksum import checksum_of
from .compressed import inner_events, uncompressed
from .events import HEADER, BinlogReader, Event
from .format_description import FormatDescription
from .gtid_event import parse_gtid, xid_text
from .load_data import LOADED, LoadedFiles, parse_load
from .query_context import is_half_of_alter, microseconds, session_assignments
from .query_event import Query, parse_query
from .replay_events import pass_events
from .replay_plan import ReplayPlan
from .statement_batch import BatchError, StatementBatch
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
_HAS_FULL_NAMES = (
    "SELECT 1 FROM information_schema.columns WHERE table_schema = 'information_schema' AND "
    "table_name = 'COLLATION_CHARACTER_SET_APPLICABILITY' AND column_name = 'FULL_COLLATION_NAME'"
)


def check_target(session: Session, plan: ReplayPlan) -> None:
    """Make sure that what the plan needs of the server is there; nothing is changed.

    :raises UnsupportedObjectError: it is not.
    """
    if plan.loads and session.variables.get("local_infile") != "ON":
        raise UnsupportedObjectError(
            "a transaction loads a file (LOAD DATA that was logged as a statement), and the target accepts none: "
            "local_infile is off",
            hint="SET GLOBAL local_infile = ON on the target, or leave the transaction out by its GTID or position",
        )


def try_target(session: Session, plan: ReplayPlan, *, keep_gtids: bool) -> None:
    """Let the server read how the events of the plan's first file are laid out: what else may not be done is refused.

    :raises PrivilegeError: the user may not apply events.
    :raises QueryError: the server does not understand the file.
    """
    planned = next((planned for planned in plan.files if planned.ranges), None)
    if planned is None:
        return
    name = log_name(planned.path)
    with contextlib.closing(open_binlog(planned.path)) as source:
        reader = BinlogReader(source, name, partial=True)
        first = next(iter(reader))
        target = EventStatements(session, keep_gtids=keep_gtids)
        try:
            target.describe(first, reader.format, name)
        finally:
            target.close()


def apply_plan(session: Session, plan: ReplayPlan, progress: Progress, *, keep_gtids: bool) -> None:
    """Apply the plan's transactions in their order, each whole or not at all.

    :param keep_gtids: under the identifiers that they have, so that MySQL leaves out what it has already.
    :raises PrivilegeError: the user may not do it; nothing was applied.
    :raises UnsupportedObjectError: as :func:`check_target`; nothing was applied.
    :raises RestoreError: a transaction failed and was rolled back; ``context`` says which, and where to go on.
    """
    check_target(session, plan)
    limit = min(_LARGEST_STATEMENT, int(session.variables.get("max_allowed_packet") or _LARGEST_STATEMENT) // 2)
    target = EventStatements(session, keep_gtids=keep_gtids, batch=StatementBatch(session, limit=limit))
    progress.phase("replaying", total_bytes=plan.bytes)
    try:
        pass_events(plan, target, progress)
        target.finish()
    finally:
        target.close()


def _collations(session: Statements) -> dict[int, str]:
    """The server's collations by number."""
    query = "SELECT id, collation_name FROM information_schema.collations"
    if session.query(_HAS_FULL_NAMES):
        # MariaDB's collations that several character sets share have a number with each of them.
        query = "SELECT id, full_collation_name FROM information_schema.collation_character_set_applicability"
    return {int(number): name or "" for number, name in session.query(query) if number}


class Statements(t.Protocol):
    """What statements are given to: a :class:`..session.Session`, or what writes a script for one."""

    @property
    def version(self) -> ServerVersion: ...

    @property
    def variables(self) -> t.Mapping[str, str]: ...

    def has_variable(self, name: str) -> bool: ...

    def query(self, statement: str) -> list[tuple[str | None, ...]]: ...

    def execute(self, statement: str | bytes) -> int: ...

    def execute_with_file(self, statement: bytes, pieces: t.Iterable[bytes]) -> None: ...


class EventStatements:
    """Makes statements of events, by what the other end was told so far.

    :param batch: takes what need not run at once; without it every statement does.
    """

    def __init__(self, session: Statements, *, keep_gtids: bool, batch: StatementBatch | None = None) -> None:
        self._batch = batch
        self._session = session
        self._mariadb = session.version.is_mariadb
        self._keep = keep_gtids and (self._mariadb or session.variables.get("gtid_mode") == "ON")
        limit = min(_LARGEST_STATEMENT, int(session.variables.get("max_allowed_packet") or _LARGEST_STATEMENT) // 2)
        # Base64 makes four bytes of three.
        self._limit = limit * 3 // 4
        self._collations = _collations(session)
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
        self._files = LoadedFiles()
        for variable in ("pseudo_slave_mode", "pseudo_replica_mode"):
            if session.has_variable(variable):
                session.execute(f"SET SESSION {variable} = 1")
                break

    def describe(self, event: Event, description: FormatDescription, name: str) -> None:
        """Events are from here on as the format description of the file ``name`` says."""
        # First what is of the file before.
        self.finish()
        self._description, self._name = description, name
        raw = HEADER.pack(*event.header[:-1], event.header.flags & ~codes.FLAG_IN_USE) + event.body
        if description.names_checksums:
            raw += checksum_of(raw) if description.checksums else bytes(4)
        self._session.execute(b"BINLOG '" + base64.b64encode(raw) + b"'")
        # MySQL takes what follows a format description for anonymous unless told otherwise.
        self.finish()

    def begin(self, position: int) -> None:
        """The transactions from here on follow each other."""

    def close(self) -> None:
        """Give up what is held for the transaction under way."""
        self._files.close()

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
        except BatchError as error:
            raise self._failed(error.error, *error.tag) from error
        except DbfleetError as error:
            raise self._failed(error, self._start, self._gtid, self._applied) from error

    def _failed(self, error: DbfleetError, start: int, gtid: str, applied: int) -> RestoreError:
        """Roll the transaction at hand back; the error that says which it was."""
        with contextlib.suppress(DbfleetError):
            self._session.execute("ROLLBACK")
        shown = f" ({gtid})" if gtid else ""
        return RestoreError(
            f"the transaction at {start} of {self._name}{shown} failed: {error.message}",
            hint=f"{applied} transactions before it are applied, and it is not; when the cause is mended, go on with "
            f"{self._name} and --start-position {start}",
            file=self._name,
            position=start,
            gtid=gtid,
            applied=applied,
        )

    def finish(self) -> None:
        """Everything is applied; have the server choose identifiers again, as at the session's beginning.

        :raises RestoreError: as :meth:`take`.
        """
        if self._batch is not None:
            try:
                self._batch.flush()
            except BatchError as error:
                raise self._failed(error.error, *error.tag) from error
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
        elif kind in LOADED:
            self._load(event)
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
        text = query.text.strip()
        ends = text in (b"COMMIT", b"ROLLBACK")
        if not ends and text != b"BEGIN":
            self._set_context(event, query, what)
            self._run_alone(query.text)
        else:
            self._run(text)
        self._applied += ends

    def _load(self, event: Event) -> None:
        """A piece of a file that was loaded, or the statement that did it."""
        what = self._what(event)
        if event.header.type != codes.EXECUTE_LOAD_QUERY:
            self._files.take(event, what)
            return
        load = parse_load(event.body, what)
        self._set_context(event, load.query, what)
        self._flush()
        self._session.execute_with_file(load.local_text, self._files.pieces_of(load.file, what))
        self._files.drop(load.file)

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
        return raw + checksum_of(raw) if self._checksum_size else raw

    def _run(self, statement: str | bytes) -> None:
        """Run a statement that was made here, or have it run before long."""
        if self._batch is None:
            self._session.execute(statement)
            return
        raw = statement.encode("utf-8", "surrogateescape") if isinstance(statement, str) else statement
        self._batch.add(raw, (self._start, self._gtid, self._applied))

    def _run_alone(self, statement: bytes) -> None:
        """Run a statement that was logged: where it ends depends on its session, so nothing is put behind it."""
        self._flush()
        self._session.execute(statement)

    def _flush(self) -> None:
        if self._batch is not None:
            self._batch.flush()

    def _what(self, event: Event) -> str:
        return f"the {event.header.name} event at {event.position} of {self._name}"
