# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Privileges as SQL: the difference between what an object's ACL is and what it would be without being told.

An ACL item reads ``grantee=letters/grantor``; a letter followed by ``*`` may be granted on. An empty grantee is PUBLIC.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, parse_array

_ITEM = re.compile(r'(?P<grantee>"(?:[^"]|"")*"|[^="]*)=(?P<letters>[a-zA-Z*]*)/(?P<grantor>.*)', re.DOTALL)

_TABLE = (
    ("r", "SELECT"), ("a", "INSERT"), ("x", "REFERENCES"), ("d", "DELETE"), ("t", "TRIGGER"), ("D", "TRUNCATE"),
    ("m", "MAINTAIN"), ("w", "UPDATE"),
)  # fmt: skip
_COLUMN = (("r", "SELECT"), ("a", "INSERT"), ("x", "REFERENCES"), ("w", "UPDATE"))
_SEQUENCE = (("r", "SELECT"), ("U", "USAGE"), ("w", "UPDATE"))
_EXECUTE = (("X", "EXECUTE"),)
_USAGE = (("U", "USAGE"),)
_LARGE_OBJECT = (("r", "SELECT"), ("w", "UPDATE"))

#: What each kind of object can have, in the order in which the words are written.
_PRIVILEGES: dict[str, tuple[tuple[str, str], ...]] = {
    "TABLE": _TABLE,
    "TABLES": _TABLE,
    "SEQUENCE": _SEQUENCE,
    "SEQUENCES": _SEQUENCE,
    "FUNCTION": _EXECUTE,
    "FUNCTIONS": _EXECUTE,
    "PROCEDURE": _EXECUTE,
    "PROCEDURES": _EXECUTE,
    "LANGUAGE": _USAGE,
    "SCHEMA": (("C", "CREATE"), ("U", "USAGE")),
    "SCHEMAS": (("C", "CREATE"), ("U", "USAGE")),
    "DATABASE": (("C", "CREATE"), ("c", "CONNECT"), ("T", "TEMPORARY")),
    "TYPE": _USAGE,
    "TYPES": _USAGE,
    "FOREIGN DATA WRAPPER": _USAGE,
    "FOREIGN SERVER": _USAGE,
    "LARGE OBJECT": _LARGE_OBJECT,
    "LARGE OBJECTS": _LARGE_OBJECT,
    "TABLESPACE": (("C", "CREATE"),),
    "PARAMETER": (("s", "SET"), ("A", "ALTER SYSTEM")),
}


class AclItem(t.NamedTuple):
    """One item: role names as they are, an empty grantee is PUBLIC."""

    grantee: str
    letters: str
    grantor: str


@dataclass(frozen=True)
class Privileges:
    """An object's privileges and what they are measured against.

    :param actual: the ACL's items, ``None`` where the catalog holds NULL (then :attr:`default` holds).
    :param default: the items of ``acldefault()`` for the object's kind and owner.
    :param initial: the items of ``pg_init_privs`` where an extension or initdb recorded some, else ``None``.
    """

    actual: tuple[AclItem, ...] | None
    default: tuple[AclItem, ...]
    initial: tuple[AclItem, ...] | None = None

    @classmethod
    def parse(cls, actual: str | None, default: str | None, initial: str | None = None) -> Privileges:
        """From the text of the three arrays."""
        return cls(
            None if actual is None else parse_acl(actual),
            parse_acl(default),
            None if initial is None else parse_acl(initial),
        )


@functools.lru_cache(maxsize=1024)
def parse_acl(array: str | None) -> tuple[AclItem, ...]:
    """An array of ``aclitem`` from its text. Most objects share a few."""
    return tuple(_parse(text) for text in parse_array(array))


def privilege_statements(
    privileges: Privileges, *, word: str, name: str, owner: str, column: str = "", prefix: str = ""
) -> str:
    """The REVOKE and GRANT statements that turn the base into the actual ACL; empty where they are equal.

    :param word: the object's kind as GRANT names it: ``TABLE``, ``FUNCTION``.
    :param name: the object's name as SQL; empty for default privileges.
    :param column: quoted, for the privileges of one column.
    :param prefix: ``ALTER DEFAULT PRIVILEGES … `` for default privileges.
    """
    actual = privileges.default if privileges.actual is None else privileges.actual
    base = privileges.default if privileges.initial is None else privileges.initial
    target = f"{prefix}{{verb}} {{what}} ON {word} {name + ' ' if name else ''}{{preposition}} {{who}}{{end}}"
    own: list[str] = []
    others: list[str] = []
    for item in (item for item in base if item not in actual):
        plain, grantable = _words(item.letters, word, column)
        who = identifier(item.grantee) if item.grantee else "PUBLIC"
        if plain:
            own.append(target.format(verb="REVOKE", what=plain, preposition="FROM", who=who, end=";\n"))
        if grantable:
            # Taking the privilege itself takes the option to grant it along.
            own.append(target.format(verb="REVOKE", what=grantable, preposition="FROM", who=who, end=";\n"))
    for item in (item for item in actual if item not in base):
        plain, grantable = _words(item.letters, word, column)
        if not plain and not grantable:
            continue
        who = identifier(item.grantee) if item.grantee else "PUBLIC"
        # The owner's own come first: later grants may rest on them.
        statements = own if item.grantee == owner == item.grantor else others
        foreign = bool(item.grantor) and item.grantor != owner
        if foreign:
            statements.append(f"SET SESSION AUTHORIZATION {identifier(item.grantor)};\n")
        if plain:
            statements.append(target.format(verb="GRANT", what=plain, preposition="TO", who=who, end=";\n"))
        if grantable:
            end = " WITH GRANT OPTION;\n"
            statements.append(target.format(verb="GRANT", what=grantable, preposition="TO", who=who, end=end))
        if foreign:
            statements.append("RESET SESSION AUTHORIZATION;\n")
    return "".join(own + others)


def _parse(text: str) -> AclItem:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise ValueError(f"not an ACL item: {text!r}")
    return AclItem(_role(match["grantee"]), match["letters"], _role(match["grantor"]))


def _role(text: str) -> str:
    return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _words(letters: str, word: str, column: str) -> tuple[str, str]:
    """The privileges of one item as words: the plain ones, and the ones that may be granted on."""
    known = _COLUMN if column else _PRIVILEGES[word]
    suffix = f"({column})" if column else ""
    plain = [text + suffix for letter, text in known if re.search(letter + r"(?!\*)", letters)]
    grantable = [text + suffix for letter, text in known if letter + "*" in letters]
    if len(plain) == len(known):
        return "ALL" + suffix, ""
    if len(grantable) == len(known):
        return "", "ALL" + suffix
    return ",".join(plain), ",".join(grantable)
