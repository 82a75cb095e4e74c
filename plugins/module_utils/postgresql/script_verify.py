# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads a whole script without a server: is it complete, may it be run, what does it hold."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import typing as t

from ..errors import CorruptArtifactError, UsageError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.digest import digest_of
from ..streams.file_state import FileState
from .restored_checks import Position, sequence_position
from .script import Statement
from .script_commands import CopyCommand, ScriptSettings, created_kind, tokens
from .script_copy import CopyData
from .script_meta import MetaCommand
from .script_needs import NeedsReader, ScriptNeeds
from .script_selected import WHOLE_SCRIPT, ScriptPart
from .script_source import ScriptSource
from .script_tables import ScriptTable, TableTally
from .script_transaction import check_single_transaction
from .text import to_bytes, to_text

_BLOCK_SIZE = 1 << 18
_INSERT_BATCH = 2000
_MOST_NAMED = 10
_QUALIFIED = 2
# Fewer rows are read sooner than a place behind them is found.
_LEAP_FROM = 1 << 20
# What is known of fewer rows saves nothing.
_EXTENT_FROM = 1 << 16
_SETVAL = b"SELECT pg_catalog.setval("
_ROLE = re.compile(rb'CREATE ROLE (?:([a-z_][a-z0-9_$]*)|"((?:[^"]|"")+)")')


@dataclass(frozen=True)
class ScriptSummary:
    """What a script holds.

    :param tables: every table that rows are copied into.
    :param objects: how many objects of each kind it creates; kinds in lower case.
    :param databases: the databases that it connects to, in order.
    :param needs: what must exist on the server.
    :param roles: those that it creates.
    :param copies: the COPY statement of every table, by schema and name.
    :param sequences: where a dump sets sequences, by schema and name.
    :param data_of: schema and name of the tables whose rows are selected; ``None`` for all.
    :param drops: how many statements that drop objects are left out of a selection.
    :param properties: of one database's part, the statements about the database itself, which are not run with it.
    :param encoding: of its text; ``standard_strings`` how its strings are read.
    :param extents: where the file was found to be the backup's: by their place in the script, the size and number of
        the rows of large COPYs.
    """

    tables: tuple[ScriptTable, ...]
    objects: t.Mapping[str, int]
    databases: tuple[str, ...]
    needs: ScriptNeeds = dataclasses.field(default_factory=ScriptNeeds)
    roles: tuple[str, ...] = ()
    copies: t.Mapping[tuple[str, str], str] = dataclasses.field(default_factory=dict)
    sequences: t.Mapping[tuple[str, str], Position] = dataclasses.field(default_factory=dict)
    encoding: str = "UTF8"
    standard_strings: bool = True
    properties: tuple[str, ...] = ()
    data_of: frozenset[tuple[str, str]] | None = None
    drops: int = 0
    extents: t.Mapping[int, tuple[int, int]] = dataclasses.field(default_factory=dict)


def verify_script(
    artifact: ArtifactReader,
    manifest: Manifest | None,
    progress: Progress,
    *,
    several_databases: bool = False,
    single_transaction: bool = False,
    part: ScriptPart = WHOLE_SCRIPT,
    checked: bool = False,
) -> ScriptSummary:
    """Walk the whole script.

    :param several_databases: it may connect to databases, as the scripts of pg_dumpall do.
    :param single_transaction: it is to be run in one transaction.
    :param part: what of it is looked at.
    :param checked: its file is that of the manifest, byte for byte: the rows need no digests, and where the manifest
        says how many they are, they need not even be read.
    :raises NotFoundError: it has no such part.
    :raises CorruptArtifactError: it is truncated, or its rows are not what the manifest says.
    :raises UsageError: it holds something that is not run from a script; the message names the line.
    """
    source = ScriptSource(artifact)
    try:
        walk = _Walk(
            source,
            progress,
            several_databases=several_databases,
            single_transaction=single_transaction,
            part=part,
            recorded=manifest.contents.tables if checked and manifest is not None else None,
        )
        total = 0 if manifest is None else sum(table.bytes for table in manifest.contents.tables)
        progress.phase("verifying", total_bytes=total)
        summary = walk.run()
    finally:
        source.close()
    source.check_footer(required=manifest is not None)
    if manifest is not None:
        _compare(summary, manifest, artifact.description)
    return summary


