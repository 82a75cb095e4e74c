# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What an archive needs from the server that it is restored into, read from its entries."""

from __future__ import annotations

import re

from ..lazy_dataclass import dataclass
from .entry_roles import bare, named_roles
from .restore_order import RestoreOrder
from .restore_sql import COMMENT_ONLY, owner_statement
from .toc import TocEntry

_NAME = r'(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_LANGUAGE = re.compile(rf"^    LANGUAGE ({_NAME})\b", re.MULTILINE)
_SYSTEM_SCHEMAS = frozenset(("pg_catalog", "information_schema", "pg_toast"))
_SUPERUSER_KINDS = frozenset(("EVENT TRIGGER", "FOREIGN DATA WRAPPER", "ACCESS METHOD"))


@dataclass(frozen=True)
class Needs:
    """What must exist on the server, or in the target database, before the restore.

    :param owners: roles that will own something; the restoring user must be able to give it to them.
    :param roles: all roles that are named: owners, grantees, those of policies and user mappings.
    :param languages: of functions, less those that the archive itself brings.
    :param schemas: that entries are in and the archive does not create.
    :param superuser_kinds: kinds of objects that only a superuser can make.
    :param statistics: whether there are optimizer statistics, which servers take from 18 on.
    """

    owners: frozenset[str]
    roles: frozenset[str]
    tablespaces: frozenset[str]
    extensions: frozenset[str]
    languages: frozenset[str]
    access_methods: frozenset[str]
    schemas: frozenset[str]
    superuser_kinds: frozenset[str]
    statistics: bool


def archive_needs(order: RestoreOrder, *, create: bool) -> Needs:
    """Read the needs of everything that will be restored.

    :param create: the database is created too, with its owner and tablespace.
    """
    entries = order.steps + (order.database if create else ())
    owners = frozenset(entry.owner for entry in entries if _changes_owner(entry))
    created = {entry.tag for entry in entries if entry.desc == "SCHEMA" and not _is_comment(entry)}
    brought = {entry.tag for entry in entries if entry.desc in ("EXTENSION", "PROCEDURAL LANGUAGE", "ACCESS METHOD")}
    languages = {
        bare(name) for entry in entries if entry.desc in ("FUNCTION", "PROCEDURE") for name in _languages(entry)
    }
    return Needs(
        owners=owners,
        roles=owners | frozenset(role for entry in entries for role in named_roles(entry)),
        tablespaces=frozenset(entry.tablespace for entry in entries if entry.tablespace),
        extensions=frozenset(entry.tag for entry in entries if entry.desc == "EXTENSION"),
        languages=frozenset(languages - brought),
        access_methods=frozenset(entry.table_am for entry in entries if entry.table_am and not brought),
        schemas=frozenset(entry.namespace for entry in order.main if entry.namespace) - created - _SYSTEM_SCHEMAS,
        superuser_kinds=frozenset(entry.desc for entry in entries if entry.desc in _SUPERUSER_KINDS),
        statistics=any(entry.desc == "STATISTICS DATA" for entry in entries),
    )


def _changes_owner(entry: TocEntry) -> bool:
    if entry.desc in ("DATABASE", "BLOB METADATA"):
        return bool(entry.owner and entry.drop_stmt)
    return bool(owner_statement(entry))


def _is_comment(entry: TocEntry) -> bool:
    return (entry.defn or "").startswith(COMMENT_ONLY)


def _languages(entry: TocEntry) -> list[str]:
    # The clauses stand before the body, which could hold anything.
    return _LANGUAGE.findall((entry.defn or "").partition("\n    AS ")[0])
