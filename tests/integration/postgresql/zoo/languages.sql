-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA languages;
CREATE FUNCTION languages."call handler"() RETURNS language_handler AS '$libdir/plpgsql', 'plpgsql_call_handler' LANGUAGE c;
CREATE FUNCTION languages."inline handler"(internal) RETURNS void AS '$libdir/plpgsql', 'plpgsql_inline_handler' LANGUAGE c;
CREATE FUNCTION languages.validator(oid) RETURNS void AS '$libdir/plpgsql', 'plpgsql_validator' LANGUAGE c;
CREATE TRUSTED LANGUAGE "Pl ""own""" HANDLER languages."call handler" INLINE languages."inline handler" VALIDATOR languages.validator;
CREATE LANGUAGE untrusted HANDLER languages."call handler";
CREATE TRUSTED LANGUAGE "table" HANDLER languages."call handler" VALIDATOR languages.validator;
ALTER LANGUAGE "table" OWNER TO zoo_owner;
COMMENT ON LANGUAGE "Pl ""own""" IS 'it''s a language';
COMMENT ON LANGUAGE untrusted IS 'another';
REVOKE USAGE ON LANGUAGE "Pl ""own""" FROM PUBLIC;
GRANT USAGE ON LANGUAGE "Pl ""own""" TO "Zöo, Reader" WITH GRANT OPTION;
GRANT USAGE ON LANGUAGE "table" TO zoo_reader;
REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
GRANT USAGE ON LANGUAGE plpgsql TO zoo_reader;
REVOKE USAGE ON LANGUAGE sql FROM PUBLIC;
CREATE FUNCTION languages.uses() RETURNS integer AS 'BEGIN RETURN 1; END' LANGUAGE "Pl ""own""";
