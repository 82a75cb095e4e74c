# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which scripts an artifact consists of, and in which order they are run: one plain script, or a mydumper folder.

Folders are mydumper's (0.10 and later) and our own of the format ``directory``, see docs/internals/mysql-directory.md.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ..errors import CorruptArtifactError, NotFoundError, UsageError
from ..interfaces import ArtifactReader
from .folder_splitter import FolderSplitter, without_added_blanks
from .loaded_file import DATA_FILE
from .script import ScriptSplitter, Statement
from .script_source import ScriptSource
from .sections import SectionSplitter, databases_of
from .statements import Action, classify

# What a file of a folder holds, in the order in which it is run; SCRIPT is all of a database.
SCRIPT, DATABASE, SEQUENCE, TABLE, ROWS, HISTOGRAM, TRIGGER, ROUTINE, VIEW, EVENT = (
    "script", "database", "sequence", "table", "rows", "histogram", "trigger", "routine", "view", "event",
)  # fmt: skip
ROLES = (SCRIPT, DATABASE, SEQUENCE, TABLE, ROWS, HISTOGRAM, TRIGGER, ROUTINE, VIEW, EVENT)

_METADATA = "metadata"
_COMPRESSED = r"(?:\.(?:gz|zst|lz4))?$"
_ROLES_OF_NAMES = (
    (re.compile(r"-schema-create\.sql" + _COMPRESSED), (DATABASE,)),
    (re.compile(r"-schema-sequence\.sql" + _COMPRESSED), (SEQUENCE,)),
    (re.compile(r"-schema-triggers\.sql" + _COMPRESSED), (TRIGGER,)),
    (re.compile(r"-schema-post\.sql" + _COMPRESSED), (ROUTINE, EVENT)),
    (re.compile(r"-schema-view\.sql" + _COMPRESSED), (VIEW,)),
    (re.compile(r"-schema\.sql" + _COMPRESSED), (TABLE,)),
    (re.compile(r"-histograms(?:\.sql)?" + _COMPRESSED), (HISTOGRAM,)),
    (re.compile(r"\.sql" + _COMPRESSED), (ROWS,)),
    # Rows that a statement of another file loads.
    (DATA_FILE, ()),
    # What mydumper writes beside: row counts and checksums that only it reads.
    (re.compile(r"-(?:metadata|checksum|schema-checksum|triggers-checksum)" + _COMPRESSED), ()),
)
_DATABASE_FILE = re.compile(r"-schema-create\.sql" + _COMPRESSED)
_BEHIND_DATABASE = re.compile(r"\.|-schema-(?:create|post)\b|-histograms\b")
_TABLE_SECTION = re.compile(rb"^\[`((?:[^`\n]|``)+)`\.`((?:[^`\n]|``)+)`\]\n([^\[]*)", re.MULTILINE)
_REAL_NAME = re.compile(r"^real_table_name ?= ?(.*)$", re.MULTILINE)
_NUMBER = re.compile(r"0*([0-9]+)")
_ROWS = re.compile(r"^rows ?= ?(\d+)$", re.MULTILINE)
_IS_VIEW = re.compile(r"^is_(?:view|sequence) ?= ?1$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([\\nr])")
_FINISHED = re.compile(rb"^(?:# )?Finished dump at", re.MULTILINE)
_OURS = re.compile(rb"^# dbfleet folder 1\b", re.MULTILINE)
_PIECE = 1 << 18
_LARGEST_METADATA = 1 << 28
_PROGRAMS = frozenset({"PROCEDURE", "FUNCTION", "PACKAGE", "PACKAGE BODY", "TRIGGER", "EVENT", "LIBRARY"})


class ScriptFile(t.NamedTuple):
    """One script of an artifact; the same file can be run in two parts.

    :param path: empty for the artifact itself.
    :param role: one of :data:`ROLES`.
    """

    path: str
    role: str


class Splitter(t.Protocol):
    """Gives the statements of one script."""

    backslash_escapes: bool

    def __iter__(self) -> t.Iterator[Statement]: ...


