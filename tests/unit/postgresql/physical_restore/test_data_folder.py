# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.errors import (
    CorruptArtifactError,
    LockedError,
    RestoreError,
    TargetNotEmptyError,
    UsageError,
)
from dbfleet.postgresql.physical_restore.data_folder import DataFolder, Places, check_places
from dbfleet.postgresql.physical_restore.marker import MARKER_NAME, read_marker
from dbfleet.postgresql.physical_restore.owner import Owner, owner_of

ME = Owner(os.geteuid(), os.getegid())


@contextlib.contextmanager
def begun(places: Places, *, delta: bool = False) -> Iterator[DataFolder]:
    left = check_places(places, delta=delta, system_identifier=0)
    with contextlib.closing(DataFolder(places, ME, delta=delta, left=left)) as folder:
        yield folder


def places_of(path: Path) -> Places:
    return Places(str(path / "data"), {16384: str(path / "fast")})


def test_a_folder_is_whole_only_in_the_end(tmp_path: Path) -> None:
    places = places_of(tmp_path)
    with begun(places) as folder:
        folder.make_folder("pg_wal")
        folder.write_file("base/1/1259", iter((b"a", b"b")))
        folder.write_file("pg_tblspc/16384/PG_17_1/5/16385", iter((b"c",)))
        folder.link_tablespace(16384)
        assert read_marker_is_locked(places)
        assert not (tmp_path / "data" / "PG_VERSION").exists()
        folder.finish(b"17\n")
    assert (tmp_path / "data" / "PG_VERSION").read_bytes() == b"17\n"
    assert (tmp_path / "data" / "pg_tblspc" / "16384" / "PG_17_1" / "5" / "16385").read_bytes() == b"c"
    assert not (tmp_path / "data" / MARKER_NAME).exists()
    assert (tmp_path / "data" / "base" / "1" / "1259").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data" / "base").stat().st_mode & 0o777 == 0o700


def test_folders_above_that_were_missing_let_the_servers_account_through(tmp_path: Path) -> None:
    # As the command has it; the fixture of all tests brings the umask back.
    os.umask(0o077)
    places = places_of(tmp_path / "new" / "above")
    with begun(places) as folder:
        folder.finish(b"17\n")
    modes = [oct(path.stat().st_mode & 0o777) for path in (tmp_path / "new", tmp_path / "new" / "above")]
    assert modes == ["0o755", "0o755"]
    assert (tmp_path / "new" / "above" / "data").stat().st_mode & 0o777 == 0o700


def read_marker_is_locked(places: Places) -> bool:
    with pytest.raises(LockedError, match="another restore"):
        read_marker(places.data)
    return True


def test_a_group_that_may_read_stays_so(tmp_path: Path) -> None:
    with begun(places_of(tmp_path)) as folder:
        folder.write_file("base/1/1259", iter((b"a",)))
        folder.allow_group()
        folder.finish(b"17\n")
    data = tmp_path / "data"
    modes = [path.stat().st_mode & 0o777 for path in (data, data / "base", data / "PG_VERSION", data / "base/1/1259")]
    assert modes == [0o750, 0o750, 0o640, 0o640]


def test_leftovers_are_removed_by_the_next_restore(tmp_path: Path) -> None:
    places = places_of(tmp_path)
    with begun(places) as folder:
        folder.write_file("base/1/1259", iter((b"a",)))
        folder.write_file("pg_tblspc/16384/PG_17_1/x", iter((b"c",)))
    with begun(places) as folder:
        assert sorted(os.listdir(places.data)) == [MARKER_NAME]
        assert os.listdir(places.tablespaces[16384]) == []
        folder.finish(b"17\n")
    with pytest.raises(TargetNotEmptyError, match="data is not empty"):
        check_places(places, delta=False, system_identifier=0)


def test_a_finished_folder_is_never_a_leftover(tmp_path: Path) -> None:
    places = places_of(tmp_path)
    with begun(places) as folder:
        folder.finish(b"17\n")
    (tmp_path / "data" / MARKER_NAME).write_text('{"owner": [0, 0], "tablespaces": []}')
    with pytest.raises(TargetNotEmptyError):
        check_places(places, delta=False, system_identifier=0)


