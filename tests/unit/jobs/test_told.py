# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told about jobs, and when."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import multiprocessing
from pathlib import Path

import pytest

from dbfleet.errors import ConnectError, DbfleetError
from dbfleet.job_status import FAILURE, SKIPPED, SUCCESS, read_status, write_status
from dbfleet.jobs.channels import NotifyError, mail_message, tell
from dbfleet.jobs.health import FAILING, OK, SILENT, check_job
from dbfleet.jobs.job import EVENTS, NotifySettings, ScheduledJob
from dbfleet.jobs.lock import JobRunningError, is_running, job_lock
from dbfleet.jobs.notes import MOST_PENDING, change_notes, read_notes
from dbfleet.jobs.runner import run_scheduled
from dbfleet.overview import OverviewRequest, overview

NOTIFY = NotifySettings(webhook_url="http://127.0.0.1:9/secret-path", events=EVENTS)
JOB = ScheduledJob("shop", "backup", database="shop", notify=NOTIFY)


def run(job: ScheduledJob, folder: Path, *, error: DbfleetError | None = None, skip: str = "") -> None:
    def call() -> dict[str, object]:
        if error is not None:
            raise error
        return {"changed": True, "backup": {"id": "20261122T010203Z", "size": 10, "rows": 3}}

    run_scheduled(job, folder=str(folder), skip=lambda: skip, call=call)


def failing(job: ScheduledJob, folder: Path) -> None:
    with pytest.raises(ConnectError):
        run(job, folder, error=ConnectError("cannot connect", hint="start the server"))


def waiting(folder: Path) -> list[str]:
    return [one.event for one in read_notes(str(folder), "shop").pending]


def test_the_life_of_a_job(tmp_path: Path) -> None:
    run(JOB, tmp_path)
    assert waiting(tmp_path) == ["success"]
    failing(JOB, tmp_path)
    failing(JOB, tmp_path)
    # The second one is told no more before the reminder.
    assert waiting(tmp_path) == ["success", "failure"]
    run(JOB, tmp_path, skip="the server is a replica")
    assert waiting(tmp_path) == ["success", "failure"]
    run(JOB, tmp_path)
    assert waiting(tmp_path) == ["success", "failure", "recovery"]
    assert overview(OverviewRequest((), status_folder=str(tmp_path)))["state"] == "ok"
    status = read_status(str(tmp_path), "shop")
    assert status is not None
    assert status.last_run is not None
    assert [past.outcome for past in status.history] == [SUCCESS, FAILURE, FAILURE, SKIPPED, SUCCESS]
    assert (status.runs, status.failures, status.consecutive_failures) == (4, 2, 0)
    assert status.last_run.result["id"] == "20261122T010203Z"
    failure = read_notes(str(tmp_path), "shop").pending[1]
    assert failure.text.endswith("failed: cannot connect")
    assert failure.data["error"] == {"kind": "connect", "message": "cannot connect", "hint": "start the server"}


def test_what_goes_on_is_told_again(tmp_path: Path) -> None:
    job = dataclasses.replace(JOB, notify=dataclasses.replace(NOTIFY, remind_after=0.0))
    for _time in range(MOST_PENDING + 5):
        failing(job, tmp_path)
    pending = read_notes(str(tmp_path), "shop").pending
    assert len(pending) == MOST_PENDING
    assert f"failed again, {MOST_PENDING + 5} times in a row" in pending[-1].text


def test_only_what_is_wanted_is_told(tmp_path: Path) -> None:
    job = dataclasses.replace(JOB, notify=dataclasses.replace(NOTIFY, events=("recovery",)))
    failing(job, tmp_path)
    run(job, tmp_path)
    assert waiting(tmp_path) == ["recovery"]


def test_silence(tmp_path: Path) -> None:
    warned: list[str] = []
    job = dataclasses.replace(JOB, objective=3600.0)
    assert check_job(job, folder=str(tmp_path), warn=warned.append).state == OK

    def long_ago(moment: str) -> None:
        change_notes(str(tmp_path), "shop", lambda notes: dataclasses.replace(notes, first_seen_at=moment))

    long_ago("2026-01-01T00:00:00+00:00")
    for _time in range(2):
        found = check_job(job, folder=str(tmp_path), warn=warned.append)
        assert (found.state, found.running) == (SILENT, False)
        assert "it never has" in found.words
    # Told once, and not delivered: nothing listens there.
    assert waiting(tmp_path) == ["silence"]
    assert len(warned) == 2
    assert all("127.0.0.1" in words and "secret-path" not in words for words in warned)
    run(job, tmp_path)
    assert waiting(tmp_path) == ["silence", "recovery"]
    assert check_job(job, folder=str(tmp_path), warn=warned.append).state == "untold"


