# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replacing a database by its restore, and removing what killed restores left."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dbfleet.errors import PrivilegeError, RestoreError, UsageError
from dbfleet.postgresql.restore_options import RunOptions
from dbfleet.progress import Progress
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    LocalArtifact,
    assert_equal_databases,
    connection_options,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
    target,
    transcribe,
)

REPLACE = RunOptions(replace=True)


def test_the_old_database_gives_way_when_the_new_one_is_complete(pg_server: servers.Server, tmp_path: Path) -> None:
    """Even with someone connected to it."""
    with new_database(pg_server) as source, new_database(pg_server) as name:
        fill(pg_server, source, SAMPLE)
        archive = pg_dump(pg_server, source, tmp_path / "genuine.dump")
        fill(pg_server, name, "CREATE TABLE old (a int)")
        before = databases(pg_server)
        with pg_server.connect(name) as connection:
            plan, _contents = restore(pg_server, archive, name, create=True, run=REPLACE)
            with pytest.raises(Exception, match="terminat|closed"):
                connection.execute("SELECT 1")
        assert plan.drops == (f"DATABASE {name}",)
        assert_equal_databases(pg_server, source, name)
        assert databases(pg_server) == before


def test_where_there_is_none_it_is_just_created(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as name:
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        plan, _contents = restore(pg_latest, archive, name, create=True, run=REPLACE)
        assert plan.drops == ()
        assert name in databases(pg_latest)


def test_a_failure_leaves_the_old_one(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
        genuine = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        fill(pg_latest, name, "CREATE TABLE old (a int)")
        before = databases(pg_latest)
        with pytest.raises(RestoreError, match="TABLE DATA public.t failed"):
            restore(
                pg_latest,
                transcribe(genuine, tmp_path / "bad.dump", rows={"t": b"x\n"}),
                name,
                create=True,
                run=REPLACE,
            )
        with pytest.raises(UsageError, match="exists, so it cannot be created"):
            restore(pg_latest, genuine, name, create=True)
        assert databases(pg_latest) == before
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT * FROM old").fetchall() == []


def test_only_its_owner_may_replace_it(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump", "--no-owner")
        fill(pg_latest, "postgres", "CREATE ROLE maker LOGIN CREATEDB")
        try:
            connection = connection_options(pg_latest)
            maker = dataclasses.replace(connection, user="maker")
            with pytest.raises(PrivilegeError, match="does not own it"):
                restore(pg_latest, archive, name, create=True, run=REPLACE, connection=maker)
            with pytest.raises(UsageError, match="maintenance database"):
                restore(pg_latest, archive, "postgres", create=True, run=REPLACE)
        finally:
            fill(pg_latest, "postgres", "DROP ROLE maker")


def test_what_killed_restores_left_is_swept(pg_latest: servers.Server, tmp_path: Path) -> None:
    """But not what someone is at work in, nor what waits to be resumed."""
    left, busy = "dbfleet_restoring_0123456789abcdef", "dbfleet_restoring_fedcba9876543210"
    waiting = "dbfleet_resumable_0123456789abcdef"
    with new_database(pg_latest) as source, new_database(pg_latest, create=False) as name:
        archive = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        for database in (left, busy, waiting):
            fill(pg_latest, "postgres", f"CREATE DATABASE {database}")
        try:
            progress = Progress()
            with pg_latest.connect(busy), target(pg_latest, name, create=True) as opened:
                artifact = LocalArtifact(archive)
                opened.plan(artifact, None)
                opened.restore(artifact, None, progress)
            assert {busy, waiting} <= databases(pg_latest)
            assert left not in databases(pg_latest)
            assert progress.warnings == [f"the unfinished database {left} of an earlier restore was removed"]
        finally:
            for database in (left, busy, waiting):
                fill(pg_latest, "postgres", f"DROP DATABASE IF EXISTS {database}")
