# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, NotFoundError, StorageError, UsageError
from dbfleet.repository.layout import MANIFEST_NAME, MARKER_NAME, escape_name
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.publication import Publication
from dbfleet.repository.records import FileRecord
from dbfleet.repository.repository import Repository, open_storage
from tests.unit.repository.faults import every_fault, every_kill, fail, interrupt
from tests.unit.repository.samples import CONTENT, make_manifest, tree, write_backup

OLD, NEW = "20250101T000000Z-logical", "20260102T030405Z-logical"


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / "repository"


def publish(
    location: Path,
    identity: str = NEW,
    *,
    cluster: str = "db1-5432",
    database: str = "shop",
    options: Mapping[str, object] | None = None,
) -> Path:
    """Write a backup into a repository as a job does; its folder."""
    repository = Repository(str(location))
    repository.initialise()
    with repository.lock(cluster, database, purpose="test"):
        repository.sweep(cluster, database)
        publication = Publication(repository.begin(cluster, database, identity), manifest_path=MANIFEST_NAME)
        try:
            write_backup(publication, identity.encode(), path="shop.dump")
            write_backup(publication, CONTENT, path="more/data.dat")
            manifest = make_manifest(id=identity, cluster=cluster, database=database, files=publication.records())
            contents = dataclasses.replace(manifest.contents, options=options or {})
            manifest = dataclasses.replace(manifest, contents=contents)
            publication.publish(render_manifest(manifest))
        except BaseException:
            publication.abandon()
            raise
    return location / escape_name(cluster) / escape_name(database) / identity


def whole_backups(location: Path) -> list[str]:
    """The ids of all backups in the catalogue; one with other content than its manifest says fails."""
    found = []
    for entry in Repository(str(location)).entries():
        folder = location / entry.folder
        files = [file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST_NAME]
        stored = {
            FileRecord(str(file.relative_to(folder)), len(data), hashlib.sha256(data).hexdigest())
            for file, data in ((file, file.read_bytes()) for file in files)
        }
        assert stored == set(entry.manifest.files)
        found.append(entry.manifest.id)
    return found


def test_the_first_backup_makes_a_repository(location: Path) -> None:
    repository = Repository(str(location))
    assert not repository.exists()
    with pytest.raises(NotFoundError, match="is not a dbfleet repository"):
        repository.require()
    folder = publish(location)
    repository.require()
    assert folder == location / "db1-5432" / "shop" / NEW
    assert sorted(os.listdir(folder)) == ["manifest.json", "more", "shop.dump"]
    assert (location / MARKER_NAME).read_bytes() == b'{"dbfleet_repository": 1}\n'
    assert sorted(os.listdir(location)) == ["db1-5432", MARKER_NAME]
    assert whole_backups(location) == [NEW]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b'{"dbfleet_repository": 2}', UsageError),
        (b"", CorruptArtifactError),
        (b"[]", CorruptArtifactError),
        (b'"x"', CorruptArtifactError),
        (b"{}", CorruptArtifactError),
        (b"[" * 4000, CorruptArtifactError),
        (b" " * 5000, StorageError),
    ],
)
def test_a_repository_of_unknown_rules_is_left_alone(location: Path, content: bytes, error: type[Exception]) -> None:
    publish(location)
    (location / MARKER_NAME).write_bytes(content)
    before = tree(location)
    repository = Repository(str(location))
    for call in (repository.require, repository.initialise, lambda: repository.check_writable("x"), repository.exists):
        with pytest.raises(error):
            call()
    assert tree(location) == before


