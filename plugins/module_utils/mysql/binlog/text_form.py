# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Transactions as a script for the server's own client, in the form that mysqlbinlog gives them.

Statements end with mysqlbinlog's delimiter, rows are BINLOG statements in base64, and what each event is stands before
it in comments.
"""

from __future__ import annotations

import base64
import datetime
import os
import re
import typing as t

from ...errors import StorageError, UnsupportedObjectError
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ..version import ServerVersion, parse_version
from . import codes
from .binlog_file import BinlogFile
from .compressed import inner_events, uncompressed
from .events import Event
from .format_description import FormatDescription
from .listing import TransactionFilter
from .query_context import session_assignments
from .query_event import Query, parse_query
from .replay import EventStatements
from .replay_changes import UNCHANGED, ReplayChanges
from .replay_events import pass_events
from .replay_plan import ReplayPlan, files_in_order, plan_replay
from .statement_values import string_variable
from .table_map import parse_table_map

_DELIMITER = b"/*!*/;\n"
#: Half of what the smallest default of max_allowed_packet allows, as for a server that is not there to be asked.
_PACKET = "4194304"
_PLAIN = re.compile(r"[^\x20-\x7e\u00a1-\ufffd]")
#: Character sets in whose characters a backslash can be half: the client must know them to find the ends of strings.
_HALVES = {1: "big5", 84: "big5", 13: "sjis", 88: "sjis", 28: "gbk", 87: "gbk", 95: "cp932", 96: "cp932"}
_GB18030 = range(248, 251)
#: From when on MariaDB has session variables that its events name.
_SINCE = {"sql_if_exists": 100502, "system_versioning_insert_history": 101100}
_FULL_NAMES = 101001

Writer = t.Callable[[bytes], object]


@dataclass(frozen=True)
class TextRequest:
    """Which transactions are wanted as a script.

    :param paths: files in their order, and folders of archived binlogs.
    :param keep_gtids: let the transactions have the identifiers that they have.
    :param load_folder: where files that were loaded by statement (``LOAD DATA``) are put for the client to send; empty
        refuses such transactions.
    """

    paths: tuple[BinlogFile, ...]
    wanted: TransactionFilter
    changes: ReplayChanges = UNCHANGED
    keep_gtids: bool = True
    load_folder: str = ""


def write_text(request: TextRequest, write: Writer, progress: Progress) -> ReplayPlan:
    """Write the wanted transactions as a script, whole ones only; every file is read to its end and checked before.

    :raises DbfleetError: as :func:`.replay_plan.plan_replay`, before anything is written.
    :raises UnsupportedObjectError: a transaction loads a file, and there is no folder for it.
    """
    files = files_in_order(request.paths)
    plan = plan_replay(files, request.wanted, partial=True, changes=request.changes)
    if plan.loads and not request.load_folder:
        raise UnsupportedObjectError(
            "a transaction loads a file (LOAD DATA that was logged as a statement)",
            hint="name a folder for such files (--local-load), and allow the client to send them (--local-infile)",
        )
    script = _Script(write, parse_version(plan.server_version, ""), request.load_folder)
    script.begin()
    form = _TextForm(script, keep_gtids=request.keep_gtids)
    progress.phase("writing", total_bytes=plan.bytes)
    try:
        pass_events(plan, form, progress)
        if plan.transactions:
            form.finish()
    finally:
        form.close()
    script.end()
    return plan


class _Script:
    """Takes statements as a session would, and writes them."""

    def __init__(self, write: Writer, version: ServerVersion, load_folder: str) -> None:
        self.version = version
        # What is not known of the server is not here: every setting is then written.
        self.variables: t.Mapping[str, str] = {"gtid_mode": "ON", "max_allowed_packet": _PACKET}
        self._write = write
        self._load_folder = load_folder
        self._loaded = 0

    def begin(self) -> None:
        self._write(
            b"DELIMITER /*!*/;\n/*!50003 SET @OLD_COMPLETION_TYPE=@@COMPLETION_TYPE,COMPLETION_TYPE=0*/" + _DELIMITER
        )

    def end(self) -> None:
        self.comment("End of the log")
        self._write(
            b"ROLLBACK /* a transaction that is open here was cut off */" + _DELIMITER
            + b"SET SESSION pseudo_slave_mode = 0" + _DELIMITER
            + b"/*!50003 SET COMPLETION_TYPE=@OLD_COMPLETION_TYPE*/" + _DELIMITER
            + b"DELIMITER ;\n"
        )  # fmt: skip

    def comment(self, text: str) -> None:
        """A line that cannot end before its end, whatever names it holds."""
        plain = _PLAIN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
        self._write(b"# " + plain.encode("utf-8", "backslashreplace") + b"\n")

    def client_words(self, text: str) -> None:
        """A command of the client itself."""
        self._write(b"/*!" + text.encode("ascii") + b" */" + _DELIMITER)

    def has_variable(self, name: str) -> bool:
        if self.version.is_mariadb:
            return self.version.number >= _SINCE.get(name, 0)
        return name not in _SINCE

    def query(self, _statement: str) -> list[tuple[str | None, ...]]:
        """What there is to be asked; nobody is there."""
        return []

    def execute(self, statement: str | bytes) -> int:
        raw = statement.encode("utf-8", "surrogateescape") if isinstance(statement, str) else statement
        if raw.startswith(b"BINLOG '"):
            data = base64.b64decode(raw[8:-1])
            raw = b"BINLOG '\n" + base64.encodebytes(data) + b"'"
        # USE is a word of the client, to which a line is the whole statement.
        self._write(raw + _DELIMITER if raw.startswith(b"USE ") else raw + b"\n" + _DELIMITER)
        return 0

    def execute_with_file(self, statement: bytes, pieces: t.Iterable[bytes]) -> None:
        self._loaded += 1
        path = os.path.join(os.path.abspath(self._load_folder), f"dbfleet-load-{os.getpid()}-{self._loaded}")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                for piece in pieces:
                    file.write(piece)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        quoted = path.replace("\\", "\\\\").replace("'", "\\'").encode("utf-8", "surrogateescape")
        self.execute(statement.replace(b" LOCAL INFILE 'dbfleet'", b" LOCAL INFILE '" + quoted + b"'", 1))


class _TextForm(EventStatements):
    """The same statements as a replay makes, with what each event is in comments before it."""

    def __init__(self, script: _Script, *, keep_gtids: bool) -> None:
        super().__init__(script, keep_gtids=keep_gtids)
        self._script = script
        self._is_mariadb = False
        self._client_collation = 0

    def describe(self, event: Event, description: FormatDescription, name: str) -> None:
        self._is_mariadb = description.is_mariadb
        self._script.comment(f"file {name}, of a server {description.server_version}")
        self._script.comment(
            "the events have checksums, which were verified"
            if description.checksums
            else "the events have no checksums"
        )
        super().describe(event, description, name)

    def take(self, event: Event) -> None:
        self._head(event)
        if event.header.type == codes.TRANSACTION_PAYLOAD:
            for inner in inner_events(event, self._what(event)):
                self._head(inner)
                self._apply(inner)
        else:
            self._apply(event)

    def _head(self, event: Event) -> None:
        header = event.header
        moment = datetime.datetime.fromtimestamp(header.timestamp).astimezone()
        self._script.comment(f"at {event.position}")
        self._script.comment(
            f"{moment:%y%m%d %H:%M:%S} server id {header.server_id}  {header.name}{self._about(event)}"
        )

    def _about(self, event: Event) -> str:
        what = self._what(event)
        event = uncompressed(event, what)
        if event.header.type == codes.TABLE_MAP:
            table = parse_table_map(event.body, what)
            return f": `{table.database}`.`{table.table}` mapped to number {table.id}"
        if event.header.type in (codes.ANNOTATE_ROWS, codes.ROWS_QUERY):
            # The statement is only told, and may hold values.
            return " (a statement whose rows follow)"
        if event.header.type == codes.QUERY:
            query = parse_query(event.body, what)
            self._tell_client(query, what)
            return f": thread_id={query.thread} exec_time={query.seconds} error_code={query.error}"
        return ""

    def _tell_client(self, query: Query, what: str) -> None:
        """Have the client find the ends of strings as the session's character set has them."""
        variables = session_assignments(query, what, mariadb=self._is_mariadb)
        collation = int(variables.get("character_set_client") or 0)
        known = "gb18030" if collation in _GB18030 else _HALVES.get(collation, "")
        before = "gb18030" if self._client_collation in _GB18030 else _HALVES.get(self._client_collation, "")
        if collation and known != before:
            self._script.client_words(f"\\C {known or 'utf8mb4'}")
        self._client_collation = collation or self._client_collation

    def _apply(self, event: Event) -> None:
        if event.header.type == codes.USER_VAR:
            text = string_variable(event.body, self._what(event))
            if text is not None:
                self._set_text(*text)
                return
        super()._apply(event)

    def _set_text(self, name: str, collation: int, value: bytes) -> None:
        """A variable with a text of a collation, whose name only the server knows."""
        if self._is_mariadb and self._script.version.number >= _FULL_NAMES:
            place = "FULL_COLLATION_NAME) FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY"
        else:
            place = "COLLATION_NAME) FROM information_schema.COLLATIONS"
        quoted = name.replace("\\", "\\\\").replace("'", "''")
        made = f"CONCAT('SET @{quoted} := _', CHARACTER_SET_NAME, ' X''{value.hex()}'' COLLATE ', {place}"
        for statement in (
            f"SET @dbfleet := (SELECT {made} WHERE ID = {collation} LIMIT 1)",
            "PREPARE dbfleet FROM @dbfleet",
            "EXECUTE dbfleet",
            "DEALLOCATE PREPARE dbfleet",
        ):
            self._script.execute(statement)
