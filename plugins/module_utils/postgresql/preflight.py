# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Everything that can be known to be wrong with a restore before its first change, in one report."""

from __future__ import annotations

import os
import typing as t

from ..errors import (
    DbfleetError,
    NotFoundError,
    OutOfSpaceError,
    PrivilegeError,
    QueryError,
    TargetNotEmptyError,
    UnsupportedObjectError,
    UsageError,
)
from .archive.entries import shown
from .archive_needs import Needs
from .new_database import create_statement, encoding_and_locales
from .script_needs import ScriptNeeds
from .session import Session
from .target_objects import TargetObject
from .toc import TocEntry

_NAMED = 5
_INVALID_VALUE = "22023"
_OTHER_DATABASE = "install it there, or create the database yourself as the server can, and restore into it"
_SCHEMAS = "SELECT nspname FROM pg_catalog.pg_namespace"
_LANGUAGES = "SELECT lanname FROM pg_catalog.pg_language"
#: How much smaller than their text rows can be in a table that is worth backing up.
_COMPRESSED = 4


class Report:
    """Collects problems and raises them as one error."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._problems: list[tuple[type[DbfleetError], str, str]] = []

    def add(self, kind: type[DbfleetError], problem: str, hint: str) -> None:
        self._problems.append((kind, problem, hint))

    def missing(self, what: str, names: t.Collection[str], hint: str) -> None:
        """The server lacks these; nothing is reported for none."""
        if names:
            plural = what if len(names) == 1 else f"{what}s"
            self.add(NotFoundError, f"the server lacks the {plural} {some(sorted(names), limit=20)}", hint)

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
    listed = shown(", ".join(names[:limit]))
    return listed if len(names) <= limit else f"{listed} and {len(names) - limit} more"


def check_writable(session: Session, report: Report) -> None:
    """A standby takes nothing."""
    if session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t":
        report.add(UsageError, "its server is a standby, which cannot be written", "restore on the primary")


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
    """Roles, tablespaces, extensions and languages that the archive needs, and whether the user may use them.

    :param session: its client encoding is the archive's: names are compared by the server, in its own encoding.
    """
    superuser = session.value("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user") == "t"
    _check_missing(session, needs.roles, needs.tablespaces, needs.extensions, report)
    _check_owners(session, needs, report)
    if needs.statistics and session.version < 180000:
        report.add(NotFoundError, f"PostgreSQL {session.version_text} cannot take optimizer statistics", "")
    if not superuser:
        _check_rights(session, needs, report)


def check_creation(session: Session, entry: TocEntry | None, database: str, report: Report) -> None:
    """A target to be created: the user must be able to, and the server must know how."""
    rights = session.rows("SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user")
    if rights != [("t",)]:
        report.add(
            PrivilegeError,
            "the user may not create databases",
            "ALTER ROLE … CREATEDB, connect as another user, or have the database created and leave create out",
        )
    try:
        create_statement(entry, database, version=session.version)
        encoding, locales = encoding_and_locales(entry)
    except (NotFoundError, UnsupportedObjectError) as error:
        report.add(type(error), error.message, error.hint)
        return
    if encoding and session.value("SELECT pg_catalog.pg_char_to_encoding($1)", (encoding,)) == "-1":
        report.add(NotFoundError, f"the server does not know the encoding {encoding}", _OTHER_DATABASE)
    unknown = [name for name in sorted(locales) if not _has_locale(session, name)]
    if unknown:
        report.add(NotFoundError, f"the server's host lacks the locale {some(unknown)}", _OTHER_DATABASE)


def _has_locale(session: Session, name: str) -> bool:
    """Whether the operating system of the server has a locale: settings take no other."""
    try:
        session.query("SELECT pg_catalog.set_config('lc_monetary', $1, true)", (name,))
    except QueryError as error:
        if error.context.get("sqlstate") == _INVALID_VALUE:
            return False
        raise
    return True


def check_script_server(session: Session, needs: ScriptNeeds, report: Report) -> None:
    """As :func:`check_server`, for what a script needs."""
    _check_missing(session, needs.roles, needs.tablespaces, needs.extensions, report)
    report.missing(
        "language",
        _absent(session, needs.languages, _LANGUAGES),
        "install the languages on the target's host",
    )


def check_free_space(session: Session, size: int, report: Report) -> None:
    """Whether the disk of the server's data folder has room, where that can be known from here.

    Rows take more or less room in a table than in a backup (compressed values), so only a disk that is far too small
    is reported.

    :param size: of all rows in the backup, in bytes.
    """
    if not session.host.startswith("/"):
        return
    folder = session.rows("SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory'")
    try:
        free = os.statvfs(folder[0][0]) if folder else None
    except OSError:
        # The socket may come out of a container, whose folders are not ours.
        free = None
    if free is not None and free.f_bavail * free.f_frsize < size // _COMPRESSED:
        report.add(
            OutOfSpaceError,
            f"the disk of the server's data folder has {free.f_bavail * free.f_frsize >> 20} MiB free, and the backup "
            f"holds {size >> 20} MiB of rows",
            "make room on the server's disk",
        )


def check_database(session: Session, needs: Needs, report: Report) -> None:
    """What the target database itself must offer; for a new one, what the database that it is made from has."""
    report.missing(
        "language",
        _absent(session, needs.languages, _LANGUAGES),
        "install the languages on the target's host",
    )
    report.missing(
        "access method",
        _absent(session, needs.access_methods, "SELECT amname FROM pg_catalog.pg_am"),
        "install the extensions that bring the access methods",
    )
    lacking = _absent(session, needs.schemas, _SCHEMAS)
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
    closed = _matching(session, needs.schemas, f"{_SCHEMAS} WHERE NOT pg_catalog.has_schema_privilege(oid, 'CREATE')")
    if closed:
        report.add(
            PrivilegeError,
            f"the user may not create in its schema {some(sorted(closed))}",
            "connect as the schema's owner or a superuser, or GRANT CREATE ON SCHEMA",
        )


def _check_missing(
    session: Session,
    roles: t.Iterable[str],
    tablespaces: t.Iterable[str],
    extensions: t.Iterable[str],
    report: Report,
) -> None:
    report.missing(
        "role",
        _absent(session, roles, "SELECT rolname FROM pg_catalog.pg_roles"),
        "create the roles on the target's server first (a backup of one database holds no roles; create_roles makes "
        "those of a backup's set)",
    )
    report.missing(
        "tablespace",
        _absent(session, tablespaces, "SELECT spcname FROM pg_catalog.pg_tablespace"),
        "create the tablespaces on the target's server",
    )
    report.missing(
        "extension",
        _absent(session, extensions, "SELECT name FROM pg_catalog.pg_available_extensions"),
        "install the extensions' packages on the target's host",
    )


def _check_owners(session: Session, needs: Needs, report: Report) -> None:
    # From 16 on, membership alone does not let one give objects away.
    right = "SET" if session.version >= 160000 else "MEMBER"
    foreign = _matching(
        session,
        needs.owners,
        f"SELECT rolname FROM pg_catalog.pg_roles WHERE NOT pg_catalog.pg_has_role(oid, '{right}')",
    )
    if foreign:
        report.add(
            PrivilegeError,
            f"the user is not a member of {some(sorted(foreign))} and cannot make them owners",
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
    refused = _matching(
        session,
        needs.extensions,
        "SELECT v.name FROM pg_catalog.pg_available_extension_versions v JOIN pg_catalog.pg_available_extensions e "
        f"ON e.name = v.name AND e.default_version = v.version WHERE v.superuser AND NOT v.installed {trusted}",
    )
    if refused:
        report.add(
            PrivilegeError,
            f"only a superuser can create the extension {some(sorted(refused))}",
            "create the extension in the target as a superuser first, or connect as one",
        )


def _matching(session: Session, names: t.Iterable[str], query: str) -> frozenset[str]:
    """Those of the names that the query gives."""
    wanted = frozenset(names)
    if not wanted:
        return wanted
    statement = f"SELECT n FROM pg_catalog.unnest($1::pg_catalog.text[]) n WHERE n IN ({query})"
    return frozenset(name for (name,) in session.rows(statement, (_array(wanted),)))


def _absent(session: Session, names: t.Iterable[str], query: str) -> frozenset[str]:
    """Those of the names that the query does not give."""
    wanted = frozenset(names)
    return wanted - _matching(session, wanted, query)


def _array(names: t.Iterable[str]) -> str:
    quoted = (name.replace("\\", "\\\\").replace('"', '\\"') for name in names)
    return "{" + ",".join(f'"{name}"' for name in quoted) + "}"
