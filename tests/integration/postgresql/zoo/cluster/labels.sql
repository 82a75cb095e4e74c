-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- No build has a label provider, so labels are written into the catalog by hand. They cannot be restored.
INSERT INTO pg_catalog.pg_shseclabel (classoid, objoid, provider, label)
    SELECT 'pg_authid'::regclass, oid, 'Provi der', 'it''s ' || rolname FROM pg_catalog.pg_authid
        WHERE rolname IN ('plain', 'select')
    UNION ALL SELECT 'pg_authid'::regclass, oid, 'dummy', 'second' FROM pg_catalog.pg_authid WHERE rolname = 'plain'
    UNION ALL SELECT 'pg_tablespace'::regclass, oid, 'dummy', spcname FROM pg_catalog.pg_tablespace
        WHERE spcname NOT LIKE 'pg\_%'
    UNION ALL SELECT 'pg_database'::regclass, oid, 'Prov ider', 'it''s ' || datname FROM pg_catalog.pg_database
        WHERE datname LIKE 'Odd%';
