# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Subscriptions. They are made without connecting to the publisher: a restored copy must not take its slot at once.

Only options that the source's own version knows are written. The newest pg_dump writes later ones too, which makes its
statements fail on a server of the source's version.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ...errors import PrivilegeError
from ...lazy_dataclass import dataclass
from ..quoting import identifier, literal, parse_array
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions

_HERE = "subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())"
_MAY_READ = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_subscription', 'SELECT')"
_NAMES = f"SELECT subname FROM pg_catalog.pg_subscription WHERE {_HERE} ORDER BY subname"
_QUERY = """
    SELECT oid, subname, pg_catalog.pg_get_userbyid(subowner), subconninfo, subpublications, subslotname, {columns}
    FROM pg_catalog.pg_subscription WHERE {here}
"""
# In the order in which they are written: since when there is such a column, and its expression.
_COLUMNS = (
    (140000, "subbinary"),
    (140000, "substream"),
    (150000, "subtwophasestate IN ('p', 'e')"),
    (150000, "subdisableonerr"),
    (160000, "subpasswordrequired"),
    (160000, "subrunasowner"),
    (170000, "subfailover"),
    (100000, "subsynccommit"),
    (160000, "suborigin"),
)
_STREAMING = {"f": "off", "t": "on", "p": "parallel"}


@dataclass(frozen=True)
class Subscription(DatabaseObject):
    """A subscription.

    :param connection: libpq's connection string, which may hold a password: it goes nowhere but into the definition.
    :param options: what follows ``connect = false``, as SQL.
    """

    owner: str
    connection: str = dataclasses.field(repr=False)
    publications: tuple[str, ...]
    options: tuple[str, ...]

    kind = "subscription"
    priority = Priority.SUBSCRIPTION

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        name = identifier(self.name)
        catalog = definitions.catalog
        publications = ", ".join(map(identifier, self.publications))
        statement = (
            f"CREATE SUBSCRIPTION {name} CONNECTION {literal(self.connection)} PUBLICATION {publications}"
            f" WITH ({', '.join(('connect = false', *self.options))});\n"
        )
        yield Entry("SUBSCRIPTION", self.name, statement, f"DROP SUBSCRIPTION {name};\n", self.owner)
        yield from catalog.comment_entry(self.key, "SUBSCRIPTION", name, owner=self.owner)
        yield from catalog.label_entry(self.key, "SUBSCRIPTION", name, owner=self.owner)


def read_subscriptions(catalog: Catalog) -> t.Iterator[Subscription]:
    """All subscriptions of this database.

    :raises PrivilegeError: there are some, and the connected user may not read their connection strings.
    """
    session = catalog.session
    if session.value(_MAY_READ) != "t":
        names = [f"subscription {name}" for (name,) in session.rows(_NAMES)]
        if names:
            raise PrivilegeError(
                f"the connection strings are hidden of {', '.join(names)}",
                hint="connect as a superuser, or grant SELECT on pg_catalog.pg_subscription to the user",
                objects=names,
            )
        return
    columns = ", ".join(column if catalog.version >= since else "NULL" for since, column in _COLUMNS)
    for row in session.query(_QUERY.format(columns=columns, here=_HERE)):
        oid, name, owner, connection, publications, slot, *values = (value or "" for value in row)
        key = Key(CatalogOid.PG_SUBSCRIPTION, int(oid))
        slot_name = literal(slot) if row[5] is not None else "NONE"
        options = (f"slot_name = {slot_name}", *_options(values))
        yield Subscription(key, "", name, owner, connection, parse_array(publications), options)


def _options(values: t.Sequence[str]) -> t.Iterator[str]:
    """Each option where its value is not the default; values are empty where the server has no such option."""
    binary, streaming, two_phase, disable_on_error, password_required, as_owner, failover, commit, origin = values
    if binary == "t":
        yield "binary = true"
    if streaming:
        # Its default changed with 18.
        yield f"streaming = {_STREAMING[streaming]}"
    if two_phase == "t":
        yield "two_phase = on"
    if disable_on_error == "t":
        yield "disable_on_error = true"
    if password_required == "f":
        yield "password_required = false"
    if as_owner == "t":
        yield "run_as_owner = true"
    if failover == "t":
        yield "failover = true"
    if commit != "off":
        yield f"synchronous_commit = {identifier(commit)}"
    if origin not in ("", "any"):
        yield f"origin = {origin}"
