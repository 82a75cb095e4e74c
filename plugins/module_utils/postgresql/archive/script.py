# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""An archive's entries as the script that psql runs: what pg_dump prints for the plain format.

The statements are the entries' own; this adds what a restore derives from them (settings, owners, tablespaces, drops)
and the comments between. Rows are not its business.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
import string
import typing as t

from ...errors import CorruptArtifactError, UsageError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, qualified
from ..restore_order import script_order
from ..restore_sql import (
    COMMENT_ONLY,
    StorageDefaults,
    archive_settings,
    drop_statement,
    large_object_id,
    large_object_ids,
    large_objects_privileges,
    owner_statement,
    partitioned_access_method,
    search_path_statement,
    storage_statements,
)
from ..toc import SECTION_NONE, TocEntry
from .entries import LARGE_OBJECT, LARGE_OBJECT_GROUP, LARGE_OBJECTS, TABLE_DATA, entry_name
from .header import ArchiveHeader

_KEY = re.compile(r"[A-Za-z0-9]+")
_KEY_LETTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 63
_SIMPLE_NAME = re.compile(r"[A-Za-z0-9_.]+")
_PRIVILEGES = ("ACL", "DEFAULT ACL")
_DATABASE_KINDS = ("DATABASE", "DATABASE PROPERTIES")
_NOTE = """--
-- NOTE:
--
-- File paths need to be edited. Search for $$PATH$$ and
-- replace it with the path to the directory containing
-- the extracted data files.
--
"""
_LINE_BREAKS = str.maketrans("\r\n", "  ")


@dataclass(frozen=True)
class ScriptOptions:
    """How a script is written.

    :param clean: it drops what it makes first.
    :param if_exists: where that exists.
    :param create: it makes the database and goes on inside it.
    :param restrict_key: of the ``\\restrict`` around the script, which keeps psql from running commands that data
        could have smuggled in; empty for none: psql before 14.19, 15.14, 16.10 and 17.6 does not know it.
    :param owners: it says whose the objects are; with ``session_authorization`` by making them as that role, instead
        of giving them away.
    :param tablespaces: it says where tables and indexes are stored; ``access_methods`` how tables are.
    :param disable_triggers: it switches a table's triggers off while rows are loaded, foreign keys' too.
    :param superuser: the role that does so, empty for the user's own.
    :param row_security: rows are loaded as policies allow.
    :param role: the role that everything is done as, empty for the user's own.
    :raises UsageError: the key is not made of letters and digits.
    """

    clean: bool = False
    if_exists: bool = False
    create: bool = False
    restrict_key: str = ""
    owners: bool = True
    session_authorization: bool = False
    tablespaces: bool = True
    access_methods: bool = True
    disable_triggers: bool = False
    superuser: str = ""
    row_security: bool = False
    role: str = ""

    def __post_init__(self) -> None:
        if self.restrict_key and not _KEY.fullmatch(self.restrict_key):
            raise UsageError("the restrict key is not valid", hint="use letters (A to Z) and digits only")


def new_restrict_key() -> str:
    """A random key for ``\\restrict``, as pg_dump makes one."""
    return "".join(secrets.choice(_KEY_LETTERS) for dummy in range(_KEY_LENGTH))


