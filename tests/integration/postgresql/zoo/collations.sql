-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "Collation zoo";
CREATE COLLATION "Collation zoo".plain (locale = 'C');
CREATE COLLATION "Collation zoo"."q""uo'ted
name" (lc_collate = 'C', lc_ctype = 'POSIX');
CREATE COLLATION "Collation zoo"."select" FROM "C";
ALTER COLLATION "Collation zoo".plain OWNER TO "zoo ""Owner"" of 'all'";
COMMENT ON COLLATION "Collation zoo"."q""uo'ted
name" IS 'it''s a \ comment
of two lines';
COMMENT ON COLLATION "Collation zoo".plain IS 'plain';
--- servers 10 to 13
CREATE COLLATION "Collation zoo".german (provider = icu, locale = 'de-u-co-phonebk');
--- servers 12 to 13
CREATE COLLATION "Collation zoo".nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
--- servers 17 and later
CREATE COLLATION "Collation zoo".builtin (provider = builtin, locale = 'C.UTF-8');
COMMENT ON COLLATION "Collation zoo".builtin IS 'of the server itself';
--- all servers
CREATE TABLE "Collation zoo".uses (a text COLLATE "Collation zoo"."q""uo'ted
name", b text COLLATE "Collation zoo"."select");
