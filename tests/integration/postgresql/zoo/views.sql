-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_views;
CREATE TABLE zoo_views.base (id integer PRIMARY KEY, name text, "odd ""col""" integer);
CREATE VIEW zoo_views.simple AS SELECT id, name FROM zoo_views.base WHERE name <> 'a;b';
CREATE VIEW zoo_views.checked WITH (security_barrier) AS SELECT * FROM zoo_views.base WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW zoo_views.cascaded AS SELECT * FROM zoo_views.checked WITH CASCADED CHECK OPTION;
CREATE VIEW zoo_views."View ""x""" ("a b", "select") AS SELECT id, 'it''s' || name FROM zoo_views.base;
ALTER VIEW zoo_views.simple ALTER COLUMN name SET DEFAULT 'dflt';
ALTER VIEW zoo_views.simple OWNER TO zoo_owner;
COMMENT ON VIEW zoo_views.simple IS 'simple';
COMMENT ON COLUMN zoo_views.simple.name IS 'the name';
GRANT SELECT ON zoo_views.simple TO zoo_reader;
GRANT UPDATE (name) ON zoo_views.simple TO zoo_reader;
CREATE VIEW zoo_views.no_columns AS SELECT;
CREATE VIEW zoo_views.with_collation AS SELECT name COLLATE "C" AS c FROM zoo_views.base;
-- A view that needs the primary key (functional dependency), so its query comes after the data.
CREATE VIEW zoo_views.grouped AS SELECT id, name, name COLLATE "C" AS collated, count(*) FROM zoo_views.base GROUP BY id;
-- Two views and a function in a loop.
CREATE VIEW zoo_views.looped AS SELECT 1 AS a, 'x'::text AS b;
CREATE FUNCTION zoo_views.of_looped(zoo_views.looped) RETURNS integer LANGUAGE sql AS 'SELECT $1.a';
CREATE OR REPLACE VIEW zoo_views.looped AS SELECT id AS a, name AS b FROM zoo_views.base WHERE zoo_views.of_looped(NULL) IS NULL;
CREATE RULE upsert AS ON INSERT TO zoo_views.simple DO INSTEAD INSERT INTO zoo_views.base VALUES (new.id, new.name);
CREATE RULE "quiet ""one""" AS ON UPDATE TO zoo_views.base WHERE old.name = 'x;y' DO ALSO DELETE FROM zoo_views.base WHERE id = old.id;
COMMENT ON RULE upsert ON zoo_views.simple IS 'redirects';
CREATE RULE off AS ON DELETE TO zoo_views.base DO INSTEAD NOTHING;
ALTER TABLE zoo_views.base DISABLE RULE off;
CREATE MATERIALIZED VIEW zoo_views.filled AS SELECT id, name FROM zoo_views.base;
CREATE MATERIALIZED VIEW zoo_views.unfilled WITH (fillfactor = 80) AS SELECT count(*) AS n FROM zoo_views.base WITH NO DATA;
CREATE VIEW zoo_views.over_filled AS SELECT * FROM zoo_views.filled;
CREATE MATERIALIZED VIEW zoo_views.a_second AS SELECT * FROM zoo_views.over_filled;
CREATE MATERIALIZED VIEW zoo_views.late AS SELECT id, name, count(*) FROM zoo_views.base GROUP BY id;
CREATE UNIQUE INDEX filled_id ON zoo_views.filled (id);
ALTER MATERIALIZED VIEW zoo_views.filled ALTER COLUMN name SET STATISTICS 77;
GRANT USAGE, CREATE ON SCHEMA zoo_views TO zoo_owner;
GRANT SELECT ON zoo_views.base TO zoo_owner;
ALTER MATERIALIZED VIEW zoo_views.filled OWNER TO zoo_owner;
COMMENT ON MATERIALIZED VIEW zoo_views.filled IS 'filled';
COMMENT ON COLUMN zoo_views.filled.name IS 'column';
GRANT SELECT ON zoo_views.filled TO zoo_reader;
CREATE VIEW zoo_views.on_composite AS SELECT b AS whole FROM zoo_views.base b;
--- servers 15 and later
CREATE VIEW zoo_views.invoker WITH (security_invoker = true) AS SELECT * FROM zoo_views.base;