def check_still_recorded(
    artifact: ArtifactReader, manifest: Manifest | None, verified: FileState, now: FileState | None
) -> None:
    """Digest a script's file once more, where something of it, but not its bytes, was changed after that had been done.

    :param verified: what the file was when it was run.
    :raises CorruptArtifactError: it was written, or is not the manifest's any more.
    """
    if manifest is None or now is None or not verified.is_unwritten(now):
        raise _changed(artifact.description)
    with contextlib.closing(artifact.open("")) as source:
        found, _size = digest_of(source)
    if found not in {record.sha256 for record in manifest.files}:
        raise _changed(artifact.description)


def check_digests(tables: t.Iterable[TableRecord], manifest: Manifest, description: str) -> None:
    """Compare what was run with the manifest, as far as it was digested on the way.

    :raises CorruptArtifactError: it was changed since it was verified.
    """
    recorded = {(table.schema, table.name): table.sha256 for table in manifest.contents.tables}
    for table in tables:
        expected = recorded.get((table.schema, table.name), "")
        if table.sha256 and expected and table.sha256 != expected:
            raise _changed(description)


def _changed(description: str) -> CorruptArtifactError:
    return CorruptArtifactError(
        f"{description} was changed while it was restored: its data are not those that were backed up",
        hint="restore another backup",
    )


def look_through(source: ScriptSource) -> tuple[ScriptSummary, str]:
    """Walk a script as far as it can be read.

    :returns: what was found, and why it cannot be restored; empty where it can.
    """
    walk = _Walk(source, Progress(), several_databases=True, single_transaction=False)
    try:
        walk.run()
        source.check_footer()
    except (CorruptArtifactError, UsageError) as error:
        return walk.summary(), error.message
    return walk.summary(), ""


