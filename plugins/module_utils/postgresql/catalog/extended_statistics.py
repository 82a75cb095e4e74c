# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Extended statistics: over several columns or expressions of a table."""

from __future__ import annotations

import typing as t

from ...errors import ConsistencyError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, qualified
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, stxname, stxnamespace, pg_catalog.pg_get_userbyid(stxowner), stxrelid,
           pg_catalog.pg_get_statisticsobjdef(oid), {target}
    FROM pg_catalog.pg_statistic_ext WHERE oid >= 16384
"""


@dataclass(frozen=True)
class ExtendedStatistics(DatabaseObject):
    """A statistics object.

    :param table: the relation it is about.
    :param definition: the whole CREATE STATISTICS statement, without the semicolon.
    :param target: its statistics target, empty for the default.
    """

    owner: str
    table: Key
    definition: str
    target: str

    kind = "extended statistics"
    priority = Priority.EXTENDED_STATISTICS

    def edges(self) -> t.Iterable[Key]:
        return (self.table,)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = qualified(self.schema, self.name)
        statement = f"{self.definition};\n"
        if self.target:
            statement += f"ALTER STATISTICS {name} SET STATISTICS {self.target};\n"
        yield Entry("STATISTICS", self.name, statement, f"DROP STATISTICS {name};\n", self.owner)
        yield from definitions.catalog.comment_entry(
            self.key, "STATISTICS", identifier(self.name), owner=self.owner, schema=self.schema
        )


def read_extended_statistics(catalog: Catalog) -> t.Iterator[ExtendedStatistics]:
    """All extended statistics that users made."""
    target = "CASE WHEN stxstattarget >= 0 THEN stxstattarget END" if catalog.version >= 130000 else "NULL"
    for oid, name, schema_oid, owner, table, definition, goal in catalog.session.rows(_QUERY.format(target=target)):
        key = Key(CatalogOid.PG_STATISTIC_EXT, int(oid))
        if not catalog.includes(key, int(schema_oid)) or catalog.is_unwanted(int(table)):
            continue
        schema = catalog.schemas[int(schema_oid)]
        if not definition:
            raise ConsistencyError(
                f"the definition of statistics {schema}.{name} is gone",
                hint="it was dropped while the catalog was read; run the backup again",
                object=f"{schema}.{name}",
            )
        yield ExtendedStatistics(key, schema, name, owner, Key(CatalogOid.PG_CLASS, int(table)), definition, goal)
