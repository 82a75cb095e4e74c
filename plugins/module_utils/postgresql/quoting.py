# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The one place where identifiers and literals become SQL text."""

from __future__ import annotations

import contextlib
import contextvars
import re
import typing as t

from .keywords import QUOTED_KEYWORDS

_SAFE_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_ARRAY_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_quotes_every_name = contextvars.ContextVar("quotes_every_name", default=False)


@contextlib.contextmanager
def every_name_quoted(wanted: bool = True) -> t.Iterator[None]:
    """Put all names in double quotes meanwhile, as the server does itself with ``quote_all_identifiers``."""
    token = _quotes_every_name.set(wanted)
    try:
        yield
    finally:
        _quotes_every_name.reset(token)


def identifier(name: str) -> str:
    """A name as SQL: bare where every server reads it back the same, else in double quotes (pg_dump's rule)."""
    if _SAFE_IDENTIFIER.fullmatch(name) and name not in QUOTED_KEYWORDS and not _quotes_every_name.get():
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """``schema.name``, or the name alone where the schema is empty."""
    return f"{identifier(schema)}.{identifier(name)}" if schema else identifier(name)


def literal(value: str) -> str:
    """A string constant for sessions with ``standard_conforming_strings = on`` (every session of the engine)."""
    return "'" + value.replace("'", "''") + "'"


def escape_literal(value: str) -> str:
    """A string constant that does not depend on ``standard_conforming_strings``, as pg_dumpall writes it."""
    return "E" + literal(value.replace("\\", "\\\\")) if "\\" in value else literal(value)


def dollar_quoted(value: str, *, tag: str = "") -> str:
    """A string constant between dollar quotes, with a tag that does not occur in it.

    The tag grows by the letters that pg_dump takes, so that function bodies read the same in both tools.
    """
    letters = "_XXXXXXX"
    delimiter = "$" + tag
    step = 0
    # The closing "$" is left out of the search: a body that ends in the delimiter's beginning would close it early.
    while delimiter in value:
        delimiter += letters[step % len(letters)]
        step += 1
    delimiter += "$"
    return delimiter + value + delimiter


def parse_array(text: str | None) -> tuple[str, ...]:
    """A one-dimensional array's text form (``{a,"b c"}``) as its elements; NULL and ``{}`` have none.

    Elements that are NULL are not expected in the catalogs' arrays that this is used for.
    """
    if not text:
        return ()
    return tuple(
        re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL) if bare == "" else bare
        for quoted, bare in _ARRAY_ELEMENT.findall(text)
    )


def split_option(option: str) -> tuple[str, str]:
    """``name=value`` of an option array as its two parts."""
    name, _equals, value = option.partition("=")
    return name, value


def storage_options(options: t.Iterable[str], *, prefix: str = "") -> str:
    """Relation or attribute options (``name=value``) as they stand between the brackets of ``WITH (…)`` or ``SET (…)``.

    :param prefix: ``toast.`` for the options of a table's TOAST table.
    """
    return ", ".join(f"{prefix}{identifier(name)}={_option_value(value)}" for name, value in map(split_option, options))


def _option_value(value: str) -> str:
    # Anything that is an identifier can stand bare; numbers and the rest go as strings, which every option accepts.
    return value if identifier(value) == value else literal(value)
