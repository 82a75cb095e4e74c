-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_constraints;
CREATE TABLE zoo_constraints.keys (
    a integer, b integer, c text, "d ""e""" integer, f int4range,
    CONSTRAINT "the ""key""" PRIMARY KEY (a, b), CONSTRAINT deferred UNIQUE (c) DEFERRABLE INITIALLY DEFERRED,
    UNIQUE ("d ""e""", a) WITH (fillfactor = 60) DEFERRABLE, CONSTRAINT by_c UNIQUE (c),
    CONSTRAINT apart EXCLUDE USING gist (f WITH &&) WHERE (a > 0)
);
COMMENT ON CONSTRAINT "the ""key""" ON zoo_constraints.keys IS 'key';
COMMENT ON INDEX zoo_constraints."the ""key""" IS 'its index';
CREATE TABLE zoo_constraints.users (
    id integer PRIMARY KEY, x integer, y integer, z text,
    CONSTRAINT to_keys FOREIGN KEY (x, y) REFERENCES zoo_constraints.keys MATCH FULL ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
    parent integer REFERENCES zoo_constraints.users
);
ALTER TABLE zoo_constraints.users ADD CONSTRAINT unproven FOREIGN KEY (z) REFERENCES zoo_constraints.keys (c) NOT VALID;
COMMENT ON CONSTRAINT to_keys ON zoo_constraints.users IS 'points to keys';
-- Two tables that point to each other.
CREATE TABLE zoo_constraints.egg (id integer PRIMARY KEY, hen integer);
CREATE TABLE zoo_constraints.hen (id integer PRIMARY KEY, egg integer REFERENCES zoo_constraints.egg);
ALTER TABLE zoo_constraints.egg ADD FOREIGN KEY (hen) REFERENCES zoo_constraints.hen DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO zoo_constraints.egg VALUES (1, 1);
INSERT INTO zoo_constraints.hen VALUES (1, 1);
COMMIT;
INSERT INTO zoo_constraints.keys VALUES (1, 2, 'c', 3, '[1,2]'), (2, 2, 'd', 4, '[5,6]');
INSERT INTO zoo_constraints.users VALUES (1, 1, 2, 'c', NULL), (2, 2, 2, NULL, 1);
--- servers 11 and later
CREATE TABLE zoo_constraints.covering (a integer, b text, c integer, PRIMARY KEY (a) INCLUDE (b, c), UNIQUE (c) INCLUDE (b));
--- servers 15 and later
CREATE TABLE zoo_constraints.nulls (a integer, b integer, UNIQUE NULLS NOT DISTINCT (a), x integer,
    FOREIGN KEY (x) REFERENCES zoo_constraints.egg ON DELETE SET NULL (x));
CREATE UNIQUE INDEX nulls_b ON zoo_constraints.nulls (b) NULLS NOT DISTINCT;
