# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archives whose rows are INSERT statements."""

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import RestoreError
from tests import servers
from tests.integration.postgresql.backup_support import back_up
from tests.integration.postgresql.restore_support import (
    assert_equal_databases,
    fill,
    new_database,
    newest_client,
    restore,
)
from tests.servers.fixtures import Database, ServerPool

FORMS = [
    ("-Fc", "--inserts"),
    ("-Fd", "--column-inserts", "--rows-per-insert=7"),
    ("-Ft", "--inserts", "--on-conflict-do-nothing"),
]


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_those_of_pg_dump_are_restored(form: tuple[str, ...], pg_database: Database, tmp_path: Path) -> None:
    server, source = pg_database.server, pg_database.name
    fill(server, source)
    archive = tmp_path / "archive"
    client = newest_client(server)
    # Older clients do not know all of these.
    servers.client("pg_dump", version=client).run(server, *form, "-f", archive, source)
    with new_database(server) as copy:
        _plan, contents = restore(server, archive, copy, jobs=2 if form[0] == "-Fd" else 1)
        assert_equal_databases(server, source, copy)
    counted = {record.name: record.rows for record in contents.tables}
    # Of statements that may pass rows over, the rows are not known.
    assert counted.get("orders") == (None if "--on-conflict-do-nothing" in form else 2000)


def test_our_own_are_restored(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg18")
    with new_database(server) as source, new_database(server) as copy:
        fill(server, source)
        archive, _contents, _progress = back_up(server, source, tmp_path, rows_per_insert=20)
        restore(server, archive, copy)
        assert_equal_databases(server, source, copy)


def test_what_fails_is_named_and_nothing_else_is_run(server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get("pg18")
    archive = tmp_path / "archive.tar"
    with new_database(server) as source:
        fill(server, source, "CREATE TABLE t (a text); INSERT INTO t VALUES ('one'), ('secret value'), ('three')")
        servers.client("pg_dump", version=18).run(server, "-Ft", "--inserts", "-f", archive, source)
    whole = archive.read_bytes()
    first = b"INSERT INTO public.t VALUES ('one')"
    assert first in whole
    for wrong, cause in (
        (b"DELETE FROM public.t; SELECT ('one')", "no INSERT statement"),
        (b"\\! touch /tmp/x                    ", "\\\\!"),
        (b"INSERT INTO public.t VALUES (1/00  )", "division by zero"),
        (b"INSERT INTO public.t VALUES ('one'  ", "ends in the midst"),
    ):
        archive.write_bytes(whole.replace(first, wrong[: len(first)].ljust(len(first))))
        with new_database(server) as copy:
            with pytest.raises(RestoreError, match=r"TABLE DATA public\.t") as caught:
                restore(server, archive, copy)
            assert "secret value" not in str(caught.value.details())
            with server.connect(copy) as connection:
                assert connection.execute("SELECT to_regclass('public.t')").fetchone() == (None,), cause