@pytest.mark.parametrize("with_old", [False, True])
def test_a_kill_at_any_moment_of_a_backup(location: Path, with_old: bool) -> None:
    """No incomplete backup is ever in the catalogue, the old one stays, and the next run works."""

    def prepare() -> None:
        shutil.rmtree(location, ignore_errors=True)
        if with_old:
            publish(location, OLD)

    before = [OLD] if with_old else []
    seen = set()
    for moment in every_kill(prepare, lambda: publish(location)):
        repository = Repository(str(location))
        found = whole_backups(location) if repository.exists() else []
        assert found in (before, [*before, NEW]), moment
        seen.add(len(found))
        again = NEW if found == before else "20260103T000000Z-logical"
        publish(location, again)
        assert whole_backups(location) == [*found, again], moment
        left = {name for name in os.listdir(location / "db1-5432" / "shop") if not name.endswith(".new")}
        assert left == {*found, again}, moment
    assert len(seen) == 2


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", [interrupt, fail])
def test_an_interrupt_or_an_error_at_any_moment(location: Path, act: Callable[[], None], after: bool) -> None:
    def prepare() -> None:
        shutil.rmtree(location, ignore_errors=True)
        publish(location, OLD)

    for moment, raised in every_fault(prepare, lambda: publish(location), act, after=after):
        found = whole_backups(location)
        assert found in ([OLD], [OLD, NEW]), moment
        if raised is None:
            assert found == [OLD, NEW], moment
        Repository(str(location)).sweep("db1-5432", "shop")
        assert whole_backups(location) == found, moment


def test_sweeping_removes_what_is_no_backup_and_nothing_else(location: Path) -> None:
    folder = publish(location, OLD).parent
    (folder / NEW).mkdir()
    (folder / NEW / "shop.dump").write_bytes(b"a folder without a manifest")
    (folder / f".partial-{NEW}-01234567").mkdir()
    (folder / "notes").mkdir()
    (folder / "README").write_bytes(b"mine")
    other = publish(location, OLD, database="shop2").parent
    (other / ".partial-x").mkdir()
    assert Repository(str(location)).sweep("db1-5432", "shop") == [f".partial-{NEW}-01234567", NEW]
    assert sorted(os.listdir(folder)) == [OLD, "README", "notes"]
    assert sorted(os.listdir(other)) == [".partial-x", OLD]
    assert Repository(str(location)).sweep("db1-5432", "none") == []


def test_a_job_whose_folder_was_swept_can_publish_nothing(location: Path) -> None:
    repository = Repository(str(location))
    repository.initialise()
    asleep = Publication(repository.begin("c", "d", NEW), manifest_path=MANIFEST_NAME)
    file = asleep.create("shop.dump")
    file.write(b"half")
    assert len(repository.sweep("c", "d")) == 1
    file.write(b"and half")
    file.close()
    for call in (
        lambda: asleep.create("more.dat"),
        lambda: asleep.create("more/data.dat"),
        lambda: asleep.publish(b"{}"),
    ):
        with pytest.raises(StorageError):
            call()
    asleep.abandon()
    assert os.listdir(location / "c" / "d") == []


def test_the_catalogue_is_in_order_and_can_be_narrowed(location: Path) -> None:
    for cluster in ("db2-5432", "db1-5432"):
        for database in ("shop", "a/b", "Ünïcödé"):
            for identity in (NEW, OLD):
                publish(location, identity, cluster=cluster, database=database)
    entries = list(Repository(str(location)).entries())
    keys = [(entry.manifest.cluster, escape_name(entry.manifest.database), entry.manifest.id) for entry in entries]
    assert keys == sorted(keys)
    assert len(keys) == 12
    narrowed = list(Repository(str(location)).entries(cluster="db1-5432", database="a/b"))
    assert [entry.manifest.id for entry in narrowed] == [OLD, NEW]
    assert narrowed[0].url == str(location / "db1-5432" / "a%2Fb" / OLD)
    assert len(list(Repository(str(location)).entries(database="shop"))) == 4
    assert list(Repository(str(location)).entries(cluster="none")) == []


def test_foreign_things_in_a_repository_are_not_looked_into(location: Path) -> None:
    publish(location)
    for name in ("lost+found", ".snapshot", "@eaDir"):
        shutil.copytree(location / "db1-5432", location / name)
        shutil.copytree(location / "db1-5432" / "shop", location / "db1-5432" / name)
    (location / "file").write_bytes(b"")
    assert whole_backups(location) == [NEW]


def test_names_that_cannot_be_folder_names_as_they_are(location: Path) -> None:
    for database in ("..", ".lock", "数" * 64, "x" * 300, "a\nb", NEW):
        folder = publish(location, database=database)
        assert folder.parent.parent == location / "db1-5432"
        assert Repository(str(location)).find(NEW, database=database).manifest.database == database


