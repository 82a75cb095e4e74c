# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Locks on tables that another session holds while they are read."""

from __future__ import annotations

import contextlib
import typing as t

from . import quoting, snapshot
from .connection import connect
from .options import ConnectionOptions


@contextlib.contextmanager
def locked(connection: ConnectionOptions, names: t.Iterable[tuple[str, str]]) -> t.Iterator[None]:
    """Inside, a session of its own holds read locks on these tables.

    :param names: database and table of each.
    """
    holder = connect(connection)
    try:
        snapshot.prepare_session(holder)
        locks = ", ".join(f"{quoting.qualified(database, name)} READ" for database, name in names)
        holder.execute(f"LOCK TABLES {locks}")
        yield
        holder.execute("UNLOCK TABLES")
    finally:
        holder.close()
