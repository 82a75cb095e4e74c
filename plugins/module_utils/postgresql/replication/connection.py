# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A replication connection: the few commands that a walsender understands, and the streams that it sends.

The commands are those of PostgreSQL's documentation, "Streaming Replication Protocol". A walsender knows the simple
protocol only, and no transactions.
"""

from __future__ import annotations

import re
import secrets
import select
import time
import typing as t

from ... import drivers
from ...errors import ConnectError, DbfleetError, NotFoundError, QueryError, UsageError
from ...lazy_dataclass import dataclass
from ..connection import connect
from ..options import ConnectionOptions
from ..session import Session
from ..text import to_text
from ..wire_messages import Fields
from .lsn import parse_lsn
from .wire_answer import WireAnswer

#: What a walsender connection is called where libpq and pg_hba.conf ask for a database.
REPLICATION = "replication"
#: How often a wait looks whether the job was told to stop.
_MILLISECONDS = 1000
#: Seconds in which a fast server does not fill a socket.
_NAP = 0.0002
_SIZE = re.compile(r"([0-9]+) ?(B|kB|MB|GB)?\Z")
_UNITS = {None: 1, "B": 1, "kB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_SLOT = re.compile(r"[a-z0-9_]{1,63}\Z")
_NOT_NOW, _TOO_MANY = "55000", "53400"


@dataclass(frozen=True)
class SystemIdentity:
    """What IDENTIFY_SYSTEM says.

    :param identifier: the cluster's system identifier.
    :param timeline: the present one.
    :param flushed: the LSN up to which the log is durable there.
    """

    identifier: str
    timeline: int
    flushed: int


@dataclass(frozen=True)
class Slot:
    """A replication slot.

    :param restart: the LSN from which the server keeps its log for it, 0 where it keeps nothing yet.
    :param timeline: of that LSN, 0 where it is not known.
    """

    kind: str
    restart: int
    timeline: int


class ReplicationConnection:
    """One open walsender connection. Not for several threads at once. Close it, in whatever state.

    :raises DbfleetError: as :func:`~dbfleet.postgresql.connection.connect`; :class:`PrivilegeError` for a user who may
        not replicate.
    """

    def __init__(self, options: ConnectionOptions, *, application_name: str = "dbfleet") -> None:
        self.session: Session = connect(
            options, database=REPLICATION, application_name=application_name, replication=True
        )
        #: What the server warned of, in its words.
        self.warnings: list[str] = []
        self._fields = drivers.psycopg_pq().DiagnosticField
        self._pass_on = self.session.pgconn.notice_handler
        self.session.pgconn.notice_handler = self._notice

    def _wire_notice(self, fields: Fields) -> None:
        if fields.get(b"V") == b"WARNING":
            self.warnings.append(to_text(fields.get(b"M", b"")))

    def _notice(self, result: t.Any) -> None:
        if result.error_field(self._fields.SEVERITY_NONLOCALIZED) == b"WARNING":
            self.warnings.append(to_text(result.error_field(self._fields.MESSAGE_PRIMARY) or b""))
        if self._pass_on is not None:
            self._pass_on(result)

    @property
    def version(self) -> int:
        """``server_version_num``."""
        return self.session.version

    def __enter__(self) -> ReplicationConnection:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection. The server drops what was temporary."""
        self.session.close()

    def query(self, command: str) -> list[tuple[str | None, ...]]:
        """The rows of one command.

        :raises DbfleetError: as :meth:`Session.execute`, with what to do about a server that does not replicate.
        """
        try:
            return self.session.query(command)
        except DbfleetError as error:
            raise with_advice(error) from error

    def identify(self) -> SystemIdentity:
        """Whose log it is, and how far it is written."""
        ((identifier_text, timeline, flushed, _database),) = self.query("IDENTIFY_SYSTEM")
        return SystemIdentity(identifier_text or "", int(timeline or 0), parse_lsn(flushed or ""))

    def setting(self, name: str) -> str:
        """A setting of the server, as SHOW gives it."""
        ((value,),) = self.query(f"SHOW {name}")
        return value or ""

    def wal_segment_size(self) -> int:
        """How many bytes a segment of the log has."""
        text = self.setting("wal_segment_size")
        found = _SIZE.match(text)
        if found is None:
            raise QueryError(f"the server says {text!r} for wal_segment_size")
        return int(found.group(1)) * _UNITS[found.group(2)]

    def data_folder_mode(self) -> int:
        """The rights that the server's files have: 0o700, or 0o750 where the group may read them (11 and later)."""
        return int(self.setting("data_directory_mode"), 8) if self.version >= 110000 else 0o700

    def create_slot(self, name: str, *, temporary: bool, reserve: bool = True) -> None:
        """Make a physical slot.

        :param temporary: it goes with this connection.
        :param reserve: the log is kept from now on, not from the first time that the slot is used.
        :raises UsageError: the name is none for a slot.
        """
        words = f"{' TEMPORARY' if temporary else ''} PHYSICAL{' RESERVE_WAL' if reserve else ''}"
        self.query(f"CREATE_REPLICATION_SLOT {slot_identifier(name)}{words}")

    def create_temporary_slot(self) -> str:
        """Make a slot that goes with this connection, and keeps the log from now on; its name."""
        name = f"dbfleet_{secrets.token_hex(8)}"
        self.create_slot(name, temporary=True)
        return name

    def drop_slot(self, name: str) -> None:
        """Remove a slot.

        :raises NotFoundError: there is none.
        """
        self.query(f"DROP_REPLICATION_SLOT {slot_identifier(name)}")

    def slot(self, name: str) -> Slot | None:
        """What the server says of a slot, ``None`` where there is none (15 and later).

        :raises UsageError: the server is older: it says nothing about slots here.
        """
        if self.version < 150000:
            raise UsageError("servers before PostgreSQL 15 say nothing about slots on a replication connection")
        rows = self.query(f"READ_REPLICATION_SLOT {slot_identifier(name)}")
        if not rows or rows[0][0] is None:
            return None
        kind, restart, timeline = rows[0]
        return Slot(kind or "", parse_lsn(restart) if restart else 0, int(timeline or 0))

    def timeline_history(self, timeline: int) -> tuple[str, bytes]:
        """The name and the bytes of a timeline's history file.

        :raises NotFoundError: the server has none: it is the first timeline, or one that is unknown there.
        """
        try:
            answer = self.send(f"TIMELINE_HISTORY {timeline:d}")
            # The content is called text or bytea, and in either case sent as it is in the file.
            ((name, content),) = answer.raw_rows()
            answer.finish()
        except QueryError as error:
            raise NotFoundError(
                f"the server has no history of timeline {timeline}: {error.message}", timeline=timeline
            ) from error
        return to_text(name or b""), content or b""

    def start(self, command: str) -> CopyStream:
        """Send a command that is answered by a stream alone: START_REPLICATION.

        :raises DbfleetError: the server refuses it.
        """
        stream = CopyStream(self.session, command)
        stream.begin()
        return stream

    def send(self, command: str) -> CopyStream:
        """Send a command that is answered by results and streams; read them in their order from what is returned."""
        self.session.send(command)
        return CopyStream(self.session, command)

    def send_for_bulk(self, command: str, *, plain: bool) -> BulkAnswer:
        """As :meth:`send`, for a command whose streams are large and go one way.

        :param plain: the connection carries the protocol as it is: see :func:`~.server_facts.is_plain`.
        """
        return WireStream(self.session, command, self._wire_notice) if plain else self.send(command)


