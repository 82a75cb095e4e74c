-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_extensions;
CREATE EXTENSION ltree WITH SCHEMA zoo_extensions;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION citext;
COMMENT ON EXTENSION citext IS 'not the usual ''comment''';
CREATE TABLE zoo_extensions.using_them (a zoo_extensions.ltree, b citext, c real DEFAULT similarity('a', 'b'), d zoo_extensions.ltree[]);
INSERT INTO zoo_extensions.using_them (a, b) VALUES ('a.b', 'Text');
CREATE INDEX ON zoo_extensions.using_them USING gist (a);
CREATE INDEX depending ON zoo_extensions.using_them (b);
CREATE FUNCTION zoo_extensions.depending(citext) RETURNS zoo_extensions.ltree LANGUAGE sql AS 'SELECT NULL::zoo_extensions.ltree';
ALTER FUNCTION zoo_extensions.depending(citext) DEPENDS ON EXTENSION citext;
CREATE MATERIALIZED VIEW zoo_extensions.matview AS SELECT b FROM zoo_extensions.using_them;
ALTER MATERIALIZED VIEW zoo_extensions.matview DEPENDS ON EXTENSION citext;
ALTER INDEX zoo_extensions.depending DEPENDS ON EXTENSION citext;
GRANT EXECUTE ON FUNCTION public.similarity(text, text) TO zoo_reader;
REVOKE EXECUTE ON FUNCTION public.show_trgm(text) FROM PUBLIC;
