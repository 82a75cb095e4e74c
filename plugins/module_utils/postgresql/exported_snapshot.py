# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A snapshot of a database that other sessions, and other programs, can take over while it is held."""

from __future__ import annotations

import contextlib
import typing as t

from .connection import connect
from .options import ConnectionOptions
from .pooler import refuse_transaction_pooler


@contextlib.contextmanager
def exported_snapshot(connection: ConnectionOptions, database: str) -> t.Iterator[str]:
    """Hold a snapshot; its name.

    :raises DbfleetError: the server cannot be reached, or exports none.
    """
    session = connect(connection, database=database)
    try:
        refuse_transaction_pooler(session, connection)
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield str(session.value("SELECT pg_catalog.pg_export_snapshot()"))
    finally:
        session.close()
