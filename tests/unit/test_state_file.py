# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import resource
import signal
import stat
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, LockedError, StorageError
from dbfleet.state_file import StateFile, append_line


def reopened(path: Path, key: str = "k") -> tuple[bool, list[dict[str, object]]]:
    state = StateFile(str(path), key)
    try:
        return state.resumable, list(state.lines)
    finally:
        state.close()


def test_what_was_recorded_is_there_for_the_same_job_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.json"
    state = StateFile(str(path), "k")
    assert not state.resumable
    state.begin()
    state.add({"file": "a"})
    with pytest.raises(LockedError):
        StateFile(str(path), "k")
    state.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert reopened(path) == (True, [{"file": "a"}])
    assert reopened(path, "other") == (False, [])


def test_a_job_that_is_complete_or_was_never_begun_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    StateFile(str(path), "k").close()
    assert not path.exists()
    state = StateFile(str(path), "k")
    state.begin()
    state.remove()
    state.close()
    assert not path.exists()


def test_a_line_without_its_end_was_never_written(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StateFile(str(path), "k")
    state.begin()
    state.add({"file": "a"})
    state.close()
    with path.open("ab") as file:
        file.write(b'{"file": "b')
    state = StateFile(str(path), "k")
    assert state.lines == [{"file": "a"}]
    state.add({"file": "c"})
    state.close()
    assert reopened(path) == (True, [{"file": "a"}, {"file": "c"}])
    with path.open("ab") as file:
        file.write(b"nonsense\n")
    with pytest.raises(CorruptArtifactError, match="line 4 is damaged"):
        StateFile(str(path), "k")


def test_other_processes_add_lines_to_what_was_begun(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = StateFile(str(path), "k")
    state.begin(database="unfinished")
    append_line(str(path), {"file": "a"})
    state.add({"file": "b"})
    state.close()
    state = StateFile(str(path), "k")
    assert state.header["database"] == "unfinished"
    assert state.lines == [{"file": "a"}, {"file": "b"}]
    state.forget()
    assert (state.resumable, state.header, state.lines) == (False, {}, [])
    state.close()
    assert not path.exists()
    with pytest.raises(StorageError, match="cannot write"):
        append_line(str(path), {"file": "c"})


def test_half_a_line_is_taken_back(tmp_path: Path) -> None:
    """As far as a disk has room for it: what comes next must not continue it."""
    path = tmp_path / "state.json"
    state = StateFile(str(path), "k")
    state.begin()
    before = path.read_bytes()
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A larger file than this is an error, and what fits is written before.
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limit[1]))
    try:
        with pytest.raises(StorageError):
            state.add({"file": "a" * 100})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, previous)
    assert path.read_bytes() == before
    state.add({"file": "b"})
    state.close()
    assert reopened(path) == (True, [{"file": "b"}])
