-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "class zoo";
CREATE SCHEMA "family zoo";
CREATE TYPE "class zoo".small AS ENUM ('x', 'y');
CREATE FUNCTION "class zoo"."comp""are"(integer, integer) RETURNS integer AS 'SELECT $1 - $2' LANGUAGE sql IMMUTABLE;
CREATE FUNCTION "class zoo".compare_with_big(integer, bigint) RETURNS integer
    AS 'SELECT CASE WHEN $1 < $2 THEN -1 WHEN $1 > $2 THEN 1 ELSE 0 END' LANGUAGE sql IMMUTABLE;
CREATE OPERATOR CLASS "class zoo"."of ""int""" FOR TYPE integer USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >,
    FUNCTION 1 "class zoo"."comp""are"(integer, integer);
CREATE OPERATOR FAMILY "family zoo"."fam
ily" USING btree;
CREATE OPERATOR FAMILY "family zoo"."table" USING hash;
CREATE OPERATOR CLASS "class zoo"."user" FOR TYPE integer USING btree FAMILY "family zoo"."fam
ily" AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer);
ALTER OPERATOR FAMILY "family zoo"."fam
ily" USING btree ADD
    OPERATOR 1 < (integer, bigint), OPERATOR 2 <= (integer, bigint), OPERATOR 3 = (integer, bigint),
    OPERATOR 4 >= (integer, bigint), OPERATOR 5 > (integer, bigint),
    FUNCTION 1 (integer, bigint) "class zoo".compare_with_big(integer, bigint);
CREATE OPERATOR CLASS "class zoo".kept FOR TYPE integer[] USING gin AS
    STORAGE integer, OPERATOR 1 && (anyarray, anyarray), FUNCTION 1 btint4cmp(integer, integer),
    FUNCTION 2 ginarrayextract(anyarray, internal, internal),
    FUNCTION 3 ginqueryarrayextract(anyarray, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 ginarrayconsistent(internal, smallint, anyarray, integer, internal, internal, internal, internal);
CREATE OPERATOR CLASS "class zoo"."near" DEFAULT FOR TYPE lseg USING gist AS
    OPERATOR 1 <-> (lseg, lseg) FOR ORDER BY pg_catalog.float_ops;
CREATE OPERATOR CLASS "class zoo".nothing FOR TYPE bigint USING hash FAMILY "family zoo"."table" AS STORAGE bigint;
CREATE OPERATOR CLASS "class zoo".hashed FOR TYPE text USING hash AS OPERATOR 1 = (text, text), FUNCTION 1 hashtext(text);
--- servers 13 and later
CREATE OPERATOR CLASS "class zoo".equal_images FOR TYPE integer USING btree AS
    OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(integer, integer),
    FUNCTION 4 btequalimage(oid);
--- all servers
ALTER OPERATOR FAMILY "family zoo"."table" USING hash OWNER TO zoo_owner;
ALTER OPERATOR CLASS "class zoo".hashed USING hash OWNER TO "zoo ""Owner"" of 'all'";
COMMENT ON OPERATOR FAMILY "family zoo"."fam
ily" USING btree IS 'it''s a family';
COMMENT ON OPERATOR CLASS "class zoo"."of ""int""" USING btree IS 'it''s a class';
CREATE TABLE "class zoo".indexed (a integer, b integer[]);
CREATE INDEX ON "class zoo".indexed (a "class zoo"."of ""int""");
CREATE INDEX ON "class zoo".indexed USING gin (b "class zoo".kept);
