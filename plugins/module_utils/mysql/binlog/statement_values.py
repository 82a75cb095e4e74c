# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The events before a logged statement that hold what its values depended on, as SET statements."""

from __future__ import annotations

import struct
import typing as t

from ...errors import UnsupportedObjectError
from ..quoting import hex_literal, identifier
from . import codes
from .body import BodyReader
from .packed_decimal import decimal_size, decimal_text

_LAST_INSERT_ID = 1
_STRING, _REAL, _INT, _DECIMAL = 0, 1, 2, 4
_UNSIGNED = 1


def statement_value(event_type: int, body: bytes, what: str, collations: t.Mapping[int, str]) -> str:
    """The SET statement for an Intvar, RAND or User var event.

    :param collations: the target's, by number.
    :raises CorruptArtifactError: it cannot be read.
    :raises UnsupportedObjectError: the target does not have a variable's collation.
    """
    reader = BodyReader(body, what)
    if event_type == codes.INTVAR:
        name = "LAST_INSERT_ID" if reader.number(1) == _LAST_INSERT_ID else "INSERT_ID"
        return f"SET {name} = {reader.number(8)}"
    if event_type == codes.RAND:
        return f"SET RAND_SEED1 = {reader.number(8)}, RAND_SEED2 = {reader.number(8)}"
    name = identifier(reader.take(reader.number(4)).decode("utf-8", "surrogateescape"))
    return f"SET @{name} := {_user_value(reader, what, collations)}"


def string_variable(body: bytes, what: str) -> tuple[str, int, bytes] | None:
    """The quoted name, the collation's number and the bytes of a User var event of a string; ``None`` for another.

    :raises CorruptArtifactError: it cannot be read.
    """
    reader = BodyReader(body, what)
    name = identifier(reader.take(reader.number(4)).decode("utf-8", "surrogateescape"))
    if reader.number(1) or reader.number(1) != _STRING:
        return None
    return name, reader.number(4), reader.take(reader.number(4))


def _user_value(reader: BodyReader, what: str, collations: t.Mapping[int, str]) -> str:
    if reader.number(1):
        return "NULL"
    kind, collation = reader.number(1), reader.number(4)
    value = reader.take(reader.number(4))
    flags = reader.number(1) if reader.left else 0
    if kind == _REAL and len(value) == 8:
        return repr(struct.unpack("<d", value)[0])
    if kind == _INT and len(value) == 8:
        return str(int.from_bytes(value, "little", signed=not flags & _UNSIGNED))
    if kind == _DECIMAL and len(value) > 2:
        precision, scale = value[0], value[1]
        if scale > precision or len(value) - 2 != decimal_size(precision, scale):
            raise reader.damaged("a decimal of the wrong size")
        try:
            return decimal_text(value[2:], precision, scale)
        except ValueError as error:
            raise reader.damaged(str(error)) from error
    if kind == _STRING:
        name = collations.get(collation)
        if name is None:
            raise UnsupportedObjectError(f"the target does not have the collation {collation} of {what}")
        return f"_{name.partition('_')[0]} {hex_literal(value)} COLLATE {name}"
    raise reader.damaged(f"a user variable of the unknown type {kind}")
