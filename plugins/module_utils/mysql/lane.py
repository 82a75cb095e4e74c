# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One connection that the statements of a restore are run on, one at a time, each answer judged."""

from __future__ import annotations

import io
import itertools
import logging
import re
import typing as t

from ..errors import DbfleetError, RestoreError
from ..progress import Progress
from . import faults, quoting, wire
from .insert_as_file import RowsFile
from .load_options import ERROR, IGNORE, LoadOptions
from .load_warnings import CHANGES_DATA, CHANGES_DEFINITION, DUPLICATE, TRUNCATED, Warned, only_empty_enums
from .loaded_file import LoadedFile
from .session import Session
from .statements import LOAD, Action

_LOG = logging.getLogger("dbfleet.mysql")
_INSERT = re.compile(rb"INSERT(?=\s)", re.IGNORECASE)
_RECORDS = re.compile(r"Records: (\d+)  Duplicates: (\d+)")
_LOADED = re.compile(r"Records: (\d+)  Deleted: (\d+)  Skipped: (\d+)")
_DUPLICATE_KEY = 1062
_DEPRECATED = 1287
_CHECKING_KEYS = b"SET STATEMENT unique_checks=1 FOR "
_HINTS = {
    1062: "the target already held such a row, or the script holds it twice",
    1071: "the target allows shorter index keys: see its row format and version",
    1118: "the target allows shorter rows: see its row format and page size",
    1153: "raise max_allowed_packet on the target",
    1205: "another session holds a lock on the target",
    1227: "the object runs as another user (DEFINER): restore as a user with SET_ANY_DEFINER, SET USER or SUPER",
    1273: "the target does not know the collation: restore into a server that does",
    1419: "SET GLOBAL log_bin_trust_function_creators = 1 on the target, or restore as a user with SUPER",
    1449: "the account that the object runs as (DEFINER) does not exist on the target: create it first",
    3024: "a time limit of the server ended the statement",
}
DEADLOCK = 1213


class Sent(t.NamedTuple):
    """A statement whose answer has not been read.

    :param where: its line and file, for messages.
    """

    text: bytes
    action: Action
    where: str
    line: int


class Done(t.NamedTuple):
    """What became of a statement.

    :param rows: of an INSERT, how many the statement gave, whether or not the target took all of them.
    :param duplicates: how many of these were there already, where that is no error.
    """

    sent: Sent
    rows: int
    duplicates: int
    backslash_escapes: bool


class TableColumns(t.NamedTuple):
    """What loading has to know of a table's columns; all names are in lower case.

    :param visible: in order.
    :param auto_increment: the one that is, if there is one.
    """

    visible: list[str]
    enums: set[str]
    auto_increment: str


class RowsNotTakenError(DbfleetError):
    """The server did not take a file of rows without a word: what it took of them is to be taken back."""


