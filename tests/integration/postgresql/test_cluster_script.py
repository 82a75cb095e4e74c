# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Scripts that make their own databases: those of pg_dumpall and of pg_dump --create."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet.cli.main import main
from tests import servers
from tests.integration.postgresql.backup_support import dumped
from tests.integration.postgresql.restore_support import fill
from tests.servers.fixtures import ServerPool

ROLES = 'CREATE ROLE "the owner" LOGIN PASSWORD \'p\'; CREATE ROLE reader; GRANT reader TO "the owner";'
SHOP = """
CREATE TABLE orders (id serial PRIMARY KEY, note text);
INSERT INTO orders (note) SELECT 'n' || i FROM generate_series(1, 50) i;
ALTER TABLE orders OWNER TO "the owner";
GRANT SELECT ON orders TO reader;
"""


@contextmanager
def fresh(pool: ServerPool, name: str) -> Iterator[servers.Server]:
    server = pool.fresh(name)
    try:
        yield server
    finally:
        server.stop()


def arguments(server: servers.Server, source: Path, *more: str) -> list[str]:
    where = ["--socket", str(server.socket), "--port", str(server.port), "--user", server.user]
    return ["restore", "postgresql", "--source", str(source), *where, *more]


def failed(capsys: pytest.CaptureFixture[str], *command: str) -> dict[str, Any]:
    assert main([*command, "--json"]) in (1, 2)
    error: dict[str, Any] = json.loads(capsys.readouterr().out)["error"]
    return error


