-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_types;
CREATE TYPE zoo_types.mood AS ENUM ('sad', 'it''s ok', 'häppy', E'back\\slash', 'new
line');
ALTER TYPE zoo_types.mood ADD VALUE 'first' BEFORE 'sad';
CREATE TYPE zoo_types.empty_enum AS ENUM ();
CREATE TYPE zoo_types."Quoted ""Type""" AS ENUM ('a');
ALTER TYPE zoo_types."Quoted ""Type""" OWNER TO zoo_owner;
COMMENT ON TYPE zoo_types.mood IS 'how one feels';
GRANT USAGE ON TYPE zoo_types.mood TO zoo_reader;
REVOKE USAGE ON TYPE zoo_types.mood FROM PUBLIC;
CREATE TYPE zoo_types.address AS (street text COLLATE "C", "House ""No""" integer, tags varchar(20)[], price numeric(10, 2));
COMMENT ON TYPE zoo_types.address IS 'where';
COMMENT ON COLUMN zoo_types.address."House ""No""" IS 'its number';
CREATE TYPE zoo_types.nested AS (at zoo_types.address, mood zoo_types.mood, many zoo_types.mood[]);
CREATE TYPE zoo_types.nothing AS ();
CREATE TYPE zoo_types.dropped AS (a integer, gone text, c date);
ALTER TYPE zoo_types.dropped DROP ATTRIBUTE gone;
CREATE DOMAIN zoo_types.positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN zoo_types.code AS varchar(8) COLLATE "C" DEFAULT 'x''y' NOT NULL
    CONSTRAINT "Code ""check""" CHECK (VALUE ~ '^[a-z'']+$') CONSTRAINT short CHECK (length(VALUE) < 8);
ALTER DOMAIN zoo_types.code OWNER TO zoo_owner;
COMMENT ON DOMAIN zoo_types.code IS 'a code';
COMMENT ON CONSTRAINT "Code ""check""" ON DOMAIN zoo_types.code IS 'only letters';
GRANT USAGE ON DOMAIN zoo_types.code TO zoo_reader;
CREATE DOMAIN zoo_types.late AS integer;
ALTER DOMAIN zoo_types.late ADD CONSTRAINT late_check CHECK (VALUE <> 13) NOT VALID;
CREATE DOMAIN zoo_types.when_ AS timestamp(3) with time zone DEFAULT now();
CREATE TYPE zoo_types.float_range AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE TYPE zoo_types.text_range AS RANGE (subtype = text, collation = "C");
CREATE TYPE zoo_types.pattern_range AS RANGE (subtype = text, subtype_opclass = text_pattern_ops);
COMMENT ON TYPE zoo_types.float_range IS 'a range';
-- A domain whose check calls a function on the domain itself: a loop.
CREATE DOMAIN zoo_types.looped AS integer;
CREATE FUNCTION zoo_types.looped_ok(zoo_types.looped) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT $1::integer > 0';
ALTER DOMAIN zoo_types.looped ADD CONSTRAINT looped_check CHECK (zoo_types.looped_ok(VALUE));
--- servers 11 and later
CREATE DOMAIN zoo_types.numbers AS zoo_types.positive[] DEFAULT '{1,2}';
--- servers 14 and later
CREATE TYPE zoo_types.named_multirange AS RANGE (subtype = integer, multirange_type_name = zoo_types."Many ""ranges""");
CREATE TABLE zoo_types.multiranges (a zoo_types."Many ""ranges""", b nummultirange, c zoo_types."Many ""ranges"""[]);
INSERT INTO zoo_types.multiranges VALUES ('{[1,3),[5,7)}', '{[1.5,2.5]}', NULL);
--- servers 17 and later
CREATE DOMAIN zoo_types.named_not_null AS text CONSTRAINT "must ""be""" NOT NULL;
CREATE DOMAIN zoo_types.commented_not_null AS text NOT NULL;
COMMENT ON CONSTRAINT "must ""be""" ON DOMAIN zoo_types.named_not_null IS 'never null';
