# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Comparisons of real databases and backups: no false alarm, and no difference that is not told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.cli.main import main
from dbfleet.compare import CompareRequest, CompareResult, LiveDatabase, compare
from dbfleet.errors import NotFoundError, UsageError
from dbfleet.progress import Progress
from dbfleet.restore import Origin
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.mysql import zoo as mysql_zoo
from tests.integration.playbooks import Playbooks
from tests.integration.postgresql.backup_support import fill_with_zoo
from tests.integration.test_verify import make, mysql_connection, postgresql_connection
from tests.servers import Server
from tests.servers.fixtures import Database, ServerPool


def live(database: Database, name: str = "") -> LiveDatabase:
    server = database.server
    connection = postgresql_connection(server) if server.dbms == "postgresql" else mysql_connection(server)
    return LiveDatabase(connection, name or database.name)


def with_backup(database: Database, repository: Path, *, source: str = "") -> CompareResult:
    origin = Origin(repository=str(repository), database=source or database.name)
    return compare(CompareRequest(origin, live(database)), Progress())


@pytest.mark.parametrize("name", ["pg10", "pg18"])
def test_the_zoo_of_postgresql_is_equal_to_its_backup(name: str, server_pool: ServerPool, tmp_path: Path) -> None:
    server = server_pool.get(name)
    server.execute("DROP DATABASE IF EXISTS compared", "CREATE DATABASE compared")
    database = Database(server, "compared")
    try:
        fill_with_zoo(server, database.name)
        make(database, tmp_path / "r", compression="none")
        found = with_backup(database, tmp_path / "r")
        assert found.objects == {"only_first": [], "only_second": [], "different": []}
        assert found.tables == ()
        assert found.equal
        assert found.compared > 20
        # The same rows in another order are the same.
        database.execute(
            "CREATE TABLE public.ordered (a integer PRIMARY KEY)",
            "INSERT INTO public.ordered SELECT generate_series(1, 1000)",
        )
        make(database, tmp_path / "r")
        database.execute("UPDATE public.ordered SET a = a WHERE a % 3 = 0")
        assert with_backup(database, tmp_path / "r").equal
    finally:
        server.execute("DROP DATABASE compared")


def test_the_zoo_of_mysql_and_mariadb_is_equal_to_its_backup(mysql_database: Database, tmp_path: Path) -> None:
    mysql_zoo.fill(mysql_database.server, mysql_database.name)
    make(mysql_database, tmp_path / "r", format="directory", jobs=2)
    found = with_backup(mysql_database, tmp_path / "r")
    assert found.objects == {"only_first": [], "only_second": [], "different": []}
    assert found.tables == ()
    assert found.equal
    assert found.compared > 10
    itself = compare(CompareRequest(live(mysql_database), live(mysql_database)), Progress())
    assert itself.equal


@pytest.fixture(params=["pg18", "mysql97", "mariadb118"])
def pair(request: pytest.FixtureRequest, server_pool: ServerPool) -> Iterator[tuple[Database, Database]]:
    """Two databases of the same content."""
    server: Server = server_pool.get(request.param)
    found = Database(server, "first_of_two"), Database(server, "second_of_two")
    for database in found:
        server.execute(f"DROP DATABASE IF EXISTS {database.name}", f"CREATE DATABASE {database.name}")
        database.execute(
            "CREATE TABLE plain (id integer PRIMARY KEY, a varchar(50), b integer)",
            "CREATE TABLE pairs (a varchar(20), b integer, note varchar(50), PRIMARY KEY (a, b))",
            "CREATE TABLE keyless (a integer)",
            "INSERT INTO plain VALUES "
            + ", ".join(f"({number}, 'it''s (), \\\\ {number}', NULL)" for number in range(500)),
            "INSERT INTO pairs VALUES ('x,y', 1, NULL), ('x,y', 2, ''), ('z', 1, '(')",
            "INSERT INTO keyless VALUES (1), (1), (2)",
            "CREATE VIEW seen AS SELECT id FROM plain",
        )
    try:
        yield found
    finally:
        for database in found:
            server.execute(f"DROP DATABASE {database.name}")


