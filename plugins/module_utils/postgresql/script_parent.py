# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""To which entry of a script a privilege, comment or security label belongs: their statements name it."""

from __future__ import annotations

import itertools
import typing as t

from .script_commands import LITERAL, Token, tokens
from .script_headings import Heading
from .toc import TocEntry

_MOST_TOKENS = 200
# Those of several words before those of which they begin with one.
_KINDS = tuple(
    tuple(kind.split())
    for kind in (
        "MATERIALIZED VIEW", "FOREIGN TABLE", "FOREIGN DATA WRAPPER", "FOREIGN SERVER", "LARGE OBJECT",
        "EVENT TRIGGER", "ACCESS METHOD", "PROCEDURAL LANGUAGE", "TEXT SEARCH CONFIGURATION",
        "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER", "TEXT SEARCH TEMPLATE", "OPERATOR CLASS", "OPERATOR FAMILY",
    )
)  # fmt: skip
_RELATIONS = frozenset(("TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE", "SEQUENCE"))
_FUNCTIONS = frozenset(("FUNCTION", "PROCEDURE", "AGGREGATE", "ROUTINE"))
_TYPES = frozenset(("TYPE", "DOMAIN", "SHELL TYPE"))
_LARGE_OBJECTS = frozenset(("BLOB", "BLOB METADATA", "LARGE OBJECT"))
_OF_TABLE = frozenset(("TRIGGER", "RULE", "POLICY"))
# A statement's words for a kind, where they are not the entry's.
_OTHER_WORDS = {"LANGUAGE": "PROCEDURAL LANGUAGE", "FOREIGN SERVER": "SERVER"}
_NOT_TOLD = frozenset(("OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "CAST", "TRANSFORM"))


class Reference(t.NamedTuple):
    """What a GRANT, REVOKE, COMMENT or SECURITY LABEL is about.

    :param kind: as the statement words it, ``COLUMN`` or ``TABLE``.
    :param names: the parts of its name.
    :param table: the last part of the name of what it belongs to (``CONSTRAINT c ON t``); empty for none.
    """

    kind: str
    names: tuple[str, ...]
    table: str = ""

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else ""


def reference(text: bytes) -> Reference | None:
    """Read it from such a statement; ``None`` where it is of another form."""
    found = list(itertools.islice(tokens(text), _MOST_TOKENS))
    if not found or found[0].word not in ("GRANT", "REVOKE", "COMMENT", "SECURITY"):
        return None
    place = _place_of_on(found, 1)
    if place < 0:
        return None
    words = [token.word for token in found[place : place + 4]]
    kind = next((one for one in _KINDS if tuple(words[: len(one)]) == one), tuple(words[:1]))
    names, place = _name(found, place + len(kind))
    of = place + 1 if place < len(found) and found[place].word == "ON" else 0
    if of and _begins_domain(found[of : of + 2]):
        of += 1
    table = _name(found, of)[0] if of else ()
    return Reference(" ".join(kind), names, table[-1] if table else "")


def _begins_domain(found: t.Sequence[Token]) -> bool:
    """Whether ``DOMAIN`` is the kind here, and not the name: ``ON domain IS …``."""
    return len(found) > 1 and found[0].word == "DOMAIN" and bool(found[1].name) and found[1].word != "IS"


def _place_of_on(found: t.Sequence[Token], begin: int) -> int:
    depth = 0
    for place in range(begin, len(found)):
        word = found[place].word
        depth += (word == "(") - (word == ")")
        if word == "ON" and not depth:
            return place + 1
    return -1


def _name(found: t.Sequence[Token], place: int) -> tuple[tuple[str, ...], int]:
    names = []
    while place < len(found):
        token = found[place]
        if not (token.name or token.kind == LITERAL):
            break
        names.append(_one_line(token.name or token.text))
        place += 1
        if place >= len(found) or found[place].word != ".":
            break
        place += 1
    return tuple(names), place


def _one_line(name: str) -> str:
    """As a heading shows it."""
    return name.replace("\n", " ").replace("\r", " ")


class Parents:
    """The entries of a script that others can belong to."""

    def __init__(self) -> None:
        self._last: TocEntry | None = None
        self._entries: dict[tuple[str, str | None, str], list[TocEntry]] = {}

    def add(self, entry: TocEntry) -> None:
        """An entry that belongs to none."""
        self._last = entry
        name = entry.tag.partition("(")[0] if entry.desc in _FUNCTIONS else entry.tag
        self._entries.setdefault((_class(entry.desc), entry.namespace, name), []).append(entry)

    def find(self, heading: Heading, text: bytes) -> list[TocEntry]:
        """Those that a privilege, comment or label can belong to: one, none, or functions of the same name.

        :param text: its first statement.
        """
        about = reference(text)
        if about is None:
            return []
        if heading.desc == "ACL":
            return self._granted(heading, about)
        # These stand behind what they belong to.
        last = self._last
        behind = last is not None and last.namespace == heading.namespace and _is_about(about, last)
        return [last] if behind and last is not None else []

    def _granted(self, heading: Heading, about: Reference) -> list[TocEntry]:
        kind = _class(_OTHER_WORDS.get(about.kind, about.kind))
        if kind == "LARGE OBJECT":
            # Whatever their numbers are: they are restored all or none.
            return [one for key, found in self._entries.items() if key[0] == kind for one in found[:1]][:1]
        found = self._entries.get((kind, heading.namespace, about.name), [])
        if len(found) > 1:
            exact = [one for one in found if _has_signature(one, heading)]
            return exact if len(exact) == 1 else found
        return found


def _class(desc: str) -> str:
    """Kinds that share their names."""
    if desc in _RELATIONS:
        return "TABLE"
    if desc in _FUNCTIONS:
        return "FUNCTION"
    if desc in _TYPES:
        return "TYPE"
    return "LARGE OBJECT" if desc in _LARGE_OBJECTS else desc


def _is_about(about: Reference, entry: TocEntry) -> bool:
    """Whether a statement right behind an entry of the same schema is about that entry."""
    kind = _OTHER_WORDS.get(about.kind, about.kind)
    if kind == "COLUMN":
        owner = about.names[-2] if len(about.names) > 1 else ""
        return owner == entry.tag and (entry.desc in _RELATIONS or entry.desc in _TYPES)
    if kind == "CONSTRAINT":
        own = entry.desc.endswith("CONSTRAINT") and entry.tag == f"{about.table} {about.name}"
        return own or (entry.tag == about.table and (entry.desc in _RELATIONS or entry.desc in _TYPES))
    if kind in _OF_TABLE:
        return entry.desc == kind and entry.tag == f"{about.table} {about.name}"
    if _class(kind) != _class(entry.desc):
        return False
    if kind in _FUNCTIONS:
        return entry.tag.partition("(")[0] == about.name
    return kind in _NOT_TOLD or _class(kind) == "LARGE OBJECT" or entry.tag == about.name


def _has_signature(entry: TocEntry, heading: Heading) -> bool:
    """Whether privileges on ``f(a integer)`` are those of ``f(integer)``."""
    if heading.tag == entry.tag:
        return True
    given, own = heading.tag.partition("(")[2], entry.tag.partition("(")[2]
    wanted, types = given.rstrip(")").split(", "), own.rstrip(")").split(", ")
    return len(wanted) == len(types) and all(
        one == name or one.endswith(f" {name}") for one, name in zip(wanted, types)
    )
