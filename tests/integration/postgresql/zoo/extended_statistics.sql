-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "stat zoo";
CREATE SCHEMA elsewhere;
CREATE TABLE "stat zoo"."ta""ble" (a integer, "B b" integer, "select" text, d date);
CREATE STATISTICS "stat zoo".plain ON a, "B b" FROM "stat zoo"."ta""ble";
CREATE STATISTICS elsewhere."st""at'
" (ndistinct) ON "select", a, d FROM "stat zoo"."ta""ble";
CREATE STATISTICS "stat zoo"."user" (dependencies) ON "select", a FROM "stat zoo"."ta""ble";
ALTER STATISTICS "stat zoo"."user" OWNER TO "zoo ""Owner"" of 'all'";
COMMENT ON STATISTICS elsewhere."st""at'
" IS 'it''s statistics';
--- servers 12 and later
CREATE STATISTICS "stat zoo".common (mcv, ndistinct) ON a, "select" FROM "stat zoo"."ta""ble";
--- servers 13 and later
ALTER STATISTICS "stat zoo".common SET STATISTICS 0;
ALTER STATISTICS "stat zoo".plain SET STATISTICS 1234;
ALTER STATISTICS "stat zoo"."user" SET STATISTICS -1;
--- servers 14 and later
CREATE STATISTICS "stat zoo".expression ON (a + "B b") FROM "stat zoo"."ta""ble";
CREATE STATISTICS "stat zoo".expressions (mcv) ON lower("select"), (a % 10), d FROM "stat zoo"."ta""ble";
