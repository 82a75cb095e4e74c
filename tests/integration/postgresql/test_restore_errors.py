# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a restore does about errors when it is told to go on, to skip what exists, or how large a transaction may be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import RestoreError, UsageError
from dbfleet.postgresql.restore_options import RunOptions
from tests import servers
from tests.integration.postgresql.restore_support import (
    SAMPLE,
    assert_equal_databases,
    content_of,
    fill,
    new_database,
    pg_dump,
    restore,
    target,
    transcribe,
)

SCRIPT = """
CREATE TABLE good (a integer PRIMARY KEY);
INSERT INTO good SELECT generate_series(1, 10);
CREATE TABLE bad (a integer, secret text);
INSERT INTO bad VALUES (1, 'hush');
CREATE UNIQUE INDEX bad_a ON bad (a);
CREATE VIEW over AS SELECT secret FROM bad;
COMMENT ON TABLE bad IS 'a comment';
"""


@pytest.fixture
def archive(pg_server: servers.Server, tmp_path: Path) -> Path:
    """The rows of one table break its unique index."""
    with new_database(pg_server) as source:
        fill(pg_server, source, SCRIPT)
        genuine = pg_dump(pg_server, source, tmp_path / "genuine.dump")
    return transcribe(genuine, tmp_path / "bad.dump", rows={"bad": b"7\thush\n7\thush\n"})


def run(**asked: Any) -> dict[str, Any]:
    return {"run": RunOptions(**asked)}


@pytest.mark.parametrize("jobs", [1, 2])
def test_going_on_restores_the_rest_and_fails_with_the_list(
    pg_server: servers.Server, archive: Path, jobs: int
) -> None:
    with new_database(pg_server) as name:
        fill(pg_server, name, "CREATE VIEW over AS SELECT 1 AS other")
        with pytest.raises(RestoreError, match="2 items of .* could not be restored") as caught:
            restore(pg_server, archive, name, jobs=jobs, force=True, **run(on_error="continue"))
        context = caught.value.context
        assert sorted(context["failed"]) == ["INDEX public.bad_a", "VIEW public.over"]
        assert context["not_begun"] == []
        failures = {failure["item"]: failure for failure in context["failures"]}
        assert failures["INDEX public.bad_a"]["sqlstate"] == "23505"
        assert failures["INDEX public.bad_a"]["statement"].startswith("CREATE UNIQUE INDEX bad_a ON public.bad")
        assert "hush" not in str(context) + str(caught.value)
        assert "7" not in failures["INDEX public.bad_a"]["message"]
        rows = {name: digest.partition(":")[0] for name, digest, *_rest in content_of(pg_server, name)}
        assert rows == {"public.good": "10", "public.bad": "2"}


def test_row_values_are_shown_only_on_request(pg_latest: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_latest) as source, new_database(pg_latest) as name:
        fill(pg_latest, source, SCRIPT)
        genuine = pg_dump(pg_latest, source, tmp_path / "genuine.dump")
        archive = transcribe(genuine, tmp_path / "bad.dump", rows={"bad": b"7\thush\nnone at all\thush\n"})
        with pytest.raises(RestoreError, match="line 2, column a") as hidden:
            restore(pg_latest, archive, name)
        assert "none at all" not in str(hidden.value) + str(hidden.value.context)
        with pytest.raises(RestoreError, match='"none at all"'):
            restore(pg_latest, archive, name, **run(show_data=True))
        duplicate = transcribe(genuine, tmp_path / "twice.dump", rows={"bad": b"7\thush\n7\thush\n"})
        with pytest.raises(RestoreError, match=r"Key \(a\)=\(7\) is duplicated"):
            restore(pg_latest, duplicate, name, **run(show_data=True))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_exists_is_left_as_it_is(pg_server: servers.Server, tmp_path: Path, jobs: int) -> None:
    with new_database(pg_server) as source, new_database(pg_server) as name:
        fill(pg_server, source, SAMPLE)
        archive = pg_dump(pg_server, source, tmp_path / "genuine.dump")
        fill(
            pg_server,
            name,
            "CREATE SCHEMA shop; CREATE TABLE shop.empty (b text); INSERT INTO shop.empty VALUES ('mine');"
            "CREATE TABLE shop.orders (id integer PRIMARY KEY, customer bigint, total integer, "
            "placed timestamptz, kept boolean)",
        )
        with pytest.raises(RestoreError, match="TABLE shop.orders|TABLE shop.empty|SCHEMA shop"):
            restore(pg_server, archive, name, force=True)
        _plan, contents = restore(pg_server, archive, name, jobs=jobs, **run(skip_existing=True))
        assert {"SCHEMA shop", "TABLE shop.orders", "TABLE shop.empty"} <= set(contents.skipped)
        assert "TABLE DATA shop.orders" in contents.skipped
        assert "CONSTRAINT shop.orders orders_pkey" in contents.skipped
        assert {("shop", "orders"), ("shop", "empty")} == set(contents.skipped_tables)
        with pg_server.connect(name) as connection:
            assert connection.execute("SELECT b FROM shop.empty").fetchall() == [("mine",)]
            assert connection.execute("SELECT count(*) FROM shop.orders").fetchone() == (0,)
            assert connection.execute("SELECT count(*) FROM shop.customers").fetchone() == (503,)