def test_one_backup_is_found(location: Path) -> None:
    for identity in (OLD, NEW):
        publish(location, identity)
    repository = Repository(str(location))
    assert repository.find("latest").manifest.id == NEW
    assert repository.find(OLD).manifest.id == OLD
    for name in ("20300101T000000Z-logical", "", "../..", "shop", "manifest.json"):
        with pytest.raises(NotFoundError, match="holds no backup") as caught:
            repository.find(name, database="shop")
        assert "of database 'shop'" in caught.value.message


def test_a_backup_of_a_part_is_not_the_latest(location: Path) -> None:
    publish(location, OLD)
    publish(location, NEW, options={"tables": ["orders"], "partial": True})
    repository = Repository(str(location))
    assert repository.find("latest").manifest.id == OLD
    assert repository.find(NEW).manifest.id == NEW
    shutil.rmtree(location / "db1-5432" / "shop" / OLD)
    with pytest.raises(NotFoundError) as caught:
        repository.find("latest")
    assert "a backup of a part of a database, or one that failed its verification, has to be named" in caught.value.hint


def test_a_request_that_fits_several_databases_is_not_guessed(location: Path) -> None:
    publish(location, OLD, database="shop")
    publish(location, OLD, database="crm")
    repository = Repository(str(location))
    for name in ("latest", OLD):
        with pytest.raises(UsageError, match="crm in db1-5432, shop in db1-5432"):
            repository.find(name)
        assert repository.find(name, database="crm").manifest.database == "crm"


def test_the_newest_is_the_newest_that_has_a_manifest(location: Path) -> None:
    folder = publish(location, OLD).parent
    (folder / NEW).mkdir()
    assert Repository(str(location)).find("latest").manifest.id == OLD
    assert Repository(str(location)).ids("db1-5432", "shop") == [OLD, NEW]


def test_a_damaged_manifest_is_an_error_or_told_to_who_wants_to_know(location: Path) -> None:
    publish(location, OLD)
    damaged = publish(location, NEW) / MANIFEST_NAME
    damaged.write_bytes(damaged.read_bytes().replace(b"shop", b"crm1"))
    repository = Repository(str(location))
    with pytest.raises(CorruptArtifactError, match="was changed"):
        list(repository.entries())
    with pytest.raises(CorruptArtifactError, match="was changed"):
        repository.find("latest")
    assert repository.find(OLD).manifest.id == OLD
    told: list[CorruptArtifactError] = []
    assert [entry.manifest.id for entry in repository.entries(on_damage=told.append)] == [OLD]
    newest = repository.newest_first("db1-5432", "shop", on_damage=told.append)
    assert [entry.manifest.id for entry in newest] == [OLD]
    assert [error.context["path"] for error in told] == [str(damaged)] * 2


def test_a_moved_backup_is_not_counted_for_another_database(location: Path) -> None:
    folder = publish(location)
    for target in (folder.parent / OLD, folder.parent.parent / "crm" / NEW, location / "db2" / "shop" / NEW):
        shutil.copytree(folder, target)
        with pytest.raises(CorruptArtifactError, match="of another backup: db1-5432, shop, 2026"):
            list(Repository(str(location)).entries())
        shutil.rmtree(target)


def test_a_backup_that_links_elsewhere_is_not_followed(location: Path, tmp_path: Path) -> None:
    folder = publish(location)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    assert list(Repository(str(location)).entries()) == []
    with pytest.raises(StorageError, match="is a link"):
        Repository(str(location)).find(NEW)


@pytest.mark.parametrize(
    ("text", "root"), [("/a/b", "/a/b"), ("file:///a/b", "/a/b"), ("/a/../b/", "/b"), ("a", os.path.abspath("a"))]
)
def test_locations(text: str, root: str) -> None:
    storage = open_storage(text)
    assert isinstance(storage, LocalStorage)
    assert storage.location == root


@pytest.mark.parametrize("text", ["file://host/path", "gs://bucket/x", "https://x/y", "ssh://host/x"])
def test_locations_that_this_version_cannot_reach_are_named(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_storage(text)
    assert caught.value.hint
