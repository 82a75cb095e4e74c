# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Which relations hold data that goes into a backup: the users' own, and extensions' configuration tables."""

from __future__ import annotations

#: A condition on ``pg_class c``, ``pg_namespace n``: in a user's schema, and no member of an extension unless the
#: extension says that users put rows into it.
HOLDS_DATA = """
    c.relpersistence <> 't' AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend e
                     WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
         OR c.oid IN (SELECT pg_catalog.unnest(x.extconfig) FROM pg_catalog.pg_extension x WHERE x.oid >= 16384))
"""
