# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Triggers, with their enabled state; a partition's copy of its parent's only where the states differ."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority, satellite
from .context import Catalog, Definitions
from .relation import Relation

_QUERY = """
    SELECT tg.oid, tg.tgrelid, tg.tgname, pg_catalog.pg_get_triggerdef(tg.oid, false), tg.tgenabled, {cloned}
    FROM pg_catalog.pg_trigger tg
    {parent}
    WHERE {condition} AND tg.tgrelid >= 16384
    ORDER BY tg.tgrelid, tg.tgname
"""
# From 13 on copies know what they are copies of; in 11 and 12 they look internal and are never anything but copies.
_PARENT = "LEFT JOIN pg_catalog.pg_trigger parent ON parent.oid = tg.tgparentid"
_OWN_OR_DIFFERENT = """
    ((NOT tg.tgisinternal AND tg.tgparentid = 0) OR (parent.oid IS NOT NULL AND tg.tgenabled <> parent.tgenabled))
"""
_PARENT_BY_DEPENDENCY = """
    LEFT JOIN pg_catalog.pg_depend d
      ON d.classid = 'pg_catalog.pg_trigger'::regclass AND d.objid = tg.oid
     AND d.refclassid = 'pg_catalog.pg_trigger'::regclass
    LEFT JOIN pg_catalog.pg_trigger parent ON parent.oid = d.refobjid
"""
_STATES = {"D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA", "O": "ENABLE"}


@dataclass(frozen=True)
class Trigger(DatabaseObject):
    """A trigger.

    :param enabled: ``O``, ``D``, ``A`` or ``R``, as pg_trigger has it.
    :param is_clone: it comes with the partitioned table's trigger; only its state is set.
    """

    relation: Relation
    definition: str
    enabled: str
    is_clone: bool

    kind = "trigger"
    priority = Priority.TRIGGER

    def natural_order(self) -> tuple[t.Any, ...]:
        return (self.relation.name,)

    def edges(self) -> t.Iterable[Key]:
        return (self.relation.key,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        relation, name = self.relation, identifier(self.name)
        catalog = definitions.catalog
        alter = f"\nALTER {relation.foreign_word}TABLE {relation.sql_name}"
        statement = "" if self.is_clone else f"{self.definition};\n"
        if self.is_clone or self.enabled != "O":
            statement += f"{alter} {_STATES[self.enabled]} TRIGGER {name};\n"
        statement += catalog.needed_extensions_sql(self.key, "TRIGGER", f"{name} ON {relation.sql_name}")
        drop = "" if self.is_clone else f"DROP TRIGGER {name} ON {relation.sql_name};\n"
        yield Entry("TRIGGER", f"{relation.name} {self.name}", statement, drop, relation.owner)
        text = catalog.comment(self.key)
        if text is not None:
            comment = f"COMMENT ON TRIGGER {name} ON {relation.sql_name} IS {literal(text)};\n"
            yield satellite("COMMENT", f"TRIGGER {name} ON {identifier(relation.name)}", comment, owner=relation.owner)


def read_triggers(catalog: Catalog) -> t.Iterator[Trigger]:
    """All triggers of users (those of foreign keys come with them)."""
    if catalog.version >= 130000:
        query = _QUERY.format(cloned="tg.tgparentid <> 0", parent=_PARENT, condition=_OWN_OR_DIFFERENT)
    elif catalog.version >= 110000:
        different = "(NOT tg.tgisinternal OR (parent.oid IS NOT NULL AND tg.tgenabled <> parent.tgenabled))"
        query = _QUERY.format(cloned="tg.tgisinternal", parent=_PARENT_BY_DEPENDENCY, condition=different)
    else:
        query = _QUERY.format(cloned="'f'", parent="", condition="NOT tg.tgisinternal")
    for oid, table, name, definition, enabled, cloned in catalog.session.rows(query):
        relation = catalog.relations.get(int(table))
        key = Key(CatalogOid.PG_TRIGGER, int(oid))
        if relation is not None and key not in catalog.members:
            yield Trigger(key, relation.schema, name, relation, definition, enabled, cloned == "t")
