# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads a whole script without a server: is it complete, what does it hold, what does it need of its target."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ..errors import CorruptArtifactError, DbfleetError, UsageError
from ..interfaces import ArtifactReader
from ..progress import Progress
from ..repository.records import Manifest
from ..streams.base import ByteSource
from ..streams.compression import decompress_source, detect_method
from . import statements
from .options import RestoreOptions
from .script import ScriptSplitter, Statement
from .script_policy import ScriptPolicy, SqlModes
from .statement_filter import StatementFilter, apply_filters, filters_for
from .statements import DATABASE_OBJECTS, Action, Token

_HEAD_SIZE = 4096
_TAIL_SIZE = 512
_MAGIC_SIZE = 16
_HEADER = re.compile(rb"^-- (?:MySQL|MariaDB|dbfleet)\b[^\n]*\bdump\b", re.MULTILINE | re.IGNORECASE)
_HEADER_DATABASE = re.compile(rb"^-- Host: [^\n]*?\bDatabase: ([^\n]*?)\s*$", re.MULTILINE)
_HEADER_CHARACTERS = re.compile(rb"^-- Default character set: (\w+)    Collation: (\w+)$", re.MULTILINE)
_FOOTER = re.compile(rb"^-- Dump completed\b[^\n]*\s*\Z", re.MULTILINE)
_NOT_NAMES = frozenset({"DEFAULT", "NULL", "BINARY"})


@dataclasses.dataclass(frozen=True)
class ScriptTable:
    """The data of one table in a script.

    :param statements: how many INSERT and REPLACE statements.
    :param bytes: their size with delimiters and line ends, as a manifest counts it.
    :param sha256: of those bytes.
    :param exact: whether each row given must be a row added (no IGNORE, no REPLACE).
    """

    statements: int
    bytes: int
    sha256: str
    exact: bool


@dataclasses.dataclass(frozen=True)
class ScriptSummary:
    """What a script holds and needs.

    :param database: the database it was made from; empty where nothing tells it.
    :param objects: kind (in lower case) and name of everything that it creates, in order.
    :param tables: the data, by table name, in order.
    :param database_options: character set and collation of the database, as SQL; empty where nothing tells them.
    :param collations: every collation that its definitions name, with an object or statement that does.
    :param charsets: likewise every character set.
    :param engines: likewise every storage engine.
    :param definers: likewise every account (user, host) that an object runs as.
    :param largest: the size in bytes of its largest statement, and that one's line.
    :param foreign_references: objects whose definition names the source database itself.
    :param foreign_strings: objects with a string literal that seems to.
    :param left_out: why statements are left out, each reason once.
    :param actions: verb and kind of every statement that is run, each once.
    """

    database: str
    objects: tuple[tuple[str, str], ...]
    tables: t.Mapping[str, ScriptTable]
    database_options: str
    collations: t.Mapping[str, str]
    charsets: t.Mapping[str, str]
    engines: t.Mapping[str, str]
    definers: t.Mapping[tuple[str, str], str]
    largest: tuple[int, int]
    foreign_references: tuple[str, ...]
    foreign_strings: tuple[str, ...]
    left_out: tuple[str, ...]
    actions: frozenset[tuple[str, str]]

    def object_counts(self) -> dict[str, int]:
        """How many objects of each kind, named as in a manifest."""
        counts: dict[str, int] = {}
        for kind, _name in self.objects:
            key = kind.replace(" ", "_")
            counts[key] = counts.get(key, 0) + 1
        return counts

    def names(self, *kinds: str) -> list[str]:
        return [name for kind, name in self.objects if kind in kinds]


class ScriptSource:
    """The decompressed bytes of an artifact's script; remembers its first and last bytes.

    :raises UsageError: the artifact is a folder.
    """

    def __init__(self, artifact: ArtifactReader) -> None:
        if artifact.names() != ("",):
            raise UsageError(
                f"{artifact.description} is a folder; only single SQL scripts can be restored yet",
                hint="restore a backup of format plain",
            )
        self.name = artifact.description
        stored = artifact.open("")
        try:
            method = detect_method(stored.read(_MAGIC_SIZE))
            stored.seek(0)
            self._source: ByteSource = decompress_source(stored, method, name=self.name)
        except BaseException:
            stored.close()
            raise
        self.head = b""
        self.tail = b""

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        if len(self.head) < _HEAD_SIZE:
            self.head += data[: _HEAD_SIZE - len(self.head)]
        self.tail = (self.tail + data[-_TAIL_SIZE:])[-_TAIL_SIZE:]
        return data

    def close(self) -> None:
        self._source.close()


