# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where a restore that may be resumed records what is done.

A small file of JSON lines beside nothing of the user's. Before a transaction is committed, a line with its number and
its items is added; after that, a line that it was. Whether a transaction whose second line is missing was committed,
the server knows. So the file is right at whatever moment the restore, a process of it or the server was killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import secrets
import time
import typing as t

from ..errors import CorruptArtifactError, LockedError, QueryError, RestoreError
from ..repository.records import Manifest, TableRecord
from ..streams.file import FILE_MODE, FOLDER_MODE, storage_error
from .session import Session
from .toc import TocEntry

Done = t.Sequence[tuple[TocEntry, t.Optional[TableRecord]]]

_VERSION = 1
_LARGEST_LINE = 64 << 20
_PATIENCE_SECONDS = 60.0
# The number of the transaction lies in a future that never came: the server lost it when it was killed.
_NO_SUCH_TRANSACTION = "22023"


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


class StateJournal:
    """Records in a state file; any number of processes add lines to the same one.

    :param path: of the file, which exists.
    """

    def __init__(self, path: str) -> None:
        self._path = path

    def before_commit(self, session: Session, done: Done) -> str:
        # Nothing was done: there is nothing to be remembered, and no transaction number to be spent.
        if not done:
            return ""
        number = session.value("SELECT pg_catalog.txid_current()") or ""
        tables = [[entry.dump_id, dataclasses.asdict(table)] for entry, table in done if table is not None]
        self._add({"transaction": number, "items": [entry.dump_id for entry, _table in done], "tables": tables})
        return number

    def after_commit(self, mark: str) -> None:
        if mark:
            self._add({"committed": mark})

    def _add(self, line: t.Mapping[str, t.Any]) -> None:
        append_line(self._path, line)


@dataclasses.dataclass(frozen=True)
class StateHeader:
    """Which restore a state file belongs to.

    :param key: of everything that must be the same for a restore to be the same.
    :param database: what the database is called while it is restored.
    :param name: the application name of the restore's sessions.
    """

    key: str
    database: str
    name: str


class RestoreState:
    """The state file of one restore, locked while this exists.

    :param path: made with its folder where it is missing.
    :param key: see :class:`StateHeader`.
    :raises LockedError: the same restore is running.
    :raises StorageError: the file cannot be read or written.
    :raises CorruptArtifactError: it is damaged.
    """

    def __init__(self, path: str, key: str) -> None:
        self.path = path
        self._key = key
        self._descriptor = _open_locked(path)
        self.header: StateHeader | None
        try:
            self.header, self._lines = _read(path, key)
        except BaseException:
            os.close(self._descriptor)
            raise

    @property
    def resumable(self) -> bool:
        """Whether something of this restore was begun before."""
        return self.header is not None

    def begin(self, database: str) -> StateHeader:
        """Start over, with a file that knows only what this restore is."""
        self._lines = []
        self.header = StateHeader(self._key, database, f"dbfleet restore {secrets.token_hex(8)}")
        try:
            os.truncate(self.path, 0)
        except OSError as error:
            raise storage_error("write", self.path, error) from error
        append_line(self.path, {"version": _VERSION, **dataclasses.asdict(self.header)})
        return self.header

    def done(self, session: Session) -> dict[int, TableRecord | None]:
        """The items that are committed, by their numbers; call :func:`end_sessions` before.

        :raises RestoreError: the server does not know any more what became of a transaction.
        """
        committed = {str(line["committed"]) for line in self._lines if "committed" in line}
        done: dict[int, TableRecord | None] = {}
        for line in self._lines:
            number = line.get("transaction")
            if number is None or not (number in committed or _was_committed(session, str(number))):
                continue
            done.update(dict.fromkeys(line["items"]))
            done.update((dump_id, _table(fields)) for dump_id, fields in line["tables"])
        return done

    def journal(self) -> StateJournal:
        return StateJournal(self.path)

    def remove(self) -> None:
        """The restore is complete."""
        try:
            os.unlink(self.path)
        except OSError as error:
            raise storage_error("remove", self.path, error) from error

    def close(self) -> None:
        """Give the file free; one of a restore that was never begun goes away."""
        if self.header is None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
        os.close(self._descriptor)


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


def append_line(path: str, line: t.Mapping[str, t.Any]) -> None:
    """Add one line and make it durable."""
    data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            # One call: lines of several processes do not get into each other.
            if os.write(descriptor, data) != len(data):
                raise OSError(28, "No space left on device")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error("write", path, error) from error


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


def _was_committed(session: Session, number: str) -> bool:
    try:
        status = session.value("SELECT pg_catalog.txid_status($1::pg_catalog.int8)", (number,))
    except QueryError as error:
        if error.context.get("sqlstate") == _NO_SUCH_TRANSACTION:
            return False
        raise
    if status is None:
        raise RestoreError(
            "the interrupted restore is too old: the server does not know any more what became of its last transaction",
            hint="start over: restore without resume",
        )
    return status == "committed"


def _table(fields: t.Mapping[str, t.Any]) -> TableRecord:
    return TableRecord(**{**fields, "parts": tuple(fields["parts"])})


def _open_locked(path: str) -> int:
    try:
        os.makedirs(os.path.dirname(path), mode=FOLDER_MODE, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise storage_error("open", path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LockedError("the same restore is running", hint="wait until it ended", path=path) from error
    return descriptor


def _read(path: str, key: str) -> tuple[StateHeader | None, list[dict[str, t.Any]]]:
    """Header and lines; none where the file is empty or belongs to something else."""
    lines: list[dict[str, t.Any]] = []
    try:
        with open(path, "rb") as file:
            for number, raw in enumerate(iter(lambda: file.readline(_LARGEST_LINE), b""), 1):
                # A last line without its end was being written when the host failed; what it says was not begun.
                if raw.endswith(b"\n"):
                    lines.append(_parsed(raw, f"{path}, line {number}"))
    except OSError as error:
        raise storage_error("read", path, error) from error
    if not lines or lines[0].get("version") != _VERSION or lines[0].get("key") != key:
        return None, []
    first = lines.pop(0)
    return StateHeader(key, str(first["database"]), str(first["name"])), lines


def _parsed(raw: bytes, where: str) -> dict[str, t.Any]:
    try:
        line = json.loads(raw)
    except ValueError:
        line = None
    if not isinstance(line, dict):
        raise CorruptArtifactError(f"{where} is damaged", hint="remove the file; the restore then starts over")
    return line
