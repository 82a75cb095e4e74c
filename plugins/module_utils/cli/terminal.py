# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""What is shown while a job runs: a bar where a person looks on, a line now and then elsewhere.

A terminal that goes away does not stop a job: what cannot be shown is dropped.
"""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from .. import drivers
from ..progress import ProgressSink, ProgressState
from .text import duration_text, printable, size_text

_LINE_INTERVAL = 5.0
_BAR_INTERVAL = 0.1
_LEAST_RATE_TIME = 0.5


def progress_sink(stream: t.TextIO, *, quiet: bool, debug: bool) -> ProgressSink:
    """What fits the stream: a bar on a terminal, lines elsewhere and between the lines of ``--debug``."""
    if quiet:
        return QuietSink(stream)
    is_terminal = stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
    if is_terminal and not debug and drivers.rich_progress() is not None:
        return BarSink(stream)
    return LineSink(stream)


def state_text(state: ProgressState, *, now: float) -> str:
    """A phase in one line: how much, how fast, how many rows, how long to go."""
    seconds = now - state.started
    parts = []
    if state.done_bytes:
        total = f" of about {size_text(state.total_bytes)}" if state.total_bytes >= state.done_bytes else ""
        parts.append(size_text(state.done_bytes) + total)
        if seconds >= _LEAST_RATE_TIME:
            parts.append(f"{size_text(state.done_bytes / seconds)}/s")
    if state.done_rows:
        parts.append(f"{state.done_rows:,} rows")
    left = seconds_left(state, now=now)
    if left is not None:
        parts.append(f"{duration_text(left)} left")
    item = f" {printable(state.item)}" if state.item else ""
    return f"{state.phase}{item}" + (": " + ", ".join(parts) if parts else "")


def seconds_left(state: ProgressState, *, now: float) -> float | None:
    """How long the phase will go on at its mean rate, ``None`` where that cannot be known."""
    seconds = now - state.started
    if not state.done_bytes or state.total_bytes <= state.done_bytes or seconds < _LEAST_RATE_TIME:
        return None
    return (state.total_bytes - state.done_bytes) * seconds / state.done_bytes


class ForgivingStream:
    """A text stream that drops what cannot be written. rich would end the program where a pipe is broken."""

    def __init__(self, stream: t.TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._stream, name)


class QuietSink:
    """Shows warnings only."""

    def __init__(self, stream: t.TextIO) -> None:
        self._stream = ForgivingStream(stream)

    def update(self, state: ProgressState) -> None:
        pass

    def message(self, text: str) -> None:
        if text.startswith("warning: "):
            _write_line(self._stream, text)

    def finish(self) -> None:
        pass


class LineSink:
    """Every message, and a line about the running phase at most once per ``interval`` seconds."""

    def __init__(self, stream: t.TextIO, *, interval: float = _LINE_INTERVAL) -> None:
        self._stream = ForgivingStream(stream)
        self._interval = interval
        self._shown = time.monotonic()

    def update(self, state: ProgressState) -> None:
        now = time.monotonic()
        if now - self._shown >= self._interval:
            self._shown = now
            _write_line(self._stream, state_text(state, now=now))

    def message(self, text: str) -> None:
        _write_line(self._stream, text)

    def finish(self) -> None:
        pass


class BarSink:
    """A bar of one line on a terminal, drawn by rich."""

    def __init__(self, stream: t.TextIO) -> None:
        progress, console = drivers.rich_progress(), drivers.rich_console()
        # No refreshing thread: a process that is forked while another thread holds a lock would hang.
        self._bar = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.fields[text]}", markup=False),
            progress.BarColumn(bar_width=20),
            console=console.Console(file=ForgivingStream(stream), markup=False, highlight=False),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None, text="")
        self._shown = 0.0
        self._running = False

    def update(self, state: ProgressState) -> None:
        now = time.monotonic()
        if now - self._shown < _BAR_INTERVAL:
            return
        self._shown = now
        if not self._running:
            self._bar.start()
            self._running = True
        self._bar.update(
            self._task,
            total=state.total_bytes or None,
            completed=min(state.done_bytes, state.total_bytes),
            text=state_text(state, now=now),
        )
        self._bar.refresh()

    def message(self, text: str) -> None:
        self._bar.console.print(printable(text), soft_wrap=True)

    def finish(self) -> None:
        if self._running:
            self._running = False
            self._bar.stop()


def _write_line(stream: ForgivingStream, text: str) -> None:
    stream.write(printable(text) + "\n")
    stream.flush()