class BulkAnswer(t.Protocol):
    """What :class:`CopyStream` and :class:`WireStream` have in common."""

    def rows(self) -> list[tuple[str | None, ...]] | None: ...

    def receive_many(self, timeout: float, size: int, *, doing: str) -> list[t.Any] | None: ...

    def finish(self) -> None: ...


class WireStream:
    """The answer to one replication command, as :class:`CopyStream` gives it, in fewer and larger pieces.

    :raises ConnectError: the connection broke.
    """

    def __init__(self, session: Session, command: str, on_notice: t.Callable[[Fields], None]) -> None:
        self._answer = WireAnswer(session, command, on_notice)

    def rows(self) -> list[tuple[str | None, ...]] | None:
        """As :meth:`CopyStream.rows`."""
        try:
            return _texts(self._answer.raw_rows())
        except DbfleetError as error:
            raise with_advice(error) from error

    def receive_many(self, timeout: float, size: int, *, doing: str) -> list[t.Any] | None:
        """As :meth:`CopyStream.receive_many`; the buffers are valid until the next call."""

        def wait(poll: select.poll) -> None:
            if not poll.poll(timeout * _MILLISECONDS):
                raise is_silent(timeout, doing)

        try:
            return t.cast("list[t.Any] | None", self._answer.receive_many(size, wait))
        except DbfleetError as error:
            raise with_advice(error) from error

    def finish(self) -> None:
        """As :meth:`CopyStream.finish`."""
        try:
            self._answer.finish()
        except DbfleetError as error:
            raise with_advice(error) from error


