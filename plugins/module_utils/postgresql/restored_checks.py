# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is looked at when a restore is done: positions of sequences, invalid indexes, constraints not validated."""

from __future__ import annotations

import re
import typing as t

from ..errors import RestoreError
from .archive.entries import object_name
from .session import Session
from .toc import TocEntry

_SETVAL = re.compile(r"SELECT pg_catalog\.setval\('((?:[^']|'')*)', (-?[0-9]+), (true|false)\);\s*")
_SEQUENCES = """
    SELECT c.oid, n.nspname, c.relname
    FROM pg_catalog.pg_sequence s
        JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE pg_catalog.has_sequence_privilege(s.seqrelid, 'SELECT, USAGE')
"""
# Every sequence that is looked at stays locked to the end of the statement.
_POSITIONS = """
    SELECT o, pg_catalog.pg_sequence_last_value(o::pg_catalog.regclass) FROM pg_catalog.unnest($1::pg_catalog.oid[]) o
"""
_BATCH = 500
_OF_USERS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_INVALID_INDEXES = f"""
    SELECT n.nspname || '.' || c.relname
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT (i.indisvalid AND i.indisready) AND {_OF_USERS} ORDER BY 1
"""
_NOT_VALIDATED = f"""
    SELECT n.nspname || '.' || r.relname || ' ' || x.conname
    FROM pg_catalog.pg_constraint x JOIN pg_catalog.pg_class r ON r.oid = x.conrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
    WHERE NOT x.convalidated AND {_OF_USERS} ORDER BY 1
"""


#: A sequence's name in messages, and its last value: ``None`` where it was not used yet.
Position = tuple[str, t.Optional[str]]


def check_restored(session: Session, entries: t.Iterable[TocEntry]) -> dict[str, t.Any]:
    """As :func:`check_database`, for the entries of an archive that were restored."""
    return check_database(session, sequence_positions(entries))


def sequence_positions(entries: t.Iterable[TocEntry]) -> dict[tuple[str, str], Position]:
    """Where sequences are, by schema and name."""
    found = {}
    for entry in entries:
        last = sequence_position(entry.defn or "") if entry.desc == "SEQUENCE SET" else None
        if last is not None:
            found[entry.namespace or "", entry.tag] = (object_name(entry), last[1])
    return found


def sequence_position(statement: str) -> tuple[str, str | None] | None:
    """What a dump's ``setval`` statement sets: the sequence as the statement names it, and its last value."""
    match = _SETVAL.fullmatch(statement)
    if match is None:
        return None
    # A sequence that was not used yet has no last value.
    return match.group(1).replace("''", "'"), match.group(2) if match.group(3) == "true" else None


def check_database(session: Session, sequences: t.Mapping[tuple[str, str], Position]) -> dict[str, t.Any]:
    """Look at what was restored, as plain data: ``sequences`` (how many have their position), ``invalid_indexes`` and
    ``unvalidated_constraints`` by name.

    :raises RestoreError: a sequence is not where the backup has it.
    """
    return {
        "sequences": _check_sequences(session, sequences),
        "invalid_indexes": [name for (name,) in session.rows(_INVALID_INDEXES)],
        "unvalidated_constraints": [name for (name,) in session.rows(_NOT_VALIDATED)],
    }


def _check_sequences(session: Session, expected: t.Mapping[tuple[str, str], Position]) -> int:
    if not expected:
        return 0
    found = _positions(session, expected)
    wrong = [
        f"{name} is at {found[key]} instead of {last}"
        for key, (name, last) in expected.items()
        # What may not be read is not in the answer.
        if key in found and found[key] != last
    ]
    if wrong:
        raise RestoreError(
            f"sequences are not where the backup has them: {'; '.join(wrong[:10])}",
            hint="another session may have taken values from them; look into the target",
            failed=wrong,
        )
    return len(expected.keys() & found.keys())


def _positions(session: Session, wanted: t.Container[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """The last value of sequences by schema and name; ``None`` for one that was not used yet."""
    names = {oid: (schema, name) for oid, schema, name in session.rows(_SEQUENCES) if (schema, name) in wanted}
    oids = list(names)
    found: dict[tuple[str, str], str | None] = {}
    for start in range(0, len(oids), _BATCH):
        batch = "{" + ",".join(oids[start : start + _BATCH]) + "}"
        found.update((names[oid or ""], last) for oid, last in session.query(_POSITIONS, (batch,)))
    return found
