# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The operators and functions of operator classes and of operator families."""

from __future__ import annotations

import typing as t

from ..quoting import qualified
from .base import CatalogOid, Key

if t.TYPE_CHECKING:
    from .context import Catalog

# What a class's statement brought depends on the class; what was added to the family depends on the family.
_OPERATORS = """
    SELECT d.refclassid::pg_catalog.oid, d.refobjid, o.amopstrategy, o.amopopr::pg_catalog.regoperator,
           n.nspname, f.opfname
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_amop o ON o.oid = d.objid
    LEFT JOIN pg_catalog.pg_opfamily f ON f.oid = o.amopsortfamily
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = f.opfnamespace
    WHERE d.classid = 'pg_catalog.pg_amop'::regclass
      AND d.refclassid IN ('pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass)
      AND d.refobjid >= 16384
      AND (d.refclassid = 'pg_catalog.pg_opclass'::regclass OR o.amopfamily = d.refobjid)
    ORDER BY d.refclassid, d.refobjid, o.amopstrategy, o.amoplefttype, o.amoprighttype
"""
_FUNCTIONS = """
    SELECT d.refclassid::pg_catalog.oid, d.refobjid, p.amprocnum, p.amproc::pg_catalog.regprocedure,
           pg_catalog.format_type(p.amproclefttype, NULL), pg_catalog.format_type(p.amprocrighttype, NULL)
    FROM pg_catalog.pg_depend d
    JOIN pg_catalog.pg_amproc p ON p.oid = d.objid
    WHERE d.classid = 'pg_catalog.pg_amproc'::regclass
      AND d.refclassid IN ('pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass)
      AND d.refobjid >= 16384
    ORDER BY d.refclassid, d.refobjid, p.amprocnum, p.amproclefttype, p.amprocrighttype
"""
# A family needs what its members need, except its own classes.
_NEEDS = """
    SELECT m.family, d.refclassid::pg_catalog.oid, d.refobjid
    FROM (SELECT 'pg_catalog.pg_amop'::regclass AS catalog, oid, amopfamily AS family FROM pg_catalog.pg_amop
          UNION ALL
          SELECT 'pg_catalog.pg_amproc'::regclass, oid, amprocfamily FROM pg_catalog.pg_amproc) m
    JOIN pg_catalog.pg_depend d ON d.classid = m.catalog AND d.objid = m.oid
    WHERE d.deptype NOT IN ('p', 'e', 'i') AND m.family >= 16384
      AND NOT (d.refclassid = 'pg_catalog.pg_opfamily'::regclass AND d.refobjid = m.family)
"""


def read_members(catalog: Catalog) -> dict[Key, list[str]]:
    """What stands in the statement of each operator class and family: operators first, then functions, as SQL."""
    members: dict[Key, list[str]] = {}
    for owner, oid, strategy, operator, sort_schema, sort_family in catalog.session.rows(_OPERATORS):
        order = f" FOR ORDER BY {qualified(sort_schema, sort_family)}" if sort_family else ""
        members.setdefault(Key(int(owner), int(oid)), []).append(f"OPERATOR {strategy} {operator}{order}")
    for owner, oid, number, function, left, right in catalog.session.rows(_FUNCTIONS):
        members.setdefault(Key(int(owner), int(oid)), []).append(f"FUNCTION {number} ({left}, {right}) {function}")
    return members


def read_family_needs(catalog: Catalog) -> dict[Key, list[Key]]:
    """What each operator family must come after because of its members."""
    needs: dict[Key, list[Key]] = {}
    for family, needed_catalog, needed_oid in catalog.session.rows(_NEEDS):
        key = Key(CatalogOid.PG_OPFAMILY, int(family))
        needs.setdefault(key, []).append(Key(int(needed_catalog), int(needed_oid)))
    return needs


def member_list(members: t.Sequence[str]) -> str:
    """Members as they follow AS or ADD."""
    return " ,\n    ".join(members)
