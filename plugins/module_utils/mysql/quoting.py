# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The one place where names and values become parts of SQL text, comments or file names.

String literals are for sessions without ``NO_BACKSLASH_ESCAPES`` and with an ASCII-safe ``character_set_client``; every
session that this engine opens is one (see :mod:`.session`).
"""

from __future__ import annotations

import hashlib
import re

from ..errors import UsageError

_LITERAL_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\x1a": "\\Z"})
_LONGEST_FILE_NAME = 200


def identifier(name: str) -> str:
    """A name in back quotes.

    :raises UsageError: the name holds a NUL, which no server accepts, or is empty.
    """
    if not name or "\0" in name:
        raise UsageError(f"{name!r} cannot be the name of anything on MySQL or MariaDB")
    return "`" + name.replace("`", "``") + "`"


def qualified(database: str, name: str) -> str:
    """```database`.`name```."""
    return f"{identifier(database)}.{identifier(name)}"


def literal(text: str) -> str:
    """A string literal in single quotes."""
    return "'" + text.translate(_LITERAL_ESCAPES) + "'"


def hex_literal(data: bytes) -> str:
    """Bytes as ``0x…``, or ``''`` where there are none (``0x`` alone is not a literal)."""
    return "0x" + data.hex().upper() if data else "''"


def comment_line(text: str) -> str:
    """Text behind ``-- `` that cannot leave its comment, whatever names it holds.

    A name may hold a newline, which would end the comment and turn the rest of the name into a statement: every
    further line gets its own ``-- ``.
    """
    return "-- " + re.sub(r"\r\n|[\n\r\v\f\0\x1a\x85\u2028\u2029]", "\n-- ", text)


def account(user: str, host: str) -> str:
    """```user`@`host``` for DEFINER clauses; a role has an empty host."""
    quoted = "`" + user.replace("`", "``") + "`"
    return f"{quoted}@`{host.replace('`', '``')}`" if host else quoted


def file_name(name: str) -> str:
    """A database's or table's name as one portable part of a path.

    Letters and digits of any script, ``_``, ``-`` and ``.`` (not in front) stay; everything else becomes ``@`` and four
    hexadecimal digits, as the servers name their own folders. Very long results end in a digest instead.
    """
    escaped = "".join(_file_character(character, position) for position, character in enumerate(name))
    raw = escaped.encode("utf-8")
    if len(raw) <= _LONGEST_FILE_NAME:
        return escaped
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return raw[: _LONGEST_FILE_NAME - 17].decode("utf-8", "ignore") + "@" + digest


def _file_character(character: str, position: int) -> str:
    if character.isalnum() or character in "_-" or (character == "." and position):
        return character
    return f"@{ord(character):04x}"
