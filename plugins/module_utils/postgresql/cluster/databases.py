# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which databases a server has."""

from __future__ import annotations

import typing as t

from ..connection import connect
from ..options import ConnectionOptions


def existing_databases(options: ConnectionOptions, names: t.Collection[str]) -> tuple[str, ...]:
    """Those of ``names`` that the server has, sorted.

    :raises ConnectError: the maintenance database cannot be reached.
    """
    session = connect(options, database=options.maintenance_database)
    try:
        found = {name for (name,) in session.rows("SELECT datname FROM pg_catalog.pg_database")}
    finally:
        session.close()
    return tuple(sorted(found.intersection(names)))
