# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""HTML and SVG out of pieces: every text is escaped unless it is :class:`Markup` already, which only this file makes.

Names come from servers and manifests, where anybody may have put anything.
"""

from __future__ import annotations

import html
import re
import typing as t

from ..cli.text import printable

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_VOID = frozenset({"br", "input", "meta"})


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


Child = t.Union[str, int, float, None, t.Iterable["Child"]]


def element(tag: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """One element.

    :param children: a text is escaped; ``None`` is nothing; what can be iterated is its pieces.
    :param attributes: ``class_`` is ``class``, and any other underscore a dash; ``None`` and ``False`` leave one out,
        ``True`` gives it no value.
    """
    opening = Markup(f"<{_checked(tag)}{''.join(_attribute(key, value) for key, value in attributes.items())}>")
    if tag in _VOID:
        return opening
    return Markup(f"{opening}{joined(*children)}</{tag}>")


def joined(*children: Child) -> Markup:
    """Several pieces after one another."""
    return Markup("".join(_piece(child) for child in children))


def raw_element(name: str, content: str) -> Markup:
    """A ``style`` or ``script``, whose content HTML does not unescape.

    :raises ValueError: the content would end it.
    """
    if "</" in content:
        raise ValueError(f"the content would end the {name}")
    return Markup(f"<{_checked(name)}>{content}</{name}>")


def _piece(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int, float)):
        return html.escape(printable(str(child)), quote=True)
    return "".join(_piece(one) for one in child)


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = _checked(key.rstrip("_").replace("_", "-"))
    return f" {name}" if value is True else f' {name}="{html.escape(printable(str(value)), quote=True)}"'


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no name")
    return name
