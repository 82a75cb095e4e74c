# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Accounts: everything that makes them comes back, by the genuine client and by ours."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dbfleet.errors import PrivilegeError
from dbfleet.mysql.connection import connect
from dbfleet.mysql.globals_script import Globals, read_globals
from dbfleet.mysql.options import GlobalsOptions
from tests.servers import Server
from tests.servers.clients import ClientProgram, client

from .backup_support import differences, options, scratch
from .cluster_support import account_picture, accounts, drop_accounts


@pytest.fixture(name="database")
def _database(mysql_server: Server) -> Iterator[str]:
    with scratch(mysql_server) as name:
        yield name


def _read(server: Server, globals_options: GlobalsOptions, **changes: object) -> tuple[Globals, bytes]:
    session = connect(options(server, "mysql", **changes).connection)
    try:
        found = read_globals(session, globals_options)
        return found, found.script(session)
    finally:
        session.close()


def _genuine(server: Server) -> ClientProgram:
    if server.flavor == "mariadb":
        return client("mariadb", version=server.version[:2])
    return client("mysql")


def test_accounts_survive_backup_and_genuine_load(mysql_server: Server, database: str) -> None:
    with accounts(mysql_server, database) as prefix:
        want = account_picture(mysql_server, prefix)
        found, script = _read(mysql_server, GlobalsOptions(include_users=(f"{prefix}*",)))
        drop_accounts(mysql_server, prefix)
        program = (
            client("mariadb", version=mysql_server.version[:2]) if mysql_server.flavor == "mariadb" else client("mysql")
        )
        program.run(mysql_server, input=script)
        got = account_picture(mysql_server, prefix)
        if mysql_server.flavor == "mysql":
            # Loading it again changes nothing; in MariaDB only a role's administrators may grant it again.
            program.run(mysql_server, input=script)
            assert account_picture(mysql_server, prefix) == got
    assert not differences(got, want)
    assert len([key for key in want if key.startswith("grants")]) == sum(found.counts().values())
    leftover = mysql_server.execute("SELECT COUNT(*) FROM mysql.user WHERE User = 'dbfleet_import_role'")
    assert leftover == [(0,)]


def test_accounts_are_chosen_by_patterns(mysql_server: Server, database: str) -> None:
    with accounts(mysql_server, database) as prefix:
        chosen = GlobalsOptions(include_users=(f"{prefix}_*", f"{prefix}odd*@10.*"), exclude_users=(f"{prefix}_all@%",))
        found, _script = _read(mysql_server, chosen)
        names = {one.user for one in found.accounts}
    assert f"{prefix}_hash" in names
    assert f"{prefix}_all" not in names
    assert any("odd" in name for name in names)
    assert "root" not in names


def test_the_servers_own_accounts_stay_out(mysql_server: Server) -> None:
    found, _script = _read(mysql_server, GlobalsOptions())
    assert ("root", "localhost") in {(one.user, one.host) for one in found.accounts}
    assert not [one.name for one in found.accounts if one.user in ("mysql.sys", "mysql.session", "mariadb.sys")]


def test_who_may_not_read_passwords_is_told_so(mysql_server: Server, database: str) -> None:
    mysql_server.execute("CREATE USER IF NOT EXISTS limited@localhost IDENTIFIED BY 'secret'")
    mysql_server.execute(f"GRANT SELECT ON {database}.* TO limited@localhost")
    try:
        with pytest.raises(PrivilegeError, match="accounts") as caught:
            _read(mysql_server, GlobalsOptions(), user="limited", password="secret")
        assert "mysql" in caught.value.hint
    finally:
        mysql_server.execute("DROP USER limited@localhost")


def test_servers_functions_and_tablespaces_on_request(mysql_server: Server) -> None:
    mysql_server.execute(
        "CREATE SERVER far FOREIGN DATA WRAPPER mysql OPTIONS (HOST '10.0.0.1', DATABASE 'it''s', USER 'u', "
        "PASSWORD 'pw', PORT 3307)"
    )
    makes_tablespaces = mysql_server.flavor == "mysql"
    if makes_tablespaces:
        mysql_server.execute("CREATE TABLESPACE `odd space` ADD DATAFILE 'odd_space.ibd' ENGINE=InnoDB")
    try:
        before = mysql_server.execute("SELECT * FROM mysql.servers ORDER BY 1")
        found, script = _read(mysql_server, GlobalsOptions(parts=("servers", "udfs", "plugins", "tablespaces")))
        assert found.counts().get("server") == 1
        assert found.counts().get("tablespace", 0) == int(makes_tablespaces)
        mysql_server.execute("DROP SERVER far")
        if makes_tablespaces:
            mysql_server.execute("DROP TABLESPACE `odd space`")
        _genuine(mysql_server).run(mysql_server, input=script)
        assert mysql_server.execute("SELECT * FROM mysql.servers ORDER BY 1") == before
    finally:
        mysql_server.execute("DROP SERVER IF EXISTS far")
        if makes_tablespaces:
            mysql_server.execute("DROP TABLESPACE `odd space`")
