# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The backup of a whole server, with an engine of the tests."""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbfleet import cluster_backup
from dbfleet.backup import Destination
from dbfleet.cluster_backup import ClusterBackupRequest, ClusterBackupResult, backup_cluster
from dbfleet.errors import ConsistencyError, OutOfSpaceError, UsageError
from dbfleet.interfaces import ArtifactWriter, BackupPlan, ClusterPlan
from dbfleet.postgresql.options import BackupOptions, ClusterBackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.repository import lock as lock_module
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.records import BackupContents
from dbfleet.repository.repository import Repository
from tests.unit.small_engine import SERVER, SmallSource

OPTIONS = ClusterBackupOptions(each=BackupOptions(connection=ConnectionOptions(), database=""))


class SmallGlobals:
    """Globals of one line."""

    def plan(self) -> BackupPlan:
        return BackupPlan(SERVER, "", "globals.sql", "plain", "none", 10, (), {"role": 1})

    def write(self, writer: ArtifactWriter, progress: Progress) -> BackupContents:
        file = writer.create("globals.sql")
        file.write(b"CREATE ROLE a;\n")
        file.close()
        return BackupContents("plain", "globals.sql", "none", {"lsn": "0/2"}, (), {"role": 1})

    def close(self) -> None:
        """Nothing is open."""


@dataclasses.dataclass
class SmallCluster:
    """A server of small databases; ``fail`` is called before every row of the one of that name."""

    databases: tuple[str, ...] = ("shop", "forum")
    failing: str = ""
    left_out: tuple[str, ...] = ()
    sources: list[SmallSource] = dataclasses.field(default_factory=list)

    def plan(self) -> ClusterPlan:
        return ClusterPlan(SERVER, self.databases, self.left_out)

    def database(self, name: str) -> SmallSource:
        def fail() -> None:
            if name == self.failing:
                raise ConsistencyError("the schema changed")

        source = NamedSource(between=fail, name=name)
        self.sources.append(source)
        return source

    def globals(self) -> SmallGlobals:
        return SmallGlobals()

    def close(self) -> None:
        assert all(source.calls[-1] == "close" for source in self.sources)


@dataclasses.dataclass
class NamedSource(SmallSource):
    name: str = ""

    def plan(self) -> BackupPlan:
        return dataclasses.replace(super().plan(), database=self.name)


Job = Callable[..., ClusterBackupResult]


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Job:
    monkeypatch.setattr(lock_module, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    ids = itertools.count()
    monkeypatch.setattr("dbfleet.repository.place.backup_id", lambda kind, _started: f"{next(ids):08}T000000Z-{kind}")

    def run(cluster: SmallCluster | None = None, *, progress: Progress | None = None, **asked: Any) -> Any:
        used = cluster or SmallCluster()
        monkeypatch.setattr(cluster_backup, "_source", lambda _options: used)
        destination = Destination(repository=str(tmp_path / "repository"), cluster="main")
        return backup_cluster(ClusterBackupRequest(OPTIONS, destination, **asked), progress or Progress())

    return run


def entries(tmp_path: Path) -> list[str]:
    location = tmp_path / "repository"
    return [entry.folder for entry in Repository(str(location)).entries()] if location.exists() else []


def test_the_globals_name_the_members(job: Job, tmp_path: Path) -> None:
    made = job()
    assert [(backup["database"], backup["kind"]) for backup in made.backups] == [
        ("", "globals"), ("shop", "logical"), ("forum", "logical"),
    ]  # fmt: skip
    assert made.to_dict()["set"] == made.backups[0]["id"]
    found = {entry.manifest.database: entry.manifest for entry in Repository(str(tmp_path / "repository")).entries()}
    assert {manifest.set for manifest in found.values()} == {made.set_id}
    assert [(one.database, found[one.database].id == one.backup) for one in found[""].members] == [
        ("shop", True), ("forum", True),
    ]  # fmt: skip
    assert list((tmp_path / "repository").rglob(".*")) == []
    assert made.after.count("\n") == made.before.count("\n") + 3


def test_a_young_set_of_the_same_databases_is_enough(job: Job, tmp_path: Path) -> None:
    first = job()
    again = job(max_age=3600)
    assert (again.changed, again.set_id, again.backups) == (False, first.set_id, first.backups)
    assert job(SmallCluster(("shop",)), max_age=3600).changed is False, "the set holds more than that"
    more = job(SmallCluster(("shop", "forum", "blog")), max_age=3600)
    assert more.changed, "a database is not in it"
    assert job(max_age=0).changed
    assert len(entries(tmp_path)) == 3 + 4 + 3


def test_a_damaged_set_is_not_young_enough(job: Job, tmp_path: Path) -> None:
    first = job()
    path = Path(first.backups[1]["path"]) / "shop.dump"
    path.write_bytes(b"short")
    progress = Progress()
    second = job(max_age=3600, progress=progress)
    assert second.changed
    assert any("has 5 bytes instead of" in warning for warning in progress.warnings)
    assert len(progress.warnings) == 1, "said once"


def test_check_mode_changes_nothing(job: Job, tmp_path: Path) -> None:
    planned = job(check=True)
    assert (planned.changed, planned.set_id) == (True, "")
    assert [backup["database"] for backup in planned.backups] == ["", "shop", "forum"]
    assert "a new set of 2 databases" in planned.after
    assert not (tmp_path / "repository").exists()


def test_a_failure_names_the_database_and_publishes_nothing(job: Job, tmp_path: Path) -> None:
    with pytest.raises(ConsistencyError, match="^database 'forum': the schema changed") as caught:
        job(SmallCluster(failing="forum"))
    assert caught.value.context == {"database": "forum"}
    assert entries(tmp_path) == []
    assert list((tmp_path / "repository").rglob(".*")) == []


def test_what_is_left_out_is_told(job: Job) -> None:
    progress = Progress()
    made = job(SmallCluster(left_out=("database 'x' is left out: it allows no connections",)), progress=progress)
    assert made.warnings == ("database 'x' is left out: it allows no connections",)
    assert made.to_dict()["warnings"] == progress.warnings


def test_room_for_all_of_it_is_needed(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalStorage, "free_bytes", lambda _self: 19)
    with pytest.raises(OutOfSpaceError):
        job()
    monkeypatch.setattr(LocalStorage, "free_bytes", lambda _self: 21)
    progress = Progress()
    job(progress=progress)
    assert [warning for warning in progress.warnings if "bytes free" in warning] == progress.warnings != []


def test_a_set_needs_a_repository(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a repository"):
        backup_cluster(ClusterBackupRequest(OPTIONS, Destination(dest=str(tmp_path))), Progress())
