-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "operator zoo";
CREATE TYPE "operator zoo"."ty""pe" AS (a integer);
CREATE FUNCTION "operator zoo"."equal( to"("operator zoo"."ty""pe", "operator zoo"."ty""pe") RETURNS boolean
    AS 'SELECT $1.a = $2.a' LANGUAGE sql IMMUTABLE;
CREATE FUNCTION "operator zoo".differs("operator zoo"."ty""pe", "operator zoo"."ty""pe") RETURNS boolean
    AS 'SELECT $1.a <> $2.a' LANGUAGE sql IMMUTABLE;
CREATE FUNCTION "operator zoo".negative("operator zoo"."ty""pe") RETURNS boolean AS 'SELECT $1.a < 0' LANGUAGE sql;
CREATE FUNCTION "operator zoo"."plus integer"("operator zoo"."ty""pe", integer) RETURNS integer
    AS 'SELECT $1.a + $2' LANGUAGE sql;
CREATE FUNCTION "operator zoo"."integer plus"(integer, "operator zoo"."ty""pe") RETURNS integer
    AS 'SELECT $1 + $2.a' LANGUAGE sql;
CREATE OPERATOR "operator zoo".= (
    PROCEDURE = "operator zoo"."equal( to", LEFTARG = "operator zoo"."ty""pe", RIGHTARG = "operator zoo"."ty""pe",
    COMMUTATOR = OPERATOR("operator zoo".=), NEGATOR = OPERATOR("operator zoo".<>), RESTRICT = eqsel,
    JOIN = eqjoinsel, HASHES, MERGES);
CREATE OPERATOR "operator zoo".<> (
    PROCEDURE = "operator zoo".differs, LEFTARG = "operator zoo"."ty""pe", RIGHTARG = "operator zoo"."ty""pe",
    NEGATOR = OPERATOR("operator zoo".=), RESTRICT = neqsel, JOIN = neqjoinsel);
CREATE OPERATOR "operator zoo".@#@ (PROCEDURE = "operator zoo".negative, RIGHTARG = "operator zoo"."ty""pe");
CREATE OPERATOR "operator zoo".+ (
    PROCEDURE = "operator zoo"."plus integer", LEFTARG = "operator zoo"."ty""pe", RIGHTARG = integer,
    COMMUTATOR = OPERATOR("operator zoo".+));
CREATE OPERATOR "operator zoo".+ (
    PROCEDURE = "operator zoo"."integer plus", LEFTARG = integer, RIGHTARG = "operator zoo"."ty""pe",
    COMMUTATOR = OPERATOR("operator zoo".+));
CREATE OPERATOR "operator zoo".|/| (PROCEDURE = pg_catalog.float8mul, LEFTARG = double precision, RIGHTARG = float8);
-- This one leaves a shell of its negator behind.
CREATE OPERATOR "operator zoo".&&& (
    PROCEDURE = int4eq, LEFTARG = integer, RIGHTARG = integer, NEGATOR = OPERATOR("operator zoo".!&&&));
--- servers 10 to 13
CREATE OPERATOR "operator zoo".!~#! (PROCEDURE = "operator zoo".negative, LEFTARG = "operator zoo"."ty""pe");
--- all servers
ALTER OPERATOR "operator zoo".@#@ (NONE, "operator zoo"."ty""pe") OWNER TO "zoo ""Owner"" of 'all'";
COMMENT ON OPERATOR "operator zoo".@#@ (NONE, "operator zoo"."ty""pe") IS 'it''s a prefix operator';
COMMENT ON OPERATOR "operator zoo".+ (integer, "operator zoo"."ty""pe") IS 'of two types';
