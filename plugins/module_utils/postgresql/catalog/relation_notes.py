# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Comments and security labels of a relation, its columns and the constraints that its own statement holds."""

from __future__ import annotations

import typing as t

from ..quoting import identifier, literal
from .base import CatalogOid, Entry, Key, satellite
from .column import Column
from .context import Catalog, Definitions
from .relation import Relation


def comment_entries(
    definitions: Definitions, relation: Relation, word: str, columns: t.Sequence[Column]
) -> t.Iterator[Entry]:
    """The comments of a relation and its columns, then those of its embedded constraints.

    :param word: ``TABLE``, ``VIEW`` and so on.
    """
    catalog = definitions.catalog
    if catalog.is_commented(relation.key):
        yield from _own_comments(catalog, relation, word, columns)
    for part in definitions.embedded(relation.key):
        if part.key.catalog == CatalogOid.PG_CONSTRAINT:
            yield from constraint_comment(catalog, relation, part.key, part.name)
    for oid, constraint in catalog.commented_not_nulls.get(relation.oid, ()):
        yield from constraint_comment(catalog, relation, Key(CatalogOid.PG_CONSTRAINT, oid), constraint)


def _own_comments(catalog: Catalog, relation: Relation, word: str, columns: t.Sequence[Column]) -> t.Iterator[Entry]:
    name = identifier(relation.name)
    yield from catalog.comment_entry(relation.key, word, name, owner=relation.owner, schema=relation.schema)
    for column in columns:
        yield from catalog.comment_entry(
            relation.key,
            "COLUMN",
            f"{name}.{column.sql_name}",
            owner=relation.owner,
            schema=relation.schema,
            part=column.number,
        )


def constraint_comment(catalog: Catalog, relation: Relation, key: Key, name: str) -> t.Iterator[Entry]:
    """The comment of a table's constraint."""
    constraint = identifier(name)
    text = catalog.comment(key)
    if text is not None:
        statement = f"COMMENT ON CONSTRAINT {constraint} ON {relation.sql_name} IS {literal(text)};\n"
        tag = f"CONSTRAINT {constraint} ON {identifier(relation.name)}"
        yield satellite("COMMENT", tag, statement, owner=relation.owner)


def label_entries(
    definitions: Definitions, relation: Relation, word: str, columns: t.Sequence[Column]
) -> t.Iterator[Entry]:
    """The security labels of a relation and its columns, as one entry."""
    catalog = definitions.catalog
    if not catalog.is_labelled(relation.key):
        return
    targets = [(word, relation.sql_name, 0)]
    targets.extend(("COLUMN", f"{relation.sql_name}.{column.sql_name}", column.number) for column in columns)
    statements = [
        f"SECURITY LABEL FOR {identifier(provider)} ON {kind} {target} IS {literal(label)};\n"
        for kind, target, part in targets
        for provider, label in catalog.labels(relation.key, part)
    ]
    if statements:
        yield satellite(
            "SECURITY LABEL", f"{word} {identifier(relation.name)}", "".join(statements), owner=relation.owner
        )
