# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What definitions name that a target may not know: collations, character sets, engines, modes, features."""

from __future__ import annotations

import typing as t

from . import statements
from .compatibility import MARIADB_OPTIONS
from .statements import Token

_NOT_NAMES = frozenset({"DEFAULT", "NULL", "BINARY"})


def needed_names(source: t.Iterable[Token]) -> t.Iterator[tuple[str, str]]:
    """Every collation, character set and engine that a definition or SET statement names.

    Yields ``COLLATE``, ``CHARSET``, ``ENGINE`` or ``SQL_MODE`` (with all its words) and the name in lower case, or
    ``FEATURE`` and what only MariaDB has.
    """
    need = ""
    before = ""
    for token in source:
        word = token.text.upper() if token.kind == statements.WORD else ""
        if need:
            if token.is_symbol("="):
                continue
            if token.is_name and word not in _NOT_NAMES and not word.isdigit():
                yield need, token.text.lower()
            need = ""
        elif word == "SET" and before == "CHARACTER":
            need = "CHARSET"
        elif word in _NAMING:
            need = _NAMING[word]
        elif word == "VERSIONING" and before == "SYSTEM":
            yield "FEATURE", "system versioning"
        elif token.is_symbol("=") and before.lower() in MARIADB_OPTIONS:
            yield "FEATURE", before.lower()
        before = word


_NAMING = {
    "COLLATE": "COLLATE",
    "COLLATION_CONNECTION": "COLLATE",
    "CHARSET": "CHARSET",
    "CHARACTER_SET_CLIENT": "CHARSET",
    "CHARACTER_SET_RESULTS": "CHARSET",
    "NAMES": "CHARSET",
    "ENGINE": "ENGINE",
    "SQL_MODE": "SQL_MODE",
}


def database_options(text: bytes) -> str:
    named = dict(needed_names(statements.tokens(text)))
    parts = [
        f"{word} {named[need]}"
        for need, word in (("CHARSET", "CHARACTER SET"), ("COLLATE", "COLLATE"))
        if need in named
    ]
    return " ".join(parts)
