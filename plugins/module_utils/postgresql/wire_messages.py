# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What reading a connection's socket beside libpq needs: the messages' kinds, and how a query is sent there.

While libpq has nothing under way the socket is quiet, so a query can be sent and answered beside it, down to the
server's ReadyForQuery; libpq notices nothing. That needs a connection that carries the protocol as it is.

The messages are those of the protocol 3.0 (PostgreSQL's documentation, "Message Formats").
"""

from __future__ import annotations

import os
import select
import struct
import typing as t

from .session import Session
from .text import to_bytes

#: A message begins with its kind and its length in bytes, the latter's own four included.
HEADER = struct.Struct(">cI")
COPY_OUT, COPY_DONE = b"H", b"c"
DESCRIPTION, ROW, COMPLETE, READY = b"T", b"D", b"C", b"Z"
ERROR, NOTICE = b"E", b"N"
#: They may come at any time; changed settings and notifications mean nothing here.
ASIDES = (NOTICE, b"S", b"A")
#: From this version on connections can be encrypted by GSS, but never on a Unix socket.
_HAS_GSS = 120000
_ENCRYPTED_BY_GSS = "SELECT encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_catalog.pg_backend_pid()"

Fields = t.Mapping[bytes, bytes]


def is_known_plain(session: Session) -> bool | None:
    """Whether a connection carries the protocol as it is; ``None`` where only the server knows, of GSS."""
    if session.pgconn.ssl_in_use:
        return False
    if session.host.startswith("/") or session.version < _HAS_GSS:
        return True
    return None


def is_plain(session: Session) -> bool:
    """Whether a session's socket carries the protocol as it is, neither TLS nor GSS around it; it must be idle."""
    if session.plain is None:
        known = is_known_plain(session)
        session.plain = session.value(_ENCRYPTED_BY_GSS) == "f" if known is None else known
    return session.plain


def send_query(session: Session, query: str) -> None:
    """Send a query past libpq.

    :raises ConnectError: the connection broke.
    """
    session.log_statement(query)
    text = to_bytes(query) + b"\0"
    message = memoryview(HEADER.pack(b"Q", len(text) + 4) + text)
    descriptor: int = session.pgconn.socket
    writable = select.poll()
    writable.register(descriptor, select.POLLOUT)
    while message:
        writable.poll()
        try:
            message = message[os.write(descriptor, message) :]
        except BlockingIOError:
            continue
        except OSError as error:
            raise session.broken(error) from error


def fields_of(content: bytes) -> Fields:
    """What an error or a notice says, by the letter of each field."""
    return {part[:1]: part[1:] for part in content.split(b"\0") if part}
