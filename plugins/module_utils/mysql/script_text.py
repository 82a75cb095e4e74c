# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The text of a dump around its data: the structure that mysqldump writes, so that every client loads it.

Everything here is pure: names and definitions in, statements out. Definitions are bytes: a stored program's text is in
the character set that its context names.

A table's data stream, whose size and SHA-256 the manifest records, is every ``INSERT`` or ``REPLACE`` statement of the
table, in order: each one's bytes from its first word to before its delimiter, then ``;`` and a newline.
"""

from __future__ import annotations

import re
import typing as t

from . import quoting, replication_text
from .catalog.database import Database
from .catalog.histograms import Histogram
from .catalog.sequences import Sequence
from .catalog.stored_programs import StoredProgram
from .catalog.tables import Table
from .catalog.views import View
from .options import DEFAULT_FORM, DEFAULT_POSITIONS, PositionForm, ScriptForm
from .snapshot import Snapshot
from .version import ServerVersion

COMPLETED = "-- Dump completed"
#: What lets rows be loaded that were current in the past (MariaDB 10.11 and later).
LOADS_HISTORY = "/*M!101100 SET SESSION system_versioning_insert_history=1 */;\n"
_EXECUTABLE = re.compile(rb"^/\*!\d{5} (.*?) *\*/;$", re.MULTILINE | re.DOTALL)
_DELIMITERS = (b";;", b"$$", b"//", b"||")

_SAVE_SETTINGS = """\
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!50503 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
"""
_RESTORE_SETTINGS = """\
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

"""


def header(
    database: Database | None,
    version: ServerVersion,
    host: str,
    snapshot: Snapshot,
    engine_version: str,
    positions: PositionForm = DEFAULT_POSITIONS,
) -> str:
    """The beginning of the file: where it comes from, the position, and the session settings that it needs.

    :param database: ``None`` for several.
    """
    about = [quoting.comment_line(f"Host: {host}    Database:")]
    if database is not None:
        characters = f"Default character set: {database.character_set}    Collation: {database.collation}"
        about = [quoting.comment_line(f"Host: {host}    Database: {database.name}"), quoting.comment_line(characters)]
    lines = [
        quoting.comment_line(f"dbfleet SQL dump 1, engine {engine_version}"),
        "--",
        *about,
        "-- ------------------------------------------------------",
        quoting.comment_line(f"Server version\t{version.text}"),
        "",
        _SAVE_SETTINGS,
    ]
    return "\n".join(lines) + replication_text.positions(snapshot, version, positions)


def create_database(database: Database) -> bytes:
    """The database, where it is not there."""
    name = quoting.identifier(database.name)
    character_set = f"CHARACTER SET {database.character_set} COLLATE {database.collation}"
    return f"CREATE DATABASE /*!32312 IF NOT EXISTS*/ {name} /*!40100 DEFAULT {character_set} */;\n".encode()


def begin_database(database: Database, *, made: bool) -> bytes:
    """What stands before a database's objects in a script of several.

    :param made: the script makes it.
    """
    title = _title(f"Current Database: {quoting.identifier(database.name)}").encode()
    return title + (create_database(database) + b"\n" if made else b"") + _use(database)


def use_database(database: Database) -> bytes:
    """What stands before the rest of a database's objects."""
    return _title(f"Current Database: {quoting.identifier(database.name)}").encode() + _use(database)


def _use(database: Database) -> bytes:
    return f"USE {quoting.identifier(database.name)};\n\n".encode()


def footer(snapshot: Snapshot, version: ServerVersion, positions: PositionForm = DEFAULT_POSITIONS) -> str:
    """The end of the file; its last line tells that the file is whole."""
    binlog = replication_text.binlog_again(snapshot, positions, version)
    return f"{binlog}{_RESTORE_SETTINGS}{COMPLETED} for the snapshot of {snapshot.taken_at}\n"


def sequence(sequence: Sequence, form: ScriptForm = DEFAULT_FORM, *, definition: bool = True) -> bytes:
    """A sequence, set to where it stands.

    :param definition: false for where it stands alone.
    """
    name = quoting.identifier(sequence.name)
    round_number = f", {sequence.cycle_count}" if sequence.cycle_count else ""
    drop = f"DROP SEQUENCE IF EXISTS {name};\n".encode() if form.add_drop_table else b""
    return b"".join(
        (
            _title(f"Sequence structure for {name}").encode(),
            drop + sequence.definition + b";\n" if definition else b"",
            f"DO SETVAL({name}, {sequence.next_value}, 0{round_number});\n\n".encode(),
        )
    )


