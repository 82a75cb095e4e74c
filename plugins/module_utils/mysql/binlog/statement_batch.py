# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Statements that are sent many at a time, so that small transactions do not wait for an answer each.

While the server runs one batch, the next one is made; it is sent only after the answer, so that nothing runs behind a
failure. Inside a batch the server itself stops at the first statement that fails.
"""

from __future__ import annotations

from ...errors import DbfleetError, UnsupportedObjectError
from .. import wire
from ..session import Session

_MOST_STATEMENTS = 500

#: What the sender of a statement wants to know again when it fails.
Tag = tuple[int, str, int]


class BatchError(Exception):
    """A statement of a batch failed.

    :ivar error: the engine's.
    :ivar tag: the statement's.
    """

    def __init__(self, error: DbfleetError, tag: Tag) -> None:
        super().__init__(error.message)
        self.error = error
        self.tag = tag


class StatementBatch:
    """Gathers statements for one session.

    :param limit: bytes of a batch, well below the server's ``max_allowed_packet``.
    """

    def __init__(self, session: Session, *, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._longest = int(session.variables.get("max_allowed_packet") or 0)
        self._statements: list[bytes] = []
        self._tags: list[Tag] = []
        self._size = 0
        self._sent: tuple[list[bytes], list[Tag]] | None = None
        wire.allow_several(session.connection)

    def add(self, statement: bytes, tag: Tag) -> None:
        """One more. It must not end within a comment, and hold no semicolon behind its end.

        :raises BatchError: an earlier one failed; nothing behind that one was run. Or this one is longer than the
            server takes, which would end the connection; all before it have run.
        """
        if self._longest and len(statement) >= self._longest:
            self.flush()
            error = UnsupportedObjectError(
                f"a row takes a statement of {len(statement):,} bytes, and the target none of more than "
                f"{self._longest:,}: raise its max_allowed_packet, or have it apply as a replica"
            )
            raise BatchError(error, tag)
        if self._statements and (
            self._size + len(statement) > self._limit or len(self._statements) >= _MOST_STATEMENTS
        ):
            self._send()
        self._statements.append(statement)
        self._tags.append(tag)
        self._size += len(statement) + 1

    def flush(self) -> None:
        """Everything added has run when this returns.

        :raises BatchError: a statement failed; nothing behind it was run.
        """
        if self._statements:
            self._send()
        self._receive()

    def _send(self) -> None:
        self._receive()
        statements, self._statements = self._statements, []
        tags, self._tags = self._tags, []
        self._size = 0
        try:
            wire.send_statement(self._session.connection, b";".join(statements))
        except self._session.driver_errors as error:
            raise BatchError(self._translated(error, statements[0]), tags[0]) from error
        self._sent = (statements, tags)

    def _receive(self) -> None:
        if self._sent is None:
            return
        (statements, tags), self._sent = self._sent, None
        done, error = wire.receive_answers(self._session.connection, len(statements))
        if error is not None:
            # What comes behind the one that failed is given up, too.
            self._statements, self._tags, self._size = [], [], 0
            at = min(done, len(tags) - 1)
            raise BatchError(self._translated(error, statements[at]), tags[at]) from error

    def _translated(self, error: Exception, statement: bytes) -> DbfleetError:
        return self._session.translate(error, statement[:2000].decode("utf-8", "replace"))
