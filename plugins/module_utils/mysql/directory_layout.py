# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The names and the texts of a folder's files, as mydumper writes them and myloader reads them.

``docs/internals/mysql-directory.md`` describes the whole layout. Everything here is pure.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from . import quoting, script_text
from .catalog.database import Database
from .catalog.sequences import Sequence
from .catalog.stored_programs import StoredProgram
from .catalog.tables import Table
from .snapshot import Position

METADATA = "metadata"
FOLDER_MARK = "# dbfleet folder 1"
FINISHED_MARK = "# Finished dump at: "
#: What stands at the beginning of every file, whatever other files have set in the session.
SETTINGS = b"""\
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET FOREIGN_KEY_CHECKS=0 */;
/*!40014 SET UNIQUE_CHECKS=0 */;
/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
"""
#: The same for the rows of a table that several connections load at once. Where a statement looks at no unique keys,
#: MariaDB (10.6 and later) writes into an empty table in bulk, under a lock on all of it, and two deadlock at times.
SHARED_TABLE_SETTINGS = SETTINGS.replace(b"UNIQUE_CHECKS=0", b"UNIQUE_CHECKS=1")
#: What every file except the metadata ends with.
END = f"{script_text.COMPLETED}\n".encode()
_LONGEST_PART = 100
_VIEWS = "views"
_SEMICOLON_LINE = re.compile(rb";( *)\n")
_CALL = re.compile(rb"`((?:[^`]|``)+)`\(")


def file_part(name: str) -> str:
    """A database's or table's name as a part of a file's name: no dot, no blank, and not too long for two of them."""
    escaped = quoting.file_name(name).replace(".", "@002e")
    raw = escaped.encode("utf-8")
    if len(raw) <= _LONGEST_PART:
        return escaped
    digest = hashlib.sha256(name.encode("utf-8")).hexdigest()[:16]
    return raw[: _LONGEST_PART - 17].decode("utf-8", "ignore") + "@" + digest


class FolderNames:
    """The names of the files of one database.

    :param database: its name.
    """

    def __init__(self, database: str) -> None:
        self.database = file_part(database)

    @property
    def create(self) -> str:
        return f"{self.database}-schema-create.sql"

    @property
    def post(self) -> str:
        return f"{self.database}-schema-post.sql"

    @property
    def histograms(self) -> str:
        return f"{self.database}-histograms"

    @property
    def views(self) -> str:
        return f"{self.database}.{_VIEWS}-schema-view.sql"

    def sequence(self, name: str) -> str:
        return f"{self.database}.{file_part(name)}-schema-sequence.sql"

    def structure(self, table: str) -> str:
        return f"{self.database}.{file_part(table)}-schema.sql"

    def triggers(self, table: str) -> str:
        return f"{self.database}.{file_part(table)}-schema-triggers.sql"

    def rows(self, table: str, number: int) -> str:
        """The name of a file of rows, without the suffix of its compression."""
        return f"{self.database}.{file_part(table)}.{number:05d}.sql"


def whole_file(*texts: bytes) -> bytes:
    """A file's content."""
    return b"".join((SETTINGS, *texts, END))


def sequence(sequence: Sequence, *, made: bool = True) -> bytes:
    """A sequence that need not be new: the table that uses it may have brought it.

    :param made: false for where it stands alone.
    """
    definition = re.sub(rb"\ACREATE SEQUENCE (?=`)", b"CREATE SEQUENCE IF NOT EXISTS ", sequence.definition)
    name = quoting.identifier(sequence.name)
    round_number = f", {sequence.cycle_count}" if sequence.cycle_count else ""
    value = f"DO SETVAL({name}, {sequence.next_value}, 0{round_number});\n".encode()
    return definition + b";\n" + value if made else value


def table(definition: bytes, sequences: t.Iterable[Sequence] = ()) -> bytes:
    """A table, after the sequences that its defaults use."""
    return b"".join((*(sequence(one) for one in sequences), definition, b";\n"))


def program(program: StoredProgram, database: Database, *, program_character_set: str = "") -> bytes:
    """A stored program without a line that ends with a semicolon: one blank more stands behind each that would."""
    spaced = dataclasses.replace(program, definition=_SEMICOLON_LINE.sub(rb";\1 \n", program.definition))
    return script_text.program(spaced, database, program_character_set=program_character_set, for_client=False)


def functions_of_views(definitions: t.Iterable[bytes], programs: t.Sequence[StoredProgram]) -> frozenset[int]:
    """The places in ``programs`` of what must be there before the views: functions they call, and all libraries then.

    A view's text names a function as ```name`(`` or ```database`.`name`(``; one too many does no harm.
    """
    called: set[bytes] = set()
    for definition in definitions:
        called.update(name.replace(b"``", b"`").lower() for name in _CALL.findall(definition))
    functions = {
        place
        for place, one in enumerate(programs)
        if one.kind == "function" and one.name.encode("utf-8").lower() in called
    }
    if not functions:
        return frozenset()
    return frozenset(functions | {place for place, one in enumerate(programs) if one.kind == "library"})


def metadata(
    position: Position,
    tables: t.Iterable[tuple[FolderNames, Table, int]],
    *,
    started: str,
    finished: str,
    engine_version: str,
) -> bytes:
    """The file that says that the folder is whole.

    :param tables: of which database, and with how many rows.
    :param started: UTC, as ``2026-11-22 17:00:00``.
    """
    lines = [f"# Started dump at: {started}", f"{FOLDER_MARK}, engine {engine_version}"]
    lines += ["[config]", "quote-character = BACKTICK", ""]
    if position.file:
        lines += ["[source]", "# Channel_Name = ''", f"File = {position.file}", f"Position = {position.position}"]
        lines += [f"Executed_Gtid_Set = {position.gtid}", ""]
    for names, one, rows in tables:
        # One text each: there may be very many.
        title, name = f"[`{names.database}`.`{file_part(one.name)}`]", f"real_table_name = {_escaped(one.name)}"
        lines.append(f"{title}\n{name}\nrows = {rows}\n")
    lines.append(f"{FINISHED_MARK}{finished}\n")
    return "\n".join(lines).encode("utf-8")


def _escaped(name: str) -> str:
    # Newer myloaders put it between back quotes as it stands.
    name = name.replace("`", "``")
    return name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
