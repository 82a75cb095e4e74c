# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The only file that touches PyMySQL's private names; written against 1.1 and 1.2.

Everything else sees a connection as an opaque object, results as bytes, and the socket as a block reader.
"""

from __future__ import annotations

import contextlib
import itertools
import select
import socket
import ssl
import struct
import threading
import typing as t

from .. import drivers

CLIENT_SSL = 0x800
_CLIENT_LOCAL_FILES = 0x80
COM_QUERY = 3
_COM_SET_OPTION = 0x1B
_TLS_MISSING = 2026
_FILES_REFUSED = 2068
# Length in three bytes and sequence number in one.
_HEADER = struct.Struct("<I")
_LONGEST_PACKET = 0xFFFFFF
# From here on a statement is sent without being copied.
_LARGE = 1 << 20
_NO_BACKSLASH_ESCAPES = 0x200


def open_connection(
    *,
    host: str,
    port: int,
    unix_socket: str | None,
    user: str,
    password: bytes,
    database: str | None,
    connect_timeout: int,
    tls: ssl.SSLContext | None,
    tls_required: bool,
    sends_files: bool = False,
) -> t.Any:
    """A connected PyMySQL connection whose results are undecoded bytes.

    The login is only sent once TLS is established where it is required: PyMySQL before 1.2 would go on in the clear
    when the server does not offer it.

    :param sends_files: allow :func:`run_with_file`; a file that the server asks for otherwise is never sent.
    """
    pymysql = drivers.pymysql()

    class Connection(pymysql.connections.Connection):  # type: ignore[misc, name-defined]
        def _request_authentication(self) -> None:
            if not self.server_capabilities & CLIENT_SSL:
                if tls_required:
                    raise pymysql.err.OperationalError(_TLS_MISSING, "the server does not offer TLS")
                self.ssl = False
                self.client_flag &= ~CLIENT_SSL
            super()._request_authentication()

    arguments: dict[str, t.Any] = {"ssl": tls} if tls is not None else {"ssl_disabled": True}
    connection = Connection(
        host=host,
        port=port,
        unix_socket=unix_socket,
        user=user,
        password=password,
        database=database,
        charset="utf8mb4",
        use_unicode=False,
        autocommit=True,
        connect_timeout=connect_timeout,
        # The driver's own limit ends when the socket is open; a peer that then says nothing would hold it forever.
        read_timeout=connect_timeout,
        program_name="dbfleet",
        client_flag=_CLIENT_LOCAL_FILES if sends_files else 0,
        defer_connect=True,
        **arguments,
    )
    if unix_socket:
        # The driver would leave the socket open if it cannot be connected.
        connection._secure = True
        connection.connect(_unix_socket(unix_socket, connect_timeout))
    else:
        connection.connect()
    connection._read_timeout = None
    connection._sock.settimeout(None)
    # Values stay as the server's text: numbers and times must not pass through Python's types.
    connection.decoders = {}
    return connection


def _unix_socket(path: str, timeout: int) -> socket.socket:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout)
        opened.connect(path)
    except BaseException:
        opened.close()
        raise
    return opened


def drop(connection: t.Any) -> None:
    """Close the socket at once, in whatever state the protocol is."""
    connection._force_close()


def is_encrypted(connection: t.Any) -> bool:
    """Whether the bytes on the wire are TLS."""
    return isinstance(connection._sock, ssl.SSLSocket)


def run(connection: t.Any, statement: bytes) -> tuple[tuple[str, ...], list[tuple[bytes | None, ...]], int]:
    """Send one statement and read its first result completely.

    :return: the column names (empty for a statement without rows), the rows, the number of affected rows.
    """
    affected = connection.query(statement)
    result = connection._result
    names = tuple(_text(column[0]) for column in result.description or ())
    return names, list(result.rows or ()), int(affected or 0)


def each_row(connection: t.Any, statement: bytes) -> t.Iterator[tuple[bytes | None, ...]]:
    """Send one statement and read its rows one by one; nothing else may use the connection before their end."""
    connection.query(statement, unbuffered=True)
    result = connection._result
    # A statement without rows has left its result complete.
    row = result._read_rowdata_packet_unbuffered() if result.unbuffered_active else None
    while row is not None:
        yield row
        row = result._read_rowdata_packet_unbuffered()


def _text(name: t.Any) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else str(name)


def start_result(connection: t.Any, statement: bytes) -> int:
    """Send a query and read its result's head; the number of columns. The row packets follow on the socket.

    :raises ValueError: the statement gives no rows.
    """
    connection._execute_command(COM_QUERY, statement)
    first = connection._read_packet()
    if first.is_ok_packet() or first.is_load_local_packet():
        raise ValueError("the statement gives no rows")
    count = int(first.read_length_encoded_integer())
    # The columns' definitions and the EOF packet behind them.
    for _packet in range(count + 1):
        connection._read_packet()
    return count


def block_reader(connection: t.Any, timeout: float | None = None) -> t.Callable[[memoryview], int]:
    """Reads what has arrived into a buffer (at least one byte); 0 where the server is gone.

    :param timeout: seconds without a byte after which it raises :class:`TimeoutError`; ``None`` leaves that as it is.
    """
    buffered = connection._rfile
    if timeout is not None:
        connection._sock.settimeout(timeout)
    drained = False

    def read(target: memoryview) -> int:
        nonlocal drained
        if drained:
            return int(buffered.raw.readinto(target) or 0)
        # First what the driver has read ahead. BufferedReader.readinto1 would go on to wait for more than that.
        data = buffered.read1(len(target))
        target[: len(data)] = data
        drained = len(data) < len(target)
        return len(data)

    return read


def run_with_file(connection: t.Any, statement: bytes, pieces: t.Iterable[bytes]) -> None:
    """Run a statement for which the server asks for one file, and send these bytes as it, whatever it calls the file.

    :param pieces: none of them empty, and each shorter than a packet can be.
    :raises pymysql.err.Error: the server refused the statement or did not ask for a file.
    """
    send_with_file(connection, statement, pieces)
    connection._read_packet()


def send_with_file(connection: t.Any, statement: bytes, pieces: t.Iterable[bytes]) -> None:
    """As :func:`run_with_file`, but :func:`receive_outcome` must follow."""
    with _reader_closed(connection):
        _ask_for_file(connection, statement)
        _send_file(connection, pieces)


def _ask_for_file(connection: t.Any, statement: bytes) -> None:
    connection._execute_command(COM_QUERY, statement)
    first = connection._read_packet()
    if not first.is_load_local_packet():
        raise drivers.pymysql().err.OperationalError(_FILES_REFUSED, "the server did not ask for the file")


def _send_file(connection: t.Any, pieces: t.Iterable[bytes]) -> None:
    for piece in pieces:
        connection.write_packet(piece)
    connection.write_packet(b"")


class FileOnItsWay:
    """As :func:`send_with_file`, but the file is sent by a thread: the server takes it as slowly as it works it off.

    Nothing else may use the connection before :meth:`wait` is over.

    :raises pymysql.err.Error: the server refused the statement or did not ask for a file.
    """

    def __init__(self, connection: t.Any, statement: bytes, pieces: t.Iterable[bytes]) -> None:
        self._error: BaseException | None = None
        with _reader_closed(connection):
            _ask_for_file(connection, statement)
        self._thread = threading.Thread(target=self._send, args=(connection, pieces), name="dbfleet-file", daemon=True)
        self._thread.start()

    def _send(self, connection: t.Any, pieces: t.Iterable[bytes]) -> None:
        try:
            _send_file(connection, pieces)
        except BaseException as error:  # noqa: BLE001 - kept and raised again on the caller's side
            self._error = error

    def wait(self) -> None:
        """Wait until the whole file is sent.

        :raises OSError: it could not be.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error