def table_structure(table: Table, definition: bytes, form: ScriptForm = DEFAULT_FORM) -> bytes:
    """DROP and CREATE TABLE."""
    name = quoting.identifier(table.name)
    before = (
        _title(f"Table structure for table {name}")
        + (f"DROP TABLE IF EXISTS {name};\n" if form.add_drop_table else "")
        + "/*!40101 SET @saved_cs_client     = @@character_set_client */;\n"
        + "/*!50503 SET character_set_client = utf8mb4 */;\n"
    )
    return before.encode() + definition + b";\n/*!40101 SET character_set_client = @saved_cs_client */;\n\n"


def insert_prefix(table: Table, form: ScriptForm = DEFAULT_FORM) -> bytes:
    """What stands before the rows of each statement."""
    columns = ""
    if table.needs_column_list or form.complete_insert:
        columns = " (" + ", ".join(quoting.identifier(column.name) for column in table.stored_columns) + ")"
    return f"{form.insert} INTO {quoting.identifier(table.name)}{columns} VALUES ".encode()


def before_rows(table: Table, sequences: t.Iterable[str] = (), form: ScriptForm = DEFAULT_FORM) -> str:
    """What stands before a table's first INSERT.

    :param sequences: that its defaults use, quoted: whoever locks the table must lock them too.
    """
    name = quoting.identifier(table.name)
    title = _title(f"Dumping data for table {name}")
    locks = ", ".join(f"{locked} WRITE" for locked in (name, *sequences))
    lines = [
        f"LOCK TABLES {locks};\n" if form.add_locks else "",
        f"/*!40000 ALTER TABLE {name} DISABLE KEYS */;\n" if form.disable_keys else "",
        "" if form.autocommit else "SET autocommit=0;\n",
        LOADS_HISTORY if table.history else "",
    ]
    return title + "".join(lines)


def after_rows(table: Table, form: ScriptForm = DEFAULT_FORM) -> str:
    """What stands after a table's last INSERT."""
    lines = [
        f"/*!40000 ALTER TABLE {quoting.identifier(table.name)} ENABLE KEYS */;\n" if form.disable_keys else "",
        "UNLOCK TABLES;\n" if form.add_locks else "",
        "" if form.autocommit else "COMMIT;\nSET autocommit=1;\n",
        "/*M!101100 SET SESSION system_versioning_insert_history=0 */;\n" if table.history else "",
    ]
    return "".join(lines) + "\n"


def histogram(histogram: Histogram) -> str:
    """A column's histogram, as it was."""
    table, column = quoting.identifier(histogram.table), quoting.identifier(histogram.column)
    statement = f"ANALYZE NO_WRITE_TO_BINLOG TABLE {table} UPDATE HISTOGRAM ON {column} USING DATA"
    return f"/*!80031 {statement} {quoting.literal(histogram.data)} */;\n"


def view_placeholder(view: View) -> str:
    """A view with the right columns, for those that use it before it can be created."""
    name = quoting.identifier(view.name)
    columns = ", ".join(f"1 AS {quoting.identifier(column)}" for column in view.columns)
    return (
        f"{_title(f'Temporary view structure for view {name}')}CREATE OR REPLACE VIEW {name} AS SELECT {columns};\n\n"
    )


def view(view: View, *, for_client: bool = True) -> bytes:
    """A view, or what is left of an invalid one: a comment."""
    name = quoting.identifier(view.name)
    if view.invalid:
        text = view.definition.decode("utf-8", "backslashreplace")
        return (_title(f"Invalid view {name}: {view.invalid}") + quoting.comment_line(text) + "\n\n").encode()
    create = view.definition + b";\n"
    framed = _Framed(for_client)
    return b"".join(
        (
            _title(f"Final view structure for view {name}").encode(),
            framed(f"/*!50001 DROP VIEW IF EXISTS {name} */;\n".encode()),
            framed(_SAVE_CHARACTER_SETS),
            _in_character_set(view, create, for_client=for_client),
            framed(_RESTORE_CHARACTER_SETS) + b"\n",
        )
    )


class _Framed:
    """The settings around a definition: as mysqldump frames them, or for a folder without executable comments.

    myloader (1.0) takes such comments for the beginning of its file, and ends where one comes behind a statement.
    """

    def __init__(self, for_client: bool) -> None:
        self._for_client = for_client

    def __call__(self, text: bytes) -> bytes:
        return text if self._for_client else _EXECUTABLE.sub(rb"\1;", text)