@pytest.mark.parametrize("name", ["pg14", "pg18"])
def test_a_script_of_a_whole_server_is_run(
    name: str, server_pool: ServerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, one = tmp_path / "all.sql", tmp_path / "one.sql"
    client = int(name[2:])
    with fresh(server_pool, name) as source:
        fill(source, "postgres", ROLES)
        for database in ("shop", '"Odd näme"'):
            fill(source, "postgres", f"CREATE DATABASE {database}")
            fill(source, database.strip('"'), SHOP)
        fill(source, "postgres", "COMMENT ON DATABASE shop IS 'the shop'")
        script.write_bytes(servers.client("pg_dumpall", version=client).run(source).stdout)
        one.write_bytes(servers.client("pg_dump", version=client).run(source, "--create", "shop").stdout)
        before = {database: dumped(source, database) for database in ("shop", "Odd näme")}
    with fresh(server_pool, name) as target:
        command = arguments(target, script, "--all-databases", "--json")
        assert main([*command, "--check"]) == 0
        planned = json.loads(capsys.readouterr().out)["restore"]["databases"]
        assert {one["database"]: one["created"] for one in planned}["shop"] is True
        assert target.execute("SELECT count(*) FROM pg_database WHERE datname = 'shop'") == [(0,)]
        # A script's databases are not to be restored into another, and it says what to do.
        into_one = failed(capsys, *arguments(target, script, "--database", "postgres"))
        assert "name the one to restore (source_database)" in into_one["hint"]
        assert main(command) == 0
        done = {one["database"]: one for one in json.loads(capsys.readouterr().out)["restore"]["databases"]}
        assert (done["shop"]["rows"], done["Odd näme"]["rows"]) == (50, 50)
        assert {database: dumped(target, database) for database in before} == before
        comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'shop'"
        assert target.execute(comment) == [("the shop",)]
        members = "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member"
        assert ("the owner",) in target.execute(members)
        # Again: nothing of what is there is touched.
        again = failed(capsys, *arguments(target, script, "--all-databases"))
        assert again["kind"] == "target_not_empty"
        assert "'shop' is not empty" in again["message"]
        assert "would alter: " in again["message"]
        assert "'the owner'" in again["message"]
        # A script of one database makes it too, where it is gone.
        fill(target, "postgres", "DROP DATABASE shop")
        assert main(arguments(target, one, "--all-databases", "--quiet")) == 0
        assert dumped(target, "shop") == before["shop"]


@pytest.mark.parametrize("name", ["pg11", "pg18"])
def test_one_database_out_of_a_script(
    name: str, server_pool: ServerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its encoding and properties where it is created, and whatever is said of other databases is not done."""
    script = tmp_path / "all.sql"
    latin = "CREATE DATABASE shop OWNER \"the owner\" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
    properties = """
    SELECT pg_encoding_to_char(encoding), pg_get_userbyid(datdba), shobj_description(d.oid, 'pg_database'),
        array(SELECT setconfig::text FROM pg_db_role_setting WHERE setdatabase = d.oid ORDER BY 1),
        array(SELECT one::text FROM unnest(datacl) one ORDER BY 1)
    FROM pg_database d WHERE datname = """
    server = server_pool.get(name)
    fill(server, "postgres", ROLES)
    try:
        fill(server, "postgres", latin)
        for statement in (
            "ALTER DATABASE shop SET standard_conforming_strings TO off",
            "ALTER ROLE reader IN DATABASE shop SET work_mem TO '7MB'",
            "COMMENT ON DATABASE shop IS 'DATABASE forum'",
            "REVOKE CONNECT ON DATABASE shop FROM PUBLIC",
            'CREATE DATABASE "Odd näme"',
        ):
            fill(server, "postgres", statement)
        fill(server, "shop", SHOP)
        fill(server, "shop", "INSERT INTO orders (note) VALUES (E'K\u00e4se \\\\\\\\ '' x')")
        fill(server, "Odd näme", "CREATE TABLE other (a int); INSERT INTO other VALUES (1)")
        script.write_bytes(servers.client("pg_dumpall", version=18).run(server).stdout)
        before, other = dumped(server, "shop", "--encoding=UTF8"), dumped(server, "Odd näme", "--encoding=UTF8")
        said = server.execute(properties + "'shop'")
        nowhere = failed(
            capsys, *arguments(server, script, "--database", "new", "--create", "--source-database", "zoo")
        )
        assert nowhere["kind"] == "not_found"
        assert "'Odd näme'" in nowhere["hint"]
        asked = ("--source-database", "shop", "--database", "new")
        assert main([*arguments(server, script, *asked, "--create", "--analyze"), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)["restore"]
        assert (result["rows"], result["checks"]["sequences"]) == (51, 1)
        assert dumped(server, "new", "--encoding=UTF8") == before
        assert server.execute(properties + "'new'") == said
        # Into one that exists, whatever its encoding is.
        fill(server, "postgres", "DROP DATABASE new; ")
        fill(server, "postgres", "CREATE DATABASE new TEMPLATE template0")
        assert main([*arguments(server, script, *asked), "--quiet"]) == 0
        rows = "SELECT id, note FROM orders ORDER BY id"
        assert server.execute(rows, database="new") == server.execute(rows, database="shop")
        fill(server, "postgres", "DROP DATABASE new")
        # One table of it, with the database's own encoding and settings.
        part = ("--source-database", "shop", "--database", "new", "--create", "--table", "orders", "--no-owner")
        assert main([*arguments(server, script, *part), "--json"]) == 0
        result = json.loads(capsys.readouterr().out)["restore"]
        assert (result["rows"], result["objects"]) == (51, {"table": 1})
        assert server.execute(rows, database="new") == server.execute(rows, database="shop")
        owner = "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'"
        assert server.execute(owner, database="new") == [(server.user,)]
        fill(server, "postgres", "DROP DATABASE new")
        odd = ("--source-database", "Odd näme", "--database", "new", "--create", "--quiet")
        assert main(arguments(server, script, *odd)) == 0
        assert dumped(server, "new", "--encoding=UTF8") == other
        assert server.execute(properties + "'shop'") == said
    finally:
        for statement in ("new", "shop", '"Odd näme"'):
            fill(server, "postgres", f"DROP DATABASE IF EXISTS {statement}")
        fill(server, "postgres", 'DROP ROLE "the owner"')
        fill(server, "postgres", "DROP ROLE reader")


def test_what_is_no_such_script_is_refused(
    server_pool: ServerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = server_pool.get("pg18")
    script = tmp_path / "script.sql"
    for content, cause in (
        (b"CREATE TABLE t (a int);\n", "is a script for one database"),
        (b"PGDMP\x01\x10\x00", "is no script"),
        (b"--\n-- PostgreSQL database cluster dump\n--\n\\connect postgres\nSELECT 1;\n", "is truncated"),
    ):
        script.write_bytes(content)
        assert cause in failed(capsys, *arguments(server, script, "--all-databases"))["message"]


def test_a_failure_says_that_what_was_done_remains(
    server_pool: ServerPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = server_pool.get("pg18")
    script = tmp_path / "script.sql"
    script.write_bytes(
        b"CREATE DATABASE half_done;\n\\connect half_done\nCREATE TABLE a (b int);\nSELECT 1/0;\n"
        b"CREATE TABLE c (d int);\n"
    )
    try:
        error = failed(capsys, *arguments(server, script, "--all-databases"))
        assert "line 4" in error["message"]
        assert "what the script did before remains" in error["message"]
        with server.connect("half_done") as connection:
            assert connection.execute("SELECT to_regclass('a')::text, to_regclass('c')::text").fetchone() == ("a", None)
    finally:
        fill(server, "postgres", "DROP DATABASE IF EXISTS half_done")
