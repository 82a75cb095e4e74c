# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The events that begin a transaction with its global identifier, in each family's and version's way."""

from __future__ import annotations

import typing as t
import uuid

from ...lazy_dataclass import dataclass
from . import codes
from .body import BodyReader

_TOP_BIT_OF_55 = 1 << 55
_ANONYMOUS = "ANONYMOUS"
#: MariaDB: there is no event at the end that commits.
_STANDALONE = 1
_GROUP_COMMIT = 2
_DDL = 32
_PREPARED_XA = 64
#: The fields of a tagged event by number.
_FLAGS, _UUID, _NUMBER, _TAG = 0, 1, 2, 3
_IMMEDIATE, _LENGTH = 6, 8
_SIGNED = frozenset((_NUMBER, 4, 5))


@dataclass(frozen=True)
class Gtid:
    """A transaction's identifier and what comes with it.

    :param text: ``uuid:5``, ``uuid:tag:5`` or ``0-1-5``; empty for an anonymous transaction.
    :param committed: microseconds since 1970 when this server committed it; 0 where that is not recorded.
    :param standalone: MariaDB: exactly one statement follows, without a commit of its own.
    :param is_ddl: MariaDB says so.
    :param xid: MariaDB: an XA transaction begins, under this identifier as SQL has it.
    """

    text: str
    committed: int = 0
    standalone: bool = False
    is_ddl: bool = False
    xid: str = ""


def parse_gtid(event_type: int, server_id: int, body: bytes, what: str) -> Gtid:
    """The identifier in a GTID event of any kind.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body, what)
    if event_type == codes.MARIADB_GTID:
        number, domain, flags = reader.number(8), reader.number(4), reader.number(1)
        if flags & _GROUP_COMMIT:
            reader.take(8)
        return Gtid(
            f"{domain}-{server_id}-{number}",
            standalone=bool(flags & _STANDALONE),
            is_ddl=bool(flags & _DDL),
            xid=_xid(reader) if flags & _PREPARED_XA else "",
        )
    if event_type == codes.GTID_TAGGED:
        return _tagged(reader)
    return _untagged(reader, anonymous=event_type == codes.ANONYMOUS_GTID)


def _xid(reader: BodyReader) -> str:
    form, global_size, branch_size = reader.number(4), reader.number(1), reader.number(1)
    return xid_text(form, reader.take(global_size), reader.take(branch_size))


def xid_text(form: int, global_part: bytes, branch: bytes) -> str:
    """An XA transaction's identifier as the servers log it in statements."""
    return f"X'{global_part.hex()}',X'{branch.hex()}',{form}"


def _untagged(reader: BodyReader, *, anonymous: bool) -> Gtid:
    reader.number(1)
    source, number = reader.take(16), reader.number(8)
    committed = 0
    # The logical clock came with 5.7, the times with 8.0.
    if reader.left >= 17:
        reader.take(17)
        if reader.left >= 7:
            committed = reader.number(7) & ~_TOP_BIT_OF_55
    return Gtid("" if anonymous else f"{uuid.UUID(bytes=source)}:{number}", committed)


def _tagged(reader: BodyReader) -> Gtid:
    """MySQL's own serialization: version, size, last field that must be known, then numbered fields."""
    for _head in range(3):
        serialized_number(reader)
    fields: dict[int, t.Any] = {}
    while reader.left:
        field = serialized_number(reader)
        if field == _UUID:
            fields[field] = bytes(_byte(reader) for _index in range(16))
        elif field == _TAG:
            fields[field] = reader.take(serialized_number(reader)).decode("ascii", "replace")
        else:
            fields[field] = _signed(reader) if field in _SIGNED else serialized_number(reader)
    if _UUID not in fields or _NUMBER not in fields:
        raise reader.damaged("a GTID without its UUID or number")
    pieces = (str(uuid.UUID(bytes=fields[_UUID])), fields.get(_TAG) or "", str(fields[_NUMBER]))
    return Gtid(":".join(filter(None, pieces)), committed=fields.get(_IMMEDIATE, 0))


def serialized_number(reader: BodyReader) -> int:
    """A number of MySQL's own serialization: its first byte has, from the low end, a set bit for every other byte."""
    first = reader.number(1)
    more = 0
    while more < 8 and first >> more & 1:
        more += 1
    if more == 8:
        return reader.number(8)
    return (first | reader.number(more) << 8) >> (more + 1)


def _byte(reader: BodyReader) -> int:
    value = serialized_number(reader)
    if value > 0xFF:
        raise reader.damaged("a UUID of something else than bytes")
    return value


def _signed(reader: BodyReader) -> int:
    value = serialized_number(reader)
    return ~(value >> 1) if value & 1 else value >> 1
