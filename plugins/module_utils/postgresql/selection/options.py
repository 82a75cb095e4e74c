# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a user wants of a database: all of it, or what some patterns name, without some kinds of things."""

from __future__ import annotations

from ...errors import UsageError
from ...lazy_dataclass import dataclass

SECTIONS = ("pre-data", "data", "post-data")
#: Whole kinds that can be left out of any archive; ``privileges`` are those of all objects, and default privileges.
KINDS_LEFT_OUT = (
    "comments",
    "policies",
    "privileges",
    "publications",
    "security_labels",
    "subscriptions",
    "toast_compression",
    "unlogged_table_data",
)


@dataclass(frozen=True)
class Selection:
    """What to take of a database. Names are patterns, by pg_dump's rules; all mean what pg_dump's options do.

    :param tables: only these tables, views, sequences and so on, with what belongs to them.
    :param tables_and_children: the same with all partitions and all tables that inherit from them.
    :param exclude_table_data: tables without their rows.
    :param extensions: only these extensions.
    :param foreign_data: foreign servers whose tables' rows are taken too.
    :param strict_names: a pattern of what is wanted that fits nothing is an error, even if others do fit.
    :param definitions: take everything but data; ``data`` the rows, sequences' values and large objects.
    :param statistics: the optimizer's statistics, which servers from 18 on can take.
    :param sequence_data: the values of sequences, even where no other data is wanted.
    :param sections: which of :data:`SECTIONS`; empty for all.
    :param large_objects: whether to take them; ``None`` takes them along with everything.
    :param without: which of :data:`KINDS_LEFT_OUT`.
    """

    schemas: tuple[str, ...] = ()
    exclude_schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    tables_and_children: tuple[str, ...] = ()
    exclude_tables: tuple[str, ...] = ()
    exclude_tables_and_children: tuple[str, ...] = ()
    exclude_table_data: tuple[str, ...] = ()
    exclude_table_data_and_children: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    exclude_extensions: tuple[str, ...] = ()
    foreign_data: tuple[str, ...] = ()
    strict_names: bool = False
    definitions: bool = True
    data: bool = True
    statistics: bool = False
    sequence_data: bool = False
    sections: tuple[str, ...] = ()
    large_objects: bool | None = None
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for section in self.sections:
            if section not in SECTIONS:
                raise UsageError(f"unknown section {section!r}", hint=f"use {', '.join(SECTIONS)}")
        for kind in self.without:
            if kind not in KINDS_LEFT_OUT:
                raise UsageError(f"unknown kind of objects {kind!r}", hint=f"use {', '.join(KINDS_LEFT_OUT)}")
        if not (self.definitions or self.data or self.statistics):
            raise UsageError("neither definitions nor data are wanted: there would be nothing to back up")
        if not self.data and self.foreign_data:
            raise UsageError("the rows of foreign tables are wanted, and no data")

    @property
    def includes_everything(self) -> bool:
        """Nothing is asked for by name: what belongs to no schema is taken too."""
        return not (self.schemas or self.tables or self.tables_and_children or self.extensions)

    @property
    def is_a_part(self) -> bool:
        """Only what is named is taken, or only some sections: a backup made for one occasion, not the database's.

        Leaving out is not meant: whoever leaves the rows of a log out does so in every backup.
        """
        return not self.includes_everything or bool(self.sections) or not (self.definitions and self.data)

    @property
    def names_objects(self) -> bool:
        """Some objects are taken or left out by their names."""
        return bool(
            not self.includes_everything
            or self.exclude_schemas
            or self.exclude_tables
            or self.exclude_tables_and_children
            or self.exclude_extensions
        )

    @property
    def takes_large_objects(self) -> bool:
        """Large objects are data, and belong to no schema."""
        wanted = self.includes_everything if self.large_objects is None else self.large_objects
        return wanted and self.takes_data

    @property
    def takes_data(self) -> bool:
        """Rows, values of sequences and large objects are taken."""
        return self.data and (not self.sections or "data" in self.sections)
