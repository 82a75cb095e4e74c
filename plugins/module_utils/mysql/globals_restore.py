# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring a server's accounts: what is missing is made, what is there stays as it is unless told otherwise."""

from __future__ import annotations

import collections
import re
import typing as t

from ..errors import CorruptArtifactError, DbfleetError, RestoreError, UsageError
from ..interfaces import ArtifactReader
from ..lazy_dataclass import dataclass
from ..progress import Progress
from ..repository.records import ServerIdentity
from . import quoting, snapshot
from .catalog.accounts import account_name, account_of, is_on_object
from .connection import connect
from .globals_script import IMPORT_ROLE, Globals, read_globals
from .options import GLOBAL_PARTS, GlobalsOptions, GlobalsRestoreOptions
from .script import ScriptSplitter
from .script_text import COMPLETED
from .server_identity import server_identity
from .session import Session
from .statements import tokens

_NAMED_AT_MOST = 10
_OBJECT = re.compile(
    r"(?:INSTALL (PLUGIN)|CREATE (?:AGGREGATE )?(FUNCTION)|CREATE (SERVER)|CREATE (TABLESPACE)) (`(?:[^`]|``)*`)"
)
_SESSION = re.compile(r"/\*!\d+ SET NAMES |SET SESSION sql_mode = ''")
_ACCOUNT = re.compile(r"CREATE (USER|ROLE) IF NOT EXISTS ")
_PRIVILEGE = re.compile(r"GRANT |REVOKE |SET DEFAULT ROLE ")


@dataclass(frozen=True)
class GlobalsPlan:
    """What a restore of accounts would do, found out by reading only.

    :param server: the target.
    :param creates: what would be made, by name.
    :param alters: existing accounts that would be altered, with what.
    :param differs: existing accounts that are not what the backup says and would stay so, with what.
    :param equal: how many things the target has already as they are in the backup.
    """

    server: ServerIdentity
    creates: tuple[str, ...]
    alters: t.Mapping[str, tuple[str, ...]]
    differs: t.Mapping[str, tuple[str, ...]]
    equal: int

    @property
    def changes(self) -> bool:
        return bool(self.creates or self.alters)


class MysqlGlobalsRestore:
    """The accounts of a server, out of a script of ours.

    Only the statements that such a script has are run; anything else is refused.
    """

    def __init__(self, options: GlobalsRestoreOptions) -> None:
        self._options = options
        self._session: Session | None = None
        self._statements: list[str] | None = None
        self._steps: list[str] = []
        self._later: list[str] = []

    def verify(self, artifact: ArtifactReader) -> None:
        """Read the whole script; no server is needed.

        :raises CorruptArtifactError: it is cut off.
        :raises UsageError: it holds anything else than accounts.
        """
        source = artifact.open("")
        try:
            found = list(ScriptSplitter(source, name=artifact.description))
            source.seek(max(0, source.tell() - 100))
            tail = source.read(100)
        finally:
            source.close()
        if COMPLETED.encode() not in tail:
            raise CorruptArtifactError(f"{artifact.description} is cut off: its last line is missing")
        self._statements = []
        for statement in found:
            text = statement.text.decode("utf-8")
            if not _known(text):
                raise UsageError(
                    f"line {statement.line} of {artifact.description} has nothing to do with accounts",
                    hint="a backup of accounts made by this engine is needed",
                )
            if not _SESSION.match(text):
                self._statements.append(text)

    def plan(self) -> GlobalsPlan:
        """Connect and compare. After :meth:`verify`.

        :raises PrivilegeError: the user may not read the target's accounts.
        :raises UsageError: the target lacks what an account logs in with.
        """
        if self._statements is None:
            raise UsageError("the accounts were not verified before")
        session = self._connected()
        _check_plugins(session, self._statements)
        target = read_globals(session, GlobalsOptions(parts=GLOBAL_PARTS))
        return self._compare(server_identity(session), self._statements, target)

    def restore(self, progress: Progress) -> None:
        """Make the accounts and grant what needs no table or routine. After :meth:`plan`.

        :raises RestoreError: something was refused; the error lists it.
        """
        progress.phase("restoring accounts")
        self._run(self._steps, "restore the accounts as a user with all privileges WITH GRANT OPTION")

    def finish(self, progress: Progress) -> None:
        """Grant what needs tables and routines, once the databases are there.

        :raises RestoreError: something was refused; the error lists it.
        """
        if self._later:
            progress.phase("granting on tables and routines")
            self._run(self._later, "restore the databases, then the accounts again: what is there stays as it is")

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connected(self) -> Session:
        if self._session is None:
            self._session = connect(self._options.connection)
            snapshot.prepare_session(self._session)
        return self._session

    def _compare(self, server: ServerIdentity, statements: t.Sequence[str], target: Globals) -> GlobalsPlan:
        there = {statement for section in target.sections() for statement in section.statements}
        accounts = {(one.user, one.host) for one in target.accounts}
        objects = {key for key in map(_object_key, there) if key}
        creates: list[str] = []
        alters: dict[str, list[str]] = collections.defaultdict(list)
        differs: dict[str, list[str]] = collections.defaultdict(list)
        equal = 0
        self._steps, self._later = [], []
        for statement in statements:
            key, account = _object_key(statement), account_of(statement)
            if _is_of_import_role(statement):
                self._steps.append(statement)
            elif statement in there:
                equal += 1
            elif key or account not in accounts:
                if key in objects:
                    differs[_label(statement)].append("definition")
                    continue
                if key or _ACCOUNT.match(statement):
                    creates.append(_label(statement))
                self._add(statement)
            elif self._options.force:
                alters[_label(statement)].append(_aspect(statement))
                self._add(_ACCOUNT.sub("ALTER USER ", statement))
            else:
                differs[_label(statement)].append(_aspect(statement))
        if all(map(_is_of_import_role, self._steps)):
            self._steps.clear()
        return GlobalsPlan(
            server=server,
            creates=tuple(creates),
            alters={name: tuple(what) for name, what in alters.items()},
            differs={name: tuple(what) for name, what in differs.items()},
            equal=equal,
        )

    def _add(self, statement: str) -> None:
        (self._later if _PRIVILEGE.match(statement) and is_on_object(statement) else self._steps).append(statement)

    def _run(self, steps: t.Sequence[str], hint: str) -> None:
        """Run all; what is refused does not keep the rest from being done, but an account that cannot be made does."""
        session = self._connected()
        refused: list[str] = []
        for number, statement in enumerate(steps):
            try:
                session.execute(statement)
            except DbfleetError as error:
                what = f"{_aspect(statement)} of {_label(statement)}: {error.message}"
                if not _PRIVILEGE.match(statement):
                    raise RestoreError(
                        f"{what}; {number} of {len(steps)} steps were done", hint=error.hint or hint, failed=[what]
                    ) from error
                refused.append(what)
        if refused:
            raise RestoreError(
                f"the server refused {len(refused)} of {len(steps)} steps, the others were done: "
                + "; ".join(refused[:10]),
                hint=hint,
                refused=refused,
            )


