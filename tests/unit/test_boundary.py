# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import signal
import time

import pytest

from dbfleet.boundary import InternalError, job_boundary
from dbfleet.errors import DbfleetError, JobInterrupted, NotFoundError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_becomes_job_interrupted(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(JobInterrupted, match=f"interrupted by {number.name}") as caught, job_boundary("backup"):
        send(number)
    assert caught.value.exit_code == 130
    assert "never published" in caught.value.hint
    assert [signal.getsignal(each) for each in SIGNALS] == before


def careless_job() -> None:
    with contextlib.suppress(Exception):
        send(signal.SIGTERM)
    raise AssertionError("the interrupt was swallowed")


def test_a_job_that_catches_every_exception_is_interrupted_all_the_same() -> None:
    with pytest.raises(JobInterrupted), job_boundary():
        careless_job()


def slow_to_stop(steps: list[str]) -> None:
    try:
        send(signal.SIGINT)
    finally:
        steps.append("begun")
        send(signal.SIGINT)
        send(signal.SIGTERM)
        steps.append("cleaned up")


def test_later_signals_do_not_tear_the_clean_up_apart() -> None:
    steps: list[str] = []
    with pytest.raises(JobInterrupted, match="SIGINT"), job_boundary():
        slow_to_stop(steps)
    assert steps == ["begun", "cleaned up"]


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with job_boundary():
            send(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_own_errors_pass() -> None:
    with pytest.raises(NotFoundError, match="nothing there"), job_boundary():
        raise NotFoundError("nothing there")


def test_an_unforeseen_exception_says_where_and_shows_no_value() -> None:
    with pytest.raises(InternalError) as caught, job_boundary():
        int("a row's value")
    assert "internal error: ValueError at" in caught.value.message
    assert "row's" not in str(caught.value.details())
    assert any("test_boundary.py" in frame for frame in caught.value.context["trace"])
    assert isinstance(caught.value, DbfleetError)
    assert caught.value.exit_code == 1


def test_an_unforeseen_error_of_the_system_keeps_its_cause() -> None:
    with pytest.raises(InternalError, match=r"No such file or directory \(/nowhere\)"), job_boundary():
        os.listdir("/nowhere")
