# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a selection means in one database: the decisions that pg_dump takes, object by object."""

from __future__ import annotations

import dataclasses

from ...lazy_dataclass import dataclass
from .options import Selection

#: The first OID of objects that users made; the ones below come with the server.
_FIRST_USER_OID = 16384


@dataclass(frozen=True)
class Chosen:
    """A selection with its patterns turned into OIDs.

    :param schemas: those asked for; ``None`` where none are, which means all; so for ``tables`` and ``extensions``.
    """

    selection: Selection = dataclasses.field(default_factory=Selection)
    schemas: frozenset[int] | None = None
    excluded_schemas: frozenset[int] = frozenset()
    tables: frozenset[int] | None = None
    excluded_tables: frozenset[int] = frozenset()
    excluded_data: frozenset[int] = frozenset()
    extensions: frozenset[int] | None = None
    excluded_extensions: frozenset[int] = frozenset()
    foreign_servers: frozenset[int] = frozenset()

    @property
    def is_partial(self) -> bool:
        """Some objects are left out because of their names."""
        return self.selection.names_objects

    @property
    def has_everything(self) -> bool:
        """Objects in no schema are in it."""
        return self.selection.includes_everything

    def has_schema(self, oid: int) -> bool:
        """Whether a schema and what is in it is taken; tables asked for by name come without their schemas."""
        if self.tables is not None or (self.schemas is not None and oid not in self.schemas):
            return False
        return oid not in self.excluded_schemas

    def has_relation(self, oid: int, schema: int) -> bool:
        """Whether a table, view, sequence and so on is taken, seen alone (see ``relations.py``)."""
        if oid in self.excluded_tables:
            return False
        return self.has_schema(schema) if self.tables is None else oid in self.tables

    def has_rows(self, oid: int) -> bool:
        """Whether the data of a relation that is taken is taken too."""
        return oid not in self.excluded_data

    def has_extension(self, oid: int) -> bool:
        """Whether an extension that a user added is taken."""
        wanted = self.has_everything if self.extensions is None else oid in self.extensions
        return wanted and oid not in self.excluded_extensions

    def has_member_privileges(self, extension: int) -> bool:
        """Whether privileges changed on an extension's members are taken: always those of the server's own."""
        return extension < _FIRST_USER_OID or self.has_extension(extension)

    def has_system_privileges(self, pg_catalog: int) -> bool:
        """Whether privileges changed on what came with the server are taken.

        :param pg_catalog: the OID of that schema.
        """
        return self.has_schema(pg_catalog) and self.schemas is None

    def has_configuration(self, extension: int, table: int, schema: int) -> bool:
        """Whether the user's rows in an extension's own table are taken."""
        if self.extensions is not None and extension not in self.extensions:
            return False
        if extension in self.excluded_extensions or table in self.excluded_tables or schema in self.excluded_schemas:
            return False
        asked_for = self.tables is not None and table in self.tables
        return (self.has_extension(extension) or asked_for or self.has_schema(schema)) and self.has_rows(table)
