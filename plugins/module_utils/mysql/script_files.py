# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which scripts an artifact consists of, and in which order they are run: one plain script, or a mydumper folder.

Folders are mydumper's (0.10 and later) and our own of the format ``directory``, see docs/internals/mysql-directory.md.
"""

from __future__ import annotations

import posixpath
import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from ..interfaces import ArtifactReader
from .folder_splitter import FolderSplitter, without_added_blanks
from .script import ScriptSplitter, Statement
from .script_source import ScriptSource
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
    # What mydumper writes beside: row counts and checksums that only it reads.
    (re.compile(r"-(?:metadata|checksum|schema-checksum|triggers-checksum)" + _COMPRESSED), ()),
)
_FINISHED = re.compile(rb"^(?:# )?Finished dump at", re.MULTILINE)
_OURS = re.compile(rb"^# dbfleet folder 1\b", re.MULTILINE)
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

    :raises UsageError: the artifact is a folder of another kind.
    :raises CorruptArtifactError: the folder is one whose dump did not end.

    :attr:`files` are in the order in which they are run; :attr:`is_folder` tells whether there is more than a script,
    :attr:`is_ours` whether a folder was written by this engine.
    """

    def __init__(self, artifact: ArtifactReader) -> None:
        self._artifact = artifact
        names = artifact.names()
        self.is_folder = names != ("",)
        self.is_ours = False
        if self.is_folder:
            self.is_ours = _read_metadata(artifact, names)
            self.files = _folder_files(artifact, names)
        else:
            self.files = (ScriptFile("", SCRIPT),)

    def open(self, file: ScriptFile) -> ScriptSource:
        """The bytes of one of them; the caller closes it."""
        return ScriptSource(self._artifact, file.path)

    def splitter(self, file: ScriptFile, source: ScriptSource) -> Splitter:
        """The statements of one of them."""
        if not self.is_folder:
            return ScriptSplitter(source, name=source.name)
        if file.role in (TRIGGER, ROUTINE, VIEW, EVENT):
            return _ProgramSplitter(source, file.role, blanked=self.is_ours)
        return FolderSplitter(source, name=source.name)


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


def _read_metadata(artifact: ArtifactReader, names: t.Collection[str]) -> bool:
    """Check that the dump ended; whether the folder is ours."""
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
    return bool(_OURS.search(text))


def _folder_files(artifact: ArtifactReader, names: t.Iterable[str]) -> tuple[ScriptFile, ...]:
    files = []
    for name in names:
        if name == _METADATA:
            continue
        roles = next((roles for pattern, roles in _ROLES_OF_NAMES if pattern.search(name)), None)
        if roles is None or posixpath.dirname(name):
            raise UsageError(
                f"{artifact.description} holds {name}, which is no file that a restore can read",
                hint="dump with INSERT statements (mydumper's default), and keep other files out of the folder",
            )
        files += [ScriptFile(name, role) for role in roles]
    databases = sorted(file.path for file in files if file.role == DATABASE)
    if len(databases) > 1:
        raise UsageError(
            f"{artifact.description} holds {len(databases)} databases: {', '.join(databases[:5])}",
            hint="a folder of one database can be restored; dump each of them on its own",
        )
    rank = {role: position for position, role in enumerate(ROLES)}
    return tuple(sorted(files, key=lambda file: (rank[file.role], natural(file.path))))


def natural(path: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts numbers in names by their value: a table's files have no fixed width of numbers."""
    parts = re.findall(r"\d+|\D+", path)
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)
