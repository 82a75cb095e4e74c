# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What a database holds at all, kind by kind, told by the catalogs alone: what no kind's file has read is refused.

This list knows nothing of how kinds are dumped. It is the safety net under them: a kind that is missing, or a kind's
query that passes over an object, ends in an error that names the object instead of a backup without it.
"""

from __future__ import annotations

import typing as t

from ...errors import UnsupportedObjectError
from ..session import Session
from .base import FIRST_USER_OID, CatalogOid, Key, Priority
from .context import Catalog

_NAMES_SHOWN = 20
_NAMES_KEPT = 1000
# Ordinary users see subscriptions' names, but (until 13) not their OIDs; then each one counts as not covered.
_SUBSCRIPTIONS = """
    SELECT {oid}, subname FROM pg_catalog.pg_subscription
    WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
_MAY_READ_SUBSCRIPTIONS = "SELECT pg_catalog.has_table_privilege('pg_catalog.pg_subscription', 'SELECT')"
_DESCRIBE = """
    SELECT pg_catalog.pg_describe_object(u.catalog, u.oid, 0)
    FROM ROWS FROM (pg_catalog.unnest($1::oid[]), pg_catalog.unnest($2::oid[])) u (catalog, oid)
"""
#: The table that an index ``x`` is of.
_INDEXED = "(SELECT ix.indrelid FROM pg_catalog.pg_index ix WHERE ix.indexrelid = x.oid)"
#: By kind, the relation that an object ``x`` is a part of.
_RELATIONS = {
    "relation": "x.oid",
    "index": _INDEXED,
    "constraint": "x.conrelid",
    "column default": "x.adrelid",
    "rule": "x.ev_class",
    "trigger": "x.tgrelid",
    "policy": "x.polrelid",
    "extended statistics": "x.stxrelid",
}
#: By kind, the schema that it is in, where that matters.
_SCHEMAS = {
    "schema": "x.oid",
    "relation of an unknown kind": "x.relnamespace",
    "type": "x.typnamespace",
    "function": "x.pronamespace",
    "operator": "x.oprnamespace",
    "operator class": "x.opcnamespace",
    "operator family": "x.opfnamespace",
    "collation": "x.collnamespace",
    "conversion": "x.connamespace",
    "constraint": "CASE WHEN x.conrelid = 0 THEN x.connamespace ELSE 0 END",
    "extended statistics": "x.stxnamespace",
    "text search configuration": "x.cfgnamespace",
    "text search dictionary": "x.dictnamespace",
    "text search parser": "x.prsnamespace",
    "text search template": "x.tmplnamespace",
    "default privileges": "x.defaclnamespace",
}


def refuse_what_is_not_covered(catalog: Catalog, covered: t.Collection[Key]) -> None:
    """Compare the catalogs with what was read.

    :param catalog: says what the backup is to hold.
    :param covered: every object that will be in the backup, or was left out on purpose.
    :raises UnsupportedObjectError: something is in neither; ``context['objects']`` names it.
    """
    session = catalog.session
    missing: list[Key] = []
    query = inventory_query(session.version, with_statistics=catalog.chosen.selection.statistics)
    for kind, listed_in, oid, relation, schema in session.stream(query):
        key = Key(int(listed_in), int(oid))
        if key not in covered and _is_wanted(catalog, kind, key, int(relation), int(schema)):
            missing.append(key)
    subscriptions = _uncovered_subscriptions(session, covered) if catalog.takes("subscription") else []
    if not missing and not subscriptions:
        return
    names = sorted(_describe(session, missing[:_NAMES_KEPT]) + subscriptions)
    total = len(missing) + len(subscriptions)
    more = f" and {total - _NAMES_SHOWN} more" if total > _NAMES_SHOWN else ""
    shown = "; ".join(names[:_NAMES_SHOWN])
    raise UnsupportedObjectError(
        f"database {session.database!r} holds objects that cannot be backed up yet: {shown}{more}",
        hint="drop them, or back this database up with pg_dump until this is possible",
        objects=names,
        count=total,
    )


def _is_wanted(catalog: Catalog, kind: str, key: Key, relation: int, schema: int) -> bool:
    """Whether an object belongs into the backup.

    :param relation: what it is a part of, else 0; so ``schema``.
    """
    if not catalog.takes(kind) or (relation and catalog.is_unwanted(relation)):
        return False
    if schema:
        return schema in catalog.schemas
    if kind == "extension":
        return catalog.chosen.has_extension(key.oid)
    return bool(relation) or kind == "large object" or catalog.chosen.has_everything


