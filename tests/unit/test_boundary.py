# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from dbfleet.boundary import InternalError, job_boundary
from dbfleet.errors import DbfleetError, JobInterrupted, NotFoundError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """An interrupted process ignores signals from then on; the tests' own process goes on."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_becomes_job_interrupted(number: signal.Signals) -> None:
    with pytest.raises(JobInterrupted, match=f"interrupted by {number.name}") as caught, job_boundary("backup"):
        send(number)
    assert caught.value.exit_code == 130
    assert "never published" in caught.value.hint


def test_a_job_that_ends_leaves_the_handlers_as_they_were() -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with job_boundary():
        assert [signal.getsignal(each) for each in SIGNALS] != before
    assert [signal.getsignal(each) for each in SIGNALS] == before


INTERRUPTED_TWICE = """
import os, signal, sys
from dbfleet.boundary import job_boundary
from dbfleet.errors import JobInterrupted

number = signal.Signals(int(sys.argv[1]))
try:
    with job_boundary():
        {inner}
            os.kill(os.getpid(), number)
            signal.pause()
except JobInterrupted as error:
    os.kill(os.getpid(), number)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize("inner", ["if True:", "with job_boundary():"], ids=["alone", "nested"])
@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_does_not_kill_what_is_about_to_end(number: signal.Signals, inner: str) -> None:
    words = [sys.executable, "-c", INTERRUPTED_TWICE.format(inner=inner), str(int(number))]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stderr) == (130, "")


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
