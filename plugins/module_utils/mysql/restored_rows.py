# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reads the restored tables as a backup reads them, and compares their content with the backup."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import typing as t

from ..errors import CorruptArtifactError, DbfleetError, RestoreError, UsageError
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import ENGINE, Manifest, TableRecord
from . import directory_layout, quoting, script_text, snapshot
from .catalog.keys import unique_key
from .catalog.tables import Table, read_tables
from .data_digests import has_known_digests
from .load_options import ERROR, VERIFY_DIGEST
from .options import RestoreOptions, ScriptForm, Selection
from .rewrite import CHARSET
from .rows_digest import RowsDigest
from .script_files import ROWS, ScriptFile, Scripts
from .script_policy import SqlModes
from .script_source import HEAD_SIZE
from .script_summary import ScriptSummary
from .selection import Selected
from .session import Session
from .statements import classify
from .table_rows import write_rows

_NAMED_AT_MOST = 10
# Other versions and families may write the same value as another text.
_VARYING_TYPES = frozenset(
    {"float", "double", "json", "vector", "geometry", "point", "linestring", "polygon", "geometrycollection"}
    | {"geomcollection", "multipoint", "multilinestring", "multipolygon", "inet4", "inet6", "uuid"}
)


@dataclass(frozen=True)
class Comparison:
    """What was compared.

    :param digest: how many tables by the content of their rows.
    :param rows: how many by the number of their rows only.
    """

    digest: int
    rows: int


def check_request(options: RestoreOptions, manifest: Manifest | None) -> None:
    """Content can be compared at all.

    :raises UsageError: it cannot.
    """
    if options.load.verify != VERIFY_DIGEST:
        return
    if manifest is None:
        raise UsageError(
            "verify: digest compares with the digests of a manifest, and there is none",
            hint="verify: rows counts the rows of every table",
        )
    if manifest.contents.options.get(ENGINE):
        raise UsageError(
            f"backup {manifest.id} was written by the server's own dump program, whose rows are other text",
            hint="verify: rows counts the rows of every table",
        )
    if options.load.duplicates != ERROR:
        raise UsageError(
            f"with duplicates: {options.load.duplicates} the target is not meant to have the backup's rows",
            hint="leave verify: digest out; the result says how many rows were duplicates",
        )