class CopyStream:
    """The answer to one replication command: results, and streams of messages between them.

    :param command: for messages.
    """

    def __init__(self, session: Session, command: str) -> None:
        self._session = session
        self._command = command
        self._pgconn = session.pgconn
        self._status = drivers.psycopg_pq().ExecStatus
        self._errors = drivers.psycopg().Error
        self._ended = False
        self._poll = select.poll()
        self._poll.register(self._pgconn.socket, select.POLLIN)

    def begin(self) -> None:
        """Send the command and wait for its stream to begin.

        :raises DbfleetError: the server refuses it.
        """
        self._session.send(self._command)
        if self.rows() is not None:
            raise QueryError("the server did not start a stream", statement=self._command)

    def rows(self) -> list[tuple[str | None, ...]] | None:
        """The rows of the next result (none for a command without any); ``None`` where a stream begins instead.

        :raises DbfleetError: the server says that the command failed.
        """
        return _texts(self._rows())

    def raw_rows(self) -> list[tuple[bytes | None, ...]]:
        """The rows of the next result as the server sends them.

        :raises DbfleetError: the server says that the command failed.
        """
        return self._rows() or []

    def finish(self) -> None:
        """Read what is left of the answer, up to its end.

        :raises DbfleetError: the server says that the command failed.
        """
        while True:
            result = self._next()
            if result is None:
                return
            result.clear()

    def receive(self, timeout: float) -> t.Any:
        """The next message of the stream.

        :param timeout: seconds without any byte.
        :returns: a buffer; an empty one if nothing came for so long; ``None`` at the stream's end.
        :raises DbfleetError: the server says that the command failed, or the connection broke.
        """
        pgconn = self._pgconn
        try:
            while True:
                length, data = pgconn.get_copy_data(1)
                if length > 0:
                    return data
                if length < 0:
                    return None
                # Through Python, so that signals are handled while nothing comes. Part of a message is a sign of life
                # too: the time begins anew with it.
                if not self._poll.poll(timeout * _MILLISECONDS):
                    return b""
                pgconn.consume_input()
        except self._errors as error:
            raise with_advice(self._session.copy_failed(error, self._command)) from error

    def receive_many(self, timeout: float, size: int, *, doing: str) -> list[t.Any] | None:
        """The next messages of the stream, until they have ``size`` bytes or it ends.

        For streams of very many messages: what is done with each of them by itself has its price.

        :param timeout: seconds without any byte.
        :param doing: what the server does meanwhile, for the message where nothing comes.
        :returns: buffers; ``None`` at the stream's end.
        :raises DbfleetError: nothing came for so long, the server says that it failed, or the connection broke.
        """
        if self._ended:
            self._ended = False
            return None
        get, poll, consume = self._pgconn.get_copy_data, self._poll.poll, self._pgconn.consume_input
        milliseconds = timeout * _MILLISECONDS
        messages: list[t.Any] = []
        total = 0
        try:
            while total < size:
                length, data = get(1)
                if length > 0:
                    messages.append(data)
                    total += length
                elif length < 0:
                    self._ended = bool(messages)
                    return messages or None
                else:
                    if not poll(0):
                        # Servers send in small pieces; to be woken for each would take both sides longer than to copy
                        # it. Meanwhile the socket takes more of them, but never so many that the server waits.
                        time.sleep(_NAP)
                        if not poll(milliseconds):
                            raise is_silent(timeout, doing)
                    consume()
        except self._errors as error:
            raise with_advice(self._session.copy_failed(error, self._command)) from error
        return messages

    def put(self, data: bytes) -> None:
        """Send one message into the stream.

        :raises ConnectError: the connection broke.
        """
        try:
            self._pgconn.put_copy_data(data)
            self._pgconn.flush()
        except self._errors as error:
            raise self._session.broken(error) from error

    def end(self) -> None:
        """Say that no more messages come from this side. What the server still sends is left to :meth:`receive`.

        :raises ConnectError: the connection broke.
        """
        try:
            self._pgconn.put_copy_end()
            self._pgconn.flush()
        except self._errors as error:
            raise self._session.broken(error) from error

    def _rows(self) -> list[tuple[bytes | None, ...]] | None:
        result = self._next()
        if result is None:
            raise QueryError("the server ended its answer before its end", statement=self._command)
        if result.status in (self._status.COPY_OUT, self._status.COPY_IN, self._status.COPY_BOTH):
            return None
        rows = []
        for number in range(result.ntuples):
            raw = [result.get_value(number, column) for column in range(result.nfields)]
            rows.append(tuple([None if value is None else bytes(value) for value in raw]))
        result.clear()
        return rows

    def _next(self) -> t.Any:
        try:
            return self._session.next_result(self._command)
        except DbfleetError as error:
            raise with_advice(error) from error


