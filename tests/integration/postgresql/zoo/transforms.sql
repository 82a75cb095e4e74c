-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA transforms;
CREATE TYPE transforms."ty pe" AS ENUM ('a');
CREATE FUNCTION transforms."fröm"(internal) RETURNS internal AS 'prsd_lextype' LANGUAGE internal STRICT IMMUTABLE;
CREATE FUNCTION transforms."to"(internal) RETURNS transforms."ty pe" AS 'int4recv' LANGUAGE internal STRICT IMMUTABLE;
CREATE TRANSFORM FOR transforms."ty pe" LANGUAGE plpgsql (
    FROM SQL WITH FUNCTION transforms."fröm"(internal), TO SQL WITH FUNCTION transforms."to"(internal));
CREATE TRANSFORM FOR integer LANGUAGE sql (
    FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
CREATE TRANSFORM FOR double precision LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal));
CREATE TRANSFORM FOR bigint LANGUAGE plpgsql (TO SQL WITH FUNCTION int8recv(internal));
COMMENT ON TRANSFORM FOR transforms."ty pe" LANGUAGE plpgsql IS 'it''s a transform';
COMMENT ON TRANSFORM FOR integer LANGUAGE sql IS 'of a built-in type';
