# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The roles that an entry's statements name, and giving others in their place."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from .quoting import identifier
from .toc import TocEntry

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_IN_PRIVILEGES = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        rf" (?:TO|FROM) ({_NAME})(?: WITH GRANT OPTION)?;$",
        rf"^ALTER DEFAULT PRIVILEGES FOR ROLE ({_NAME}) ",
        rf"^SET SESSION AUTHORIZATION ({_NAME});$",
    )
)
_POLICY = re.compile(
    rf"CREATE POLICY {_NAME} ON {_NAME}(?:\.{_NAME})?(?: AS RESTRICTIVE)?(?: FOR [A-Z]+)? TO ({_NAME}(?:, {_NAME})*)"
)
_ROLE_SETTINGS = re.compile(rf"^ALTER ROLE ({_NAME}) IN DATABASE ", re.MULTILINE)
_USER_MAPPING = re.compile(rf"(?:CREATE|DROP) USER MAPPING FOR ({_NAME}) ")
_PATTERNS = {
    "ACL": _IN_PRIVILEGES,
    "DEFAULT ACL": _IN_PRIVILEGES,
    "POLICY": (_POLICY,),
    "DATABASE PROPERTIES": (_ROLE_SETTINGS,),
    "USER MAPPING": (_USER_MAPPING,),
}
_ONE_NAME = re.compile(_NAME)
_WORDS_FOR_ROLES = frozenset(("public", "current_user", "session_user", "current_role", "user"))


def named_roles(entry: TocEntry) -> t.Iterator[str]:
    """The roles in an entry's definition; its owner is not among them."""
    text = entry.defn or ""
    return (bare(text[start:end]) for start, end in _spans(entry.desc, text))


def with_roles(entry: TocEntry, others: t.Mapping[str, str]) -> TocEntry:
    """The entry with other roles in the place of those that it names, and as its owner.

    :param others: by the role that is replaced.
    """
    return dataclasses.replace(
        entry,
        owner=others.get(entry.owner, entry.owner),
        defn=_replaced(entry.desc, entry.defn, others),
        drop_stmt=_replaced(entry.desc, entry.drop_stmt, others),
    )


def bare(name: str) -> str:
    """A name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _replaced(kind: str, text: str | None, others: t.Mapping[str, str]) -> str | None:
    if not text:
        return text
    for start, end in sorted(_spans(kind, text), reverse=True):
        role = bare(text[start:end])
        if role in others:
            text = f"{text[:start]}{identifier(others[role])}{text[end:]}"
    return text


def _spans(kind: str, text: str) -> t.Iterator[tuple[int, int]]:
    """Where the names of roles begin and end."""
    for pattern in _PATTERNS.get(kind, ()):
        for match in pattern.finditer(text):
            for name in _ONE_NAME.finditer(text, *match.span(1)):
                if name.group() not in _WORDS_FOR_ROLES:
                    yield name.span()