def test_no_data_for_tables_that_could_not_be_made(pg_latest: servers.Server, archive: Path, tmp_path: Path) -> None:
    with new_database(pg_latest) as name:
        fill(pg_latest, name, "CREATE TABLE good (a integer)")
        asked = run(on_error="continue", no_data_for_failed_tables=True)
        with pytest.raises(RestoreError) as caught:
            restore(pg_latest, archive, name, force=True, **asked)
        assert "TABLE public.good" in caught.value.context["failed"]
        assert caught.value.context["skipped"] == ["TABLE DATA public.good"]
        with pg_latest.connect(name) as connection:
            assert connection.execute("SELECT count(*) FROM good").fetchone() == (0,)


def test_what_was_committed_remains_and_is_named(pg_latest: servers.Server, archive: Path) -> None:
    with new_database(pg_latest) as name:
        with pytest.raises(RestoreError, match="items were restored before and remain") as caught:
            restore(pg_latest, archive, name, **run(transaction_size=2))
        context = caught.value.context
        assert context["failed"] == ["INDEX public.bad_a"]
        assert len(context["done"]) % 2 == 0
        with pg_latest.connect(name) as connection:
            (tables,) = connection.execute(
                "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            ).fetchone() or (None,)
        assert tables == sum(1 for item in context["done"] if item.startswith("TABLE public."))


def test_transactions_of_any_size_restore_the_same(pg_server: servers.Server, tmp_path: Path) -> None:
    with new_database(pg_server) as source, new_database(pg_server) as name:
        fill(pg_server, source, SAMPLE)
        restore(pg_server, pg_dump(pg_server, source, tmp_path / "genuine.dump"), name, **run(transaction_size=3))
        assert_equal_databases(pg_server, source, name)


@pytest.mark.parametrize(
    "asked", [{"jobs": 2}, {"run": {"transaction_size": 5}}, {"run": {"on_error": "continue"}}], ids=str
)
def test_a_single_transaction_does_not_go_with_several(pg_latest: servers.Server, asked: dict[str, Any]) -> None:
    options = {**asked, "run": RunOptions(single_transaction=True, **asked.get("run", {}))}
    with pytest.raises(UsageError, match="single_transaction does not go with"), target(pg_latest, "any", **options):
        pass


def test_going_on_in_a_new_database_keeps_what_could_be_restored(pg_latest: servers.Server, archive: Path) -> None:
    with new_database(pg_latest, create=False) as name:
        with pytest.raises(RestoreError, match=f"the others are in database '{name}'"):
            restore(pg_latest, archive, name, create=True, **run(on_error="continue"))
        rows = {name: digest.partition(":")[0] for name, digest, *_rest in content_of(pg_latest, name)}
        assert rows == {"public.good": "10", "public.bad": "2"}
