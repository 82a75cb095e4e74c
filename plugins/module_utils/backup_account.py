# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An account of a database server with exactly what a backup needs: made, brought into shape, or removed."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import typing as t

from .errors import UsageError
from .lazy_dataclass import dataclass
from .mysql import backup_account as mysql_account
from .mysql import connection as mysql_connection
from .mysql.options import ConnectionOptions as MysqlOptions
from .postgresql import backup_account as postgresql_account
from .postgresql import connection as postgresql_connection
from .postgresql.options import ConnectionOptions as PostgresqlOptions
from .postgresql.session import Session as PostgresqlSession

_LOG = logging.getLogger(__name__)
_HIDDEN = "********"


@dataclass(frozen=True)
class AccountRequest:
    """The account, and what it is for.

    :param host: from where it may connect; MySQL and MariaDB only.
    :param password: empty to leave it as it is.
    :param set_password: also of an account that is there and has another.
    :param databases: what it may back up; empty for everything.
    :param purposes: what else it is for: ``globals``, ``replication``, ``replica_status``.
    """

    connection: PostgresqlOptions | MysqlOptions
    name: str
    host: str = ""
    password: str = dataclasses.field(default="", repr=False)
    set_password: bool = True
    present: bool = True
    databases: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    bypass_row_security: bool = True
    check: bool = False


@dataclass(frozen=True)
class AccountResult:
    """What was done to the account, in check mode would be.

    :param statements: in order, passwords hidden.
    """

    changed: bool
    account: str
    statements: tuple[str, ...]
    before: str
    after: str

    @property
    def diff(self) -> dict[str, str]:
        return {"before": self.before, "after": self.after}

    def to_dict(self) -> dict[str, t.Any]:
        return {"changed": self.changed, "account": self.account, "statements": list(self.statements)}


@dataclass(frozen=True)
class _Step:
    """A statement, where it is run (PostgreSQL only) and how it is shown."""

    sql: str = dataclasses.field(repr=False)
    shown: str
    database: str = ""


def manage_account(request: AccountRequest) -> AccountResult:
    """Bring the account into the state that was asked for; done again it changes nothing.

    :raises UsageError: a password is missing, or the account has or owns what no account for backups does.
    :raises PrivilegeError: the connected user may not manage accounts.
    """
    if isinstance(request.connection, PostgresqlOptions):
        return _Postgresql(request, request.connection).run()
    return _manage_mysql(request, request.connection)


def _need_password(request: AccountRequest) -> None:
    if not request.password:
        raise UsageError(f"the account {request.name} is not there and no password is given", hint="give it a password")


def _manage_mysql(request: AccountRequest, options: MysqlOptions) -> AccountResult:
    with contextlib.closing(mysql_connection.connect(options)) as session:
        account = mysql_account.MysqlAccount(session, request.name, request.host)
        exists = account.exists()
        have = account.privileges() if exists and request.present else {}
        want = mysql_account.needed_privileges(session, request.databases, request.purposes)
        steps: list[_Step] = []
        if request.present and not exists:
            _need_password(request)
            steps.append(_Step(account.creation(request.password), account.creation(_HIDDEN)))
        elif request.present and request.password and request.set_password:
            if not account.has_password(options, request.password):
                steps.append(_Step(account.new_password(request.password), account.new_password(_HIDDEN)))
        elif exists and not request.present:
            steps.append(_Step(account.removal(), account.removal()))
        if request.present:
            steps += [_Step(statement, statement) for statement in account.changes(have, want)]
        for step in () if request.check else steps:
            session.execute(step.sql)
        return AccountResult(
            changed=bool(steps),
            account=account.name,
            statements=tuple(step.shown for step in steps),
            before=_shown(account.name, have) if exists else "",
            after=_shown(account.name, want) if request.present else "",
        )


def _shown(name: str, privileges: t.Mapping[str, t.Iterable[str]]) -> str:
    return f"{name}\n" + "".join(
        f"{scope}: {', '.join(sorted(words))}\n" for scope, words in sorted(privileges.items())
    )


