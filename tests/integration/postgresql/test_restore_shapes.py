# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A database of awkward shapes: circles of foreign keys, 500 partitions, views on functions on views, search paths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.progress import Progress
from tests import servers
from tests.integration.postgresql.restore_support import (
    LocalArtifact,
    fill,
    new_database,
    pg_dump,
    schema_of,
    target,
)
from tests.servers.fixtures import ServerPool

SHAPES = """
CREATE TABLE a (id int PRIMARY KEY, b int);
CREATE TABLE b (id int PRIMARY KEY, c int);
CREATE TABLE c (id int PRIMARY KEY, a int REFERENCES a);
INSERT INTO a SELECT i, 101 - i FROM generate_series(1, 100) i;
INSERT INTO b SELECT i, 101 - i FROM generate_series(1, 100) i;
INSERT INTO c SELECT i, i FROM generate_series(1, 100) i;
ALTER TABLE a ADD FOREIGN KEY (b) REFERENCES b;
ALTER TABLE b ADD FOREIGN KEY (c) REFERENCES c;
CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
INSERT INTO self SELECT i, nullif(i % 100, 0) + 1 FROM generate_series(1, 100) i;
CREATE TABLE parts (k int PRIMARY KEY, v text, a int REFERENCES a) PARTITION BY RANGE (k);
CREATE INDEX ON parts (v);
DO $$ BEGIN FOR i IN 0 .. 499 LOOP
    EXECUTE format('CREATE TABLE part%s PARTITION OF parts FOR VALUES FROM (%s) TO (%s)', i, i * 10, i * 10 + 10);
END LOOP; END $$;
INSERT INTO parts SELECT i, md5(i::text), 1 + i % 100 FROM generate_series(0, 4999) i;
CREATE TABLE refers (k int REFERENCES parts);
INSERT INTO refers SELECT generate_series(0, 4999);
CREATE FUNCTION of_a(a) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1.id';
CREATE VIEW va AS SELECT of_a(a) FROM a;
CREATE FUNCTION on_view() RETURNS SETOF va LANGUAGE sql STABLE AS 'SELECT * FROM public.va';
CREATE VIEW vv AS SELECT * FROM on_view();
CREATE SCHEMA other;
CREATE TABLE other.hidden AS SELECT 1 AS x;
CREATE FUNCTION needs_path() RETURNS bigint LANGUAGE sql STABLE SET search_path = other
AS 'SELECT count(*) FROM hidden';
CREATE FUNCTION total(t text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$ DECLARE n bigint; BEGIN
    EXECUTE 'SELECT count(*) FROM ' || t INTO n; RETURN n;
END $$;
CREATE MATERIALIZED VIEW mv AS SELECT needs_path() AS n, total('public.a') AS m;
CREATE MATERIALIZED VIEW mv2 AS SELECT * FROM mv;
"""


@pytest.fixture(scope="module")
def server(server_pool: ServerPool) -> servers.Server:
    return server_pool.get("pg18")


@pytest.fixture(scope="module")
def source(server: servers.Server) -> Iterator[str]:
    with new_database(server) as name:
        fill(server, name, SHAPES)
        yield name


def test_awkward_shapes_come_back(server: servers.Server, source: str, tmp_path: Path) -> None:
    archive = LocalArtifact(pg_dump(server, source, tmp_path / "genuine"))
    progress = Progress()
    with new_database(server, create=False) as name:
        with target(server, name, create=True, jobs=2, run=RunOptions(verify="digest")) as opened:
            opened.verify(archive, None, progress)
            opened.plan(archive, None)
            contents = opened.restore(archive, None, progress)
        assert schema_of(server, name) == schema_of(server, source)
        assert contents.checks["compared"]["digest"] == len(contents.tables) == 506
        assert progress.warnings == []
        assert contents.checks["invalid_indexes"] == contents.checks["unvalidated_constraints"] == []