class Scripts:
    """The scripts of an artifact.

    :param database: of an artifact of several databases, only this one's.
    :raises UsageError: the artifact is a folder of another kind, or of several databases and none is named.
    :raises CorruptArtifactError: the folder is one whose dump did not end.
    :raises NotFoundError: a folder does not hold that database.

    :attr:`files` are in the order in which they are run; :attr:`is_folder` tells whether there is more than a script,
    :attr:`is_ours` whether a folder was written by this engine. :attr:`data_files` are the files that statements of a
    folder load, :attr:`rows` the numbers of rows that its metadata name.
    """

    def __init__(self, artifact: ArtifactReader, database: str = "") -> None:
        self._artifact = artifact
        self._database = database
        names = artifact.names()
        self.is_folder = names != ("",)
        self.is_ours = False
        self.rows: dict[str, int] = {}
        self.data_files = frozenset(name for name in names if DATA_FILE.search(name))
        if self.is_folder:
            metadata = _read_metadata(artifact, names)
            self.is_ours = bool(_OURS.search(metadata))
            self.files = _of_database(artifact, _folder_files(artifact, names), database)
            beginnings = {file.path.partition(".")[0] for file in self.files}
            self.rows = recorded_rows(metadata, beginnings, ours=self.is_ours)
        else:
            self.files = (ScriptFile("", SCRIPT),)

    def open(self, file: ScriptFile, *, digested: bool = False) -> ScriptSource:
        """The bytes of one of them; the caller closes it.

        :param digested: see :class:`.ScriptSource`; only the files of a folder are.
        """
        return ScriptSource(self._artifact, file.path, digested=digested and self.is_folder)

    def data(self, path: str) -> t.Iterator[bytes]:
        """The bytes of a data file, in pieces."""
        source = ScriptSource(self._artifact, path)
        try:
            while True:
                data = source.read(_PIECE)
                if not data:
                    return
                yield data
        finally:
            source.close()

    def splitter(self, file: ScriptFile, source: ScriptSource, *, in_parts: bool = False) -> Splitter:
        """The statements of one of them.

        :param in_parts: INSERTs that are too large to be kept come with a :attr:`.script.Statement.rest`.
        """
        if not self.is_folder:
            script = ScriptSplitter(source, name=source.name, in_parts=in_parts)
            return SectionSplitter(script, self._database, name=source.name) if self._database else script
        if file.role in (TRIGGER, ROUTINE, VIEW, EVENT):
            return _ProgramSplitter(source, file.role, blanked=self.is_ours)
        return FolderSplitter(source, name=source.name, in_parts=in_parts)


def databases_in(artifact: ArtifactReader) -> tuple[str, ...]:
    """The databases that an artifact says it holds, by name; of a script or folder that names none, none.

    A script is read from its begin to its end.
    """
    names = artifact.names()
    if names != ("",):
        _read_metadata(artifact, names)
        return tuple(_folder_databases(artifact, _folder_files(artifact, names)))
    source = ScriptSource(artifact)
    try:
        return tuple(sorted(databases_of(ScriptSplitter(source, name=source.name))))
    finally:
        source.close()


class _ProgramSplitter(FolderSplitter):
    """The statements of a file with stored programs: those of its part, their definitions as they were."""

    def __init__(self, source: ScriptSource, role: str, *, blanked: bool) -> None:
        super().__init__(source, name=source.name)
        self._role = role
        self._blanked = blanked

    def __iter__(self) -> t.Iterator[Statement]:
        for statement in super().__iter__():
            action = classify(statement.text)
            if not _belongs(action, self._role):
                continue
            if self._blanked and action.verb == "CREATE" and action.kind in _PROGRAMS:
                yield statement._replace(text=without_added_blanks(statement.text))
            else:
                yield statement


def _belongs(action: Action, role: str) -> bool:
    """Whether a statement of a file with routines and events is run in the part at hand; settings are in both."""
    if role not in (ROUTINE, EVENT) or action.verb not in ("CREATE", "DROP"):
        return True
    return (action.kind == "EVENT") == (role == EVENT)