class HarmlessWarnings:
    """Warnings that change nothing, counted by their numbers to be told at the end."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[int, str]] = {}

    def add(self, code: int, message: str) -> None:
        seen, first = self._seen.get(code, (0, message))
        self._seen[code] = (seen + 1, first)

    def tell(self, progress: Progress, product: str) -> None:
        for code, (count, message) in self._seen.items():
            progress.warn(f"{count} warnings {code} of {product} while loading, the first: {message}")


class Lane:
    """Runs statements on one session.

    :param session: its default database is the target.
    :param database: the target's name.
    """

    def __init__(self, session: Session, database: str, options: LoadOptions, harmless: HarmlessWarnings) -> None:
        self.session = session
        self.database = database
        self._options = options
        self._harmless = harmless
        self._columns: dict[str, TableColumns] = {}
        self._sent: Sent | None = None
        self._file: wire.FileOnItsWay | None = None

    @property
    def busy(self) -> bool:
        """Whether the answer to a statement is still to be read."""
        return self._sent is not None

    def start(self, text: bytes, action: Action, where: str, line: int) -> None:
        """Send a statement; :meth:`finish` must follow."""
        sent = Sent(self._for_duplicates(text, action), action, where, line)
        try:
            wire.send_statement(self.session.connection, self._checked(sent))
        except (self.session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        self._sent = sent

    def start_in_parts(self, text: bytes, rest: t.Iterable[bytes], action: Action, where: str, line: int) -> None:
        """As :meth:`start`, for an INSERT of which only the beginning is in memory.

        :param rest: what follows the text; all of it is read.
        """
        if self.columns_of(name_of(action)).enums:
            # Whether the server may cut a value off then is told by looking at the values.
            whole = io.BytesIO()
            whole.writelines(itertools.chain((text,), rest))
            self.start(whole.getvalue(), action, where, line)
            return
        sent = Sent(self._for_duplicates(text, action), action, where, line)
        try:
            wire.send_in_parts(self.session.connection, self._checked(sent), rest)
        except (self.session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        self._sent = sent

    def start_file(self, loaded: LoadedFile, action: Action, where: str, line: int, pieces: t.Iterable[bytes]) -> None:
        """As :meth:`start`, for a statement that loads a file.

        :param pieces: the file's bytes.
        """
        sent = Sent(loaded.with_duplicates(self._options.duplicates), action, where, line)
        try:
            wire.send_with_file(self.session.connection, self._checked(sent), pieces)
        except (self.session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        self._sent = sent

    def start_rows(self, rows: RowsFile, action: Action, where: str, line: int) -> None:
        """As :meth:`start`, for an INSERT that is sent as a file.

        :raises RowsNotTakenError: the server does not take it.
        """
        sent = Sent(rows.text, action, where, line)
        try:
            self._file = wire.FileOnItsWay(self.session.connection, rows.statement, rows.pieces())
        except self.session.driver_errors as error:
            raise self._not_taken(error, sent) from error
        except OSError as error:
            raise self._failed(error, sent) from error
        self._sent = sent

    def _finish_rows(self, file: wire.FileOnItsWay, sent: Sent) -> Done:
        try:
            file.wait()
            outcome = wire.receive_outcome(self.session.connection)
        except self.session.driver_errors as error:
            raise self._not_taken(error, sent) from error
        except OSError as error:
            raise self._failed(error, sent) from error
        found = _LOADED.search(outcome.message)
        if outcome.warnings or found is None or int(found.group(2)) or int(found.group(3)):
            raise RowsNotTakenError(f"{sent.where}: {outcome.message}")
        return Done(sent, int(found.group(1)), 0, outcome.backslash_escapes)

    def _not_taken(self, error: BaseException, sent: Sent) -> DbfleetError:
        number, _message = faults.number_and_message(error)
        if number == DEADLOCK or number in faults.LOST_CONNECTION:
            return self._failed(error, sent)
        return RowsNotTakenError(f"{sent.where}: error {number}")

    def finish(self) -> Done:
        """Read the answer and judge it.

        :raises RowsNotTakenError: of rows that were sent as a file not every one was taken as it is.

        :raises RestoreError: the statement failed or changed data on its way in; context has ``line``, ``statement``,
            ``errno`` and ``table``.
        """
        sent, self._sent = t.cast(Sent, self._sent), None
        file, self._file = self._file, None
        if file is not None:
            return self._finish_rows(file, sent)
        try:
            outcome = wire.receive_outcome(self.session.connection)
        except (self.session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        if outcome.warnings:
            self._judge(sent, outcome.warnings)
        rows, duplicates = outcome.affected, 0
        if sent.action.verb == LOAD:
            # With LOCAL the server passes over rows whose keys are there.
            rows, duplicates = self._loaded(sent, outcome.message)
        elif sent.action.is_data and self._options.duplicates != ERROR:
            # What was there already is not among the affected rows, or is counted twice.
            counted = _RECORDS.search(outcome.message)
            rows = int(counted.group(1)) if counted else 1
            # A row that took another's place counts twice.
            known = rows - outcome.affected if self._options.duplicates == IGNORE else outcome.affected - rows
            duplicates = int(counted.group(2)) if counted else known
        return Done(sent, rows, duplicates, outcome.backslash_escapes)

    def _checked(self, sent: Sent) -> bytes:
        """The statement, so that MariaDB looks at keys although it was told not to.

        Into an empty table it would otherwise write in bulk (10.6 and later), and one row with a key that is there
        would silently take all rows before it away.
        """
        ignores = sent.action.ignores or self._options.duplicates != ERROR
        if not (ignores and sent.action.is_data and self.session.version.is_mariadb):
            return sent.text
        return _CHECKING_KEYS + sent.text

    def _loaded(self, sent: Sent, message: str) -> tuple[int, int]:
        """Rows and duplicates of a file, out of what the server says of it."""
        found = _LOADED.search(message)
        if found is None:
            raise self._refused(sent, "the server does not say how many rows it took", 0)
        rows, deleted, skipped = map(int, found.groups())
        if deleted + skipped and self._options.duplicates == ERROR and not sent.action.ignores:
            cause = f"{deleted + skipped} rows of the file have keys that the target held already"
            raise self._refused(sent, cause, _DUPLICATE_KEY)
        return rows, deleted + skipped

    def run(self, text: bytes, action: Action, where: str, line: int) -> Done:
        """Send a statement and wait for its answer."""
        self.start(text, action, where, line)
        return self.finish()

    def drop_answer(self) -> None:
        """Forget the statement that is under way: the connection is of no more use."""
        self._sent = None
        self._file = None

    def _for_duplicates(self, text: bytes, action: Action) -> bytes:
        if self._options.duplicates == ERROR or action.verb != "INSERT" or not action.is_data:
            return text
        word = b"INSERT IGNORE" if self._options.duplicates == IGNORE else b"REPLACE"
        if action.ignores:
            return text
        return _INSERT.sub(word, text, count=1)

    # -- warnings

    def _judge(self, sent: Sent, count: int) -> None:
        # The script may have set any character set for results.
        warnings = [
            Warned(int(code or b"0"), (message or b"").decode("utf-8", "replace"))
            for _level, code, message in self.session.query_bytes("SHOW WARNINGS")
        ]
        if sent.action.is_data and len(warnings) < count:
            raise self._refused(sent, f"the server counts {count} warnings and shows only {len(warnings)}", 0)
        fatal = CHANGES_DATA if sent.action.is_data else CHANGES_DEFINITION
        changing = [one for one in warnings if one.code in fatal]
        if changing and not (sent.action.is_data and self._are_empty_enums(sent, changing)):
            first = next((one for one in changing if one.code != TRUNCATED), changing[0])
            raise self._refused(sent, f"{fatal[first.code]} (warning {first.code}: {self._shown(first)})", first.code)
        expected = sent.action.ignores or self._options.duplicates != ERROR
        for one in warnings:
            if one in changing or (one.code == DUPLICATE and not expected):
                continue
            if one.code == _DEPRECATED and sent.action.verb == "SET":
                # Every dump sets and puts back what newer servers call otherwise.
                continue
            self._harmless.add(one.code, self._shown(one))

    def _shown(self, warning: Warned) -> str:
        return warning.message if self._options.show_data_in_errors else faults.without_values(warning.message)

    def _are_empty_enums(self, sent: Sent, warnings: t.Sequence[Warned]) -> bool:
        columns = self.columns_of(name_of(sent.action))
        return only_empty_enums(sent.text, warnings, columns.visible, columns.enums)

    def columns_of(self, table: str) -> TableColumns:
        """The columns of a table of the target."""
        if table not in self._columns:
            rows = self.session.query_bytes(
                "SELECT COLUMN_NAME, DATA_TYPE, EXTRA FROM information_schema.COLUMNS WHERE "
                f"TABLE_SCHEMA = {quoting.literal(self.database)} AND TABLE_NAME = {quoting.literal(table)} "
                "ORDER BY ORDINAL_POSITION"
            )
            described = [[(value or b"").decode("utf-8", "replace").lower() for value in row] for row in rows]
            self._columns[table] = TableColumns(
                visible=[name for name, _type, extra in described if "invisible" not in extra],
                enums={name for name, data_type, _extra in described if data_type == "enum"},
                auto_increment=next((name for name, _type, extra in described if "auto_increment" in extra), ""),
            )
        return self._columns[table]

    # -- errors

    def _refused(self, sent: Sent, cause: str, number: int) -> RestoreError:
        return self._error(sent, cause, "the target would hold other data than the backup", number)

    def _failed(self, error: BaseException, sent: Sent) -> RestoreError:
        translated = faults.translate(
            error,
            label_of(sent.action),
            product=self.session.version.product,
            show_values=self._options.show_data_in_errors,
        )
        number, _message = faults.number_and_message(error)
        lost = number in faults.LOST_CONNECTION
        hint = "see the server's error log" if lost else _HINTS.get(number) or translated.hint
        return self._error(sent, translated.message, hint, number)

    def _error(self, sent: Sent, cause: str, hint: str, number: int) -> RestoreError:
        label = label_of(sent.action)
        return RestoreError(
            f"{sent.where}: {label}: {cause}",
            hint=hint,
            line=sent.line,
            statement=label,
            errno=number,
            table=name_of(sent.action) if sent.action.is_data else None,
        )


def name_of(action: Action) -> str:
    """The object that a statement names first; empty for a malformed one."""
    return action.names[0].name if action.names else ""


def label_of(action: Action) -> str:
    """A statement for messages: what it does to which object, never a value."""
    if action.is_data:
        return f"{action.verb} INTO {name_of(action)}"
    words = [action.verb, action.kind if action.verb not in ("SELECT", "SHOW", "DO", "UPDATE", "DELETE") else ""]
    return " ".join([*(word for word in words if word), *(name.name for name in action.names[:1])])
