# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One snapshot of several databases: they are read one after the other, over one connection."""

from __future__ import annotations

import contextlib
import typing as t

from ..lazy_dataclass import dataclass
from . import privileges, quoting, replication_state, snapshot
from .catalog.inventory import Inventory, read_inventory
from .catalog.tables import read_tables
from .connection import connect
from .definition_watch import DefinitionWatch
from .options import BackupOptions
from .selection import selected
from .session import Session
from .table_locks import locked


@dataclass(frozen=True)
class OpenedDatabase:
    """A database as it was when the snapshot was opened.

    :param before: its objects just before.
    :param watch: finds changes of definitions where the server cannot forbid them.
    :param locks: hold the tables that no snapshot covers; closed as soon as these are read.
    """

    snapshot: snapshot.Snapshot
    before: Inventory
    watch: DefinitionWatch | None
    locks: contextlib.ExitStack


class SharedSnapshot:
    """Opened when the first database is asked for.

    :param each: the options of every database.
    :param databases: their names.
    :param followers: open the same snapshot.
    """

    def __init__(
        self, each: BackupOptions, databases: t.Sequence[str], followers: snapshot.Followers | None = None
    ) -> None:
        self._each = each
        self._followers = followers
        self._databases = tuple(databases)
        self._session: Session | None = None
        self._locks = contextlib.ExitStack()
        self._opened: dict[str, OpenedDatabase] = {}
        self._replica: tuple[replication_state.ReplicaPosition, ...] = ()

    def session(self, database: str) -> Session:
        """The connection that reads the snapshot, with this database for its default.

        :raises DbfleetError: the snapshot could not be opened.
        """
        if self._session is None:
            self._session = connect(self._each.connection, database=self._databases[0])
            snapshot.prepare_session(self._session)
            self._open(self._session)
        self._session.execute(f"USE {quoting.identifier(database)}")
        return self._session

    def of(self, database: str) -> OpenedDatabase:
        """What there is to know of one database. After :meth:`session`."""
        return self._opened[database]

    def close(self) -> None:
        """Give back the locks and the connection."""
        session, self._session = self._session, None
        try:
            self._locks.close()
        finally:
            if session is not None:
                session.close()

    def _open(self, session: Session) -> None:
        forbidden = snapshot.lock_definitions(session)
        watches = {name: None if forbidden else DefinitionWatch(session, name) for name in self._databases}
        before = {name: read_inventory(session, name) for name in self._databases}
        locks = {name: self._locks.enter_context(contextlib.ExitStack()) for name in self._databases}

        def hold() -> None:
            for name in self._databases:
                held = self._uncovered(session, name)
                if held and self._each.lock_tables:
                    locks[name].enter_context(locked(self._each.connection, held))
            if self._each.positions.dump_replica:
                self._replica = replication_state.read_steady_replica(session)

        opened = snapshot.open_snapshot(
            session,
            hold=hold,
            lock_tables=lambda: self._all_locked(session),
            followers=self._followers,
            holds=self._each.lock_tables and any(self._uncovered(session, name) for name in self._databases),
        )
        opened = replication_state.attach(session, opened, self._replica)
        for name in self._databases:
            self._opened[name] = OpenedDatabase(opened, before[name], watches[name], locks[name])

    def _uncovered(self, session: Session, database: str) -> list[tuple[str, str]]:
        tables = selected(self._each.selection, session, database).tables(read_tables(session, database))
        return [(database, table.name) for table in tables if table.has_rows and not table.is_transactional]

    def _all_locked(self, session: Session) -> t.ContextManager[None] | None:
        if not all(privileges.may_lock_tables(session, name) for name in self._databases):
            return None
        return locked(
            self._each.connection,
            [(name, table.name) for name in self._databases for table in read_tables(session, name)],
        )
