# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account for backups: what it may is what a backup needs, each privilege of it and no other."""

from __future__ import annotations

import dataclasses
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.backup_account import AccountRequest, manage_account
from dbfleet.errors import DbfleetError, PrivilegeError, UsageError
from dbfleet.mysql.binlog.archive import ArchiveRequest, archive_binlogs
from dbfleet.mysql.options import ConnectionOptions as MysqlOptions
from dbfleet.postgresql.dump import PostgresqlBackupSource
from dbfleet.postgresql.options import BackupOptions
from dbfleet.progress import Progress
from tests.integration.mysql.backup_support import back_up as back_up_mysql
from tests.integration.mysql.directory_support import back_up_folder
from tests.integration.playbooks import Playbooks
from tests.integration.postgresql.backup_support import Folder
from tests.integration.postgresql.restore_support import connection_options
from tests.servers import Server
from tests.servers.fixtures import Database

ROLE = "dbfleet.backup.account"
PASSWORD = "Gehéim 'n\\ Wort"


@pytest.fixture
def account() -> str:
    return f"keeper_{secrets.token_hex(4)}"


def mysql_request(server: Server, name: str, **changes: Any) -> AccountRequest:
    connection = MysqlOptions(unix_socket=server.socket, user=server.user, password=server.password)
    return dataclasses.replace(
        AccountRequest(connection=connection, name=name, host="localhost", password=PASSWORD), **changes
    )


@pytest.fixture
def shop(mysql_database: Database) -> Database:
    """A database with something of every kind that a privilege is about; its name is a pattern in a grant."""
    mysql_database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, total int) ENGINE=InnoDB",
        "INSERT INTO orders VALUES (1, 2), (3, 4)",
        "CREATE TABLE old (id int) ENGINE=MyISAM",
        "CREATE VIEW large AS SELECT * FROM orders WHERE total > 3",
        "CREATE TRIGGER stamp BEFORE INSERT ON orders FOR EACH ROW SET NEW.total = NEW.total + 1",
        "CREATE PROCEDURE nothing() SELECT 1",
        "CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1",
    )
    return mysql_database


def test_exactly_what_a_mysql_backup_needs(shop: Database, mysql_server: Server, account: str, tmp_path: Path) -> None:
    request = mysql_request(mysql_server, account, databases=(shop.name,))
    try:
        planned = manage_account(dataclasses.replace(request, check=True))
        made = manage_account(request)
        assert planned.changed
        assert planned.statements == made.statements
        assert "Wort" not in "".join(made.statements)
        again = manage_account(request)
        assert (again.changed, again.statements) == (False, ())

        login = {"user": account, "password": PASSWORD, "lock_tables": True}
        assert back_up_mysql(mysql_server, shop.name, tmp_path / "one", **login).warnings == []
        assert back_up_folder(mysql_server, shop.name, tmp_path / "two", jobs=2, **login).warnings == []
        # Each of them is needed: one of the two ways of backing up fails without it.
        for statement in made.statements[1:]:
            words, _on, rest = statement.removeprefix("GRANT ").partition(" ON ")
            for word in words.split(", "):
                scope = rest.split(" TO ")[0]
                mysql_server.execute(f"REVOKE {word} ON {scope} FROM '{account}'@localhost")
                with pytest.raises(DbfleetError) as caught:
                    back_up_mysql(mysql_server, shop.name, tmp_path / f"one without {word}", **login)
                    back_up_folder(mysql_server, shop.name, tmp_path / f"two without {word}", jobs=2, **login)
                assert caught.value.hint, word
                # What is missing is granted again, and nothing else.
                mended = manage_account(request)
                assert mended.statements == (f"GRANT {word} ON {scope} TO '{account}'@'localhost'",)
    finally:
        mysql_server.execute(f"DROP USER IF EXISTS '{account}'@localhost")


def test_what_is_more_than_needed_is_revoked(shop: Database, mysql_server: Server, account: str) -> None:
    request = mysql_request(mysql_server, account, databases=(shop.name,))
    try:
        manage_account(request)
        mysql_server.execute(
            f"GRANT INSERT ON `{shop.name}`.* TO '{account}'@localhost",
            f"GRANT SELECT ON mysql.* TO '{account}'@localhost WITH GRANT OPTION",
        )
        mended = manage_account(request)
        assert len(mended.statements) == 2
        assert all(statement.startswith("REVOKE ") for statement in mended.statements)
        assert not manage_account(request).changed

        wider = dataclasses.replace(request, purposes=("globals", "replication", "replica_status"))
        assert any("REPLICATION SLAVE" in statement for statement in manage_account(wider).statements)
        assert any("REVOKE" in statement for statement in manage_account(request).statements)

        other = dataclasses.replace(request, password="another one")
        assert [s.partition(" IDENTIFIED")[0] for s in manage_account(other).statements] == [
            f"ALTER USER '{account}'@'localhost'"
        ]
        assert not manage_account(other).changed
        assert not manage_account(dataclasses.replace(request, set_password=False)).changed
        with pytest.raises(UsageError, match="no password"):
            manage_account(mysql_request(mysql_server, f"{account}2", password=""))

        gone = dataclasses.replace(request, present=False)
        assert manage_account(gone).statements == (f"DROP USER '{account}'@'localhost'",)
        assert not manage_account(gone).changed
    finally:
        mysql_server.execute(f"DROP USER IF EXISTS '{account}'@localhost")


