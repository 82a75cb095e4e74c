# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The table of contents as bytes, for every archive version from 1.12 to 1.16."""

from __future__ import annotations

import typing as t

from ...lazy_dataclass import dataclass
from ..toc import SECTION_NONE, SECTION_POST_DATA, TocEntry
from .header import VERSION_RELKIND, VERSION_TABLE_AM
from .primitives import ArchiveInput, encode_int, encode_string
from .toc_fast import EntryReader

# A database of a million objects stays far below these; a hostile archive cannot make the reader go beyond them.
LARGEST_TOC = 512 << 20
MOST_ENTRIES = 4_000_000
_LARGEST_ID = (1 << 31) - 1
_LARGEST_OID = (1 << 32) - 1


@dataclass(frozen=True)
class StoredEntry:
    """An entry as an archive holds it.

    :param flag: custom format: one of the ``POSITION_*``; 0 in the others.
    :param position: custom format: where its data block begins.
    :param file_name: directory and tar: its data file, empty for none.
    """

    entry: TocEntry
    flag: int = 0
    position: int = 0
    file_name: str = ""


def encode_toc(
    entries: t.Sequence[TocEntry], *, version: tuple[int, int], extra: t.Callable[[TocEntry], bytes]
) -> bytes:
    """The table of contents.

    :param extra: what the format adds to an entry: the name of its file, or its offset.
    """
    parts = [encode_int(len(entries))]
    for entry in entries:
        parts.append(encode_entry(entry, version))
        parts.append(extra(entry))
    return b"".join(parts)


def encode_entry(entry: TocEntry, version: tuple[int, int]) -> bytes:
    """One entry, without what the format adds."""
    parts = [
        encode_int(entry.dump_id),
        encode_int(int(entry.had_dumper)),
        encode_string(str(entry.table_oid)),
        encode_string(str(entry.oid)),
        encode_string(entry.tag),
        encode_string(entry.desc),
        encode_int(entry.section),
        encode_string(entry.defn),
        encode_string(entry.drop_stmt),
        encode_string(entry.copy_stmt),
        encode_string(entry.namespace),
        encode_string(entry.tablespace),
    ]
    if version >= VERSION_TABLE_AM:
        parts.append(encode_string(entry.table_am))
    if version >= VERSION_RELKIND:
        parts.append(encode_int(ord(entry.relkind) if entry.relkind else 0))
    # pg_dump has no owner for what can have none, and an empty one for the comment on such a thing.
    parts.append(encode_string(entry.owner or (None if entry.section != SECTION_NONE else "")))
    parts.append(encode_string("false"))  # WITH OIDS, gone since PostgreSQL 12
    parts.extend(encode_string(str(dump_id)) for dump_id in entry.dependencies)
    parts.append(encode_string(None))
    return b"".join(parts)


def read_toc(
    data: ArchiveInput, *, version: tuple[int, int], read_extra: t.Callable[[TocEntry], StoredEntry]
) -> t.Iterator[StoredEntry]:
    """Read a table of contents, entry by entry; ``data`` stands right after the header.

    :param read_extra: reads what the format adds to an entry.
    :raises CorruptArtifactError: it is malformed, truncated or impossibly large.
    """
    return _TocReader(data, version, read_extra).read()


class _TocReader:
    def __init__(
        self, data: ArchiveInput, version: tuple[int, int], read_extra: t.Callable[[TocEntry], StoredEntry]
    ) -> None:
        self._data = data
        self._version = version
        self._read_extra = read_extra
        self._end = data.offset + LARGEST_TOC
        self._fast = EntryReader(table_am=version >= VERSION_TABLE_AM, relkind=version >= VERSION_RELKIND)

    def read(self) -> t.Iterator[StoredEntry]:
        data = self._data
        count = data.read_count("the number of entries", MOST_ENTRIES)
        seen: set[int] = set()
        for number in range(1, count + 1):
            start = data.offset
            # What is not in the buffer as a whole, or not as it must be, is read field by field.
            entry = self._fast.read(data) if data.offset <= self._end else None
            stored = self._read_extra(self._read_entry(f"entry {number} of {count}") if entry is None else entry)
            if stored.entry.dump_id in seen:
                raise data.corrupt(f"the entry number {stored.entry.dump_id} occurs twice", offset=start)
            seen.add(stored.entry.dump_id)
            yield stored

    def _read_entry(self, what: str) -> TocEntry:
        data = self._data
        start = data.offset
        dump_id = data.read_count(f"the number of {what}", _LARGEST_ID)
        if dump_id == 0:
            raise data.corrupt(f"{what} has the number 0", offset=start)
        what = f"{what} (number {dump_id})"
        had_dumper = bool(data.read_count(f"the data flag of {what}", 1))
        table_oid = self._decimal(f"the catalog OID of {what}", _LARGEST_OID)
        oid = self._decimal(f"the OID of {what}", _LARGEST_OID)
        tag = self._text(f"the name of {what}")
        desc = self._text(f"the kind of {what}")
        section = data.read_count(f"the section of {what}", SECTION_POST_DATA)
        if section < SECTION_NONE:
            raise data.corrupt(f"{what} has no section", offset=start)
        defn, drop_stmt, copy_stmt, namespace, tablespace = (
            self._string(f"the {field} of {what}")
            for field in ("definition", "drop statement", "copy statement", "schema", "tablespace")
        )
        table_am = self._string(f"the access method of {what}") if self._version >= VERSION_TABLE_AM else None
        relkind = self._relkind(what) if self._version >= VERSION_RELKIND else ""
        owner = self._string(f"the owner of {what}") or ""
        self._string(f"the OIDs flag of {what}")
        return TocEntry(
            dump_id=dump_id, had_dumper=had_dumper, table_oid=table_oid, oid=oid, tag=tag, desc=desc, section=section,
            defn=defn, drop_stmt=drop_stmt, copy_stmt=copy_stmt, namespace=namespace, tablespace=tablespace,
            table_am=table_am, relkind=relkind, owner=owner, dependencies=self._dependencies(what),
        )  # fmt: skip

    def _dependencies(self, what: str) -> tuple[int, ...]:
        found: list[int] = []
        while True:
            start = self._data.offset
            text = self._string(f"a dependency of {what}")
            if text is None:
                return tuple(found)
            found.append(self._number(text, f"a dependency of {what}", _LARGEST_ID, start))

    def _relkind(self, what: str) -> str:
        code = self._data.read_count(f"the relation kind of {what}", 127)
        return chr(code) if code else ""

    def _decimal(self, what: str, limit: int) -> int:
        start = self._data.offset
        return self._number(self._string(what) or "", what, limit, start)

    def _number(self, text: str, what: str, limit: int, start: int) -> int:
        # int() alone would accept signs, spaces, underscores and the digits of every script.
        if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= limit):
            raise self._data.corrupt(f"{what} is not a number", offset=start)
        return int(text)

    def _text(self, what: str) -> str:
        start = self._data.offset
        text = self._string(what)
        if text is None:
            raise self._data.corrupt(f"{what} is missing", offset=start)
        return text

    def _string(self, what: str) -> str | None:
        # The room left shrinks with every string, so that the whole table stays within its limit.
        return self._data.read_string(what, self._end - self._data.offset)
