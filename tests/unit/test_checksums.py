# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dbfleet import checksums
from dbfleet.checksums import verify_checksums
from dbfleet.errors import CorruptArtifactError, JobInterrupted
from dbfleet.progress import Progress
from dbfleet.repository.records import FileRecord
from dbfleet.streams.file import FileSource
from dbfleet.streams.file_state import FileState, file_state, settled_state

SIZES = [5 << 20, 0, 3 << 20, 4 << 20, 6 << 20, 1]


def backup_of(folder: Path, sizes: list[int]) -> tuple[Any, Any]:
    """A folder of files, and what a manifest says of them."""
    records = []
    for number, size in enumerate(sizes):
        content = bytes([number]) * size
        (folder / str(number)).write_bytes(content)
        records.append(FileRecord(str(number), size, hashlib.sha256(content).hexdigest()))
    artifact = SimpleNamespace(
        description="the backup", open_stored=lambda path: FileSource(str(folder / path)), verified=set()
    )
    return artifact, SimpleNamespace(files=tuple(records), size=sum(sizes))


@pytest.fixture(params=[1, 2, 8])
def processors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(checksums.os, "cpu_count", lambda: request.param)
    count: int = request.param
    return count


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("sizes", [SIZES, SIZES[1:3], [], [20 << 20]], ids=["many", "small", "none", "one"])
def test_every_byte_is_read(tmp_path: Path, sizes: list[int]) -> None:
    progress = Progress()
    verify_checksums(*backup_of(tmp_path, sizes), progress)
    assert progress.state.done_bytes == sum(sizes)


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("number", range(len(SIZES)))
def test_whichever_is_damaged_is_named(tmp_path: Path, number: int) -> None:
    backup = backup_of(tmp_path, SIZES)
    with (tmp_path / str(number)).open("r+b") as file:
        file.seek(SIZES[number] // 2)
        file.write(b"\xff")
    with pytest.raises(CorruptArtifactError, match=f"the file {number} is not what was backed up"):
        verify_checksums(*backup, Progress())
    (tmp_path / str(number)).unlink()
    with pytest.raises(CorruptArtifactError, match="a file of the backup is missing"):
        verify_checksums(*backup, Progress())


@pytest.mark.usefixtures("processors")
def test_an_interrupt_ends_every_thread(tmp_path: Path) -> None:
    class Interrupted(Progress):
        def advance(self, size: int, rows: int = 0) -> None:
            super().advance(size, rows)
            if self.state.done_bytes > 4 << 20:
                raise JobInterrupted("interrupted")

    before = threading.active_count()
    with pytest.raises(JobInterrupted):
        verify_checksums(*backup_of(tmp_path, SIZES), Interrupted())
    assert threading.active_count() == before


def settled(folder: Path) -> set[FileState]:
    """The states of the files, once all of them are old enough."""
    states = set()
    for path in folder.iterdir():
        with path.open("rb") as file:
            while settled_state(file.fileno()) is None:
                time.sleep(0.05)
            states.add(file_state(file.fileno()))
    return states


@pytest.mark.usefixtures("processors")
def test_what_was_found_right_is_known(tmp_path: Path) -> None:
    artifact, manifest = backup_of(tmp_path, SIZES)
    verify_checksums(artifact, manifest, Progress())
    # Written just now, they could be written again within the same moment.
    assert not artifact.verified
    states = settled(tmp_path)
    verify_checksums(artifact, manifest, Progress())
    assert artifact.verified == states


def test_what_is_changed_while_it_is_read_is_not(tmp_path: Path) -> None:
    artifact, manifest = backup_of(tmp_path, [5 << 20, 1 << 20])
    (_changed, kept) = sorted(settled(tmp_path), key=lambda state: -state.size)

    class Changes(Progress):
        def advance(self, size: int, rows: int = 0) -> None:
            super().advance(size, rows)
            (tmp_path / "0").chmod(0o640)

    verify_checksums(artifact, manifest, Changes())
    assert artifact.verified == {kept}


def test_what_does_not_stay_in_memory_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    artifact, manifest = backup_of(tmp_path, SIZES)
    settled(tmp_path)
    monkeypatch.setattr(checksums, "available_memory", lambda _process: 2 * sum(SIZES) - 1)
    verify_checksums(artifact, manifest, Progress())
    assert not artifact.verified
