# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore builds indexes with on the server's own host: more memory, and workers for the processors left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import RestoreError
from dbfleet.postgresql import index_building
from dbfleet.postgresql.index_building import IndexWorkers
from dbfleet.postgresql.options import ConnectionOptions
from tests import servers
from tests.servers.fixtures import ServerPool

from .restore_support import fill, new_database, pg_dump, restore
from .test_copy_out import session_of

# A materialized view is filled during the restore, and so tells of it.
SEEN = "CREATE MATERIALIZED VIEW seen AS SELECT pg_size_bytes(current_setting('maintenance_work_mem')) AS memory"


@pytest.fixture
def archive(pg_server: servers.Server, tmp_path: Path) -> Iterator[Path]:
    with new_database(pg_server) as source:
        fill(pg_server, source, SEEN)
        yield pg_dump(pg_server, source, tmp_path / "archive", "-Fc")


def seen(server: servers.Server, database: str) -> int:
    return int(server.execute("SELECT memory FROM seen", database=database)[0][0])


@pytest.mark.parametrize("jobs", [1, 4])
def test_a_share_of_what_is_free(pg_server: servers.Server, archive: Path, jobs: int) -> None:
    with new_database(pg_server) as name:
        own = server_setting(pg_server, name)
        restore(pg_server, archive, name, jobs=jobs)
        assert own < seen(pg_server, name) <= (1 << 30)
        # Of the restore's sessions, not of the server.
        assert server_setting(pg_server, name) == own


def server_setting(server: servers.Server, database: str) -> int:
    query = "SELECT pg_size_bytes(current_setting('maintenance_work_mem'))"
    return int(server.execute(query, database=database)[0][0])


def test_what_was_set_for_the_database_stays(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SEEN)
        path = pg_dump(pg_latest, source, tmp_path / "archive", "-Fc")
        pg_latest.execute(f"ALTER DATABASE {name} SET maintenance_work_mem = '3MB'")
        restore(pg_latest, path, name)
        assert seen(pg_latest, name) == 3 << 20


def test_what_the_caller_has_set_stays(
    pg_latest: servers.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c maintenance_work_mem=2GB")
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SEEN)
        restore(pg_latest, pg_dump(pg_latest, source, tmp_path / "archive", "-Fc"), name)
        assert seen(pg_latest, name) == 2 << 30


def test_of_a_host_that_may_be_another_one_nothing_is_known(pg_latest: servers.Server, tmp_path: Path) -> None:
    far = ConnectionOptions(host="127.0.0.1", port=pg_latest.port, user=pg_latest.user, password="dbfleet")
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SEEN)
        restore(pg_latest, pg_dump(pg_latest, source, tmp_path / "archive", "-Fc"), name, connection=far)
        assert seen(pg_latest, name) == server_setting(pg_latest, name)


@pytest.mark.parametrize(("processors", "expected"), [(1, [0, 0, 0]), (2, [1, 0, 0]), (4, [2, 2, 1]), (64, [2, 2, 2])])
def test_workers_for_one_index(
    pg_latest: servers.Server, monkeypatch: pytest.MonkeyPatch, processors: int, expected: list[int]
) -> None:
    """Those beside have a processor each, and the server's own setting is the most."""
    monkeypatch.setattr(index_building.os, "cpu_count", lambda: processors)
    with session_of(pg_latest) as session:
        workers = IndexWorkers(session)
        assert [workers.beside(busy) for busy in (1, 2, 3)] == expected
        session.execute("SET max_parallel_maintenance_workers = 7")
        assert [IndexWorkers(session).beside(busy) for busy in (1, 2, 3)] == [None] * 3
    with session_of(pg_latest, unix_socket="", host="127.0.0.1") as session:
        assert IndexWorkers(session).beside(1) is None


def test_without_parallel_building_there_are_none(server_pool: ServerPool) -> None:
    with session_of(server_pool.get("pg10")) as session:
        assert IndexWorkers(session).beside(1) is None


# An index over what a function gives cannot be built where the function does not like the setting.
BUILT = """
CREATE FUNCTION picky(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_database() <> '{source}' THEN
        ASSERT current_setting('max_parallel_maintenance_workers') = '0', 'helped';
    END IF;
    RETURN n;
END $$;
CREATE TABLE one (n int); INSERT INTO one VALUES (1); CREATE INDEX ON one (picky(n));
CREATE TABLE two (n int); INSERT INTO two VALUES (1); CREATE INDEX ON two (picky(n));
"""


def test_indexes_are_built_with_so_many(
    pg_latest: servers.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as one, new_database(pg_latest) as two:
        fill(pg_latest, source, BUILT.format(source=source))
        archive = pg_dump(pg_latest, source, tmp_path / "archive", "-Fc")
        monkeypatch.setattr(index_building.os, "cpu_count", lambda: 1)
        restore(pg_latest, archive, one, jobs=2)
        monkeypatch.setattr(index_building.os, "cpu_count", lambda: 64)
        with pytest.raises(RestoreError, match="P0004"):
            restore(pg_latest, archive, two, jobs=2)
