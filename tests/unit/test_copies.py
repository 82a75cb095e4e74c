# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of backups and sets from one repository into another."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dbfleet.copies import CopyRequest, copy
from dbfleet.errors import CorruptArtifactError, LockedError, NotFoundError, StorageError, UsageError
from dbfleet.progress import Progress
from dbfleet.repository.layout import MANIFEST_NAME
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.marks import (
    HOLD_NAME,
    Hold,
    Verification,
    add_verification,
    read_hold,
    read_verifications,
    remove_hold,
    write_hold,
)
from dbfleet.repository.publication import Publication
from dbfleet.repository.records import Manifest
from dbfleet.repository.repository import Repository
from dbfleet.repository.storage import NewFile
from dbfleet.streams.digest import digest_of
from tests.unit.repository.samples import CONTENT, SET, make_globals, make_manifest, tree, write_backup

IDS = {"shop": "20260102T030406Z-logical", "forum": "20260102T030409Z-logical"}


def store(location: Path, manifest: Manifest, content: bytes = CONTENT) -> None:
    repository = Repository(str(location))
    repository.initialise()
    publication = Publication(
        repository.begin(manifest.cluster, manifest.database, manifest.id), manifest_path=MANIFEST_NAME
    )
    write_backup(publication, content)
    publication.publish(render_manifest(dataclasses.replace(manifest, files=publication.records())))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    location = tmp_path / "source"
    for database, identity in IDS.items():
        store(location, make_manifest(id=identity, database=database, set=SET), CONTENT + database.encode())
    store(location, make_globals())
    return location


def request(source: Path, **changes: object) -> CopyRequest:
    return dataclasses.replace(
        CopyRequest(location=str(source), copy_to=str(source.parent / "target"), database="shop"), **changes
    )  # type: ignore[arg-type]


def ids(location: Path) -> list[str]:
    return [f"{entry.manifest.database}/{entry.manifest.id}" for entry in Repository(str(location)).entries()]


def test_one_backup(source: Path, tmp_path: Path) -> None:
    before = tree(source)
    result = copy(request(source), Progress())
    assert result.changed
    assert [(one["id"], one["changed"]) for one in result.copies] == [(IDS["shop"], True)]
    assert ids(tmp_path / "target") == [f"shop/{IDS['shop']}"]
    copied = Path(result.copies[0]["copied_to"])
    original = Path(result.copies[0]["path"])
    for path in original.iterdir():
        assert (copied / path.name).read_bytes() == path.read_bytes()
    assert tree(source) == before
    assert result.diff == {"before": "", "after": f"{copied}\n"}

    there = tree(tmp_path / "target")
    again = copy(request(source), Progress())
    assert not again.changed
    assert again.to_dict()["copies"][0]["changed"] is False
    assert tree(tmp_path / "target") == there


def test_marks_go_with_the_first_copy(source: Path, tmp_path: Path) -> None:
    original = Repository(str(source)).find("latest", cluster="", database="shop")
    hold = Hold(until="", reason="before the migration", set_at="2026-01-02T03:04:06+00:00")
    found = Verification(
        "structure", "2026-01-03T03:04:06+00:00", passed=False, findings=("a row",), engine_version="1"
    )
    write_hold(Repository(str(source)).storage, original.folder, hold)
    add_verification(Repository(str(source)).storage, original.folder, found)
    chosen = request(source, backup=IDS["shop"])
    assert copy(chosen, Progress()).changed
    target = Repository(str(tmp_path / "target"))
    copied = target.find(IDS["shop"], cluster="", database="shop").folder
    assert read_hold(target.storage, copied) == hold
    assert read_verifications(target.storage, copied) == (found,)
    with pytest.raises(NotFoundError):
        # What is known to be bad is no latest backup in either place.
        target.find("latest", cluster="", database="shop")

    remove_hold(target.storage, copied)
    assert not copy(chosen, Progress()).changed
    assert read_hold(target.storage, copied) is None


