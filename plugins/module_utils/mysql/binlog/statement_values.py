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

_LAST_INSERT_ID = 1
_STRING, _REAL, _INT, _DECIMAL = 0, 1, 2, 4
_UNSIGNED = 1
_DIGITS_TO_BYTES = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)


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
        return _decimal(value, reader)
    if kind == _STRING:
        name = collations.get(collation)
        if name is None:
            raise UnsupportedObjectError(f"the target does not have the collation {collation} of {what}")
        return f"_{name.partition('_')[0]} {hex_literal(value)} COLLATE {name}"
    raise reader.damaged(f"a user variable of the unknown type {kind}")


def _decimal(value: bytes, reader: BodyReader) -> str:
    """Digits in groups of nine, each of four bytes, the first bit inverted and all of them for a negative number."""
    precision, scale = value[0], value[1]
    data = bytearray(value[2:])
    negative = not data[0] & 0x80
    data[0] ^= 0x80
    if negative:
        data = bytearray(byte ^ 0xFF for byte in data)
    packed = BodyReader(bytes(data), "a decimal")
    whole_groups, whole_rest = divmod(precision - scale, 9)
    fraction_groups, fraction_rest = divmod(scale, 9)
    digits = ""
    if whole_rest:
        digits += str(int.from_bytes(packed.take(_DIGITS_TO_BYTES[whole_rest]), "big"))
    for _group in range(whole_groups):
        digits += f"{int.from_bytes(packed.take(4), 'big'):09}"
    fraction = "".join(f"{int.from_bytes(packed.take(4), 'big'):09}" for _group in range(fraction_groups))
    if fraction_rest:
        size = _DIGITS_TO_BYTES[fraction_rest]
        fraction += f"{int.from_bytes(packed.take(size), 'big'):0{fraction_rest}}"
    if packed.left:
        raise reader.damaged("a decimal that is too long")
    return f"{'-' if negative else ''}{digits.lstrip('0') or '0'}{'.' + fraction if fraction else ''}"
