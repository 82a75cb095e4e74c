# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Base types with their input and output functions, and shell types: names of types that are yet to be made."""

from __future__ import annotations

import dataclasses
import typing as t

from ...lazy_dataclass import dataclass
from ..quoting import literal
from .base import CatalogOid, DatabaseObject, Entry, Key, Priority
from .context import Catalog, Definitions
from .user_type import UserType, read_type_headers

_QUERY = """
    SELECT t.oid, t.typlen, t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze,
           {subscript}, t.typinput::oid, t.typoutput::oid, t.typreceive::oid, t.typsend::oid,
           t.typcollation <> 0, pg_catalog.pg_get_expr(t.typdefaultbin, 0), t.typdefault,
           CASE WHEN t.typelem <> 0 THEN pg_catalog.format_type(t.typelem, NULL) END, t.typcategory, t.typispreferred,
           t.typdelim, t.typalign, t.typstorage, t.typbyval
    FROM pg_catalog.pg_type t
    WHERE t.typtype = 'b' AND t.oid >= 16384
"""
_ALIGNMENTS = {"c": "char", "s": "int2", "i": "int4", "d": "double"}
_STORAGES = {"p": "plain", "e": "external", "x": "extended", "m": "main"}
_FUNCTIONS = ("INPUT", "OUTPUT", "RECEIVE", "SEND", "TYPMOD_IN", "TYPMOD_OUT", "ANALYZE")
_NOT_ARRAY = "NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = t.oid)"


@dataclass(frozen=True)
class BaseType(UserType):
    """A base type.

    :param attributes: what stands between the brackets, one line each.
    """

    attributes: tuple[str, ...]

    kind = "base type"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        attributes = ",\n    ".join(self.attributes)
        # Its functions go with it: they cannot be dropped while the type is there, nor the type while they are.
        for entry in self.type_entries(definitions, f"CREATE TYPE {self.sql_name} (\n    {attributes}\n);\n"):
            yield dataclasses.replace(entry, drop=f"DROP TYPE {self.sql_name} CASCADE;\n") if entry.drop else entry


@dataclass(frozen=True)
class ShellType(UserType):
    """A type's name, made before the functions that a base type needs; or a type that was never made complete.

    :param is_beginning: the type itself follows.
    """

    is_beginning: bool

    kind = "shell type"
    priority = Priority.TYPE

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        statement = f"CREATE TYPE {self.sql_name};\n"
        if self.is_beginning:
            yield Entry("SHELL TYPE", self.name, statement, owner=self.owner)
        else:
            yield from self.type_entries(definitions, statement)


def read_base_types(catalog: Catalog) -> t.Iterator[DatabaseObject]:
    """All base types, each with its shell, and the shells that were left as such."""
    subscript = "CASE WHEN t.typsubscript <> 0 THEN t.typsubscript::text ELSE '-' END"
    query = _QUERY.format(subscript=subscript if catalog.version >= 140000 else "'-'")
    details = {int(row[0] or 0): row for row in catalog.session.query(query)}
    for header in read_type_headers(catalog, "b", condition=_NOT_ARRAY):
        row = details[header.key.oid]
        shell = Key(-Priority.TYPE, header.key.oid)
        # The functions take or return a type that does not exist yet: for them its name must do.
        for function in row[10:14]:
            catalog.redirects[Key(CatalogOid.PG_PROC, int(function or 0)), header.key] = shell
        yield ShellType(shell, header.schema, header.name, header.owner, header.privileges, True)
        yield BaseType(*header, tuple(_attributes(row)))
    for header in read_type_headers(catalog, "p"):
        yield ShellType(*header, False)


def _attributes(row: tuple[str | None, ...]) -> t.Iterator[str]:
    length, functions, subscript = row[1], row[2:9], row[9]
    collatable, default, default_text, element, category, preferred, delimiter, alignment, storage, by_value = row[14:]
    yield f"INTERNALLENGTH = {'variable' if length == '-1' else length}"
    for word, function in zip(_FUNCTIONS, functions):
        if function != "-":
            yield f"{word} = {function}"
    if collatable == "t":
        yield "COLLATABLE = true"
    if default is not None or default_text is not None:
        yield f"DEFAULT = {default if default is not None else literal(default_text or '')}"
    if subscript != "-":
        yield f"SUBSCRIPT = {subscript}"
    if element:
        yield f"ELEMENT = {element}"
    if category != "U":
        yield f"CATEGORY = {literal(category or '')}"
    if preferred == "t":
        yield "PREFERRED = true"
    if delimiter != ",":
        yield f"DELIMITER = {literal(delimiter or '')}"
    yield f"ALIGNMENT = {_ALIGNMENTS[alignment or '']}"
    yield f"STORAGE = {_STORAGES[storage or '']}"
    if by_value == "t":
        yield "PASSEDBYVALUE"