def test_a_damaged_mark_is_not_copied(source: Path, tmp_path: Path) -> None:
    original = Repository(str(source)).find("latest", cluster="", database="shop")
    (source / original.folder / HOLD_NAME).write_text("{}")
    with pytest.raises(CorruptArtifactError, match=HOLD_NAME):
        copy(request(source), Progress())
    assert ids(tmp_path / "target") == []


def test_a_set_has_its_globals_last(source: Path, tmp_path: Path) -> None:
    result = copy(request(source, backup=SET, database=""), Progress())
    assert [one["database"] for one in result.copies] == ["shop", "forum", ""]
    assert ids(tmp_path / "target") == [f"/{SET}", f"forum/{IDS['forum']}", f"shop/{IDS['shop']}"]
    Repository(str(source)).storage.remove(f"db1-5432/shop/{IDS['shop']}")
    with pytest.raises(NotFoundError, match="is incomplete: the backups of 'shop' are gone"):
        copy(request(source, backup=SET, database=""), Progress())


def test_check_changes_nothing(source: Path, tmp_path: Path) -> None:
    result = copy(request(source, check=True), Progress())
    assert result.changed
    assert not (tmp_path / "target").exists()


def test_a_damaged_backup_is_not_copied(source: Path, tmp_path: Path) -> None:
    file = source / "db1-5432" / "shop" / IDS["shop"] / "shop.dump"
    content = file.read_bytes()
    for damaged in (content[:-1] + b"x", content[:-1], b""):
        file.write_bytes(damaged)
        with pytest.raises(CorruptArtifactError, match="the file shop.dump is not what was backed up"):
            copy(request(source), Progress())
        assert ids(tmp_path / "target") == []
        assert not [path for path in (tmp_path / "target").rglob("*") if "partial" in path.name or "dump" in path.name]
    file.unlink()
    with pytest.raises(NotFoundError):
        copy(request(source), Progress())
    assert ids(tmp_path / "target") == []


def test_a_copy_that_is_stored_wrongly_does_not_count(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbfleet.repository.local import LocalStagedFolder

    real = LocalStagedFolder.create

    class Altering:
        def __init__(self, inner: NewFile) -> None:
            self._inner = inner

        def write(self, data: bytes) -> None:
            self._inner.write(bytes(data).replace(b"PGDMP", b"PGDMX"))

        def close(self) -> None:
            self._inner.close()

        def abort(self) -> None:
            self._inner.abort()

    monkeypatch.setattr(LocalStagedFolder, "create", lambda self, path: Altering(real(self, path)))
    with pytest.raises(CorruptArtifactError, match="the copy of .* is not what was backed up"):
        copy(request(source), Progress())
    assert ids(tmp_path / "target") == []


def test_what_is_there_and_is_something_else(source: Path, tmp_path: Path) -> None:
    store(tmp_path / "target", make_manifest(id=IDS["shop"], duration=99.0))
    before = tree(tmp_path / "target")
    with pytest.raises(StorageError, match="is there already and is another backup"):
        copy(request(source), Progress())
    assert tree(tmp_path / "target") == before
    copy(request(source, database="forum"), Progress())
    (tmp_path / "target" / "db1-5432" / "forum" / IDS["forum"] / "shop.dump").write_bytes(b"short")
    with pytest.raises(StorageError, match="is damaged: shop.dump is missing or has another size"):
        copy(request(source, database="forum"), Progress())


def test_wrong_requests(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="would be copied to itself"):
        copy(request(source, copy_to=str(source)), Progress())
    with pytest.raises(UsageError, match="fits several databases"):
        copy(request(source, database=""), Progress())
    with pytest.raises(NotFoundError):
        copy(request(tmp_path / "none"), Progress())
    target = Repository(str(tmp_path / "target"))
    target.initialise()
    with target.lock("db1-5432", "shop", purpose="test"), pytest.raises(LockedError):
        copy(request(source), Progress())


def test_the_digest_is_that_of_the_manifest(source: Path) -> None:
    entry = Repository(str(source)).find("latest", database="shop")
    opened = Repository(str(source)).storage.open(f"{entry.folder}/shop.dump")
    assert digest_of(opened)[0] == entry.manifest.files[0].sha256
    opened.close()
