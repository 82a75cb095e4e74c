# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Views that cannot be used: those whose definer is the reason come back, the others are kept as comments."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.mysql.options import RestoreOptions
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, restore
from tests.servers import Server

from .backup_support import back_up, empty, load, options, scratch

GOOD = ["a_late", "b_over_weak", "c_top", "over_gone", "weak", "z_gone"]
BROKEN = ["no_column", "no_function", "no_table", "over_no_table"]


@contextmanager
def _views(server: Server, database: str) -> Iterator[str]:
    """A database of such views; the account that some of them run as has lost its rights."""
    weak = f"weak_{secrets.token_hex(4)}"
    gone = f"gone_{secrets.token_hex(4)}"
    server.execute(f"CREATE USER {weak}@localhost", f"GRANT SELECT ON `{database}`.* TO {weak}@localhost")
    server.execute(f"CREATE USER {gone}@localhost", f"GRANT SELECT ON `{database}`.* TO {gone}@localhost")
    for statement in (
        "CREATE TABLE t (a INT, b VARCHAR(20))",
        "INSERT INTO t VALUES (1, 'x')",
        "CREATE TABLE t2 (a INT)",
        "CREATE TABLE t3 (a INT, b INT)",
        "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 1",
        f"CREATE DEFINER={weak}@localhost VIEW weak AS SELECT a, b, 'it''s \\\\ ?' AS `c``d` FROM t",
        f"CREATE DEFINER={gone}@localhost VIEW z_gone AS SELECT a FROM t",
        "CREATE VIEW over_gone AS SELECT a FROM z_gone",
        "CREATE VIEW b_over_weak AS SELECT a, `c``d` FROM weak",
        "CREATE VIEW c_top AS SELECT a FROM b_over_weak",
        f"CREATE DEFINER={weak}@localhost VIEW a_late AS SELECT a FROM t WHERE a IN (SELECT a FROM t)",
        "CREATE VIEW no_table AS SELECT a FROM t2",
        "CREATE VIEW over_no_table AS SELECT a FROM no_table",
        "CREATE VIEW no_column AS SELECT a, b FROM t3",
        "CREATE VIEW no_function AS SELECT f() AS x",
        "DROP TABLE t2",
        "ALTER TABLE t3 DROP b",
        "DROP FUNCTION f",
    ):
        server.execute(statement, database=database)
    server.execute(f"REVOKE SELECT ON `{database}`.* FROM {weak}@localhost", f"DROP USER {gone}@localhost")
    try:
        yield weak
    finally:
        server.execute(f"DROP USER {weak}@localhost")


def _definitions(server: Server, database: str) -> dict[str, str]:
    names = server.execute(f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{database}'")
    return {name: server.execute(f"SHOW CREATE VIEW `{name}`", database=database)[0][1] for (name,) in names}


@pytest.mark.parametrize("way", ["genuine", "jobs"])
def test_views_without_a_usable_definer_come_back(mysql_server: Server, tmp_path: Path, way: str) -> None:
    server = mysql_server
    with scratch(server) as database, _views(server, database) as weak:
        want = _definitions(server, database)
        assert sorted(want) == sorted(GOOD + BROKEN)
        if way == "genuine":
            made = back_up(server, database, tmp_path)
            assert made.contents.options["invalid_views"] == BROKEN
            empty(server, database)
            load(server, database, made.text)
            warnings = made.warnings
        else:
            destination = Destination(repository=str(tmp_path), cluster="c")
            done = backup(BackupRequest(options=options(server, database), destination=destination), Progress())
            warnings = list(done.backup["warnings"])
            server.execute(f"DROP DATABASE `{database}`")
            connection = options(server, database).connection
            target = RestoreOptions(connection=connection, database=database, create=True)
            restore(RestoreRequest(options=target, origin=Origin(repository=str(tmp_path))), Progress())
        assert _definitions(server, database) == {name: want[name] for name in GOOD}
        assert sum("kept as a comment" in text for text in warnings) == len(BROKEN)
        assert sum("is in the backup, and it cannot be used" in text for text in warnings) == len(GOOD)
        server.execute(f"GRANT SELECT ON `{database}`.* TO {weak}@localhost")
        assert server.execute("SELECT a FROM c_top", database=database) == [(1,)]