def raise_server_error(packet: bytes) -> None:
    """Raise the driver's exception for an error packet."""
    drivers.pymysql().err.raise_mysql_exception(packet)


def lost_connection() -> Exception:
    """The driver's exception for a connection that ended in the middle of a result."""
    return t.cast(Exception, drivers.pymysql().err.OperationalError(2013, "it ended in the middle of a result"))


class Outcome(t.NamedTuple):
    """The server's answer to a statement.

    :param affected: rows, summed over the answers of a statement with several.
    :param warnings: how many the server counted.
    :param message: what the server says beside, such as ``Records: 3  Duplicates: 1  Warnings: 0``.
    :param backslash_escapes: whether the session's sql_mode leaves them on now.
    """

    affected: int
    warnings: int
    backslash_escapes: bool
    message: str = ""


def send_statement(connection: t.Any, statement: bytes) -> None:
    """Send a statement as it is; :func:`receive_outcome` must follow before anything else.

    A large one goes to the socket in views of itself: the driver would copy each of its packets twice.
    """
    with _reader_closed(connection):
        if len(statement) < _LARGE:
            connection._execute_command(COM_QUERY, statement)
        elif not connection._sock:
            raise lost_connection()
        else:
            _send_large(connection, statement)


def _send_large(connection: t.Any, statement: bytes) -> None:
    view = memoryview(statement)
    connection._write_bytes(_HEADER.pack(min(len(view) + 1, _LONGEST_PACKET)) + bytes([COM_QUERY]))
    position = _LONGEST_PACKET - 1
    connection._write_bytes(view[:position])
    sequence = 1
    # A packet of the full length says that another one follows, if only an empty one.
    while position <= len(view):
        piece = view[position : position + _LONGEST_PACKET]
        connection._write_bytes(_HEADER.pack(len(piece) | sequence << 24))
        connection._write_bytes(piece)
        position += _LONGEST_PACKET
        sequence = (sequence + 1) % 256
    connection._next_seq_id = sequence


