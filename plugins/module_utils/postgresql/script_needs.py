# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a plain script needs from the server that it is run on, read from the statements that pg_dump writes.

Statements of another form are passed over: what they need is found out when they are run.
"""

from __future__ import annotations

import re
import typing as t

from ..lazy_dataclass import dataclass
from .text import to_text

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_ROLES = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"ALTER [A-Z].* OWNER TO ({_NAME});",
        rf"ALTER DEFAULT PRIVILEGES FOR ROLE ({_NAME}) .*;",
        rf"GRANT [A-Z].* ON .* TO ({_NAME})(?: WITH GRANT OPTION)?;",
        rf"REVOKE [A-Z].* ON .* FROM ({_NAME});",
        rf"CREATE USER MAPPING FOR ({_NAME}) .*;",
    )
)
_AUTHORIZATION = re.compile(r"SET SESSION AUTHORIZATION '((?:[^'\\]|'')+)';")
_TABLESPACE = re.compile(rf"SET default_tablespace = ({_NAME});")
_EXTENSION = re.compile(rf"CREATE EXTENSION IF NOT EXISTS ({_NAME})[ ;].*", re.DOTALL)
_LANGUAGE = re.compile(rf"\n    LANGUAGE ({_NAME})\b")
_FUNCTION = re.compile(r"CREATE (?:FUNCTION|PROCEDURE) .*", re.DOTALL)
_MADE = re.compile(
    rf"CREATE (?:ROLE|TABLESPACE|(?:OR REPLACE )?(?:TRUSTED )?(?:PROCEDURAL )?LANGUAGE) ({_NAME})[ ;].*", re.DOTALL
)
_FIRST = frozenset((b"ALT", b"GRA", b"REV", b"CRE", b"SET"))
_WORDS_FOR_ROLES = frozenset(("public", "current_user", "session_user", "current_role", "user"))


@dataclass(frozen=True)
class ScriptNeeds:
    """What must exist before the script is run, less what it makes itself."""

    roles: frozenset[str] = frozenset()
    tablespaces: frozenset[str] = frozenset()
    extensions: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()


class NeedsReader:
    """Reads them from a script, statement by statement."""

    def __init__(self) -> None:
        self._roles: set[str] = set()
        self._tablespaces: set[str] = set()
        self._extensions: set[str] = set()
        self._languages: set[str] = set()
        self._made: set[str] = set()

    def add(self, text: bytes) -> None:
        """Look at one statement."""
        if text[:3] not in _FIRST:
            return
        statement = to_text(text)
        if statement.startswith("CREATE"):
            self._add_creation(statement)
        elif statement.startswith("SET"):
            _note(self._tablespaces, _TABLESPACE.fullmatch(statement))
            found = _AUTHORIZATION.fullmatch(statement)
            if found is not None:
                self._roles.add(found.group(1).replace("''", "'"))
        if not statement.startswith("SET"):
            for pattern in _ROLES:
                _note(self._roles, pattern.fullmatch(statement))

    def needs(self) -> ScriptNeeds:
        """What was found; the extension of a language brings it."""
        return ScriptNeeds(
            roles=_plain(self._roles - _WORDS_FOR_ROLES - self._made),
            tablespaces=_plain(self._tablespaces - self._made),
            extensions=_plain(self._extensions),
            languages=_plain(self._languages - self._made - self._extensions),
        )

    def _add_creation(self, statement: str) -> None:
        _note(self._extensions, _EXTENSION.fullmatch(statement))
        _note(self._made, _MADE.fullmatch(statement))
        if _FUNCTION.fullmatch(statement):
            # The clauses stand before the body, which could hold anything.
            _note(self._languages, _LANGUAGE.search(statement.partition("\n    AS ")[0]))


def _note(names: set[str], found: re.Match[str] | None) -> None:
    if found is not None:
        name = found.group(1)
        names.add(name[1:-1].replace('""', '"') if name.startswith('"') else name)


def _plain(names: t.Iterable[str]) -> frozenset[str]:
    """Those that can be compared whatever the script's encoding is."""
    return frozenset(name for name in names if name.isascii())
