# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import errno
import io
import os
import pty
import time

import pytest

from dbfleet.cli.terminal import BarSink, LineSink, QuietSink, progress_sink, state_text
from dbfleet.progress import Progress, ProgressState


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (ProgressState(phase="planning"), "planning"),
        (ProgressState(phase="reading", item="public.orders"), "reading public.orders"),
        (
            ProgressState(phase="reading", item="a\x1b[2J", done_bytes=1 << 20, total_bytes=4 << 20, done_rows=12345),
            "reading a\\x1b[2J: 1.0 MiB of about 4.0 MiB, 102.4 KiB/s, 12,345 rows, 30.0 s left",
        ),
        # An estimate that was too low is not shown, nor is a time that could only be wrong.
        (ProgressState(phase="reading", done_bytes=2048, total_bytes=1024), "reading: 2.0 KiB, 205 bytes/s"),
    ],
)
def test_state_in_one_line(state: ProgressState, text: str) -> None:
    assert state_text(state, now=10.0) == text


def test_no_rate_before_it_means_something() -> None:
    assert state_text(ProgressState(phase="reading", done_bytes=2048, total_bytes=4096), now=0.1) == (
        "reading: 2.0 KiB of about 4.0 KiB"
    )


def test_lines_are_few_and_messages_are_all_there() -> None:
    stream = io.StringIO()
    progress = Progress(LineSink(stream, interval=0.2))
    progress.phase("reading", total_bytes=1000)
    end = time.monotonic() + 0.7
    while time.monotonic() < end:
        progress.advance(1, 1)
    progress.message("half way")
    progress.warn("something odd")
    progress.finish()
    lines = stream.getvalue().splitlines()
    assert lines[-2:] == ["half way", "warning: something odd"]
    assert 1 <= len(lines[:-2]) <= 4
    assert all(line.startswith("reading: ") for line in lines[:-2])


def test_quiet_shows_warnings_only() -> None:
    stream = io.StringIO()
    progress = Progress(QuietSink(stream))
    progress.phase("reading")
    progress.message("a decision")
    progress.warn("something odd")
    progress.finish()
    assert stream.getvalue() == "warning: something odd\n"


class GoneStream(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_a_stream_that_is_gone_does_not_stop_the_job() -> None:
    for sink in (LineSink(GoneStream(), interval=0), BarSink(GoneStream()), QuietSink(GoneStream())):
        progress = Progress(sink)
        progress.phase("reading")
        progress.advance(10)
        progress.warn("into the void")
        progress.finish()


def test_the_sink_fits_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(progress_sink(io.StringIO(), quiet=False, debug=False), LineSink)
    assert isinstance(progress_sink(io.StringIO(), quiet=True, debug=False), QuietSink)
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        assert isinstance(progress_sink(terminal, quiet=False, debug=False), BarSink)
        assert isinstance(progress_sink(terminal, quiet=False, debug=True), LineSink)
        monkeypatch.setenv("TERM", "dumb")
        assert isinstance(progress_sink(terminal, quiet=False, debug=False), LineSink)
    os.close(leader)


def read_all(leader: int) -> str:
    """Everything that was written to a pseudo-terminal whose other side is closed; it comes in pieces."""
    parts = []
    with contextlib.suppress(OSError):
        while part := os.read(leader, 1 << 16):
            parts.append(part)
    os.close(leader)
    return b"".join(parts).decode()


def test_the_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w") as terminal:
        progress = Progress(BarSink(terminal))
        progress.phase("reading", total_bytes=4096)
        time.sleep(0.15)
        progress.advance(1024, 7)
        progress.warn("[bold]not markup[/bold] \x1b[2J")
        progress.finish()
        progress.finish()
    shown = read_all(leader)
    assert "reading: 1.0 KiB of about 4.0 KiB, 7 rows" in shown
    assert "warning: [bold]not markup[/bold] \\x1b[2J" in shown
    # Hidden while the bar is drawn, shown again in the end.
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")
