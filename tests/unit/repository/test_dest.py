# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, StorageError, UsageError
from dbfleet.repository.dest import MANIFEST_SUFFIX, Destination, read_dest_manifest, resolve_dest
from dbfleet.repository.layout import staging_name
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.publication import Publication
from dbfleet.repository.records import FileRecord
from tests.unit.repository.faults import every_fault, every_kill, fail, interrupt
from tests.unit.repository.samples import CONTENT, make_manifest, tree, write_backup

IDS = {"old": "20250101T000000Z-logical", "new": "20260102T030405Z-logical"}


def publish(path: Path, which: str = "new", *, content: bytes | None = None, is_folder: bool = False) -> None:
    """Write a backup to a destination as a job does."""
    destination = Destination(str(path))
    staged = destination.begin()
    publication = Publication(staged, manifest_path=path.name + MANIFEST_SUFFIX, renamed=("shop.dump", path.name))
    try:
        names = ("shop.dump/toc.dat", "shop.dump/data/1.dat") if is_folder else ("shop.dump",)
        for name in names:
            write_backup(publication, (content or which.encode()) + name.encode(), path=name)
        manifest = make_manifest(id=IDS[which], files=publication.records())
        artifact = publication.artifact_path("shop.dump")
        object.__setattr__(manifest.contents, "artifact", artifact)
        publication.publish(render_manifest(manifest))
    except BaseException:
        publication.abandon()
        raise


def published(path: Path) -> str | None:
    """Which backup is whole at ``path``: ``old``, ``new`` or none. Content that a manifest does not describe fails."""
    manifest = read_dest_manifest(str(path))
    if manifest is None:
        return None
    stored = {
        FileRecord(name, len(data), hashlib.sha256(data).hexdigest())
        for name, data in ((str(file.relative_to(path.parent)), file.read_bytes()) for file in files_of(path))
    }
    assert stored == set(manifest.files), "a manifest stands beside content that it does not describe"
    return next(which for which, identity in IDS.items() if identity == manifest.id)


def files_of(path: Path) -> list[Path]:
    return [file for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file()]


def names(folder: Path) -> set[str]:
    """All names in a folder, except of lock files that were never finished: only age tells that nobody writes them."""
    return {name for name in os.listdir(folder) if not re.match(r"\.my\.lock-\w+\.\w+\.new\Z", name)}


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[bool, bool], Path]:
    """Empties the folder and puts an old backup there, if wanted; gives the destination's path."""
    folder = tmp_path / "backups"

    def make(with_old: bool, is_folder: bool) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        if with_old:
            publish(folder / "my", "old", is_folder=is_folder)
        return folder / "my"

    return make


def test_a_backup_and_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "my.dump"
    publish(path, "old")
    assert published(path) == "old"
    publish(path, "new")
    assert published(path) == "new"
    assert names(tmp_path) == {"my.dump", "my.dump.manifest.json"}
    assert {mode & 0o777 for mode, _time, _content in tree(tmp_path).values()} == {0o600, 0o700}


