# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles that one database of a set needs, made on a server that lacks them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import DbfleetError, NotFoundError, RestoreError, UsageError
from dbfleet.postgresql.options import RestoreOptions
from dbfleet.postgresql.restore_selection import RestoreSelection
from dbfleet.progress import Progress
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from tests import servers
from tests.integration.postgresql.cluster_support import back_up_all
from tests.integration.postgresql.restore_support import connection_options, pg_dump
from tests.servers.fixtures import ServerPool

SECRET = "marked-Passw0rd"
ROLES = f"""
CREATE ROLE staff NOLOGIN;
CREATE ROLE boss NOLOGIN;
CREATE ROLE unneeded NOLOGIN;
CREATE ROLE "Odd ""own"" er" LOGIN PASSWORD '{SECRET}' CONNECTION LIMIT 7;
CREATE ROLE reader LOGIN;
ALTER ROLE reader SET work_mem = '5MB';
COMMENT ON ROLE reader IS 'reads';
GRANT staff TO "Odd ""own"" er";
GRANT boss TO staff WITH ADMIN OPTION;
GRANT unneeded TO boss;
CREATE ROLE stranger NOLOGIN;
GRANT reader TO stranger;
GRANT reader TO there;
"""
SHOP = """
CREATE TABLE orders (a int); INSERT INTO orders VALUES (1), (2);
CREATE TABLE others (a int);
ALTER TABLE orders OWNER TO "Odd ""own"" er";
GRANT SELECT ON orders TO reader, there;
"""
MEMBERS = """
SELECT r.rolname, m.rolname, a.admin_option FROM pg_auth_members a
JOIN pg_roles r ON r.oid = roleid JOIN pg_roles m ON m.oid = member WHERE r.rolname !~ '^pg_' ORDER BY 1, 2
"""


@pytest.fixture(scope="module", params=["pg11", "pg18"])
def there(
    request: pytest.FixtureRequest, server_pool: ServerPool, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[servers.Server, Path]]:
    """A server that has one role of a set's."""
    repository = tmp_path_factory.mktemp("set")
    with server_pool.fresh(request.param) as first:
        first.execute("CREATE ROLE there", "CREATE DATABASE shop", *filter(str.strip, ROLES.split(";\n")))
        first.execute(*filter(str.strip, SHOP.split(";\n")), database="shop")
        back_up_all(first, repository)
    with server_pool.fresh(request.param) as second:
        second.execute("CREATE ROLE there CONNECTION LIMIT 3")
        yield second, repository


def run(server: servers.Server, repository: Path, *, check: bool = False, **options: Any) -> RestoreResult:
    asked = RestoreOptions(connection_options(server), "restored", create=True, **options)
    return restore(RestoreRequest(asked, Origin(str(repository), database="shop"), check), Progress())


def roles(server: servers.Server) -> set[str]:
    return {name for (name,) in server.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'")}


def test_missing_roles_are_made_out_of_the_set(
    there: tuple[servers.Server, Path], caplog: pytest.LogCaptureFixture
) -> None:
    server, repository = there
    before = roles(server)
    with pytest.raises(NotFoundError, match='lacks the roles Odd "own" er, reader') as caught:
        run(server, repository)
    assert "create_roles" in caught.value.hint
    made = ['Odd "own" er', "boss", "reader", "staff", "unneeded"]
    with caplog.at_level(logging.DEBUG, logger="dbfleet"):
        planned = run(server, repository, check=True, create_roles=True)
        assert planned.restore["roles"] == made
        assert roles(server) == before
        done = run(server, repository, create_roles=True)
    assert done.restore["roles"] == made
    assert SECRET not in caplog.text
    assert roles(server) == before | set(made), "no one who is not needed"
    assert server.execute(MEMBERS) == [
        ("boss", "staff", True),
        ("reader", "there", False),
        ("staff", 'Odd "own" er', False),
        ("unneeded", "boss", False),
    ]
    attributes = "SELECT rolconnlimit, rolcanlogin, rolconfig FROM pg_roles WHERE rolname = "
    assert server.execute(attributes + "'Odd \"own\" er'") == [(7, True, None)]
    assert server.execute(attributes + "'reader'") == [(-1, True, ["work_mem=5MB"])]
    assert server.execute(attributes + "'there'") == [(3, False, None)], "those that exist stay as they are"
    with server.connect("restored", user='Odd "own" er', password=SECRET, host=server.host) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (2,)
    server.execute("DROP DATABASE restored")
    again = run(server, repository, create_roles=True)
    assert again.restore["roles"] == []
    server.execute("DROP DATABASE restored", *(f"DROP ROLE {name}" for name in ("staff", "boss", "unneeded", "reader")))
    server.execute('DROP ROLE "Odd ""own"" er"')


def test_only_the_roles_of_what_is_selected(there: tuple[servers.Server, Path]) -> None:
    server, repository = there
    selection = RestoreSelection(tables=("others",))
    done = run(server, repository, create_roles=True, selection=selection)
    assert done.restore["roles"] == []
    server.execute("DROP DATABASE restored")
    mapped = RestoreSelection(role_map=(('Odd "own" er', "there"),))
    done = run(server, repository, create_roles=True, selection=mapped)
    assert done.restore["roles"] == ["reader"]
    server.execute("DROP DATABASE restored", "DROP ROLE reader")


def test_who_may_not_make_roles_is_told_before_anything_is_done(there: tuple[servers.Server, Path]) -> None:
    server, repository = there
    server.execute("CREATE ROLE maker LOGIN CREATEDB")
    try:
        before = roles(server)
        asked = RestoreOptions(connection_options(server), "restored", create=True, create_roles=True)
        maker = RestoreOptions(
            connection=type(asked.connection)(unix_socket=server.socket, port=server.port, user="maker"),
            database="restored", create=True, create_roles=True,
        )  # fmt: skip
        with pytest.raises(DbfleetError, match="may not make or alter roles"):
            restore(RestoreRequest(maker, Origin(str(repository), database="shop")), Progress())
        assert roles(server) == before
    finally:
        server.execute("DROP ROLE maker")


def test_roles_that_were_made_are_named_where_the_restore_fails(
    there: tuple[servers.Server, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, repository = there
    from dbfleet.postgresql import restore_entry

    def fail(*_arguments: Any, **_named: Any) -> None:
        raise RestoreError("broken on purpose")

    monkeypatch.setattr(restore_entry, "load_table", fail)
    with pytest.raises(RestoreError, match="the roles .*reader.* were made before and remain"):
        run(server, repository, create_roles=True)
    assert "reader" in roles(server)
    server.execute(*(f"DROP ROLE {name}" for name in ("staff", "boss", "unneeded", "reader", '"Odd ""own"" er"')))


def test_only_out_of_a_set(there: tuple[servers.Server, Path], tmp_path: Path) -> None:
    server, _repository = there
    empty = pg_dump(server, "postgres", tmp_path / "x.dump")
    asked = RestoreOptions(connection_options(server), "restored", create=True, create_roles=True)
    with pytest.raises(UsageError, match="create_roles needs a backup that was made as a part of a set"):
        restore(RestoreRequest(asked, Origin(source=str(empty))), Progress())
