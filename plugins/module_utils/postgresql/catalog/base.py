# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What every kind of database object has in common: identity, place in the order, edges, entries."""

from __future__ import annotations

import enum
import typing as t

from ...lazy_dataclass import dataclass
from ..toc import SECTION_DATA, SECTION_NONE, SECTION_POST_DATA, SECTION_PRE_DATA

if t.TYPE_CHECKING:
    from .context import Catalog, Definitions

#: The first OID of objects that users made; the ones below come with the server.
FIRST_USER_OID = 16384


class CatalogOid(enum.IntEnum):
    """The system catalogs' own OIDs: fixed in every version, the first half of an object's identity."""

    PG_TYPE = 1247
    PG_PROC = 1255
    PG_CLASS = 1259
    PG_DATABASE = 1262
    PG_FOREIGN_SERVER = 1417
    PG_USER_MAPPING = 1418
    PG_FOREIGN_DATA_WRAPPER = 2328
    PG_AM = 2601
    PG_AMOP = 2602
    PG_AMPROC = 2603
    PG_ATTRDEF = 2604
    PG_CAST = 2605
    PG_CONSTRAINT = 2606
    PG_CONVERSION = 2607
    PG_LANGUAGE = 2612
    PG_LARGEOBJECT = 2613
    PG_NAMESPACE = 2615
    PG_OPCLASS = 2616
    PG_OPERATOR = 2617
    PG_REWRITE = 2618
    PG_TRIGGER = 2620
    PG_OPFAMILY = 2753
    PG_DEFAULT_ACL = 826
    PG_LARGEOBJECT_METADATA = 2995
    PG_EXTENSION = 3079
    PG_POLICY = 3256
    PG_STATISTIC_EXT = 3381
    PG_COLLATION = 3456
    PG_EVENT_TRIGGER = 3466
    PG_TRANSFORM = 3576
    PG_TS_DICT = 3600
    PG_TS_PARSER = 3601
    PG_TS_CONFIG = 3602
    PG_TS_TEMPLATE = 3764
    PG_SUBSCRIPTION = 6100
    PG_PUBLICATION = 6104
    PG_PUBLICATION_REL = 6106
    PG_PUBLICATION_NAMESPACE = 6237


class Priority(enum.IntEnum):
    """The order of kinds where no dependency says otherwise: pg_dump's, so that both tools write the same order."""

    SCHEMA = 1
    LANGUAGE = 2
    COLLATION = 3
    TRANSFORM = 4
    EXTENSION = 5
    TYPE = 6
    CAST = 7
    FUNCTION = 8
    AGGREGATE = 9
    ACCESS_METHOD = 10
    OPERATOR = 11
    OPERATOR_FAMILY = 12
    CONVERSION = 13
    TEXT_SEARCH_PARSER = 14
    TEXT_SEARCH_TEMPLATE = 15
    TEXT_SEARCH_DICTIONARY = 16
    TEXT_SEARCH_CONFIGURATION = 17
    FOREIGN_DATA_WRAPPER = 18
    FOREIGN_SERVER = 19
    TABLE = 20
    TABLE_ATTACH = 21
    DEFAULT = 22
    LARGE_OBJECT = 29
    PRE_DATA_BOUNDARY = 30
    TABLE_DATA = 31
    SEQUENCE_SET = 32
    LARGE_OBJECT_GROUP = 33
    LARGE_OBJECT_DATA = 34
    STATISTICS = 35
    POST_DATA_BOUNDARY = 40
    CONSTRAINT = 41
    INDEX = 42
    INDEX_ATTACH = 43
    EXTENDED_STATISTICS = 44
    RULE = 45
    TRIGGER = 46
    FOREIGN_KEY = 47
    POLICY = 48
    PUBLICATION = 49
    PUBLICATION_TABLE = 50
    PUBLICATION_SCHEMA = 51
    SUBSCRIPTION = 52
    DEFAULT_PRIVILEGES = 53
    EVENT_TRIGGER = 54
    REFRESH = 55


class Key(t.NamedTuple):
    """An object's identity, as pg_depend has it: its catalog's OID and its own.

    Things that are in no catalog (a table's data, a sequence's value) have the OID of what they belong to, and the
    negative :class:`Priority` of what they are as their catalog.
    """

    catalog: int
    oid: int


@dataclass(frozen=True)
class Entry:
    """What becomes one entry of the table of contents; numbers and dependencies are added when the order is known.

    The first entry of an object is the object itself; the others (comments, labels, privileges) depend on it.

    :param section: ``None`` takes the object's own.
    :param namespace: ``None`` takes the object's schema; entries of objects in no schema have none.
    :param after_acl: it must also come after the object's own ACL entry (column privileges).
    """

    desc: str
    tag: str
    defn: str | None
    drop: str = ""
    owner: str = ""
    section: int | None = None
    namespace: str | None = None
    tablespace: str | None = None
    table_am: str | None = None
    relkind: str = ""
    copy_stmt: str | None = None
    had_dumper: bool = False
    after_acl: bool = False


def satellite(desc: str, tag: str, defn: str, *, owner: str = "", after_acl: bool = False) -> Entry:
    """An entry that follows its object: ACL, COMMENT, SECURITY LABEL."""
    return Entry(desc, tag, defn, owner=owner, section=SECTION_NONE, after_acl=after_acl)


SATELLITE_KINDS = ("ACL", "COMMENT", "SECURITY LABEL")


@dataclass(frozen=True)
class DatabaseObject:
    """One thing that is dumped, or that only takes part in the order.

    :param schema: the name of its schema, empty where it is in none.
    :param name: as it is sorted and, in most kinds, tagged.
    """

    key: Key
    schema: str
    name: str

    kind: t.ClassVar[str] = ""
    priority: t.ClassVar[Priority]

    @property
    def label(self) -> str:
        """What to call it in messages: ``table public.orders``."""
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"

    @property
    def count(self) -> int:
        """How many objects of its kind it stands for."""
        return 1

    @property
    def embedded_in(self) -> Key | None:
        """The object whose own statement this one is part of, unless a dependency loop forces it apart."""
        return None

    def natural_order(self) -> tuple[t.Any, ...]:
        """What tells objects of the same kind, schema and name apart."""
        return ()

    def edges(self) -> t.Iterable[Key]:
        """What must come before it, beyond what pg_depend knows."""
        return ()

    def section(self, definitions: Definitions) -> int:
        """Which of the sections it is in; loops may move it."""
        return section_of(self.priority)

    def entries(self, definitions: Definitions) -> t.Iterator[Entry]:
        """Its entries: the object, then its comments, labels and privileges; none where it only takes part in order."""
        raise NotImplementedError


def section_of(priority: Priority) -> int:
    """The section that a kind of this priority belongs to."""
    if priority < Priority.PRE_DATA_BOUNDARY:
        return SECTION_PRE_DATA
    return SECTION_DATA if priority < Priority.POST_DATA_BOUNDARY else SECTION_POST_DATA


class Reader(t.Protocol):
    """What a kind's file gives to the registry: reads all objects of the kind."""

    def __call__(self, catalog: Catalog) -> t.Iterable[DatabaseObject]: ...