def test_a_folder_replaces_a_file_and_the_other_way_round(tmp_path: Path) -> None:
    for is_folder in (False, True, True, False):
        publish(tmp_path / "my", "new", is_folder=is_folder)
        assert published(tmp_path / "my") == "new"
        assert (tmp_path / "my").is_dir() == is_folder


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("with_old", [False, True], ids=["first", "replacing"])
def test_a_kill_at_any_moment(fresh: Callable[[bool, bool], Path], with_old: bool, is_folder: bool) -> None:
    """A manifest never stands beside wrong content, and the next job finds the old backup or the new one."""
    path = Path()

    def prepare() -> None:
        nonlocal path
        path = fresh(with_old, is_folder)

    before = "old" if with_old else None
    seen = set()
    moment = ""
    for moment in every_kill(prepare, lambda: publish(path, "new", is_folder=is_folder)):
        ruins = published(path)
        destination = Destination(str(path))
        destination.check_replaceable()
        assert resolve_dest(str(path), "x.dump") == str(path), moment
        with destination.lock(purpose="test"):
            destination.sweep()
            repaired = published(path)
        assert repaired in (before, "new"), moment
        assert ruins in (repaired, None), moment
        assert names(path.parent) == ({"my", "my.manifest.json"} if repaired else set()), moment
        seen.add((ruins, repaired))
        publish(path, "new", is_folder=is_folder)
        assert published(path) == "new", moment
    assert moment, "nothing was tried"
    assert ("new", "new") in seen
    assert (None, before) in seen, "at some moment the destination was between two states"


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_a_kill_while_repairing(fresh: Callable[[bool, bool], Path], is_folder: bool) -> None:
    """So can the repair of the worst moment: the new content is in place, its manifest is not."""
    path = Path()

    def prepare() -> None:
        nonlocal path
        path = fresh(True, is_folder)
        staged = Destination(str(path)).begin()
        folder = Path(staged.path)
        publish(folder / "my", "new", is_folder=is_folder)
        (path.parent / "my.manifest.json").rename(folder / "my.manifest.json.replaced")
        path.rename(folder / "my.replaced")
        (folder / "my").rename(path)

    def repair() -> None:
        destination = Destination(str(path))
        with destination.lock(purpose="test"):
            destination.sweep()

    for moment in every_kill(prepare, repair):
        assert published(path) in ("old", None), moment
        repair()
        assert published(path) == "old", moment
        assert names(path.parent) == {"my", "my.manifest.json"}, moment


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
@pytest.mark.parametrize("with_old", [False, True], ids=["first", "replacing"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", [interrupt, fail])
def test_an_interrupt_or_an_error_at_any_moment(
    fresh: Callable[[bool, bool], Path], with_old: bool, is_folder: bool, after: bool, act: Callable[[], None]
) -> None:
    """A job that fails puts back what was there before it ends."""
    path = Path()

    def prepare() -> None:
        nonlocal path
        path = fresh(with_old, is_folder)

    before = "old" if with_old else None
    for moment, raised in every_fault(prepare, lambda: publish(path, is_folder=is_folder), act, after=after):
        found = published(path)
        if raised is None:
            assert found == "new", moment
        elif isinstance(raised, KeyboardInterrupt):
            # Once the new manifest is in place and synced, the backup is there whatever happens.
            assert found in (before, "new"), moment
        else:
            assert found == before, moment
            assert isinstance(raised, (StorageError, OSError)), moment
        with Destination(str(path)).lock(purpose="test"):
            Destination(str(path)).sweep()
        assert published(path) == found, moment
        assert names(path.parent) == ({"my", "my.manifest.json"} if found else set()), moment


def test_sweeping_leaves_other_destinations_alone(tmp_path: Path) -> None:
    """``shop`` is the beginning of ``shop-old``, whose job may be running."""
    running = Destination(str(tmp_path / "shop-old")).begin()
    write_backup(Publication(running, manifest_path="m"))
    also = Destination(str(tmp_path / "shop-0123abcd")).begin()
    publish(tmp_path / "shop")
    assert Destination(str(tmp_path / "shop")).sweep() == []
    assert Path(running.path, "shop.dump").read_bytes() == CONTENT
    assert Path(also.path).is_dir()


def test_a_job_whose_folder_was_swept_can_do_nothing_any_more(tmp_path: Path) -> None:
    """It lost its lock while it slept; whoever has it now must not be disturbed."""
    path = tmp_path / "my"
    publish(path, "old")
    asleep = Publication(Destination(str(path)).begin(), manifest_path="my.manifest.json", renamed=("shop.dump", "my"))
    file = asleep.create("shop.dump")
    file.write(b"half")
    assert len(Destination(str(path)).sweep()) == 1
    before = tree(tmp_path)
    with pytest.raises(StorageError):
        asleep.create("shop.dump/more")
    file.close()
    with pytest.raises(StorageError):
        asleep.publish(render_manifest(make_manifest()))
    asleep.abandon()
    assert tree(tmp_path) == before
    assert published(path) == "old"


def test_nothing_written_is_nothing_published(tmp_path: Path) -> None:
    path = tmp_path / "my"
    publish(path, "old")
    empty = Publication(Destination(str(path)).begin(), manifest_path="my.manifest.json", renamed=("shop.dump", "my"))
    with pytest.raises(StorageError, match="nothing was written"):
        empty.publish(render_manifest(make_manifest()))
    empty.abandon()
    assert published(path) == "old"


def test_an_engine_s_file_outside_the_artifact_has_no_place(tmp_path: Path) -> None:
    staged = Destination(str(tmp_path / "my")).begin()
    publication = Publication(staged, manifest_path="my.manifest.json", renamed=("shop.dump", "my"))
    with pytest.raises(StorageError, match=r"globals\.sql is not part of the artifact"):
        publication.create("globals.sql")
    publication.abandon()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_is_not_ours_is_never_replaced(tmp_path: Path, is_folder: bool) -> None:
    path = tmp_path / "my"
    path.mkdir() if is_folder else path.write_bytes(b"a thesis")
    destination = Destination(str(path))
    with pytest.raises(UsageError, match=r"not a backup made by dbfleet \(there is no my\.manifest\.json\)"):
        destination.check_replaceable()
    # What a killed job left before it had written its manifest says nothing of what is here.
    write_backup(Publication(destination.begin(), manifest_path="m"))
    with pytest.raises(UsageError):
        destination.check_replaceable()


def test_what_somebody_put_in_the_place_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "my"
    publish(path, "old")
    staged = Path(Destination(str(path)).begin().path)
    publish(staged / "my", "new")
    (tmp_path / "my.manifest.json").rename(staged / "my.manifest.json.replaced")
    path.rename(staged / "my.replaced")
    path.write_bytes(b"a thesis")
    with pytest.raises(StorageError, match="is in its place") as caught:
        Destination(str(path)).sweep()
    assert "move it away" in caught.value.hint
    assert path.read_bytes() == b"a thesis"
    path.unlink()
    Destination(str(path)).sweep()
    assert published(path) == "old"


def test_where_a_destination_is(tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    assert resolve_dest(str(folder), "shop.dump") == str(folder)
    assert resolve_dest(f"{folder}/", "shop.dump") == str(folder / "shop.dump")
    folder.mkdir()
    assert resolve_dest(str(folder), "shop.dump") == str(folder / "shop.dump")
    assert resolve_dest(str(folder / "x.dump"), "shop.dump") == str(folder / "x.dump")
    publish(folder / "shop", is_folder=True)
    assert resolve_dest(str(folder / "shop"), "shop.dump") == str(folder / "shop"), "a backup is replaced, not filled"


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    publish(tmp_path / "my")
    (tmp_path / "my.manifest.json").write_bytes(b"{}")
    with pytest.raises(CorruptArtifactError, match=r"my\.manifest\.json"):
        read_dest_manifest(str(tmp_path / "my"))
    (tmp_path / "my.manifest.json").unlink()
    (tmp_path / "my.manifest.json").symlink_to("/etc/passwd")
    with pytest.raises(StorageError, match="is a link"):
        read_dest_manifest(str(tmp_path / "my"))
    assert staging_name("my") not in names(tmp_path)
