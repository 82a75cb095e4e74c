# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import OutOfSpaceError, StorageError
from dbfleet.streams.background import BackgroundSink
from dbfleet.streams.base import Buffer

pytestmark = pytest.mark.timeout(10)


class Inner:
    """A sink that keeps what it gets, can be slow, and fails where it is told to."""

    def __init__(self, *, fail_at: int = -1, fail_on: str = "", error: BaseException | None = None) -> None:
        self.pieces: list[bytes] = []
        self.calls: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self._fail_at = fail_at
        self._fail_on = fail_on
        self._error = error or OutOfSpaceError("cannot write x: No space left on device")

    def write(self, data: Buffer) -> None:
        self.gate.wait()
        if len(self.pieces) == self._fail_at:
            raise self._error
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")
        if self._fail_on == "close":
            raise self._error

    def abort(self) -> None:
        self.calls.append("abort")
        if self._fail_on == "abort":
            raise RuntimeError("the clean-up fails as well")


def write_until_error(sink: BackgroundSink) -> None:
    for _index in range(10_000):
        sink.write(b"x")
        time.sleep(0)


@given(st.lists(st.binary(max_size=50)), st.integers(1, 4))
def test_everything_arrives_in_order(pieces: list[bytes], depth: int) -> None:
    inner = Inner()
    sink = BackgroundSink(inner, depth=depth)
    for index, piece in enumerate(pieces):
        sink.write((piece, bytearray(piece), memoryview(piece))[index % 3])
    sink.close()
    assert inner.pieces == pieces
    assert inner.calls == ["close"]


def test_the_caller_may_reuse_its_buffer() -> None:
    inner = Inner()
    inner.gate.clear()
    sink = BackgroundSink(inner)
    buffer = bytearray(b"one")
    sink.write(buffer)
    buffer[:] = b"two"
    sink.write(memoryview(buffer))
    buffer[:] = b"..."
    inner.gate.set()
    sink.close()
    assert inner.pieces == [b"one", b"two"]


@pytest.mark.parametrize("fail_at", [0, 1, 20])
def test_an_error_below_surfaces_and_keeps_surfacing(fail_at: int) -> None:
    inner = Inner(fail_at=fail_at)
    sink = BackgroundSink(inner, depth=2)
    with pytest.raises(OutOfSpaceError, match="No space left"):
        write_until_error(sink)
    for _attempt in range(3):
        with pytest.raises(OutOfSpaceError):
            sink.write(b"more")
        with pytest.raises(OutOfSpaceError):
            sink.close()
    assert len(inner.pieces) == fail_at
    assert inner.calls == ["abort"], "what is incomplete is never closed as if it were whole"


def test_an_error_of_the_last_write_is_raised_by_close() -> None:
    inner = Inner(fail_at=0)
    sink = BackgroundSink(inner)
    inner.gate.clear()
    sink.write(b"only")
    inner.gate.set()
    with pytest.raises(OutOfSpaceError):
        sink.close()
    assert inner.calls == ["abort"]


def test_an_error_of_closing_is_raised_by_close() -> None:
    inner = Inner(fail_on="close")
    sink = BackgroundSink(inner)
    sink.write(b"x")
    with pytest.raises(OutOfSpaceError):
        sink.close()
    with pytest.raises(OutOfSpaceError):
        sink.close()


def test_the_first_error_is_the_one_that_is_told() -> None:
    inner = Inner(fail_at=0, fail_on="abort")
    sink = BackgroundSink(inner)
    with pytest.raises(OutOfSpaceError):
        write_until_error(sink)
    with pytest.raises(OutOfSpaceError):
        sink.close()


def test_a_fault_of_the_program_stays_what_it_is() -> None:
    """The boundary reports unforeseen exceptions without their text, which may quote a row."""
    sink = BackgroundSink(Inner(fail_at=0, error=ValueError("row text")))
    with pytest.raises(ValueError, match="row text"):
        write_until_error(sink)
    sink.abort()


def test_abort_drops_what_waits() -> None:
    inner = Inner()
    inner.gate.clear()
    sink = BackgroundSink(inner, depth=4)
    for _index in range(4):
        sink.write(b"x")
    waiting = threading.Thread(target=sink.abort)
    waiting.start()
    time.sleep(0.02)
    inner.gate.set()
    waiting.join()
    assert len(inner.pieces) <= 2
    assert inner.calls == ["abort"]


@pytest.mark.parametrize("before", ["nothing", "close", "abort", "error"])
def test_abort_never_hangs_and_never_raises(before: str) -> None:
    inner = Inner(fail_at=0 if before == "error" else -1)
    sink = BackgroundSink(inner, depth=1)
    if before == "error":
        with pytest.raises(OutOfSpaceError):
            write_until_error(sink)
    elif before != "nothing":
        getattr(sink, before)()
    for _attempt in range(5):
        sink.abort()


def test_a_finished_stream_refuses_more_instead_of_hanging() -> None:
    closed, aborted = BackgroundSink(Inner(), depth=1), BackgroundSink(Inner(), depth=1)
    closed.close()
    closed.close()
    aborted.abort()
    for sink in (closed, aborted):
        for _attempt in range(5):
            with pytest.raises(StorageError, match="closed or aborted"):
                sink.write(b"x")
    with pytest.raises(StorageError, match="aborted before"):
        aborted.close()


def test_memory_is_bounded_by_the_depth() -> None:
    inner = Inner()
    inner.gate.clear()
    sink = BackgroundSink(inner, depth=3)
    written = 0

    def fill() -> None:
        nonlocal written
        for _index in range(10):
            sink.write(b"x")
            written += 1

    writer = threading.Thread(target=fill)
    writer.start()
    time.sleep(0.05)
    assert written <= 4, "three wait and one is being written"
    inner.gate.set()
    writer.join()
    sink.close()
    assert len(inner.pieces) == 10


def test_no_thread_is_left() -> None:
    before = threading.active_count()
    for end in ("close", "abort"):
        for _index in range(10):
            getattr(BackgroundSink(Inner()), end)()
    assert threading.active_count() == before
