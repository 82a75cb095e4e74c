# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Publications; what is in them are objects of their own (``publication_member.py``)."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, pubname, pg_catalog.pg_get_userbyid(pubowner), puballtables, pubinsert, pubupdate, pubdelete,
           {truncate}, {via_root}, {generated}
    FROM pg_catalog.pg_publication WHERE oid >= 16384
"""
_ACTIONS = ("insert", "update", "delete", "truncate")


@dataclass(frozen=True)
class Publication(DatabaseObject):
    """A publication.

    :param actions: what it publishes: ``insert``, ``update`` and so on.
    :param via_root: changes of partitions are published as those of the partitioned table.
    :param generated: stored generated columns are published too.
    """

    owner: str
    all_tables: bool
    actions: tuple[str, ...]
    via_root: bool
    generated: bool

    kind = "publication"
    priority = Priority.PUBLICATION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        all_tables = " FOR ALL TABLES" if self.all_tables else ""
        options = [f"publish = '{', '.join(self.actions)}'"]
        if self.via_root:
            options.append("publish_via_partition_root = true")
        if self.generated:
            options.append("publish_generated_columns = stored")
        statement = f"CREATE PUBLICATION {name}{all_tables} WITH ({', '.join(options)});\n"
        yield Entry("PUBLICATION", self.name, statement, f"DROP PUBLICATION {name};\n", self.owner)
        yield from catalog.comment_entry(self.key, "PUBLICATION", name, owner=self.owner)
        yield from catalog.label_entry(self.key, "PUBLICATION", name, owner=self.owner)


def read_publications(catalog: Catalog) -> t.Iterator[Publication]:
    """All publications."""
    version = catalog.version
    query = _QUERY.format(
        truncate="pubtruncate" if version >= 110000 else "false",
        via_root="pubviaroot" if version >= 130000 else "false",
        generated="pubgencols = 's'" if version >= 180000 else "false",
    )
    for oid, name, owner, *flags in catalog.session.rows(query):
        key = Key(CatalogOid.PG_PUBLICATION, int(oid))
        if catalog.includes(key):
            all_tables, *published, via_root, generated = (flag == "t" for flag in flags)
            actions = tuple(word for word, is_published in zip(_ACTIONS, published) if is_published)
            yield Publication(key, "", name, owner, all_tables, actions, via_root, generated)
