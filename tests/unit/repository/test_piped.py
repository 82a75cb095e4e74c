# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dbfleet.errors import NotFoundError, UsageError
from dbfleet.repository.piped import PipedArtifact


@contextmanager
def piped(content: bytes) -> Iterator[PipedArtifact]:
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield PipedArtifact(reading)
    finally:
        os.close(reading)
        writer.join()


CONTENT = bytes(range(256)) * 8192


def test_it_is_read_to_its_end_and_back_a_little() -> None:
    with piped(CONTENT) as artifact:
        source = artifact.open("")
        assert source.read(10) == CONTENT[:10]
        assert artifact.open("").read(4) == CONTENT[:4]
        found = CONTENT[:4]
        while data := source.read(100_000):
            found += data
        assert found == CONTENT
        assert source.tell() == len(CONTENT)
        source.seek(len(CONTENT) - 1000)
        assert source.read(2000) == CONTENT[-1000:]
        with pytest.raises(UsageError, match="read once only"):
            artifact.open("")


def test_seeking_forward_passes_over() -> None:
    with piped(CONTENT) as artifact:
        source = artifact.open("")
        source.seek(1_500_001)
        assert source.read(3) == CONTENT[1_500_001:1_500_004]
        source.seek(len(CONTENT) + 5)
        assert source.read(1) == b""


def test_there_is_one_file() -> None:
    with piped(b"x") as artifact:
        assert artifact.names() == ("",)
        with pytest.raises(NotFoundError):
            artifact.open("toc.dat")
        artifact.open("").read(1)
