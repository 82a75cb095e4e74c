# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What the kinds' files share while they read the catalogs, and while they write definitions."""

from __future__ import annotations

import typing as t

from ..options import DumpSettings
from ..quoting import identifier, literal, qualified
from ..selection.chosen import Chosen
from ..selection.relations import has_relation, owned_sequences
from ..session import Session
from .acl import Privileges, privilege_statements
from .base import FIRST_USER_OID, CatalogOid, DatabaseObject, Entry, Key, satellite
from .column import Column, Columns
from .column_privileges import read_column_privileges
from .relation import SEQUENCE, Relation, read_relations

PUBLIC_SCHEMA_OID = 2200

_SCHEMAS = """
    SELECT oid, nspname FROM pg_catalog.pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""
_RELATION_SCHEMAS = """
    SELECT oid, relnamespace FROM pg_catalog.pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relpersistence <> 't' AND oid >= 16384
"""
_SYSTEM_SCHEMA = "SELECT 'pg_catalog'::pg_catalog.regnamespace::pg_catalog.oid"
_MEMBERS = """
    SELECT classid::oid, objid, refobjid FROM pg_catalog.pg_depend
    WHERE deptype = 'e' AND refclassid = 'pg_catalog.pg_extension'::regclass
"""
_COMMENTS = """
    SELECT classoid, objoid, objsubid, description FROM pg_catalog.pg_description
    WHERE objoid >= $1 OR objoid = 2200 OR classoid = 'pg_catalog.pg_largeobject'::regclass
    ORDER BY classoid, objoid, objsubid
"""
_LABELS = """
    SELECT classoid, objoid, objsubid, provider, label FROM pg_catalog.pg_seclabel
    UNION ALL
    SELECT classoid, objoid, 0, provider, label FROM pg_catalog.pg_shseclabel
    WHERE classoid = 'pg_catalog.pg_subscription'::regclass
    ORDER BY classoid, objoid, objsubid, provider
"""
_PARENTS = """
    SELECT i.inhrelid, i.inhparent, n.nspname, c.relname
    FROM pg_catalog.pg_inherits i
    JOIN pg_catalog.pg_class c ON c.oid = i.inhparent
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    ORDER BY i.inhrelid, i.inhseqno
"""
_COMMENTED_NOT_NULLS = """
    SELECT c.conrelid, c.oid, c.conname
    FROM pg_catalog.pg_constraint c
    JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = c.oid
    WHERE c.contype = 'n' AND c.convalidated AND c.conrelid >= 16384
    ORDER BY c.conrelid, c.conname
"""
_INITIAL_PRIVILEGES = "SELECT classoid, objoid, objsubid, initprivs FROM pg_catalog.pg_init_privs"
_USED_BY_EXTENSION = """
    SELECT d.classid::oid, d.objid, e.extname
    FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE d.deptype = 'x' AND d.refclassid = 'pg_catalog.pg_extension'::regclass
    ORDER BY 1, 2, e.extname
