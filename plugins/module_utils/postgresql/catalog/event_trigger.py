# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Event triggers."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, parse_array
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_QUERY = """
    SELECT oid, evtname, pg_catalog.pg_get_userbyid(evtowner), evtevent, evttags,
           evtfoid::pg_catalog.regproc, evtenabled
    FROM pg_catalog.pg_event_trigger WHERE oid >= 16384
"""
_STATES = {"D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


@dataclass(frozen=True)
class EventTrigger(DatabaseObject):
    """An event trigger.

    :param tags: the commands it is for, none for all.
    :param function: its name, as SQL.
    :param state: ``pg_event_trigger.evtenabled``.
    """

    owner: str
    event: str
    tags: tuple[str, ...]
    function: str
    state: str

    kind = "event trigger"
    priority = Priority.EVENT_TRIGGER

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        tags = f"\n         WHEN TAG IN ({', '.join(map(literal, self.tags))})" if self.tags else ""
        # All servers know PROCEDURE, those before 11 nothing else.
        word = "FUNCTION" if catalog.version >= 110000 else "PROCEDURE"
        event = identifier(self.event)
        statement = f"CREATE EVENT TRIGGER {name} ON {event}{tags}\n   EXECUTE {word} {self.function}();\n"
        if self.state in _STATES:
            statement += f"\nALTER EVENT TRIGGER {name} {_STATES[self.state]};\n"
        yield Entry("EVENT TRIGGER", self.name, statement, f"DROP EVENT TRIGGER {name};\n", self.owner)
        yield from catalog.comment_entry(self.key, "EVENT TRIGGER", name, owner=self.owner)
        yield from catalog.label_entry(self.key, "EVENT TRIGGER", name, owner=self.owner)


def read_event_triggers(catalog: Catalog) -> t.Iterator[EventTrigger]:
    """All event triggers that users made."""
    for oid, name, owner, event, tags, function, state in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_EVENT_TRIGGER, int(oid))
        if catalog.includes(key):
            yield EventTrigger(key, "", name, owner, event, parse_array(tags), function, state)
