# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tells that a file is still the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dbfleet.streams import file_state as module
from dbfleet.streams.file import FileSource
from dbfleet.streams.file_state import FileState, file_state, settled_state


def write(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x")


def write_and_set_back(path: Path) -> None:
    before = path.stat()
    write(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    (path.parent / "other").write_bytes(path.read_bytes())
    (path.parent / "other").replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "file"
    found.write_bytes(b"some bytes")
    # The clock by which the system keeps times goes in steps.
    time.sleep(0.02)
    return found


@pytest.mark.parametrize("change", [write, write_and_set_back, replace, lambda path: os.truncate(path, 3)])
def test_every_change_makes_another_state(path: Path, change: Callable[[Path], object]) -> None:
    before = FileSource(str(path))
    before.verified = {file_state(before.fileno())}
    assert before.is_verified()
    change(path)
    after = FileSource(str(path))
    after.verified = before.verified
    assert not after.is_verified()
    before.close()
    after.close()


def test_reading_changes_nothing(path: Path) -> None:
    with path.open("rb") as file:
        before = file_state(file.fileno())
        file.read()
        assert file_state(file.fileno()) == before


def test_only_what_is_old_enough_and_lies_on_a_disk_is_settled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with path.open("rb") as file:
        state = file_state(file.fileno())
        monkeypatch.setattr(module.time, "time_ns", lambda: state.changed + 1_999_999_999)
        assert settled_state(file.fileno()) is None
        # Set into the future, the clock may come to the same moment again.
        monkeypatch.setattr(module.time, "time_ns", lambda: state.changed - 10**12)
        assert settled_state(file.fileno()) is None
        monkeypatch.setattr(module.time, "time_ns", lambda: state.changed + 2_000_000_000)
        for device, expected in ((os.makedev(8, 1), True), (os.makedev(0, 77), False)):
            found = FileState(device, *state[1:])
            monkeypatch.setattr(module, "file_state", lambda _descriptor, found=found: found)
            assert settled_state(file.fileno()) == (found if expected else None)
