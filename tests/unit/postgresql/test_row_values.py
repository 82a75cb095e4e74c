# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from dbfleet.errors import QueryError
from dbfleet.postgresql.row_values import IN_ROW, hint_without_values, is_of_database_code, without_values


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("pl_exec.c", True),
        ("src/pl_exec.c", True),
        ("plpy_elog.c", True),
        ("plperl.c", True),
        ("pltcl.c", True),
        ("plv8.cc", True),
        ("plancache.c", False),
        ("planner.c", False),
        ("nbtutils.c", False),
        ("", False),
    ],
)
def test_what_code_of_the_database_says_is_told_by_its_source(file: str, expected: bool) -> None:
    assert is_of_database_code(file) is expected


@pytest.mark.parametrize(
    ("message", "sqlstate", "in_row", "said"),
    [
        (
            'invalid input syntax for type integer: "a "b" c"',
            "22P02",
            False,
            "invalid input syntax for type integer: …",
        ),
        ("ungültige Eingabe: »x«", "22P02", False, "ungültige Eingabe: …"),
        ('duplicate key value violates unique constraint "k"', "23505", True, None),
        ('relation "t" does not exist', "42P01", False, None),
        ('column "secret" does not exist', "42703", True, "column … does not exist"),
        ("anything at all", "P0001", False, "an error with SQLSTATE P0001 whose text is left out"),
    ],
)
def test_messages_without_values(message: str, sqlstate: str, in_row: bool, said: str | None) -> None:
    error = QueryError(message, hint=f"look at {message}", sqlstate=sqlstate, **{IN_ROW: in_row})
    expected = message if said is None else said.replace("…", "(value left out)")
    assert without_values(error).startswith(expected)
    if said is not None:
        assert "secret" not in hint_without_values(error)
        assert '"a' not in hint_without_values(error)
