# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The database that a restore goes into: one that exists, or a new one that gets its name when it is complete."""

from __future__ import annotations

import contextlib
import typing as t

from .. import drivers
from ..errors import DbfleetError, NotFoundError, RestoreError, UsageError
from ..progress import Progress
from ..repository.records import ServerIdentity
from .connection import connect
from .new_database import NewDatabase, resumable_name
from .options import RestoreOptions
from .pooler import refuse_transaction_pooler
from .replaced_database import replace_database, sweep
from .restore_state import RestoreState, end_sessions
from .session import Session
from .snapshot import server_identity
from .toc import TocEntry

_Filled = t.TypeVar("_Filled")
_OID = "SELECT oid FROM pg_catalog.pg_database WHERE datname = $1"


class TargetDatabase:
    """The target of one restore, and the session that it is planned and begun in.

    :attr:`replaces`: there is a database of the name of the one to be created, which will give way.
    :attr:`published`: it is the one that an interrupted run of this restore has made and named; nothing but its record
    is left of that run.
    """

    def __init__(self, options: RestoreOptions) -> None:
        self._options = options
        self._session: Session | None = None
        self.replaces = self.published = False
        #: Of a restore that may be resumed, from when it is known.
        self.state: RestoreState | None = None

    @property
    def session(self) -> Session:
        """In the target itself, or where it is created in the maintenance database; opened when first asked for.

        :raises NotFoundError: the target does not exist.
        :raises UsageError: it is to be created, and exists; or the connection goes through a pooler of transactions.
        """
        if self._session is None:
            self._session = self._connect_new() if self._options.create else self._connect_existing()
        return self._session

    def identity(self) -> ServerIdentity:
        """Of the target's server."""
        return server_identity(self.session)

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    @contextlib.contextmanager
    def cancelled_on_failure(self, session: Session) -> t.Iterator[None]:
        """Whatever ends the restore early, the server stops working on it at once and rolls back."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(drivers.psycopg().OperationalError):
                session.pgconn.get_cancel().cancel()
            self.close()
            session.close()
            raise

    def fill_new(
        self,
        entry: TocEntry | None,
        fill: t.Callable[[Session, NewDatabase], _Filled],
        progress: Progress,
    ) -> _Filled:
        """Have a new database filled under a temporary name, then give it its own.

        That of a restore that may be resumed waits for that if it fails; any other is removed.

        :param entry: the archive's ``DATABASE`` entry, if it has one.
        """
        maintenance = self.session
        sweep(maintenance, progress)
        with self._made(maintenance, entry) as new:
            session = connect(self._options.connection, database=new.temporary_name)
            try:
                with self.cancelled_on_failure(session):
                    filled = fill(session, new)
            finally:
                session.close()
            if self.replaces:
                replace_database(maintenance, new.temporary_name, new.name, progress)
            else:
                new.publish(maintenance)
        return filled

    @contextlib.contextmanager
    def _made(self, maintenance: Session, entry: TocEntry | None) -> t.Iterator[NewDatabase]:
        """The database to be filled: a new one that goes away on failure, or one that waits to be resumed."""
        connection, name, state = self._options.connection, self._options.database, self.state
        if state is None:
            new = NewDatabase(connection, name, entry)
            with _removed_on_failure(new):
                new.create(maintenance)
                yield new
            return
        header = state.header
        new = NewDatabase(connection, name, entry, temporary_name=header.database if header else resumable_name())
        there = new.exists(maintenance)
        begin_or_end_sessions(state, maintenance, new.temporary_name, over=not there)
        if not there:
            new.create(maintenance)
        yield new

    def _connect_existing(self) -> Session:
        options = self._options
        try:
            session = connect(options.connection, database=options.database)
        except NotFoundError as error:
            raise NotFoundError(
                f"the target database {options.database!r} does not exist",
                hint="restore with create to have it created, or check its name",
                **error.context,
            ) from error
        # What may be done is checked as the role that does it.
        return self._checked(session, *options.session.statements())

    def _connect_new(self) -> Session:
        options = self._options
        session = self._checked(connect(options.connection, database=options.connection.maintenance_database))
        found = session.rows(_OID, (options.database,))
        self.published = bool(found) and self.state is not None and self.state.is_complete_as(found[0][0])
        self.replaces = bool(found) and not self.published
        if self.replaces and not options.run.replace:
            session.close()
            raise UsageError(
                f"the database {options.database!r} exists, so it cannot be created",
                hint="leave create out to restore into it, have it replaced (replace), or choose another name",
            )
        return session

    def _checked(self, session: Session, *statements: str) -> Session:
        try:
            for statement in statements:
                session.execute(statement)
            refuse_transaction_pooler(session, self._options.connection)
        except BaseException:
            session.close()
            raise
        return session


def begin_or_end_sessions(state: RestoreState, session: Session, database: str, *, over: bool = False) -> None:
    """Begin a restore that may be resumed, or see that nothing of the interrupted one is left at work.

    :param database: what the database is called while it is restored.
    :param over: begin anew, whatever was done.
    """
    if state.header is None or over:
        state.begin(database)
    else:
        end_sessions(session, state.header.name)


@contextlib.contextmanager
def _removed_on_failure(new: NewDatabase) -> t.Iterator[None]:
    try:
        yield
    except BaseException as error:
        try:
            new.drop()
        except DbfleetError as second:
            raise RestoreError(
                f"{_first_line(error)}; the unfinished database {new.temporary_name} could not be removed: "
                f"{second.message}",
                hint=f"drop the database {new.temporary_name} yourself",
                **(error.context if isinstance(error, DbfleetError) else {}),
            ) from error
        raise


def _first_line(error: BaseException) -> str:
    return error.message if isinstance(error, DbfleetError) else type(error).__name__
