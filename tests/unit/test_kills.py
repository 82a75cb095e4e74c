# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Jobs on a repository that are killed: at every step, and at random, one job after the other."""

from __future__ import annotations

import contextlib
import datetime
import os
import random
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from dbfleet import backup as backup_module
from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.checksums import verify_checksums
from dbfleet.hold import HoldRequest, hold
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions
from dbfleet.progress import Progress
from dbfleet.prune import PruneRequest, prune
from dbfleet.repository.artifact import stored_artifact
from dbfleet.repository.layout import backup_id
from dbfleet.repository.marks import Verification, add_verification, read_hold
from dbfleet.repository.repository import Repository
from dbfleet.repository.retention import RetentionPolicy
from tests.unit.repository.faults import Fault, die, every_kill
from tests.unit.repository.stored import UTC, store_backup
from tests.unit.small_engine import SmallSource

NOW = datetime.datetime.now(UTC).replace(microsecond=0)
KILLS = int(os.environ.get("DBFLEET_RANDOM_KILLS", "1000"))


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "_source", lambda _options: SmallSource())
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


def prune_all(root: Path, keep: int = 1) -> None:
    prune(PruneRequest(str(root), RetentionPolicy(last=keep)), Progress())


def whole(root: Path) -> list[str]:
    """The ids of all backups, each with every byte of its files."""
    repository = Repository(str(root))
    entries = list(repository.entries())
    for entry in entries:
        verify_checksums(stored_artifact(repository, entry), entry.manifest, Progress())
    for folder in repository.database_folders():
        listed = [one.manifest.id for one in repository.catalogue(folder).backups()]
        assert listed == [entry.manifest.id for entry in repository.entries_in(folder)]
    return [entry.manifest.id for entry in entries]


def test_a_prune_that_is_killed_at_any_step_is_finished_by_the_next(tmp_path: Path) -> None:
    root = tmp_path / "r"
    newest = backup_id("logical", NOW)

    def prepare() -> None:
        shutil.rmtree(root, ignore_errors=True)
        for day in range(3):
            store_backup(root, NOW - datetime.timedelta(days=day))

    for step in every_kill(prepare, lambda: prune_all(root)):
        left = whole(root)
        assert left[-1] == newest, step
        prune_all(root)
        assert whole(root) == [newest], step
        # Whatever the killed job left unfinished is swept by the next one that has something to do here.
        store_backup(root, NOW + datetime.timedelta(days=1))
        prune_all(root)
        # (A lock file that was being stored may be anybody's until it was silent for long.)
        hidden = {path.name for path in (root / "db1-5432" / "shop").iterdir() if path.name.startswith(".")}
        assert {name for name in hidden if not name.startswith(".lock-")} == {".catalogue.json"}, step


def in_a_child(action: Callable[[], object], at: int) -> None:
    """Run it in a process of its own, which is killed at one of its calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        with contextlib.suppress(BaseException), Fault(at, die).installed():
            action()
        os._exit(0)
    os.waitpid(child, 0)


def test_random_kills_lose_nothing(tmp_path: Path) -> None:
    """Backups, verdicts, holds and prunes, each killed somewhere; what was there and is to stay is there and whole."""
    chance = random.Random(20261122)
    root = tmp_path / "r"
    for day in range(3):
        store_backup(root, NOW - datetime.timedelta(days=day), cluster="main")
    held = backup_id("logical", NOW - datetime.timedelta(days=2))
    hold(HoldRequest(str(root), held, reason="must stay"))
    destination = Destination(repository=str(root), cluster="main")
    options = BackupOptions(connection=ConnectionOptions(), database="shop")

    def back_up() -> None:
        backup(BackupRequest(options, destination), Progress())

    def verdict() -> None:
        repository = Repository(str(root))
        entry = repository.find("latest")
        add_verification(
            repository.storage, entry.folder, Verification("checksums", NOW.isoformat(), True, (), "0.1.0")
        )

    def keep() -> None:
        hold(HoldRequest(str(root), "latest", held=chance.random() < 0.2))

    jobs: list[tuple[Callable[[], None], int]] = [
        (back_up, 60), (verdict, 14), (keep, 10), (lambda: prune_all(root, 2), 60),
    ]  # fmt: skip
    for number in range(KILLS):
        action, calls = chance.choice(jobs)
        before = whole(root) if number % 10 == 0 else None
        in_a_child(action, chance.randrange(calls))
        if before is not None:
            after = whole(root)
            assert held in after
            assert max(before) <= max(after)
            assert len(after) >= 2
    # The first job that is let run repairs what is left.
    prune_all(root, 2)
    back_up()
    prune_all(root, 2)
    left = whole(root)
    assert held in left
    mark = read_hold(Repository(str(root)).storage, f"main/shop/{held}")
    assert mark is not None
    assert mark.reason == "must stay"
    assert not list(root.rglob(".partial-*"))
