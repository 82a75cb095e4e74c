# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dbfleet import running_jobs
from dbfleet.cli.output import info_text
from dbfleet.info import InfoRequest, info
from dbfleet.progress import Progress
from dbfleet.repository.repository import Repository
from dbfleet.running_jobs import PROGRESS_FILE_VARIABLE, RunningJobSink, parse_running, read_running


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(running_jobs, "running_folder", lambda: str(tmp_path / "running"))
    return tmp_path / "running"


def test_a_job_s_file_says_how_far_it_is_and_goes_with_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROGRESS_FILE_VARIABLE, str(tmp_path / "asked" / "for"))
    progress = Progress(RunningJobSink("backup", interval=0))
    progress.phase("reading", total_bytes=400)
    progress.item("public.orders")
    progress.advance(100, 7)
    found = read_running(os.getpid())
    assert found is not None
    assert (found.job, found.phase, found.item) == ("backup", "reading", "public.orders")
    assert (found.done_bytes, found.done_rows, found.percent) == (100, 7, 25.0)
    assert parse_running((tmp_path / "asked" / "for").read_bytes()) == found
    assert parse_running(json.dumps(found.to_dict())) == found
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    progress.finish()
    assert read_running(os.getpid()) is None
    assert not list(folder.iterdir())
    assert not (tmp_path / "asked" / "for").exists()


def test_a_folder_that_cannot_be_written_stops_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(running_jobs, "running_folder", lambda: str(tmp_path / "file"))
    progress = Progress(RunningJobSink("backup", interval=0))
    progress.phase("reading")
    progress.finish()
    assert (tmp_path / "file").read_bytes() == b""


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"pid": 1}', "[" * 100000])
def test_what_is_no_progress_is_none(content: str) -> None:
    assert parse_running(content) is None


def test_a_running_job_is_listed_with_its_progress(tmp_path: Path) -> None:
    repository = Repository(str(tmp_path / "repository"))
    repository.initialise()
    (tmp_path / "repository" / "main" / "shop").mkdir(parents=True)
    with repository.lock("main", "shop", purpose="backup of shop"):
        progress = Progress(RunningJobSink("backup", interval=0))
        progress.phase("reading", total_bytes=400)
        progress.advance(100)
        result = info(InfoRequest(str(tmp_path / "repository")))
        (job,) = result.running
        assert (job["purpose"], job["pid"], job["progress"]["percent"]) == ("backup of shop", os.getpid(), 25.0)
        assert "backup of shop" in info_text(result.to_dict())
        assert "reading: 100 bytes of about 400 bytes" in info_text(result.to_dict())
        progress.finish()
        (job,) = info(InfoRequest(str(tmp_path / "repository"))).running
        assert job["progress"] is None
    assert info(InfoRequest(str(tmp_path / "repository"))).running == ()
