# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module for binlogs: what it documents is what it takes, and each state takes what it understands."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.binlog_prune import PruneBinlogsRequest
from dbfleet.errors import UsageError
from dbfleet.mysql.binlog.archive import ArchiveRequest
from dbfleet.mysql.binlog.flashback_job import APPLY, CHECK, FlashbackRequest
from dbfleet.point_in_time import PointInTimeRequest
from dbfleet.requests.binlog_pitr import binlog_pitr_request
from dbfleet.requests.options import argument_spec_of_binlogs

from .test_module_documentation import _documented


def params(state: str, **given: Any) -> dict[str, Any]:
    defaults = {name: argument.get("default") for name, argument in argument_spec_of_binlogs().items()}
    return {**defaults, "state": state, **given}


def test_documentation_and_arguments_are_the_same() -> None:
    documented, taken = _documented("binlog_pitr"), argument_spec_of_binlogs()
    assert sorted(documented) == sorted(taken)
    for name, argument in taken.items():
        text = documented[name]
        for key in ("elements", "default"):
            assert text.get(key) == argument.get(key), name
        for key in ("choices", "aliases"):
            assert list(text.get(key) or []) == list(argument.get(key) or []), name
        assert text.get("type", "str") == argument["type"], name
        assert bool(text.get("required")) == bool(argument.get("required")), name


def test_every_state_has_its_request() -> None:
    archived = binlog_pitr_request(params("archived", repository="/r", compress="zstd"), check=True)
    assert isinstance(archived, ArchiveRequest)
    assert (archived.repository, archived.compression, archived.check) == ("/r", "zstd:3", True)
    restored = binlog_pitr_request(
        params("restored", repository="/r", database="new", source_database="d", target_time="2026-11-22T03:15:00.5Z"),
        check=False,
    )
    assert isinstance(restored, PointInTimeRequest)
    assert (restored.database, restored.options.database) == ("d", "new")
    assert restored.target.text == "2026-11-22 03:15:00.500000 UTC"
    assert isinstance(binlog_pitr_request(params("pruned", repository="/r"), check=False), PruneBinlogsRequest)
    for check, mode in ((True, CHECK), (False, APPLY)):
        undone = binlog_pitr_request(params("flashback", archive_folder="/f", tables=["d.t"]), check=check)
        assert isinstance(undone, FlashbackRequest)
        assert undone.mode == mode


@pytest.mark.parametrize(
    ("state", "given", "problem"),
    [
        ("archived", {}, "both missing"),
        ("archived", {"repository": "/r", "archive_folder": "/f"}, "exclude each other"),
        ("archived", {"archive_folder": "/f", "new_chain": True}, "only together with repository"),
        ("archived", {"repository": "/r", "target_latest": True}, "target_latest means nothing to the state archived"),
        ("restored", {"repository": "/r", "database": "d"}, "all missing"),
        ("restored", {"repository": "/r", "database": "d", "target_time": "soon"}, "is not a time"),
        ("restored", {"repository": "/r", "database": "d", "target_position": "42"}, "not a place in a binlog"),
        ("restored", {"repository": "/r", "target_latest": True}, "both missing"),
        ("restored", {"repository": "/r", "all_databases": True, "create": True, "target_latest": True}, "create"),
        ("restored", {"database": "d", "target_latest": True}, "repository"),
        ("flashback", {"archive_folder": "/f"}, "nothing says what is to be undone"),
        ("pruned", {}, "repository"),
        ("pruned", {"repository": "/r", "keep_before": "7"}, "is not a time"),
    ],
)
def test_what_makes_no_sense_is_refused(state: str, given: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        binlog_pitr_request(params(state, **given), check=False)
