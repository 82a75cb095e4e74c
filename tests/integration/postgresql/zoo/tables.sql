-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_tables;
CREATE SCHEMA "Odd ""Schema""";
CREATE TABLE zoo_tables.every_type (
    id bigserial PRIMARY KEY,
    a smallint, b integer, c bigint, d numeric, e numeric(12, 3), f real, g double precision, h money,
    i text, j varchar, k varchar(10), l char(5), m char, n "char", o name, p bytea, q bit(3), r bit varying(7), s bit varying,
    t timestamp, u timestamp(3), v timestamptz, w timestamptz(0), x date, y time, z time(2) with time zone,
    aa interval, ab interval day to second(3), ac interval year, ad boolean, ae uuid, af json, ag jsonb, ah xml,
    ai inet, aj cidr, ak macaddr, al point, am box, an int4range, ao tstzrange, ap oid, aq regclass, ar tsvector,
    asx tsquery, at integer[], au varchar(3)[][], av numeric(5, 1)[], aw interval minute[], ax pg_lsn, ay txid_snapshot
);
INSERT INTO zoo_tables.every_type (a, d, f, g, h, i, l, n, p, q, r, t, w, aa, ad, af, ag, ai, al, an, aq, ar, at, au)
VALUES (-32768, 'NaN', 'infinity', 0.1 + 0.2, 12.5, E'tab\tnew\nline\\backslash \\N \\. é ''quote'' "double"', 'ab', 'x',
        '\x00ff5c0a0d', B'101', B'1', '-infinity', '2024-02-29 12:00:00+14', '1 year -2 days 03:04:05.678', true,
        '{"a": 1, "a": 2}', '{"b": [1, null]}', '::1/64', '(1,2)', '[1,5)', 'pg_class', 'a fat cat', '{1,NULL,3}', '{{a,NULL},{"",c}}'),
       (1, NULL, '-0', 1e-300, NULL, '', '', NULL, '', NULL, '', NULL, NULL, '-1 mons', NULL, NULL, NULL, NULL, NULL, 'empty', NULL, '', '{}', NULL),
       (2, NULL, NULL, NULL, NULL, '\.', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE "Odd ""Schema"""."Tab""le 'x' é
; DROP TABLE y; --" (
    "select" integer DEFAULT 1, "Col""umn 'é' \ " text DEFAULT 'it''s \ "x"', "new
line" date, "a,b" integer, "%s $1 :x" text
);
INSERT INTO "Odd ""Schema"""."Tab""le 'x' é
; DROP TABLE y; --" VALUES (1, 'a', '2020-01-01', 2, 'x'), (2, NULL, NULL, NULL, E'\b\f\v\r');
COMMENT ON TABLE "Odd ""Schema"""."Tab""le 'x' é
; DROP TABLE y; --" IS E'hostile\n\\. comment';
COMMENT ON COLUMN "Odd ""Schema"""."Tab""le 'x' é
; DROP TABLE y; --"."new
line" IS 'the newline';
CREATE TABLE zoo_tables.no_columns ();
INSERT INTO zoo_tables.no_columns DEFAULT VALUES;
INSERT INTO zoo_tables.no_columns DEFAULT VALUES;
CREATE TABLE zoo_tables.dropped_columns (a integer, b text, c integer, d text);
INSERT INTO zoo_tables.dropped_columns VALUES (1, 'b', 3, 'd');
ALTER TABLE zoo_tables.dropped_columns DROP COLUMN a, DROP COLUMN c;
ALTER TABLE zoo_tables.dropped_columns ADD COLUMN e integer NOT NULL DEFAULT 7;
CREATE UNLOGGED TABLE zoo_tables.unlogged (a integer);
INSERT INTO zoo_tables.unlogged VALUES (1);
CREATE TABLE zoo_tables.attributes (
    a text COLLATE "C" NOT NULL, b text COLLATE "POSIX" DEFAULT 'x' NOT NULL, c text, d bytea, e integer, f text DEFAULT NULL
) WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_vacuum_threshold = 99);
ALTER TABLE zoo_tables.attributes ALTER c SET STORAGE EXTERNAL, ALTER d SET STORAGE MAIN, ALTER a SET STATISTICS 500,
    ALTER e SET STATISTICS 0, ALTER c SET (n_distinct = -0.5, n_distinct_inherited = 100);
