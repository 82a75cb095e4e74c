# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads all scripts of an artifact without a server: are they complete, what do they hold and need of their target."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import typing as t

from ..errors import CorruptArtifactError, DbfleetError
from ..interfaces import ArtifactReader
from ..progress import Progress
from ..repository.records import Manifest
from . import deferred_keys, statements
from .compatibility import MARIADB_OPTIONS
from .options import RestoreOptions, Selection
from .restore_selection import SelectedObjects
from .rewrite import CHARSET, COLLATION, Rewritten
from .script import Statement
from .script_files import DATABASE, ScriptFile, Scripts, Splitter
from .script_policy import ScriptPolicy, SqlModes
from .script_source import ScriptSource
from .statement_filter import StatementFilter, apply_filters, filters_for
from .statements import DATABASE_OBJECTS, Action, Token

_HEADER = re.compile(rb"^-- (?:MySQL|MariaDB|dbfleet)\b[^\n]*\bdump\b", re.MULTILINE | re.IGNORECASE)
_HEADER_DATABASE = re.compile(rb"^-- Host: [^\n]*?\bDatabase: ([^\n]*?)\s*$", re.MULTILINE)
_HEADER_CHARACTERS = re.compile(rb"^-- Default character set: (\w+)    Collation: (\w+)$", re.MULTILINE)
_FOOTER = re.compile(rb"^-- Dump completed\b[^\n]*\s*\Z", re.MULTILINE)
_NOT_NAMES = frozenset({"DEFAULT", "NULL", "BINARY"})


@dataclasses.dataclass(frozen=True)
class ScriptTable:
    """The data of one table in a script, or in all files of a folder.

    :param statements: how many INSERT and REPLACE statements.
    :param bytes: their size with delimiters and line ends, as a manifest counts it.
    :param sha256: of those bytes; where they are in several files, of the files' digests (32 bytes each), one after the
        other in the order of the files.
    :param exact: whether each row given must be a row added (no IGNORE, no REPLACE).
    """

    statements: int
    bytes: int
    sha256: str
    exact: bool


def joined(parts: t.Sequence[ScriptTable]) -> ScriptTable:
    """The data of one table out of that in each file, in the order of the files."""
    if len(parts) == 1:
        return parts[0]
    digest = hashlib.sha256(b"".join(bytes.fromhex(part.sha256) for part in parts))
    return ScriptTable(
        sum(part.statements for part in parts),
        sum(part.bytes for part in parts),
        digest.hexdigest(),
        all(part.exact for part in parts),
    )


@dataclasses.dataclass(frozen=True)
class ScriptSummary:
    """What the scripts of an artifact hold and need.

    :param database: the database it was made from; empty where nothing tells it.
    :param objects: kind (in lower case) and name of everything that it creates, in order.
    :param tables: the data, by table name, in order.
    :param files: the data of each file, by the file's path and the table's name; of a single script the path is empty.
    :param references: every foreign key: the table it leads to (in lower case) and the columns it names there.
    :param database_options: character set and collation of the database, as SQL; empty where nothing tells them.
    :param collations: every collation that its definitions name, with an object or statement that does.
    :param charsets: likewise every character set.
    :param engines: likewise every storage engine.
    :param sql_modes: likewise every value of ``sql_mode``, in lower case.
    :param features: likewise what only MariaDB has.
    :param definers: likewise every account (user, host) that an object runs as.
    :param largest: the size in bytes of its largest statement, and that one's file and line, for messages.
    :param foreign_references: objects whose definition names the source database itself.
    :param foreign_strings: objects with a string literal that seems to.
    :param left_out: why statements are left out, each reason once.
    :param actions: verb and kind of every statement that is run, each once.
    """

    database: str
    objects: tuple[tuple[str, str], ...]
    tables: t.Mapping[str, ScriptTable]
    files: t.Mapping[str, t.Mapping[str, ScriptTable]]
    references: frozenset[tuple[str, tuple[str, ...]]]
    database_options: str
    collations: t.Mapping[str, str]
    charsets: t.Mapping[str, str]
    engines: t.Mapping[str, str]
    sql_modes: t.Mapping[str, str]
    features: t.Mapping[str, str]
    definers: t.Mapping[tuple[str, str], str]
    largest: tuple[int, str]
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