def summarize(
    artifact: ArtifactReader, manifest: Manifest | None, options: RestoreOptions, progress: Progress
) -> ScriptSummary:
    """Walk the whole script.

    :param options: of the restore that it is to be read for.
    :raises CorruptArtifactError: it is truncated, or its data is not what the manifest says.
    :raises UsageError: it holds something that a restore must not run; the message names the line.
    """
    source = ScriptSource(artifact)
    try:
        walk = _Walk(source, manifest, options, progress)
        summary = walk.run()
    finally:
        source.close()
    _check_footer(source, manifest)
    if manifest is not None:
        _compare(summary, manifest, artifact.description)
    return summary


def header_database(head: bytes) -> str:
    """The database that the header of a dump names; empty where there is none."""
    match = _HEADER_DATABASE.search(head)
    return match.group(1).decode("utf-8", "replace") if match else ""


class TableDigest:
    """The data of one table as it passes by."""

    def __init__(self) -> None:
        self.statements = 0
        self.bytes = 0
        self.exact = True
        self._hash = hashlib.sha256()

    def add(self, text: bytes, action: Action) -> None:
        self._hash.update(text)
        self._hash.update(b";\n")
        self.bytes += len(text) + 2
        self.statements += 1
        self.exact = self.exact and action.verb == "INSERT" and not action.ignores

    def record(self) -> ScriptTable:
        return ScriptTable(self.statements, self.bytes, self._hash.hexdigest(), self.exact)


class _Walk:
    """One pass over a script."""

    def __init__(
        self, source: ScriptSource, manifest: Manifest | None, options: RestoreOptions, progress: Progress
    ) -> None:
        self._source = source
        self._splitter = ScriptSplitter(source, name=source.name)
        self._options = options
        self._target = options.database
        self._made_from(manifest.database if manifest is not None else "")
        self._progress = progress
        self._modes = SqlModes()
        self._objects: dict[tuple[str, str], None] = {}
        self._tables: dict[str, TableDigest] = {}
        self._database_options = ""
        self._needs: dict[str, dict[str, str]] = {"COLLATE": {}, "CHARSET": {}, "ENGINE": {}}
        self._definers: dict[tuple[str, str], str] = {}
        self._largest = (0, 0)
        self._references: dict[str, None] = {}
        self._strings: dict[str, None] = {}
        self._left_out: dict[str, None] = {}
        self._actions: set[tuple[str, str]] = set()

    def _made_from(self, database: str) -> None:
        self._database = database
        self._policy = ScriptPolicy(database, self._target)
        self._filters: tuple[StatementFilter, ...] = filters_for(self._options, database)

    def run(self) -> ScriptSummary:
        first = True
        done = 0
        for statement in self._splitter:
            if first:
                first = False
                self._read_header(self._source.head)
            self._add(statement)
            size = statement.offset + len(statement.text) - done
            done += size
            self._progress.advance(size)
            # It would stay in memory while the next one is put together.
            del statement
        return ScriptSummary(
            database=self._database,
            objects=tuple(self._objects),
            tables={name: digest.record() for name, digest in self._tables.items()},
            database_options=self._database_options,
            collations=self._needs["COLLATE"],
            charsets=self._needs["CHARSET"],
            engines=self._needs["ENGINE"],
            definers=self._definers,
            largest=self._largest,
            foreign_references=self._resolved_references(),
            foreign_strings=tuple(self._strings),
            left_out=tuple(self._left_out),
            actions=frozenset(self._actions),
        )

    def _read_header(self, head: bytes) -> None:
        characters = _HEADER_CHARACTERS.search(head)
        if characters:
            charset, collation = (name.decode() for name in characters.groups())
            self._database_options = f"CHARACTER SET {charset} COLLATE {collation}"
            self._needs["CHARSET"][charset.lower()] = self._needs["COLLATE"][collation.lower()] = "the database"
        if not self._database:
            self._made_from(header_database(head))

    def _add(self, statement: Statement) -> None:
        original = statement.text
        try:
            passed = apply_filters(self._filters, statement, statements.classify(original))
            if passed is None:
                return
            statement, action = passed
            text = statement.text
            reason = self._policy.left_out(text, action)
        except DbfleetError as error:
            error.message = f"line {statement.line} of {self._source.name}: {error.message}"
            error.context["line"] = statement.line
            raise
        if len(text) > self._largest[0]:
            self._largest = (len(text), statement.line)
        if action.verb == "CREATE" and action.kind == "DATABASE":
            self._database_options = _database_options(text)
        if reason:
            self._left_out[reason] = None
            return
        self._actions.add((action.verb, action.kind))
        if action.is_data:
            self._add_data(original, action)
        elif action.verb == "SET":
            self._modes.observe(text)
            self._splitter.backslash_escapes = self._modes.backslash_escapes
            self._add_needs(text, f"SET at line {statement.line}")
        elif action.verb in ("CREATE", "ALTER", "DROP"):
            self._add_definition(text, action)

    def _add_data(self, text: bytes, action: Action) -> None:
        name = action.names[0].name if action.names else ""
        digest = self._tables.get(name)
        if digest is None:
            digest = self._tables[name] = TableDigest()
            self._progress.item(name)
        digest.add(text, action)

    def _add_definition(self, text: bytes, action: Action) -> None:
        names = [(action.kind.lower(), name.name) for name in action.names]
        if action.verb == "DROP":
            for name in names:
                self._objects.pop(name, None)
            return
        label = f"{action.kind.lower()} {names[0][1]}" if names else action.kind.lower()
        if action.verb == "CREATE" and action.kind in DATABASE_OBJECTS:
            self._objects.update(dict.fromkeys(names))
            owner = statements.definer(text)
            if owner is not None:
                self._definers.setdefault(owner, label)
        self._add_needs(text, label)
        if self._database and self._database != self._target:
            self._add_references(text, label)

    def _add_needs(self, text: bytes, label: str) -> None:
        for need, name in needed_names(statements.tokens(text)):
            self._needs[need].setdefault(name, label)

    def _add_references(self, text: bytes, label: str) -> None:
        for reference in statements.qualified_names(text):
            if reference.database.lower() == self._database.lower():
                self._references[f"{label}\0{reference.name}"] = None
        pattern = re.compile(rf"\b{re.escape(self._database)}`?\s*\.", re.IGNORECASE)
        if any(pattern.search(literal) for literal in statements.strings(text)):
            self._strings[label] = None

    def _resolved_references(self) -> tuple[str, ...]:
        """Objects that really name the source database.

        ``name.x`` is a column where a table has the database's name and nothing in the backup is called ``x``.
        """
        names = {name.lower() for _kind, name in self._objects}
        is_table_too = self._database.lower() in names
        found: dict[str, None] = {}
        for entry in self._references:
            label, _null, referenced = entry.partition("\0")
            if referenced.lower() in names or not is_table_too:
                found[label] = None
        return tuple(found)


