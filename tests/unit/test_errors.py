# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import json
import pickle

import pytest

from dbfleet import errors
from dbfleet.errors import DbfleetError

ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, DbfleetError)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_the_way_out_of_a_worker(kind: type[DbfleetError]) -> None:
    error = kind("reading public.orders failed", hint="try again", table="orders", code=None, numbers=[1, 2])
    for travelled in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert travelled.__class__ is kind
        assert travelled.details() == error.details()
        assert str(travelled) == str(error) == "reading public.orders failed (try again)"
    assert error.context == {"table": "orders", "numbers": [1, 2]}, "what is not known is left out"


def test_kinds_are_told_apart() -> None:
    assert len({kind.kind for kind in ALL}) == len(ALL)


def test_an_error_as_plain_data() -> None:
    assert json.loads(json.dumps(DbfleetError("x", path="/y").details())) == {
        "kind": "error",
        "message": "x",
        "hint": "",
        "context": {"path": "/y"},
    }
    assert str(DbfleetError("x")) == "x"


def test_exit_codes() -> None:
    codes = {kind: kind.exit_code for kind in ALL if kind.exit_code != 1}
    assert codes == {errors.UsageError: 2, errors.JobInterrupted: 130}
