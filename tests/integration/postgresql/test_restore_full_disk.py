# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Disks that fill up during a restore: the server's, that of the record for resuming, that of a script."""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import DbfleetError, OutOfSpaceError, RestoreError
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.postgresql.restore_script import ScriptRestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin
from dbfleet.restore_script import RestoreScriptRequest, restore_to_script
from tests import servers
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    fill,
    new_database,
    pg_dump,
    restore,
)

CONTENT = """
CREATE TABLE a_first AS SELECT generate_series(1, 10) AS n;
CREATE TABLE large AS SELECT n, repeat(md5(n::text), 5) AS x FROM generate_series(1, 50000) n;
CREATE INDEX of_large ON large (x, n);
"""


@pytest.fixture
def small_disk(pg_latest: servers.Server) -> Iterator[Path]:
    """A folder on a disk of its own, which the server's user can come to."""
    folder = pg_latest.folder / f"disk_{uuid.uuid4().hex[:8]}"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
        folder.rmdir()


def resize(disk: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", disk], check=True)


@pytest.mark.parametrize(
    ("size", "failed", "jobs", "resume"),
    [
        ("11m", "TABLE DATA public.large", 1, False),
        ("11m", "TABLE DATA public.large", 1, True),
        ("11m", "TABLE DATA public.large", 2, True),
        ("19m", "INDEX public.of_large", 1, False),
        ("19m", "INDEX public.of_large", 2, True),
    ],
)
def test_the_disk_of_the_server(
    pg_latest: servers.Server, small_disk: Path, tmp_path: Path, size: str, failed: str, jobs: int, resume: bool
) -> None:
    """The object and the way out are named, what was done is said; when there is room it goes on."""
    resize(small_disk, size)
    place = small_disk.name
    location = small_disk / "space"
    location.mkdir()
    owner = Path(pg_latest.folder / "data").stat()
    os.chown(location, owner.st_uid, owner.st_gid)
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as name:
        fill(pg_latest, source, CONTENT)
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        pg_latest.execute(f"CREATE TABLESPACE {place} LOCATION '{location}'")
        try:
            pg_latest.execute(f"CREATE DATABASE {name} TEMPLATE template0 TABLESPACE {place}")
            run = RunOptions(resume=resume, state_folder=str(tmp_path / "state"), transaction_size=int(resume))
            with pytest.raises(RestoreError, match="No space left on device") as caught:
                restore(pg_latest, archive, name, jobs=jobs, run=run)
            error = caught.value
            assert failed in error.message
            assert error.context["sqlstate"] == "53100"
            assert "disk" in error.hint
            assert error.context["failed"] == [failed]
            assert ("TABLE public.large" in error.context["done"]) == resume
            assert ("everything was rolled back" in error.message) == (not resume)
            resize(small_disk, "300m")
            restore(pg_latest, archive, name, jobs=jobs, run=run)
            assert_equal_databases(pg_latest, source, name)
        finally:
            pg_latest.execute(f"DROP DATABASE IF EXISTS {name}", f"DROP TABLESPACE {place}")


def fill_up(disk: Path, *, leaving: int) -> Path:
    """Leave so many blocks of 4 KiB."""
    ballast = disk / "ballast"
    free = os.statvfs(disk)
    ballast.write_bytes(bytes((free.f_bavail - leaving) * free.f_bsize))
    return ballast


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("leaving", [0, 1])
def test_the_disk_of_the_record(
    pg_latest: servers.Server, small_disk: Path, tmp_path: Path, leaving: int, jobs: int
) -> None:
    """Nothing is committed that could not be recorded; when there is room the restore goes on."""
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        for number in range(40):
            fill(pg_latest, source, f"CREATE TABLE t{number} AS SELECT generate_series(1, {number}) AS n")
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        ballast = fill_up(small_disk, leaving=leaving)
        options: dict[str, Any] = {
            "jobs": jobs, "run": RunOptions(resume=True, state_folder=str(small_disk), transaction_size=3)
        }  # fmt: skip
        with pytest.raises(DbfleetError, match=r"cannot write .*jsonl: No space left on device") as caught:
            restore(pg_latest, archive, name, **options)
        if leaving:
            assert isinstance(caught.value, RestoreError)
            assert "were restored before and remain: run it again with resume to go on" in caught.value.message
            assert "free space there" in caught.value.hint
            assert 0 < len(caught.value.context["done"]) < 80
        else:
            assert isinstance(caught.value, OutOfSpaceError)
            with pg_latest.connect(name) as connection:
                assert connection.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 't_'").fetchone() == (0,)
        ballast.unlink()
        restore(pg_latest, archive, name, **options)
        assert_equal_databases(pg_latest, source, name)
        assert list(small_disk.iterdir()) == []


def test_the_disk_of_a_script(pg_latest: servers.Server, small_disk: Path, tmp_path: Path) -> None:
    with new_database(pg_latest) as source:
        fill(pg_latest, source, CONTENT)
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
    script = small_disk / "out.sql"
    script.write_text("old", encoding="ascii")
    with pytest.raises(OutOfSpaceError, match=r"cannot write .*out\.sql") as caught:
        restore_to_script(
            RestoreScriptRequest(ScriptRestoreOptions(), Origin(source=str(archive)), str(script)), Progress()
        )
    assert "free space there" in caught.value.hint
    assert [(path.name, path.read_text(encoding="ascii")) for path in small_disk.iterdir()] == [("out.sql", "old")]
