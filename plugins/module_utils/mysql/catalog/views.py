# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Views in the order in which they can be created.

A view that cannot be used is not always a broken one. Where its definer was dropped or lost a privilege the definition
is good, and a server accepts it; only nothing can be created that uses it. Such a view therefore comes after those
that use it, which find a placeholder. Where something that the definition names is missing no server accepts it.
"""

from __future__ import annotations

import re
import typing as t

from ...errors import DbfleetError, NotFoundError, PrivilegeError, QueryError
from ...lazy_dataclass import dataclass
from .. import quoting
from ..session import Session

# A view's text names what it uses in full: `database`.`name`.
_REFERENCE = re.compile(r"`((?:[^`]|``)*)`\.`((?:[^`]|``)*)`")
_INVALID_VIEW = 1356
_NO_SUCH_DEFINER = 1449
# Something that a view's text names is not there, or is not what it was: database, table, column, function, sequence,
# number of arguments, collation.
_MISSING = frozenset({1049, 1051, 1054, 1109, 1128, 1146, 1222, 1267, 1271, 1305, 1318, 1630, 4091})


@dataclass(frozen=True)
class View:
    """A view.

    :param definition: the CREATE statement, in the bytes of :attr:`character_set_client`.
    :param uses: the views of the same database that its text names.
    :param columns: its columns' names; empty where the server does not tell them.
    :param unusable: what the server says of a view that cannot be selected from, else empty.
    :param invalid: what the server says is missing for a view that no server would create, else empty.
    """

    name: str
    definition: bytes
    character_set_client: str
    collation_connection: str
    uses: frozenset[str]
    columns: tuple[str, ...]
    unusable: str = ""
    invalid: str = ""

    @property
    def comes_late(self) -> bool:
        """Whether it must be created after the views that use it, which find a placeholder."""
        return bool(self.unusable and self.columns and not self.invalid)


def read_views(session: Session, database: str) -> tuple[View, ...]:
    """Every view of a database in the order of :func:`in_order`.

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
        _read_view(session, name or "", text or "", _references(text or "", database, fold, by_folded) - {name})
        for name, text in sorted(rows)
    ]
    return in_order(views)


def in_order(views: t.Sequence[View]) -> tuple[View, ...]:
    """The views with each after those it uses; where they use each other in a circle, by name.

    Those that :attr:`View.comes_late` says come last, each before those it uses. :func:`forward_references` says which
    views then need a placeholder.
    """
    left = {view.name: view for view in sorted(views, key=lambda view: view.name)}
    ordered: list[View] = []
    while left:
        ready = [name for name, view in left.items() if not view.uses & left.keys() - {name}]
        ordered.extend(left.pop(name) for name in ready or [next(iter(left))])
    late = [view for view in reversed(ordered) if view.comes_late]
    return (*(view for view in ordered if not view.comes_late), *late)


def forward_references(views: t.Sequence[View]) -> frozenset[str]:
    """The views that an earlier one uses: each needs a placeholder before all of them."""
    done: set[str] = set()
    needed: set[str] = set()
    for view in views:
        done.add(view.name)
        needed |= view.uses - done
    return frozenset(needed)


def _read_view(session: Session, name: str, text: str, uses: t.AbstractSet[str]) -> View:
    quoted = quoting.identifier(name)
    with session.stored_character_sets():
        record = session.records_bytes(f"SHOW CREATE VIEW {quoted}")[0]
    definition = record["create view"]
    if not definition or not text:
        raise PrivilegeError(
            f"the definition of view {name!r} is not shown to this user", hint="GRANT SHOW VIEW and SELECT on it"
        )
    failure = _failure(session, f"SELECT * FROM {quoted}")
    missing = _missing(session, text, set()) if failure else None
    return View(
        name=name,
        definition=definition,
        character_set_client=(record["character_set_client"] or b"").decode(),
        collation_connection=(record["collation_connection"] or b"").decode(),
        uses=frozenset(uses),
        columns=_columns(session, quoted),
        unusable=failure.message if failure else "",
        invalid=missing.message if missing else "",
    )


def _columns(session: Session, quoted: str) -> tuple[str, ...]:
    try:
        return tuple(row[0] or "" for row in session.query(f"SHOW COLUMNS FROM {quoted}"))
    except (QueryError, NotFoundError, PrivilegeError) as error:
        if error.context.get("errno") not in (_INVALID_VIEW, _NO_SUCH_DEFINER):
            raise
        return ()


def _failure(session: Session, query: str) -> DbfleetError | None:
    """Why the server cannot resolve a query; ``None`` where it can. Nothing is read."""
    try:
        session.execute(f"PREPARE dbfleet_view FROM {quoting.literal(query)}")
    except (QueryError, NotFoundError, PrivilegeError) as error:
        return error
    session.execute("DEALLOCATE PREPARE dbfleet_view")
    return None


def _missing(session: Session, text: str, seen: set[tuple[str, str]]) -> DbfleetError | None:
    """What a view's text, or that of a view in it, names that does not exist.

    The text is resolved with the privileges of this user, so a definer's do not matter; only that of the views that it
    uses, which are looked at one by one.
    """
    failure = _failure(session, text)
    number = failure.context.get("errno") if failure else None
    if number in _MISSING:
        return failure
    if number not in (_INVALID_VIEW, _NO_SUCH_DEFINER):
        return None
    for owner, name in _REFERENCE.findall(text):
        used = owner.replace("``", "`"), name.replace("``", "`")
        if used in seen:
            continue
        seen.add(used)
        for (inner,) in session.query(
            "SELECT VIEW_DEFINITION FROM information_schema.VIEWS "
            f"WHERE TABLE_SCHEMA = {quoting.literal(used[0])} AND TABLE_NAME = {quoting.literal(used[1])}"
        ):
            found = _missing(session, inner, seen) if inner else None
            if found is not None:
                return found
    return None


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