class Script:
    """The text of one script, piece by piece and in order.

    :param header: where the archive came from.
    :param entries: what the script is to hold, in restore order: the whole table of contents, or a part of it.
    :param server_version: ``server_version_num`` of the oldest server that must understand it.
    :param all_entries: the whole table of contents, where the script holds a part.
    """

    def __init__(
        self,
        header: ArchiveHeader,
        entries: t.Sequence[TocEntry],
        *,
        server_version: int,
        options: ScriptOptions,
        all_entries: t.Sequence[TocEntry] | None = None,
    ) -> None:
        self._header = header
        self._entries = tuple(entries)
        self._version = server_version
        self._options = options
        self._settings = archive_settings(entries)
        self._storage = StorageDefaults()
        # The role that statements are run as by now, empty for the user's own, None while unknown.
        self._user: str | None = None
        self._search_path = ""
        self._all_entries = self._entries if all_entries is None else tuple(all_entries)
        self._groups = {entry.dump_id: entry for entry in self._all_entries if entry.desc == LARGE_OBJECT_GROUP}
        #: The entries that the script holds, in its order.
        self.steps = script_order(entries, create=options.create)

    def beginning(self) -> str:
        """Everything before the first entry."""
        restrict = f"\\restrict {self._options.restrict_key}\n\n" if self._options.restrict_key else ""
        return (
            f"--\n-- PostgreSQL database dump\n--\n\n{restrict}"
            f"-- Dumped from database version {_one_line(self._header.server_version)}\n"
            f"-- Dumped by {_one_line(self._header.dump_version)}\n\n" + self._session_settings() + self._drops()
        )

    def definition(self, entry: TocEntry) -> str:
        """An entry without data."""
        prefix = "Statistics for " if entry.desc == "STATISTICS DATA" else ""
        text = self._heading(entry, prefix) + self._statements(entry)
        if entry.desc in _DATABASE_KINDS:
            text += self._connect(entry.tag)
        return text

    def data_heading(self, entry: TocEntry) -> str:
        """What comes before the data of an entry: for COPY with the statement that takes the rows."""
        heading = self._heading(entry, "Data for ")
        if entry.defn and entry.desc == TABLE_DATA:
            heading += f"{entry.defn}\n\n"
        if entry.desc == LARGE_OBJECTS:
            heading += self._in_schema(dataclasses.replace(entry, namespace="pg_catalog"))
        return heading + self._triggers(entry, "DISABLE") + self._as_owner(entry) + (entry.copy_stmt or "")

    def data_ending(self, entry: TocEntry) -> str:
        """What comes after the data of an entry."""
        return self._triggers(entry, "ENABLE")

    def large_objects_of(self, entry: TocEntry) -> tuple[int, ...]:
        """The OIDs of the large objects whose contents an entry holds: its group's, or all."""
        groups = [self._groups[one] for one in entry.dependencies if one in self._groups]
        if groups:
            return tuple(oid for group in groups for oid in large_object_ids(group))
        return tuple(large_object_id(one, one.tag) for one in self._all_entries if one.desc == LARGE_OBJECT)

    def ending(self) -> str:
        """Everything after the last entry."""
        unrestrict = f"\\unrestrict {self._options.restrict_key}\n\n" if self._options.restrict_key else ""
        return f"--\n-- PostgreSQL database dump complete\n--\n\n{unrestrict}"

    def _session_settings(self) -> str:
        settings = self._settings
        statements = ["statement_timeout = 0", "lock_timeout = 0", "idle_in_transaction_session_timeout = 0"]
        if self._version >= 170000:
            statements.append("transaction_timeout = 0")
        statements.append(f"client_encoding = '{settings.encoding}'")
        statements.append(f"standard_conforming_strings = {'on' if settings.standard_strings else 'off'}")
        if self._options.role:
            statements.append(f"ROLE {identifier(self._options.role)}")
        lines = [f"SET {statement};\n" for statement in statements]
        lines.append(settings.search_path)
        rest = ["check_function_bodies = false", "xmloption = content", "client_min_messages = warning"]
        if not settings.standard_strings:
            rest.append("escape_string_warning = off")
        rest.append(f"row_security = {'on' if self._options.row_security else 'off'}")
        return "".join(lines) + "".join(f"SET {statement};\n" for statement in rest) + "\n"

    def _drops(self) -> str:
        if not self._options.clean:
            return ""
        entries = [entry for entry in reversed(self._entries) if self._is_dropped(entry)]
        dropped = "".join(self._as_owner(entry) + self._in_schema(entry) + self._drop(entry) for entry in entries)
        # The schema may be among what was dropped.
        self._search_path = ""
        return dropped

    def _is_dropped(self, entry: TocEntry) -> bool:
        # With the database goes everything in it; from where it is made, nothing else could be reached.
        return bool(entry.drop_stmt) and (entry.desc in _DATABASE_KINDS) == self._options.create

    def _drop(self, entry: TocEntry) -> str:
        statement = entry.drop_stmt or ""
        if_exists = self._options.if_exists
        if entry.desc in (LARGE_OBJECT, LARGE_OBJECT_GROUP):
            group = entry.desc == LARGE_OBJECT_GROUP
            oids = large_object_ids(entry) if group else (large_object_id(entry, entry.tag),)
            before, after = "SELECT pg_catalog.lo_unlink('", "');\n"
            if if_exists:
                before = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata WHERE oid = '"
                after = "';\n"
            return "".join(f"{before}{oid}{after}" for oid in oids) + ("\n" if group else "")
        if not if_exists or statement.startswith(COMMENT_ONLY):
            return statement
        return f"{drop_statement(entry)}\n"

    def _heading(self, entry: TocEntry, prefix: str = "") -> str:
        options = self._options
        stored = entry
        if not (options.tablespaces and options.access_methods):
            stored = dataclasses.replace(
                entry,
                tablespace=entry.tablespace if options.tablespaces else None,
                table_am=entry.table_am if options.access_methods else None,
            )
        statements, self._storage = storage_statements(stored, version=self._version, current=self._storage)
        settings = self._as_owner(entry) + self._in_schema(entry)
        settings += "".join(f"{statement};\n\n" for statement in statements)
        # What belongs to another object has an owner, even if an empty one; what can have none has none.
        owner = entry.owner if entry.section == SECTION_NONE else entry.owner or "-"
        owner = owner if options.owners else "-"
        tablespace = f"; Tablespace: {_one_line(stored.tablespace)}" if stored.tablespace else ""
        return (
            f"{settings}--\n-- {prefix}Name: {_one_line(entry.tag)}; Type: {_one_line(entry.desc)}; "
            f"Schema: {_one_line(entry.namespace or '-')}; Owner: {_one_line(owner)}{tablespace}\n--\n\n"
        )

    def _statements(self, entry: TocEntry) -> str:
        if entry.desc == LARGE_OBJECT_GROUP:
            oids = large_object_ids(entry)
            made = "".join(f"SELECT pg_catalog.lo_create('{oid}');\n" for oid in oids)
            owner = identifier(entry.owner) if entry.owner and self._gives_away(entry) else ""
            owned = "".join(f"ALTER LARGE OBJECT {oid} OWNER TO {owner};\n" for oid in oids) if owner else ""
            return f"{made}\n{owned}\n" if owned else f"{made}\n"
        if entry.desc == "ACL" and entry.tag.startswith("LARGE OBJECTS "):
            group = self._group_of(entry)
            self._user = None
            return "".join(large_objects_privileges(entry, large_object_ids(group))) + "\n"
        text = f"{entry.defn}\n\n" if entry.defn else ""
        owned = owner_statement(entry) if self._gives_away(entry) else ""
        stored = partitioned_access_method(entry, version=self._version) if self._options.access_methods else ""
        for statement in (owned, stored):
            text += f"{statement};\n\n" if statement else ""
        if entry.desc in _PRIVILEGES:
            # Its statements may be run as others.
            self._user = None
        return text

    def _group_of(self, entry: TocEntry) -> TocEntry:
        """The group of large objects that an entry is about."""
        for one in entry.dependencies:
            if one in self._groups:
                return self._groups[one]
        raise CorruptArtifactError(f"{entry_name(entry)} belongs to no group of large objects: the archive is damaged")

    def _gives_away(self, entry: TocEntry) -> bool:
        """Whether the object is to be given to its owner after it was made."""
        options = self._options
        # The public schema is there already, made by another.
        exists = entry.desc == "SCHEMA" and (entry.defn or "").startswith(COMMENT_ONLY)
        return options.owners and (not options.session_authorization or exists)

    def _as_owner(self, entry: TocEntry) -> str:
        options = self._options
        return self._as(entry.owner) if options.owners and options.session_authorization else ""

    def _in_schema(self, entry: TocEntry) -> str:
        """Archives before 1.13 have no search path of their own: their names are those of the entry's schema."""
        statement = "" if self._settings.search_path else search_path_statement(entry)
        if not statement or statement == self._search_path:
            return ""
        self._search_path = statement
        return f"{statement};\n\n"

    def _as(self, user: str) -> str:
        if self._user == user:
            return ""
        self._user = user
        return f"SET SESSION AUTHORIZATION {literal(user) if user else 'DEFAULT'};\n\n"

    def _triggers(self, entry: TocEntry, verb: str) -> str:
        if not self._options.disable_triggers or entry.desc != TABLE_DATA:
            return ""
        # Only a superuser may switch foreign keys off: the one that is named, or whoever runs the script.
        table = qualified(entry.namespace or "", entry.tag)
        return f"{self._as(self._options.superuser)}ALTER TABLE {table} {verb} TRIGGER ALL;\n\n"

    def _connect(self, database: str) -> str:
        # An odd name is given as a connection string: psql would take a plain one that looks like it for one.
        if _SIMPLE_NAME.fullmatch(database):
            connect = f"\\connect {identifier(database)}\n"
        elif "\n" in database or "\r" in database:
            raise UsageError(
                f"a script cannot connect to the database {database!r}: there is a line break in its name",
                hint="back up without create, or in another format",
            )
        else:
            value = database.replace("\\", "\\\\").replace("'", "\\'")
            argument = f"dbname='{value}'".replace('"', '""')
            connect = f'\\connect -reuse-previous=on "{argument}"\n'
        key = self._options.restrict_key
        if key:
            connect = f"\\unrestrict {key}\n{connect}\\restrict {key}\n"
        self._storage = StorageDefaults()
        self._user = None
        self._search_path = ""
        return connect + "\n" + self._session_settings()