def _check_plugins(session: Session, statements: t.Iterable[str]) -> None:
    """The target has the authentication plugins of all accounts."""
    wanted: dict[str, list[str]] = {}
    for statement in statements:
        account = account_of(statement)
        if account is not None and _ACCOUNT.match(statement):
            for plugin in plugins_of(statement):
                wanted.setdefault(plugin, []).append(account_name(*account))
    rows = session.query(
        "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'AUTHENTICATION' "
        "AND PLUGIN_STATUS = 'ACTIVE'"
    )
    there = {(name or "").lower() for (name,) in rows}
    missing = {plugin: names for plugin, names in wanted.items() if plugin.lower() not in there}
    if missing:
        told = [f"{plugin} ({', '.join(names[:_NAMED_AT_MOST])})" for plugin, names in sorted(missing.items())]
        raise UsageError(
            f"the target ({session.version.product} {session.version.text}) lacks plugins that accounts log in with: "
            + "; ".join(told),
            hint="install them on the target (INSTALL PLUGIN), or back up without these accounts (exclude_user) and "
            "make them by hand: a hash of one plugin means nothing to another",
            plugins=missing,
        )


def plugins_of(statement: str) -> tuple[str, ...]:
    """The authentication plugins that a CREATE USER names; MariaDB may name several."""
    found: list[str] = []
    taken = list(tokens(statement.encode()))
    for number, token in enumerate(taken[:-1]):
        behind_with = token.is_word("WITH", "VIA") and number > 0 and taken[number - 1].is_word("IDENTIFIED")
        if token.is_word("BY") and taken[number + 1].is_word("PASSWORD"):
            found.append("mysql_native_password")
        elif behind_with or (token.is_word("OR") and found):
            found.append(taken[number + 1].text)
    return tuple(found)


def _known(text: str) -> bool:
    known = (_SESSION, _ACCOUNT, _PRIVILEGE, _OBJECT)
    return any(pattern.match(text) for pattern in known) or _is_of_import_role(text)


def _is_of_import_role(statement: str) -> bool:
    name = quoting.identifier(IMPORT_ROLE)
    return statement in (
        f"CREATE ROLE IF NOT EXISTS {name}",
        f"SET ROLE {name}",
        "SET ROLE NONE",
        f"DROP ROLE {name}",
    )


def _object_key(statement: str) -> tuple[str, str] | None:
    match = _OBJECT.match(statement)
    if match is None:
        return None
    kind = next(word for word in match.groups() if word)
    return kind.lower(), match.group(5)


def _label(statement: str) -> str:
    key = _object_key(statement)
    if key is not None:
        return f"{key[0]} {key[1]}"
    account = account_of(statement)
    return f"account {account_name(*account)}" if account else "the session"


def _aspect(statement: str) -> str:
    """What a statement is about, without any value."""
    if _PRIVILEGE.match(statement) is None:
        return "definition"
    if statement.startswith("SET DEFAULT ROLE"):
        return "default role"
    what = re.match(r"(GRANT|REVOKE) (.+?) (?:TO|FROM) ", statement, re.DOTALL)
    return what.group(2) if what else "privilege"