def program(
    program: StoredProgram, database: Database, *, program_character_set: str = "", for_client: bool = True
) -> bytes:
    """A procedure, function, package, trigger, event or library with the context it was created in.

    :param program_character_set: of its database collation, where that is not the database's present one.
    :param for_client: false for a folder, whose loader knows no client commands and ends a statement where a line ends
        with a semicolon: the definition must not hold such lines then.
    """
    drop = f"/*!50003 DROP {program.kind.upper()} IF EXISTS {quoting.identifier(program.name)} */;\n".encode()
    # The delimiter is on a line of its own: the text may end in a comment.
    create = program.definition + b"\n;\n"
    if for_client:
        delimiter = _delimiter(program.definition)
        create = b"DELIMITER " + delimiter + b"\n" + program.definition + b"\n" + delimiter + b"\nDELIMITER ;\n"
    # The mode comes first: MariaDB before 11 knows DROP PACKAGE only in the mode ORACLE.
    before = [f"/*!50003 SET sql_mode              = {quoting.literal(program.sql_mode)} */;\n".encode(), drop]
    after = []
    if program.time_zone:
        before.append(b"/*!50106 SET @saved_time_zone      = @@time_zone */;\n")
        before.append(f"/*!50106 SET time_zone             = {quoting.literal(program.time_zone)} */;\n".encode())
        after.append(b"/*!50106 SET time_zone             = @saved_time_zone */;\n")
    if program_character_set:
        before.append(_alter_database(program_character_set, program.database_collation))
        after.append(_alter_database(database.character_set, database.collation))
    framed = _Framed(for_client)
    statements = framed(b"".join(before)) + create + framed(b"".join(after))
    saves = program.character_set_client != ""
    return b"".join(
        (
            framed(_SAVE_CHARACTER_SETS) if saves else b"",
            framed(b"/*!50003 SET @saved_sql_mode       = @@sql_mode */;\n"),
            _in_character_set(program, statements, for_client=for_client) if saves else statements,
            framed(b"/*!50003 SET sql_mode              = @saved_sql_mode */;\n"),
            framed(_RESTORE_CHARACTER_SETS) if saves else b"",
            b"\n",
        )
    )


# Character sets in which the second byte of a character can be a backslash or a quote of names: the client must know
# them to find the end of a literal.
_NOT_ASCII_SAFE = frozenset({"big5", "cp932", "gb18030", "gbk", "sjis"})

_SAVE_CHARACTER_SETS = b"""\
/*!50003 SET @saved_cs_client      = @@character_set_client */;
/*!50003 SET @saved_cs_results     = @@character_set_results */;
/*!50003 SET @saved_col_connection = @@collation_connection */;
"""
_RESTORE_CHARACTER_SETS = b"""\
/*!50003 SET character_set_client  = @saved_cs_client */;
/*!50003 SET character_set_results = @saved_cs_results */;
/*!50003 SET collation_connection  = @saved_col_connection */;
"""


def _title(text: str) -> str:
    return f"--\n{quoting.comment_line(text)}\n--\n\n"


def _in_character_set(program: StoredProgram | View, create: bytes, *, for_client: bool) -> bytes:
    """A CREATE statement under the character sets that it was written in."""
    client, framed = program.character_set_client, _Framed(for_client)
    switch = for_client and client in _NOT_ASCII_SAFE and not program.definition.isascii()
    return b"".join(
        (
            f"/*!\\C {client} */;\n".encode() if switch else b"",
            framed(f"/*!50003 SET character_set_client  = {client} */;\n".encode()),
            framed(f"/*!50003 SET character_set_results = {client} */;\n".encode()),
            framed(f"/*!50003 SET collation_connection  = {program.collation_connection} */;\n".encode()),
            create,
            b"/*!\\C utf8mb4 */;\n" if switch else b"",
        )
    )


def _alter_database(character_set: str, collation: str) -> bytes:
    # Without a name it is the database that is loaded into, whatever it is called.
    return f"ALTER DATABASE CHARACTER SET {character_set} COLLATE {collation};\n".encode()


def _delimiter(definition: bytes) -> bytes:
    """A delimiter that the definition does not hold."""
    for delimiter in _DELIMITERS:
        if delimiter not in definition:
            return delimiter
    number = 0
    while f"$END{number}$".encode() in definition:
        number += 1
    return f"$END{number}$".encode()
