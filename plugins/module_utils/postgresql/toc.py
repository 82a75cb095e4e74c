# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""One entry of an archive's table of contents: what the catalog makes and what every archive format stores."""

from __future__ import annotations

import dataclasses
import typing as t

from ..lazy_dataclass import dataclass

SECTION_NONE = 1
SECTION_PRE_DATA = 2
SECTION_DATA = 3
SECTION_POST_DATA = 4


class _Slots:
    """A database of 20,000 tables has 60,000 entries: without a dictionary each takes two thirds of the memory."""

    __slots__ = (
        "copy_stmt", "defn", "dependencies", "desc", "drop_stmt", "dump_id", "had_dumper", "namespace", "oid", "owner",
        "relkind", "section", "table_am", "table_oid", "tablespace", "tag",
    )  # fmt: skip


@dataclass(frozen=True)
class TocEntry(_Slots):
    """One item that a restore runs or loads, in restore order.

    Text is the source's encoding as ``text.py`` decodes it (write it with ``to_bytes``). SQL ends with a newline, as
    pg_restore prints it verbatim. ``None`` means "not applicable" where a
    field allows it; the empty string is a value of its own.

    :param dump_id: positive and unique in the archive.
    :param had_dumper: the entry owns a data block.
    :param table_oid: the OID of the system catalog that the object's row is in (``pg_class`` is 1259), 0 for none.
    :param oid: the object's OID in the source database, 0 for none.
    :param tag: the object's name, as pg_restore lists it (``orders``, ``orders orders_pkey``, ``f(integer)``).
    :param desc: the kind of the entry: ``TABLE``, ``TABLE DATA``, ``FK CONSTRAINT``.
    :param section: one of the ``SECTION_*`` numbers.
    :param defn: the statements that make it; ``None`` for data.
    :param drop_stmt: the one statement that drops it (ALTER … OWNER is derived from it for functions), empty for none.
    :param copy_stmt: ``COPY … FROM stdin;`` for table data, else ``None``.
    :param namespace: the schema's name, ``None`` where the object is in no schema.
    :param tablespace: ``None`` where not applicable, empty for the database's default.
    :param table_am: the table access method, ``None`` where not applicable (archive 1.14 and later).
    :param relkind: ``pg_class.relkind`` as one character, empty where not applicable (archive 1.16 and later).
    :param owner: the role that owns it, empty for none.
    :param dependencies: dump ids that must come before it.
    """

    __slots__ = ()

    dump_id: int
    had_dumper: bool
    table_oid: int
    oid: int
    tag: str
    desc: str
    section: int
    defn: str | None = None
    drop_stmt: str | None = None
    copy_stmt: str | None = None
    namespace: str | None = None
    tablespace: str | None = None
    table_am: str | None = None
    relkind: str = ""
    owner: str = ""
    dependencies: tuple[int, ...] = ()

    def __reduce__(self) -> tuple[t.Any, ...]:
        return TocEntry, tuple(getattr(self, field.name) for field in dataclasses.fields(self))


# A default is an attribute of the class too, which would hide the slot; ``__init__`` has its own copy. From Python 3.10
# on ``dataclass(slots=True)`` does the same.
for _field in dataclasses.fields(TocEntry):
    if _field.name in vars(TocEntry):
        delattr(TocEntry, _field.name)
