# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where a restore that may be resumed records what is done."""

from __future__ import annotations

import typing as t

from ..repository.records import TableRecord
from .session import Session
from .toc import TocEntry

Done = t.Sequence[tuple[TocEntry, t.Optional[TableRecord]]]


class Journal(t.Protocol):
    """Told of every transaction before and after it is committed."""

    def before_commit(self, session: Session, done: Done) -> str:
        """The transaction that is open on ``session`` is about to be committed with these items; a mark for it."""

    def after_commit(self, mark: str) -> None:
        """The transaction with this mark was committed."""


class NoJournal:
    """Records nothing."""

    def before_commit(self, session: Session, done: Done) -> str:
        return ""

    def after_commit(self, mark: str) -> None:
        """There is nothing to be recorded."""