def summarize(
    artifact: ArtifactReader, manifest: Manifest | None, options: RestoreOptions, progress: Progress
) -> ScriptSummary:
    """Walk all of it.

    :param options: of the restore that it is to be read for.
    :raises CorruptArtifactError: it is truncated, or its data is not what the manifest says.
    :raises UsageError: it holds something that a restore must not run; the message names file and line.
    :raises NotFoundError: it does not hold what is selected.
    """
    scripts = Scripts(artifact)
    walk = _Walk(manifest, options, progress)
    for file in scripts.files:
        source = scripts.open(file)
        try:
            walk.run(file, source, scripts.splitter(file, source))
        finally:
            source.close()
        _check_footer(source, ours=manifest is not None or scripts.is_ours)
    summary = walk.summary()
    if options.selection != Selection():
        found = (summary, walk.unselected)
        names = {name for one in found for name in (*one.names("table", "view", "sequence"), *one.tables)}
        SelectedObjects(options.selection, summary.database).check(names)
    if manifest is not None:
        _compare(summary, walk.unselected, manifest, artifact.description)
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


class _Unselected:
    """What the filters leave out: the manifest counts it, and it must be whole as well."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], None] = {}
        self._tables: dict[str, dict[str, TableDigest]] = {}

    def add(self, path: str, text: bytes, action: Action) -> None:
        if action.is_data and action.names:
            files = self._tables.setdefault(action.names[0].name, {})
            files.setdefault(path, TableDigest()).add(text, action)
        elif action.verb == "CREATE" and action.kind in DATABASE_OBJECTS:
            self.objects.update(dict.fromkeys((action.kind.lower(), one.name) for one in action.names))
        elif action.verb == "DROP":
            for one in action.names:
                self.objects.pop((action.kind.lower(), one.name), None)

    def tables(self) -> dict[str, ScriptTable]:
        return {name: joined([one.record() for one in files.values()]) for name, files in self._tables.items()}


class _Walk:
    """One pass over the scripts of an artifact."""

    def __init__(self, manifest: Manifest | None, options: RestoreOptions, progress: Progress) -> None:
        self._options = options
        self._target = options.database
        self._made_from(manifest.database if manifest is not None else "")
        self._progress = progress
        self._modes = SqlModes()
        self._objects: dict[tuple[str, str], None] = {}
        self._tables: dict[str, TableDigest] = {}
        self._files: dict[str, dict[str, ScriptTable]] = {}
        self._foreign_keys: set[tuple[str, tuple[str, ...]]] = set()
        self._database_options = ""
        self._needs: dict[str, dict[str, str]] = {
            need: {} for need in ("COLLATE", "CHARSET", "ENGINE", "SQL_MODE", "FEATURE")
        }
        self._definers: dict[tuple[str, str], str] = {}
        self._largest = (0, "")
        self._references: dict[str, None] = {}
        self._strings: dict[str, None] = {}
        self._left_out: dict[str, None] = {}
        self._actions: set[tuple[str, str]] = set()
        self._unselected = _Unselected()

    def _made_from(self, database: str) -> None:
        self._database = database
        self._policy = ScriptPolicy(database, self._target)
        self._filters: tuple[StatementFilter, ...] = filters_for(self._options, database)

    def run(self, file: ScriptFile, source: ScriptSource, splitter: Splitter) -> None:
        """Walk one script; in the order in which they are run."""
        self._file, self._source, self._splitter = file, source, splitter
        self._modes = SqlModes()
        self._tables = {}
        first = True
        done = 0
        for statement in splitter:
            if first:
                first = False
                self._read_header(source.head)
            size = statement.offset + len(statement.text) - done
            self._add(statement)
            done += size
            self._progress.advance(size)
            # It would stay in memory while the next one is put together.
            del statement
        if self._tables:
            self._files[file.path] = {name: digest.record() for name, digest in self._tables.items()}

    @property
    def unselected(self) -> ScriptSummary:
        """What the filters left out: objects and tables."""
        return dataclasses.replace(
            self.summary(), objects=tuple(self._unselected.objects), tables=self._unselected.tables()
        )

    def summary(self) -> ScriptSummary:
        """What was found."""
        tables: dict[str, list[ScriptTable]] = {}
        for found in self._files.values():
            for name, table in found.items():
                tables.setdefault(name, []).append(table)
        return ScriptSummary(
            database=self._database,
            objects=tuple(self._objects),
            tables={name: joined(parts) for name, parts in tables.items()},
            files=self._files,
            references=frozenset(self._foreign_keys),
            database_options=self._database_options,
            collations=self._needs["COLLATE"],
            charsets=self._needs["CHARSET"],
            engines=self._needs["ENGINE"],
            sql_modes=self._needs["SQL_MODE"],
            features=self._needs["FEATURE"],
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
            renamed = Rewritten(self._options.changes)
            charset, collation = renamed.name(CHARSET, charset), renamed.name(COLLATION, collation)
            self._database_options = f"CHARACTER SET {charset} COLLATE {collation}"
            self._needs["CHARSET"][charset.lower()] = self._needs["COLLATE"][collation.lower()] = "the database"
        if not self._database and header_database(head):
            self._made_from(header_database(head))

    def _add(self, statement: Statement) -> None:
        original = statement.text
        if self._file.role == DATABASE and not self._database:
            self._made_from(_created_database(original))
        try:
            first = statements.classify(original)
            passed = apply_filters(self._filters, statement, first)
            if passed is None:
                self._unselected.add(self._file.path, original, first)
                return
            statement, action = passed
            text = statement.text
            reason = self._policy.left_out(text, action)
        except DbfleetError as error:
            error.message = f"line {statement.line} of {self._source.name}: {error.message}"
            error.context["line"] = statement.line
            raise
        if len(text) > self._largest[0]:
            self._largest = (len(text), f"line {statement.line} of {self._source.name}")
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
            if action.kind in ("SEQUENCE", "PACKAGE"):
                self._needs["FEATURE"].setdefault(action.kind.lower(), label)
            if action.kind == "TABLE":
                self._foreign_keys.update(deferred_keys.references(text))
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

    Yields ``COLLATE``, ``CHARSET``, ``ENGINE`` or ``SQL_MODE`` (with all its words) and the name in lower case, or
    ``FEATURE`` and what only MariaDB has.
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
        elif word == "VERSIONING" and before == "SYSTEM":
            yield "FEATURE", "system versioning"
        elif token.is_symbol("=") and before.lower() in MARIADB_OPTIONS:
            yield "FEATURE", before.lower()
        before = word


_NAMING = {
    "COLLATE": "COLLATE",
    "COLLATION_CONNECTION": "COLLATE",
    "CHARSET": "CHARSET",
    "CHARACTER_SET_CLIENT": "CHARSET",
    "CHARACTER_SET_RESULTS": "CHARSET",
    "NAMES": "CHARSET",
    "ENGINE": "ENGINE",
    "SQL_MODE": "SQL_MODE",
}


def _database_options(text: bytes) -> str:
    named = dict(needed_names(statements.tokens(text)))
    parts = [
        f"{word} {named[need]}"
        for need, word in (("CHARSET", "CHARACTER SET"), ("COLLATE", "COLLATE"))
        if need in named
    ]
    return " ".join(parts)


def _created_database(text: bytes) -> str:
    action = statements.classify(text)
    return action.names[0].name if action.kind == "DATABASE" and action.names else ""


def _check_footer(source: ScriptSource, *, ours: bool) -> None:
    if (ours or _HEADER.search(source.head)) and not _FOOTER.search(source.tail):
        raise CorruptArtifactError(
            f"{source.name} is truncated: the line '-- Dump completed' at its end is missing",
            hint="use another backup; this one was not written or copied completely",
        )


def _compare(summary: ScriptSummary, unselected: ScriptSummary, manifest: Manifest, description: str) -> None:
    wrong = []
    known = set()
    tables = {**unselected.tables, **summary.tables}
    for table in manifest.contents.tables:
        known.add(table.name)
        found = tables.get(table.name)
        if not table.sha256:
            continue
        if found is None:
            if table.bytes:
                wrong.append(f"{table.name}: its data is missing")
        elif (found.bytes, found.sha256) != (table.bytes, table.sha256):
            wrong.append(f"{table.name}: {found.bytes} bytes of other content than the {table.bytes} backed up")
    wrong += [f"{name}: not in the manifest" for name in tables if name not in known]
    counts = dataclasses.replace(
        summary, objects=tuple(dict.fromkeys((*summary.objects, *unselected.objects)))
    ).object_counts()
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