class RestoredRows:
    """Compares the tables of one restored database with its backup.

    :param session: a connection of its own, with the database for its default.
    :param scripts: the artifact; read again only for tables whose rows come in another order or division.
    """

    def __init__(
        self,
        session: Session,
        options: RestoreOptions,
        manifest: Manifest,
        scripts: Scripts,
        summary: ScriptSummary,
        progress: Progress,
    ) -> None:
        self._session = session
        self._options = options
        self._manifest = manifest
        self._scripts = scripts
        self._summary = summary
        self._progress = progress
        self._form = form_of(manifest)
        # Of a table in several files only one; those are not looked for.
        self._files = {name: path for path, tables in summary.files.items() for name in tables}
        self._wrong: list[str] = []
        self._incomparable: list[str] = []

    def compare(self, names: t.Collection[str]) -> Comparison:
        """Compare these tables.

        :raises RestoreError: they differ; all that do are named.
        """
        records = {one.name: one for one in self._manifest.contents.tables if one.name in names}
        self._progress.phase("comparing the restored tables", total_bytes=sum(one.bytes for one in records.values()))
        snapshot.prepare_session(self._session)
        there = self._tables()
        again: dict[str, Table] = {}
        equal = 0
        for name, record in records.items():
            table = there.get(name) or there.get(name.lower())
            self._progress.item(name)
            if table is None:
                self._wrong.append(f"{name} is not there")
            elif self._is_same(table, record):
                equal += 1
            else:
                again[name] = table
        equal += self._compare_in_any_order(again, records)
        if self._wrong:
            raise RestoreError(
                f"the restored tables differ from the backup: {'; '.join(self._wrong[:_NAMED_AT_MOST])}",
                hint="triggers and events of the target, or other sessions can be the cause",
                failed=self._wrong,
            )
        if self._incomparable:
            shown = "; ".join(self._incomparable[:_NAMED_AT_MOST])
            self._progress.warn(f"these tables could only be compared by their number of rows: {shown}")
        return Comparison(equal, len(self._incomparable))

    def _tables(self) -> dict[str, Table]:
        database = self._options.database
        history = bool(self._manifest.contents.options.get("dump_history"))
        tables = Selected(Selection(dump_history=history), database).tables(read_tables(self._session, database))
        return {name: table for table in tables for name in (table.name.lower(), table.name)}

    def _is_same(self, table: Table, record: TableRecord) -> bool:
        """Whether the table gives the bytes of the backup; what has other bytes can have the same rows all the same."""
        if record.parts or not record.sha256 or not has_known_digests(self._manifest):
            return False
        around = self._around(table, record) if self._scripts.is_folder else (b"", b"")
        if around is None:
            return False
        sink = _Hash(around[0])
        self._read(table, sink, self._progress.advance)
        sink.write(around[1])
        return sink.hash.hexdigest() == record.sha256

    def _around(self, table: Table, record: TableRecord) -> tuple[bytes, bytes] | None:
        """What stands before and behind a table's statements in its file; ``None`` where that cannot be told."""
        path = self._files.get(record.name)
        if path is None:
            return b"", b""
        with contextlib.closing(self._scripts.open(ScriptFile(path, ROWS))) as source:
            source.read(HEAD_SIZE)
        head, prefix, _rows = source.head.partition(script_text.insert_prefix(table, self._form))
        return (head, directory_layout.END) if prefix else None

    def _read(self, table: Table, sink: _Hash | RowsDigest, advanced: t.Callable[[int, int], None]) -> int:
        columns: tuple[str, ...] = ()
        if self._form.order_by_primary:
            columns = unique_key(self._session, self._options.database, table.name)
        rows, _key = write_rows(
            self._session,
            table,
            sink,
            advanced,
            form=self._form,
            source=quoting.identifier(table.name),
            order=", ".join(map(quoting.identifier, columns)),
        )
        return rows

    # -- rows in another order, or in other statements

    def _compare_in_any_order(self, tables: t.Mapping[str, Table], records: t.Mapping[str, TableRecord]) -> int:
        """How many of them have the backup's rows; the others are noted."""
        found = {name: self._rows_digest(table) for name, table in tables.items()}
        wanted = {name: digest for name, digest in found.items() if digest.rows == records[name].rows}
        for name in found.keys() - wanted.keys():
            self._note_number(name, found[name].rows, records[name].rows)
        expected = self._of_the_backup({name: tables[name] for name in wanted})
        equal = 0
        for name, digest in wanted.items():
            if digest.result() == expected[name].result():
                equal += 1
                continue
            reason = self._why_incomparable(tables[name])
            if reason:
                self._incomparable.append(f"{name} ({reason})")
            else:
                self._wrong.append(f"{name} has other content")
        return equal

    def _note_number(self, name: str, found: int, expected: int) -> None:
        if self._options.force and found > expected:
            self._incomparable.append(f"{name} (it has {found - expected} rows beside those of the backup)")
        else:
            self._wrong.append(f"{name} has {found} rows instead of {expected}")

    def _rows_digest(self, table: Table) -> RowsDigest:
        self._progress.item(table.name)
        digest = RowsDigest(script_text.insert_prefix(table, self._form))
        self._read(table, digest, self._progress.advance)
        digest.close()
        return digest

    def _of_the_backup(self, tables: t.Mapping[str, Table]) -> dict[str, RowsDigest]:
        """The same of the rows as they stand in the artifact."""
        found = {name: RowsDigest(self._prefix_in_backup(table, name)) for name, table in tables.items()}
        for file in self._scripts.files:
            names = self._summary.files.get(file.path, {}).keys() & found.keys()
            if not names:
                continue
            source = self._scripts.open(file)
            modes = SqlModes()
            try:
                splitter = self._scripts.splitter(file, source)
                for statement in splitter:
                    action = classify(statement.text)
                    if action.verb == "SET":
                        modes.observe(statement.text)
                        splitter.backslash_escapes = modes.backslash_escapes
                    if action.is_data and action.names and action.names[0].name in names:
                        _take(found[action.names[0].name], statement.text, source.name)
            finally:
                source.close()
        for digest in found.values():
            digest.close()
        return found

    def _prefix_in_backup(self, table: Table, name: str) -> bytes:
        return script_text.insert_prefix(dataclasses.replace(table, name=name), self._form)

    def _why_incomparable(self, table: Table) -> str:
        """Why the same values can be other text here than in the backup; empty where they cannot."""
        if any(kind == CHARSET for kind, _old, _new in self._options.changes.rewrite):
            return "character sets were rewritten"
        if self._options.selection.data_only:
            return "the target's own definition may have other types"
        source, target = self._manifest.server, self._session.version
        if source.dbms == target.dbms and source.version_number // 100 == target.number // 100:
            return ""
        types = sorted({one.data_type for one in table.stored_columns} & _VARYING_TYPES)
        if not types:
            return ""
        return f"{source.dbms} {source.version} may write values of the type {', '.join(types)} otherwise"


class _Hash:
    """A sink that makes the digest that a manifest has of a table in one stream.

    :param head: what stands before its statements.
    """

    def __init__(self, head: bytes) -> None:
        self.hash = hashlib.sha256(head)

    def write(self, data: t.Any) -> None:
        self.hash.update(data)

    def close(self) -> None:
        """Nothing is held."""

    def abort(self) -> None:
        """Nothing is held."""


def compare_restored(
    connect: t.Callable[[], Session],
    options: RestoreOptions,
    manifest: Manifest,
    scripts: Scripts,
    summary: ScriptSummary,
    progress: Progress,
    names: t.Collection[str],
) -> Comparison:
    """As :meth:`RestoredRows.compare`, over a connection of its own that is closed in the end."""
    with contextlib.closing(connect()) as session:
        return RestoredRows(session, options, manifest, scripts, summary, progress).compare(names)


def _take(digest: RowsDigest, text: bytes, name: str) -> None:
    try:
        digest.write(text + b";\n")
    except ValueError as error:
        raise _other_form(name) from error


def _other_form(name: str) -> DbfleetError:
    return CorruptArtifactError(
        f"the INSERT statements of {name} are not of the form that its manifest says",
        hint="use another backup; this one is not what was written",
    )


def form_of(manifest: Manifest) -> ScriptForm:
    recorded = manifest.contents.options.get("form") or {}
    known = {field.name for field in dataclasses.fields(ScriptForm)}
    return ScriptForm(**{name: value for name, value in recorded.items() if name in known})