class _Walk:
    """One pass over a script."""

    def __init__(
        self,
        source: ScriptSource,
        progress: Progress,
        *,
        several_databases: bool,
        single_transaction: bool,
        part: ScriptPart = WHOLE_SCRIPT,
        recorded: t.Sequence[TableRecord] | None = None,
    ) -> None:
        """
        :param recorded: the manifest's tables, where the file is the manifest's.
        """
        self._name = source.name
        self._splitter = part.statements(source, batch=_INSERT_BATCH)
        self._is_everything = part.is_everything
        self._progress = progress
        self._several_databases = several_databases
        self._single_transaction = single_transaction
        self._settings = ScriptSettings()
        self._tally = TableTally(digested=recorded is None)
        self._recorded = None if recorded is None else {(table.schema, table.name): table for table in recorded}
        self._extents: dict[int, tuple[int, int]] = {}
        self._objects: dict[str, int] = {}
        self._databases: dict[str, None] = {}
        self._roles: list[str] = []
        self._needs = NeedsReader()
        self._copies: dict[tuple[str, str], str] = {}
        self._sequences: dict[tuple[str, str], Position] = {}

    def run(self) -> ScriptSummary:
        item = None
        for item in self._splitter:
            if isinstance(item, MetaCommand):
                self._add_command(item)
            else:
                self._add_statement(item)
                if item.copy is not None and self._splitter.data is not None:
                    self._copies[item.copy.schema, item.copy.table] = to_text(item.text).removesuffix(";") + ";"
                    self._progress.item(self._tally.begin(item.copy))
                    if not self._leaps(item.copy, self._splitter.data):
                        self._add_rows(self._splitter.data)
        if item is None and self._is_everything:
            raise CorruptArtifactError(f"{self._name} holds no statement", hint="it is empty: use another backup")
        self._splitter.require()
        for text in self._splitter.properties:
            self._needs.add(to_bytes(text))
        return self.summary()

    def summary(self) -> ScriptSummary:
        """What was found so far."""
        return ScriptSummary(
            self._tally.tables(),
            self._objects,
            tuple(self._databases),
            self._needs.needs(),
            tuple(self._roles),
            self._copies,
            self._sequences,
            self._settings.client_encoding,
            self._settings.standard_conforming_strings,
            self._splitter.properties,
            self._splitter.data_of,
            self._splitter.drops,
            self._extents,
        )

    def _add_command(self, command: MetaCommand) -> None:
        if command.name == "connect":
            if not self._several_databases or self._single_transaction:
                raise one_database_only(self._name, command)
            self._databases[command.argument] = None
            self._tally.database = command.argument
            self._settings.reset()
        elif command.name == "encoding":
            self._settings.client_encoding = command.argument
        self._use_settings()

    def _add_statement(self, statement: Statement) -> None:
        text = statement.text
        self._needs.add(text)
        kind = created_kind(text)
        if kind:
            self._objects[kind] = self._objects.get(kind, 0) + 1
            role = _ROLE.match(text) if kind == "role" else None
            if role is not None:
                self._roles.append(to_text(role.group(1) or role.group(2).replace(b'""', b'"')))
        elif self._settings.observe(text):
            self._use_settings()
        elif text.startswith(_SETVAL):
            self._add_sequence(to_text(text))
        if self._single_transaction:
            check_single_transaction(text, where=f"line {statement.line} of {self._name}")

    def _add_sequence(self, text: str) -> None:
        found = sequence_position(text)
        names = [] if found is None else [token.name for token in tokens(to_bytes(found[0])) if token.name]
        if found is not None and len(names) == _QUALIFIED:
            self._sequences[names[0], names[1]] = found

    def _leaps(self, copy: CopyCommand, data: CopyData) -> bool:
        """Pass the rows as the manifest has them, if they end there and it is worth it."""
        table = None if self._recorded is None else self._recorded.get((copy.schema, copy.table))
        if table is None or table.bytes < _LEAP_FROM or not data.leap(table.bytes, table.rows):
            return False
        self._tally.add_unread(table.bytes, table.rows)
        self._extents[data.offset] = table.bytes, table.rows
        return True

    def _add_rows(self, data: CopyData) -> None:
        rows = 0
        while True:
            block = data.read(_BLOCK_SIZE)
            self._tally.add(block)
            self._progress.advance(len(block), data.rows - rows)
            rows = data.rows
            if not block:
                break
        self._tally.add_rows(rows)
        if self._recorded is not None and data.size >= _EXTENT_FROM:
            self._extents[data.offset] = data.size, rows

    def _use_settings(self) -> None:
        self._splitter.use_settings(
            standard_conforming_strings=self._settings.standard_conforming_strings,
            client_encoding=self._settings.client_encoding,
        )


def one_database_only(script: str, command: MetaCommand) -> UsageError:
    """The error for a ``\\connect`` in a script that is to be run in one database."""
    return UsageError(
        f"line {command.line} of {script}: the script connects to the database {command.argument!r}",
        hint="it is a script for several databases, or one that creates its own: name the one to restore "
        "(source_database), or run it as it is (all_databases)",
        line=command.line,
        database=command.argument,
    )


def _compare(summary: ScriptSummary, manifest: Manifest, description: str) -> None:
    found = {(table.record.schema, table.record.name): table.record for table in summary.tables}
    wrong = []
    for recorded in manifest.contents.tables:
        if summary.data_of is not None and (recorded.schema, recorded.name) not in summary.data_of:
            continue
        difference = _difference(found.pop((recorded.schema, recorded.name), None), recorded)
        if difference:
            wrong.append(f"{recorded.schema}.{recorded.name}: {difference}")
    wrong += [f"{schema}.{name}: not in the manifest" for schema, name in found]
    if wrong:
        raise CorruptArtifactError(
            f"{description} is not what its manifest says: {'; '.join(wrong[:_MOST_NAMED])}",
            hint="restore another backup; this one is damaged",
            tables=wrong,
        )


def _difference(found: TableRecord | None, recorded: TableRecord) -> str:
    if not recorded.sha256:
        return ""
    if found is None:
        return "its rows are missing" if recorded.bytes else ""
    if found.rows != recorded.rows:
        return f"{found.rows} rows instead of {recorded.rows}"
    # Where none was computed, the file's own was compared.
    same = found.sha256 in ("", recorded.sha256)
    return "" if same and found.bytes == recorded.bytes else "other content"