def test_what_differs_is_told(pair: tuple[Database, Database], tmp_path: Path) -> None:
    first, second = pair
    assert compare(CompareRequest(live(first), live(second)), Progress()).equal
    make(first, tmp_path / "r")
    assert with_backup(second, tmp_path / "r", source=first.name).equal
    second.execute(
        "UPDATE plain SET b = 1 WHERE id IN (3, 100, 101)",
        "DELETE FROM plain WHERE id = 400",
        "INSERT INTO plain VALUES (777, 'new', 7)",
        "UPDATE pairs SET note = NULL WHERE b = 2",
        "UPDATE keyless SET a = 2 WHERE a = 1",
        "CREATE TABLE more (a integer)",
        "DROP VIEW seen",
        "CREATE VIEW seen AS SELECT b FROM plain",
    )
    for found in (
        compare(CompareRequest(live(first), live(second)), Progress()),
        with_backup(second, tmp_path / "r", source=first.name),
    ):
        assert not found.equal
        names = {kind: [one["name"] for one in objects] for kind, objects in found.objects.items()}
        assert names == {"only_first": [], "only_second": ["more"], "different": ["seen"]}
        tables = {one["name"]: one for one in found.tables}
        assert sorted(tables) == ["keyless", "pairs", "plain"]
        assert tables["keyless"]["differences"] is None
        plain = tables["plain"]["differences"]
        assert (plain["only_first"], plain["only_second"], plain["changed"]) == (1, 1, 3)
        assert plain["ranges"] == [["3", "3"], ["100", "101"], ["400", "400"], ["777", "777"]]
        assert tables["pairs"]["differences"]["changed"] == 1
        assert "x,y" in tables["pairs"]["differences"]["ranges"][0][0]
        assert (tables["plain"]["first_rows"], tables["plain"]["second_rows"]) == (500, 500)


def test_what_makes_no_sense_is_refused(pair: tuple[Database, Database], tmp_path: Path) -> None:
    first, second = pair
    with pytest.raises(NotFoundError):
        compare(CompareRequest(Origin(repository=str(tmp_path / "none")), live(second)), Progress())
    with pytest.raises(UsageError):
        compare(CompareRequest(Origin(), live(second)), Progress())
    script = tmp_path / "script.sql"
    script.write_text("CREATE TABLE a (b integer);\n")
    with pytest.raises(UsageError, match=r"is a script|needs its manifest"):
        compare(CompareRequest(Origin(source=str(script)), live(second)), Progress())
    assert first.execute("SELECT count(*) FROM plain") == [(500,)]


@pytest.fixture
def world(pg_latest_database: Database) -> Iterator[World]:
    with filled_world("postgresql", pg_latest_database) as made:
        yield made


def test_through_the_module_and_the_command(
    world: World,
    playbooks: Playbooks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    repository, connection = str(tmp_path / "r"), world.module_connection()
    wanted = {**connection, "database": world.name, "repository": repository}
    monkeypatch.setenv(world.password_variable, world.password)
    command = ["compare", "postgresql", *world.connection(), "--database", world.name, "--repository", repository]
    _made, equal = playbooks.play(
        {"dbfleet.backup.native_backup": wanted}, {"dbfleet.backup.backup_compare": wanted}
    ).results
    assert (equal["changed"], equal["equal"], equal["compared_tables"]) == (False, True, 2), equal
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"]
    world.database.execute("UPDATE orders SET note = 'other' WHERE id = 7")
    (different,) = playbooks.play({"dbfleet.backup.backup_compare": wanted}).results
    assert "failed" not in different or not different["failed"]
    assert different["tables"][0]["differences"]["ranges"] == [["7", "7"]]
    assert different["tables"][0]["first_rows"] == ROWS
    assert main(command) == 1
    assert "1 changed" in capsys.readouterr().out
    assert main([*command, "--schema-only"]) == 0
