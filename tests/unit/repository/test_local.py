# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, OutOfSpaceError, StorageError
from dbfleet.repository import folders as folders_module
from dbfleet.repository.folders import check_writable, make_folders, remove_tree
from dbfleet.repository.local import LocalStorage
from tests.unit.repository.faults import every_kill
from tests.unit.repository.samples import tree


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(str(tmp_path / "repository"))


def put(storage: LocalStorage, path: str, content: bytes = b"x") -> Path:
    full = Path(storage.url(path))
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(content)
    return full


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_everything_is_private_whatever_the_umask(storage: LocalStorage, umask: int) -> None:
    before = os.umask(umask)
    try:
        storage.write_small("a/b/small", b"x")
        staged = storage.begin("c/d/backup")
        staged.create("data/1/x.dat").close()
        staged.publish()
    finally:
        os.umask(before)
    modes = {mode for mode, _time, _content in tree(storage.location).values()}
    assert modes == {stat.S_IFREG | 0o600, stat.S_IFDIR | 0o700}


def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    make_folders(str(tmp_path / "shared" / "new"))
    assert stat.S_IMODE((tmp_path / "shared").stat().st_mode) == 0o755


def test_every_new_name_is_made_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power failure after the job must not take the folder away in which the backup is."""
    synced: list[str] = []
    monkeypatch.setattr(folders_module, "sync_folder", synced.append)
    make_folders(str(tmp_path / "cluster" / "shop"))
    assert synced == [str(tmp_path), str(tmp_path / "cluster")]


def test_a_staged_folder_is_synced_at_every_level_before_it_is_published(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    staged = storage.begin("shop/backup")
    staged.create("a/b/c/file").close()
    synced: list[str] = []
    monkeypatch.setattr("dbfleet.repository.folders.sync_folder", synced.append)
    monkeypatch.setattr("dbfleet.repository.local.sync_folder", synced.append)
    staged.publish()
    inside = ["", "/a", "/a/b", "/a/b/c"]
    assert synced == [*(staged.path + folder for folder in inside), storage.url("shop")]


def test_a_staged_folder_is_invisible_until_published(storage: LocalStorage) -> None:
    staged = storage.begin("shop/backup")
    file = staged.create("data/x")
    file.write(b"abc")
    file.close()
    assert storage.size("shop/backup/data/x") is None
    with contextlib.closing(staged.open("data/x")) as stored:
        assert stored.read(10) == b"abc"
    staged.publish()
    assert storage.size("shop/backup/data/x") == 3
    assert storage.folders("shop") == ["backup"]
    staged.abandon()
    assert storage.size("shop/backup/data/x") == 3, "what is published stays"


def test_an_abandoned_folder_leaves_nothing(storage: LocalStorage) -> None:
    staged = storage.begin("shop/backup")
    staged.create("data/x").close()
    staged.abandon()
    staged.abandon()
    assert storage.folders("shop") == []


def test_a_published_folder_is_never_replaced(storage: LocalStorage) -> None:
    put(storage, "shop/backup/file", b"first")
    staged = storage.begin("shop/backup")
    with pytest.raises(StorageError, match="it is there already"):
        staged.publish()
    staged.abandon()
    assert storage.read_small("shop/backup/file", 100) == b"first"


def test_a_folder_whose_rename_may_not_have_reached_the_disk_is_not_left_published(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(path: str) -> None:
        raise StorageError(f"cannot sync {path}: Input/output error")

    staged = storage.begin("shop/backup")
    staged.create("file").close()
    monkeypatch.setattr("dbfleet.repository.local.sync_folder", broken)
    with pytest.raises(StorageError, match="cannot sync"):
        staged.publish()
    staged.abandon()
    assert storage.folders("shop") == []


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "a//b", "a/", "."])
def test_paths_that_leave_the_storage_are_refused(storage: LocalStorage, path: str) -> None:
    staged = storage.begin("backup")
    calls: list[Callable[[], object]] = [
        lambda: storage.open(path),
        lambda: storage.read_small(path, 10),
        lambda: storage.write_small(path, b""),
        lambda: storage.touch(path),
        lambda: storage.remove_small(path),
        lambda: storage.remove(path),
        lambda: storage.folders(path),
        lambda: storage.size(path),
        lambda: storage.begin(path),
        lambda: staged.create(path),
        lambda: staged.open(path),
    ]
    for call in calls:
        with pytest.raises(StorageError, match="is not a path inside"):
            call()


def test_links_are_not_followed_out_of_the_storage(storage: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    put(storage, "backup/x")
    Path(storage.url("backup/file")).symlink_to(tmp_path / "secret" / "file")
    Path(storage.url("backup/folder")).symlink_to(tmp_path / "secret")
    for path in ("backup/file", "backup/folder/file"):
        with pytest.raises(StorageError, match="is a link"):
            storage.open(path)
    assert storage.size("backup/file") is None
    assert storage.folders("backup") == []
    storage.remove("backup")
    assert (tmp_path / "secret" / "file").read_bytes() == b"secret"


def test_the_storage_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    storage = LocalStorage(str(tmp_path / "link"))
    storage.write_small("a/b", b"x")
    assert storage.read_small("a/b", 10) == b"x"


def test_small_files(storage: LocalStorage) -> None:
    assert storage.read_small("a/small", 10) is None
    storage.write_small("a/small", b"one")
    storage.write_small("a/small", b"two")
    assert storage.read_small("a/small", 10) == b"two"
    assert storage.files("a", "") == ["small"]
    assert storage.files("a", "sm") == ["small"]
    assert storage.files("a", "x") == storage.files("missing", "") == []
    assert storage.touch("a/small")
    assert not storage.touch("a/other")
    assert storage.modified("a/other") is None
    storage.remove_small("a/small")
    storage.remove_small("a/small")
    assert storage.files("a", "") == []


def test_a_small_file_that_cannot_be_written_leaves_nothing(
    storage: LocalStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutOfSpaceError):
        storage.write_small("a/small", b"x")
    assert storage.files("a", "") == []


def test_a_small_file_is_whole_at_any_moment(storage: LocalStorage) -> None:
    def prepare() -> None:
        shutil.rmtree(storage.location, ignore_errors=True)
        storage.write_small("small", b"one" * 100)

    seen = set()
    for moment in every_kill(prepare, lambda: storage.write_small("small", b"two" * 100)):
        content = storage.read_small("small", 1000)
        assert content in (b"one" * 100, b"two" * 100), moment
        seen.add(content)
    assert len(seen) == 2


def test_a_removed_folder_is_gone_at_once(storage: LocalStorage) -> None:
    """A backup half of which was removed must not be taken for one."""

    def prepare() -> None:
        for name in ("a/1", "a/2", "b", "manifest.json"):
            put(storage, f"shop/backup/{name}")

    for moment in every_kill(prepare, lambda: storage.remove("shop/backup")):
        if "backup" in storage.folders("shop"):
            assert len(tree(storage.url("shop/backup"))) == 6, moment
        for name in storage.folders("shop"):
            assert name == "backup" or name.startswith(".partial-"), moment
            storage.remove(f"shop/{name}")
        assert storage.folders("shop") == []
    storage.remove("shop/backup")


def test_what_is_missing(storage: LocalStorage) -> None:
    assert storage.folders("") == []
    assert storage.size("x") is None
    assert storage.url("") == storage.location
    with pytest.raises(NotFoundError):
        storage.open("x")
    with pytest.raises(NotFoundError):
        storage.open("x/y/z")


def test_free_space_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    free = LocalStorage(str(tmp_path / "a" / "b")).free_bytes()
    assert free is not None
    assert free > 0
    assert not (tmp_path / "a").exists()


def test_whether_a_folder_can_be_written_is_found_out_by_looking(tmp_path: Path) -> None:
    before = tree(tmp_path)
    check_writable(str(tmp_path / "a" / "b"))
    assert tree(tmp_path) == before
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("file", "dangling"):
        with pytest.raises(StorageError, match=f"{name} is not a folder"):
            check_writable(str(tmp_path / name / "x"))


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode: not mode & os.W_OK)
    with pytest.raises(StorageError, match=f"permission denied on {tmp_path}") as caught:
        check_writable(str(tmp_path / "a"))
    assert caught.value.hint


def test_errors_name_what_they_are_about(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot make the folder .*file: a file of that name is there"):
        make_folders(str(tmp_path / "file" / "x"))
    with pytest.raises(StorageError, match="cannot list"):
        LocalStorage(str(tmp_path / "file")).folders("")
    remove_tree(str(tmp_path / "missing"))
    remove_tree(str(tmp_path / "file"))
    assert not (tmp_path / "file").exists()
