# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory that a restore builds indexes in: more on the server's own host, unless somebody has said otherwise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.postgresql.options import ConnectionOptions
from tests import servers

from .restore_support import fill, new_database, pg_dump, restore

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
