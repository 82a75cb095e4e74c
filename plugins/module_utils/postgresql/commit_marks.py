# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Marks that transactions of a resumable restore leave in the database itself.

A mark is a row, written by the transaction that it stands for. So it is there exactly if that transaction is: after a
crash of the server, a failover or a restored disk too, where numbers of transactions are given out a second time.
"""

from __future__ import annotations

import secrets

from .quoting import identifier, literal, qualified
from .session import Session

_TABLE = "committed"
_IS_SUPERUSER = "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user"


def new_schema_name() -> str:
    """A name for the schema with the marks of one restore."""
    return f"dbfleet_resume_{secrets.token_hex(8)}"


class CommitMarks:
    """The marks of one restore, in a schema of their own.

    :param schema: its name.
    """

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._table = qualified(schema, _TABLE)

    def exist(self, session: Session) -> bool:
        """Whether the session's database has them."""
        return bool(session.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", (self._schema,)))

    def create(self, session: Session, *, role: str) -> None:
        """Make room for them, in a transaction.

        :param role: who will leave marks, if another one than the session's user.
        """
        name = identifier(self._schema)
        statements = [f"CREATE SCHEMA {name}", f"CREATE TABLE {self._table} (mark text NOT NULL)"]
        if role:
            to = identifier(role)
            statements += [
                f"GRANT USAGE ON SCHEMA {name} TO {to}",
                f"GRANT SELECT, INSERT ON TABLE {self._table} TO {to}",
            ]
        # Several statements in one string are one transaction.
        session.execute("; ".join(statements))

    def add(self, session: Session) -> str:
        """Leave a new mark in the transaction that is open."""
        mark = secrets.token_hex(8)
        session.execute(f"INSERT INTO {self._table} VALUES ({literal(mark)})")
        return mark

    def read(self, session: Session) -> frozenset[str]:
        """Those of all transactions that were committed."""
        return frozenset(mark for (mark,) in session.rows(f"SELECT mark FROM {self._table}"))

    def remove(self, session: Session) -> None:
        """The restore is complete: nothing of them remains.

        Event triggers, those that were just restored, have nothing to do with this; a superuser can pass them over.
        """
        passes_over = session.value(_IS_SUPERUSER) == "t"
        if passes_over:
            session.execute("SET session_replication_role = replica")
        session.execute(f"DROP SCHEMA IF EXISTS {identifier(self._schema)} CASCADE")
        if passes_over:
            session.execute("RESET session_replication_role")
