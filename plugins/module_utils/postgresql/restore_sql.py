# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Statements that a restore derives from entries: session settings, owners, drops. What they do is pg_restore's way."""

from __future__ import annotations

import re
import typing as t

from ..errors import UnsupportedObjectError
from ..lazy_dataclass import dataclass
from .archive.entries import LARGE_OBJECT, LARGE_OBJECT_GROUP, entry_name
from .quoting import identifier, qualified
from .toc import TocEntry

PARTITIONED_TABLE = "p"
COMMENT_ONLY = "--"

# Their names are enough for ALTER … OWNER TO.
_NAMED_KINDS = frozenset(
    (
        "COLLATION", "CONVERSION", "DATABASE", "DOMAIN", "EVENT TRIGGER", "FOREIGN DATA WRAPPER", "FOREIGN TABLE",
        "MATERIALIZED VIEW", "PROCEDURAL LANGUAGE", "PUBLICATION", "SCHEMA", "SEQUENCE", "SERVER", "STATISTICS",
        "SUBSCRIPTION", "TABLE", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TYPE", "VIEW",
    )
)  # fmt: skip
# These are named with their argument types or access method, which only the DROP statement spells out.
_KINDS_NAMED_BY_DROP = frozenset(
    ("AGGREGATE", "FUNCTION", "OPERATOR", "OPERATOR CLASS", "OPERATOR FAMILY", "PROCEDURE")
)
# Their owner is the owner of what they belong to.
_KINDS_WITHOUT_OWNER = frozenset(
    (
        "CAST", "CHECK CONSTRAINT", "CONSTRAINT", "DEFAULT", "FK CONSTRAINT", "INDEX", "POLICY", "ROW SECURITY",
        "RULE", "TRIGGER", "USER MAPPING",
    )
)  # fmt: skip
_SETTING = re.compile(r"SET (?:client_encoding|standard_conforming_strings) = '([^']*)';\s*")
_SEARCH_PATH = re.compile(r"SELECT pg_catalog\.set_config\('search_path', '[^']*', false\);\s*")
_CONSTRAINTS = ("CONSTRAINT", "CHECK CONSTRAINT", "FK CONSTRAINT")


@dataclass(frozen=True)
class ArchiveSettings:
    """The session settings that an archive's statements were written for.

    :param encoding: of every text in the archive, as PostgreSQL names it.
    :param standard_strings: whether backslashes in its string constants are ordinary characters.
    :param search_path: the statement that sets it; empty in archives before 1.13, whose entries are not
        schema-qualified.
    """

    encoding: str
    standard_strings: bool
    search_path: str


def archive_settings(entries: t.Sequence[TocEntry]) -> ArchiveSettings:
    """The settings that the archive's first entries hold.

    :raises UnsupportedObjectError: one of them is something else than a setting.
    """
    encoding, standard_strings, search_path = "UTF8", True, ""
    for entry in entries:
        if entry.desc == "ENCODING":
            encoding = _setting(entry)
        elif entry.desc == "STDSTRINGS":
            standard_strings = _setting(entry) == "on"
        elif entry.desc == "SEARCHPATH":
            if not _SEARCH_PATH.fullmatch(entry.defn or ""):
                raise _not_understood(entry)
            search_path = entry.defn or ""
    return ArchiveSettings(encoding, standard_strings, search_path)


def _setting(entry: TocEntry) -> str:
    match = _SETTING.fullmatch(entry.defn or "")
    if match is None:
        raise _not_understood(entry)
    return match.group(1)


def _not_understood(entry: TocEntry) -> UnsupportedObjectError:
    return UnsupportedObjectError(f"the archive's entry {entry_name(entry)} is not understood", objects=[entry.desc])


def session_settings(settings: ArchiveSettings, *, version: int) -> tuple[str, ...]:
    """The statements with which a restoring session begins, for a server of this ``server_version_num``."""
    statements = [
        "SET statement_timeout = 0",
        "SET lock_timeout = 0",
        "SET idle_in_transaction_session_timeout = 0",
        f"SET client_encoding = '{settings.encoding}'",
        f"SET standard_conforming_strings = {'on' if settings.standard_strings else 'off'}",
        "SET DateStyle = ISO",
        "SET IntervalStyle = postgres",
        "SET check_function_bodies = false",
        "SET xmloption = content",
        "SET client_min_messages = warning",
        "SET row_security = off",
        "SET default_tablespace = ''",
    ]
    if version >= 170000:
        statements.append("SET transaction_timeout = 0")
    if not settings.standard_strings:
        statements.append("SET escape_string_warning = off")
    if settings.search_path:
        statements.append(settings.search_path)
    return tuple(statements)


def owner_statement(entry: TocEntry) -> str:
    """``ALTER … OWNER TO`` for an entry, empty where its kind has no owner of its own.

    :raises UnsupportedObjectError: it has an owner, and how to set it is not known.
    """
    if not entry.owner or not entry.drop_stmt:
        return ""
    described = _described(entry)
    return f"ALTER {described} OWNER TO {identifier(entry.owner)}" if described else ""


