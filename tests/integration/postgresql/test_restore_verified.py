# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is looked at after a restore: rows and their digests, sequences, indexes, statistics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import RestoreError, UsageError
from dbfleet.postgresql.options import BackupOptions
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.progress import Progress
from dbfleet.repository.manifest import parse_manifest
from dbfleet.repository.records import Manifest
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    connection_options,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
)

TIMES = "CREATE TABLE times (at timestamptz, f double precision); INSERT INTO times "
TIMES += "SELECT now() + i * '1 s'::interval, i / 7.0 FROM generate_series(1, 100) i"


def run(**asked: Any) -> dict[str, Any]:
    return {"run": RunOptions(**asked)}


def ours(server: servers.Server, database: str, folder: Path, **options: Any) -> tuple[Path, Manifest]:
    dest = folder / "ours"
    asked = BackupOptions(connection=connection_options(server), database=database, **options)
    backup(BackupRequest(asked, Destination(dest=str(dest))), Progress())
    manifest = Path(f"{dest}.manifest.json")
    return dest, parse_manifest(manifest.read_bytes(), name=str(manifest))


@pytest.mark.parametrize("jobs", [1, 2])
def test_restored_tables_have_the_digests_of_the_backup(pg_server: servers.Server, tmp_path: Path, jobs: int) -> None:
    with new_database(pg_server) as source, new_database(pg_server, create=False) as name:
        fill(pg_server, source, SAMPLE)
        fill(pg_server, source, TIMES)
        fill(pg_server, source, f"ALTER DATABASE {source} SET timezone TO 'Asia/Kolkata'")
        archive, manifest = ours(pg_server, source, tmp_path)
        _plan, contents = restore(
            pg_server, archive, name, manifest=manifest, create=True, jobs=jobs, **run(verify="digest", analyze=True)
        )
        assert contents.checks["compared"] == {"digest": len(contents.tables), "rows": 0}
        assert contents.checks["sequences"] >= 3
        assert contents.checks["invalid_indexes"] == []
        with pg_server.connect(name) as connection:
            assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'times'").fetchone() == (100,)


def test_without_a_manifest_the_rows_are_compared_with_the_archive(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SAMPLE)
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        _plan, contents = restore(pg_latest, archive, name, **run(verify="digest"))
        # Nothing says in which time zone the genuine pg_dump was run: a table with times counts its rows.
        assert contents.checks["compared"] == {"digest": len(contents.tables) - 1, "rows": 1}


@pytest.mark.parametrize(("how", "change"), [("rows", "DELETE FROM t WHERE a = 3"), ("digest", "UPDATE t SET a = -a")])
def test_a_table_that_differs_fails_the_restore_and_a_new_database_goes_away(
    pg_latest: servers.Server, tmp_path: Path, how: str, change: str
) -> None:
    """The function of a materialized view changes a table behind the restore's back."""
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as name:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10)")
        change = change.replace(" t ", " public.t ")
        fill(pg_latest, source, f"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS '{change}; SELECT 1'")
        fill(pg_latest, source, "CREATE MATERIALIZED VIEW m AS SELECT f()")
        fill(pg_latest, source, "TRUNCATE t; INSERT INTO t SELECT generate_series(1, 10)")
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        with pytest.raises(RestoreError, match="public.t: "):
            restore(pg_latest, archive, name, create=True, **run(verify=how))
        with pg_latest.connect() as connection:
            assert connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchall() == []


def test_constraints_that_were_not_validated_are_named(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t VALUES (-1)")
        fill(pg_latest, source, "ALTER TABLE t ADD CONSTRAINT later CHECK (a > 0) NOT VALID")
        _plan, contents = restore(pg_latest, pg_dump(pg_latest, source, tmp_path / "genuine.dump"), name)
        assert contents.checks["unvalidated_constraints"] == ["public.t later"]


@pytest.mark.parametrize("create", [True, False])
def test_a_script_of_ours_is_compared_too(pg_server: servers.Server, tmp_path: Path, create: bool) -> None:
    with new_database(pg_server) as source, new_database(pg_server, create=not create) as name:
        fill(pg_server, source, SAMPLE)
        fill(pg_server, source, TIMES)
        fill(pg_server, source, 'CREATE TABLE "odd \'n" (id serial); ALTER SEQUENCE "odd \'n_id_seq" RESTART 70')
        script, manifest = ours(pg_server, source, tmp_path, format="plain")
        _plan, contents = restore(
            pg_server, script, name, manifest=manifest, create=create, **run(verify="digest", analyze=True)
        )
        assert contents.checks["compared"] == {"digest": len(contents.tables), "rows": 0}
        assert contents.checks["sequences"] >= 4
        with pg_server.connect(name) as connection:
            assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 'times'").fetchone() == (100,)


@pytest.mark.parametrize(
    ("how", "change", "problem"),
    [
        ("rows", "DELETE FROM t WHERE a = 3", "public.t: 9 rows instead of 10"),
        ("digest", "UPDATE t SET a = -a WHERE a = 10", "public.t: other content"),
        # The same rows in another order.
        ("digest", "UPDATE t SET a = a WHERE a < 5", ""),
    ],
)
@pytest.mark.parametrize("inserts", [False, True])
def test_a_script_s_table_that_differs_fails_the_restore(
    pg_latest: servers.Server, tmp_path: Path, how: str, change: str, problem: str, inserts: bool
) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as name:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 10)")
        change = change.replace(" t ", " public.t ")
        fill(pg_latest, source, f"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS '{change}; SELECT 1'")
        fill(pg_latest, source, "CREATE MATERIALIZED VIEW m AS SELECT f()")
        fill(pg_latest, source, "TRUNCATE t; INSERT INTO t SELECT generate_series(1, 10)")
        script, manifest = ours(pg_latest, source, tmp_path, format="plain", inserts=inserts)
        if problem and not (inserts and how == "digest"):
            with pytest.raises(RestoreError, match=problem):
                restore(pg_latest, script, name, manifest=manifest, create=True, **run(verify=how))
            assert name not in databases(pg_latest)
        else:
            _plan, contents = restore(pg_latest, script, name, manifest=manifest, create=True, **run(verify=how))
            # Statements have no digest.
            assert contents.checks["compared"] == ({"digest": 0, "rows": 1} if inserts else {"digest": 1, "rows": 0})


def test_a_script_without_a_manifest_is_not_compared(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, "CREATE TABLE t (id serial, a int); INSERT INTO t (a) SELECT generate_series(1, 10)")
        script = pg_dump(pg_latest, source, tmp_path / "genuine.sql", "-Fp")
        with pytest.raises(UsageError, match="verify does not go with the script .*, which has no manifest"):
            restore(pg_latest, script, name, **run(verify="rows"))
        _plan, contents = restore(pg_latest, script, name, **run(analyze=True))
        assert contents.checks == {"sequences": 1, "invalid_indexes": [], "unvalidated_constraints": []}
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT reltuples FROM pg_class WHERE relname = 't'").fetchone() == (10,)
