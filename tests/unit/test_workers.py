# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet.errors import ConsistencyError, DbfleetError
from dbfleet.progress import Progress
from dbfleet.workers import WorkerFailed, WorkerPool


class Doubler:
    """A worker with a task for every way to end."""

    def __init__(self, argument: Any) -> None:
        if argument == "refuse":
            raise ConsistencyError("it cannot begin", hint="never", table="t")

    def run(self, task: Any, progress: Progress) -> Any:
        if task == "fail":
            raise ConsistencyError("it failed", hint="wait", table="t")
        if task == "break":
            raise ValueError("secret value")
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if task == "leave":
            os._exit(3)
        if task == "hang":
            time.sleep(600)
        progress.item(f"task {task}")
        progress.advance(10, 1)
        return os.getpid() if task == "pid" else task * 2

    def close(self) -> None: ...


@pytest.fixture(params=["fork", "spawn"], autouse=True)
def start(request: pytest.FixtureRequest) -> Iterator[str]:
    """Processes are forked, or started anew because of another thread."""
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    if request.param == "spawn":
        thread.start()
    yield request.param
    ended.set()
    if request.param == "spawn":
        thread.join()


def pool(*, jobs: int = 2, progress: Progress | None = None, argument: object = None) -> WorkerPool[Any, Any]:
    return WorkerPool(Doubler, argument, jobs=jobs, progress=progress or Progress(), may_fork=True)


def run(*tasks: object, **options: Any) -> list[tuple[Any, Any]]:
    with pool(**options) as workers:
        for task in tasks:
            workers.submit(task)
        return list(workers.results())


def test_every_task_is_done_once_and_progress_arrives() -> None:
    progress = Progress()
    done = run(*range(50), jobs=3, progress=progress)
    assert sorted(done) == [(number, number * 2) for number in range(50)]
    assert (progress.state.done_bytes, progress.state.done_rows) == (500, 50)


def test_tasks_can_follow_from_results() -> None:
    done = []
    with pool() as workers:
        workers.submit(1)
        for _task, result in workers.results():
            done.append(result)
            if result < 100:
                workers.submit(result)
    assert done == [2, 4, 8, 16, 32, 64, 128]


def test_nothing_to_do() -> None:
    assert run() == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_arrives_as_it_is(jobs: int) -> None:
    with pytest.raises(ConsistencyError, match="it failed") as caught:
        run("fail", jobs=jobs)
    assert (caught.value.hint, caught.value.context) == ("wait", {"table": "t"})


def test_an_error_of_the_start_arrives() -> None:
    with pytest.raises(ConsistencyError, match="cannot begin"):
        run(1, argument="refuse")


@pytest.mark.parametrize(
    ("task", "message"),
    [("die", "killed by signal 9"), ("leave", "ended with code 3"), ("break", "ValueError at test_workers.py")],
)
def test_a_worker_that_goes_wrong_is_named(task: str, message: str) -> None:
    with pytest.raises(WorkerFailed, match=message) as caught:
        run(task)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("task", ["fail", "die"])
def test_the_first_failure_ends_all_at_once(task: str) -> None:
    began = time.monotonic()
    with pytest.raises(DbfleetError), pool(jobs=3) as workers:
        processes = [member.process for member in workers._members]
        for one in ("hang", "hang", task):
            workers.submit(one)
        list(workers.results())
    assert time.monotonic() - began < 20
    assert not any(process.is_alive() for process in processes)


def test_an_exception_of_the_caller_ends_all() -> None:
    with pytest.raises(KeyboardInterrupt), pool(jobs=2) as workers:
        processes = [member.process for member in workers._members]
        workers.submit("hang")
        raise KeyboardInterrupt
    assert not any(process.is_alive() for process in processes)
