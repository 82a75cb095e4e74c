# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain scripts as backups: the whole way of a restore, which leaves all or nothing."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, DbfleetError, RestoreError, TargetNotEmptyError, UsageError
from dbfleet.postgresql.restore_options import RunOptions
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    assert_equal_databases,
    databases,
    fill,
    new_database,
    pg_dump,
    restore,
)
from tests.servers.fixtures import Database


@pytest.mark.parametrize("create", [False, True])
def test_a_plain_dump_is_restored(pg_database: Database, tmp_path: Path, create: bool) -> None:
    server = pg_database.server
    fill(server, pg_database.name, SAMPLE)
    script = pg_dump(server, pg_database.name, tmp_path / "plain.sql", "-Fp")
    (compressed := tmp_path / "plain.sql.gz").write_bytes(gzip.compress(script.read_bytes()))
    before = databases(server)
    with new_database(server, create=not create) as target:
        plan, contents = restore(server, compressed, target, create=create)
        assert_equal_databases(server, pg_database.name, target)
        assert databases(server) == {*before, target}
    assert plan.create is create
    assert plan.tables == tuple((table.schema, table.name) for table in contents.tables)
    assert {(table.schema, table.name): table.rows for table in contents.tables}["shop", "orders"] == 2000
    assert plan.objects["table"] > 5


@pytest.mark.parametrize("create", [False, True])
def test_a_failure_leaves_nothing(pg_latest: servers.Server, tmp_path: Path, create: bool) -> None:
    script = tmp_path / "plain.sql"
    script.write_text("CREATE TABLE a (i int);\nCOPY a FROM stdin;\n1\nx\n\\.\n")
    before = databases(pg_latest)
    with new_database(pg_latest, create=not create) as target:
        with pytest.raises(RestoreError) as caught:
            restore(pg_latest, script, target, create=create)
        assert caught.value.context["line"] == 4
        assert caught.value.context["rolled_back"] is True
        said = "the unfinished database is removed" if create else "everything was rolled back, the target is as it was"
        assert caught.value.message.endswith(f"; {said}")
        if not create:
            with pg_latest.connect(target) as connection:
                assert connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'a'").fetchall() == []
        assert databases(pg_latest) == (before if create else {*before, target})


@pytest.mark.parametrize("create", [False, True])
def test_what_could_be_done_is_kept_where_it_goes_on(pg_latest: servers.Server, tmp_path: Path, create: bool) -> None:
    script = tmp_path / "plain.sql"
    script.write_text("CREATE TABLE a (i int);\nCREATE TABLE a (i int);\nINSERT INTO a VALUES (1);\n", encoding="ascii")
    with new_database(pg_latest, create=not create) as target:
        with pytest.raises(RestoreError, match=f"the others are in database '{target}'") as caught:
            restore(pg_latest, script, target, create=create, run=RunOptions(on_error="continue"))
        assert [failure["line"] for failure in caught.value.context["failed"]] == [2]
        assert pg_latest.execute("SELECT i FROM a", database=target) == [(1,)]


def test_what_was_done_outside_of_a_transaction_is_said(pg_latest: servers.Server, tmp_path: Path) -> None:
    script = tmp_path / "plain.sql"
    script.write_text("CREATE TABLE a (i int);\nINSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\n")
    with new_database(pg_latest) as target:
        with pytest.raises(RestoreError, match="line 3 of .*; 1 statement was done before and remains") as caught:
            restore(pg_latest, script, target, run=RunOptions(skip_existing=True))
        assert caught.value.context["rolled_back"] is False
        # Several INSERT statements are sent at once and are one transaction then.
        assert pg_latest.execute("SELECT i FROM a", database=target) == []


@pytest.mark.parametrize(
    ("text", "options", "kind", "part"),
    [
        ("CREATE TABLE a (i int);\n\\connect other\n", {}, UsageError, "other"),
        ("CREATE TABLE a (i int);\n\\! ls\n", {"create": True}, UsageError, "\\!"),
        ("CREATE TABLE a (i int);\n", {"clean": True}, UsageError, "clean"),
        ("CREATE TABLE a (i int)\n", {}, CorruptArtifactError, "line 1"),
        ("-- nothing\n", {}, CorruptArtifactError, "no statement"),
        ("", {}, DbfleetError, ""),
        ("CREATE TABLE a (i int);\n", {}, TargetNotEmptyError, "not empty"),
    ],
)
def test_what_is_refused_before_the_first_change(
    pg_latest: servers.Server, tmp_path: Path, text: str, options: dict[str, bool], kind: type[DbfleetError], part: str
) -> None:
    script = tmp_path / "plain.sql"
    script.write_text(text)
    create = options.get("create", False)
    with new_database(pg_latest, create=not create) as target:
        if not create:
            fill(pg_latest, target, "CREATE TABLE there (i int)")
        before = databases(pg_latest)
        with pytest.raises(kind) as caught:
            restore(pg_latest, script, target, **options)
        assert part in caught.value.message
        assert databases(pg_latest) == before
        if not create:
            with pg_latest.connect(target) as connection:
                assert connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall() == [
                    ("there",)
                ]


def test_force_restores_beside_what_is_there(pg_latest: servers.Server, tmp_path: Path) -> None:
    script = tmp_path / "plain.sql"
    script.write_text("CREATE TABLE a (i int);\n")
    with new_database(pg_latest) as target:
        fill(pg_latest, target, "CREATE TABLE there (i int)")
        restore(pg_latest, script, target, force=True)
        with pg_latest.connect(target) as connection:
            assert connection.execute("SELECT * FROM a, there").fetchall() == []