def _uncovered_subscriptions(session: Session, covered: t.Collection[Key]) -> list[str]:
    may_read = session.value(_MAY_READ_SUBSCRIPTIONS) == "t"
    return [
        f"subscription {name}"
        for oid, name in session.rows(_SUBSCRIPTIONS.format(oid="oid" if may_read else "0"))
        if Key(CatalogOid.PG_SUBSCRIPTION, int(oid)) not in covered
    ]


def _describe(session: Session, keys: t.Sequence[Key]) -> list[str]:
    catalogs = "{" + ",".join(str(_catalog_of(key)) for key in keys) + "}"
    oids = "{" + ",".join(str(key.oid) for key in keys) + "}"
    texts = [text or "an object that was just dropped" for (text,) in session.rows(_DESCRIBE, (catalogs, oids))]
    return [f"statistics of {text}" if key.catalog < 0 else text for key, text in zip(keys, texts)]


def _catalog_of(key: Key) -> int:
    """The catalog that an object is in; statistics are named by their relation."""
    return int(key.catalog) if key.catalog > 0 else CatalogOid.PG_CLASS.value


def inventory_query(version: int, *, with_statistics: bool = False) -> str:
    """One query over all catalogs: every object that a user made.

    Its columns: kind, catalog OID, OID, the OID of the relation it is a part of or 0, that of the schema or 0.

    :param with_statistics: with the relations that have statistics.
    """
    parts = [_select(kind, catalog, condition) for kind, catalog, condition in _kinds(version)]
    # Large objects choose their OIDs freely and are known by another catalog than the one that lists them.
    large_objects = CatalogOid.PG_LARGEOBJECT.value
    parts.append(f"SELECT 'large object', '{large_objects}', oid, 0, 0 FROM pg_catalog.pg_largeobject_metadata")
    mappings = CatalogOid.PG_USER_MAPPING.value
    parts.append(
        f"SELECT 'user mapping', '{mappings}', umid, 0, 0 FROM pg_catalog.pg_user_mappings WHERE umid >= 16384"
    )
    if with_statistics:
        own = f"x.relpersistence <> 't' AND {_in_schema('x.relnamespace')} AND {_not_member('pg_class', 'x.oid')}"
        usable = f"i.indisready AND (i.indisvalid OR x.relkind = 'I') AND {_of_relation('i.indrelid')}"
        index = f"EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = x.oid AND {usable})"
        parts.append(
            f"SELECT 'statistics', '{-Priority.STATISTICS}', x.oid, coalesce({_INDEXED}, x.oid), 0"
            " FROM pg_catalog.pg_class x WHERE x.oid >= 16384"
            f" AND {own} AND (x.relkind IN ('r', 'p', 'm', 'f') OR x.relkind IN ('i', 'I') AND {index})"
        )
    return "\nUNION ALL\n".join(parts)


def _select(kind: str, catalog: str, condition: str) -> str:
    oid = CatalogOid[catalog.upper()].value
    return (
        f"SELECT '{kind}', '{oid}', x.oid, {_RELATIONS.get(kind, '0')}, {_SCHEMAS.get(kind, '0')}"
        f" FROM pg_catalog.{catalog} x"
        f" WHERE x.oid >= {FIRST_USER_OID} AND ({condition}) AND {_not_member(catalog, 'x.oid')}"
    )


def _not_member(catalog: str, oid: str) -> str:
    return (
        "NOT EXISTS (SELECT FROM pg_catalog.pg_depend e"
        f" WHERE e.classid = 'pg_catalog.{catalog}'::regclass AND e.objid = {oid} AND e.deptype = 'e')"
    )


def _in_schema(column: str) -> str:
    return (
        f"EXISTS (SELECT FROM pg_catalog.pg_namespace ns WHERE ns.oid = {column}"
        " AND ns.nspname !~ '^pg_' AND ns.nspname <> 'information_schema')"
    )


def _of_relation(column: str) -> str:
    """The object belongs to a relation that is itself a user's, and no extension's."""
    return (
        f"EXISTS (SELECT FROM pg_catalog.pg_class rel WHERE rel.oid = {column} AND rel.relpersistence <> 't'"
        f" AND {_in_schema('rel.relnamespace')} AND {_not_member('pg_class', 'rel.oid')})"
    )


