# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dbfleet import backup as backup_module
from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import CorruptArtifactError, NotFoundError, UsageError
from dbfleet.info import InfoRequest, info
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from tests.unit.repository.samples import tree
from tests.unit.small_engine import SHOP, SmallSource


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "_source", lambda _options: SmallSource())
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def make(destination: Destination) -> Path:
    options = BackupOptions(connection=ConnectionOptions(), database="shop")
    return Path(backup(BackupRequest(options, destination), Progress()).backup["path"])


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for cluster in ("main", "spare"):
        make(Destination(repository=str(tmp_path / "r"), cluster=cluster))
    return tmp_path / "r"


def test_a_repository_is_listed(repository: Path) -> None:
    before = tree(repository)
    result = info(InfoRequest(str(repository)))
    assert [(entry["cluster"], entry["database"]) for entry in result.backups] == [("main", "shop"), ("spare", "shop")]
    assert all("tables" not in entry and entry["table_count"] == 3 for entry in result.backups)
    assert result.backup is None
    said = json.loads(json.dumps(result.to_dict()))
    assert (said["changed"], said["damaged"]) == (False, [])
    assert tree(repository) == before
    assert [entry["cluster"] for entry in info(InfoRequest(str(repository), cluster="spare")).backups] == ["spare"]
    assert info(InfoRequest(str(repository), database="crm")).backups == ()
    assert info(InfoRequest(f"file://{repository}")).backups == result.backups


def test_one_backup_is_shown_with_its_tables(repository: Path) -> None:
    result = info(InfoRequest(str(repository), cluster="main", backup="latest"))
    assert result.backup is not None
    assert [table["name"] for table in result.backup["tables"]] == list(SHOP)
    assert len(result.backups) == 1
    with pytest.raises(UsageError, match="several"):
        info(InfoRequest(str(repository), backup="latest"))
    with pytest.raises(NotFoundError):
        info(InfoRequest(str(repository), backup="20000101T000000Z-logical"))


def test_a_path_can_be_a_backup_itself(repository: Path, tmp_path: Path) -> None:
    plain = make(Destination(dest=str(tmp_path / "my.dump")))
    (folder,) = (repository / "main" / "shop").iterdir()
    for path in (plain, folder, folder / "shop.dump"):
        result = info(InfoRequest(str(path)))
        assert result.backup is not None
        assert result.backup["path"] == str(path)
        identity = result.backup["id"]
        assert info(InfoRequest(str(path), backup=identity)).backup == result.backup
        with pytest.raises(NotFoundError, match=f"is backup {identity}, not"):
            info(InfoRequest(str(path), backup="20000101T000000Z-logical"))


def test_damaged_backups_are_an_error_or_named_beside_the_others(repository: Path) -> None:
    (manifest,) = (repository / "main").rglob("manifest.json")
    manifest.write_bytes(manifest.read_bytes().replace(b"shop", b"shup"))
    with pytest.raises(
        CorruptArtifactError, match="1 of 2 backups cannot be trusted; the manifest .* was changed"
    ) as caught:
        info(InfoRequest(str(repository)))
    assert caught.value.context["paths"] == [str(manifest)]
    result = info(InfoRequest(str(repository), skip_damaged=True))
    assert [entry["cluster"] for entry in result.backups] == ["spare"]
    assert [entry["path"] for entry in result.damaged] == [str(manifest)]
    assert "was changed after it was written" in result.damaged[0]["error"]
    for request in (
        InfoRequest(str(manifest.parent)),
        InfoRequest(str(repository), cluster="main", backup="latest"),
    ):
        with pytest.raises(CorruptArtifactError):
            info(request)


def test_what_is_no_backup(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CorruptArtifactError, match="is empty"):
        info(InfoRequest(str(tmp_path / "file")))
    for name, text in [("missing", "no file or folder"), ("folder", "not a dbfleet rep")]:
        with pytest.raises(NotFoundError, match=text):
            info(InfoRequest(str(tmp_path / name)))
    with pytest.raises(UsageError):
        info(InfoRequest(""))
    with pytest.raises(UsageError, match="gs://"):
        info(InfoRequest("gs://bucket/x"))