def _described(entry: TocEntry) -> str:
    kind = entry.desc
    if kind in _NAMED_KINDS:
        return f"{kind} {qualified(entry.namespace or '', entry.tag)}"
    if kind == "BLOB":
        return f"LARGE OBJECT {large_object_id(entry, entry.tag)}"
    if kind in _KINDS_NAMED_BY_DROP:
        return (entry.drop_stmt or "").removeprefix("DROP ").rstrip(";\n")
    if kind in _KINDS_WITHOUT_OWNER:
        return ""
    raise UnsupportedObjectError(
        f"cannot restore {entry_name(entry)}: how to set the owner of this kind is not known", objects=[kind]
    )


def large_object_id(entry: TocEntry, text: str) -> int:
    """The OID of a large object as an entry spells it."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise _not_understood(entry)
    return int(text)


def large_object_ids(entry: TocEntry) -> tuple[int, ...]:
    """The OIDs of a ``BLOB METADATA`` entry."""
    return tuple(large_object_id(entry, line) for line in (entry.defn or "").split())


def made_large_objects(entry: TocEntry) -> tuple[int, ...]:
    """The OIDs of the large objects that an entry makes, whichever archive version it is of."""
    if entry.desc == LARGE_OBJECT_GROUP:
        return large_object_ids(entry)
    return (large_object_id(entry, entry.tag),) if entry.desc == LARGE_OBJECT else ()


def drop_statement(entry: TocEntry) -> str:
    """The statement that drops an entry's object if it exists, empty where nothing is to be dropped."""
    statement = (entry.drop_stmt or "").strip()
    if not statement or statement.startswith(COMMENT_ONLY):
        return ""
    if entry.desc == "BLOB":
        return _drop_large_objects([large_object_id(entry, entry.tag)])
    if statement.startswith("ALTER TABLE ") and not statement.startswith("ALTER TABLE IF EXISTS "):
        statement = "ALTER TABLE IF EXISTS " + statement[len("ALTER TABLE ") :]
    if entry.desc in _CONSTRAINTS:
        return _insert_if_exists(statement, " DROP CONSTRAINT ")
    return _insert_if_exists(statement, f"DROP {entry.desc} ")


def drop_large_objects(entry: TocEntry) -> str:
    """The statement that drops the large objects of a ``BLOB METADATA`` entry, those that exist."""
    return _drop_large_objects(large_object_ids(entry))


def _drop_large_objects(oids: t.Iterable[int]) -> str:
    listed = ",".join(str(oid) for oid in oids)
    return (
        "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata "
        f"WHERE oid = ANY ('{{{listed}}}'::pg_catalog.oid[])"
    )


def _insert_if_exists(statement: str, command: str) -> str:
    before, found, after = statement.partition(command)
    if not found or after.startswith("IF EXISTS "):
        return statement
    return f"{before}{command}IF EXISTS {after}"


def storage_statements(entry: TocEntry, *, version: int, current: StorageDefaults) -> tuple[list[str], StorageDefaults]:
    """What must be set so that the entry's definition ends up in its tablespace, with its access method.

    :param current: what is set now.
    :returns: the statements, and what is set after them.
    """
    statements = []
    tablespace, table_am = current.tablespace, current.table_am
    if entry.tablespace is not None and entry.tablespace != tablespace:
        tablespace = entry.tablespace
        statements.append(f"SET default_tablespace = {identifier(tablespace) if tablespace else chr(39) * 2}")
    # A partitioned table has no storage; servers before 17 refuse to give it an access method.
    wanted = entry.table_am if entry.relkind != PARTITIONED_TABLE and version >= 120000 else None
    if wanted and wanted != table_am:
        table_am = wanted
        statements.append(f"SET default_table_access_method = {identifier(wanted)}")
    return statements, StorageDefaults(tablespace, table_am)


@dataclass(frozen=True)
class StorageDefaults:
    """A session's ``default_tablespace`` and ``default_table_access_method``, ``None`` while unknown."""

    tablespace: str | None = None
    table_am: str | None = None


def partitioned_access_method(entry: TocEntry, *, version: int) -> str:
    """``ALTER TABLE … SET ACCESS METHOD`` for a partitioned table that has one (17 and later), else empty."""
    if entry.relkind != PARTITIONED_TABLE or not entry.table_am or version < 170000:
        return ""
    name = qualified(entry.namespace or "", entry.tag)
    return f"ALTER TABLE {name} SET ACCESS METHOD {identifier(entry.table_am)}"


def search_path_statement(entry: TocEntry) -> str:
    """For archives before 1.13: the search path that the entry's unqualified names need, empty for any."""
    if not entry.namespace:
        return ""
    suffix = "" if entry.namespace == "pg_catalog" else ", pg_catalog"
    return f"SET search_path = {identifier(entry.namespace)}{suffix}"


def large_objects_privileges(entry: TocEntry, oids: t.Iterable[int]) -> t.Iterator[str]:
    """The statements of an ``ACL`` entry for a group of large objects: it spells them out for the first one only.

    :param oids: of the whole group.
    """
    first = re.search(r" ON LARGE OBJECT (\d+) ", entry.defn or "")
    if first is None:
        raise _not_understood(entry)
    for oid in oids:
        yield (entry.defn or "").replace(first.group(0), f" ON LARGE OBJECT {oid} ")