def _internal(catalog: str) -> str:
    """The object was made by the server along with another: a range's constructors, a multirange's cast."""
    return (
        "EXISTS (SELECT FROM pg_catalog.pg_depend i"
        f" WHERE i.classid = 'pg_catalog.{catalog}'::regclass AND i.objid = x.oid AND i.deptype = 'i')"
    )


def _kinds(version: int) -> tuple[tuple[str, str, str], ...]:
    """Kind, its catalog, and which rows ``x`` count."""
    key_index = (
        "EXISTS (SELECT FROM pg_catalog.pg_constraint con"
        " WHERE con.conindid = x.oid AND con.contype IN ('p', 'u', 'x'))"
    )
    own_index = (
        f"EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indexrelid = x.oid AND {_of_relation('i.indrelid')})"
    )
    own_type = (
        "x.typtype <> 'm' AND NOT EXISTS (SELECT FROM pg_catalog.pg_type el WHERE el.typarray = x.oid) AND"
        " (x.typrelid = 0 OR EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = x.typrelid AND c.relkind = 'c'))"
    )
    domain = f"EXISTS (SELECT FROM pg_catalog.pg_type d WHERE d.oid = x.contypid AND {_not_member('pg_type', 'd.oid')})"
    own_constraint = (
        f"x.contype <> 't' AND NOT (x.contype = 'n' AND x.convalidated) AND {_in_schema('x.connamespace')}"
        f" AND ({_of_relation('x.conrelid')} OR {domain})"
    )
    if version >= 110000:
        own_constraint += " AND NOT (x.contype = 'f' AND x.conparentid <> 0)"
    own_trigger = f"NOT x.tgisinternal AND {_of_relation('x.tgrelid')}"
    if version >= 130000:
        own_trigger += " AND x.tgparentid = 0"
    known_relations = "('r', 'p', 'v', 'm', 'S', 'f', 'c', 'i', 'I', 't')"
    relation = f"x.relpersistence <> 't' AND {_in_schema('x.relnamespace')}"
    return (
        ("schema", "pg_namespace", "x.nspname !~ '^pg_' AND x.nspname <> 'information_schema'"),
        ("extension", "pg_extension", "true"),
        ("relation", "pg_class", f"x.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {relation}"),
        ("relation of an unknown kind", "pg_class", f"x.relkind NOT IN {known_relations} AND {relation}"),
        ("index", "pg_class", f"x.relkind IN ('i', 'I') AND {relation} AND {own_index} AND NOT {key_index}"),
        ("type", "pg_type", f"{_in_schema('x.typnamespace')} AND {own_type}"),
        ("function", "pg_proc", f"{_in_schema('x.pronamespace')} AND NOT {_internal('pg_proc')}"),
        ("operator", "pg_operator", _in_schema("x.oprnamespace")),
        ("operator class", "pg_opclass", _in_schema("x.opcnamespace")),
        ("operator family", "pg_opfamily", _in_schema("x.opfnamespace")),
        ("access method", "pg_am", "true"),
        ("cast", "pg_cast", f"NOT {_internal('pg_cast')}"),
        ("collation", "pg_collation", _in_schema("x.collnamespace")),
        ("conversion", "pg_conversion", _in_schema("x.connamespace")),
        ("constraint", "pg_constraint", own_constraint),
        ("column default", "pg_attrdef", _of_relation("x.adrelid")),
        ("language", "pg_language", "true"),
        ("rule", "pg_rewrite", _of_relation("x.ev_class")),
        ("trigger", "pg_trigger", own_trigger),
        ("policy", "pg_policy", _of_relation("x.polrelid")),
        ("event trigger", "pg_event_trigger", "true"),
        ("extended statistics", "pg_statistic_ext", _in_schema("x.stxnamespace")),
        ("text search configuration", "pg_ts_config", _in_schema("x.cfgnamespace")),
        ("text search dictionary", "pg_ts_dict", _in_schema("x.dictnamespace")),
        ("text search parser", "pg_ts_parser", _in_schema("x.prsnamespace")),
        ("text search template", "pg_ts_template", _in_schema("x.tmplnamespace")),
        ("foreign data wrapper", "pg_foreign_data_wrapper", "true"),
        ("foreign server", "pg_foreign_server", "true"),
        ("publication", "pg_publication", "true"),
        ("default privileges", "pg_default_acl", f"x.defaclnamespace = 0 OR {_in_schema('x.defaclnamespace')}"),
        ("transform", "pg_transform", "true"),
    )
