# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Finding out that a connection goes through a transaction pooler: settings and snapshots do not survive there."""

from __future__ import annotations

import secrets

from ..errors import ConnectError
from .connection import connect
from .options import ConnectionOptions
from .session import Session

_PROBE = "dbfleet.probe"


def refuse_transaction_pooler(session: Session, options: ConnectionOptions) -> None:
    """Refuse a pooler that gives every transaction another server connection.

    A pooler shows by the process number: the one of the handshake is not that of the server process. Whether it shares
    server connections between clients is then tried: a setting made here must be here, and nowhere else.

    :raises ConnectError: it is a transaction pooler.
    """
    if session.pgconn.backend_pid == int(session.value("SELECT pg_catalog.pg_backend_pid()") or 0):
        return
    token = secrets.token_hex(16)
    session.query(f"SELECT pg_catalog.set_config('{_PROBE}', '{token}', false)")
    other = connect(options, database=session.database)
    try:
        other.execute("BEGIN")
        shared = _probe(other) == token
        if not shared and _probe(session) == token:
            return
    finally:
        other.close()
    raise ConnectError(
        "this is a transaction pooler: it gives every transaction another server connection, so that neither the"
        " session's settings nor its snapshot would hold",
        hint="connect to the server itself, or to a pool in session mode",
    )


def _probe(session: Session) -> str:
    return session.value(f"SELECT pg_catalog.current_setting('{_PROBE}', true)") or ""