"""

#: Kinds that are no definitions, or may hold data.
_NOT_ONLY_DEFINED = ("relation of an unknown kind", "statistics")
#: Kinds that an option of their own leaves out, and what that calls them.
_LEFT_OUT_AS = {"policy": "policies", "publication": "publications", "subscription": "subscriptions"}


class Place(t.NamedTuple):
    """An object or a part of it (a column's number, else 0)."""

    catalog: int
    oid: int
    part: int = 0


class Catalog:
    """The shared knowledge of one database, read inside the dump's snapshot.

    :param session: in the dump's transaction, with an empty ``search_path``.
    :param groups_large_objects: several large objects share an entry (archives from version 1.16 on).
    :param chosen: what of the database is dumped; everything by default.
    :param settings: how definitions and data are worded.
    """

    def __init__(
        self,
        session: Session,
        *,
        groups_large_objects: bool = False,
        chosen: Chosen | None = None,
        settings: DumpSettings | None = None,
    ) -> None:
        self.session = session
        self.groups_large_objects = groups_large_objects
        self.version = session.version
        self.chosen = chosen or Chosen()
        self.settings = settings or DumpSettings()
        schemas = {int(oid): name for oid, name in session.rows(_SCHEMAS)}
        self._user_schemas = frozenset(schemas)
        #: The schemas whose objects are dumped, by OID; tables that are asked for by name may be in others.
        self.schemas = {oid: name for oid, name in schemas.items() if self.chosen.has_schema(oid)}
        self._has_system_privileges = self.chosen.has_system_privileges(int(session.value(_SYSTEM_SCHEMA) or 0))
        #: Every member of an extension, with its extension.
        self.members = {
            Key(int(catalog), int(oid)): Key(CatalogOid.PG_EXTENSION, int(extension))
            for catalog, oid, extension in session.rows(_MEMBERS)
        }
        #: Objects that stand for others in the order: a table's row type is the table, an array its element type.
        self.aliases: dict[Key, Key] = dict(self.members)
        #: Dependencies that are met by less: object and needed object, and what is enough.
        self.redirects: dict[tuple[Key, Key], Key] = {}
        self._read_notes()
        #: For every child its parents' OIDs in their order, for tables and indexes.
        self.parents: dict[int, tuple[int, ...]] = {}
        self._parent_names: dict[int, str] = {}
        for child, parent, schema, name in session.rows(_PARENTS):
            self.parents[int(child)] = (*self.parents.get(int(child), ()), int(parent))
            self._parent_names[int(parent)] = qualified(schema, name)
        partial = self.chosen.is_partial
        self._owned_sequences = owned_sequences(session) if partial else {}
        self._homes = self._read_homes() if partial else {}
        #: The tables, views, sequences and so on that are dumped, by OID.
        self.relations: dict[int, Relation] = read_relations(self)
        self.column_privileges = read_column_privileges(self)
        #: NOT NULL constraints that have a comment, by relation: OID and name (18 and later).
        self.commented_not_nulls: dict[int, list[tuple[int, str]]] = {}
        if self.version >= 180000:
            for relation, oid, name in session.rows(_COMMENTED_NOT_NULLS):
                self.commented_not_nulls.setdefault(int(relation), []).append((int(oid), name))
        #: Objects that are left out although they are a user's, with the reason; each is a warning of the backup.
        self.left_out: dict[Key, str] = {}
        self.is_standby = session.value("SELECT pg_catalog.pg_is_in_recovery()") == "t"
        self._used_by: dict[Key, list[str]] = {}
        for cat, oid, extension in session.rows(_USED_BY_EXTENSION):
            self._used_by.setdefault(Key(int(cat), int(oid)), []).append(extension)

    def _read_notes(self) -> None:
        """What is kept beside objects of all kinds: comments, security labels, initial privileges."""
        session = self.session
        comments = session.rows(_COMMENTS, (str(FIRST_USER_OID),))
        self._comments = {Place(int(cat), int(oid), int(part)): text for cat, oid, part, text in comments}
        self._labels: dict[Place, list[tuple[str, str]]] = {}
        for cat, oid, part, provider, text in session.rows(_LABELS):
            self._labels.setdefault(Place(int(cat), int(oid), int(part)), []).append((provider, text))
        self._commented = {Key(place.catalog, place.oid) for place in self._comments}
        self._labelled = {Key(place.catalog, place.oid) for place in self._labels}
        initial = session.rows(_INITIAL_PRIVILEGES)
        self._initial = {Place(int(cat), int(oid), int(part)): acl for cat, oid, part, acl in initial}

    def above(self, oid: int) -> t.Iterator[int]:
        """The partitioned tables that a partition is in: the nearest first, the root last."""
        while oid in self.parents:
            (oid,) = self.parents[oid]
            yield oid

    def name_of(self, parent: int) -> str:
        """The quoted name of a table that others inherit from or are partitions of."""
        return self._parent_names[parent]

    def parent_names(self, oid: int) -> tuple[str, ...]:
        """The quoted names of the tables that a table inherits from, in their order."""
        return tuple(self._parent_names[parent] for parent in self.parents.get(oid, ()))

    def includes(self, key: Key, schema_oid: int | None = None) -> bool:
        """Whether an object is dumped: a user's, no extension's, and in a dumped schema where it is in one.

        What is in no schema is dumped along with everything only.
        """
        if key in self.members or key.oid < FIRST_USER_OID:
            return False
        return self.chosen.has_everything if schema_oid is None else schema_oid in self.schemas

    def includes_relation(self, key: Key, schema_oid: int) -> bool:
        """Whether a table, view, sequence and so on is dumped."""
        if key in self.members or schema_oid not in self._user_schemas:
            return False
        return has_relation(self.chosen, self._owned_sequences, self._homes, key.oid, schema_oid)

    def includes_extension(self, key: Key) -> bool:
        """Whether an extension is dumped, which must be a user's."""
        return key not in self.members and key.oid >= FIRST_USER_OID and self.chosen.has_extension(key.oid)

    def includes_given(self, key: Key) -> bool:
        """Whether the privileges are dumped of what is not dumped itself: an extension's or the server's."""
        extension = self.members.get(key)
        if extension is not None:
            return self.chosen.has_member_privileges(extension.oid)
        excluded = key.catalog == CatalogOid.PG_CLASS and key.oid in self.chosen.excluded_tables
        return self._has_system_privileges and not excluded

    def includes_configuration(self, extension: Key, table: int, schema: int) -> bool:
        """Whether the user's rows in an extension's table are dumped."""
        if extension in self.members or extension.oid < FIRST_USER_OID:
            return False
        return self.chosen.has_configuration(extension.oid, table, schema)

    def includes_data(self, relation: Relation) -> bool:
        """Whether the rows of a dumped relation, or where a sequence stands, are dumped."""
        selection = self.chosen.selection
        if relation.persistence == "u" and "unlogged_table_data" in selection.without:
            return False
        takes = selection.data or (selection.sequence_data and relation.kind == SEQUENCE)
        return takes and self.chosen.has_rows(relation.oid)

    def takes(self, kind: str) -> bool:
        """Whether objects of a kind are dumped at all, if they are chosen by name or with everything.

        :param kind: as the inventory calls it.
        """
        selection = self.chosen.selection
        if kind == "large object":
            return selection.takes_large_objects
        if kind in _NOT_ONLY_DEFINED:
            return True
        return selection.definitions and _LEFT_OUT_AS.get(kind) not in selection.without

    def is_unwanted(self, relation: int) -> bool:
        """Whether a relation is not dumped because it was not asked for."""
        return self.chosen.is_partial and relation not in self.relations

    def _read_homes(self) -> dict[int, int]:
        """The schema of every relation that can own a sequence, but members of extensions."""
        homes = {int(oid): int(schema) for oid, schema in self.session.rows(_RELATION_SCHEMAS)}
        return {oid: home for oid, home in homes.items() if Key(CatalogOid.PG_CLASS, oid) not in self.members}

    def comment(self, key: Key, part: int = 0) -> str | None:
        return self._comments.get(Place(key.catalog, key.oid, part))

    def is_commented(self, key: Key) -> bool:
        """Whether an object or a part of it has a comment."""
        return key in self._commented

    def is_labelled(self, key: Key) -> bool:
        """Whether an object or a part of it has a security label."""
        return key in self._labelled

    def labels(self, key: Key, part: int = 0) -> list[tuple[str, str]]:
        """The security labels: provider and label."""
        return self._labels.get(Place(key.catalog, key.oid, part), [])

    def privileges(self, key: Key, actual: str | None, default: str | None, part: int = 0) -> Privileges:
        """An object's privileges, with the initial ones that were recorded for it."""
        return Privileges.parse(actual, default, self._initial.get(Place(key.catalog, key.oid, part)))

    def needed_extensions_sql(self, key: Key, word: str, target: str) -> str:
        """The statements that tie an object to the extensions it was said to depend on.

        :param target: what follows ``ALTER word``, as SQL.
        """
        extensions = self._used_by.get(key, ())
        return "".join(f"\nALTER {word} {target} DEPENDS ON EXTENSION {identifier(name)};" for name in extensions)

    def leave_out(self, key: Key, why: str) -> None:
        """Do not dump an object, and say so: only for what would be of no use in a restored database."""
        self.left_out[key] = why

    def comment_entry(
        self, key: Key, word: str, name: str, *, owner: str, tag: str = "", schema: str = "", part: int = 0
    ) -> t.Iterator[Entry]:
        """The comment of an object or a part, where there is one.

        :param word: the kind as COMMENT ON names it.
        :param name: as SQL, without its schema.
        :param tag: where it is not ``word name``.
        :param schema: where the name is to be qualified.
        """
        text = self.comment(key, part)
        if text is not None:
            target = f"{identifier(schema)}.{name}" if schema else name
            statement = f"COMMENT ON {word} {target} IS {literal(text)};\n"
            yield satellite("COMMENT", tag or f"{word} {name}", statement, owner=owner)

    def label_entry(
        self, key: Key, word: str, name: str, *, owner: str, schema: str = "", part: int = 0
    ) -> t.Iterator[Entry]:
        """The security labels of an object or a part, where there are some."""
        target = f"{identifier(schema)}.{name}" if schema else name
        statements = [
            f"SECURITY LABEL FOR {identifier(provider)} ON {word} {target} IS {literal(label)};\n"
            for provider, label in self.labels(key, part)
        ]
        if statements:
            yield satellite("SECURITY LABEL", f"{word} {name}", "".join(statements), owner=owner)

    def acl_entry(
        self, privileges: Privileges, word: str, name: str, *, owner: str, schema: str = ""
    ) -> t.Iterator[Entry]:
        """The privileges of an object, where they differ from what they would be anyway.

        :param name: as SQL, without its schema.
        """
        target = f"{identifier(schema)}.{name}" if schema else name
        statements = privilege_statements(privileges, word=word, name=target, owner=owner)
        if statements:
            yield satellite("ACL", f"{word} {name}", statements, owner=owner)


class Definitions:
    """What is known when definitions are written: the catalog, and how dependency loops were resolved.

    :param parts: by owner, the objects that stand in the owner's own statement.
    :param separate: objects that could do so but must not, because of a loop.
    :param postponed: objects that are made after the data, because they depend on something that is.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        columns: Columns,
        parts: t.Mapping[Key, t.Sequence[DatabaseObject]],
        separate: t.Collection[Key] = (),
        postponed: t.Collection[Key] = (),
    ) -> None:
        self.catalog = catalog
        self.columns = columns
        self.postponed = postponed
        self._parts = parts
        self._separate = separate
        self._copy_columns: dict[int, str] = {}

    def embedded(self, owner: Key) -> list[DatabaseObject]:
        """The parts that stand in an object's own statement."""
        return [part for part in self._parts.get(owner, ()) if part.key not in self._separate]

    def is_separate(self, part: DatabaseObject) -> bool:
        """Whether a part needs a statement of its own."""
        return part.embedded_in is None or part.key in self._separate

    def remember_copy_columns(self, oid: int, columns: t.Sequence[Column]) -> None:
        """Keep the column list of a table's data; called when its definition is written, which is before its data's."""
        names = ", ".join(column.sql_name for column in columns if not column.generated)
        self._copy_columns[oid] = f"({names})" if names else ""

    def copy_columns(self, oid: int) -> str:
        """The columns that COPY reads, between brackets; empty where there are none."""
        return self._copy_columns[oid]
