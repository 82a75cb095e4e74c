-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA "conversion ""zoo""";
CREATE CONVERSION "conversion ""zoo""".plain FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE DEFAULT CONVERSION "conversion ""zoo"""."the
default" FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
--- servers 10 to 13
CREATE FUNCTION "conversion ""zoo"""."own fünction"(integer, integer, cstring, internal, integer)
    RETURNS void AS '$libdir/utf8_and_iso8859_1', 'utf8_to_iso8859_1' LANGUAGE c STRICT;
--- servers 14 and later
CREATE FUNCTION "conversion ""zoo"""."own fünction"(integer, integer, cstring, internal, integer, boolean)
    RETURNS integer AS '$libdir/utf8_and_iso8859_1', 'utf8_to_iso8859_1' LANGUAGE c STRICT;
--- all servers
CREATE CONVERSION "conversion ""zoo"""."user" FOR 'UTF8' TO 'LATIN1' FROM "conversion ""zoo"""."own fünction";
ALTER CONVERSION "conversion ""zoo""".plain OWNER TO zoo_owner;
COMMENT ON CONVERSION "conversion ""zoo"""."the
default" IS 'a default';
COMMENT ON CONVERSION "conversion ""zoo""".plain IS '';
COMMENT ON CONVERSION "conversion ""zoo""".plain IS 'not empty';