@pytest.mark.parametrize(
    "data", ["{}", "[", '{"owner": ["x"], "tablespaces": []}', '{"owner":[0,0],"tablespaces":["x"]}']
)
def test_a_damaged_marker_removes_nothing(tmp_path: Path, data: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / MARKER_NAME).write_text(data)
    with pytest.raises(CorruptArtifactError):
        check_places(places_of(tmp_path), delta=False, system_identifier=0)


def test_refuses_places_that_hold_something(tmp_path: Path) -> None:
    places = places_of(tmp_path)
    (tmp_path / "fast").mkdir()
    (tmp_path / "fast" / "file").touch()
    with pytest.raises(TargetNotEmptyError, match="tablespace's folder"):
        check_places(places, delta=False, system_identifier=0)
    (tmp_path / "fast" / "file").unlink()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "postmaster.pid").touch()
    with pytest.raises(RestoreError, match="a server runs in"):
        check_places(places, delta=True, system_identifier=0)
    (tmp_path / "data" / "postmaster.pid").rename(tmp_path / "data" / "letters")
    with pytest.raises(TargetNotEmptyError, match="neither empty nor"):
        check_places(places, delta=True, system_identifier=0)
    inside = Places(places.data, {1: f"{places.data}/inside"})
    for wrong in (inside, Places(places.data, {1: places.data}), Places(places.data, {1: "/srv/a", 2: "/srv/a/b"})):
        with pytest.raises(UsageError, match="cannot both be restored to"):
            check_places(wrong, delta=False, system_identifier=0)


def test_delta_never_writes_through_links_or_into_copies(tmp_path: Path) -> None:
    places = Places(str(tmp_path / "data"), {})
    data = tmp_path / "data"
    with begun(places) as folder:
        for name in ("same", "linked", "copied", "base/x"):
            folder.write_file(name, iter((b"content",)))
        folder.finish(b"17\n")
    outside = tmp_path / "outside"
    outside.write_text("outside")
    (data / "linked").unlink()
    (data / "linked").symlink_to(outside)
    os.link(data / "copied", tmp_path / "copy")
    (data / "base" / "x").unlink()
    (data / "base").rmdir()
    (data / "base").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (data / "extra").mkdir()
    (data / "extra" / "file").touch()
    with contextlib.closing(DataFolder(places, ME, delta=True, left=None)) as folder:
        assert not (data / "PG_VERSION").exists()
        for name in ("same", "linked", "copied", "base/x"):
            folder.write_file(name, iter((b"con" if name == "same" else b"new", b"tent")))
        assert folder.remove_extra() == 1
        folder.finish(b"17\n")
        assert folder.bytes_written == 3 * 7 + 3
    assert outside.read_text() == "outside"
    assert (tmp_path / "copy").read_text() == "content"
    assert os.listdir(tmp_path / "elsewhere") == []
    assert [(data / name).read_text() for name in ("same", "linked", "copied", "base/x")] == [
        "content",
        *["newtent"] * 3,
    ]


def test_refuses_what_a_backup_holds_twice(tmp_path: Path) -> None:
    with begun(Places(str(tmp_path / "data"), {})) as folder:
        folder.write_file("a", iter((b"x",)))
        with pytest.raises(CorruptArtifactError, match="twice"):
            folder.write_file("a", iter((b"y",)))
        with pytest.raises(CorruptArtifactError, match="both as a file and as a folder"):
            folder.write_file("a/b", iter((b"y",)))


def test_changes_blocks(tmp_path: Path) -> None:
    with begun(Places(str(tmp_path / "data"), {})) as folder:
        folder.write_file("a", iter((b"0123456789",)))
        folder.change_file("a", iter(((2, b"xy"), (12, b"z"))), 6, 14)
        assert b"".join(folder.read_file("a")) == b"01xy45" + bytes(6) + b"z\0"


def test_owners(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no account"):
        owner_of("nobody-of-this-name", str(tmp_path))
    if os.geteuid() == 0:
        assert owner_of("nobody", str(tmp_path)).name == "nobody"
        with pytest.raises(UsageError, match="belong to root"):
            owner_of("root", str(tmp_path))
    else:
        assert owner_of("", str(tmp_path)) == ME
