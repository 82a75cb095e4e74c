# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dbfleet.errors import CorruptArtifactError, NotFoundError, StorageError
from dbfleet.repository.artifact import StoredArtifact, open_artifact, open_backup
from dbfleet.repository.dest import MANIFEST_SUFFIX, Destination
from dbfleet.repository.layout import MANIFEST_NAME
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.publication import Publication
from dbfleet.repository.repository import Repository
from tests.unit.repository.samples import CONTENT, make_manifest, write_backup

ID = make_manifest().id


def in_repository(location: Path, paths: tuple[str, ...], artifact: str) -> Path:
    repository = Repository(str(location))
    repository.initialise()
    publication = Publication(repository.begin("db1-5432", "shop", ID), manifest_path=MANIFEST_NAME)
    finish(publication, paths, artifact)
    return location / "db1-5432" / "shop" / ID


def at_dest(path: Path, paths: tuple[str, ...], artifact: str) -> None:
    publication = Publication(
        Destination(str(path)).begin(), manifest_path=path.name + MANIFEST_SUFFIX, renamed=(artifact, path.name)
    )
    finish(publication, paths, artifact)


def finish(publication: Publication, paths: tuple[str, ...], artifact: str) -> None:
    for path in paths:
        write_backup(publication, CONTENT + path.encode(), path=path)
    manifest = make_manifest(files=publication.records())
    object.__setattr__(manifest.contents, "artifact", publication.artifact_path(artifact))
    publication.publish(render_manifest(manifest))


def content(artifact: StoredArtifact, path: str) -> bytes:
    source = artifact.open(path)
    try:
        return source.read(1 << 20)
    finally:
        source.close()


def check_all(artifact: StoredArtifact, names: dict[str, str]) -> None:
    """``names``: the paths that engines use, and what the engine called them when writing."""
    assert artifact.names() == tuple(names)
    for name, written in names.items():
        assert content(artifact, name) == CONTENT + written.encode()
    assert artifact.manifest is not None
    for record in artifact.manifest.files:
        stored = artifact.open_stored(record.path)
        assert len(stored.read(1 << 20)) == record.size
        stored.close()


FILE = (("shop.dump",), "shop.dump", {"": "shop.dump"})
FOLDER = (("shop/1.dat", "shop/toc.dat"), "shop", {"1.dat": "shop/1.dat", "toc.dat": "shop/toc.dat"})


@pytest.mark.parametrize(("paths", "name", "names"), [FILE, FOLDER], ids=["file", "folder"])
def test_out_of_a_repository(tmp_path: Path, paths: tuple[str, ...], name: str, names: dict[str, str]) -> None:
    folder = in_repository(tmp_path / "r", paths, name)
    by_path = open_artifact(str(folder / name))
    for artifact in (open_backup(str(tmp_path / "r"), "latest"), open_artifact(str(folder)), by_path):
        check_all(artifact, names)
        assert artifact.description == str(folder / name)


@pytest.mark.parametrize(("paths", "name", "names"), [FILE, FOLDER], ids=["file", "folder"])
def test_at_a_destination_also_renamed_and_through_a_link(
    tmp_path: Path, paths: tuple[str, ...], name: str, names: dict[str, str]
) -> None:
    at_dest(tmp_path / "my", paths, name)
    check_all(open_artifact(str(tmp_path / "my")), names)
    (tmp_path / "latest").symlink_to("my")
    check_all(open_artifact(str(tmp_path / "latest")), names)
    (tmp_path / "my").rename(tmp_path / "renamed")
    (tmp_path / f"my{MANIFEST_SUFFIX}").rename(tmp_path / f"renamed{MANIFEST_SUFFIX}")
    artifact = open_artifact(str(tmp_path / "renamed"))
    check_all(artifact, names)
    assert artifact.description == str(tmp_path / "renamed")


def test_foreign_artifacts_have_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "dump" / "sub").mkdir(parents=True)
    for name in ("dump/toc.dat", "dump/sub/1.dat", "dump/manifest.json", "one.sql", "manifest.json"):
        (tmp_path / name).write_bytes(name.encode())
    folder, file = open_artifact(str(tmp_path / "dump")), open_artifact(str(tmp_path / "one.sql"))
    assert folder.manifest is file.manifest is None
    assert folder.names() == ("manifest.json", "sub/1.dat", "toc.dat")
    assert file.names() == ("",)
    assert content(file, "") == b"one.sql"
    assert content(folder, "sub/1.dat") == b"dump/sub/1.dat"
    with pytest.raises(NotFoundError):
        folder.open("2.dat")
    with pytest.raises(StorageError):
        folder.open("../one.sql")


def test_links_in_an_artifact_are_refused(tmp_path: Path) -> None:
    for target in ("/etc/passwd", "/etc"):
        folder = tmp_path / Path(target).name
        folder.mkdir()
        (folder / "toc.dat").symlink_to(target)
        artifact = open_artifact(str(folder))
        with pytest.raises(StorageError, match="is a link"):
            artifact.names()
        with pytest.raises(StorageError, match="is a link"):
            artifact.open("toc.dat/passwd" if target == "/etc" else "toc.dat")


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dump" / "sub").mkdir(parents=True)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StorageError, match="cannot list .*sub: Permission denied"):
        open_artifact(str(tmp_path / "dump")).names()


def test_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    for name in ("missing", "dangling"):
        with pytest.raises(NotFoundError, match=f"there is no file or folder .*{name}"):
            open_artifact(str(tmp_path / name))


def test_a_damaged_manifest_is_not_ignored(tmp_path: Path) -> None:
    folder = in_repository(tmp_path / "r", *FILE[:2])
    (folder / MANIFEST_NAME).write_bytes(b"{}")
    at_dest(tmp_path / "my", *FILE[:2])
    (tmp_path / f"my{MANIFEST_SUFFIX}").write_bytes(b"{}")
    for path in (folder, folder / "shop.dump", tmp_path / "my"):
        with pytest.raises(CorruptArtifactError):
            open_artifact(str(path))