def needed_names(source: t.Iterable[Token]) -> t.Iterator[tuple[str, str]]:
    """Every collation, character set and engine that a definition or SET statement names.

    Yields ``COLLATE``, ``CHARSET`` or ``ENGINE`` and the name in lower case.
    """
    need = ""
    before = ""
    for token in source:
        word = token.text.upper() if token.kind == statements.WORD else ""
        if need:
            if token.is_symbol("="):
                continue
            if token.is_name and word not in _NOT_NAMES and not word.isdigit():
                yield need, token.text.lower()
            need = ""
        elif word == "SET" and before == "CHARACTER":
            need = "CHARSET"
        elif word in _NAMING:
            need = _NAMING[word]
        before = word


_NAMING = {
    "COLLATE": "COLLATE",
    "COLLATION_CONNECTION": "COLLATE",
    "CHARSET": "CHARSET",
    "CHARACTER_SET_CLIENT": "CHARSET",
    "CHARACTER_SET_RESULTS": "CHARSET",
    "NAMES": "CHARSET",
    "ENGINE": "ENGINE",
}


def _database_options(text: bytes) -> str:
    named = dict(needed_names(statements.tokens(text)))
    parts = [
        f"{word} {named[need]}"
        for need, word in (("CHARSET", "CHARACTER SET"), ("COLLATE", "COLLATE"))
        if need in named
    ]
    return " ".join(parts)


def _check_footer(source: ScriptSource, manifest: Manifest | None) -> None:
    if (manifest is not None or _HEADER.search(source.head)) and not _FOOTER.search(source.tail):
        raise CorruptArtifactError(
            f"{source.name} is truncated: the line '-- Dump completed' at its end is missing",
            hint="use another backup; this one was not written or copied completely",
        )


def _compare(summary: ScriptSummary, manifest: Manifest, description: str) -> None:
    wrong = []
    known = set()
    for table in manifest.contents.tables:
        known.add(table.name)
        found = summary.tables.get(table.name)
        if not table.sha256:
            continue
        if found is None:
            if table.bytes:
                wrong.append(f"{table.name}: its data is missing")
        elif (found.bytes, found.sha256) != (table.bytes, table.sha256):
            wrong.append(f"{table.name}: {found.bytes} bytes of other content than the {table.bytes} backed up")
    wrong += [f"{name}: not in the manifest" for name in summary.tables if name not in known]
    counts = summary.object_counts()
    invalid_views = len(manifest.contents.options.get("invalid_views", ()))
    for kind, count in manifest.contents.objects.items():
        # Invalid views are kept as comments.
        expected = count - invalid_views if kind == "view" else count
        if counts.get(kind, 0) != expected:
            wrong.append(f"{counts.get(kind, 0)} objects of the kind {kind} instead of {expected}")
    if wrong:
        raise CorruptArtifactError(
            f"{description} is not what its manifest says: {'; '.join(wrong[:10])}",
            hint="use another backup; this one is damaged",
            tables=wrong,
        )
