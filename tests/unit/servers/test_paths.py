# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the downloads go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.servers import paths


@pytest.fixture
def other_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The servers run as another user than the caller, as they do for root."""
    monkeypatch.setattr(paths, "server_user", lambda: paths.ServerUser("somebody", uid=-2, gid=-2))


@pytest.fixture
def private(tmp_path: Path) -> Path:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


def test_chosen_cache_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DBFLEET_CACHE", str(tmp_path))
    monkeypatch.setattr(paths, "_open_to_everyone", lambda path: True)
    assert paths.cache_dir() == tmp_path


@pytest.mark.usefixtures("other_user")
def test_chosen_cache_that_the_servers_cannot_read_is_refused(monkeypatch: pytest.MonkeyPatch, private: Path) -> None:
    monkeypatch.setenv("DBFLEET_CACHE", str(private / "cache"))
    with pytest.raises(PermissionError, match="cannot enter this folder"):
        paths.cache_dir()


@pytest.mark.usefixtures("other_user")
def test_private_default_gives_way_to_the_system_folder(monkeypatch: pytest.MonkeyPatch, private: Path) -> None:
    monkeypatch.delenv("DBFLEET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(private))
    assert paths.cache_dir() == paths.SYSTEM_CACHE


def test_private_default_is_good_for_the_caller_itself(monkeypatch: pytest.MonkeyPatch, private: Path) -> None:
    monkeypatch.delenv("DBFLEET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(private))
    monkeypatch.setattr(paths, "server_user", lambda: paths.ServerUser("me", uid=os.geteuid(), gid=0))
    assert paths.cache_dir() == private / "dbfleet"
