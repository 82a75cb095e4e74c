# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Runs a script over a session, in order, and stops at the first error.

While the server works on INSERT statements the next ones are already being cut out of the script. Several of them go
to the server at once, up to :data:`INSERT_BATCH`; where no transaction is open, they are then one transaction, so that
after an error none of them is in the target.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import re
import sys
import typing as t

from .. import drivers
from ..errors import ConnectError, RestoreError, UsageError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..streams.file import FileSource
from .load import PART_SIZE
from .row_values import IN_ROW, hint_without_values, is_about_text, script_text_left_out, without_values
from .script import ScriptSplitter, Statement
from .script_commands import label
from .script_copy import CopyData
from .script_meta import MetaCommand
from .script_selected import ScriptPart
from .script_source import ScriptSource
from .script_tables import ScriptTable, TableTally
from .script_transaction import leaves_out
from .script_verify import one_database_only
from .script_wire import Answer, Failure, ScriptWire
from .session import Session

INSERT_BATCH = 100

_log = logging.getLogger("dbfleet.postgresql")

_BLOCK_SIZE = 1 << 18
_MOST_FAILURES = 100
# Larger statements are not kept while the next one is cut, which bounds the memory to about one of them.
_OVERLAP_UP_TO = 4 << 20
_WITH_ROWS = ("INSERT ", "COPY ")
_COPY_TAG = re.compile(r"COPY (\d+)")
_ALREADY_EXISTS = frozenset({"42710", "42723", "42P04", "42P06", "42P07"})
# What dumps of newer servers begin with and older servers do not know; it changes nothing there.
_UNKNOWN_SETTINGS = (
    (170000, re.compile(rb"SET transaction_timeout = 0;")),
    (120000, re.compile(rb"SET default_table_access_method = (?:heap|'');")),
)


@dataclass(frozen=True)
class ScriptOptions:
    """How to run a script.

    :param single_transaction: everything or nothing.
    :param skip_existing: a CREATE whose object exists is passed over and said (outside transactions).
    :param keep_going: run on after an error; in the end all of them are raised as one.
    :param part: what of it is run.
    """

    single_transaction: bool = False
    skip_existing: bool = False
    keep_going: bool = False
    part: ScriptPart = dataclasses.field(default_factory=ScriptPart)


_USUAL_OPTIONS = ScriptOptions()


