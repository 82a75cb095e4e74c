# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""psql's commands in a script: the four that dumps hold, in the form that dumps give them. All others are refused."""

from __future__ import annotations

import re
import typing as t

from .text import to_text

_NAME = re.compile(rb"\\[ \t]*([^\s\\]{0,24})")
_END = rb"[ \t\r]*"
_FORMS = {
    "restrict": re.compile(rb"\\restrict[ \t]+([A-Za-z0-9]+)" + _END),
    "unrestrict": re.compile(rb"\\unrestrict[ \t]+([A-Za-z0-9]+)" + _END),
    "encoding": re.compile(rb"\\encoding[ \t]+([A-Za-z][A-Za-z0-9_-]*)" + _END),
    "connect": re.compile(rb"\\connect[ \t]+(?:([A-Za-z0-9_.]+)|\"([A-Za-z0-9_.]+)\")" + _END),
}
# How pg_dump writes a database name with other characters than letters and digits: a connection string, in which a
# backslash stands before quotes and backslashes, between double quotes, which are doubled inside.
_CONNECT_STRING = re.compile(
    rb"\\connect[ \t]+-reuse-previous=on[ \t]+\"dbname='((?:[^'\\\"]|\\[^\"]|\"\")*)'\"" + _END, re.DOTALL
)


class MetaCommand(t.NamedTuple):
    """A command to psql.

    :param name: ``restrict``, ``unrestrict``, ``connect`` or ``encoding``.
    :param argument: the key, database or encoding.
    """

    name: str
    argument: str
    line: int
    offset: int


def meta_command(line_text: bytes, *, line: int, offset: int) -> MetaCommand | None:
    """Read a line that begins with a backslash; ``None`` for everything that no dump writes."""
    for name, form in _FORMS.items():
        match = form.fullmatch(line_text)
        if match:
            argument = next(group for group in match.groups() if group is not None)
            return MetaCommand(name, argument.decode("ascii"), line, offset)
    match = _CONNECT_STRING.fullmatch(line_text)
    if match:
        database = re.sub(rb"\\(.)", rb"\1", match.group(1).replace(b'""', b'"'), flags=re.DOTALL)
        return MetaCommand("connect", to_text(database), line, offset)
    return None


def meta_name(text: bytes) -> str:
    """What to call the psql command that a text begins with: ``\\copy``. Only printable ASCII, and not long."""
    match = _NAME.match(text)
    name = match.group(1).decode("ascii", "replace") if match else ""
    return "\\" + "".join(letter if letter.isprintable() and letter.isascii() else "?" for letter in name)
