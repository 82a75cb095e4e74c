# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Everything that can be known to be wrong with a restore before its first change, in one report."""

from __future__ import annotations

import typing as t

from ..errors import DbfleetError, NotFoundError, PrivilegeError, TargetNotEmptyError
from .archive_needs import Needs
from .session import Session
from .target_objects import TargetObject

_NAMED = 5


class Report:
    """Collects problems and raises them as one error."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._problems: list[tuple[type[DbfleetError], str, str]] = []

    def add(self, kind: type[DbfleetError], problem: str, hint: str) -> None:
        self._problems.append((kind, problem, hint))

    def missing(self, what: str, names: t.Iterable[str], hint: str) -> None:
        """The server lacks these; nothing is reported for none."""
        listed = sorted(names)
        if listed:
            self.add(NotFoundError, f"the server lacks the {what} {some(listed, limit=20)}", hint)

    def raise_if_any(self) -> None:
        """
        :raises TargetNotEmptyError, NotFoundError, PrivilegeError: the first of these that there is a problem of; its
            message and hint tell all of them.
        """
        if not self._problems:
            return
        kinds = [kind for kind, _problem, _hint in self._problems]
        error = next(kind for kind in (TargetNotEmptyError, NotFoundError, PrivilegeError, *kinds) if kind in kinds)
        hints = dict.fromkeys(hint for _kind, _problem, hint in self._problems if hint)
        problems = [problem for _kind, problem, _hint in self._problems]
        raise error(
            f"cannot restore into {self._target}: {'; '.join(problems)}", hint="; ".join(hints), problems=problems
        )


def some(names: t.Sequence[str], *, limit: int = _NAMED) -> str:
    """The names in one line, the first of them if there are many."""
    listed = ", ".join(names[:limit])
    return listed if len(names) <= limit else f"{listed} and {len(names) - limit} more"


def check_empty(objects: t.Sequence[TargetObject], report: Report) -> None:
    """The target must hold nothing of a user's."""
    if objects:
        report.add(
            TargetNotEmptyError,
            f"it is not empty: {some([str(item) for item in objects])}",
            "restore into a new database (create), have the objects of the backup dropped first (clean), "
            "or restore into it as it is (force)",
        )


def check_server(session: Session, needs: Needs, report: Report) -> None:
    """Roles, tablespaces, extensions and languages that the archive needs, and whether the user may use them."""
    superuser = session.value("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user") == "t"
    _check_roles(session, needs, report)
    report.missing(
        "tablespace" if len(needs.tablespaces) == 1 else "tablespaces",
        needs.tablespaces - _names(session, "SELECT spcname FROM pg_catalog.pg_tablespace"),
        "create the tablespaces on the target's server",
    )
    report.missing(
        "extension" if len(needs.extensions) == 1 else "extensions",
        needs.extensions - _names(session, "SELECT name FROM pg_catalog.pg_available_extensions"),
        "install the extensions' packages on the target's host",
    )
    if needs.newest_statistics and session.version < 180000:
        report.add(NotFoundError, f"PostgreSQL {session.version_text} cannot take optimizer statistics", "")
    if not superuser:
        _check_rights(session, needs, report)


def check_database(session: Session, needs: Needs, report: Report) -> None:
    """What the target database itself must offer; for a new one, what the database that it is made from has."""
    report.missing(
        "language" if len(needs.languages) == 1 else "languages",
        needs.languages - _names(session, "SELECT lanname FROM pg_catalog.pg_language"),
        "install the languages on the target's host",
    )
    report.missing(
        "access method" if len(needs.access_methods) == 1 else "access methods",
        needs.access_methods - _names(session, "SELECT amname FROM pg_catalog.pg_am"),
        "install the extensions that bring the access methods",
    )
    lacking = needs.schemas - _names(session, "SELECT nspname FROM pg_catalog.pg_namespace")
    if lacking:
        report.add(
            NotFoundError, f"it lacks the schema {some(sorted(lacking))}", "create the schema; the archive does not"
        )


def check_database_rights(session: Session, needs: Needs, report: Report) -> None:
    """An existing target: the user must be able to create in it."""
    if session.value("SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')") != "t":
        report.add(
            PrivilegeError,
            "the user may not create schemas in it",
            "connect as the database's owner or a superuser, or GRANT CREATE ON DATABASE",
        )
    present = needs.schemas & _names(session, "SELECT nspname FROM pg_catalog.pg_namespace")
    closed = [
        name
        for name in sorted(present)
        if session.value("SELECT pg_catalog.has_schema_privilege($1, 'CREATE')", (name,)) != "t"
    ]
    if closed:
        report.add(
            PrivilegeError,
            f"the user may not create in its schema {some(closed)}",
            "connect as the schema's owner or a superuser, or GRANT CREATE ON SCHEMA",
        )


def _check_roles(session: Session, needs: Needs, report: Report) -> None:
    # From 16 on, membership alone does not let one give objects away.
    right = "SET" if session.version >= 160000 else "MEMBER"
    answers = session.rows(f"SELECT rolname, pg_catalog.pg_has_role(oid, '{right}') FROM pg_catalog.pg_roles")
    usable = {name: answer == "t" for name, answer in answers}
    missing = needs.roles - set(usable)
    report.missing(
        "role" if len(missing) == 1 else "roles",
        missing,
        "create the roles on the target's server first (a backup of one database holds no roles)",
    )
    foreign = sorted(owner for owner in needs.owners if usable.get(owner) is False)
    if foreign:
        report.add(
            PrivilegeError,
            f"the user is not a member of {some(foreign)} and cannot make them owners",
            "connect as a superuser, or grant these roles to the user",
        )


def _check_rights(session: Session, needs: Needs, report: Report) -> None:
    if needs.superuser_kinds:
        report.add(
            PrivilegeError,
            f"only a superuser can create what the archive holds: {some(sorted(needs.superuser_kinds))}",
            "connect as a superuser",
        )
    trusted = "AND NOT v.trusted" if session.version >= 130000 else ""
    closed = _names(
        session,
        "SELECT v.name FROM pg_catalog.pg_available_extension_versions v JOIN pg_catalog.pg_available_extensions e "
        f"ON e.name = v.name AND e.default_version = v.version WHERE v.superuser AND NOT v.installed {trusted}",
    )
    refused = sorted(needs.extensions & closed)
    if refused:
        report.add(
            PrivilegeError,
            f"only a superuser can create the extension {some(refused)}",
            "create the extension in the target as a superuser first, or connect as one",
        )


def _names(session: Session, query: str) -> set[str]:
    return {name for (name,) in session.rows(query)}