def test_exactly_what_archiving_binlogs_needs(mysql_server: Server, account: str, tmp_path: Path) -> None:
    plain = mysql_request(mysql_server, account, databases=("shop",))
    request = dataclasses.replace(plain, purposes=("replication",))
    connection = MysqlOptions(unix_socket=mysql_server.socket, user=account, password=PASSWORD)

    def archive(name: str) -> None:
        archive_binlogs(ArchiveRequest(connection, str(tmp_path / name)), Progress())

    try:
        manage_account(plain)
        with pytest.raises(PrivilegeError):
            archive("plain")
        more = manage_account(request).statements
        archive("more")
        words = [word for statement in more for word in statement.removeprefix("GRANT ").split(" ON ")[0].split(", ")]
        assert "REPLICATION SLAVE" in words
        for word in words:
            mysql_server.execute(f"REVOKE {word} ON *.* FROM '{account}'@localhost")
            with pytest.raises(PrivilegeError):
                archive(word)
            manage_account(request)
    finally:
        mysql_server.execute(f"DROP USER IF EXISTS '{account}'@localhost")


def pg_request(server: Server, name: str, **changes: Any) -> AccountRequest:
    request = AccountRequest(connection=connection_options(server), name=name, password=PASSWORD)
    return dataclasses.replace(request, **changes)


def back_up_pg(server: Server, database: str, folder: Path, user: str) -> None:
    connection = dataclasses.replace(connection_options(server), user=user)
    folder.mkdir()
    source = PostgresqlBackupSource(BackupOptions(connection=connection, database=database))
    try:
        source.write(Folder(folder), Progress())
    finally:
        source.close()


@pytest.fixture
def pg_shop(pg_database: Database) -> Iterator[Database]:
    owner = f"{pg_database.name}_owner"
    pg_database.execute(
        f"CREATE ROLE {owner}",
        "CREATE SCHEMA private",
        "CREATE TABLE private.orders (id serial PRIMARY KEY, total int)",
        "INSERT INTO private.orders (total) VALUES (1), (2)",
        "CREATE TABLE guarded (id int)",
        "ALTER TABLE guarded ENABLE ROW LEVEL SECURITY",
        "CREATE MATERIALIZED VIEW private.sums AS SELECT sum(total) FROM private.orders",
        f"ALTER TABLE guarded OWNER TO {owner}",
        f"REVOKE CONNECT ON DATABASE {pg_database.name} FROM PUBLIC",
    )
    yield pg_database
    pg_database.execute(f"DROP OWNED BY {owner} CASCADE", f"DROP ROLE {owner}")


def test_exactly_what_a_postgresql_backup_needs(
    pg_shop: Database, pg_server: Server, account: str, tmp_path: Path
) -> None:
    request = pg_request(pg_server, account, databases=(pg_shop.name,))
    gone = dataclasses.replace(request, present=False)
    try:
        planned = manage_account(dataclasses.replace(request, check=True))
        made = manage_account(request)
        assert planned.statements == made.statements
        assert not manage_account(request).changed
        back_up_pg(pg_server, pg_shop.name, tmp_path / "first", account)
        attributes = pg_server.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolcanlogin FROM pg_roles "
            f"WHERE rolname = '{account}'"
        )
        assert attributes == [(False, False, False, False, True, True)]
        # Nothing can be written with it.
        rights = pg_shop.execute(
            f"SELECT bool_or(has_table_privilege('{account}', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'private') "
            "AND c.relkind = 'r'"
        )
        assert rights == [(False,)]

        # What comes later is readable too.
        pg_shop.execute("CREATE SCHEMA later", "CREATE TABLE later.t (id serial)")
        back_up_pg(pg_server, pg_shop.name, tmp_path / "later", account)
        assert not manage_account(request).changed

        undone = {"row security": f"ALTER ROLE {account} NOBYPASSRLS"}
        if pg_server.version[0] >= 14:
            undone["data"] = f"REVOKE pg_read_all_data FROM {account}"
            undone["connect"] = f"REVOKE CONNECT ON DATABASE {pg_shop.name} FROM {account}"
        else:
            undone["schema"] = f"REVOKE USAGE ON SCHEMA private FROM {account}"
            undone["table"] = f"REVOKE SELECT ON private.orders FROM {account}"
            undone["sequence"] = f"REVOKE SELECT ON private.orders_id_seq FROM {account}"
        for what, statement in undone.items():
            pg_shop.execute(statement)
            with pytest.raises(DbfleetError):
                back_up_pg(pg_server, pg_shop.name, tmp_path / what, account)
            assert len(manage_account(request).statements) == 1
            assert not manage_account(request).changed

        pg_server.execute(f"ALTER ROLE {account} CREATEDB", f"GRANT pg_signal_backend TO {account}")
        assert sorted(manage_account(request).statements) == [
            f"ALTER ROLE {account} NOCREATEDB",
            f"REVOKE pg_signal_backend FROM {account}",
        ]
        wider = manage_account(dataclasses.replace(request, purposes=("replication", "globals")))
        assert f"ALTER ROLE {account} REPLICATION" in wider.statements
        other = dataclasses.replace(request, purposes=("replication", "globals"), password="another")
        assert manage_account(other).changed
        assert not manage_account(other).changed

        pg_shop.execute("CREATE TABLE belonging ()", f"ALTER TABLE belonging OWNER TO {account}")
        with pytest.raises(UsageError, match="owns objects"):
            manage_account(gone)
        pg_shop.execute("DROP TABLE belonging")
        assert manage_account(gone).changed
        assert not manage_account(gone).changed
        assert pg_server.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{account}'") == []
    finally:
        if pg_server.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{account}'"):
            pg_shop.execute(f"DROP OWNED BY {account}", f"DROP ROLE {account}")


