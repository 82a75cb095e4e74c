-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "foreign zoo";
CREATE FUNCTION "foreign zoo"."valid""ator"(text[], oid) RETURNS boolean AS 'SELECT true' LANGUAGE sql;
CREATE FOREIGN DATA WRAPPER "bare";
CREATE FOREIGN DATA WRAPPER "with ""all"" 'of it
" VALIDATOR "foreign zoo"."valid""ator" OPTIONS (zulu 'it''s', alpha 'back\slash', "Select" '', "tab le" E'two\nlines');
CREATE FOREIGN DATA WRAPPER "user" NO HANDLER NO VALIDATOR OPTIONS ("order" '1');
CREATE SERVER plain FOREIGN DATA WRAPPER "bare";
CREATE SERVER "ser""ver" TYPE 'ty''pe' VERSION '1.\2' FOREIGN DATA WRAPPER "with ""all"" 'of it
" OPTIONS (host 'h''ost', "Port" '5432', dbname 'ünï');
CREATE SERVER "table" VERSION '' FOREIGN DATA WRAPPER "user";
CREATE USER MAPPING FOR PUBLIC SERVER plain;
CREATE USER MAPPING FOR "zoo ""Owner"" of 'all'" SERVER plain OPTIONS ("user" 'some''one', password 'se"cret\');
CREATE USER MAPPING FOR zoo_reader SERVER plain OPTIONS (a '1');
CREATE USER MAPPING FOR CURRENT_USER SERVER "ser""ver" OPTIONS (b '2', a '1');
CREATE FOREIGN TABLE "foreign zoo"."ta""ble" (
    a integer OPTIONS (column_name 'A''s', "Select" '1') NOT NULL,
    "b
c" text COLLATE "C" DEFAULT 'x',
    d numeric(4, 2) OPTIONS (x 'y') CHECK (d > 0)
) SERVER "ser""ver" OPTIONS (table_name 'of''ten', schema_name 's"');
CREATE FOREIGN TABLE "foreign zoo".empty () SERVER plain;
CREATE TABLE "foreign zoo".parent (a integer, note text);
CREATE FOREIGN TABLE "foreign zoo".child (own text) INHERITS ("foreign zoo".parent) SERVER plain OPTIONS (k 'v');
CREATE TABLE "foreign zoo".parts (id integer, day date) PARTITION BY RANGE (day);
CREATE FOREIGN TABLE "foreign zoo".part PARTITION OF "foreign zoo".parts
    FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') SERVER plain;
ALTER FOREIGN TABLE "foreign zoo"."ta""ble" ALTER COLUMN a SET STATISTICS 7;
ALTER FOREIGN TABLE "foreign zoo"."ta""ble" ALTER COLUMN a SET (n_distinct = 5);
ALTER FOREIGN TABLE "foreign zoo"."ta""ble" ALTER COLUMN "b
c" SET STORAGE EXTERNAL;
ALTER FOREIGN DATA WRAPPER "user" OWNER TO CURRENT_USER;
ALTER SERVER "table" OWNER TO CURRENT_USER;
ALTER FOREIGN TABLE "foreign zoo".empty OWNER TO CURRENT_USER;
GRANT USAGE ON FOREIGN DATA WRAPPER "bare" TO zoo_owner WITH GRANT OPTION;
GRANT USAGE ON FOREIGN DATA WRAPPER "user" TO PUBLIC;
GRANT USAGE ON FOREIGN SERVER "ser""ver" TO "Zöo, Reader";
ALTER SERVER plain OWNER TO zoo_owner;
GRANT USAGE ON FOREIGN SERVER plain TO zoo_reader;
REVOKE ALL ON FOREIGN SERVER plain FROM zoo_owner;
GRANT SELECT, INSERT ON "foreign zoo"."ta""ble" TO zoo_reader;
GRANT SELECT (a) ON "foreign zoo"."ta""ble" TO PUBLIC;
COMMENT ON FOREIGN DATA WRAPPER "bare" IS 'a ''wrapper''';
COMMENT ON SERVER "ser""ver" IS 'a "server"';
COMMENT ON FOREIGN TABLE "foreign zoo"."ta""ble" IS 'a foreign table';
COMMENT ON COLUMN "foreign zoo"."ta""ble"."b
c" IS 'a column';
--- servers 12 and later
CREATE FOREIGN TABLE "foreign zoo".generated (a integer, b integer GENERATED ALWAYS AS (a * 2) STORED) SERVER plain;
