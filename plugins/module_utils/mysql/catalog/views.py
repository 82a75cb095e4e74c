# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Views in the order in which they can be created."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ...errors import DbfleetError, QueryError
from .. import quoting
from ..session import Session

# A view's text names what it uses in full: `database`.`name`.
_REFERENCE = re.compile(r"`((?:[^`]|``)*)`\.`((?:[^`]|``)*)`")
_INVALID_VIEW = 1356


@dataclasses.dataclass(frozen=True)
class View:
    """A view.

    :param definition: the CREATE statement, in the bytes of :attr:`character_set_client`.
    :param uses: the views of the same database that its text names.
    :param columns: its columns' names; empty where the view is invalid.
    :param invalid: what the server says of a view that refers to something missing, else empty.
    """

    name: str
    definition: bytes
    character_set_client: str
    collation_connection: str
    uses: frozenset[str]
    columns: tuple[str, ...]
    invalid: str = ""


def read_views(session: Session, database: str) -> tuple[View, ...]:
    """Every view of a database, each after those it uses, otherwise by name.

    :raises PrivilegeError: the user may not see the definition of one.
    """
    rows = session.query(
        "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS "
        f"WHERE TABLE_SCHEMA = {quoting.literal(database)}"
    )
    names = {name or "" for name, _text in rows}
    fold = _fold(session)
    by_folded = {fold(name): name for name in names}
    views = [
        _read_view(session, name or "", _references(text or "", database, fold, by_folded) - {name})
        for name, text in sorted(rows)
    ]
    return in_order(views)


def in_order(views: t.Sequence[View]) -> tuple[View, ...]:
    """The views with each after those it uses; where they use each other in a circle, by name.

    :func:`forward_references` says which then need a placeholder.
    """
    left = {view.name: view for view in sorted(views, key=lambda view: view.name)}
    ordered: list[View] = []
    while left:
        ready = [name for name, view in left.items() if not view.uses & left.keys() - {name}]
        ordered.extend(left.pop(name) for name in ready or [next(iter(left))])
    return tuple(ordered)


def forward_references(views: t.Sequence[View]) -> frozenset[str]:
    """The views that an earlier one uses: each needs a placeholder before all of them."""
    done: set[str] = set()
    needed: set[str] = set()
    for view in views:
        done.add(view.name)
        needed |= view.uses - done
    return frozenset(needed)


def _read_view(session: Session, name: str, uses: t.AbstractSet[str]) -> View:
    quoted = quoting.identifier(name)
    with session.stored_character_sets():
        record = session.records_bytes(f"SHOW CREATE VIEW {quoted}")[0]
    definition = record["create view"]
    if definition is None:
        raise QueryError(f"the server shows no definition of view {name!r}")
    columns: tuple[str, ...] = ()
    invalid = ""
    try:
        columns = tuple(row[0] or "" for row in session.query(f"SHOW COLUMNS FROM {quoted}"))
    except DbfleetError as error:
        if error.context.get("errno") != _INVALID_VIEW:
            raise
        invalid = error.message
    return View(
        name=name,
        definition=definition,
        character_set_client=(record["character_set_client"] or b"").decode(),
        collation_connection=(record["collation_connection"] or b"").decode(),
        uses=frozenset(uses),
        columns=columns,
        invalid=invalid,
    )


def _references(text: str, database: str, fold: t.Callable[[str], str], by_folded: t.Mapping[str, str]) -> set[str]:
    """The views that a text names; an alias of the same spelling may be among them, which only costs a placeholder."""
    wanted = fold(database)
    named = {
        by_folded.get(fold(name.replace("``", "`")))
        for owner, name in _REFERENCE.findall(text)
        if fold(owner.replace("``", "`")) == wanted
    }
    return {name for name in named if name is not None}


def _fold(session: Session) -> t.Callable[[str], str]:
    if session.variables.get("lower_case_table_names", "0") == "0":
        return lambda name: name
    return str.casefold
