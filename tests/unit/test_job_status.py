# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, UsageError
from dbfleet.job_status import MOST_HISTORY, JobRun, JobStatus, parse_status, read_status, read_statuses, write_status

MOMENT = "2026-11-22T02:00:00Z"
OK = JobRun(MOMENT, MOMENT, 1.5, "success", result={"rows": 3})
FAILED = JobRun(MOMENT, "2026-11-23T02:00:00Z", 1, "failure", 1, {"kind": "connect", "message": "refused", "hint": ""})
SKIPPED = JobRun(MOMENT, MOMENT, 0, "skipped")


def test_runs_are_counted() -> None:
    status = JobStatus(name="nightly", job="backup").after(OK).after(FAILED).after(SKIPPED).after(FAILED)
    assert (status.runs, status.failures, status.consecutive_failures) == (3, 2, 2)
    assert (status.last_success_at, status.last_failure_at) == (MOMENT, "2026-11-23T02:00:00Z")
    assert [run.outcome for run in status.history] == ["success", "failure", "skipped", "failure"]
    assert status.history[1].error_kind == "connect"
    again = status.after(OK, next_due_at=MOMENT)
    assert (again.consecutive_failures, again.failures, again.next_due_at) == (0, 2, MOMENT)


def test_the_history_is_bounded() -> None:
    status = JobStatus(name="nightly", job="backup")
    for _number in range(MOST_HISTORY + 5):
        status = status.after(OK)
    assert (len(status.history), status.runs) == (MOST_HISTORY, MOST_HISTORY + 5)


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    status = JobStatus(name="nightly", job="backup", objective=3600, cluster="main").after(OK).after(FAILED)
    write_status(str(tmp_path), status)
    (tmp_path / "nightly.json.1234.tmp").touch()
    assert read_statuses(str(tmp_path)) == (status,)
    assert read_status(str(tmp_path), "nightly") == status
    assert read_status(str(tmp_path), "weekly") is None
    assert read_statuses(str(tmp_path / "nowhere")) == ()
    assert (tmp_path / "nightly.json").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["", ".hidden", "../x", "a/b", "a\0b"])
def test_a_name_cannot_leave_the_folder(name: str) -> None:
    with pytest.raises(UsageError):
        read_status("/nowhere", name)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda x: st.lists(x, max_size=3)))
def test_what_is_no_status_is_refused(value: object) -> None:
    good = JobStatus(name="n", job="backup").after(OK).to_dict()
    for name in good:
        data = {**good, name: value}
        try:
            found = parse_status(json.dumps(data).encode(), "x.json")
        except CorruptArtifactError:
            continue
        assert isinstance(found.name, str)
        assert all(isinstance(run.started_at, str) for run in found.history)
