# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Numbers, names and tables as text for a person at a terminal."""

from __future__ import annotations

import typing as t
import unicodedata

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def size_text(size: float) -> str:
    """``1536`` as ``1.5 KiB``."""
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size /= 1024
        unit += 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def duration_text(seconds: float) -> str:
    """``3725`` as ``1:02:05``, ``5.25`` as ``5.2 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """``text`` with everything escaped that would move the cursor, hide text or break the line.

    Names come from servers and manifests, where anybody may have put a terminal's control sequence.
    """
    return "".join(
        character if _is_plain(character) else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )


def _is_plain(character: str) -> bool:
    return character == " " or unicodedata.category(character)[0] not in "CZ"


def table_text(headings: t.Sequence[str], rows: t.Sequence[t.Sequence[str]], *, right: t.Collection[str] = ()) -> str:
    """An aligned table, one line a row, columns two spaces apart.

    :param right: the headings of the columns that are aligned to the right.
    """
    lines = [list(headings), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(headings))]
    return "".join(_line(line, widths, [heading in right for heading in headings]) for line in lines)


def _line(cells: t.Sequence[str], widths: t.Sequence[int], right: t.Sequence[bool]) -> str:
    padded = [
        " " * (width - _width(cell)) + cell if is_right else cell + " " * (width - _width(cell))
        for cell, width, is_right in zip(cells, widths, right)
    ]
    return "  ".join(padded).rstrip() + "\n"


def _width(text: str) -> int:
    """The columns that ``text`` takes on a terminal: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
