-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_extensions;
CREATE EXTENSION citext;
-- Tables that an extension made for its users' rows. None of these extensions has any, so their catalog entry is changed.
CREATE TABLE zoo_extensions.config (id integer PRIMARY KEY, "odd ""col""" text);
CREATE TABLE zoo_extensions.all_rows (a integer REFERENCES zoo_extensions.config, b text);
CREATE SEQUENCE zoo_extensions.numbers;
SELECT nextval('zoo_extensions.numbers');
INSERT INTO zoo_extensions.config VALUES (1, 'its own'), (1001, 'a user''s');
INSERT INTO zoo_extensions.all_rows VALUES (1, E'x\ty');
ALTER EXTENSION citext ADD TABLE zoo_extensions.config;
ALTER EXTENSION citext ADD TABLE zoo_extensions.all_rows;
ALTER EXTENSION citext ADD SEQUENCE zoo_extensions.numbers;
UPDATE pg_catalog.pg_extension SET
    extconfig = ARRAY['zoo_extensions.all_rows'::regclass::oid, 'zoo_extensions.config'::regclass, 'zoo_extensions.numbers'::regclass],
    extcondition = ARRAY['', 'WHERE id > 1000', '']
WHERE extname = 'citext';
