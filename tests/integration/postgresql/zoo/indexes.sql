-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_indexes;
CREATE TABLE zoo_indexes.t (a integer, b text, c text COLLATE "C", d int[], e tsvector, "f ""g""" integer);
CREATE INDEX t_a ON zoo_indexes.t (a);
CREATE UNIQUE INDEX "T ""b""" ON zoo_indexes.t (lower(b), a DESC NULLS LAST) WHERE a > 0 AND b <> 'x;y';
CREATE INDEX ON zoo_indexes.t USING gin (d) WITH (fastupdate = off);
CREATE INDEX ON zoo_indexes.t USING gist (e);
CREATE INDEX ON zoo_indexes.t USING hash (c);
CREATE INDEX ON zoo_indexes.t USING brin (a) WITH (pages_per_range = 16);
CREATE INDEX t_pattern ON zoo_indexes.t (b text_pattern_ops, c COLLATE "POSIX");
CREATE INDEX t_expression ON zoo_indexes.t ((a + "f ""g"""), (a * 2));
ALTER TABLE zoo_indexes.t CLUSTER ON t_a;
COMMENT ON INDEX zoo_indexes.t_pattern IS 'patterns';
ALTER TABLE zoo_indexes.t OWNER TO zoo_owner;
--- servers 11 and later
CREATE INDEX t_include ON zoo_indexes.t (a) INCLUDE (b, c);
ALTER INDEX zoo_indexes.t_expression ALTER COLUMN 1 SET STATISTICS 200;
ALTER INDEX zoo_indexes.t_expression ALTER COLUMN 2 SET STATISTICS 300;
