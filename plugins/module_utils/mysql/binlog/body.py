# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Taking an event's body apart, every length checked."""

from __future__ import annotations

from ...errors import CorruptArtifactError


class BodyReader:
    """Reads the fields of one body from its front.

    :param what: the event, for messages (``the Query event at 154``).
    """

    def __init__(self, body: bytes, what: str) -> None:
        self._body = body
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._body) - self._at

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes.

        :raises CorruptArtifactError: there are fewer.
        """
        end = self._at + size
        if size < 0 or end > len(self._body):
            raise self.damaged(f"it ends at byte {len(self._body)}, within a field of {size} bytes")
        piece = self._body[self._at : end]
        self._at = end
        return piece

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(self.left)

    def number(self, size: int) -> int:
        """An unsigned number of ``size`` bytes, little end first."""
        return int.from_bytes(self.take(size), "little")

    def packed(self) -> int:
        """A number in the protocol's length-encoded form."""
        first = self.number(1)
        if first < 0xFB:
            return first
        if first == 0xFC:
            return self.number(2)
        if first == 0xFD:
            return self.number(3)
        if first == 0xFE:
            return self.number(8)
        raise self.damaged("a length-encoded number that is none")

    def short_text(self) -> bytes:
        """Bytes after their length in one byte."""
        return self.take(self.number(1))

    def ended(self, size: int = 1) -> None:
        """Skip ``size`` bytes that must be zero."""
        if self.take(size).strip(b"\0"):
            raise self.damaged("a terminating zero is missing")

    def damaged(self, cause: str) -> CorruptArtifactError:
        """The error for a body that cannot be read."""
        return CorruptArtifactError(f"{self._what} is damaged: {cause}")