class _Postgresql:
    """The same for PostgreSQL, where what is inside a database is granted through a session there."""

    def __init__(self, request: AccountRequest, options: PostgresqlOptions) -> None:
        self._request = request
        self._options = options

    def run(self) -> AccountResult:
        """Plan everything, then do it."""
        options = self._options
        with contextlib.closing(self._connect(options.maintenance_database)) as session:
            account = postgresql_account.PostgresqlAccount(session, self._request.name)
            exists = account.exists()
            steps = self._present(session, account, exists) if self._request.present else self._absent(account, exists)
            before = self._picture(account) if exists else ""
            if steps and not self._request.check:
                self._do(session, steps)
            done = account.exists() if not self._request.check else False
            return AccountResult(
                changed=bool(steps),
                account=account.name,
                statements=tuple(step.shown for step in steps),
                before=before,
                after=(self._picture(account) if done else self._planned(before, steps)),
            )

    def _connect(self, database: str) -> PostgresqlSession:
        return postgresql_connection.connect(self._options, database=database)

    def _present(
        self, session: PostgresqlSession, account: postgresql_account.PostgresqlAccount, exists: bool
    ) -> list[_Step]:
        request = self._request
        steps = []
        want = account.needed_attributes(request.purposes, bypass_row_security=request.bypass_row_security)
        if not exists:
            _need_password(request)
            steps.append(_same(f"CREATE ROLE {account.name} {' '.join(sorted(want))}"))
            steps += [_same(statement) for statement in account.role_changes(set())]
        else:
            steps += [_same(statement) for statement in account.role_changes(want)]
        if request.password and (not exists or (request.set_password and not account.has_password(request.password))):
            shown = f"ALTER ROLE {account.name} PASSWORD '{_HIDDEN}'"
            steps.append(_Step(account.password_change(request.password), shown))
        databases = list(request.databases) or postgresql_account.databases_of(session)
        asked = account if exists else postgresql_account.PostgresqlAccount(session, "pg_signal_backend")
        steps += [
            _same(statement.replace(f" TO {asked.name}", f" TO {account.name}"))
            for statement in asked.connect_changes(databases)
        ]
        if session.version < postgresql_account.READ_ALL:
            for database in databases:
                steps += self._reading(database, exists)
        return steps

    def _reading(self, database: str, exists: bool) -> list[_Step]:
        with contextlib.closing(self._connect(database)) as session:
            statements = postgresql_account.reading_changes(
                session, self._request.name, self._request.purposes, exists=exists
            )
        return [_Step(statement, statement, database) for statement in statements]

    def _absent(self, account: postgresql_account.PostgresqlAccount, exists: bool) -> list[_Step]:
        if not exists:
            return []
        postgresql_account.check_removable(account)
        here = self._options.maintenance_database
        # What was granted on databases themselves goes with the first of these too.
        names = dict.fromkeys([*account.databases_with_grants(), here])
        steps = [_Step(f"DROP OWNED BY {account.name}", f"DROP OWNED BY {account.name}", name) for name in names]
        return [*steps, _same(f"DROP ROLE {account.name}")]

    def _do(self, session: PostgresqlSession, steps: t.Sequence[_Step]) -> None:
        """Run the steps, those of one database in one transaction."""
        here = self._options.maintenance_database
        for database in dict.fromkeys(step.database for step in steps if step.database not in ("", here)):
            self._check_reachable(database)
        groups: list[tuple[str, list[_Step]]] = []
        for step in steps:
            database = step.database or here
            if not groups or groups[-1][0] != database:
                groups.append((database, []))
            groups[-1][1].append(step)
        for database, group in groups:
            if database == here:
                _transact(session, group)
            else:
                with contextlib.closing(self._connect(database)) as other:
                    _transact(other, group)

    def _check_reachable(self, database: str) -> None:
        """Find out before the first change that a database cannot be connected to."""
        self._connect(database).close()

    def _picture(self, account: postgresql_account.PostgresqlAccount) -> str:
        lines = [account.name, *sorted(account.attributes())]
        lines += [f"member of {role}" for role in sorted(account.memberships())]
        lines += [f"grants in {database}" for database in account.databases_with_grants()]
        return "".join(f"{line}\n" for line in lines)

    def _planned(self, before: str, steps: t.Sequence[_Step]) -> str:
        if not self._request.present:
            return ""
        return before + "".join(f"{step.shown}\n" for step in steps)


def _same(statement: str) -> _Step:
    return _Step(statement, statement)


def _transact(session: PostgresqlSession, steps: t.Sequence[_Step]) -> None:
    session.execute("BEGIN")
    try:
        for step in steps:
            session.execute(step.sql, log_as=step.shown)
    except BaseException:
        with contextlib.suppress(Exception):
            session.execute("ROLLBACK")
        raise
    session.execute("COMMIT")
