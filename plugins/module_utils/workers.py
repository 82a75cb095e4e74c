# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""A pool of processes that share work: the first failure stops all, and no process outlives the job.

Each process makes its own worker (with its own connection) and takes one task after the other. What goes between the
processes is pickled: tasks, results, progress, and errors as :class:`DbfleetError`.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import multiprocessing
import multiprocessing.connection
import multiprocessing.resource_tracker
import os
import pickle
import select
import signal
import threading
import time
import traceback
import typing as t

from .errors import DbfleetError
from .posix_only import signals
from .progress import Progress, ProgressState

_REPORT_SECONDS = 0.2
_GRACE_SECONDS = 5.0
_SIGNALS = signals("SIGINT", "SIGHUP", "SIGTERM")

Task = t.TypeVar("Task")
Result = t.TypeVar("Result")
#: A task as a worker sees it, and what it makes of it.
_Task_contra = t.TypeVar("_Task_contra", contravariant=True)
_Result_co = t.TypeVar("_Result_co", covariant=True)


class WorkerFailed(DbfleetError):
    """A worker process died or failed in a way that the engine does not raise on purpose."""

    kind = "worker"
    #: What the process was doing, as far as the pool that raises this knows.
    task: object = None


class Worker(t.Protocol[_Task_contra, _Result_co]):
    """What works inside a process of the pool."""

    def run(self, task: _Task_contra, progress: Progress) -> _Result_co:
        """Do one task. An error ends the whole pool."""

    def close(self) -> None:
        """Release everything, in whatever state."""


class WorkerPool(t.Generic[Task, Result]):
    """Processes that work off tasks. Use it as a context manager: leaving it by an exception ends them at once.

    :param start: makes a process's worker; a function of a module, as it may travel to the process by its name.
    :param argument: what it is called with; it travels too.
    :param progress: gets what the workers say.
    :param may_fork: nothing is open in this process that a copy of it could damage (TLS). Then processes are forked
        where no foreign thread runs, which is much faster; otherwise they are started anew.
    """

    def __init__(
        self,
        start: t.Callable[[t.Any], Worker[Task, Result]],
        argument: t.Any,
        *,
        jobs: int,
        progress: Progress,
        may_fork: bool,
    ) -> None:
        context = multiprocessing.get_context("fork" if may_fork and _only_own_threads() else "spawn")
        self._progress = progress
        self._waiting: collections.deque[Task] = collections.deque()
        self._members: list[_Member[Task]] = []
        #: Waits for all members at once, made once: a pool may do very many small tasks.
        self._poll = select.poll()
        self._of_descriptor: dict[int, _Member[Task]] = {}
        # Python's cycle collector writes into every object it looks at, and what a process has written to it no longer
        # shares with the one that it was forked from: without this each takes twice the memory.
        gc.freeze()
        try:
            for number in range(jobs):
                self._add(_Member(context, number, start, argument))
        except BaseException:
            self.abort()
            raise

    def __enter__(self) -> WorkerPool[Task, Result]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def submit(self, task: Task, *, first: bool = False) -> None:
        """Add a task; also while :meth:`results` is being read.

        :param first: before all that wait.
        """
        if first:
            self._waiting.appendleft(task)
        else:
            self._waiting.append(task)

    def results(self) -> t.Iterator[tuple[Task, Result]]:
        """Every task with its result as soon as it is done, until nothing is left to do.

        :raises DbfleetError: of the first worker that failed.
        :raises WorkerFailed: a process died.
        """
        while True:
            for member in self._members:
                if member.task is None and self._waiting:
                    member.give(self._waiting.popleft())
            if all(member.task is None for member in self._members):
                return
            for member, speaks in self._ready():
                task = t.cast(Task, member.task)
                try:
                    answered, result = member.receive(self._progress, speaks=speaks)
                except WorkerFailed as error:
                    error.task = task
                    raise
                if answered:
                    yield task, t.cast(Result, result)

    def close(self) -> None:
        """Let all processes end."""
        for member in self._members:
            member.dismiss()
        self._join()

    def abort(self) -> None:
        """End all processes now."""
        for member in self._members:
            member.process.terminate()
        self._join()

    def _add(self, member: _Member[Task]) -> None:
        self._members.append(member)
        for descriptor in (member.pipe.fileno(), member.process.sentinel):
            self._of_descriptor[descriptor] = member
            self._poll.register(descriptor, select.POLLIN)

    def _ready(self) -> t.Iterator[tuple[_Member[Task], bool]]:
        """The members that have something to say (then true) or have died."""
        ready: dict[_Member[Task], bool] = {}
        for descriptor, _event in self._poll.poll():
            member = self._of_descriptor[descriptor]
            ready[member] = ready.get(member, False) or descriptor != member.process.sentinel
        yield from ready.items()

    def _join(self) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        for member in self._members:
            member.process.join(max(0.0, deadline - time.monotonic()))
            if member.process.is_alive():
                member.process.kill()
                member.process.join()
            member.pipe.close()
        self._members = []
        self._of_descriptor = {}
        self._poll = select.poll()
        gc.unfreeze()


