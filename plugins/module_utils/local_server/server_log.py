# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a server says of why it does not start, taken from its logs.

Logs hold what statements and errors are about, values of rows among it. Only what was written since the start is
looked at, and only lines of the server itself are told: of the kinds FATAL, PANIC and LOG, with what explains them.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import typing as t

from ..streams.file import storage_error

_MOST_LINES = 8
_LONGEST_LINE = 300
_LARGEST_LOG = 1 << 20
_KIND = re.compile(r"(?:^|[\s\]:])(FATAL|PANIC|LOG|WARNING|DETAIL|HINT):\s+(.*)")
# What a server logs of statements, and of what it does with single rows and locks for them.
_OF_STATEMENTS = re.compile(
    r"(?:statement|duration|execute|parse|bind|fastpath|process [0-9]+ (?:still|acquired|detected)|temporary file"
    r"|connection|disconnection|automatic)\b"
)
# Statements warn too; of the server itself is what keeps it from answering while it recovers.
_OF_SERVER = "hot standby is not possible"


class LogWatch:
    """The logs of a server, from now on.

    :param places: files, also with wildcards; those that come later count too.
    """

    def __init__(self, places: t.Iterable[str]) -> None:
        self._places = tuple(places)
        self._before = {path: _size(path) for path in self._paths()}

    def _paths(self) -> list[str]:
        return [path for place in self._places for path in sorted(glob.glob(place)) if os.path.isfile(path)]

    def last_words(self) -> str:
        """What the server has said of itself since then; where that is nothing, which files to look into."""
        texts = [_added(path, self._before.get(path, 0)) for path in self._paths()]
        told = telling_lines("\n".join(texts))
        if told:
            return "; ".join(told)
        return "its log says nothing that is known to be free of data; look into " + (
            ", ".join(self._paths()) or "the log"
        )


def telling_lines(text: str) -> list[str]:
    """The last lines of a log that are about the server itself, without their prefixes."""
    told: list[str] = []
    follows = False
    for line in text.splitlines():
        found = _KIND.search(line)
        if found is None:
            follows = False
            continue
        kind, words = found.groups()
        if kind in ("DETAIL", "HINT"):
            if not follows:
                continue
        else:
            follows = not (kind == "LOG" and _OF_STATEMENTS.match(words))
            follows = follows and (kind != "WARNING" or words.startswith(_OF_SERVER))
            if not follows:
                continue
        told.append(f"{kind}: {words.strip()}"[:_LONGEST_LINE])
    return told[-_MOST_LINES:]


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.stat(path).st_size
    return 0


def _added(path: str, before: int) -> str:
    try:
        with open(path, "rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A log that was begun anew is shorter than it was.
            file.seek(max(before if before <= size else 0, size - _LARGEST_LOG))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise storage_error("read", path, error) from error
