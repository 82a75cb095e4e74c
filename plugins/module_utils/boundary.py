# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The edge of the engine: signals and unforeseen exceptions become one :class:`DbfleetError`.

The command and the modules run every job inside :func:`job_boundary` and so have one kind of failure to report.
"""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
import types
import typing as t

from .errors import DbfleetError, JobInterrupted
from .posix_only import signals

# A terminal that is closed must not leave a job half done either.
_SIGNALS = signals("SIGINT", "SIGTERM", "SIGHUP")
_AFTER_INTERRUPT = {
    "backup": "an incomplete backup is never published; run it again",
    "restore": "the target may be incomplete; do not use it, restore again",
}
_ENGINE_FOLDER = os.path.dirname(os.path.abspath(__file__))


class InternalError(DbfleetError):
    """A fault of the program itself; ``context['trace']`` says where, without any value."""

    kind = "internal"


@contextlib.contextmanager
def job_boundary(job: str = "") -> t.Iterator[None]:
    """Run a job so that it ends with its result or with a :class:`DbfleetError`, whatever happens.

    The first SIGINT, SIGTERM or SIGHUP stops the job, which cleans up; later ones are ignored, so that the clean-up
    is not torn apart. They stay ignored after it: an interrupted process says so and ends, and a key pressed twice
    must not kill it in between, with another exit code. A signal that the caller ignores (``nohup``) stays ignored.

    :param job: ``backup`` or ``restore``, for what to say after an interrupt.
    :raises JobInterrupted: a signal came.
    :raises InternalError: an exception that the engine does not raise on purpose.
    """
    received: list[int] = []
    interrupted = False
    previous = _install(received)
    try:
        yield
    except JobInterrupted:
        # Of a boundary inside this one.
        interrupted = True
        raise
    except KeyboardInterrupt as error:
        interrupted = True
        name = signal.Signals(received[0]).name if received else signal.SIGINT.name
        raise JobInterrupted(
            f"interrupted by {name}", hint=_AFTER_INTERRUPT.get(job, "run it again"), signal=name
        ) from error
    except DbfleetError:
        raise
    except Exception as error:
        raise _internal_error(error) from error
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if interrupted else handler)


def _install(received: list[int]) -> dict[signal.Signals, t.Any]:
    def stop(number: int, _frame: types.FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            # Not JobInterrupted: only this one passes every `except Exception`, and makes psycopg cancel its query.
            raise KeyboardInterrupt

    previous: dict[signal.Signals, t.Any] = {}
    for number in _SIGNALS:
        # None is a handler that was not installed by Python and could not be put back.
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            previous[number] = signal.signal(number, stop)
    return previous


def _internal_error(error: Exception) -> InternalError:
    frames = traceback.extract_tb(error.__traceback__)
    trace = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in frames]
    # Its text may quote a row or a password; the operating system's errors hold a cause and a path only.
    cause = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    path = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return InternalError(
        f"internal error: {type(error).__name__}{cause}{path} at {trace[-1] if trace else 'an unknown place'}",
        hint="this is a fault of dbfleet; please report it with the trace",
        trace=trace,
    )


def _short(filename: str) -> str:
    return os.path.relpath(filename, _ENGINE_FOLDER) if filename.startswith(_ENGINE_FOLDER) else filename
