# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Statements that are too large to be kept: a beginning, and the rest as it is read."""

from __future__ import annotations

import typing as t

#: Up to here a statement is kept as a whole; what is larger is, but for a server's odd settings, a single row.
KEPT_UP_TO = 16 << 20


class Rest:
    """What follows the text of a statement. It is read once, before anything else of the script.

    :attr:`size` is how many bytes were read of it so far.
    """

    def __init__(self, pieces: t.Iterator[bytes]) -> None:
        self._pieces = pieces
        self.size = 0

    def __iter__(self) -> t.Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            yield piece

    def drop(self) -> None:
        """Pass what is left of it."""
        for _piece in self:
            pass


def trimmed(
    pieces: t.Iterable[bytes], signs: bytes | None = None, *, unless: t.Callable[[], bool] = lambda: False
) -> t.Iterator[bytes]:
    """The same bytes without some signs at their end.

    :param signs: as of :meth:`bytes.rstrip`.
    :param unless: whether they stay all the same, asked at the end.
    """
    held = b""
    for piece in pieces:
        joined = held + piece
        kept = joined.rstrip(signs)
        held = joined[len(kept) :]
        if kept:
            yield kept
    if held and unless():
        yield held