class ScriptRunner:
    """Runs one script; the script was verified before.

    :param session: in the database that the script is to be run in; stays the caller's.
    :param connect: opens a session in a database of the same server, for scripts that hold several; ``None`` refuses
        them. These sessions are closed here.
    :param extents: of rows whose size and number are known, by their place in the script; they are not looked through.
    :param verified: the script's file was found to be the backup's: rows are not digested, and out of an uncompressed
        file they are sent as they lie there. Whether it still is that file in the end is the caller's to find out.

    :attr:`completed` counts the statements that were done.
    """

    def __init__(
        self,
        session: Session,
        source: ScriptSource,
        progress: Progress,
        *,
        options: ScriptOptions = _USUAL_OPTIONS,
        connect: t.Callable[[str], Session] | None = None,
        extents: t.Mapping[int, tuple[int, int]] | None = None,
        verified: bool = False,
    ) -> None:
        if options.keep_going and options.single_transaction:
            raise UsageError("a script cannot go on after an error in a single transaction", hint="choose one of both")
        self.completed = 0
        self._session = session
        self._own_session: Session | None = None
        self._wire = ScriptWire(session)
        self._name = source.name
        # One by one where each has to stand or fall by itself.
        batch = 1 if options.keep_going else INSERT_BATCH
        self._splitter = options.part.statements(source, batch=batch)
        self._progress = progress
        self._options = options
        self._connect = connect
        self._extents = extents or {}
        self._file = source.file if verified and sys.platform == "linux" else None
        self._tally = TableTally(digested=not verified)
        self._settings = ("", "")
        self._failures: list[RestoreError] = []
        self._failed = 0

    def run(self) -> tuple[ScriptTable, ...]:
        """Run everything: the rows that were copied, by table, as the server counted them.

        The session can be used afterwards only if this returned or raised :class:`RestoreError`.

        :raises RestoreError: a statement failed, and what was open is rolled back. Its context has ``file``, ``line``,
            ``statement``, ``sqlstate``, and for a COPY ``table``, ``column`` and ``row``, its number in the COPY.
        """
        try:
            if self._options.single_transaction:
                self._command(b"BEGIN")
            self._run_items()
            self._finish()
        except RestoreError:
            self._roll_back()
            raise
        except BaseException:
            self._cancel()
            raise
        finally:
            if self._own_session is not None:
                self._own_session.close()
        if self._failures:
            raise self._all_failures()
        return self._tally.tables()

    # -- the script, item by item

    def _run_items(self) -> None:
        self._follow_settings()
        # An INSERT whose answer has not been read.
        sent: Statement | None = None
        for item in self._splitter:
            if sent is not None:
                self._receive(sent)
                sent = None
            if isinstance(item, MetaCommand):
                self._run_command(item)
            elif self._is_left_out(item.text):
                _log.debug("line %d left out: %s", item.line, label(item.text))
            elif item.copy is not None:
                self._guarded(self._run_copy, item)
            else:
                sent = self._run_statement(item)
        if sent is not None:
            self._receive(sent)

    def _run_statement(self, statement: Statement) -> Statement | None:
        """Send a statement; it is given back where its answer is still to be read."""
        name = label(statement.text)
        _log.debug("%s: line %d: %s", self._session.database, statement.line, name)
        if not self._guarded(lambda one: self._wire.send(one.text, name), statement):
            return None
        if name[:7].upper() == "INSERT " and len(statement.text) <= _OVERLAP_UP_TO:
            return statement
        self._receive(statement)
        self._follow_settings()
        return None

    def _receive(self, statement: Statement) -> None:
        self._guarded(self._read_answer, statement)

    def _read_answer(self, statement: Statement) -> None:
        name = label(statement.text)
        answer = self._wire.answer(name)
        if answer.takes_rows:
            self._wire.cancel_rows()
            raise self._error(statement, "the server waits for rows that the script does not hold", "")
        self._check_commit(statement, name, answer)
        self.completed += answer.completed
        self._progress.advance(len(statement.text))

    def _check_commit(self, statement: Statement, name: str, answer: Answer) -> None:
        if answer.tag == "ROLLBACK" and name.upper().startswith(("COMMIT", "END")):
            raise self._error(
                statement, "the server rolled back what was to be committed", "a statement before it had failed"
            )

    def _run_copy(self, statement: Statement) -> None:
        data = self._splitter.data
        if statement.copy is None or data is None:
            return
        size, expected_rows = self._extents.get(data.offset, (0, 0))
        file = self._file if size and self._wire.is_plain else None
        if file is not None and not data.leap(size, expected_rows):
            file = None
        if size and file is None:
            data.expect(size, expected_rows)
        table = self._tally.begin(statement.copy)
        name = f"COPY {table}"
        self._progress.item(table)
        _log.debug("%s: line %d: %s", self._session.database, statement.line, name)
        self._wire.send(statement.text, name)
        if not self._wire.answer(name).takes_rows:
            raise self._error(statement, "the server does not take its rows", "")
        try:
            if file is None:
                self._send_rows(data, name)
            else:
                self._send_file(file, data, name)
        except Failure:
            raise
        except BaseException:
            self._wire.cancel_rows()
            raise
        tag = self._wire.end_rows(name).tag
        match = _COPY_TAG.fullmatch(tag)
        if match is None:
            raise self._error(statement, f"the server ended it with {tag!r}", "")
        self._tally.add_rows(int(match.group(1)))
        self.completed += 1

    def _send_rows(self, data: CopyData, name: str) -> None:
        rows = 0
        while True:
            block = data.read(_BLOCK_SIZE)
            if not block:
                break
            self._wire.send_rows(block, name)
            self._tally.add(block)
            self._progress.advance(len(block), data.rows - rows)
            rows = data.rows

    def _send_file(self, file: FileSource, data: CopyData, name: str) -> None:
        """Send rows that were passed unread, out of the file that they lie in."""
        offset, end = data.offset, data.offset + data.size
        while offset < end:
            size = min(PART_SIZE, end - offset)
            self._wire.send_file(file, offset, size, name)
            self._progress.advance(size)
            offset += size
        self._tally.add_unread(data.size, 0)
        self._progress.advance(0, data.rows)

    def _is_left_out(self, text: bytes) -> bool:
        if self._options.single_transaction and leaves_out(text):
            return True
        version = self._session.version
        return any(version < since and pattern.fullmatch(text) for since, pattern in _UNKNOWN_SETTINGS)

    # -- psql's commands, settings and transactions

    def _run_command(self, command: MetaCommand) -> None:
        if command.name == "encoding":
            self._command(b"SET client_encoding TO '" + command.argument.encode("ascii") + b"'")
            self._follow_settings()
        elif command.name == "connect":
            self._change_database(command)

    def _change_database(self, command: MetaCommand) -> None:
        if self._connect is None or self._options.single_transaction:
            raise one_database_only(self._name, command)
        if self._session.in_transaction:
            raise self._open_transaction(f"line {command.line}: \\connect {command.argument!r}")
        session = self._connect(command.argument)
        if self._own_session is not None:
            self._own_session.close()
        self._session = self._own_session = session
        self._wire = ScriptWire(session)
        self._tally.database = command.argument
        self._progress.message(f"connected to database {command.argument}")
        self._follow_settings()

    def _follow_settings(self) -> None:
        """Let the splitter read on as psql would: by the settings that the server reports."""
        session = self._session
        settings = (session.parameter("standard_conforming_strings"), session.parameter("client_encoding"))
        if settings != self._settings:
            self._settings = settings
            self._splitter.use_settings(standard_conforming_strings=settings[0] != "off", client_encoding=settings[1])

    def _command(self, text: bytes) -> None:
        """Run a statement of ours."""
        name = label(text)
        try:
            self._wire.send(text, name)
            self._wire.answer(name)
        except Failure as failure:
            raise RestoreError(
                f"{self._name}: {name}: {failure.error.message}", hint=failure.error.hint, **failure.error.context
            ) from failure.error

    def _finish(self) -> None:
        if self._options.single_transaction:
            if self._failures:
                self._command(b"ROLLBACK")
            else:
                self._command(b"COMMIT")
        elif self._session.in_transaction and not self._failures:
            raise self._open_transaction("its end")

    def _open_transaction(self, where: str) -> RestoreError:
        return RestoreError(
            f"{self._name}: a transaction that the script began is still open at {where}; it is rolled back",
            hint="the script lacks a COMMIT",
            file=self._name,
        )

    def _roll_back(self) -> None:
        # Where even that fails the connection is broken, and the server has rolled back by itself.
        if self._session.in_transaction:
            with contextlib.suppress(RestoreError):
                self._command(b"ROLLBACK")

    def _cancel(self) -> None:
        """Whatever ends the run early, the server stops working on it at once."""
        with contextlib.suppress(drivers.psycopg().OperationalError):
            self._session.pgconn.get_cancel().cancel()

    # -- errors

    def _guarded(self, action: t.Callable[[Statement], None], statement: Statement) -> bool:
        """Do something with a statement; whether it was done. Raises its failure unless that is to be passed over."""
        try:
            action(statement)
        except Failure as failure:
            error = self._failure(statement, failure)
            if isinstance(failure.error, ConnectError):
                raise error from failure.error
            if self._is_existing(statement, failure):
                self._progress.message(f"line {statement.line}: {label(statement.text)}: exists, passed over")
                return False
        except RestoreError as refused:
            error = refused
        else:
            return True
        if not self._options.keep_going:
            raise error
        self._failed += 1
        if len(self._failures) < _MOST_FAILURES:
            self._failures.append(error)
        return False

    def _is_existing(self, statement: Statement, failure: Failure) -> bool:
        return (
            self._options.skip_existing
            and failure.error.context.get("sqlstate") in _ALREADY_EXISTS
            and statement.text[:6].upper() == b"CREATE"
            and not self._session.in_transaction
        )

    def _failure(self, statement: Statement, failure: Failure) -> RestoreError:
        """The error for a refused statement: where it is, what it is, what the server says, but no row's values."""
        culprit, line = self._locate(statement, failure)
        error = failure.error
        error.context[IN_ROW] = failure.nested and label(statement.text).upper().startswith(_WITH_ROWS)
        message, hint = error.message, error.hint
        if not self._session.show_data:
            message, hint = without_values(error), hint_without_values(error)
            message = script_text_left_out(message) if is_about_text(error) else message
        found: dict[str, t.Any] = {"sqlstate": error.context.get("sqlstate"), "database": self._session.database}
        if statement.copy is not None:
            found["table"] = ".".join(part for part in (statement.copy.schema, statement.copy.table) if part)
            if failure.row and self._splitter.data is not None:
                line = self._splitter.data.line + failure.row - 1
                found["row"] = failure.row
                found["column"] = failure.column or None
        return self._error(culprit._replace(line=line), message, hint, **found)

    def _locate(self, statement: Statement, failure: Failure) -> tuple[Statement, int]:
        """Which statement of those sent at once failed, and the line in it that the server points at."""
        start = 0
        if failure.position:
            start = len(self._encoded_begin(statement.text, failure.position - 1))
        line = statement.line + statement.text.count(b"\n", 0, start)
        if statement.text[:1] not in b"iI":
            return statement, line
        splitter = ScriptSplitter(io.BytesIO(statement.text), name=self._name)
        splitter.use_settings(standard_conforming_strings=self._settings[0] != "off", client_encoding=self._settings[1])
        parts = [part for part in splitter if isinstance(part, Statement)]
        if failure.position:
            culprit = next(part for part in reversed(parts) if part.offset <= start)
            return culprit, line
        culprit = parts[min(failure.completed, len(parts) - 1)]
        return culprit, statement.line + culprit.line - 1

    def _encoded_begin(self, text: bytes, characters: int) -> bytes:
        """The bytes of a text's first characters."""
        encoding = "utf-8" if self._settings[1] == "UTF8" else "latin-1"
        return text.decode(encoding, "surrogateescape")[:characters].encode(encoding, "surrogateescape")

    def _error(self, statement: Statement, cause: str, hint: str, **found: t.Any) -> RestoreError:
        name = label(statement.text)
        return RestoreError(
            f"line {statement.line} of {self._name}: {name}: {cause}",
            hint=hint,
            file=self._name,
            line=statement.line,
            statement=name,
            completed=self.completed,
            **found,
        )

    def _all_failures(self) -> RestoreError:
        first = self._failures[0]
        return RestoreError(
            f"{self._failed} statements of {self._name} failed, the first: {first.message}",
            hint=first.hint,
            file=self._name,
            completed=self.completed,
            failed=[{"message": one.message, **one.context} for one in self._failures],
        )


def run_script(
    session: Session,
    source: ScriptSource,
    progress: Progress,
    *,
    options: ScriptOptions = _USUAL_OPTIONS,
    connect: t.Callable[[str], Session] | None = None,
    extents: t.Mapping[int, tuple[int, int]] | None = None,
    verified: bool = False,
) -> tuple[ScriptTable, ...]:
    """Run a whole script; see :class:`ScriptRunner`."""
    return ScriptRunner(
        session, source, progress, options=options, connect=connect, extents=extents, verified=verified
    ).run()
