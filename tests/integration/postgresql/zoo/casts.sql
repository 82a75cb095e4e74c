-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "cast zoo";
CREATE TYPE "cast zoo"."ty""pe" AS (a integer, b text);
CREATE TYPE "cast zoo"."enum" AS ENUM ('a', 'b');
CREATE DOMAIN "cast zoo".domain AS integer;
CREATE FUNCTION "cast zoo"."to ""int"""("cast zoo"."ty""pe") RETURNS integer AS 'SELECT $1.a' LANGUAGE sql IMMUTABLE;
CREATE FUNCTION "cast zoo".from_int(integer, integer, boolean) RETURNS "cast zoo"."ty""pe"
    AS 'SELECT ROW($1, $2::text)::"cast zoo"."ty""pe"' LANGUAGE sql IMMUTABLE;
CREATE CAST ("cast zoo"."ty""pe" AS integer) WITH FUNCTION "cast zoo"."to ""int"""("cast zoo"."ty""pe");
CREATE CAST (integer AS "cast zoo"."ty""pe") WITH FUNCTION "cast zoo".from_int(integer, integer, boolean) AS ASSIGNMENT;
CREATE CAST (varchar AS "cast zoo"."enum") WITH INOUT AS IMPLICIT;
CREATE CAST (json AS "cast zoo"."ty""pe") WITH INOUT;
CREATE CAST (double precision AS timestamp with time zone) WITH FUNCTION pg_catalog.to_timestamp(double precision) AS ASSIGNMENT;
CREATE CAST (bigint AS timestamp without time zone) WITHOUT FUNCTION AS IMPLICIT;

COMMENT ON CAST (varchar AS "cast zoo"."enum") IS 'it''s a cast';
COMMENT ON CAST (integer AS "cast zoo"."ty""pe") IS 'another';
CREATE TYPE "cast zoo".range AS RANGE (SUBTYPE = numeric);
