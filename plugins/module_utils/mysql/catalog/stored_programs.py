# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What procedures, functions, packages, triggers, events and libraries have in common: a text and its context."""

from __future__ import annotations

import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session


@dataclass(frozen=True)
class StoredProgram:
    """A definition with the session context it was created in; it means the same only there.

    :param kind: ``procedure``, ``function``, ``package``, ``package body``, ``trigger``, ``event`` or ``library``.
    :param definition: the CREATE statement, in the bytes of :attr:`character_set_client`.
    :param character_set_client: empty where the kind has no context (libraries).
    :param database_collation: the database's collation at that time.
    :param time_zone: of events only, else empty.
    :param table: of triggers only, else empty.
    """

    kind: str
    name: str
    definition: bytes
    sql_mode: str = ""
    character_set_client: str = ""
    collation_connection: str = ""
    database_collation: str = ""
    time_zone: str = ""
    table: str = ""


def read_program(session: Session, kind: str, name: str, *, missing: str, table: str = "") -> StoredProgram:
    """One stored program. To be called within :meth:`.session.Session.stored_character_sets`.

    :param missing: the privilege that lets the user read the text, for the error.
    :raises PrivilegeError: the server hides the text from the user.
    """
    record = session.records_bytes(f"SHOW CREATE {kind.upper()} {quoting.identifier(name)}")[0]
    definition = _definition(record)
    if not definition:
        raise PrivilegeError(
            f"the server hides the text of {kind} {name!r} from this user", hint=f"grant {missing}", object=name
        )
    return StoredProgram(
        kind=kind,
        name=name,
        definition=definition,
        sql_mode=_text(record, "sql_mode"),
        character_set_client=_text(record, "character_set_client"),
        collation_connection=_text(record, "collation_connection"),
        database_collation=_text(record, "database collation"),
        time_zone=_text(record, "time_zone"),
        table=table,
    )


def _definition(record: t.Mapping[str, bytes | None]) -> bytes | None:
    for column, value in record.items():
        if column.startswith("create ") or column == "sql original statement":
            return value
    return None


def _text(record: t.Mapping[str, bytes | None], column: str) -> str:
    return (record.get(column) or b"").decode("utf-8")