class _Member(t.Generic[Task]):
    """One process, seen from the pool."""

    def __init__(
        self, context: t.Any, number: int, start: t.Callable[[t.Any], Worker[t.Any, t.Any]], argument: t.Any
    ) -> None:
        self.task: Task | None = None
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_work, args=(start, argument, theirs), name=f"dbfleet-worker-{number + 1}", daemon=True
        )
        if context.get_start_method() == "spawn":
            # Begun by the first process that is spawned, it would take the block of signals away.
            multiprocessing.resource_tracker.ensure_running()
        # The process begins with this one's handlers; none of them shall run before it has its own.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def give(self, task: Task) -> None:
        self.task = task
        # A process that is gone is noticed when its answer is waited for.
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(task)

    def receive(self, progress: Progress, *, speaks: bool) -> tuple[bool, t.Any]:
        """Handle one message: whether it was the answer to the task, and the answer.

        :param speaks: there is one; else the process may have died without.
        """
        try:
            message = self.pipe.recv() if speaks or self.pipe.poll() else None
        except (EOFError, ConnectionResetError):
            message = None
        if message is None:
            self.process.join(_GRACE_SECONDS)
            raise _died(self.process)
        kind, content, news = message
        if news is not None:
            item, size, rows = news
            progress.item(item)
            progress.advance(size, rows)
        if kind == "progress":
            return False, None
        if kind == "failed":
            raise content
        self.task = None
        return True, content

    def dismiss(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.pipe.send(None)


def _only_own_threads() -> bool:
    """Whether no thread runs that could hold a lock which its copy would never release.

    The engine's own threads (a repository lock's heartbeat) hold none that a worker ever takes.
    """
    return all(
        thread is threading.current_thread() or thread.name.startswith("dbfleet-") for thread in threading.enumerate()
    )


def _died(process: t.Any) -> WorkerFailed:
    code = process.exitcode
    how = f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with code {code}"
    hint = "look into the system's log: it may have run out of memory" if code == -signal.SIGKILL else "run it again"
    return WorkerFailed(f"a worker process {how}", hint=hint, exit_code=code)


def _work(start: t.Callable[[t.Any], Worker[t.Any, t.Any]], argument: t.Any, pipe: t.Any) -> None:
    """The life of a process of the pool."""
    # A terminal sends these to all processes; the one that started this one decides what becomes of it.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_end_with_parent, name="dbfleet-parent-watch", daemon=True).start()
    reporter = _Reporter(pipe)
    try:
        _serve(start, argument, pipe, reporter)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except DbfleetError as error:
        _say(pipe, error)
    except Exception as error:  # noqa: BLE001 - it is reported, and ends the job
        frames = traceback.extract_tb(error.__traceback__)
        trace = [f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
        failed = WorkerFailed(
            f"a worker process failed: {type(error).__name__} at {trace[-1]}",
            hint="this is a fault of dbfleet; please report it with the trace",
            trace=trace,
        )
        _say(pipe, failed)


def _serve(start: t.Callable[[t.Any], Worker[t.Any, t.Any]], argument: t.Any, pipe: t.Any, reporter: _Reporter) -> None:
    worker = start(argument)
    try:
        progress = Progress(reporter)
        while True:
            task = pipe.recv()
            if task is None:
                return
            result = worker.run(task, progress)
            pipe.send(("done", result, reporter.news()))
    finally:
        worker.close()


def _say(pipe: t.Any, error: DbfleetError) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        try:
            pipe.send(("failed", error, None))
        except (pickle.PicklingError, TypeError, AttributeError):
            pipe.send(("failed", WorkerFailed(error.message, hint=error.hint), None))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


class _Reporter:
    """A progress sink that tells the pool what is new, a few times a second."""

    def __init__(self, pipe: t.Any) -> None:
        self._pipe = pipe
        self._state = ProgressState()
        self._told = ProgressState()
        self._when = 0.0

    def update(self, state: ProgressState) -> None:
        self._state = state
        if time.monotonic() - self._when >= _REPORT_SECONDS:
            self.report()

    def report(self) -> None:
        """Tell now."""
        news = self.news()
        if news is not None:
            self._pipe.send(("progress", None, news))

    def news(self) -> tuple[str, int, int] | None:
        """What is new since the last time: the item, and how many more bytes and rows; ``None`` for nothing."""
        size = self._state.done_bytes - self._told.done_bytes
        rows = self._state.done_rows - self._told.done_rows
        self._when = time.monotonic()
        if not (size or rows or self._state.item != self._told.item):
            return None
        self._told = self._state
        return self._state.item, size, rows

    def message(self, text: str) -> None:
        """Workers say nothing by themselves."""

    def finish(self) -> None:
        """The job goes on."""
