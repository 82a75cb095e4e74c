# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Reading entries of a table of contents that are as they must be, a database of many tables being read at every
restore. What is odd in any way is left to the exact way, which says what and where."""

from __future__ import annotations

import struct

from ..toc import SECTION_NONE, SECTION_POST_DATA, TocEntry
from .primitives import INT_SIZE, ArchiveInput

_LARGEST_ID = (1 << 31) - 1
_LARGEST_OID = (1 << 32) - 1
_MOST_DIGITS = 10
_INT = struct.Struct("<BI")
# Statements and OIDs are nearly all different; of a table's name there is one for it and one for its data.
_REPEATED = 64


class EntryReader:
    """Reads one entry after the other.

    :param table_am: entries name a table access method.
    :param relkind: and a relation's kind.
    """

    def __init__(self, *, table_am: bool, relkind: bool) -> None:
        self._table_am = table_am
        self._relkind = relkind
        #: Kinds, schemas, owners: one string each instead of one an entry.
        self._known: dict[str, str] = {}
        #: The same for catalogs' OIDs.
        self._catalogs: dict[int, int] = {}
        #: And for dependencies: a table's data and its keys depend on the table alone.
        self._needed: dict[tuple[int, ...], tuple[int, ...]] = {}

    def read(self, data: ArchiveInput) -> TocEntry | None:
        """The next entry, ``None`` where it is not to be had in this way; then nothing was read."""
        if data.int_size != INT_SIZE:
            return None
        buffer, start = data.window
        try:
            found = self._entry(buffer, start)
        except (struct.error, ValueError):
            return None
        if found is None:
            return None
        entry, end = found
        data.skip_to(end)
        return entry

    def _entry(self, buffer: bytes, start: int) -> tuple[TocEntry, int] | None:
        sign, dump_id = _INT.unpack_from(buffer, start)
        data_sign, had_dumper = _INT.unpack_from(buffer, start + 5)
        first, position = _strings(buffer, start + 10, 4)
        section_sign, section = _INT.unpack_from(buffer, position)
        table_oid, oid, tag, desc = first
        second, position = _strings(buffer, position + 5, 6 if self._table_am else 5)
        relkind_sign = relkind = 0
        if self._relkind:
            relkind_sign, relkind = _INT.unpack_from(buffer, position)
            position += 5
        (owner, _with_oids), position = _strings(buffer, position, 2)
        dependencies: list[int] = []
        while True:
            (number,), position = _strings(buffer, position, 1)
            if number is None:
                break
            dependencies.append(_number(number, _LARGEST_ID))
        if sign or data_sign or section_sign or relkind_sign or tag is None or desc is None:
            return None
        if not (0 < dump_id <= _LARGEST_ID and had_dumper <= 1 and SECTION_NONE <= section <= SECTION_POST_DATA):
            return None
        if relkind > 127:
            return None
        known = self._known
        needed = tuple(dependencies)
        catalog = _number(table_oid, _LARGEST_OID)
        return TocEntry(
            dump_id=dump_id,
            had_dumper=bool(had_dumper),
            table_oid=self._catalogs.setdefault(catalog, catalog),
            oid=_number(oid, _LARGEST_OID),
            tag=known.setdefault(tag, tag),
            desc=known.setdefault(desc, desc),
            section=section,
            defn=second[0],
            drop_stmt=second[1],
            copy_stmt=second[2],
            namespace=_once(known, second[3]),
            tablespace=_once(known, second[4]),
            table_am=_once(known, second[5]) if self._table_am else None,
            relkind=chr(relkind) if relkind else "",
            owner=_once(known, owner) or "",
            dependencies=self._needed.setdefault(needed, needed),
        ), position


def _strings(buffer: bytes, position: int, count: int) -> tuple[list[str | None], int]:
    """That many strings, and where they end.

    :raises ValueError: one is no string, or does not end in the buffer.
    """
    found: list[str | None] = []
    unpack = _INT.unpack_from
    for _number_of_string in range(count):
        sign, length = unpack(buffer, position)
        position += 5
        if sign:
            if sign != 1 or length != 1:
                raise ValueError
            found.append(None)
            continue
        end = position + length
        data = buffer[position:end]
        if len(data) != length or 0 in data:
            raise ValueError
        found.append(data.decode("utf-8", "surrogateescape"))
        position = end
    return found, position


def _number(text: str | None, limit: int) -> int:
    if text is None or not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError
    number = int(text)
    if number > limit:
        raise ValueError
    return number


def _once(known: dict[str, str], text: str | None) -> str | None:
    """The text, as the same string whenever it comes again."""
    if text is None or len(text) > _REPEATED:
        return text
    return known.setdefault(text, text)
