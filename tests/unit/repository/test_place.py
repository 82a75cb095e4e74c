# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from dbfleet.errors import NotFoundError, OutOfSpaceError, StorageError, UsageError
from dbfleet.progress import Progress
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.place import DestinationPlace, Place, RepositoryPlace, check_free_space
from tests.unit.repository.samples import make_manifest, tree, write_backup


def repository_place(folder: Path) -> RepositoryPlace:
    return RepositoryPlace(str(folder / "repository"), cluster="db1-5432", database="shop")


def dest_place(folder: Path, dest: str = "my.dump") -> DestinationPlace:
    return DestinationPlace(str(folder / dest), artifact="shop.dump", cluster="db1-5432", database="shop")


def publish(place: Place, **changes: object) -> Path:
    """Write a backup there as a job does; the path of its file."""
    identity, _started = place.new_id("logical")
    with place.lock(purpose="test"):
        publication = place.begin(identity)
        write_backup(publication)
        contents = make_manifest().contents
        object.__setattr__(contents, "artifact", publication.artifact_path("shop.dump"))
        fields = {"id": identity, "contents": contents, "files": publication.records(), **changes}
        manifest = make_manifest(**fields)
        publication.publish(render_manifest(manifest))
    path = Path(place.path_of(manifest))
    return path / "shop.dump" if path.is_dir() else path


def unexpected(text: str) -> None:
    raise AssertionError(text)


@pytest.mark.parametrize("make", [repository_place, dest_place])
def test_a_place_before_and_after_its_first_backup(tmp_path: Path, make: type[RepositoryPlace]) -> None:
    place: Place = make(tmp_path)  # type: ignore[call-arg, arg-type]
    before = tree(tmp_path)
    assert place.newest_good(unexpected) is None
    assert place.describe() == ""
    place.check(1000, Progress())
    identity, started = place.new_id("logical")
    assert identity.startswith(started.strftime("%Y%m%dT%H%M%SZ"))
    assert tree(tmp_path) == before, "looking changes nothing"
    path = publish(place)
    newest = place.newest_good(unexpected)
    assert newest is not None
    assert newest.id in place.describe()
    assert place.describe(newest) == place.describe()
    assert str(path).startswith(place.location)


def test_ids_of_a_repository_never_meet(tmp_path: Path) -> None:
    place = repository_place(tmp_path)
    publish(place)
    publish(place)
    lines = place.describe().splitlines()
    assert len(lines) == len(set(lines)) == 2
    assert lines == sorted(lines)


def test_a_good_backup_is_whole(tmp_path: Path) -> None:
    for place in (repository_place(tmp_path), dest_place(tmp_path)):
        path = publish(place)
        content = path.read_bytes()
        path.write_bytes(content[:-1])
        told: list[str] = []
        assert place.newest_good(told.append) is None
        assert "shop.dump has 68 bytes instead of 69" in told[0] or "my.dump has 68 bytes instead of 69" in told[0]
        path.unlink()
        assert place.newest_good(told.append) is None
        assert "is missing" in told[1]


def test_the_newest_good_one_may_be_an_older_one(tmp_path: Path) -> None:
    place = repository_place(tmp_path)
    good = publish(place).parent.name
    damaged = publish(place).parent / "manifest.json"
    damaged.write_bytes(damaged.read_bytes() + b" ")
    publish(place).unlink()
    told: list[str] = []
    newest = place.newest_good(told.append)
    assert newest is not None
    assert newest.id == good
    assert ["is missing" in told[0], "was changed" in told[1]] == [True, True]
    assert len(place.describe().splitlines()) == 3, "a listing by names needs no sound manifest"


def test_a_damaged_backup_at_a_destination_does_not_stop_the_next(tmp_path: Path) -> None:
    place = dest_place(tmp_path)
    publish(place)
    (tmp_path / "my.dump.manifest.json").write_bytes(b"")
    told: list[str] = []
    assert place.newest_good(told.append) is None
    assert "will be replaced" in told[0]
    assert "damaged" in place.describe()
    place.check(1, Progress())
    publish(place)
    assert place.newest_good(unexpected) is not None


def test_another_database_s_backup_at_a_destination_is_not_this_one_s(tmp_path: Path) -> None:
    publish(dest_place(tmp_path), database="crm")
    assert dest_place(tmp_path).newest_good(unexpected) is None


def test_a_destination_must_be_possible(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"")
    with pytest.raises(UsageError, match="not a backup made by dbfleet"):
        dest_place(tmp_path, "mine").check(1, Progress())
    with pytest.raises(NotFoundError, match="does not exist"):
        dest_place(tmp_path, "missing/my.dump").check(1, Progress())
    with pytest.raises(NotFoundError, match="does not exist"):
        dest_place(tmp_path, "mine/my.dump").check(1, Progress())
    with pytest.raises(StorageError, match="cannot be a file name"):
        DestinationPlace(str(tmp_path), artifact="a/../b", cluster="c", database="d")


def test_a_repository_must_be_possible(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError):
        RepositoryPlace(str(tmp_path / "file"), cluster="c", database="d").check(1, Progress())


@pytest.mark.parametrize(
    ("free", "expected", "outcome"),
    [(None, 10**15, "fine"), (1000, 1000, "fine"), (999, 1000, "warning"), (100, 1000, "warning"), (99, 1000, "error")],
)
def test_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int | None, expected: int, outcome: str
) -> None:
    monkeypatch.setattr(LocalStorage, "free_bytes", lambda _self: free)
    progress = Progress()
    storage = LocalStorage(str(tmp_path))
    if outcome == "error":
        with pytest.raises(OutOfSpaceError, match=f"{free} bytes free, the backup may need {expected}") as caught:
            check_free_space(storage, expected, progress)
        assert caught.value.context == {"free_bytes": free, "expected_bytes": expected}
    else:
        check_free_space(storage, expected, progress)
    assert len(progress.warnings) == (1 if outcome == "warning" else 0)
