# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a restore that may be resumed has done.

A small file says which transaction holds which items, a line before each is committed; marks in the database itself say
which of them were. So both are right at whatever moment the restore, a process of it or the server was killed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
import time
import typing as t

from ..errors import RestoreError
from ..lazy_dataclass import dataclass
from ..repository.records import Manifest, TableRecord
from ..state_file import StateFile, append_line
from .commit_marks import CommitMarks, new_schema_name
from .session import Session
from .toc import TocEntry

Done = t.Sequence[tuple[TocEntry, t.Optional[TableRecord]]]

_PATIENCE_SECONDS = 60.0
# A database that was dropped and made again under its name is another one.
_IDENTITY = "SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"


class Journal(t.Protocol):
    """Told of every transaction before it is committed."""

    def before_commit(self, session: Session, done: Done) -> None:
        """The transaction that is open on ``session`` is about to be committed with these items."""


class NoJournal:
    """Records nothing."""

    def before_commit(self, session: Session, done: Done) -> None:
        """There is nothing to be recorded."""


class StateJournal:
    """Records in a state file and the database; any number of processes add to the same ones.

    :param path: of the file, which exists.
    :param marks: the schema of the marks, which exists.
    """

    def __init__(self, path: str, marks: str) -> None:
        self._path = path
        self._marks = CommitMarks(marks)

    def before_commit(self, session: Session, done: Done) -> None:
        if not done:
            return
        mark = self._marks.add(session)
        tables = [[entry.dump_id, dataclasses.asdict(table)] for entry, table in done if table is not None]
        append_line(self._path, {"mark": mark, "items": [entry.dump_id for entry, _table in done], "tables": tables})


@dataclass(frozen=True)
class StateHeader:
    """Which restore was begun.

    :param database: what the database is called while it is restored.
    :param name: the application name of the restore's sessions.
    :param marks: the schema with the marks of its transactions.
    """

    database: str
    name: str
    marks: str


class RestoreState:
    """What one restore has recorded.

    :param file: where; it is closed with this.
    """

    def __init__(self, file: StateFile) -> None:
        self._file = file
        self.header = _header(file)

    @property
    def resumable(self) -> bool:
        """Whether something of this restore was begun before."""
        return self.header is not None

    def begin(self, database: str) -> StateHeader:
        """Start over, with a file that knows only what this restore is."""
        self.header = StateHeader(database, f"dbfleet restore {secrets.token_hex(8)}", new_schema_name())
        self._file.begin(**dataclasses.asdict(self.header))
        return self.header

    def look_for(self, session: Session) -> None:
        """See whether the session's database is the one of the earlier run; else there was none."""
        header = self.header
        if header is None or CommitMarks(header.marks).exist(session) or self._is_complete_in(session):
            return
        self._file.forget()
        self.header = None

    def take_over(self, session: Session, *, role: str) -> dict[int, TableRecord | None]:
        """The items that are committed, by their numbers. After :meth:`begin`, or :func:`end_sessions`.

        :param session: in the target; there will be marks in it then.
        :param role: who will leave marks, if another one than the session's user.
        """
        marks = CommitMarks(self._begun().marks)
        if marks.exist(session):
            return self._done(marks.read(session))
        if self._is_complete_in(session):
            return self._done(None)
        marks.create(session, role=role)
        return {}

    def complete(self, session: Session) -> None:
        """Everything was committed: the marks go away.

        :param session: of a user who may drop what the user who began has made.
        """
        self._file.add({"complete": session.value(_IDENTITY)})
        CommitMarks(self._begun().marks).remove(session)

    def is_complete_as(self, oid: str) -> bool:
        """Whether an earlier run has completed the database with this number."""
        said = [line["complete"] for line in self._file.lines if "complete" in line]
        return bool(said) and said[-1] == oid

    def journal(self) -> StateJournal:
        return StateJournal(self._file.path, self._begun().marks)

    def remove(self) -> None:
        """The restore has come to its end."""
        self._file.remove()

    def close(self) -> None:
        self._file.close()

    def _begun(self) -> StateHeader:
        if self.header is None:
            raise RestoreError("the restore was not begun")
        return self.header

    def _is_complete_in(self, session: Session) -> bool:
        return self.is_complete_as(session.value(_IDENTITY) or "")

    def _done(self, marks: t.Container[str] | None) -> dict[int, TableRecord | None]:
        done: dict[int, TableRecord | None] = {}
        for line in self._file.lines:
            if "mark" in line and (marks is None or line["mark"] in marks):
                done.update(dict.fromkeys(line["items"]))
                done.update((dump_id, _table(fields)) for dump_id, fields in line["tables"])
        return done


def state_key(order: t.Iterable[TocEntry], manifest: Manifest | None, **others: t.Any) -> str:
    """A digest of what is restored and into what.

    :param others: what else must be the same.
    """
    digest = hashlib.sha256(json.dumps(others, sort_keys=True).encode())
    for entry in order:
        fields = (entry.dump_id, entry.desc, entry.namespace, entry.tag, entry.defn, entry.copy_stmt, entry.owner)
        digest.update(repr(fields).encode("utf-8", "surrogateescape"))
    for record in () if manifest is None else manifest.files:
        digest.update(record.sha256.encode())
    return digest.hexdigest()


def end_sessions(session: Session, name: str) -> None:
    """End what is left of an earlier run's sessions, and wait until they are gone.

    :param name: their application name.
    :raises RestoreError: they go on.
    """
    others = "FROM pg_catalog.pg_stat_activity WHERE application_name = $1 AND pid <> pg_catalog.pg_backend_pid()"
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while session.query(f"SELECT pg_catalog.pg_terminate_backend(pid) {others}", (name,)):
        if time.monotonic() > deadline:
            raise RestoreError(
                "sessions of the interrupted restore are still working", hint="end them, then resume", application=name
            )
        time.sleep(0.1)


def _header(file: StateFile) -> StateHeader | None:
    fields = file.header
    if not file.resumable or "marks" not in fields:
        return None
    return StateHeader(str(fields["database"]), str(fields["name"]), str(fields["marks"]))


def _table(fields: t.Mapping[str, t.Any]) -> TableRecord:
    return TableRecord(**{**fields, "parts": tuple(fields["parts"])})
