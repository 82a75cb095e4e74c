# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable

import pytest

from dbfleet.errors import UsageError
from dbfleet.mysql.connection import resolve
from dbfleet.mysql.options import ConnectionOptions as MysqlConnection
from dbfleet.postgresql.options import ConnectionOptions as PostgresqlConnection
from dbfleet.requests.connection import database_name, mysql_connection, postgresql_connection
from dbfleet.requests.given import Given

TLS = {"ca_cert": "/ca", "ssl_cert": "/cert", "ssl_key": "/key"}


def given(dbms: str, **values: object) -> Given:
    return Given("backup", dbms, {"database": "shop", **values})


@pytest.fixture(autouse=True)
def no_password_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MYSQL_PWD", raising=False)
    monkeypatch.delenv("PGPASSWORD", raising=False)


def test_nothing_given_leaves_everything_to_the_world_s_own_defaults() -> None:
    assert postgresql_connection(given("postgresql")) == PostgresqlConnection()
    assert mysql_connection(given("mysql")) == MysqlConnection()


def test_every_option_of_postgresql() -> None:
    values = {
        "login_host": "h",
        "login_port": 5433,
        "login_user": "u",
        "login_password": "p",
        "login_db": "admin",
        "ssl_mode": "verify-full",
        "service": "s",
        "passfile": "/pass",
        "connect_timeout": 5,
        **TLS,
    }
    assert postgresql_connection(given("postgresql", **values)) == PostgresqlConnection(
        host="h",
        port=5433,
        user="u",
        password="p",
        maintenance_database="admin",
        ssl_mode="verify-full",
        ca_cert="/ca",
        client_cert="/cert",
        client_key="/key",
        service="s",
        passfile="/pass",
        connect_timeout=5,
    )


def test_every_option_of_mysql() -> None:
    values = {
        "login_host": "h",
        "login_port": 3307,
        "login_unix_socket": "/sock",
        "login_user": "u",
        "login_password": "p",
        "option_file": "/my.cnf",
        "option_group": "backup",
        "ssl_mode": "VERIFY_IDENTITY",
        "connect_timeout": 5,
        **TLS,
    }
    assert mysql_connection(given("mariadb", **values)) == MysqlConnection(
        host="h",
        port=3307,
        unix_socket="/sock",
        user="u",
        password="p",
        option_file="/my.cnf",
        option_group="backup",
        ssl_mode="VERIFY_IDENTITY",
        ca_cert="/ca",
        client_cert="/cert",
        client_key="/key",
        connect_timeout=5,
    )


def test_a_host_that_is_a_path_is_postgresql_s_socket_folder_with_its_port() -> None:
    connection = postgresql_connection(given("postgresql", login_host="/run/postgresql", login_port=5433))
    assert (connection.host, connection.unix_socket, connection.port) == ("", "/run/postgresql", 5433)


def test_a_host_that_is_a_path_is_refused_for_mysql() -> None:
    with pytest.raises(UsageError, match="use login_unix_socket for a socket"):
        mysql_connection(given("mysql", login_host="/run/mysqld/mysqld.sock"))


@pytest.mark.parametrize("dbms", ["postgresql", "mysql"])
@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused(dbms: str, port: int) -> None:
    connection = postgresql_connection if dbms == "postgresql" else mysql_connection
    with pytest.raises(UsageError, match=f"login_port is {port}"):
        connection(given(dbms, login_port=port))


@pytest.mark.parametrize(("name", "taken_by"), [("database", database_name), ("login_host", postgresql_connection)])
def test_a_connection_string_is_refused_and_not_repeated(name: str, taken_by: Callable[[Given], object]) -> None:
    with pytest.raises(UsageError, match=f"{name} is a connection string") as caught:
        taken_by(given("postgresql", **{name: "postgresql://u:hunter2@h/shop"}))
    assert "hunter2" not in str(caught.value)


def test_the_environment_of_the_other_world_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "postgresql's")
    monkeypatch.setenv("MYSQL_PWD", "mysql's")
    # libpq reads PGPASSWORD itself, at its own place between service file and passfile.
    assert postgresql_connection(given("postgresql")).password == ""
    # The engine reads MYSQL_PWD, at its place behind the option file.
    assert mysql_connection(given("mysql")).password == ""
    assert resolve(mysql_connection(given("mysql"))).password == "mysql's"


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_PWD", "environment")
    assert resolve(mysql_connection(given("mysql", login_password="given"))).password == "given"


def test_an_option_group_needs_its_file() -> None:
    with pytest.raises(UsageError, match="option_group means something only together with option_file"):
        mysql_connection(given("mysql", option_group="backup"))


def test_a_password_is_not_part_of_what_the_options_look_like() -> None:
    for dbms, connection in (("postgresql", postgresql_connection), ("mysql", mysql_connection)):
        assert "hunter2" not in repr(connection(given(dbms, login_password="hunter2")))
