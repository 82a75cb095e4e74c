# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads all scripts of an artifact without a server: are they complete, what do they hold and need of their target."""

from __future__ import annotations

import dataclasses
import re

from ..errors import CorruptArtifactError, DbfleetError
from ..interfaces import ArtifactReader
from ..progress import Progress
from ..repository.records import Manifest
from . import deferred_keys, statements
from .data_digests import has_known_digests
from .database_part import of_database
from .loaded_file import loaded_file
from .options import RestoreOptions, Selection
from .program_words import PROGRAMS, named_by
from .restore_selection import SelectedObjects
from .rewrite import CHARSET, COLLATION, Rewritten
from .script import Statement
from .script_files import DATABASE, ScriptFile, Scripts, Splitter
from .script_needs import database_options, needed_names
from .script_policy import ScriptPolicy, SqlModes
from .script_rest import Rest
from .script_source import ScriptSource
from .script_summary import ScriptSummary, ScriptTable, TableDigest, joined
from .statement_filter import StatementFilter, apply_filters, filters_for
from .statements import DATABASE_OBJECTS, Action

_HEADER = re.compile(rb"^-- (?:MySQL|MariaDB|dbfleet)\b[^\n]*\bdump\b", re.MULTILINE | re.IGNORECASE)
_HEADER_DATABASE = re.compile(rb"^-- Host: [^\n]*?\bDatabase: ([^\n]*?)\s*$", re.MULTILINE)
_HEADER_CHARACTERS = re.compile(rb"^-- Default character set: (\w+)    Collation: (\w+)$", re.MULTILINE)
# mydumper writes a sequence of MariaDB as the table that it is inside.
_IS_SEQUENCE = re.compile(rb"\n\) [^\n']*\bSEQUENCE=1\b[^\n]*\Z")
_HEADER_VERSION = re.compile(rb"^-- Server version\t([^\n]+)$", re.MULTILINE)
_VERSION = re.compile(r"(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)")
_EXECUTABLE = re.compile(rb"/\*(M?)!(\d{5,6})\s+(.*?)\s*\*/", re.DOTALL)
_FOOTER = re.compile(rb"^-- Dump completed\b[^\n]*\s*\Z", re.MULTILINE)


def summarize(
    artifact: ArtifactReader, manifest: Manifest | None, options: RestoreOptions, progress: Progress
) -> ScriptSummary:
    """Walk all of it.

    :param options: of the restore that it is to be read for.
    :raises CorruptArtifactError: it is truncated, or its data is not what the manifest says.
    :raises UsageError: it holds something that a restore must not run; the message names file and line.
    :raises NotFoundError: it does not hold what is selected.
    """
    scripts = Scripts(artifact, options.source_database)
    manifest = of_database(manifest, options.source_database)
    walk = _Walk(manifest, options, progress, scripts)
    for file in scripts.files:
        source = scripts.open(file, digested=True)
        try:
            walk.run(file, source, scripts.splitter(file, source, in_parts=True))
        finally:
            source.close()
        _check_footer(source, ours=manifest is not None or scripts.is_ours)
    walk.check_data_files(artifact.description)
    summary = walk.summary()
    if options.selection != Selection():
        found = (summary, walk.unselected)
        names = {name for one in found for name in (*one.names("table", "view", "sequence"), *one.tables)}
        SelectedObjects(options.selection, summary.database).check(names)
    _check_rows_are_there(summary, walk.unselected, artifact.description)
    if manifest is not None:
        _compare(summary, walk.unselected, manifest, artifact.description)
    return summary


def header_database(head: bytes) -> str:
    """The database that the header of a dump names; empty where there is none."""
    match = _HEADER_DATABASE.search(head)
    return match.group(1).decode("utf-8", "replace") if match else ""


