-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- For servers that are built with ICU.
CREATE SCHEMA icu;
CREATE COLLATION icu.german (provider = icu, locale = 'de-u-co-phonebk');
--- servers 12 and later
CREATE COLLATION icu.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
--- servers 16 and later
CREATE COLLATION icu."ruled" (provider = icu, locale = 'en', rules = '&V << w <<< W & a < ''x''');
CREATE COLLATION icu."ruled, not exact" (provider = icu, locale = 'en', deterministic = false, rules = '&a < g');
