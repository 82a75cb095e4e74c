# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring one entry of an archive on one session; who calls it in which order, and in which transactions, is not
known here."""

from __future__ import annotations

import typing as t

from ..errors import CorruptArtifactError, QueryError, UnsupportedObjectError
from ..progress import Progress
from ..repository.records import Manifest, TableRecord
from ..streams.base import ByteSource, read_exactly
from .archive.entries import LARGE_OBJECT_GROUP, LARGE_OBJECTS, TABLE_DATA, entry_name, object_name
from .archive.reader import ArchiveReader
from .load import load_table
from .quoting import qualified
from .restore_order import RestoreOrder
from .restore_session import SessionOptions
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
from .verified_rows import load_verified, not_recorded
from .verify import table_rows

# A multiple of the 2 KiB that the server keeps in a row of a large object.
_LARGE_OBJECT_PIECE = 1 << 19
_SECRET_KINDS = frozenset(("FOREIGN DATA WRAPPER", "SERVER", "SUBSCRIPTION", "USER MAPPING"))
_COPY_END = " FROM stdin;"
_FROZEN_COPY_END = " FROM stdin WITH (FREEZE);"
Recorded = t.Mapping[tuple[str, str], TableRecord]
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
            statement = (entry.copy_stmt or "").strip()
            # Without one, the data are INSERT statements.
            if statement and not (statement.startswith("COPY ") and statement.endswith(_COPY_END)):
                raise UnsupportedObjectError(f"the COPY statement of {name} is of no known form", objects=[name])
        elif entry.had_dumper and entry.desc != LARGE_OBJECTS:
            raise UnsupportedObjectError(f"the archive holds data of an unknown kind: {name}", objects=[name])
        elif entry.desc == LARGE_OBJECT_GROUP:
            large_object_ids(entry)
        else:
            owner_statement(entry)


def lock_weight(entry: TocEntry) -> int:
    """The most locks that a server (10 to 18, measured) holds on after making an entry, until the transaction ends."""
    if entry.desc == LARGE_OBJECT_GROUP:
        return 2 * len(large_object_ids(entry))
    return _LOCKS.get(entry.desc, 2)


def loads_into_its_own_table(entry: TocEntry) -> bool:
    """Whether a table's data goes into the table itself, and not into the root of its partitions."""
    target = f"COPY {qualified(entry.namespace or '', entry.tag)} "
    return bool(entry.copy_stmt) and (entry.copy_stmt or "").lstrip().startswith(target)