def send_in_parts(connection: t.Any, beginning: bytes, rest: t.Iterable[bytes]) -> None:
    """As :func:`send_statement`, for a statement that is not in memory as a whole; no more of it than a packet is.

    The connection is cut where the rest cannot be read.
    """
    with _reader_closed(connection):
        if not connection._sock:
            raise lost_connection()
        try:
            _send_parts(connection, itertools.chain((bytes([COM_QUERY]), beginning), rest))
        except BaseException:
            drop(connection)
            raise


def _send_parts(connection: t.Any, parts: t.Iterable[bytes]) -> None:
    sequence, size = 0, 0
    packet: list[memoryview] = []

    def send() -> None:
        connection._write_bytes(_HEADER.pack(size | sequence << 24))
        for piece in packet:
            connection._write_bytes(piece)
        packet.clear()

    for part in parts:
        view = memoryview(part)
        # A packet of the full length says that another one follows, if only an empty one.
        while size + len(view) >= _LONGEST_PACKET:
            packet.append(view[: _LONGEST_PACKET - size])
            view = view[_LONGEST_PACKET - size :]
            size = _LONGEST_PACKET
            send()
            sequence, size = (sequence + 1) % 256, 0
        packet.append(view)
        size += len(view)
    send()
    connection._next_seq_id = (sequence + 1) % 256


def wait_for_answers(connections: t.Sequence[t.Any]) -> list[t.Any]:
    """Those of several connections, all with a statement under way, on which an answer begins to arrive."""
    sockets = {connection._sock: connection for connection in connections}
    ready, _writable, _broken = select.select(list(sockets), (), ())
    return [sockets[one] for one in ready]


def has_arrived(connection: t.Any, seconds: float) -> bool:
    """Whether bytes are there, or the connection has ended, within a time; only once a block reader reads it."""
    opened = connection._sock
    if isinstance(opened, ssl.SSLSocket) and opened.pending():
        return True
    return bool(select.select([opened], (), (), seconds)[0])


def receive_outcome(connection: t.Any) -> Outcome:
    """Wait for the answer and read it completely; rows are dropped.

    :raises pymysql.err.Error: the server refused the statement, or the connection was lost.
    """
    with _reader_closed(connection):
        affected = connection._read_query_result()
        while connection._result.has_next:
            connection.next_result()
            affected += connection.affected_rows()
    result = connection._result
    return Outcome(
        int(affected or 0),
        int(result.warning_count or 0),
        not connection.server_status & _NO_BACKSLASH_ESCAPES,
        _text(result.message or ""),
    )


def allow_several(connection: t.Any) -> None:
    """From now on a command may hold several statements, divided by semicolons; the server stops at the first error.

    :raises pymysql.err.Error: the server refused.
    """
    send_command(connection, _COM_SET_OPTION, bytes(2))
    connection._read_packet()


def receive_answers(connection: t.Any, count: int) -> tuple[int, Exception | None]:
    """The answers to a command of so many statements: how many succeeded, and the driver's error of the next one.

    They are counted, because in the answer to a BINLOG statement the server forgets to say that another one follows.
    """
    done = 0
    try:
        with _reader_closed(connection):
            for _statement in range(count):
                connection._read_query_result()
                done += 1
    except drivers.pymysql().err.Error as error:
        return done, error
    return done, None


def send_command(connection: t.Any, command: int, body: bytes) -> None:
    """Send a command of the protocol that is no statement."""
    with _reader_closed(connection):
        connection._execute_command(command, body)


def send_packet(connection: t.Any, payload: bytes) -> None:
    """Send a short packet that is no command, as the first one of its exchange."""
    with _reader_closed(connection):
        connection._write_bytes(_HEADER.pack(len(payload)) + payload)


def exact_reader(connection: t.Any, timeout: float | None) -> t.Callable[[int], bytes]:
    """Reads exactly so many bytes of what the server sends from now on, or fewer where it is gone.

    :param timeout: seconds without a byte after which it raises :class:`TimeoutError`; ``None`` waits forever.
    """
    connection._sock.settimeout(timeout)
    return t.cast("t.Callable[[int], bytes]", connection._rfile.read)


@contextlib.contextmanager
def _reader_closed(connection: t.Any) -> t.Iterator[None]:
    """When the driver gives the connection up, it leaves the reading half of the socket open."""
    reader = connection._rfile
    try:
        yield
    finally:
        if connection._rfile is None and reader is not None:
            reader.close()