class _Unselected:
    """What the filters leave out: the manifest counts it, and it must be whole as well."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], None] = {}
        self._tables: dict[str, dict[str, TableDigest]] = {}

    def add(self, path: str, source: ScriptSource, statement: Statement, action: Action) -> None:
        if action.is_data and action.names:
            files = self._tables.setdefault(action.names[0].name, {})
            digest = files.get(path)
            if digest is None:
                digest = files[path] = TableDigest(source.content)
            digest.add(statement.text, action, statement.rest)
        elif action.verb == "CREATE" and action.kind in DATABASE_OBJECTS:
            self.objects.update(dict.fromkeys((action.kind.lower(), one.name) for one in action.names))
        elif action.verb == "DROP":
            for one in action.names:
                self.objects.pop((action.kind.lower(), one.name), None)

    def tables(self) -> dict[str, ScriptTable]:
        return {name: joined([one.record() for one in files.values()]) for name, files in self._tables.items()}


class _Walk:
    """One pass over the scripts of an artifact."""

    def __init__(
        self, manifest: Manifest | None, options: RestoreOptions, progress: Progress, scripts: Scripts
    ) -> None:
        self._options = options
        self._scripts = scripts
        self._loaded: set[str] = set()
        self._target = options.database
        self._made_from(options.source_database or (manifest.database if manifest is not None else ""))
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
        self._words: dict[str, str] = {}
        self._code: dict[tuple[bool, int, str], str] = {}
        self._origin = None if manifest is None else (manifest.server.dbms, manifest.server.version_number)
        self._definers: dict[tuple[str, str], str] = {}
        self._largest = (0, "")
        self._references: dict[str, None] = {}
        self._strings: dict[str, None] = {}
        self._databases_named: set[str] = set()
        self._left_out: dict[str, None] = {}
        self._actions: set[tuple[str, str]] = set()
        self._unselected = _Unselected()

    def _made_from(self, database: str) -> None:
        self._database = database
        self._policy = ScriptPolicy(database, self._target, loads_files=self._scripts.is_folder)
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
            self._add(statement)
            size = statement.offset + len(statement.text) - done
            if statement.rest is not None:
                statement.rest.drop()
                size += statement.rest.size
            done += size
            self._progress.advance(size)
            # It would stay in memory while the next one is put together.
            del statement
        if self._tables:
            self._files[file.path] = {name: digest.record() for name, digest in self._tables.items()}

    def check_data_files(self, description: str) -> None:
        """Every data file of a folder is loaded by one of its statements.

        :raises CorruptArtifactError: one is not: the statement is missing.
        """
        of_mine = {file.path.partition(".")[0] for file in self._scripts.files}
        lost = sorted(one for one in self._scripts.data_files - self._loaded if one.partition(".")[0] in of_mine)
        if lost:
            raise CorruptArtifactError(
                f"{description} holds {lost[0]}, and no statement of the folder loads it",
                hint="use another copy; this one was not written or copied completely",
                files=lost,
            )

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
            rows=self._scripts.rows,
            references=frozenset(self._foreign_keys),
            database_options=self._database_options,
            collations=self._needs["COLLATE"],
            charsets=self._needs["CHARSET"],
            engines=self._needs["ENGINE"],
            sql_modes=self._needs["SQL_MODE"],
            features=self._needs["FEATURE"],
            words=self._words,
            skipped_code=self._code,
            source=self._origin,
            definers=self._definers,
            largest=self._largest,
            foreign_references=self._resolved_references(),
            foreign_strings=tuple(self._strings),
            databases_named=frozenset(self._databases_named),
            left_out=tuple(self._left_out),
            actions=frozenset(self._actions),
        )

    def _read_header(self, head: bytes) -> None:
        version = _HEADER_VERSION.search(head)
        if version and self._origin is None:
            self._origin = _origin(version.group(1).decode())
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
            if first.verb == statements.LOAD and self._scripts.is_folder:
                self._loaded.add(loaded_file(original, self._scripts.data_files).path)
            passed = apply_filters(self._filters, statement, first)
            if passed is None:
                self._unselected.add(self._file.path, self._source, statement, first)
                return
            statement, action = passed
            text = statement.text
            reason = self._policy.left_out(text, action)
        except DbfleetError as error:
            error.message = f"line {statement.line} of {self._source.name}: {error.message}"
            error.context["line"] = statement.line
            raise
        self._measure(statement)
        if action.verb == "CREATE" and action.kind == "DATABASE":
            self._database_options = database_options(text)
        if reason:
            if not (action.kind == "DATABASE" and action.names and action.names[0].name == self._target):
                self._left_out[reason] = None
            return
        self._actions.add((action.verb, action.kind))
        if action.is_data:
            self._add_data(original, action, statement.rest)
            self._measure(statement)
        elif action.verb == "SET":
            self._modes.observe(text)
            self._splitter.backslash_escapes = self._modes.backslash_escapes
            self._add_needs(text, f"SET at line {statement.line}")
        elif action.verb in ("CREATE", "ALTER", "DROP"):
            self._add_definition(text, action)

    def _measure(self, statement: Statement) -> None:
        size = len(statement.text) + (statement.rest.size if statement.rest is not None else 0)
        if size > self._largest[0]:
            self._largest = (size, f"line {statement.line} of {self._source.name}")

    def _add_data(self, text: bytes, action: Action, rest: Rest | None) -> None:
        name = action.names[0].name if action.names else ""
        digest = self._tables.get(name)
        if digest is None:
            digest = self._tables[name] = TableDigest(self._source.content)
            self._progress.item(name)
        digest.add(text, action, rest)

    def _add_definition(self, text: bytes, action: Action) -> None:
        kind = "sequence" if action.kind == "TABLE" and _IS_SEQUENCE.search(text) else action.kind.lower()
        names = [(kind, name.name) for name in action.names]
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
            if kind in ("sequence", "package"):
                self._needs["FEATURE"].setdefault(kind, label)
            if action.kind in PROGRAMS:
                for one in named_by(text):
                    self._words.setdefault(one.token.text.lower(), label)
            if action.kind == "TABLE":
                self._add_code(text, label)
                self._foreign_keys.update(deferred_keys.references(text))
        self._add_needs(text, label)
        if action.kind == "VIEW":
            self._databases_named.update(one.database.lower() for one in statements.qualified_names(text))
        if self._database and self._database != self._target:
            self._add_references(text, label)

    def _add_code(self, text: bytes, label: str) -> None:
        for mark, version, code in _EXECUTABLE.findall(text):
            key = bool(mark), int(version), code.decode("utf-8", "replace")
            self._code.setdefault(key, label)

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


def _origin(text: str) -> tuple[str, int] | None:
    """Family and version number of a server by the version that the header of a dump names."""
    found = _VERSION.match(text)
    if found is None:
        return None
    major, minor, patch = map(int, found.groups())
    return "mariadb" if "MariaDB" in text else "mysql", major * 10000 + minor * 100 + patch


def _created_database(text: bytes) -> str:
    action = statements.classify(text)
    return action.names[0].name if action.kind == "DATABASE" and action.names else ""


def _check_footer(source: ScriptSource, *, ours: bool) -> None:
    if (ours or _HEADER.search(source.head)) and not _FOOTER.search(source.tail):
        raise CorruptArtifactError(
            f"{source.name} is truncated: the line '-- Dump completed' at its end is missing",
            hint="use another backup; this one was not written or copied completely",
        )


def _check_rows_are_there(summary: ScriptSummary, unselected: ScriptSummary, description: str) -> None:
    there = summary.tables.keys() | unselected.tables.keys()
    lost = sorted(name for name, rows in summary.rows.items() if rows and name not in there)
    if lost:
        raise CorruptArtifactError(
            f"{description} says that {lost[0]} has {summary.rows[lost[0]]} rows, and holds none of them",
            hint="use another copy; this one was not written or copied completely",
            tables=lost,
        )


def _compare(summary: ScriptSummary, unselected: ScriptSummary, manifest: Manifest, description: str) -> None:
    wrong = []
    known = set()
    comparable = has_known_digests(manifest)
    tables = {**unselected.tables, **summary.tables}
    for table in manifest.contents.tables:
        known.add(table.name)
        found = tables.get(table.name)
        if not table.sha256:
            continue
        if found is None:
            if table.bytes:
                wrong.append(f"{table.name}: its data is missing")
        elif found.bytes != table.bytes or (comparable and found.sha256 != table.sha256):
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