class EntryRunner:
    """Restores entries of one archive on one session.

    :param manifest: rows and digests of tables are compared with it.
    :param lazy_durability: the caller makes everything durable in the end.
    :param how: as whom it is done.
    :param recorded: the manifest's tables by schema and name, where somebody has put them together before.
    """

    def __init__(
        self,
        session: Session,
        archive: ArchiveReader,
        settings: ArchiveSettings,
        progress: Progress,
        *,
        manifest: Manifest | None,
        lazy_durability: bool,
        how: SessionOptions | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self.session = session
        self._archive = archive
        self._settings = settings
        self._progress = progress
        if recorded is None:
            tables = () if manifest is None else manifest.contents.tables
            recorded = {(table.schema, table.name): table for table in tables}
        self.recorded: Recorded = recorded
        self._lazy_durability = lazy_durability
        self._how = how or SessionOptions()
        self._storage = StorageDefaults(tablespace="")
        self._search_path = ""

    def prepare(self) -> None:
        """Set the session up for the archive."""
        statements = [*session_settings(self._settings, version=self.session.version)]
        if self._lazy_durability:
            statements.append("SET synchronous_commit = off")
        statements += self._how.statements()
        # All in one turn: every process of a restore does this.
        self.session.execute("; ".join(statement.strip().rstrip(";") for statement in statements))

    def drop(self, entry: TocEntry) -> bool:
        """Drop the entry's object if it exists; whether there is anything to drop at all."""
        statement = drop_large_objects(entry) if entry.desc == LARGE_OBJECT_GROUP else drop_statement(entry)
        if not statement:
            return False
        self._select_schema(entry)
        self.session.execute(statement)
        return True

    def restore(
        self, entry: TocEntry, *, truncate: bool = False, begin: bool = False, freeze: bool = False
    ) -> TableRecord | None:
        """Make what the entry stands for; what was loaded, where it is a table's data.

        :param truncate: empty the table first. In the transaction that did so, the server need not log the rows.
        :param begin: in a transaction that is begun first.
        :param freeze: the table was made in this transaction, outside of a savepoint. As after ``truncate``, nobody
            else can have seen it: its rows are written as frozen, so that neither the first index that is made, nor
            the first reader, nor VACUUM writes its pages again.
        """
        first = ["BEGIN"] if begin else []
        if truncate and entry.had_dumper:
            first.append(f"TRUNCATE TABLE ONLY {qualified(entry.namespace or '', entry.tag)}")
        copies = entry.had_dumper and bool(entry.copy_stmt)
        if not copies or self._how.disable_triggers or not self._settings.search_path:
            # Something else comes before the rows; else it goes to the server with the COPY.
            if first:
                self.session.execute("; ".join(first))
            first = []
        self._select_schema(entry)
        if entry.desc == LARGE_OBJECT_GROUP:
            self._create_large_objects(entry)
            return None
        if entry.had_dumper:
            before, after = self._how.around_data(entry) if entry.desc == TABLE_DATA else ("", "")
            if before:
                self.session.execute(before)
            table = self._load(entry, first, freeze=truncate or freeze)
            if after:
                self.session.execute(after)
            return table
        # What is logged and reported of these is their name: their options may hold passwords.
        name = entry_name(entry) if entry.desc in _SECRET_KINDS else ""
        for statement in self._statements(entry):
            self.session.execute(statement, log_as=name)
        return None

    def as_recorded(self, table: TableRecord | None) -> TableRecord | None:
        """The manifest's own record where it is the same: one of two, where there are very many."""
        recorded = None if table is None else self.recorded.get((table.schema, table.name))
        return recorded if recorded == table else table

    def settings_lost(self) -> None:
        """A transaction was rolled back, and with it what was set in it."""
        self._storage = StorageDefaults()
        self._search_path = ""

    def _statements(self, entry: TocEntry) -> t.Iterator[str]:
        version = self.session.version
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
            self.session.execute(statement)
            self._search_path = statement

    def _load(self, entry: TocEntry, first: t.Sequence[str] = (), *, freeze: bool = False) -> TableRecord | None:
        """
        :param first: what is sent with the COPY statement, in one turn.
        """
        if entry.desc == LARGE_OBJECTS:
            for oid, source in self._archive.large_objects(entry):
                self._write_large_object(oid, source)
            return None
        key = (entry.namespace or "", entry.tag)
        if not entry.copy_stmt:
            return self._run_inserts(entry)
        recorded = self.recorded.get(key)
        statement = (entry.copy_stmt or "").strip()
        if freeze:
            statement = f"{statement[: -len(_COPY_END)]}{_FROZEN_COPY_END}"
        if recorded is not None and recorded.sha256:
            self._load_recorded(entry, statement, recorded, first)
            return recorded
        rows = table_rows(self._archive, entry, recorded)
        loaded = load_table(self.session, statement, rows, self._progress, first=first)
        if recorded is not None and loaded.rows != recorded.rows:
            raise CorruptArtifactError(f"it has {loaded.rows} rows instead of {recorded.rows}")
        return TableRecord(key[0], key[1], loaded.rows, loaded.bytes, loaded.sha256)

    def _load_recorded(
        self, entry: TocEntry, statement: str, recorded: TableRecord, first: t.Sequence[str] = ()
    ) -> None:
        """Load rows whose digest is known."""
        rows = load_verified(self.session, statement, self._archive, entry, recorded, self._progress, first=first)
        if rows is None:
            source = table_rows(self._archive, entry, recorded)
            loaded = load_table(self.session, statement, source, self._progress, counted=False, first=first)
            if loaded.sha256 != recorded.sha256:
                raise not_recorded()
            rows = loaded.rows
        if rows != recorded.rows:
            # A server takes a row of backslash and dot alone for the end of the data.
            raise QueryError(f"the server took {rows} of {recorded.rows} rows")

    def _run_inserts(self, entry: TocEntry) -> TableRecord | None:
        # Imported here: most archives hold rows, and their restore starts the faster.
        from .restore_inserts import run_inserts

        name, source = object_name(entry), self._archive.data(entry)
        rows = run_inserts(self.session, source, self._settings, self._progress, name=name)
        return None if rows is None else TableRecord(entry.namespace or "", entry.tag, rows, 0, "")

    def _create_large_objects(self, entry: TocEntry) -> None:
        oids = large_object_ids(entry)
        listed = "{" + ",".join(map(str, oids)) + "}"
        self.session.query(
            "SELECT pg_catalog.count(pg_catalog.lo_create(o)) FROM pg_catalog.unnest($1::pg_catalog.oid[]) o", (listed,)
        )
        if entry.owner:
            self.session.execute("; ".join(owner_statement(_as_large_object(entry, oid)) for oid in oids))

    def _write_large_object(self, oid: int, source: ByteSource) -> None:
        offset = 0
        while True:
            data = read_exactly(source, _LARGE_OBJECT_PIECE)
            if not data:
                return
            self.session.query(
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


def _as_large_object(group: TocEntry, oid: int) -> TocEntry:
    """One large object of a group as an entry of its own."""
    return TocEntry(
        dump_id=group.dump_id, had_dumper=False, table_oid=0, oid=oid, tag=str(oid), desc="BLOB",
        section=group.section, drop_stmt=group.drop_stmt, owner=group.owner,
    )  # fmt: skip
