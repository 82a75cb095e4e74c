# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A list of an archive's entries, edited by the user: which to restore, and in which order."""

from __future__ import annotations

import re
import typing as t

from ..errors import UsageError
from .toc import TocEntry

_NUMBER = re.compile(r"[ \t]*([0-9]{1,10})(?:[^0-9].*)?")


def parse_use_list(lines: t.Iterable[str], *, name: str) -> tuple[int, ...]:
    """The dump ids of a list as ``dbfleet info`` and ``pg_restore -l`` print it.

    A line begins with a dump id; all from a semicolon on is a comment.

    :param name: what to call the list in messages.
    :raises UsageError: a line begins with something else, or an id stands there twice.
    """
    lines_of: dict[int, int] = {}
    for count, line in enumerate(lines, 1):
        text = line.partition(";")[0].strip()
        if not text:
            continue
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise UsageError(
                f"line {count} of {name} does not begin with the number of an entry",
                hint="use the lines of the list as they are; put a semicolon before what is not to be restored",
            )
        number = int(match.group(1))
        if number in lines_of:
            raise UsageError(f"line {count} of {name} names entry {number} again, after line {lines_of[number]}")
        lines_of[number] = count
    return tuple(lines_of)


def in_listed_order(entries: t.Sequence[TocEntry], numbers: t.Sequence[int]) -> tuple[TocEntry, ...]:
    """The entries with those of the list moved to the end, in the list's order.

    :raises UsageError: one is not in the archive.
    """
    by_id = {entry.dump_id: entry for entry in entries}
    listed = dict.fromkeys(numbers)
    missing = [number for number in listed if number not in by_id]
    if missing:
        raise UsageError(
            f"the list names entry {missing[0]}, which is not in the archive",
            hint="make the list of this archive: dbfleet info ARCHIVE",
            entries=missing,
        )
    others = (entry for entry in entries if entry.dump_id not in listed)
    return (*others, *(by_id[number] for number in listed))
