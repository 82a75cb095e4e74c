# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Runs a script's statements on one session, in order, stopping at the first error.

While the server works on an INSERT the next statement is already being cut out of the script.
"""

from __future__ import annotations

import dataclasses
import logging
import typing as t

from ..errors import RestoreError
from ..progress import Progress
from . import faults, quoting, statements, wire
from .load_warnings import CHANGES_DATA, CHANGES_DEFINITION, DUPLICATE, TRUNCATED, Warned, only_empty_enums
from .script import ScriptSplitter, Statement
from .script_policy import ScriptPolicy
from .script_summary import ScriptSource, TableDigest
from .session import Session
from .statement_filter import StatementFilter, apply_filters
from .statements import Action

_LOG = logging.getLogger("dbfleet.mysql")
# Larger statements are not kept while the next one is cut, which bounds the memory to about one of them.
_OVERLAP_UP_TO = 4 << 20
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


@dataclasses.dataclass
class LoadedTable:
    """What was loaded into one table so far."""

    digest: TableDigest = dataclasses.field(default_factory=TableDigest)
    rows: int = 0


class _Sent(t.NamedTuple):
    """A statement whose answer has not been read."""

    text: bytes
    size: int
    line: int
    action: Action


class ScriptRunner:
    """Runs one script.

    :param session: its default database is the target.
    :param filters: what every statement passes before it is judged and run.
    :param database: the target's name.

    :attr:`tables` fills as rows are loaded; :attr:`current` names the object at hand.
    """

    def __init__(
        self,
        session: Session,
        source: ScriptSource,
        policy: ScriptPolicy,
        filters: t.Sequence[StatementFilter],
        database: str,
        progress: Progress,
    ) -> None:
        self._session = session
        self._source = source
        self._splitter = ScriptSplitter(source, name=source.name)
        self._policy = policy
        self._filters = filters
        self._database = database
        self._progress = progress
        self._columns: dict[str, tuple[list[str], set[str]]] = {}
        self._harmless: dict[int, tuple[int, str]] = {}
        self.tables: dict[str, LoadedTable] = {}
        self.current = ""

    def run(self) -> None:
        """Run everything.

        :raises RestoreError: a statement failed or changed data on its way in; context has ``line``, ``statement`` and
            ``errno``.
        """
        stream = iter(self._splitter)
        sent: _Sent | None = None
        while True:
            if sent is not None and sent.size > _OVERLAP_UP_TO:
                self._finish(sent)
                sent = None
            statement = next(stream, None)
            if sent is not None:
                self._finish(sent)
                sent = None
            if statement is None:
                break
            sent = self._start(statement)
            del statement
            if sent is not None and not sent.action.is_data:
                self._finish(sent)
                sent = None
        for code, (count, message) in self._harmless.items():
            product = self._session.version.product
            self._progress.warn(f"{count} warnings {code} of {product} while loading, the first: {message}")

    def _start(self, statement: Statement) -> _Sent | None:
        """Send a statement; ``None`` for one that is left out."""
        original = statement.text
        passed = apply_filters(self._filters, statement, statements.classify(original))
        if passed is None:
            return None
        statement, action = passed
        text = statement.text
        reason = self._policy.left_out(text, action)
        if reason:
            _LOG.debug("line %d left out: %s", statement.line, reason)
            return None
        name = _name(action)
        label = _label(action)
        if label != self.current:
            self.current = label
            _LOG.debug("line %d: %s", statement.line, label)
            if name:
                self._progress.item(name)
        sent = _Sent(text, len(text), statement.line, action)
        try:
            wire.send_statement(self._session.connection, text)
        except (self._session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        if action.is_data:
            self.tables.setdefault(name, LoadedTable()).digest.add(original, action)
        return sent

    def _finish(self, sent: _Sent) -> None:
        """Read the answer and judge it."""
        try:
            outcome = wire.receive_outcome(self._session.connection)
        except (self._session.driver_errors, OSError) as error:
            raise self._failed(error, sent) from error
        self._splitter.backslash_escapes = outcome.backslash_escapes
        if outcome.warnings:
            self._judge(sent, outcome.warnings)
        if sent.action.is_data:
            self.tables[_name(sent.action)].rows += outcome.affected
            self._progress.advance(sent.size, outcome.affected)

    # -- warnings

    def _judge(self, sent: _Sent, count: int) -> None:
        # The script may have set any character set for results.
        warnings = [
            Warned(int(code or b"0"), (message or b"").decode("utf-8", "replace"))
            for _level, code, message in self._session.query_bytes("SHOW WARNINGS")
        ]
        if sent.action.is_data and len(warnings) < count:
            raise self._refused(sent, f"the server counts {count} warnings and shows only {len(warnings)}", 0)
        fatal = CHANGES_DATA if sent.action.is_data else CHANGES_DEFINITION
        changing = [one for one in warnings if one.code in fatal]
        if changing and not (sent.action.is_data and self._are_empty_enums(sent, changing)):
            first = next((one for one in changing if one.code != TRUNCATED), changing[0])
            message = faults.without_values(first.message)
            raise self._refused(sent, f"{fatal[first.code]} (warning {first.code}: {message})", first.code)
        for one in warnings:
            if one in changing or (one.code == DUPLICATE and not sent.action.ignores):
                continue
            seen, message = self._harmless.get(one.code, (0, faults.without_values(one.message)))
            self._harmless[one.code] = (seen + 1, message)

    def _are_empty_enums(self, sent: _Sent, warnings: t.Sequence[Warned]) -> bool:
        columns, enums = self._columns_of(_name(sent.action))
        return only_empty_enums(sent.text, warnings, columns, enums)

    def _columns_of(self, table: str) -> tuple[list[str], set[str]]:
        if table not in self._columns:
            rows = self._session.query_bytes(
                "SELECT COLUMN_NAME, DATA_TYPE, EXTRA FROM information_schema.COLUMNS WHERE "
                f"TABLE_SCHEMA = {quoting.literal(self._database)} AND TABLE_NAME = {quoting.literal(table)} "
                "ORDER BY ORDINAL_POSITION"
            )
            described = [[(value or b"").decode("utf-8", "replace").lower() for value in row] for row in rows]
            self._columns[table] = (
                [name for name, _type, extra in described if "invisible" not in extra],
                {name for name, data_type, _extra in described if data_type == "enum"},
            )
        return self._columns[table]

    # -- errors

    def _refused(self, sent: _Sent, cause: str, number: int) -> RestoreError:
        return self._error(sent, cause, "the target would hold other data than the backup", number)

    def _failed(self, error: BaseException, sent: _Sent) -> RestoreError:
        translated = faults.translate(error, _label(sent.action), product=self._session.version.product)
        number, _message = faults.number_and_message(error)
        lost = number in faults.LOST_CONNECTION
        hint = "see the server's error log" if lost else _HINTS.get(number) or translated.hint
        return self._error(sent, translated.message, hint, number)

    def _error(self, sent: _Sent, cause: str, hint: str, number: int) -> RestoreError:
        label = _label(sent.action)
        return RestoreError(
            f"line {sent.line} of {self._source.name}: {label}: {cause}",
            hint=hint,
            line=sent.line,
            statement=label,
            errno=number,
            table=_name(sent.action) if sent.action.is_data else None,
        )


def _name(action: Action) -> str:
    """The object that a statement names first; empty for a malformed one."""
    return action.names[0].name if action.names else ""


def _label(action: Action) -> str:
    """A statement for messages: what it does to which object, never a value."""
    if action.is_data:
        return f"{action.verb} INTO {_name(action)}"
    words = [action.verb, action.kind if action.verb not in ("SELECT", "SHOW", "DO", "UPDATE", "DELETE") else ""]
    return " ".join([*(word for word in words if word), *(name.name for name in action.names[:1])])
