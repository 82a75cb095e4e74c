# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Work done in a process of its own, with what it cost: wall time, processor time, memory of all its processes."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
import traceback
import typing as t

from .errors import DbfleetError, UsageError
from .lazy_dataclass import dataclass
from .local_server.process import end_with_parent

_SAMPLE_SECONDS = 0.03
_T = t.TypeVar("_T")


@dataclass(frozen=True)
class Cost:
    """What work cost.

    :param wall: seconds from start to end.
    :param cpu: seconds of processors, of the process and all that it started and waited for.
    :param memory: the most that all its processes took at one moment, in bytes, shared pages counted once; 0 where the
        system does not tell (it is not Linux).
    """

    wall: float
    cpu: float
    memory: int


def measured(work: t.Callable[[], _T]) -> tuple[_T, Cost]:
    """Do ``work`` in a copy of this process; its result, which is pickled, and its cost.

    :raises DbfleetError: as ``work``.
    """
    if not hasattr(os, "fork"):
        raise UsageError("this system cannot copy a process, so nothing can be measured")
    reading, writing = os.pipe()
    began = time.monotonic()
    # A copy of another thread's lock would never be released.
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work(work, writing)
    os.close(writing)
    sampler = MemorySampler(pid)
    sampler.start()
    try:
        with open(reading, "rb") as pipe:
            answer = pipe.read()
        _pid, status, usage = os.wait4(pid, 0)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        raise
    finally:
        sampler.stop()
    wall = time.monotonic() - began
    if not answer:
        raise DbfleetError(f"a measured process ended with status {status} and no result", hint="run it again")
    succeeded, result = pickle.loads(answer)
    if not succeeded:
        raise result
    return t.cast(_T, result), Cost(wall, usage.ru_utime + usage.ru_stime, sampler.peak)


def _work(work: t.Callable[[], object], writing: int) -> t.NoReturn:
    """The life of the copy: it ends here, and whatever its copy of the caller would do in the end is not done."""
    code = 1
    try:
        # The first process decides what becomes of an interrupt, and ends this one.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        end_with_parent()
        answer: tuple[bool, object]
        try:
            answer = (True, work())
            code = 0
        except DbfleetError as error:
            answer = (False, error)
        except Exception as error:  # noqa: BLE001 - it is reported, and ends the job
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
            answer = (False, DbfleetError(f"a measured process failed: {type(error).__name__} at {where}"))
        with open(writing, "wb") as pipe:
            pickle.dump(answer, pipe)
    finally:
        os._exit(code)


class MemorySampler(threading.Thread):
    """Looks at the memory of a process and its descendants every few milliseconds; ``peak`` is the most, in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True, name="dbfleet-memory")
        self._pid = pid
        self._stopped = threading.Event()
        self.peak = 0

    def run(self) -> None:
        while not self._stopped.wait(_SAMPLE_SECONDS):
            self.peak = max(self.peak, sum(map(_proportional, family_of(self._pid))))

    def stop(self) -> None:
        """Look no more."""
        self._stopped.set()
        self.join()


def family_of(pid: int) -> list[int]:
    """The process and its descendants (Linux)."""
    family = [pid]
    for member in family:
        # It may have ended between two looks.
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{member}/task"):
                with open(f"/proc/{member}/task/{task}/children", encoding="ascii") as file:
                    family.extend(int(child) for child in file.read().split())
    return family


def _proportional(pid: int) -> int:
    """The resident memory of a process, of shared pages only its part (Linux: "Pss")."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
