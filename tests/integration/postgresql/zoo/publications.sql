-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "pub zoo";
CREATE TABLE "pub zoo"."ta""ble" (a integer PRIMARY KEY, "B b" integer, "select" text, d date);
CREATE TABLE "pub zoo".other (id integer PRIMARY KEY, note text);
CREATE TABLE "pub zoo".parts (id integer, day date) PARTITION BY RANGE (day);
CREATE TABLE "pub zoo".part PARTITION OF "pub zoo".parts FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE PUBLICATION empty;
CREATE PUBLICATION "pub ""li'c
ation" FOR TABLE "pub zoo"."ta""ble", "pub zoo".other WITH (publish = 'insert, delete');
CREATE PUBLICATION "all" FOR ALL TABLES WITH (publish = '');
CREATE PUBLICATION second FOR TABLE ONLY "pub zoo".other;
ALTER PUBLICATION second OWNER TO CURRENT_USER;
COMMENT ON PUBLICATION "all" IS 'it''s everything';
COMMENT ON PUBLICATION empty IS 'nothing';
--- servers 11 and later
CREATE PUBLICATION truncates FOR TABLE "pub zoo".part WITH (publish = 'truncate');
--- servers 13 and later
CREATE PUBLICATION "Root" FOR TABLE "pub zoo".parts WITH (publish_via_partition_root = true);
--- servers 15 and later
CREATE PUBLICATION filtered FOR TABLE "pub zoo"."ta""ble" (a, "select", "B b") WHERE ("B b" > 5 AND "select" <> 'it''s'),
    "pub zoo".other WHERE (id % 2 = 0)
    WITH (publish = 'insert');
CREATE PUBLICATION of_schema FOR TABLES IN SCHEMA "pub zoo", public;
CREATE PUBLICATION mixed FOR TABLES IN SCHEMA public, TABLE "pub zoo".other;
--- servers 18 and later
CREATE TABLE "pub zoo".generated (id integer PRIMARY KEY, twice integer GENERATED ALWAYS AS (id * 2) STORED);
CREATE PUBLICATION "gen" FOR TABLE "pub zoo".generated WITH (publish_generated_columns = stored);
CREATE PUBLICATION "Root gen" FOR ALL TABLES WITH (publish_generated_columns = stored, publish_via_partition_root = true);
--- servers 14 and later
ALTER PUBLICATION empty OWNER TO CURRENT_USER;
