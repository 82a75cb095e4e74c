# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of one database's backups: never another one than the manifests say, whatever becomes of its copy."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from dbfleet.errors import CorruptArtifactError
from dbfleet.repository.catalogue import CATALOGUE_NAME, ListedBackup
from dbfleet.repository.layout import database_folder
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.marks import HOLD_NAME, Hold, write_hold
from dbfleet.repository.records import Manifest
from dbfleet.repository.repository import Repository
from tests.unit.repository.samples import manifests
from tests.unit.repository.stored import UTC, store_backup

FOLDER = "db1-5432/shop"
NIGHT = datetime.datetime(2026, 11, 1, 3, tzinfo=UTC)


def listed(root: Path, folder: str = FOLDER) -> list[ListedBackup]:
    return list(Repository(str(root)).catalogue(folder).backups())


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(manifest=manifests())
def test_the_copy_says_of_any_manifest_what_it_says_itself(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, manifest: Manifest
) -> None:
    root = tmp_path_factory.mktemp("r")
    manifest = dataclasses.replace(manifest, cluster="c")
    folder = database_folder("c", manifest.database)
    place = root / folder / manifest.id
    place.mkdir(parents=True)
    (place / "manifest.json").write_bytes(render_manifest(manifest))
    repository = Repository(str(root))
    (read,) = repository.catalogue(folder).backups()
    assert (read.size, read.rows, read.tables) == (manifest.size, manifest.rows, len(manifest.contents.tables))
    repository.catalogue(folder).refresh()
    with monkeypatch.context() as patch:
        patch.setattr(Repository, "_entry", lambda *_arguments: pytest.fail("a manifest was read"))
        (copied,) = repository.catalogue(folder).backups()
    assert copied == read


def test_only_what_is_new_or_changed_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(5):
        store_backup(tmp_path, NIGHT + datetime.timedelta(days=day))
    before = listed(tmp_path)
    assert [one.manifest.contents.tables for one in before] == [()] * 5
    assert {(one.size, one.rows, one.tables) for one in before} == {(69, 3, 1)}
    Repository(str(tmp_path)).catalogue(FOLDER).refresh()
    store_backup(tmp_path, NIGHT + datetime.timedelta(days=9))
    calls = []
    real = Repository._entry
    monkeypatch.setattr(Repository, "_entry", lambda *arguments: calls.append(arguments[2]) or real(*arguments))
    assert listed(tmp_path)[:5] == before
    assert calls == ["20261110T030000Z-logical"]
    changed = tmp_path / FOLDER / before[2].manifest.id / "manifest.json"
    changed.write_bytes(changed.read_bytes().replace(b"orders", b"ordert"))
    with pytest.raises(CorruptArtifactError):
        listed(tmp_path)
    damaged: list[CorruptArtifactError] = []
    assert len(list(Repository(str(tmp_path)).catalogue(FOLDER).backups(damaged.append))) == 5
    assert len(damaged) == 1
    # The damaged one is not copied.
    Repository(str(tmp_path)).catalogue(FOLDER).refresh()
    with pytest.raises(CorruptArtifactError):
        listed(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"catalogue_version": 1, "backups": {}}'])
def test_a_copy_that_is_damaged_costs_time_and_nothing_else(content: bytes, tmp_path: Path) -> None:
    store_backup(tmp_path, NIGHT)
    before = listed(tmp_path)
    (tmp_path / FOLDER / CATALOGUE_NAME).write_bytes(content)
    assert listed(tmp_path) == before
    Repository(str(tmp_path)).catalogue(FOLDER).refresh()
    assert listed(tmp_path) == before
    copy = tmp_path / FOLDER / CATALOGUE_NAME
    whole = copy.read_bytes()
    for place in range(0, len(whole), 7):
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert listed(tmp_path) == before


def test_what_was_removed_is_not_listed_and_marks_are(tmp_path: Path) -> None:
    identity = store_backup(tmp_path, NIGHT)
    other = store_backup(tmp_path, NIGHT + datetime.timedelta(days=1))
    repository = Repository(str(tmp_path))
    repository.catalogue(FOLDER).refresh()
    repository.storage.remove(f"{FOLDER}/{identity}")
    write_hold(repository.storage, f"{FOLDER}/{other}", Hold("", "why", NIGHT.isoformat()))
    (left,) = listed(tmp_path)
    assert (left.manifest.id, left.marks) == (other, {HOLD_NAME})
    repository.storage.remove(f"{FOLDER}/{other}")
    repository.catalogue(FOLDER).refresh()
    assert not (tmp_path / FOLDER / CATALOGUE_NAME).exists()
