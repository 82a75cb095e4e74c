-- Copyright (c) 2026, dbfleet contributors
-- SPDX-License-Identifier: GPL-3.0-or-later

CREATE SCHEMA zoo_partitions;
CREATE TABLE zoo_partitions.by_range (id integer NOT NULL, at date NOT NULL, note text DEFAULT 'n' CHECK (note <> '')) PARTITION BY RANGE (at, lower(note) COLLATE "C");
CREATE TABLE zoo_partitions.range_2020 PARTITION OF zoo_partitions.by_range (note DEFAULT 'twenty', CONSTRAINT only_here CHECK (id > 0))
    FOR VALUES FROM ('2020-01-01', MINVALUE) TO ('2021-01-01', MINVALUE);
CREATE TABLE zoo_partitions.range_2021 PARTITION OF zoo_partitions.by_range FOR VALUES FROM ('2021-01-01', MINVALUE) TO (MAXVALUE, MAXVALUE)
    PARTITION BY LIST (id);
CREATE TABLE zoo_partitions."Range ""2021"" one" PARTITION OF zoo_partitions.range_2021 FOR VALUES IN (1, 2, NULL);
CREATE TABLE zoo_partitions.range_2021_two (note text, at date NOT NULL, gone integer, id integer NOT NULL, CHECK (note <> ''));
ALTER TABLE zoo_partitions.range_2021_two DROP COLUMN gone;
ALTER TABLE zoo_partitions.range_2021_two RENAME CONSTRAINT range_2021_two_note_check TO by_range_note_check;
ALTER TABLE zoo_partitions.range_2021 ATTACH PARTITION zoo_partitions.range_2021_two FOR VALUES IN (3);
ALTER TABLE zoo_partitions.range_2020 OWNER TO zoo_owner;
INSERT INTO zoo_partitions.by_range VALUES (1, '2020-05-05', 'x'), (1, '2021-05-05', 'y'), (3, '2022-01-01', 'z');
CREATE TABLE zoo_partitions.empty_list (a text) PARTITION BY LIST (a);
COMMENT ON TABLE zoo_partitions.by_range IS 'partitioned';
GRANT SELECT ON zoo_partitions.by_range TO zoo_reader;
--- servers 11 and later
CREATE TABLE zoo_partitions.hashed (a integer, b text, PRIMARY KEY (a)) PARTITION BY HASH (a);
CREATE TABLE zoo_partitions.hashed_0 PARTITION OF zoo_partitions.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE zoo_partitions.hashed_1 PARTITION OF zoo_partitions.hashed FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 50);
INSERT INTO zoo_partitions.hashed SELECT g, 'v' || g FROM generate_series(1, 100) g;
CREATE INDEX hashed_b ON zoo_partitions.hashed (b);
CREATE INDEX hashed_only ON ONLY zoo_partitions.hashed (lower(b));
CREATE INDEX "Hashed ""0"" lower" ON zoo_partitions.hashed_0 (lower(b));
ALTER INDEX zoo_partitions.hashed_only ATTACH PARTITION zoo_partitions."Hashed ""0"" lower";
CREATE TABLE zoo_partitions.listed (a integer, b integer, UNIQUE (a, b)) PARTITION BY LIST (a);
CREATE TABLE zoo_partitions.listed_default PARTITION OF zoo_partitions.listed DEFAULT;
CREATE TABLE zoo_partitions.listed_1 PARTITION OF zoo_partitions.listed FOR VALUES IN (1) PARTITION BY RANGE (b);
CREATE TABLE zoo_partitions.listed_1_low PARTITION OF zoo_partitions.listed_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE zoo_partitions.referenced (id integer PRIMARY KEY);
INSERT INTO zoo_partitions.referenced SELECT g FROM generate_series(1, 100) g;
ALTER TABLE zoo_partitions.hashed ADD CONSTRAINT hashed_fk FOREIGN KEY (a) REFERENCES zoo_partitions.referenced;
--- servers 12 and later
CREATE TABLE zoo_partitions.pointing (a integer REFERENCES zoo_partitions.hashed, b integer, c integer, FOREIGN KEY (b, c) REFERENCES zoo_partitions.listed (a, b));
INSERT INTO zoo_partitions.pointing VALUES (1, NULL, NULL);
