-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

-- For a database with every extension that the server ships, in the schema public.
CREATE SCHEMA "contrib zoo";
COMMENT ON EXTENSION hstore IS 'ours, ''really''';
CREATE TABLE "contrib zoo".types (
    id serial PRIMARY KEY, a public.citext COLLATE "C" DEFAULT 'Text'::public.citext, b public.hstore, c public.ltree,
    d public.cube, e public.seg, f public.isbn13, g public.lquery, h public.lo, i integer[], j text, k public.earth,
    CHECK (a OPERATOR(public.<>) 'no'::public.citext), CHECK (c OPERATOR(public.~) '*.b.*'::public.lquery)
);
INSERT INTO "contrib zoo".types (a, b, c, d, e, f, g, i, j, k) VALUES (
    'MiXed ''x''', 'a => "1 ,\"", b => NULL', 'a.b.c', '(1,2),(3,4)', '1.5 .. 2.5', '978-0-393-04002-9', '*.a|b.*',
    '{1,2,3}', E'tab\tand \\ backslash', ll_to_earth(10, 20));
CREATE INDEX ON "contrib zoo".types USING gist (b);
CREATE INDEX ON "contrib zoo".types USING gin (b);
CREATE INDEX ON "contrib zoo".types USING gist (c);
CREATE INDEX ON "contrib zoo".types USING gist (d);
CREATE INDEX ON "contrib zoo".types USING gist (e);
CREATE INDEX ON "contrib zoo".types USING gist (i public.gist__int_ops);
CREATE INDEX ON "contrib zoo".types USING gin (i public.gin__int_ops);
CREATE INDEX ON "contrib zoo".types USING gin (j public.gin_trgm_ops);
CREATE INDEX ON "contrib zoo".types USING gist (id, j public.gist_trgm_ops);
CREATE INDEX ON "contrib zoo".types USING gin (id, j public.gin_trgm_ops);
CREATE INDEX ON "contrib zoo".types USING bloom (id, j) WITH (length = 80, col1 = 3);
CREATE INDEX ON "contrib zoo".types (public.soundex(j), public.nlevel(c)) WHERE public.nlevel(c) > 1;
ALTER TABLE "contrib zoo".types ADD EXCLUDE USING gist (id WITH =, d WITH OPERATOR(public.&&));
CREATE TRIGGER manage_lo BEFORE UPDATE OR DELETE ON "contrib zoo".types FOR EACH ROW EXECUTE PROCEDURE public.lo_manage(h);
CREATE TRIGGER moddatetime BEFORE UPDATE ON "contrib zoo".types FOR EACH ROW EXECUTE PROCEDURE public.moddatetime(j);
CREATE TRIGGER tell AFTER INSERT ON "contrib zoo".types FOR EACH ROW EXECUTE PROCEDURE public.triggered_change_notification();
CREATE VIEW "contrib zoo".computed AS
    SELECT (SELECT count(*) FROM public.crosstab2('SELECT ''a'', ''b'', ''c''')) AS crosstab, public.similarity('a', 'b') AS similarity,
           public.digest('x', 'sha256') AS digest, public.metaphone('Thompson', 4) AS metaphone,
           public.xpath_string('<a>b</a>', '/a') AS xml;
CREATE VIEW "contrib zoo".statistics AS SELECT query, calls FROM public.pg_stat_statements;
CREATE VIEW "contrib zoo".sampled AS
    SELECT id FROM "contrib zoo".types TABLESAMPLE public.system_rows (10);
CREATE TEXT SEARCH DICTIONARY "contrib zoo".numbers (TEMPLATE = public.intdict_template, maxlen = '4', rejectlong = 'true');
CREATE TEXT SEARCH DICTIONARY "contrib zoo"."un Accent" (TEMPLATE = public.unaccent, rules = 'unaccent');
CREATE TEXT SEARCH CONFIGURATION "contrib zoo".mine (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION "contrib zoo".mine ALTER MAPPING FOR int WITH "contrib zoo".numbers, simple;
CREATE FUNCTION "contrib zoo".f(public.hstore, VARIADIC public.ltree[]) RETURNS SETOF public.citext LANGUAGE sql
    AS 'SELECT NULL::public.citext';
ALTER FUNCTION "contrib zoo".f(public.hstore, VARIADIC public.ltree[]) DEPENDS ON EXTENSION hstore;
CREATE AGGREGATE "contrib zoo".joined(public.hstore) (SFUNC = public.hs_concat, STYPE = public.hstore);
CREATE DOMAIN "contrib zoo".path AS public.ltree CHECK (public.nlevel(VALUE) < 10) DEFAULT 'top';
CREATE TYPE "contrib zoo".pair AS (a public.citext, b public.hstore[]);
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'nowhere', dbname 'it''s none');
CREATE SERVER linked FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host 'nowhere');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere OPTIONS (user 'me', password 'x''y');
CREATE FOREIGN TABLE "contrib zoo".file (line text OPTIONS (force_null 'true')) SERVER files
    OPTIONS (filename '/dev/null', format 'csv', quote '"');
CREATE FOREIGN TABLE "contrib zoo".remote (a integer OPTIONS (column_name 'A a'), b public.citext) SERVER elsewhere
    OPTIONS (schema_name 'there', table_name 'it');
-- Privileges of members.
REVOKE ALL ON FUNCTION public.hstore(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.hstore(text, text) TO zoo_reader WITH GRANT OPTION;
GRANT EXECUTE ON FUNCTION public.pg_buffercache_pages() TO zoo_reader;
REVOKE EXECUTE ON FUNCTION public.dblink_connect(text) FROM PUBLIC;
GRANT SELECT (calls) ON public.pg_stat_statements TO "Zöo, Reader";
REVOKE ALL ON public.pg_stat_statements FROM PUBLIC;
REVOKE USAGE ON TYPE public.citext FROM PUBLIC;
GRANT USAGE ON TYPE public.citext TO zoo_owner;
GRANT USAGE ON FOREIGN DATA WRAPPER postgres_fdw TO zoo_owner;