ALTER TABLE zoo_tables.attributes REPLICA IDENTITY FULL;
ALTER TABLE zoo_tables.attributes OWNER TO "zoo ""odd"" Role";
CREATE TABLE zoo_tables.no_identity (a integer);
ALTER TABLE zoo_tables.no_identity REPLICA IDENTITY NOTHING;
CREATE TABLE zoo_tables.by_index (a integer NOT NULL, b integer NOT NULL);
CREATE UNIQUE INDEX by_index_a ON zoo_tables.by_index (a);
ALTER TABLE zoo_tables.by_index REPLICA IDENTITY USING INDEX by_index_a;
CREATE TABLE zoo_tables.by_key (a integer PRIMARY KEY, b integer UNIQUE);
ALTER TABLE zoo_tables.by_key REPLICA IDENTITY USING INDEX by_key_pkey;
ALTER TABLE zoo_tables.by_key CLUSTER ON by_key_b_key;
CREATE TYPE zoo_tables.row AS (a integer, b text, c date);
CREATE TABLE zoo_tables.typed OF zoo_tables.row;
CREATE TABLE zoo_tables.typed_more OF zoo_tables.row (a PRIMARY KEY, b WITH OPTIONS DEFAULT 'x' NOT NULL, CHECK (a > 0));
CREATE TABLE zoo_tables.parent (a integer NOT NULL, b text DEFAULT 'p' CHECK (b <> ''), c integer, CONSTRAINT own CHECK (c > 0) NO INHERIT);
CREATE TABLE zoo_tables.other_parent (x integer, c integer DEFAULT 5);
CREATE TABLE zoo_tables.child (d integer NOT NULL, CHECK (d > 0)) INHERITS (zoo_tables.parent, zoo_tables.other_parent);
CREATE TABLE zoo_tables.child_merged (a integer, b text DEFAULT 'own', extra text) INHERITS (zoo_tables.parent);
CREATE TABLE zoo_tables.grandchild () INHERITS (zoo_tables.child);
ALTER TABLE zoo_tables.child ALTER b SET DEFAULT 'c', ALTER c SET NOT NULL, ALTER x SET STATISTICS 50, ALTER c SET DEFAULT 6;
ALTER TABLE zoo_tables.grandchild ALTER b DROP DEFAULT;
INSERT INTO zoo_tables.parent VALUES (1, 'p', 1);
INSERT INTO zoo_tables.child VALUES (2, 'c', 2, 3, 4);
INSERT INTO zoo_tables.grandchild VALUES (3, 'g', 3, 3, 4);
CREATE TABLE zoo_tables.checks (
    a integer CHECK (a > 0), b integer, c text,
    CONSTRAINT "both ""of"" them" CHECK (a < b AND c ~ 'x;y'), CONSTRAINT weak CHECK (b <> 5) NO INHERIT
);
ALTER TABLE zoo_tables.checks ADD CONSTRAINT unproven CHECK (c <> 'z') NOT VALID;
COMMENT ON CONSTRAINT "both ""of"" them" ON zoo_tables.checks IS 'both';
COMMENT ON CONSTRAINT unproven ON zoo_tables.checks IS 'not yet';
CREATE TABLE zoo_tables.secured (a integer, b text);
ALTER TABLE zoo_tables.secured ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "see ""all""" ON zoo_tables.secured USING (b = current_user) WITH CHECK (a > 0);
CREATE POLICY strict ON zoo_tables.secured AS RESTRICTIVE FOR SELECT TO zoo_reader, "zoo ""odd"" Role" USING (a > 1);
CREATE POLICY adding ON zoo_tables.secured FOR INSERT WITH CHECK (a < 100);
COMMENT ON POLICY strict ON zoo_tables.secured IS 'strictly';
GRANT SELECT, INSERT (a, b), UPDATE (b) ON zoo_tables.checks TO zoo_reader;
GRANT SELECT (a) ON zoo_tables.attributes TO zoo_reader WITH GRANT OPTION;
GRANT ALL ON zoo_tables.parent TO zoo_reader, "zoo ""odd"" Role" WITH GRANT OPTION;
REVOKE ALL ON zoo_tables.child FROM CURRENT_USER;
GRANT SELECT ON zoo_tables.child TO PUBLIC;
REVOKE INSERT, TRUNCATE ON zoo_tables.attributes FROM "zoo ""odd"" Role";
CREATE TEMPORARY TABLE not_dumped (a integer);
--- servers 12 and later
CREATE TABLE zoo_tables.generated (
    a integer, b integer GENERATED ALWAYS AS (a * 2) STORED, c text DEFAULT 'c',
    "d ""q""" text COLLATE "C" GENERATED ALWAYS AS (c || '''x') STORED NOT NULL
);
INSERT INTO zoo_tables.generated (a, c) VALUES (1, 'x'), (2, 'y');
CREATE TABLE zoo_tables.generated_child () INHERITS (zoo_tables.generated);
CREATE TABLE zoo_tables.generated_alone (a integer, b integer GENERATED ALWAYS AS (1) STORED);
ALTER TABLE zoo_tables.generated_alone DROP COLUMN a;
INSERT INTO zoo_tables.generated_alone DEFAULT VALUES;
--- servers 14 and later
CREATE TABLE zoo_tables.compressed (a text COMPRESSION pglz, b text);
--- servers 18 and later
CREATE TABLE zoo_tables.virtual (a integer, b integer GENERATED ALWAYS AS (a + 1) VIRTUAL, c integer GENERATED ALWAYS AS (a + 2));
INSERT INTO zoo_tables.virtual (a) VALUES (1);
CREATE TABLE zoo_tables.not_nulls (
    a integer CONSTRAINT "named ""one""" NOT NULL, b integer NOT NULL NO INHERIT, c integer, d integer PRIMARY KEY, e integer
);
ALTER TABLE zoo_tables.not_nulls ADD CONSTRAINT later NOT NULL c NOT VALID;
ALTER TABLE zoo_tables.not_nulls ADD CONSTRAINT not_nulls_e_not_null NOT NULL e;
COMMENT ON CONSTRAINT "named ""one""" ON zoo_tables.not_nulls IS 'named';
COMMENT ON CONSTRAINT not_nulls_e_not_null ON zoo_tables.not_nulls IS 'a default name with a comment';
COMMENT ON CONSTRAINT later ON zoo_tables.not_nulls IS 'later';
CREATE TABLE zoo_tables.not_nulls_child (CONSTRAINT own_name NOT NULL e) INHERITS (zoo_tables.not_nulls);
ALTER TABLE zoo_tables.not_nulls_child ADD CONSTRAINT local_b NOT NULL b;
CREATE TABLE zoo_tables.unenforced (a integer CHECK (a > 0) NOT ENFORCED, b integer REFERENCES zoo_tables.by_key NOT ENFORCED);
CREATE TABLE zoo_tables.periods (id int4range, at tstzrange, PRIMARY KEY (id, at WITHOUT OVERLAPS));
CREATE TABLE zoo_tables.period_users (id int4range, at tstzrange, FOREIGN KEY (id, PERIOD at) REFERENCES zoo_tables.periods (id, PERIOD at));
