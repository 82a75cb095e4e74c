# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Operators."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import identifier
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .function_reference import function_name

# A shell operator (no function yet) is left by a definition that named it before it was made.
_QUERY = """
    SELECT o.oid, o.oprname, o.oprnamespace, pg_catalog.pg_get_userbyid(o.oprowner),
           o.oprcode::pg_catalog.regprocedure,
           CASE WHEN o.oprleft <> 0 THEN pg_catalog.format_type(o.oprleft, NULL) END,
           CASE WHEN o.oprright <> 0 THEN pg_catalog.format_type(o.oprright, NULL) END,
           cn.nspname, c.oprname, nn.nspname, n.oprname, o.oprcanmerge, o.oprcanhash,
           CASE WHEN o.oprrest <> 0 THEN o.oprrest::pg_catalog.regprocedure END,
           CASE WHEN o.oprjoin <> 0 THEN o.oprjoin::pg_catalog.regprocedure END, o.oprcode <> 0,
           o.oprkind, ln.nspname, lt.typname, rn.nspname, rt.typname
    FROM pg_catalog.pg_operator o
    LEFT JOIN pg_catalog.pg_operator c ON c.oid = o.oprcom
    LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = c.oprnamespace
    LEFT JOIN pg_catalog.pg_operator n ON n.oid = o.oprnegate
    LEFT JOIN pg_catalog.pg_namespace nn ON nn.oid = n.oprnamespace
    LEFT JOIN pg_catalog.pg_type lt ON lt.oid = o.oprleft
    LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = lt.typnamespace
    LEFT JOIN pg_catalog.pg_type rt ON rt.oid = o.oprright
    LEFT JOIN pg_catalog.pg_namespace rn ON rn.oid = rt.typnamespace
    WHERE o.oid >= 16384
"""


@dataclass(frozen=True)
class Operator(DatabaseObject):
    """An operator.

    :param left: the type of its left operand as SQL, empty for none, as ``right``.
    :param properties: name and value of what its definition says, in their order; the value is empty for a flag.
    :param is_shell: it was only named by other operators; they make it anew.
    :param sort_key: postfix, prefix, infix; then the operands' types.
    """

    owner: str
    left: str
    right: str
    properties: tuple[tuple[str, str], ...]
    is_shell: bool
    sort_key: tuple[t.Any, ...]

    kind = "operator"
    priority = Priority.OPERATOR

    @property
    def label(self) -> str:
        return f"operator {self.schema}.{self._signature}"

    @property
    def _signature(self) -> str:
        return f"{self.name} ({self.left or 'NONE'}, {self.right or 'NONE'})"

    def natural_order(self) -> tuple[t.Any, ...]:
        return self.sort_key

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        if self.is_shell:
            return
        schema = identifier(self.schema)
        body = ",\n    ".join(f"{name} = {value}" if value else name for name, value in self.properties)
        statement = f"CREATE OPERATOR {schema}.{self.name} (\n    {body}\n);\n"
        yield Entry("OPERATOR", self.name, statement, f"DROP OPERATOR {schema}.{self._signature};\n", self.owner)
        yield from definitions.catalog.comment_entry(
            self.key, "OPERATOR", self._signature, owner=self.owner, schema=self.schema
        )


def read_operators(catalog: Catalog) -> t.Iterator[Operator]:
    """All operators that users made."""
    for row in catalog.session.rows(_QUERY):
        key = Key(CatalogOid.PG_OPERATOR, int(row[0]))
        if catalog.includes(key, int(row[2])):
            schema = catalog.schemas[int(row[2])]
            sort_key = (-ord(row[16]), *row[17:])
            properties = tuple(_properties(row, "FUNCTION" if catalog.version >= 110000 else "PROCEDURE"))
            yield Operator(key, schema, row[1], row[3], row[5], row[6], properties, row[15] == "f", sort_key)


def _properties(row: tuple[str, ...], function_word: str) -> t.Iterator[tuple[str, str]]:
    """What the definition says.

    :param function_word: ``FUNCTION``, which servers before 11 do not know, or ``PROCEDURE``, which all know.
    """
    yield function_word, function_name(row[4])
    if row[5]:
        yield "LEFTARG", row[5]
    if row[6]:
        yield "RIGHTARG", row[6]
    if row[8]:
        yield "COMMUTATOR", f"OPERATOR({identifier(row[7])}.{row[8]})"
    if row[10]:
        yield "NEGATOR", f"OPERATOR({identifier(row[9])}.{row[10]})"
    if row[11] == "t":
        yield "MERGES", ""
    if row[12] == "t":
        yield "HASHES", ""
    if row[13]:
        yield "RESTRICT", function_name(row[13])
    if row[14]:
        yield "JOIN", function_name(row[14])
