# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""How a dump's sessions are set, so that what they say is the same for every user and every server."""

from __future__ import annotations

from ..errors import QueryError, UsageError
from .options import DumpSettings
from .quoting import identifier, literal
from .session import Session

_SETTINGS = (
    # First of all, so that the rest has the time it takes.
    "SET statement_timeout TO 0",
    "SET lock_timeout TO 0",
    "SET idle_in_transaction_session_timeout TO 0",
    "SET search_path TO ''",
    "SET datestyle TO iso",
    "SET intervalstyle TO postgres",
    "SET synchronize_seqscans TO off",
    "SET standard_conforming_strings TO on",
    "SET bytea_output TO hex",
    "SET xmloption TO content",
)
_IF_KNOWN = """
    SELECT pg_catalog.set_config(name, CASE name WHEN 'transaction_timeout' THEN '0' ELSE {kinds} END, false)
    FROM pg_catalog.pg_settings WHERE name IN ('transaction_timeout', 'restrict_nonsystem_relation_kind')
"""
#: Encodings in which a letter may end in a byte that is a backslash or a letter of ASCII: COPY text, arrays and names
#: are taken apart byte by byte here. No server can have them as its own either.
_CLIENT_ONLY = frozenset(("SJIS", "SHIFT_JIS_2004", "BIG5", "GBK", "UHC", "GB18030", "JOHAB"))


def apply_dump_settings(
    session: Session, settings: DumpSettings | None = None, *, reads_foreign_tables: bool = False
) -> None:
    """Set a session for reading a dump.

    :param reads_foreign_tables: rows of foreign tables are read, which the session otherwise forbids itself.

    :raises UsageError: there is no such encoding or role, or it cannot be used.
    """
    settings = settings or DumpSettings()
    for statement in _SETTINGS:
        session.execute(statement)
    session.execute(f"SET extra_float_digits TO {settings.extra_float_digits}")
    session.execute(f"SET row_security TO {'on' if settings.row_security else 'off'}")
    session.execute(f"SET quote_all_identifiers TO {'on' if settings.quote_all_identifiers else 'off'}")
    session.query(_IF_KNOWN.format(kinds="'view'" if reads_foreign_tables else "'view, foreign-table'"))
    _set_encoding(session, settings.encoding)
    if settings.role:
        _set_role(session, settings.role)


def _set_encoding(session: Session, encoding: str) -> None:
    try:
        session.execute(f"SET client_encoding TO {literal(encoding or session.parameter('server_encoding'))}")
    except QueryError as error:
        raise UsageError(
            f"the encoding {encoding!r} cannot be used for database {session.database!r}: {error.message}",
            hint="use the database's own encoding, or another one that the server can convert it to",
        ) from error
    chosen = session.parameter("client_encoding")
    if chosen in _CLIENT_ONLY:
        raise UsageError(
            f"a backup cannot be written in the encoding {chosen}",
            hint="use an encoding that a database can have too, for example UTF8",
        )


def _set_role(session: Session, role: str) -> None:
    try:
        session.execute(f"SET ROLE {identifier(role)}")
    except QueryError as error:
        raise UsageError(
            f"the role {role!r} cannot be taken: {error.message}",
            hint="name a role that the connected user is a member of",
        ) from error
