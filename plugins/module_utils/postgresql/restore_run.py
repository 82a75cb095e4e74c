# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Running a restore inside one database: settings, drops, passes, transactions, and what is said when it stops."""

from __future__ import annotations

import contextlib
import logging
import typing as t

from ..errors import (
    ConnectError,
    CorruptArtifactError,
    DbfleetError,
    JobInterrupted,
    RestoreError,
    UnsupportedObjectError,
)
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import ByteSource, read_exactly
from .archive.entries import LARGE_OBJECT_GROUP, LARGE_OBJECTS, TABLE_DATA, entry_name, object_name
from .archive.reader import ArchiveReader
from .load import load_table, without_values
from .restore_order import RestoreOrder, names
from .restore_sql import (
    ArchiveSettings,
    StorageDefaults,
    drop_large_objects,
    drop_statement,
    large_object_ids,
    large_objects_privileges,
    owner_statement,
    partitioned_access_method,
    search_path_statement,
    session_settings,
    storage_statements,
)
from .session import Session
from .toc import TocEntry
from .verify import table_rows

_log = logging.getLogger("dbfleet.postgresql")

# A multiple of the 2 KiB that the server keeps in a row of a large object.
_LARGE_OBJECT_PIECE = 1 << 19
_SECRET_KINDS = frozenset(("FOREIGN DATA WRAPPER", "SERVER", "SUBSCRIPTION", "USER MAPPING"))
_COPY_END = " FROM stdin;"
_LOCKS = {
    "TABLE": 6,
    "SEQUENCE": 4,
    "SEQUENCE OWNED BY": 3,
    "CONSTRAINT": 3,
    "FK CONSTRAINT": 6,
    "MATERIALIZED VIEW DATA": 8,
    "ACL": 1,
}


def check_supported(order: RestoreOrder) -> None:
    """Refuse, by name, what could not be restored rightly.

    :raises UnsupportedObjectError: an entry is of a kind, or holds its data in a form, that is not known.
    """
    for entry in order.steps:
        name = entry_name(entry)
        if entry.had_dumper and entry.desc == TABLE_DATA:
            if entry.copy_stmt is None:
                raise UnsupportedObjectError(
                    f"the archive holds {name} as INSERT statements, which cannot be restored yet",
                    hint="dump without --inserts, or restore with pg_restore",
                    objects=[name],
                )
            statement = entry.copy_stmt.strip()
            if not statement.startswith("COPY ") or not statement.endswith(_COPY_END):
                raise UnsupportedObjectError(f"the COPY statement of {name} is of no known form", objects=[name])
        elif entry.had_dumper and entry.desc != LARGE_OBJECTS:
            raise UnsupportedObjectError(f"the archive holds data of an unknown kind: {name}", objects=[name])
        elif entry.desc == LARGE_OBJECT_GROUP:
            large_object_ids(entry)
        else:
            owner_statement(entry)


