# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Loading one table whose rows an archive holds as INSERT statements."""

from __future__ import annotations

from ..errors import CorruptArtifactError, DbfleetError
from ..progress import Progress
from ..streams.base import ByteSource
from .restore_sql import ArchiveSettings
from .row_values import IN_ROW
from .script import ScriptSplitter, Statement
from .script_wire import Failure, ScriptWire
from .session import Session

_BATCH = 500
_INSERT = b"INSERT INTO "
_MAY_LEAVE_OUT = b"ON CONFLICT"


def run_inserts(
    session: Session, source: ByteSource, settings: ArchiveSettings, progress: Progress, *, name: str
) -> int | None:
    """Run the INSERT statements; nothing else is run.

    :param source: the statements, decompressed.
    :param settings: of the archive; the session has them.
    :param name: of the table, for messages.
    :returns: how many rows were added; ``None`` where statements may have left some out on purpose.
    :raises CorruptArtifactError: they are cut short, or there is something else among them.
    :raises QueryError: the server refused one; the message has no row's values once it went through
        :func:`~.row_values.without_values`.
    """
    splitter = ScriptSplitter(source, name=name, batch=_BATCH)
    splitter.use_settings(standard_conforming_strings=settings.standard_strings, client_encoding=settings.encoding)
    wire = ScriptWire(session)
    rows, certain = 0, True
    for item in splitter:
        if not isinstance(item, Statement) or item.text[: len(_INSERT)].upper() != _INSERT:
            raise CorruptArtifactError(f"{name}: line {item.line} of its data is no INSERT statement", line=item.line)
        certain = certain and _MAY_LEAVE_OUT not in item.text
        added = _run(wire, item, f"INSERT INTO {name}")
        rows += added
        progress.advance(len(item.text), added)
    return rows if certain else None


def _run(wire: ScriptWire, statement: Statement, name: str) -> int:
    try:
        wire.send(statement.text, name)
        return wire.answer(name).rows
    except Failure as failure:
        error: DbfleetError = failure.error
        if failure.position:
            error.context["line"] = statement.line + statement.text.count(b"\n", 0, failure.position - 1)
        error.context[IN_ROW] = failure.nested
        raise error from failure
