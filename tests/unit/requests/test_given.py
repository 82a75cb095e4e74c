# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from dbfleet.errors import UsageError
from dbfleet.requests.given import Given, given_to_command, given_to_module

DATABASE = {"database": "shop"}


def backup(dbms: str = "postgresql", **values: object) -> Given:
    return Given("backup", dbms, {**DATABASE, **values})


@pytest.mark.parametrize(("dbms", "world"), [("postgresql", "postgresql"), ("mysql", "mysql"), ("mariadb", "mysql")])
def test_mariadb_is_spoken_to_as_mysql_is(dbms: str, world: str) -> None:
    assert backup(dbms).world == world


def test_unknown_dbms_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown database system 'oracle'"):
        backup("oracle")


def test_option_of_the_other_world_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="option_file is an option for mysql and means nothing to postgresql"):
        backup("postgresql", option_file="/root/.my.cnf")
    with pytest.raises(UsageError, match="passfile is an option for postgresql and means nothing to mysql"):
        backup("mariadb", passfile="/root/.pgpass")


@pytest.mark.parametrize("name", ["backup", "cluster", "repository", "database"])
def test_an_empty_value_does_not_silently_mean_the_default(name: str) -> None:
    with pytest.raises(UsageError, match=f"^{name} is empty"):
        Given("restore", "mysql", {"database": "d", "repository": "/r", name: ""})


def test_empty_connection_options_are_not_given() -> None:
    given = backup("mysql", passfile="", service=None, login_host="")
    assert given.text("login_host") == ""


@pytest.mark.parametrize(
    ("dbms", "option", "value", "allowed"),
    [
        ("postgresql", "ssl_mode", "VERIFY_CA", "verify-ca"),
        ("mysql", "ssl_mode", "verify-full", "VERIFY_IDENTITY"),
        ("mysql", "format", "custom", "plain, directory"),
    ],
)
def test_each_world_has_its_own_choices(dbms: str, option: str, value: str, allowed: str) -> None:
    with pytest.raises(UsageError) as caught:
        backup(dbms, **{option: value})
    assert f"'{value}' is not a {option} of {dbms}" in caught.value.message
    assert allowed in caught.value.hint


def test_unknown_option_is_refused() -> None:
    with pytest.raises(UsageError, match="backup has no option max_agee"):
        backup(max_agee="6h")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("15 min", 900),
        ("6h", 21600),
        ("1.5h", 5400),
        ("2d", 172800),
        ("1w", 604800),
        ("500ms", 0.5),
        ("0", 0),
        (None, None),
    ],
)
def test_durations(text: str | None, seconds: float | None) -> None:
    assert backup(max_age=text).duration("max_age") == seconds


@pytest.mark.parametrize("text", ["6", "3600", "h", "6 hours", "-1h", "6h30m", "1e3s", "6H", "٣h "])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        backup(max_age=text).duration("max_age")
    assert "6h" in caught.value.hint


def test_exactly_one() -> None:
    assert backup(dest="/x").exactly_one("repository", "dest") == "dest"
    with pytest.raises(UsageError, match="repository and dest are both missing"):
        backup().exactly_one("repository", "dest")
    with pytest.raises(UsageError, match="repository and dest exclude each other"):
        backup(dest="/x", repository="/y").exactly_one("repository", "dest")


def test_switches_that_are_off_exclude_nothing() -> None:
    values = {"database": "shop", "create": True, "clean": False, "force": False}
    Given("restore", "mysql", values).at_most_one("create", "clean", "force")
    with pytest.raises(UsageError, match="create and force exclude each other"):
        Given("restore", "mysql", {**values, "force": True}).at_most_one("create", "clean", "force")


@pytest.mark.parametrize("jobs", [0, -1])
def test_count_has_a_lower_limit(jobs: int) -> None:
    with pytest.raises(UsageError, match=f"jobs is {jobs}"):
        backup(jobs=jobs).count("jobs", least=1)


def test_errors_name_an_option_as_the_user_calls_it() -> None:
    values = {"database": "shop", "max_age": "x"}
    with pytest.raises(UsageError, match=r"^max_age 'x' is not a time"):
        given_to_module("backup", {**values, "dbms": "mysql"}).duration("max_age")
    with pytest.raises(UsageError, match=r"^--max-age 'x' is not a time"):
        given_to_command("backup", "mysql", values).duration("max_age")


def test_module_parameters_may_hold_aliases() -> None:
    given = given_to_module("backup", {"database": "d", "dbms": "mysql", "config_file": "/a", "option_file": "/a"})
    assert given.text("option_file") == "/a"


def test_a_secret_of_the_wrong_kind_is_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        Given("info", "", {"login_password": "hunter2"})
    assert "hunter2" not in str(caught.value)
