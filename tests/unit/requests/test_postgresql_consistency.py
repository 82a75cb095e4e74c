# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that choose a PostgreSQL backup's moment, and what goes with its rows."""

from __future__ import annotations

import pytest

from dbfleet.backup import BackupRequest
from dbfleet.errors import UsageError
from dbfleet.postgresql.options import BackupOptions
from dbfleet.postgresql.selection.options import Selection
from dbfleet.requests.backup import backup_request
from dbfleet.requests.given import Given


def options(**values: object) -> BackupOptions:
    given = Given("backup", "postgresql", {"database": "shop", "repository": "/r", **values})
    request = backup_request(given, check=False)
    assert isinstance(request, BackupRequest)
    assert isinstance(request.options, BackupOptions)
    return request.options


def test_the_moment() -> None:
    assert options(snapshot="00000003-0000001B-1").snapshot == "00000003-0000001B-1"
    assert options(serializable_deferrable=True).serializable_deferrable
    assert (options().snapshot, options().serializable_deferrable) == ("", False)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Selection()),
        ({"statistics": True}, Selection(statistics=True)),
        ({"no_statistics": True}, Selection()),
        ({"statistics_only": True}, Selection(definitions=False, data=False, statistics=True)),
        ({"schema_only": True, "sequence_data": True}, Selection(data=False, sequence_data=True)),
    ],
)
def test_statistics_and_values(values: dict[str, bool], expected: Selection) -> None:
    assert options(**values).selection == expected


@pytest.mark.parametrize(
    "names",
    [
        ("snapshot", "serializable_deferrable"),
        ("statistics", "no_statistics"),
        ("statistics_only", "no_statistics"),
        ("statistics_only", "schema_only"),
        ("statistics_only", "data_only"),
        ("statistics", "schema_only"),
        ("statistics", "data_only"),
    ],
)
def test_what_excludes_each_other(names: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        options(**{name: "x" if name == "snapshot" else True for name in names})


@pytest.mark.parametrize("name", ["snapshot", "statistics_only"])
def test_what_is_of_one_database(name: str) -> None:
    given = Given("backup", "postgresql", {"all_databases": True, "repository": "/r", name: "x"})
    with pytest.raises(UsageError, match="all_databases"):
        backup_request(given, check=False)
