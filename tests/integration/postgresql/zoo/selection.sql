-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_selection;
-- A table that the search path finds, and what belongs to it.
CREATE TABLE public.zoo_public (id serial PRIMARY KEY, note text CHECK (note <> ''), "Odd ""name""" integer);
INSERT INTO public.zoo_public (note) VALUES ('a'), (E'b\\c\nd');
CREATE INDEX zoo_public_note ON public.zoo_public (lower(note));
CREATE STATISTICS zoo_selection.of_public ON id, note FROM public.zoo_public;
CREATE STATISTICS public.zoo_of_public ON note, id FROM public.zoo_public;
CREATE VIEW public.zoo_view AS SELECT id, note FROM public.zoo_public;
CREATE MATERIALIZED VIEW zoo_selection.filled AS SELECT id FROM public.zoo_view;
COMMENT ON TABLE public.zoo_public IS 'found';
GRANT SELECT (note) ON public.zoo_public TO zoo_reader;
-- What has nearly the same name.
CREATE TABLE zoo_selection.dollar$1 (a integer);
CREATE TABLE zoo_selection."Dollar$1" (a integer);
CREATE TABLE zoo_selection."a.b" (a integer);
CREATE TABLE zoo_selection."a*b" (a integer);
CREATE TABLE zoo_selection."with""quote" (a integer);
CREATE TABLE zoo_selection.axb (a integer);
GRANT USAGE ON SCHEMA zoo_selection TO zoo_reader;
GRANT SELECT ON zoo_selection.axb TO zoo_reader;
-- Another sequence of a column, and inheritance over schemas.
CREATE SEQUENCE public.zoo_another OWNED BY public.zoo_public.id;
CREATE TABLE public.zoo_child (more text) INHERITS (public.zoo_public);
CREATE TABLE zoo_selection.grandchild () INHERITS (public.zoo_child);
INSERT INTO zoo_selection.grandchild (note) VALUES ('c');
-- Rows that are not always wanted.
CREATE UNLOGGED TABLE zoo_selection.unlogged (id serial, v text);
INSERT INTO zoo_selection.unlogged (v) VALUES ('gone');
CREATE TABLE zoo_selection.seen_in_part (owner name DEFAULT current_user, v text);
INSERT INTO zoo_selection.seen_in_part (v) VALUES ('mine');
ALTER TABLE zoo_selection.seen_in_part ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON zoo_selection.seen_in_part USING (owner = current_user);
COMMENT ON POLICY own ON zoo_selection.seen_in_part IS 'own rows';
CREATE FUNCTION zoo_selection.quoting(a text) RETURNS text LANGUAGE sql AS $$ SELECT 'it''s \ ' || a $$;
--- servers 11 and later
CREATE TYPE zoo_selection.mood AS ENUM ('sad', 'ok', 'happy');
CREATE TABLE zoo_selection.by_enum (m zoo_selection.mood, v integer) PARTITION BY HASH (m);
CREATE TABLE zoo_selection.by_enum_0 PARTITION OF zoo_selection.by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zoo_selection.by_enum_1 PARTITION OF zoo_selection.by_enum FOR VALUES WITH (MODULUS 2, REMAINDER 1)
    PARTITION BY LIST (v);
CREATE TABLE zoo_selection.by_enum_1_default PARTITION OF zoo_selection.by_enum_1 DEFAULT;
--- servers 14 and later
CREATE TABLE zoo_selection.compressed (a text COMPRESSION pglz);
--- all servers
CREATE TABLE zoo_selection."with
quote" (a integer);
