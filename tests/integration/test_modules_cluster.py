# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole PostgreSQL server through the modules: backed up as one set, restored whole and in part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.doors import files_below
from tests.integration.playbooks import Playbooks, Task
from tests.servers import Server
from tests.servers.fixtures import ServerPool


def module(name: str, server: Server, **options: object) -> Task:
    connection = {"dbms": "postgresql", "login_unix_socket": server.socket, "login_port": server.port}
    return {f"dbfleet.backup.{name}": {**connection, "login_user": server.user, **options}}


def fill(server: Server) -> None:
    server.execute("CREATE ROLE clerk LOGIN PASSWORD 'a word'", "CREATE DATABASE shop OWNER clerk")
    server.execute("CREATE DATABASE blog", "CREATE DATABASE scratch_1")
    for name in ("shop", "blog", "scratch_1"):
        server.execute("CREATE TABLE t AS SELECT generate_series(1, 10) AS a", database=name)
    server.execute("ALTER TABLE t OWNER TO clerk", database="shop")


def databases(server: Server) -> set[str]:
    return {name for (name,) in server.execute("SELECT datname FROM pg_database")}


def rows(server: Server, database: str) -> int:
    return int(server.execute("SELECT count(*) FROM t", database=database)[0][0])


def test_a_whole_server(server_pool: ServerPool, playbooks: Playbooks, tmp_path: Path) -> None:
    repository = str(tmp_path / "repository")
    whole: dict[str, Any] = {"repository": repository, "all_databases": True}
    one_of_it = {"repository": repository, "database": "shop_2", "source_database": "shop", "create": True}
    most = {**whole, "exclude_database": ["scratch*"], "max_age": "1h"}
    with server_pool.fresh("pg18") as source, server_pool.fresh("pg18") as target, server_pool.fresh("pg18") as bare:
        fill(source)
        played = playbooks.play(
            {**module("native_backup", source, **whole), "check_mode": True},
            module("native_backup", source, **most),
            module("native_backup", source, **most),
            {"dbfleet.backup.backup_info": {"repository": repository}},
            {**module("native_restore", target, **whole), "check_mode": True},
            module("native_restore", target, **whole),
            module("native_restore", target, **whole),
            module("native_restore", bare, repository=repository, globals_only=True),
            module("native_restore", bare, repository=repository, globals_only=True),
            module("native_restore", bare, **one_of_it),
            options=["--diff"],
        )
        planned, made, again, listed, to_restore, restored, refused, roles, same_roles, one = played.results

        assert planned["changed"] is True, played.output
        assert made["changed"] is True, played.output
        assert made["diff"]["before"] != made["diff"]["after"]
        assert (again["changed"], again["set"]) == (False, made["set"]), played.output
        assert {each["database"] for each in listed["backups"]} == {"", "shop", "blog", "postgres", "template1"}
        assert set(files_below(tmp_path / "repository").values()) == {"0o600", "0o700"}

        assert to_restore["changed"] is True, played.output
        assert restored["changed"] is True, played.output
        assert databases(target) == {"postgres", "template0", "template1", "shop", "blog"}
        assert (rows(target, "shop"), rows(target, "blog")) == (10, 10)
        assert target.execute("SELECT tableowner FROM pg_tables WHERE tablename = 't'", database="shop") == [("clerk",)]
        password = "SELECT rolpassword FROM pg_authid WHERE rolname = 'clerk'"
        assert target.execute(password) == source.execute(password)
        assert refused["failed"] is True
        assert refused["error"]["hint"] in refused["msg"]

        assert (roles["changed"], same_roles["changed"]) == (True, False), played.output
        assert bare.execute(password) == source.execute(password)
        assert one["changed"] is True, played.output
        assert rows(bare, "shop_2") == 10
        assert "a word" not in played.output
