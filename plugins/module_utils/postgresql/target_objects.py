# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The user's objects in a database: what makes a restore's target not empty."""

from __future__ import annotations

from ..lazy_dataclass import dataclass
from .session import Session

_FIRST_USER_OID = 16384

#: Kind, schema and name, for every object that is not PostgreSQL's own and no member of an extension. Types that come
# with a table or another type (row types, arrays, multiranges) are not listed beside it. Not everyone may read the
# OIDs of subscriptions, and they are in no extension.
OBJECTS = f"""
SELECT o.kind, o.schema, o.name FROM (
    SELECT 'pg_class'::pg_catalog.regclass AS classid, c.oid, n.nspname::text AS schema, c.relname::text AS name,
        CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE'
            WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END AS kind
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
  UNION ALL
    SELECT 'pg_proc'::pg_catalog.regclass, p.oid, n.nspname::text,
        p.proname || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')', 'FUNCTION'
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  UNION ALL
    SELECT 'pg_type'::pg_catalog.regclass, y.oid, n.nspname::text, y.typname::text,
        CASE y.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END
    FROM pg_catalog.pg_type y JOIN pg_catalog.pg_namespace n ON n.oid = y.typnamespace
    WHERE y.typtype IN ('b', 'd', 'e', 'r')
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type a WHERE a.typarray = y.oid)
  UNION ALL
    SELECT 'pg_operator'::pg_catalog.regclass, x.oid, n.nspname::text, x.oprname::text, 'OPERATOR'
    FROM pg_catalog.pg_operator x JOIN pg_catalog.pg_namespace n ON n.oid = x.oprnamespace
  UNION ALL
    SELECT 'pg_opfamily'::pg_catalog.regclass, x.oid, n.nspname::text, x.opfname::text, 'OPERATOR FAMILY'
    FROM pg_catalog.pg_opfamily x JOIN pg_catalog.pg_namespace n ON n.oid = x.opfnamespace
  UNION ALL
    SELECT 'pg_collation'::pg_catalog.regclass, x.oid, n.nspname::text, x.collname::text, 'COLLATION'
    FROM pg_catalog.pg_collation x JOIN pg_catalog.pg_namespace n ON n.oid = x.collnamespace
  UNION ALL
    SELECT 'pg_conversion'::pg_catalog.regclass, x.oid, n.nspname::text, x.conname::text, 'CONVERSION'
    FROM pg_catalog.pg_conversion x JOIN pg_catalog.pg_namespace n ON n.oid = x.connamespace
  UNION ALL
    SELECT 'pg_ts_config'::pg_catalog.regclass, x.oid, n.nspname::text, x.cfgname::text,
        'TEXT SEARCH CONFIGURATION'
    FROM pg_catalog.pg_ts_config x JOIN pg_catalog.pg_namespace n ON n.oid = x.cfgnamespace
  UNION ALL
    SELECT 'pg_ts_dict'::pg_catalog.regclass, x.oid, n.nspname::text, x.dictname::text,
        'TEXT SEARCH DICTIONARY'
    FROM pg_catalog.pg_ts_dict x JOIN pg_catalog.pg_namespace n ON n.oid = x.dictnamespace
  UNION ALL
    SELECT 'pg_ts_parser'::pg_catalog.regclass, x.oid, n.nspname::text, x.prsname::text,
        'TEXT SEARCH PARSER'
    FROM pg_catalog.pg_ts_parser x JOIN pg_catalog.pg_namespace n ON n.oid = x.prsnamespace
  UNION ALL
    SELECT 'pg_ts_template'::pg_catalog.regclass, x.oid, n.nspname::text, x.tmplname::text,
        'TEXT SEARCH TEMPLATE'
    FROM pg_catalog.pg_ts_template x JOIN pg_catalog.pg_namespace n ON n.oid = x.tmplnamespace
  UNION ALL
    SELECT 'pg_statistic_ext'::pg_catalog.regclass, x.oid, n.nspname::text, x.stxname::text, 'STATISTICS'
    FROM pg_catalog.pg_statistic_ext x JOIN pg_catalog.pg_namespace n ON n.oid = x.stxnamespace
  UNION ALL
    SELECT 'pg_namespace'::pg_catalog.regclass, n.oid, n.nspname::text, n.nspname::text, 'SCHEMA'
    FROM pg_catalog.pg_namespace n WHERE n.nspname <> 'public'
  UNION ALL
    SELECT 'pg_cast'::pg_catalog.regclass, x.oid, '',
        pg_catalog.format_type(x.castsource, NULL) || ' AS ' || pg_catalog.format_type(x.casttarget, NULL), 'CAST'
    FROM pg_catalog.pg_cast x
  UNION ALL
    SELECT 'pg_language'::pg_catalog.regclass, x.oid, '', x.lanname::text, 'PROCEDURAL LANGUAGE'
    FROM pg_catalog.pg_language x
  UNION ALL
    SELECT 'pg_am'::pg_catalog.regclass, x.oid, '', x.amname::text, 'ACCESS METHOD' FROM pg_catalog.pg_am x
  UNION ALL
    SELECT 'pg_foreign_data_wrapper'::pg_catalog.regclass, x.oid, '', x.fdwname::text, 'FOREIGN DATA WRAPPER'
    FROM pg_catalog.pg_foreign_data_wrapper x
  UNION ALL
    SELECT 'pg_foreign_server'::pg_catalog.regclass, x.oid, '', x.srvname::text, 'SERVER'
    FROM pg_catalog.pg_foreign_server x
  UNION ALL
    SELECT 'pg_event_trigger'::pg_catalog.regclass, x.oid, '', x.evtname::text, 'EVENT TRIGGER'
    FROM pg_catalog.pg_event_trigger x
  UNION ALL
    SELECT 'pg_publication'::pg_catalog.regclass, x.oid, '', x.pubname::text, 'PUBLICATION'
    FROM pg_catalog.pg_publication x
  UNION ALL
    SELECT 'pg_subscription'::pg_catalog.regclass, {_FIRST_USER_OID}::pg_catalog.oid, '', x.subname::text,
        'SUBSCRIPTION'
    FROM pg_catalog.pg_subscription x JOIN pg_catalog.pg_database d ON d.oid = x.subdbid
    WHERE d.datname = pg_catalog.current_database()
  UNION ALL
    SELECT 'pg_largeobject'::pg_catalog.regclass, x.oid, '', x.oid::text, 'LARGE OBJECT'
    FROM pg_catalog.pg_largeobject_metadata x
) o
WHERE (o.oid >= {_FIRST_USER_OID} OR o.kind = 'LARGE OBJECT')
    AND o.schema !~ '^pg_' AND o.schema <> 'information_schema'
    AND NOT EXISTS (
        SELECT 1 FROM pg_catalog.pg_depend d
        WHERE d.classid = o.classid AND d.objid = o.oid AND d.deptype = 'e'
    )
ORDER BY o.kind <> 'TABLE', o.kind, o.schema, o.name
"""


@dataclass(frozen=True)
class TargetObject:
    """One object of the target.

    :param kind: as a table of contents says it (functions of every sort are ``FUNCTION``).
    :param schema: empty where it is in no schema.
    """

    kind: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.schema}.{self.name}" if self.schema else f"{self.kind} {self.name}"


def user_objects(session: Session) -> tuple[TargetObject, ...]:
    """Every object that a user made in the session's database, extensions and their members not counted."""
    return tuple(
        TargetObject(kind, "" if kind == "SCHEMA" else schema, name) for kind, schema, name in session.rows(OBJECTS)
    )
