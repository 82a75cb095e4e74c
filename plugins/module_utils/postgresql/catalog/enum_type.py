# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Enum types."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import literal
from .base import Entry, Priority
from .context import Catalog, Definitions
from .user_type import TypeHeader, UserType, read_type_headers

_LABELS = "SELECT enumtypid, enumlabel FROM pg_catalog.pg_enum ORDER BY enumtypid, enumsortorder"


@dataclass(frozen=True)
class EnumType(UserType):
    """An enum type.

    :param labels: in their order.
    """

    labels: tuple[str, ...]

    kind = "enum type"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        labels = ",".join(f"\n    {literal(label)}" for label in self.labels)
        yield from self.type_entries(definitions, f"CREATE TYPE {self.sql_name} AS ENUM ({labels}\n);\n")


def read_enum_types(catalog: Catalog) -> t.Iterator[EnumType]:
    """All enum types."""
    labels: dict[int, list[str]] = {}
    for oid, label in catalog.session.rows(_LABELS):
        labels.setdefault(int(oid), []).append(label)
    for header in read_type_headers(catalog, "e"):
        yield EnumType(*header, tuple(labels.get(header.key.oid, ())))


__all__ = ("EnumType", "TypeHeader", "read_enum_types")