def _texts(rows: t.Sequence[tuple[bytes | None, ...]] | None) -> list[tuple[str | None, ...]] | None:
    if rows is None:
        return None
    return [tuple([None if value is None else to_text(value) for value in row]) for row in rows]


def is_silent(timeout: float, what: str) -> ConnectError:
    """The error for a server from which nothing came for ``timeout`` seconds."""
    return ConnectError(
        f"nothing came from the server for {timeout:g} seconds while {what}",
        hint="the connection is dead, or the server hangs: look at its log",
    )


def slot_identifier(name: str) -> str:
    """The name of a slot, quoted for a command.

    :raises UsageError: no slot can have it.
    """
    if not _SLOT.match(name):
        raise UsageError(f"no slot can be called {name!r}", hint="use 1 to 63 of a-z, 0-9 and _")
    # Always in quotes: the words that a walsender takes for commands are others than those of SQL.
    return f'"{name}"'


def with_advice(error: DbfleetError) -> DbfleetError:
    """An error of a walsender with the way out, where the server does not say it itself."""
    hint = _advice(error)
    if hint and not error.hint:
        error.hint = hint
    return error


def _advice(error: DbfleetError) -> str:
    state, text = error.context.get("sqlstate"), error.message
    if (state == _TOO_MANY and "slot" in text) or (state == _NOT_NOW and "max_replication_slots" in text):
        return "raise max_replication_slots, or drop a slot that nobody uses"
    if state == _NOT_NOW and ("wal_level" in text or "WAL level" in text):
        return "set wal_level to replica or logical and restart the server"
    if state == _NOT_NOW and "full_page_writes" in text:
        return "turn full_page_writes on at the primary, which a backup from a standby needs"
    return ""
