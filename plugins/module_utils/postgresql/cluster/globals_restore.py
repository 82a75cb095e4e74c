# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Restoring a server's globals: what is missing is made, what is there stays as it is unless told otherwise."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ...errors import DbfleetError, NotFoundError, PrivilegeError, RestoreError, UnsupportedObjectError, UsageError
from ...interfaces import ArtifactReader
from ...lazy_dataclass import dataclass
from ...progress import Progress
from ...repository.records import ServerIdentity
from ..connection import connect
from ..dump_settings import apply_dump_settings
from ..options import GlobalsRestoreOptions
from ..pooler import refuse_transaction_pooler
from ..preflight import Report
from ..session import Session
from ..snapshot import server_identity
from ..text import to_bytes
from .globals_script import read_globals
from .globals_statement import PARAMETER, ROLE, TABLESPACE, Fact, GlobalsScript, read_globals_script

_SUPERUSER_ONLY = ("SUPERUSER", "REPLICATION", "BYPASSRLS")
_PREDEFINED = "SELECT rolname FROM pg_catalog.pg_roles"
_SELF = "SELECT rolname, rolsuper, rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user"


@dataclass(frozen=True)
class GlobalsPlan:
    """What a restore of globals would do, found out by reading only.

    :param server: the target.
    :param creates: what would be made, by kind and name; ``role_names`` are the bare names of roles among them.
    :param alters: existing objects that would be altered, with what.
    :param differs: existing objects that are not what the backup says and would stay so, with what.
    :param equal: how many things the target has already as they are in the backup.
    """

    server: ServerIdentity
    creates: tuple[str, ...]
    role_names: tuple[str, ...]
    alters: t.Mapping[str, tuple[str, ...]]
    differs: t.Mapping[str, tuple[str, ...]]
    equal: int

    @property
    def changes(self) -> bool:
        return bool(self.creates or self.alters)