class RestoreRun:
    """One restore into the database that ``session`` is connected to.

    :param transaction_locks: how many locks a transaction may hold; what needs more is restored in several
        transactions. ``None``: everything in one.
    :param new_database: the database was made for this restore and goes away if it fails.
    """

    def __init__(
        self,
        session: Session,
        archive: ArchiveReader,
        order: RestoreOrder,
        settings: ArchiveSettings,
        progress: Progress,
        *,
        manifest: Manifest | None,
        clean: bool,
        transaction_locks: int | None,
        new_database: bool,
    ) -> None:
        self._session = session
        self._archive = archive
        self._order = order
        self._settings = settings
        self._progress = progress
        recorded = () if manifest is None else manifest.contents.tables
        self._recorded = {(table.schema, table.name): table for table in recorded}
        self._clean = clean
        self._transaction_locks = transaction_locks
        self._new_database = new_database
        self._storage = StorageDefaults(tablespace="")
        self._search_path = ""
        self._locks = 0
        self._commits = 0
        self._committed = 0
        self._begun = 0
        self._tables: list[TableRecord] = []

    def run(self, *, last: t.Callable[[], None] = lambda: None) -> tuple[TableRecord, ...]:
        """Restore everything.

        :param last: called inside the last transaction, before it is committed.
        :returns: what was loaded into every table.
        :raises RestoreError: it stopped; what remains and what does not is said.
        """
        with self._naming(None):
            self._prepare()
        if self._clean:
            self._drop_all()
        for entry in self._order.steps:
            with self._naming(entry):
                self._progress.item(object_name(entry))
                self._restore(entry)
            self._begun += 1
            self._account(lock_weight(entry))
        with self._naming(None):
            last()
            self._commit()
        return tuple(self._tables)

    def _prepare(self) -> None:
        for statement in session_settings(self._settings, version=self._session.version):
            self._session.execute(statement)
        if self._new_database:
            # Its last step, the renaming, waits for the disk and so makes everything before it durable.
            self._session.execute("SET synchronous_commit = off")
        self._session.execute("BEGIN")

    def _drop_all(self) -> None:
        for entry in self._order.drops:
            statement = drop_large_objects(entry) if entry.desc == LARGE_OBJECT_GROUP else drop_statement(entry)
            if not statement:
                continue
            with self._naming(entry, "dropping"):
                self._select_schema(entry)
                self._session.execute(statement)
            self._account(lock_weight(entry))

    @contextlib.contextmanager
    def _naming(self, entry: TocEntry | None, action: str = "restoring") -> t.Iterator[None]:
        """Turns errors of what is done inside into one that names the entry and says what remains."""
        try:
            yield
        except JobInterrupted as error:
            raise JobInterrupted(error.message, hint=self._outcome(entry, error), **error.context) from error
        except DbfleetError as error:
            raise self._failure(entry, action, error) from error

    def _account(self, locks: int) -> None:
        self._locks += locks
        if self._transaction_locks is not None and self._locks >= self._transaction_locks:
            with self._naming(None):
                self._commit()
                self._session.execute("BEGIN")

    def _commit(self) -> None:
        self._session.execute("COMMIT")
        self._locks = 0
        self._commits += 1
        self._committed = self._begun

    def _restore(self, entry: TocEntry) -> None:
        self._select_schema(entry)
        if entry.desc == LARGE_OBJECT_GROUP:
            self._create_large_objects(entry)
            return
        if entry.had_dumper:
            self._load(entry)
            return
        # What is logged and reported of these is their name: their options may hold passwords.
        name = entry_name(entry) if entry.desc in _SECRET_KINDS else ""
        for statement in self._statements(entry):
            self._session.execute(statement, log_as=name)

    def _statements(self, entry: TocEntry) -> t.Iterator[str]:
        version = self._session.version
        if entry.defn and entry.desc == "ACL" and entry.tag.startswith("LARGE OBJECTS "):
            yield from large_objects_privileges(entry, self._large_object_group(entry))
            return
        statements, self._storage = storage_statements(entry, version=version, current=self._storage)
        yield from statements
        if entry.defn:
            yield entry.defn
        for statement in (partitioned_access_method(entry, version=version), owner_statement(entry)):
            if statement:
                yield statement

    def _select_schema(self, entry: TocEntry) -> None:
        if self._settings.search_path:
            return
        statement = search_path_statement(entry)
        if statement and statement != self._search_path:
            self._session.execute(statement)
            self._search_path = statement

    def _load(self, entry: TocEntry) -> None:
        if entry.desc == LARGE_OBJECTS:
            for oid, source in self._archive.large_objects(entry):
                self._write_large_object(oid, source)
            return
        key = (entry.namespace or "", entry.tag)
        recorded = self._recorded.get(key)
        rows = table_rows(self._archive, entry, () if recorded is None else recorded.parts)
        loaded = load_table(self._session, (entry.copy_stmt or "").strip(), rows, self._progress)
        if recorded is not None and loaded.rows != recorded.rows:
            raise CorruptArtifactError(f"it has {loaded.rows} rows instead of {recorded.rows}")
        self._tables.append(TableRecord(key[0], key[1], loaded.rows, loaded.bytes, loaded.sha256))

    def _create_large_objects(self, entry: TocEntry) -> None:
        listed = "{" + ",".join(map(str, large_object_ids(entry))) + "}"
        self._session.query(
            "SELECT pg_catalog.count(pg_catalog.lo_create(o)) FROM pg_catalog.unnest($1::pg_catalog.oid[]) o", (listed,)
        )
        for oid in large_object_ids(entry) if entry.owner else ():
            self._session.execute(owner_statement(_as_large_object(entry, oid)))

    def _write_large_object(self, oid: int, source: ByteSource) -> None:
        offset = 0
        while True:
            data = read_exactly(source, _LARGE_OBJECT_PIECE)
            if not data:
                return
            self._session.query(
                "SELECT pg_catalog.lo_put($1::pg_catalog.oid, $2::pg_catalog.int8, $3::pg_catalog.bytea)",
                (str(oid), str(offset), "\\x" + data.hex()),
            )
            offset += len(data)
            self._progress.advance(len(data))

    def _large_object_group(self, acl: TocEntry) -> tuple[int, ...]:
        for entry in self._archive.entries:
            if entry.desc == LARGE_OBJECT_GROUP and entry.dump_id in acl.dependencies:
                return large_object_ids(entry)
        raise CorruptArtifactError(f"{self._archive.name}: {entry_name(acl)} belongs to no group of large objects")

    def _failure(self, entry: TocEntry | None, action: str, error: DbfleetError) -> RestoreError:
        steps = self._order.steps
        kept = 0 if self._new_database else self._committed
        place = "".join(f", {field} {error.context[field]}" for field in ("line", "column") if field in error.context)
        what = "the restore failed" if entry is None else f"{action} {entry_name(entry)} failed{place}"
        _log.debug("stopping after %d of %d items, %d of them committed", self._begun, len(steps), self._committed)
        return RestoreError(
            f"{what}: {without_values(error)}; {self._outcome(entry, error)}",
            hint=error.hint,
            done=names(steps[:kept]),
            failed=[] if entry is None else names([entry]),
            not_begun=names(step for step in steps[kept:] if step is not entry),
            rolled_back=self._new_database or not self._commits,
            sqlstate=error.context.get("sqlstate"),
            line=error.context.get("line"),
            column=error.context.get("column"),
        )

    def _outcome(self, entry: TocEntry | None, error: DbfleetError) -> str:
        if self._new_database:
            return "the unfinished database is removed"
        if entry is None and isinstance(error, (ConnectError, JobInterrupted)):
            return "whether the last transaction was kept is not known: look into the target"
        if self._commits:
            return f"{self._committed} of {len(self._order.steps)} items were restored before and remain"
        return "everything was rolled back, the target is as it was"


def _as_large_object(group: TocEntry, oid: int) -> TocEntry:
    """One large object of a group as an entry of its own."""
    return TocEntry(
        dump_id=group.dump_id, had_dumper=False, table_oid=0, oid=oid, tag=str(oid), desc="BLOB",
        section=group.section, drop_stmt=group.drop_stmt, owner=group.owner,
    )  # fmt: skip


def lock_weight(entry: TocEntry) -> int:
    """The most locks that a server (10 to 18, measured) holds on after making an entry, until the transaction ends."""
    if entry.desc == LARGE_OBJECT_GROUP:
        return 2 * len(large_object_ids(entry))
    return _LOCKS.get(entry.desc, 2)
