-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_base_types;
CREATE TYPE zoo_base_types."Like ""text""";
CREATE FUNCTION zoo_base_types.text_in(cstring) RETURNS zoo_base_types."Like ""text""" LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION zoo_base_types.text_out(zoo_base_types."Like ""text""") RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE FUNCTION zoo_base_types.text_receive(internal) RETURNS zoo_base_types."Like ""text""" LANGUAGE internal STABLE STRICT AS 'textrecv';
CREATE FUNCTION zoo_base_types.text_send(zoo_base_types."Like ""text""") RETURNS bytea LANGUAGE internal STABLE STRICT AS 'textsend';
CREATE TYPE zoo_base_types."Like ""text""" (input = zoo_base_types.text_in, output = zoo_base_types.text_out,
    receive = zoo_base_types.text_receive, send = zoo_base_types.text_send, internallength = variable, storage = extended,
    collatable = true, category = 'S', preferred = true, delimiter = ';', default = 'it''s');
CREATE TYPE zoo_base_types.number;
CREATE FUNCTION zoo_base_types.number_in(cstring) RETURNS zoo_base_types.number LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION zoo_base_types.number_out(zoo_base_types.number) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE zoo_base_types.number (input = zoo_base_types.number_in, output = zoo_base_types.number_out, like = integer);
CREATE TYPE zoo_base_types.never_made;
ALTER TYPE zoo_base_types.number OWNER TO zoo_owner;
COMMENT ON TYPE zoo_base_types.number IS 'a number';
GRANT USAGE ON TYPE zoo_base_types.number TO zoo_reader;
CREATE FUNCTION zoo_base_types.twice(zoo_base_types.number) RETURNS zoo_base_types.number LANGUAGE sql AS 'SELECT $1';
CREATE TABLE zoo_base_types.using_them (a zoo_base_types.number, b zoo_base_types."Like ""text""" DEFAULT 'x', c zoo_base_types.number[]);
INSERT INTO zoo_base_types.using_them VALUES ('1', 'text', '{1,2}');
CREATE DOMAIN zoo_base_types.over AS zoo_base_types.number;