def _read_metadata(artifact: ArtifactReader, names: t.Collection[str]) -> bytes:
    """Check that the dump ended; what its metadata say."""
    if _METADATA not in names:
        if f"{_METADATA}.partial" in names:
            raise CorruptArtifactError(
                f"{artifact.description} is incomplete: mydumper did not end, its metadata is still partial",
                hint="use another backup",
            )
        raise UsageError(
            f"{artifact.description} is a folder without the file 'metadata': not one that mydumper or dbfleet wrote",
            hint="name the SQL script itself, or the folder of a backup of the format directory",
        )
    stored = artifact.open(_METADATA)
    try:
        pieces: list[bytes] = []
        while sum(map(len, pieces)) < _LARGEST_METADATA:
            data = stored.read(1 << 20)
            if not data:
                break
            pieces.append(data)
    finally:
        stored.close()
    text = b"".join(pieces)
    if not _FINISHED.search(text):
        raise CorruptArtifactError(
            f"{artifact.description} is incomplete: its metadata has no line 'Finished dump at'",
            hint="use another backup; this one was not written or copied completely",
        )
    return text


def recorded_rows(metadata: bytes, beginnings: t.Collection[str], *, ours: bool) -> dict[str, int]:
    """The rows of each table by its real name, as newer metadata name them.

    :param beginnings: of the names of the database's files.
    """
    found: dict[str, int] = {}
    for section in _TABLE_SECTION.finditer(metadata):
        database, file_name, body = (part.decode("utf-8", "replace") for part in section.groups())
        name, rows = _REAL_NAME.search(body), _ROWS.search(body)
        if database in beginnings and rows and not _IS_VIEW.search(body):
            real = name.group(1) if name else file_name
            real = _ESCAPED.sub(_unescaped, real) if ours else real
            found[real.replace("``", "`")] = int(rows.group(1))
    return found


def _unescaped(match: re.Match[str]) -> str:
    return {"n": "\n", "r": "\r"}.get(match.group(1), match.group(1))


def _folder_files(artifact: ArtifactReader, names: t.Iterable[str]) -> tuple[ScriptFile, ...]:
    files = []
    for name in names:
        if name == _METADATA:
            continue
        roles = next((roles for pattern, roles in _ROLES_OF_NAMES if pattern.search(name)), None)
        if roles is None or posixpath.dirname(name):
            raise UsageError(
                f"{artifact.description} holds {name}, which is no file that a restore can read",
                hint="keep other files out of the folder",
            )
        files += [ScriptFile(name, role) for role in roles]
    files.sort(key=lambda file: natural(file.path))
    files.sort(key=lambda file: ROLES.index(file.role))
    return tuple(files)


def _of_database(artifact: ArtifactReader, files: tuple[ScriptFile, ...], database: str) -> tuple[ScriptFile, ...]:
    """The files of one database, of a folder that may hold several."""
    found = _folder_databases(artifact, files)
    if database and database not in found:
        shown = ", ".join(found) or "no definition of one"
        raise NotFoundError(
            f"{artifact.description} holds no database {database!r}: it holds {shown}",
            hint="name another source_database, or leave it out for a folder of one database",
            databases=list(found),
        )
    if len(found) <= 1:
        return files
    if not database:
        raise UsageError(
            f"{artifact.description} holds {len(found)} databases: {', '.join(list(found)[:5])}",
            hint="name the one to restore (source_database), or restore all of them (all_databases)",
        )
    return tuple(file for file in files if _beginning(file.path, found.values()) == found[database])


def _folder_databases(artifact: ArtifactReader, files: t.Iterable[ScriptFile]) -> dict[str, str]:
    """Every database that a folder has a definition of, by its name, with the beginning of its files' names."""
    found: dict[str, str] = {}
    for file in files:
        if file.role != DATABASE:
            continue
        source = ScriptSource(artifact, file.path)
        try:
            for statement in FolderSplitter(source, name=source.name):
                action = classify(statement.text)
                if action.kind == "DATABASE" and action.verb == "CREATE" and action.names:
                    found[action.names[0].name] = _DATABASE_FILE.sub("", file.path)
        finally:
            source.close()
    return dict(sorted(found.items()))


def _beginning(path: str, beginnings: t.Iterable[str]) -> str:
    """Which of the databases' beginnings a file's name has: the longest that a dot or the name of a part follows."""
    fitting = [one for one in beginnings if path.startswith(one) and _BEHIND_DATABASE.match(path, len(one))]
    return max(fitting, key=len, default="")


def natural(path: str) -> str:
    """A key that sorts numbers in names by their value: a table's files have no fixed width of numbers.

    Each number comes before any text that could stand in its place, and the number of its digits comes first in it.
    """
    # One text and no tuple of parts: a folder may have very many files.
    return _NUMBER.sub(lambda found: f"\1{len(found.group(1)):05d}{found.group(1)}", path)
