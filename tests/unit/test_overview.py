# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a database stands, and why. What repositories really look like is in tests/integration/test_report.py."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest

from dbfleet import overview as overview_module
from dbfleet.info import InfoResult
from dbfleet.job_status import JobRun, JobStatus, write_status
from dbfleet.overview import Objective, OverviewRequest, overview
from dbfleet.repository.repository import Repository

NOW = datetime.datetime(2026, 11, 23, 6, 0, tzinfo=datetime.timezone.utc)
HOUR = 3600


def moment(hours_ago: float) -> str:
    return (NOW - datetime.timedelta(hours=hours_ago)).isoformat()


def backup(hours_ago: float, *, good: bool = True, **changes: Any) -> dict[str, Any]:
    """A backup as :func:`dbfleet.info.info` lists it."""
    return {
        "id": f"backup-{hours_ago:05}",
        "kind": "logical",
        "dbms": "postgresql",
        "cluster": "production",
        "database": "shop",
        "path": "/x",
        "format": "custom",
        "encryption": "",
        "size": 100,
        "rows": 10,
        "table_count": 2,
        "server": {"version": "18.1"},
        "started_at": moment(hours_ago),
        "finished_at": moment(hours_ago - 0.5),
        "duration": 1800.0,
        "warnings": [],
        "options": {},
        "hold": None,
        "verified_at": "",
        "good": good,
        "verifications": [],
        **changes,
    }


def verification(level: str, hours_ago: float, *, passed: bool) -> dict[str, Any]:
    found = [] if passed else ["a file is missing"]
    return {"level": level, "verified_at": moment(hours_ago), "passed": passed, "findings": found, "duration": 1.0}


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The one database of an overview of some backups."""
    Repository(str(tmp_path / "r")).initialise()

    def looked(*backups: dict[str, Any], windows: Any = (), **options: Any) -> dict[str, Any]:
        monkeypatch.setattr(overview_module, "info", lambda _request: InfoResult(backups, windows=windows))
        found = overview(OverviewRequest((str(tmp_path / "r"),), **options), now=NOW)
        assert json.loads(json.dumps(found)) == found
        (database,) = found["databases"]
        assert found["state"] == database["state"]
        return dict(database)

    return looked


def test_the_newest_good_backup_of_the_whole_database_counts(look: Any) -> None:
    partial = backup(1, options={"partial": True})
    database = look(backup(30), backup(3), partial, objective=4 * HOUR)
    assert (database["newest"]["id"], database["age"], database["count"]) == ("backup-00003", 3 * HOUR, 3)
    assert (database["state"], database["problems"]) == ("ok", [])


def test_a_backup_s_age_counts_from_its_beginning(look: Any) -> None:
    database = look(backup(3), objective=2.8 * HOUR)
    assert database["problems"] == ["the newest good backup is older than its objective"]
    assert database["state"] == "critical"
    assert look(backup(3))["state"] == "ok"


def test_bad_ones_do_not_count(look: Any) -> None:
    bad = backup(1, good=False, verifications=[verification("structure", 0.5, passed=False)])
    database = look(backup(5, verifications=[verification("structure", 4, passed=True)]), bad)
    assert database["newest"]["id"] == "backup-00005"
    assert database["problems"][0] == "the newest backup failed its verification"
    assert "a file is missing" in database["problems"][1]
    assert look(bad)["problems"][0] == "there is no good backup"


def test_a_later_verification_of_the_level_takes_the_place_of_the_earlier(look: Any) -> None:
    first = backup(
        9, verifications=[verification("restore", 8, passed=False), verification("checksums", 7, passed=True)]
    )
    database = look(first, backup(5, verifications=[verification("restore", 4, passed=True)]))
    assert [(one["level"], one["age"]) for one in database["verification"]] == [
        ("checksums", 7 * HOUR),
        ("restore", 4 * HOUR),
    ]
    assert database["state"] == "ok"


def test_windows_that_end_together_are_one(look: Any) -> None:
    def window(hours_ago: int, ends: int, gap: str = "") -> dict[str, Any]:
        backup_id = f"backup-{hours_ago:05}"
        moments = {"begins": {"time": moment(hours_ago)}, "ends": {"time": moment(ends)}}
        return {"cluster": "production", "database": "shop", "backup": backup_id, **moments, "gap": gap}

    database = look(backup(50), backup(30), backup(5), windows=(window(50, 40, "lost"), window(30, 1), window(5, 1)))
    assert database["window"] == {"begins": moment(30), "ends": moment(1), "gap": "", "backups": 2}
    assert database["state"] == "ok"
    database = look(backup(50), windows=(window(50, 40, "binlog.7 is missing"),))
    assert (database["state"], database["window"]["gap"]) == ("warning", "binlog.7 is missing")


@pytest.mark.parametrize(("pattern", "expected"), [("production/shop", 1), ("*/sh?p", 1), ("spare/*", 9), ("*", 1)])
def test_the_first_objective_that_fits_counts(pattern: str, expected: float) -> None:
    request = OverviewRequest((), objective=9, objectives=(Objective(pattern, 1), Objective("*/nothing", 0)))
    assert request.objective_of("production", "shop") == expected


def test_what_cannot_be_read_is_shown(tmp_path: Path) -> None:
    found = overview(OverviewRequest((str(tmp_path / "nowhere"),)), now=NOW)
    assert found["state"] == "critical"
    assert "there is no file or folder" in found["repositories"][0]["error"]


def test_archives_and_jobs_are_looked_at(tmp_path: Path) -> None:
    Repository(str(tmp_path / "r")).initialise()
    for name, content in (
        ("%binlogs/log", {"updated": NOW.timestamp() - 60, "lag_seconds": 2, "lag_bytes": None}),
        ("%wal/7001", {"updated": "never"}),
    ):
        folder = tmp_path / "r" / "main" / name
        folder.mkdir(parents=True)
        (folder / "status.json").write_text(json.dumps(content))
    late = JobStatus(name="nightly", job="backup", objective=HOUR).after(JobRun(moment(3), moment(2), 9, "success"))
    (tmp_path / "status").mkdir()
    write_status(str(tmp_path / "status"), late)
    found = overview(OverviewRequest((str(tmp_path / "r"),), status_folder=str(tmp_path / "status")), now=NOW)
    binlogs, wal = found["archives"]
    assert (binlogs["kind"], binlogs["lag_seconds"], binlogs["silent"], binlogs["state"]) == ("binlogs", 2, 60, "ok")
    assert (wal["kind"], wal["lag_seconds"], wal["state"]) == ("wal", None, "warning")
    (job,) = found["jobs"]
    assert (job["problems"], job["state"]) == (["it has not succeeded within its time"], "critical")
    assert found["state"] == "critical"