class _BytesSource:
    """A byte source over bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)

    def read(self, size: int) -> bytes:
        block, self._data = self._data[:size], self._data[size:]
        return bytes(block)

    def close(self) -> None:
        """Nothing is open."""


class GlobalsRestore:
    """The globals of a server, out of a script that is one of ours or of pg_dumpall."""

    def __init__(self, options: GlobalsRestoreOptions) -> None:
        self._options = options
        self._session: Session | None = None
        self._script: GlobalsScript | None = None
        self._steps: list[Fact] = []
        self._bootstrap = ""

    def verify(self, artifact: ArtifactReader) -> None:
        """Read the whole script; no server is needed.

        :raises CorruptArtifactError, UnsupportedObjectError: it is not what globals look like.
        """
        source = artifact.open("")
        try:
            self._script = read_globals_script(source, name=artifact.description)
        finally:
            source.close()

    def plan(self, *, roles: frozenset[str] | None = None) -> GlobalsPlan:
        """Connect, compare, and find every reason why it could not be done. After :meth:`verify`.

        :param roles: only those of these roles that the server lacks, with the missing ones that they are members of.
        :raises NotFoundError: a role, or a tablespace's folder, is missing.
        :raises PrivilegeError: the user may not do it.
        :raises UnsupportedObjectError: the server is too old for something.
        """
        script = self._verified()
        session = self._connected()
        apply_dump_settings(session)
        # Passwords can only be compared where they can be read.
        readable = session.value("SELECT pg_catalog.has_table_privilege('pg_catalog.pg_authid', 'SELECT')") == "t"
        present = read_globals(session, passwords=readable)
        target = read_globals_script(_BytesSource(to_bytes(present.script())), name="the target's globals")
        session.execute(f"SET client_encoding = '{script.encoding}'")
        self._bootstrap = session.value("SELECT pg_catalog.pg_get_userbyid(10)") or ""
        known = {name for (name,) in session.rows(_PREDEFINED)}
        if roles is not None:
            script = _reduced(script, roles, known)
        plan = self._compare(session, script, target)
        self._preflight(session, script, known)
        return plan

    def restore(self, progress: Progress) -> None:
        """Do it: all roles and what concerns them in one transaction, then the tablespaces one by one.

        :raises RestoreError: it stopped; the error says what was and was not done.
        """
        session = self._connected()
        steps = [fact for fact in self._steps if not fact.is_for_tablespace]
        spaces = [fact for fact in self._steps if fact.is_for_tablespace]
        progress.phase("restoring globals")
        done: list[str] = []
        self._all_or_nothing(session, steps, spaces)
        done.extend(map(_label, steps))
        for number, fact in enumerate(spaces):
            try:
                self._run(session, fact)
            except DbfleetError as error:
                raise _stopped(error, fact, done, spaces[number + 1 :]) from error
            done.append(_label(fact))

    def finish(self, progress: Progress) -> None:
        """Nothing: what depends on a database is restored with it."""

    def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _verified(self) -> GlobalsScript:
        if self._script is None:
            raise UsageError("the globals were not verified before")
        return self._script

    def _connected(self) -> Session:
        if self._session is None:
            options = self._options.connection
            self._session = connect(options, database=options.maintenance_database)
            refuse_transaction_pooler(self._session, options)
        return self._session

    # -- what to do

    def _compare(self, session: Session, script: GlobalsScript, target: GlobalsScript) -> GlobalsPlan:
        there = {fact.key: fact for fact in target.facts}
        new = {(kind, name) for kind in (ROLE, TABLESPACE) for name in script.names(kind) - target.names(kind)}
        times = _times(session, (*script.facts, *target.facts))
        alters: dict[str, list[str]] = collections.defaultdict(list)
        differs: dict[str, list[str]] = collections.defaultdict(list)
        equal = 0
        self._steps = []
        for fact in script.facts:
            if not new.isdisjoint(fact.about):
                self._steps.append(fact)
                continue
            other = there.get(fact.key)
            parts = _differing(fact, other, times) if other is not None else ("",)
            if other is not None and not parts:
                equal += 1
            elif self._options.force and not fact.creates:
                self._steps.append(fact)
                alters[_object(fact)].extend(_named(fact, parts))
            else:
                differs[_object(fact)].extend(_named(fact, parts))
        return GlobalsPlan(
            server=server_identity(session),
            creates=tuple(_object(fact) for fact in self._steps if fact.creates),
            role_names=tuple(fact.about[0][1] for fact in self._steps if fact.creates and not fact.is_for_tablespace),
            alters={name: tuple(what) for name, what in alters.items()},
            differs={name: tuple(what) for name, what in differs.items()},
            equal=equal,
        )

    def _preflight(self, session: Session, script: GlobalsScript, known: t.Collection[str]) -> None:
        report = Report("the server's globals")
        if session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t":
            report.add(UsageError, "its server is a standby, which cannot be written", "restore on the primary")
        needed = {name for fact in self._steps for name in fact.needs}
        needed |= {name for fact in self._steps for kind, name in fact.about if kind == ROLE and name}
        report.missing(
            "role",
            needed - script.names(ROLE) - set(known),
            "make them, or restore to a server of a version that has them",
        )
        self._check_version(session, report)
        self._check_rights(session, report)
        report.raise_if_any()

    def _check_version(self, session: Session, report: Report) -> None:
        if session.version < 160000:
            inherits = {
                name: dict(fact.value).get("INHERIT")
                for fact in self._verified().facts
                if fact.aspect == "attributes"
                for _kind, name in fact.about
            }
            for fact in self._steps:
                grant = fact.membership
                if grant is None:
                    continue
                # An option that says nothing else than the old servers do anyway is no loss.
                usual = grant.inherit is None or str(grant.inherit) == inherits.get(grant.member, "True")
                if not grant.set_role or not usual:
                    problem = f"servers before 16 cannot restrict {_object(fact)}'s {fact.aspect}"
                    report.add(UnsupportedObjectError, problem, "restore to PostgreSQL 16 or later")
        if session.version < 150000 and any(_is_of_parameter(fact) for fact in self._steps):
            report.add(
                UnsupportedObjectError,
                "servers before 15 have no privileges on parameters",
                "restore to PostgreSQL 15 or later",
            )

    def _check_rights(self, session: Session, report: Report) -> None:
        ((user, is_superuser, creates_roles),) = session.rows(_SELF)
        if is_superuser == "t":
            self._check_superuser(user, report)
            self._check_locations(session, report)
            return
        hint = "connect as a superuser"
        if self._steps and creates_roles != "t":
            report.add(PrivilegeError, f"user {user!r} may not make or alter roles", hint)
        for fact in self._steps:
            beyond = [word for word in _SUPERUSER_ONLY if dict(fact.value).get(word) == "True"]
            if beyond:
                report.add(PrivilegeError, f"user {user!r} may not give {_object(fact)} {', '.join(beyond)}", hint)
        if any(fact.is_for_tablespace or _is_of_parameter(fact) for fact in self._steps):
            report.add(PrivilegeError, f"user {user!r} may not restore tablespaces and parameters' privileges", hint)

    def _check_superuser(self, user: str, report: Report) -> None:
        for fact in self._steps:
            if fact.about == ((ROLE, user),) and dict(fact.value).get("SUPERUSER") == "False":
                report.add(
                    UsageError,
                    f"in the backup {user!r} is no superuser, so it cannot restore the rest",
                    "connect as another superuser, or leave force out",
                )

    def _check_locations(self, session: Session, report: Report) -> None:
        for fact in self._steps:
            location = dict(fact.value).get("location", "")
            if location and not session.query(
                "SELECT 1 FROM pg_catalog.pg_stat_file($1, true) AS found WHERE found.isdir", (location,)
            ):
                report.add(
                    NotFoundError,
                    f"the server has no folder {location} for {_object(fact)}",
                    "make it, empty and owned by the server's system user",
                )

    # -- doing it

    def _all_or_nothing(self, session: Session, steps: list[Fact], spaces: list[Fact]) -> None:
        session.execute("BEGIN")
        session.execute("SET LOCAL default_transaction_read_only = off")
        fact = None
        try:
            for fact in steps:
                self._run(session, fact)
            fact = None
            session.execute("COMMIT")
        except DbfleetError as error:
            if fact is None:
                raise
            others = [other for other in (*steps, *spaces) if other is not fact]
            raise _stopped(error, fact, [], others) from error

    def _run(self, session: Session, fact: Fact) -> None:
        grant = fact.membership
        if grant is not None:
            session.execute(self._grant(session, fact))
            return
        in_place = fact.creates and fact.is_for_tablespace and not dict(fact.value)["location"]
        if in_place:
            session.execute("SET allow_in_place_tablespaces = on")
        # It may hold a password, and one that the server complains of is quoted by it nowhere else.
        session.execute(fact.statement, log_as=f"(restores {_label(fact)})")
        if in_place:
            session.execute("RESET allow_in_place_tablespaces")

    def _grant(self, session: Session, fact: Fact) -> str:
        """The grant as the server understands it."""
        grant = fact.membership
        if grant is None:
            return fact.statement
        if session.version < 160000:
            # Old servers do not know the options, and do not keep grantors right.
            grant = dataclasses.replace(grant, grantor="", inherit=None, set_role=True)
        elif not grant.grantor:
            # Whatever the bootstrap superuser is called here.
            grant = dataclasses.replace(grant, grantor=self._bootstrap)
        (statement,) = grant.statements()
        return statement


def _reduced(script: GlobalsScript, wanted: t.Collection[str], known: t.Collection[str]) -> GlobalsScript:
    """What the script says of wanted roles that are not known, of the unknown ones that they are members of or were
    made members by, and of nothing that is about any other."""
    grants = [(fact, fact.membership) for fact in script.facts if fact.membership is not None]
    absent = script.names(ROLE) - set(known)
    chosen = absent.intersection(wanted)
    size = -1
    while size != len(chosen):
        size = len(chosen)
        for fact, grant in grants:
            if grant.member in chosen:
                chosen |= absent.intersection((grant.name, *fact.needs))
    there = chosen.union(known)

    def is_of_chosen(fact: Fact) -> bool:
        named = {name for kind, name in fact.about if kind == ROLE} | set(fact.needs)
        return not fact.is_for_tablespace and not named.isdisjoint(chosen) and named <= there

    return GlobalsScript(tuple(fact for fact in script.facts if is_of_chosen(fact)), script.encoding)


def _differing(fact: Fact, other: Fact, times: t.Mapping[str, str]) -> tuple[str, ...]:
    parts = fact.differing(other)
    mine, others = dict(fact.value), dict(other.value)
    if "VALID UNTIL" in parts and times.get(mine["VALID UNTIL"]) == times.get(others["VALID UNTIL"]):
        parts = tuple(part for part in parts if part != "VALID UNTIL")
    return parts


def _times(session: Session, facts: t.Iterable[Fact]) -> dict[str, str]:
    """The moments that texts stand for, however their time zones differ."""
    texts = {dict(fact.value).get("VALID UNTIL", "") for fact in facts} - {""}
    sql = "SELECT extract(epoch FROM $1::pg_catalog.timestamptz)"
    return {text: session.value(sql, (text,)) or "" for text in sorted(texts)}


def _named(fact: Fact, parts: tuple[str, ...]) -> list[str]:
    """What is another one on the target, without any value."""
    if fact.aspect == "attributes":
        return list(parts)
    if fact.creates:
        return [f"{fact.aspect} {part}".strip() for part in parts]
    return [fact.aspect]


def _object(fact: Fact) -> str:
    if not fact.about:
        return "everybody"
    kind, name = fact.about[0]
    return f"{kind} {name!r}" if name else "all roles"


def _label(fact: Fact) -> str:
    return _object(fact) if fact.creates else f"{fact.aspect} of {_object(fact)}"


def _is_of_parameter(fact: Fact) -> bool:
    return fact.aspect.startswith(f"privileges on {PARAMETER} ")


def _stopped(error: DbfleetError, fact: Fact, done: t.Sequence[str], rest: t.Sequence[Fact]) -> DbfleetError:
    state = "nothing was changed" if not done else f"{len(done)} things were restored before"
    return RestoreError(
        f"{_label(fact)} could not be restored: {error.message}; {state}",
        hint=error.hint,
        done=list(done),
        failed=[_label(fact)],
        not_begun=[_label(other) for other in rest],
        sqlstate=error.context.get("sqlstate"),
    )