def test_a_host_that_is_rightly_skipped_is_not_silent(tmp_path: Path) -> None:
    job = dataclasses.replace(JOB, objective=3600.0)
    run(job, tmp_path, skip="the server is a replica")
    change_notes(
        str(tmp_path), "shop", lambda notes: dataclasses.replace(notes, first_seen_at="2026-01-01T00:00:00+00:00")
    )
    assert check_job(job, folder=str(tmp_path), warn=print).state == OK
    status = read_status(str(tmp_path), "shop")
    assert status is not None
    write_status(str(tmp_path), dataclasses.replace(status, last_success_at="2026-01-01T00:00:00+00:00"))
    assert overview(OverviewRequest((), status_folder=str(tmp_path)))["state"] == "ok"


def test_a_run_that_was_killed_is_a_failure(tmp_path: Path) -> None:
    change_notes(
        str(tmp_path), "shop", lambda notes: dataclasses.replace(notes, running_since="2026-11-22T01:02:03+00:00")
    )
    found = check_job(JOB, folder=str(tmp_path), warn=lambda _words: None)
    assert found.state == FAILING
    assert "ended without a word" in found.words
    status = read_status(str(tmp_path), "shop")
    assert status is not None
    assert status.last_run is not None
    assert (status.last_run.error or {})["kind"] == "killed"
    assert waiting(tmp_path) == ["failure"]


def _hold(folder: str, begun: object, end: object) -> None:
    with job_lock(folder, "shop"):
        begun.set()  # type: ignore[attr-defined]
        end.wait(60)  # type: ignore[attr-defined]


def test_runs_do_not_overlap_and_a_service_that_runs_is_well(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    begun, end = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(str(tmp_path), begun, end))
    process.start()
    try:
        assert begun.wait(60)
        assert is_running(str(tmp_path), "shop")
        with pytest.raises(JobRunningError) as caught:
            run(JOB, tmp_path)
        assert caught.value.exit_code == 75
        service = dataclasses.replace(JOB, follows=True, objective=1.0)
        change_notes(
            str(tmp_path),
            "shop",
            lambda notes: dataclasses.replace(
                notes,
                first_seen_at="2026-01-01T00:00:00+00:00",
                running_since="2026-01-02T00:00:00+00:00",
                failure_told_at="2026-01-01T00:00:00+00:00",
            ),
        )
        found = check_job(service, folder=str(tmp_path), warn=lambda _words: None)
        assert (found.running, found.age) == (True, 0.0)
        assert waiting(tmp_path) == ["recovery"]
        assert read_status(str(tmp_path), "shop") is None
    finally:
        end.set()
        process.join()
    assert not is_running(str(tmp_path), "shop")
    assert check_job(service, folder=str(tmp_path), warn=lambda _words: None).state == SILENT


def test_damaged_notes_and_a_damaged_status_keep_no_job_from_running(tmp_path: Path) -> None:
    (tmp_path / "shop.notes").write_text("{")
    (tmp_path / "shop.json").write_text("[]")
    run(JOB, tmp_path)
    status = read_status(str(tmp_path), "shop")
    assert status is not None
    assert status.runs == 1


@pytest.mark.parametrize(("program", "words"), [("/bin/false", "exit code 1"), ("/nowhere/mail", "cannot be run")])
def test_mail_that_cannot_be_sent(program: str, words: str, tmp_path: Path) -> None:
    settings = NotifySettings(mail_command=(program,), mail_to=("dba@example.com",))
    failing(dataclasses.replace(JOB, notify=settings), tmp_path)
    (notification,) = read_notes(str(tmp_path), "shop").pending
    with pytest.raises(NotifyError, match=words):
        tell(settings, notification)


def test_mail(tmp_path: Path) -> None:
    out = tmp_path / "mail"
    script = tmp_path / "send"
    script.write_text(f"#!/bin/sh\ncat > {out}\n")
    script.chmod(0o755)
    settings = NotifySettings(mail_command=(str(script),), mail_to=("dba@example.com",), mail_from="host@example.com")
    job = dataclasses.replace(JOB, database="größe\nBcc: x", notify=settings)
    failing(job, tmp_path)
    (notification,) = read_notes(str(tmp_path), "shop").pending
    tell(settings, notification)
    assert out.read_bytes().replace(b"\r\n", b"\n").startswith(b"From: host@example.com\nTo: dba@example.com\n")
    message = email.message_from_bytes(mail_message(settings, notification), policy=email.policy.default)
    assert message["Subject"].endswith("failed: cannot connect")
    assert message["Bcc"] is None
    assert "hint: start the server" in message.get_content()
