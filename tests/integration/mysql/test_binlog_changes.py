# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replays of which databases and tables are left out, and in which databases are renamed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import UnsupportedObjectError
from dbfleet.mysql.binlog.listing import TransactionFilter
from dbfleet.mysql.binlog.replay_changes import ReplayChanges
from dbfleet.mysql.binlog.replay_filter import Choice
from dbfleet.mysql.binlog.replay_job import ReplayRequest, ReplayResult, replay_binlogs
from dbfleet.progress import Progress
from tests.servers import Server
from tests.servers.fixtures import MYSQL_FAMILY, ServerPool

from .test_binlog_replay import Pair, options

TWO_DATABASES = [
    "CREATE DATABASE shop",
    "CREATE DATABASE other",
    "CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(50))",
    "CREATE TABLE shop.items (id INT PRIMARY KEY)",
    "CREATE TABLE other.log (id INT PRIMARY KEY AUTO_INCREMENT, note VARCHAR(50))",
    "BEGIN",
    "INSERT INTO shop.orders (note) VALUES ('a'), ('b')",
    "INSERT INTO other.log (note) VALUES ('x')",
    "INSERT INTO shop.items VALUES (1), (2)",
    "COMMIT",
    "INSERT INTO other.log (note) VALUES ('only there')",
    # One statement with rows of both.
    "UPDATE other.log l, shop.orders o, shop.items i SET o.note = 'z', l.note = 'y', i.id = i.id + 9 WHERE l.id = i.id",
    "USE other",
    "CREATE TABLE more (a INT)",
    "DROP TABLE more",
]
BY_STATEMENT = [
    "SET SESSION binlog_format = STATEMENT",
    "USE other",
    "SET @note = 'of the session', @@insert_id = 70",
    "INSERT INTO shop.orders (note) VALUES (@note)",
    "SET @@insert_id = 90",
    "INSERT INTO log (note) VALUES (RAND())",
    "USE shop",
    "SET @@insert_id = 80",
    "INSERT INTO orders (note) SELECT CONCAT(o.note, '!') FROM shop.orders AS o WHERE o.id = 70",
    "DELETE FROM other.log WHERE id = 1",
]


class Changed(Pair):
    """A pair whose replays are changed."""

    def apply(self, *, check: bool = False, emptied: str = "empty", **changes: Any) -> ReplayResult:
        rename = changes.pop("rename", ())
        request = ReplayRequest(
            options(self.target),
            (str(self.folder),),
            TransactionFilter(),
            check=check,
            changes=ReplayChanges(Choice(**changes), rename, emptied),
            applier="binlog_statements",
        )
        return replay_binlogs(request, Progress())

    def tables(self, server: Server, database: str) -> dict[str, list[Any]]:
        """The rows of every table of a database."""
        if not server.execute(f"SHOW DATABASES LIKE '{database}'"):
            return {}
        names = [name for (name,) in server.execute("SHOW TABLES", database=database)]
        return {name: sorted(server.execute(f"SELECT * FROM `{name}`", database=database)) for name in names}


def _changed(name: str, pool: ServerPool, folder: Path) -> Iterator[Changed]:
    with pool.fresh(name) as source, pool.fresh(name) as target:
        yield Changed(source, target, folder)


@pytest.fixture(params=MYSQL_FAMILY)
def pair(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Changed]:
    yield from _changed(request.param, server_pool, tmp_path / "archive")


@pytest.fixture(params=["mysql57", "mariadb118"])
def one(request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path: Path) -> Iterator[Changed]:
    yield from _changed(request.param, server_pool, tmp_path / "archive")


def gtids(server: Server) -> Any:
    return server.execute("SELECT @@gtid_binlog_pos" if server.flavor == "mariadb" else "SELECT @@global.gtid_executed")


def test_one_database_of_a_server_is_replayed(pair: Changed) -> None:
    source, target = pair.source, pair.target
    source.execute(*TWO_DATABASES, database="mysql")
    source.execute(*BY_STATEMENT, database="mysql")
    pair.archive()
    result = pair.apply(databases=("shop",))
    assert result.plan.emptied == 7
    assert pair.tables(target, "shop") == pair.tables(source, "shop")
    assert pair.tables(target, "other") == {}
    if source.flavor == "mysql":
        # Nothing is missing from the set, so that a replica or another replay can go on from it.
        assert gtids(target) == gtids(source)