def test_the_module(pg_latest: Server, playbooks: Playbooks, account: str) -> None:
    task = {
        "dbms": "postgresql",
        "login_unix_socket": pg_latest.socket,
        "login_port": pg_latest.port,
        "login_user": pg_latest.user,
        "name": account,
        "password": PASSWORD,
    }
    module = "dbfleet.backup.backup_account"
    played = playbooks.play(
        {module: task, "check_mode": True},
        {module: task},
        {module: task},
        {module: {**task, "purposes": ["tea"]}},
        {module: {**task, "state": "absent"}},
        options=["--diff", "-vvv"],
    )
    planned, made, again, wrong, removed = played.results
    assert planned["changed"]
    assert planned["statements"] == made["statements"]
    assert made["diff"]["before"] == ""
    assert "member of pg_read_all_data" in made["diff"]["after"]
    assert not again["changed"]
    assert wrong["error"]["kind"] == "usage"
    assert removed["changed"]
    assert "Gehéim" not in played.output


@pytest.mark.parametrize("dbms", ["postgresql", "mariadb"])
def test_the_role_and_a_backup_with_what_it_wrote(
    dbms: str, pg_latest: Server, mariadb_latest: Server, playbooks: Playbooks, account: str, tmp_path: Path
) -> None:
    server = pg_latest if dbms == "postgresql" else mariadb_latest
    file = tmp_path / "credentials"
    variables = {
        "account_dbms": dbms,
        "account_name": account,
        "account_password": 'Gehéim: "x" \\ $HOME #1',
        "account_login_unix_socket": str(server.socket),
        "account_login_user": server.user,
        "account_login_port": str(server.port),
        "account_login_password": server.password or "",
        "account_python_environment": sys.prefix,
        "account_credentials_file": str(file),
        "account_credentials_owner": "",
        "account_credentials_group": "",
    }

    def role(**more: Any) -> dict[str, Any]:
        return {"name": "Step", "ansible.builtin.include_role": {"name": ROLE}, "vars": {**variables, **more}}

    # By the password, which a socket of the test's PostgreSQL does not ask for.
    if dbms == "postgresql":
        login = {"login_host": server.host, "login_port": server.port, "login_user": account, "passfile": str(file)}
    else:
        login = {"login_unix_socket": str(server.socket), "option_file": str(file)}
    backup = {
        "name": "Back up with it",
        "dbfleet.backup.native_backup": {
            "dbms": dbms,
            "database": "postgres" if dbms == "postgresql" else account,
            "dest": str(tmp_path / "backup"),
            **login,
        },
    }
    if dbms == "mariadb":
        mariadb_latest.execute(f"CREATE DATABASE {account}")
    try:
        played = playbooks.play(pre_tasks=[role(), backup, role()])
        assert played.output.count("\nchanged: ") >= 3, played.output
        last = played.output.split("TASK [Back up with it]")[1]
        assert "changed: [localhost]\n\nTASK [Step" in last, played.output
        assert "\nchanged: " not in last.split("TASK [Step", 1)[1].split("TASK [Keep")[0], played.output
        assert file.stat().st_mode & 0o777 == 0o600
        assert "Gehéim" not in played.output
    finally:
        gone = playbooks.play(pre_tasks=[role(account_state="absent")])
        if dbms == "mariadb":
            mariadb_latest.execute(f"DROP DATABASE {account}")
    assert gone.output.count("\nchanged: ") >= 2
    assert not file.exists()
