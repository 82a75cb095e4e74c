# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A database made for a restore: under a temporary name until it is complete, so that a failure leaves nothing."""

from __future__ import annotations

import re
import secrets
import typing as t

from ..errors import NotFoundError, UnsupportedObjectError
from .connection import connect
from .options import ConnectionOptions
from .quoting import identifier
from .session import Session
from .toc import TocEntry

#: What databases are called while they are restored.
UNFINISHED_PREFIX = "dbfleet_restoring_"

_NAME = r'(?:"(?:[^"]|"")+"|[^\s";]+)'
_CREATE = re.compile(rf"CREATE DATABASE ({_NAME}) WITH (.*);\s*", re.DOTALL)
_OPTION = re.compile(rf"([A-Z_]+) = ('(?:[^']|'')*'|{_NAME})(?:\s+|$)")
_KNOWN_OPTIONS = frozenset(
    (
        "TEMPLATE", "ENCODING", "LOCALE_PROVIDER", "LOCALE", "LC_COLLATE", "LC_CTYPE", "ICU_LOCALE", "ICU_RULES",
        "BUILTIN_LOCALE", "TABLESPACE",
    )
)  # fmt: skip
# One of the statements about a database, whatever names and values it holds.
_STATEMENT = re.compile(r"""(?:[^'";]|'(?:[^']|'')*'|"(?:[^"]|"")*")+;""")
_BEFORE_DATABASE_NAME = (
    rf"\A(\s*(?:ALTER DATABASE |ALTER ROLE {_NAME} IN DATABASE |(?:GRANT|REVOKE) [A-Z, ]+ ON DATABASE ))"
)
_ALWAYS_THERE = frozenset(("C", "POSIX"))
_PROVIDER_SINCE = {"icu": 150000, "builtin": 170000}


def create_statement(entry: TocEntry | None, name: str, *, version: int) -> str:
    """``CREATE DATABASE`` as the archive's ``DATABASE`` entry says it, for a server of this ``server_version_num``.

    :param entry: ``None``: the server's defaults are taken.
    :raises NotFoundError: the server does not know the locale provider.
    :raises UnsupportedObjectError: the entry is of no known form.
    """
    options = {"TEMPLATE": "template0"}
    if entry is not None:
        options.update(_for_version(_options(entry), version))
        if entry.tablespace:
            options["TABLESPACE"] = identifier(entry.tablespace)
    listed = " ".join(f"{key} = {value}" for key, value in options.items())
    return f"CREATE DATABASE {identifier(name)} WITH {listed}"


def encoding_and_locales(entry: TocEntry | None) -> tuple[str, frozenset[str]]:
    """The encoding of a new database, empty for the server's default, and the locales that its host must have."""
    options = {} if entry is None else _options(entry)
    plain = options.get("LOCALE_PROVIDER", "libc") == "libc"
    named = ("LC_COLLATE", "LC_CTYPE", *(("LOCALE",) if plain else ()))
    locales = {_text(options[name]) for name in named if name in options}
    return _text(options.get("ENCODING", "")), frozenset(locales - _ALWAYS_THERE)


def _text(value: str) -> str:
    """What a constant or a name of the statement stands for."""
    return value[1:-1].replace("''", "'") if value.startswith("'") else value


def _options(entry: TocEntry) -> dict[str, str]:
    match = _CREATE.fullmatch(entry.defn or "")
    found: dict[str, str] = {}
    position, text = 0, "" if match is None else match.group(2)
    while position < len(text):
        option = _OPTION.match(text, position)
        if option is None or option.group(1) not in _KNOWN_OPTIONS:
            break
        found[option.group(1)] = option.group(2)
        position = option.end()
    if match is None or position < len(text):
        raise UnsupportedObjectError(
            f"how the archive creates the database {entry.tag} is not understood",
            hint="create it yourself, then restore",
        )
    found.pop("TEMPLATE", None)
    return found