def test_tables_are_left_out(one: Changed) -> None:
    source, target = one.source, one.target
    source.execute(*TWO_DATABASES, database="mysql")
    one.archive()
    one.apply(exclude_tables=("shop.items", "other.more"), emptied="skip")
    assert one.tables(target, "shop") == {"orders": one.tables(source, "shop")["orders"]}
    assert one.tables(target, "other") == one.tables(source, "other")
    if source.flavor == "mysql":
        assert gtids(target) != gtids(source)


def test_a_database_gets_another_name(one: Changed) -> None:
    source, target = one.source, one.target
    source.execute(*TWO_DATABASES, database="mysql")
    source.execute(*BY_STATEMENT, database="mysql")
    source.execute("CREATE VIEW v AS SELECT o.id FROM shop.orders o", database="shop")
    one.archive()
    one.apply(databases=("shop",), rename=(("shop", "shöp 2"),))
    assert one.tables(target, "shöp 2") == one.tables(source, "shop")
    assert one.tables(target, "shop") == {}


@pytest.mark.parametrize("statement", ["INSERT INTO shop.orders (note) SELECT note FROM other.log", "SELECT other.f()"])
def test_a_statement_that_is_not_sure_is_refused_before_anything_is_touched(one: Changed, statement: str) -> None:
    source = one.source
    source.execute(
        "SET GLOBAL log_bin_trust_function_creators = 1",
        *TWO_DATABASES,
        "CREATE FUNCTION other.f() RETURNS INT BEGIN INSERT INTO other.log (note) VALUES ('f'); RETURN 1; END",
        "SET SESSION binlog_format = STATEMENT",
        statement,
        database="mysql",
    )
    one.archive()
    with pytest.raises(UnsupportedObjectError, match=r"at \d+ of binlog.000001 .*(INSERT TABLE|SELECT)") as caught:
        one.apply(databases=("shop",))
    assert "note" not in str(caught.value)
    assert one.tables(one.target, "shop") == {}


def test_a_statement_whose_names_are_not_sure_is_not_rewritten(one: Changed) -> None:
    one.source.execute(
        *TWO_DATABASES,
        "SET SESSION binlog_format = STATEMENT",
        "INSERT INTO shop.orders (note) SELECT shop.note FROM other.log AS shop",
        database="mysql",
    )
    one.archive()
    with pytest.raises(UnsupportedObjectError, match="names a database that gets another name"):
        one.apply(rename=(("shop", "new"),))
    assert one.tables(one.target, "new") == {}


def test_a_file_that_was_loaded_by_a_statement_is_loaded(one: Changed, tmp_path: Path) -> None:
    source, target = one.source, one.target
    source.execute(*TWO_DATABASES, "SET GLOBAL local_infile = 1", database="mysql")
    # More than one block of the log, and a second one that replaces rows of it.
    (tmp_path / "rows.txt").write_text("".join(f"{number},it's {'x' * 30}\\n\n" for number in range(100, 20000)))
    (tmp_path / "again.txt").write_text("100,'new'\n")
    with source.connect("shop", local_infile=True) as connection:
        cursor = connection.cursor()
        cursor.execute("SET SESSION binlog_format = STATEMENT")
        load = "LOAD DATA LOCAL INFILE '{}' {} INTO TABLE {} FIELDS TERMINATED BY ',' (id, note)"
        cursor.execute(load.format(tmp_path / "rows.txt", "", "orders"))
        cursor.execute(load.format(tmp_path / "again.txt", "REPLACE", "shop.orders"))
        cursor.execute(load.format(tmp_path / "again.txt", "IGNORE", "other.log"))
    one.archive()
    target.execute("SET GLOBAL local_infile = 0")
    with pytest.raises(UnsupportedObjectError, match="local_infile is off"):
        one.apply(databases=("shop",))
    assert one.tables(target, "shop") == {}
    target.execute("SET GLOBAL local_infile = 1")
    one.apply(databases=("shop",), rename=(("shop", "shop2"),))
    assert one.tables(target, "shop2") == one.tables(source, "shop")
    assert one.tables(target, "other") == {}