def _one_line(text: str) -> str:
    """Text as a comment can hold it: what comes after a line break would be run."""
    return text.translate(_LINE_BREAKS)


def extracted_script(
    script: Script,
    *,
    file_name: t.Callable[[TocEntry], str],
    large_object_file_name: t.Callable[[int], str],
) -> str:
    """A script for an archive whose data lies in files beside it, whose path is to be filled in for ``$$PATH$$``.

    The server reads the files. Data as INSERT statements is no such file, as it is with pg_dump.

    :param file_name: an entry's file.
    :param large_object_file_name: a large object's file.
    """
    parts = [_NOTE, script.beginning()]
    for entry in script.steps:
        if not entry.had_dumper:
            parts.append(script.definition(entry))
        elif entry.copy_stmt:
            statement = entry.copy_stmt[: entry.copy_stmt.rindex(" FROM stdin;")]
            path = literal(f"$$PATH$$/{file_name(entry)}")
            parts.append(f"{script.data_heading(entry)}\\.\n{statement} FROM {path};\n\n")
        elif entry.desc == LARGE_OBJECTS:
            parts.append(script.data_heading(entry))
            for oid in script.large_objects_of(entry):
                path = literal(f"$$PATH$$/{large_object_file_name(oid)}")
                content = f"pg_catalog.pg_read_binary_file({path})"
                parts.append(f"SELECT pg_catalog.lo_put('{oid}', 0, {content});\n")
            parts.append("\n")
    return "".join([*parts, script.ending()])