def _for_version(options: dict[str, str], version: int) -> dict[str, str]:
    provider = options.get("LOCALE_PROVIDER", "libc")
    if version < _PROVIDER_SINCE.get(provider, 0):
        raise NotFoundError(
            f"the backed up database uses the locale provider {provider}, which the target's server does not know",
            hint="create the database yourself with a locale of the server's, then restore into it",
        )
    if version < 150000:
        options.pop("LOCALE_PROVIDER", None)
    if version < 130000 and "LOCALE" in options:
        locale = options.pop("LOCALE")
        options.update(LC_COLLATE=locale, LC_CTYPE=locale)
    return options


def property_statements(entry: TocEntry | None, others: t.Iterable[TocEntry], name: str) -> tuple[str, ...]:
    """The statements that give a database the owner, settings, comment and privileges of the one that was backed up.

    :param entry: the archive's ``DATABASE`` entry, if it has one; ``others`` are those about the database itself.
    :param name: what the database is called now.
    """
    statements: list[str] = []
    new = identifier(name)
    if entry is not None and entry.owner:
        statements.append(f"ALTER DATABASE {new} OWNER TO {identifier(entry.owner)}")
    old = _CREATE.fullmatch(entry.defn or "") if entry is not None else None
    statements.extend(
        _renamed(other, old.group(1) if old else identifier(other.tag), new)
        for other in others
        if other.desc != "DATABASE" and other.defn
    )
    return tuple(statements)


def resumable_name() -> str:
    """A temporary name for a database whose restore may be resumed."""
    return f"dbfleet_resumable_{secrets.token_hex(8)}"


class NewDatabase:
    """A database that does not exist under its own name before :meth:`publish`.

    :param name: its final name.
    :param entry: the archive's ``DATABASE`` entry, if it has one.
    :param temporary_name: by default one that is used once; :func:`resumable_name` gives one that is left alone.
    """

    def __init__(
        self, options: ConnectionOptions, name: str, entry: TocEntry | None, *, temporary_name: str = ""
    ) -> None:
        self._options = options
        self._entry = entry
        self.name = name
        self.temporary_name = temporary_name or f"{UNFINISHED_PREFIX}{secrets.token_hex(8)}"

    def create(self, maintenance: Session) -> None:
        """Create it under the temporary name.

        :param maintenance: a session in another database.
        :raises QueryError, PrivilegeError, NotFoundError, UnsupportedObjectError: it could not be created.
        """
        maintenance.execute(create_statement(self._entry, self.temporary_name, version=maintenance.version))

    def exists(self, maintenance: Session) -> bool:
        """Whether there is a database of the temporary name."""
        query = "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1"
        return bool(maintenance.query(query, (self.temporary_name,)))

    def settings(self, entries: t.Iterable[TocEntry]) -> tuple[str, ...]:
        """The statements that give it owner, settings, comment and privileges, under its temporary name.

        :param entries: those about the database itself.
        """
        return property_statements(self._entry, entries, self.temporary_name)

    def publish(self, maintenance: Session) -> None:
        """Give it its name; no session may be in it.

        :raises QueryError: the name was taken meanwhile, or someone is connected.
        """
        maintenance.execute(f"ALTER DATABASE {identifier(self.temporary_name)} RENAME TO {identifier(self.name)}")

    def drop(self) -> None:
        """Remove it, whatever its state; works on a connection of its own.

        :raises ConnectError, QueryError: it is still there.
        """
        session = connect(self._options, database=self._options.maintenance_database)
        try:
            name = identifier(self.temporary_name)
            if not session.query("SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", (self.temporary_name,)):
                return
            session.execute(f"ALTER DATABASE {name} IS_TEMPLATE false")
            if session.version >= 130000:
                session.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
                return
            session.query(
                "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE datname = $1",
                (self.temporary_name,),
            )
            session.execute(f"DROP DATABASE IF EXISTS {name}")
        finally:
            session.close()


def _renamed(entry: TocEntry, old: str, new: str) -> str:
    """An entry about the database with its new name in place of the old one."""
    defn = entry.defn or ""
    if entry.desc in ("COMMENT", "SECURITY LABEL"):
        return defn.replace(f" ON DATABASE {old} IS ", f" ON DATABASE {new} IS ", 1)
    target = re.compile(_BEFORE_DATABASE_NAME + re.escape(old) + "(?= )")
    return _STATEMENT.sub(lambda match: target.sub(lambda found: found[1] + new, match[0], count=1), defn)
