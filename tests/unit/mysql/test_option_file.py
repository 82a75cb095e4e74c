# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Option files as the servers' own clients read them, and how they mix with explicit options."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, UsageError
from dbfleet.mysql.connection import resolve
from dbfleet.mysql.option_file import read_option_file
from dbfleet.mysql.options import ConnectionOptions

FILE = r"""
# a comment
; another
[mysqld]
port = 1
[client]
user = backup   # who
password = "pa#ss\"wo\\rd\s'x"
loose-default_auth=x
host='db.example'
port=3307
ssl_ca = /ca.pem
skip-name
[nightly]
user=other
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    file = tmp_path / "my.cnf"
    file.write_text(FILE)
    return str(file)


def test_groups_quotes_escapes_and_comments(path: str) -> None:
    assert read_option_file(path, ("client",)) == {
        "user": "backup",
        "password": "pa#ss\"wo\\rd 'x",
        "default-auth": "x",
        "host": "db.example",
        "port": "3307",
        "ssl-ca": "/ca.pem",
        "skip-name": "",
    }


def test_a_further_group_wins(path: str) -> None:
    endpoint = resolve(ConnectionOptions(option_file=path, option_group="nightly"))
    assert (endpoint.user, endpoint.host, endpoint.port) == ("other", "db.example", 3307)
    assert endpoint.ssl_mode == "VERIFY_CA"


def test_explicit_options_win(path: str) -> None:
    endpoint = resolve(
        ConnectionOptions(option_file=path, user="me", port=3306, password="p", ssl_mode="REQUIRED", host="h")
    )
    assert (endpoint.user, endpoint.host, endpoint.port, endpoint.password) == ("me", "h", 3306, "p")
    assert endpoint.ssl_mode == "REQUIRED"
    assert "'p'" not in repr(endpoint)


@pytest.mark.parametrize("line", ["!include /x", "!includedir /etc/mysql/conf.d"])
def test_includes_are_refused(tmp_path: Path, line: str) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\n{line}\n")
    with pytest.raises(UsageError, match="include"):
        read_option_file(str(file), ("client",))


@pytest.mark.parametrize("text", ["user=x\n[client]\n", "[client\nuser=x\n"])
def test_malformed_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"my\.cnf:1"):
        read_option_file(str(file), ("client",))


def test_a_file_that_everybody_may_change_is_refused(path: str) -> None:
    os.chmod(path, 0o666)
    with pytest.raises(UsageError, match="writable"):
        read_option_file(path, ("client",))


def test_missing_file_and_group(path: str) -> None:
    with pytest.raises(NotFoundError):
        read_option_file(path + "x", ("client",))
    with pytest.raises(UsageError, match=r"\[no\]"):
        read_option_file(path, ("client", "no"))


@pytest.mark.parametrize(
    ("options", "filed", "want"),
    [
        ({}, "", ("", "localhost", 3306)),
        ({}, "socket=/s", ("/s", "localhost", 3306)),
        ({"port": 3307}, "socket=/s", ("", "localhost", 3307)),
        ({"host": "localhost", "port": 3307}, "socket=/s", ("", "localhost", 3307)),
        ({"host": "localhost"}, "socket=/s", ("", "localhost", 3306)),
        ({"unix_socket": "/x", "host": "h", "port": 1}, "socket=/s", ("/x", "h", 1)),
        ({}, "socket=/s\nhost=h", ("", "h", 3306)),
    ],
)
def test_socket_and_port_are_both_honoured(
    tmp_path: Path, options: dict[str, str | int], filed: str, want: tuple[str, str, int]
) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\n{filed}\n")
    endpoint = resolve(ConnectionOptions(option_file=str(file), **options))  # type: ignore[arg-type]
    assert (endpoint.unix_socket, endpoint.host, endpoint.port) == want


@pytest.mark.parametrize(
    ("filed", "want"),
    [
        ("", "PREFERRED"),
        ("skip-ssl", "DISABLED"),
        ("ssl=0", "DISABLED"),
        ("ssl", "REQUIRED"),
        ("ssl-mode=verify_ca", "VERIFY_CA"),
        ("ssl-verify-server-cert", "VERIFY_IDENTITY"),
        ("ssl-ca=/x", "VERIFY_CA"),
    ],
)
def test_tls_modes_of_both_families(tmp_path: Path, filed: str, want: str) -> None:
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\n{filed}\n")
    assert resolve(ConnectionOptions(option_file=str(file))).ssl_mode == want


def test_an_unknown_tls_mode_is_refused() -> None:
    with pytest.raises(UsageError, match="ssl_mode"):
        resolve(ConnectionOptions(ssl_mode="MAYBE"))


@pytest.mark.parametrize(
    ("given", "filed", "want"),
    [
        ("", "", "environment"),
        ("", "password=filed", "filed"),
        ("given", "password=filed", "given"),
        ("given", "", "given"),
    ],
)
def test_the_environment_gives_the_password_that_nothing_else_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, filed: str, want: str
) -> None:
    monkeypatch.setenv("MYSQL_PWD", "environment")
    file = tmp_path / "my.cnf"
    file.write_text(f"[client]\nuser=backup\n{filed}\n")
    assert resolve(ConnectionOptions(option_file=str(file), password=given)).password == want


def test_without_an_option_file_the_environment_gives_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYSQL_PWD", "environment")
    assert resolve(ConnectionOptions()).password == "environment"
    assert resolve(ConnectionOptions(password="given")).password == "given"
    monkeypatch.delenv("MYSQL_PWD")
    assert resolve(ConnectionOptions()).password == ""
