-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- The roles that the other files take as owners and grantees; they belong to the whole server, so they may be there.
DO $do$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['zoo_owner', 'zoo "Owner" of ''all''', 'zoo_reader', 'Zöo, Reader',
        'zoo "odd" Role', 'select'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I', wanted);
        END IF;
    END LOOP;
END
$do$;
GRANT zoo_owner, "zoo ""Owner"" of 'all'", "zoo ""odd"" Role", "select" TO CURRENT_USER;
