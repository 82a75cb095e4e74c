# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which objects of a database a backup takes, and of which tables the rows."""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import NotFoundError, UsageError
from ..repository.records import PARTIAL
from .catalog.columns import Column, row_times
from .catalog.inventory import Inventory
from .catalog.routines import KINDS as ROUTINES
from .catalog.tables import Table
from .name_pattern import NamePattern, patterns
from .options import Selection
from .session import Session

_RELATIONS = ("base table", "system versioned", "sequence", "view")


class _Named(t.Protocol):
    @property
    def name(self) -> str: ...


_Object = t.TypeVar("_Object", bound=_Named)


class Selected:
    """A selection as it applies to one database.

    Where tables are named, only they are taken with their triggers; routines and events belong to no table.

    :param folds_case: whether the server takes names of another case for the same.
    :raises UsageError: the selection contradicts itself or a pattern is not one.
    """

    def __init__(self, selection: Selection, database: str, *, folds_case: bool = False) -> None:
        if selection.schema_only and selection.data_only:
            raise UsageError("schema_only and data_only exclude each other", hint="give at most one of them")
        if selection.schema_only and selection.where:
            raise UsageError("where chooses rows, and with schema_only there are none")
        self._selection = selection
        self._database = database
        self._tables = patterns(selection.tables, folds_case=folds_case)
        self._excluded = patterns(selection.exclude_tables, folds_case=folds_case)
        self._without_rows = patterns(selection.exclude_table_data, folds_case=folds_case)

    @property
    def definitions(self) -> bool:
        """Whether anything but rows is taken."""
        return not self._selection.data_only

    @property
    def triggers(self) -> bool:
        return self.definitions and not self._selection.skip_triggers

    @property
    def routines(self) -> bool:
        """Procedures, functions, packages and libraries."""
        return self.definitions and not self._selection.skip_routines and not self._tables

    @property
    def events(self) -> bool:
        return self.definitions and not self._selection.skip_events and not self._tables

    @property
    def views(self) -> bool:
        return self.definitions and not self._selection.skip_views

    def takes(self, name: str) -> bool:
        """Whether a table, view or sequence of this name is taken."""
        if any(pattern.matches(self._database, name) for pattern in self._excluded):
            return False
        return not self._tables or any(pattern.matches(self._database, name) for pattern in self._tables)

    def takes_rows(self, name: str) -> bool:
        """Whether the rows of a table that is taken are."""
        return not self._selection.schema_only and not self._any(self._without_rows, name)

    def only(self, objects: t.Iterable[_Object]) -> tuple[_Object, ...]:
        """Those tables, views or sequences that are taken."""
        return tuple(one for one in objects if self.takes(one.name))

    def tables(self, tables: t.Iterable[Table]) -> tuple[Table, ...]:
        """The tables that are taken, each knowing which of its rows are."""
        return tuple(self._chosen(table) for table in tables if self.takes(table.name))

    def _chosen(self, table: Table) -> Table:
        wanted = self.takes_rows(table.name)
        where = self._selection.where
        history = self._selection.dump_history and table.is_versioned
        if (wanted, where, history) == (table.rows_wanted, table.where, table.history):
            return table
        return dataclasses.replace(
            table, rows_wanted=wanted, where=where, history=history, columns=self._columns(table)
        )

    def _columns(self, table: Table) -> tuple[Column, ...]:
        return row_times(table.columns) if self._selection.dump_history and table.is_versioned else table.columns

    def inventory(self, inventory: Inventory) -> Inventory:
        """What of an inventory is taken."""
        return Inventory(tuple(one for one in inventory.objects if self._takes_object(one.kind, one.name, one.table)))

    def check(self, inventory: Inventory) -> tuple[str, ...]:
        """Fail unless every table that is named is there; the patterns that leave out nothing, for a warning.

        :raises NotFoundError: names what is not there.
        """
        names = [one.name for one in inventory.objects if one.kind in _RELATIONS]
        return self.check_names(names, f"database {self._database!r}")

    def check_names(self, names: t.Collection[str], where: str) -> tuple[str, ...]:
        """As :meth:`check`, with the names of all tables, views and sequences and what they are in, for the error."""
        missing = self._unmatched(self._tables, names)
        if missing:
            raise NotFoundError(
                f"there is no table {', '.join(missing)} in {where}",
                hint="check the names; a user sees only tables that it has a privilege on",
                tables=missing,
            )
        if (self._tables or self._excluded) and not any(self.takes(name) for name in names):
            raise NotFoundError(f"nothing of {where} is selected", hint="check tables and exclude_tables")
        return tuple(self._unmatched(self._excluded + self._without_rows, names))

    def as_record(self) -> dict[str, t.Any]:
        """For the manifest: what kinds are inside, and what restricts them."""
        chosen = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self._selection).items()
            if value and not name.startswith("skip_")
        }
        kinds = {"triggers": self.triggers, "routines": self.routines, "events": self.events, "views": self.views}
        return {**kinds, **chosen, **({PARTIAL: True} if self._selection.is_a_part else {})}

    def deciding_options(self) -> dict[str, t.Any]:
        """As :meth:`as_record`, with ``None`` for what it does not name."""
        unset = {PARTIAL: None, **{field.name: None for field in dataclasses.fields(self._selection)}}
        return {**unset, **self.as_record()}

    def _takes_object(self, kind: str, name: str, table: str) -> bool:
        if kind == "trigger":
            return self.triggers and self.takes(table)
        if kind in ("view", "view text"):
            return self.views and self.takes(name)
        if kind in _RELATIONS:
            return self.definitions and self.takes(name)
        if kind == "event":
            return self.events
        return self.routines if kind in (*ROUTINES, "library") else self.definitions

    def _any(self, given: t.Iterable[NamePattern], name: str) -> bool:
        return any(pattern.matches(self._database, name) for pattern in given)

    def _unmatched(self, given: t.Iterable[NamePattern], names: t.Iterable[str]) -> list[str]:
        return [pattern.text for pattern in given if not any(pattern.matches(self._database, name) for name in names)]


def selected(selection: Selection, session: Session, database: str) -> Selected:
    """The selection as it applies to a database of this server."""
    folds_case = session.variables.get("lower_case_table_names", "0") != "0"
    return Selected(selection, database, folds_case=folds_case)
