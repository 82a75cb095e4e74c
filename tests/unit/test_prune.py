# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Retention in a repository: what goes, what stays and why, and what happens when something is wrong."""

from __future__ import annotations

import datetime
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbfleet.errors import NotFoundError, PruneError, StorageError, UsageError
from dbfleet.hold import HoldRequest, hold
from dbfleet.info import InfoRequest, info
from dbfleet.progress import Progress
from dbfleet.prune import PruneRequest, PruneResult, prune
from dbfleet.repository.catalogue import CATALOGUE_NAME
from dbfleet.repository.layout import backup_id
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.marks import Verification, add_verification
from dbfleet.repository.records import SetMember
from dbfleet.repository.repository import Repository
from dbfleet.repository.retention import RetentionPolicy
from tests.unit.repository.samples import tree
from tests.unit.repository.stored import UTC, store_backup

NOW = datetime.datetime.now(UTC).replace(microsecond=0)
LAST = RetentionPolicy(last=1)


def ago(**time: float) -> datetime.datetime:
    return NOW - datetime.timedelta(**time)


def run(root: Path, policy: RetentionPolicy = LAST, **fields: Any) -> PruneResult:
    return prune(PruneRequest(str(root), policy, **fields), Progress())


def removed(result: PruneResult) -> set[tuple[str, str, str]]:
    return {(one["cluster"], one["database"], one["id"]) for one in result.removed}


def stored(root: Path) -> set[tuple[str, str, str]]:
    return {
        (entry.manifest.cluster, entry.manifest.database, entry.manifest.id)
        for entry in Repository(str(root)).entries()
    }


def verified(root: Path, backup: str, *, passed: bool, level: str = "structure") -> None:
    verdict = Verification(level, NOW.isoformat(), passed, () if passed else ("shop.orders lacks 3 rows",), "0.1.0")
    add_verification(LocalStorage(str(root)), f"db1-5432/shop/{backup}", verdict)


def store_set(root: Path, started: datetime.datetime, *databases: str) -> str:
    """A set of these databases; its id."""
    set_id = backup_id("globals", started)
    members = [SetMember(name, store_backup(root, started, database=name, set=set_id)) for name in databases]
    return store_backup(root, started, kind="globals", database="", set=set_id, members=tuple(members))


def test_check_mode_says_what_the_run_then_does(tmp_path: Path) -> None:
    for day in range(5):
        for database in ("shop", "forum"):
            store_backup(tmp_path, ago(days=day), database=database)
    before = tree(tmp_path)
    planned = run(tmp_path, RetentionPolicy(last=2), check=True)
    assert tree(tmp_path) == before
    done = run(tmp_path, RetentionPolicy(last=2))
    assert done == planned
    assert len(done.removed) == 6
    assert stored(tmp_path) == {(one["cluster"], one["database"], one["id"]) for one in done.kept}
    assert all("last" in " ".join(one["reasons"]) for one in done.kept)
    assert done.to_dict()["freed_bytes"] == sum(one["size"] for one in done.removed) > 0
    assert all(one["path"] in done.before and one["path"] not in done.after for one in done.removed)
    again = run(tmp_path, RetentionPolicy(last=2))
    assert (again.changed, again.before) == (False, again.after)


def test_without_a_rule_nothing_is_judged(tmp_path: Path) -> None:
    store_backup(tmp_path, NOW)
    with pytest.raises(UsageError, match="no rule that says what is to stay"):
        run(tmp_path, RetentionPolicy())
    with pytest.raises(UsageError, match="knows no time zone"):
        run(tmp_path, RetentionPolicy(last=1, timezone="Nowhere"))
    with pytest.raises(NotFoundError, match="holds no backup of that cluster"):
        run(tmp_path, database="shup")
    with pytest.raises(NotFoundError, match="not a dbfleet repository"):
        run(tmp_path / "elsewhere")


def test_one_database_and_one_server_at_a_time(tmp_path: Path) -> None:
    for cluster in ("a", "b"):
        for database in ("shop", "forum"):
            for day in range(2):
                store_backup(tmp_path, ago(days=day), cluster=cluster, database=database)
    assert {one[:2] for one in removed(run(tmp_path, cluster="a", database="shop"))} == {("a", "shop")}
    assert {one[:2] for one in removed(run(tmp_path, cluster="a"))} == {("a", "forum")}
    assert {one[:2] for one in removed(run(tmp_path))} == {("b", "shop"), ("b", "forum")}


def test_a_part_takes_no_place_of_the_whole(tmp_path: Path) -> None:
    whole = store_backup(tmp_path, ago(days=3), options={"jobs": 1})
    orders = store_backup(tmp_path, ago(days=2), options={"jobs": 1, "partial": True, "tables": ["orders"]})
    items = store_backup(tmp_path, ago(days=1), options={"jobs": 4, "partial": True, "tables": ["items"]})
    older = store_backup(tmp_path, ago(days=4), options={"jobs": 9, "partial": True, "tables": ["items"]})
    result = run(tmp_path)
    assert {one["id"] for one in result.kept} == {whole, orders, items}
    assert {one["id"] for one in result.removed} == {older}


def test_what_is_on_hold_stays_until_it_is_released(tmp_path: Path) -> None:
    old, new = store_backup(tmp_path, ago(days=9)), store_backup(tmp_path, NOW)
    request = HoldRequest(str(tmp_path), old, until=(NOW + datetime.timedelta(days=1)).isoformat(), reason="migration")
    planned = hold(HoldRequest(str(tmp_path), old, reason="migration", check=True))
    assert planned.changed
    assert not list(tmp_path.rglob("hold.json"))
    assert [hold(request).changed, hold(request).changed] == [True, False]
    shown = info(InfoRequest(str(tmp_path), backup=old)).backup
    assert shown is not None
    assert shown["hold"]["reason"] == "migration"
    kept = {one["id"]: one["reasons"] for one in run(tmp_path).kept}
    assert kept[old] == [f"on hold until {request.until} migration"]
    hold(HoldRequest(str(tmp_path), old, until=ago(hours=1).isoformat()))
    assert {one["id"] for one in run(tmp_path, check=True).removed} == {old}
    hold(HoldRequest(str(tmp_path), old))
    assert not run(tmp_path).changed
    result = hold(HoldRequest(str(tmp_path), old, held=False))
    assert (result.changed, result.hold, result.after) == (True, None, f"{result.path}: not on hold\n")
    assert not hold(HoldRequest(str(tmp_path), old, held=False)).changed
    assert {one["id"] for one in run(tmp_path).removed} == {old}
    assert {one[2] for one in stored(tmp_path)} == {new}
    with pytest.raises(NotFoundError):
        hold(HoldRequest(str(tmp_path), old))


def test_a_bad_backup_takes_no_place_and_is_never_the_latest(tmp_path: Path) -> None:
    old, good, bad = (store_backup(tmp_path, ago(days=day)) for day in (3, 2, 1))
    verified(tmp_path, bad, passed=False)
    verified(tmp_path, old, passed=True)
    assert Repository(str(tmp_path)).find("latest").manifest.id == good
    shown = info(InfoRequest(str(tmp_path), backup=bad)).backup
    assert shown is not None
    assert (shown["good"], shown["verified_at"]) == (False, "")
    assert shown["verifications"][0]["findings"] == ["shop.orders lacks 3 rows"]
    planned = run(tmp_path, RetentionPolicy(last=1, verified=1), check=True)
    assert {one["id"]: one["reasons"][0] for one in planned.kept} == {
        old: "verified 1 of 1",
        good: "the newest good backup",
        bad: "failed its verification, but there is no newer good backup",
    }
    # A cheaper look does not take the word of a deeper one back, one as deep does.
    verified(tmp_path, bad, passed=True, level="checksums")
    assert Repository(str(tmp_path)).find("latest").manifest.id == good
    verified(tmp_path, bad, passed=True, level="restore")
    assert Repository(str(tmp_path)).find("latest").manifest.id == bad


def test_a_set_stays_together(tmp_path: Path) -> None:
    oldest = store_set(tmp_path, ago(days=30), "shop", "forum")
    old = store_set(tmp_path, ago(days=2), "shop", "forum")
    single = store_backup(tmp_path, ago(days=1), database="shop")
    result = run(tmp_path)
    assert {(one["database"], one["set"] or one["id"]) for one in result.kept} == {
        ("", old), ("shop", old), ("forum", old), ("shop", single),
    }  # fmt: skip
    assert {one["set"] for one in result.removed} == {oldest}


def test_globals_stay_as_long_as_a_backup_made_with_them(tmp_path: Path) -> None:
    old = store_set(tmp_path, ago(days=2), "shop", "retired")
    new = store_set(tmp_path, ago(days=1), "shop")
    result = run(tmp_path)
    assert removed(result) == {("db1-5432", "shop", old.replace("globals", "logical"))}
    kept = {(one["database"], one["set"]): one["reasons"] for one in result.kept}
    assert kept["", old] == ["a backup that was made with it stays"]
    assert ("retired", old) in kept
    assert ("", new) in kept
    # Of one database the globals are not judged, but are asked.
    assert not run(tmp_path, database="shop").changed


def test_nothing_goes_where_backups_have_stopped_coming(tmp_path: Path) -> None:
    for day in (9, 10, 11):
        store_backup(tmp_path, ago(days=day))
    for day in (0, 1):
        store_backup(tmp_path, ago(days=day), database="forum")
    with pytest.raises(
        PruneError, match=r"of 1 databases nothing was removed: .*shop: the newest good backup is 9 d 0 h"
    ):
        run(tmp_path, newest_within=2 * 86400.0)
    assert {one[1] for one in stored(tmp_path)} == {"shop", "forum"}
    assert len(stored(tmp_path)) == 4
    assert len(run(tmp_path, newest_within=2 * 86400.0, force=True).removed) == 2


@pytest.mark.parametrize("name", ["manifest.json", "hold.json", "verifications.json"])
def test_a_database_with_a_damaged_file_keeps_everything(name: str, tmp_path: Path) -> None:
    for day in range(3):
        store_backup(tmp_path, ago(days=day))
        store_backup(tmp_path, ago(days=day), database="forum")
    damaged = tmp_path / "db1-5432" / "shop" / backup_id("logical", NOW) / name
    damaged.write_bytes(b"{}")
    with pytest.raises(PruneError, match="of 1 databases nothing was removed") as caught:
        run(tmp_path)
    assert str(damaged) in caught.value.context["problems"][0]
    assert len(caught.value.context["removed"]) == 2
    assert len(list((tmp_path / "db1-5432" / "shop").iterdir())) == 3


def test_a_damaged_record_of_sets_keeps_what_was_made_in_one(tmp_path: Path) -> None:
    for day in range(2):
        store_set(tmp_path, ago(days=day), "shop")
    for manifest in (tmp_path / "db1-5432" / "%globals").rglob("manifest.json"):
        manifest.write_bytes(b"{}")
    with pytest.raises(PruneError):
        run(tmp_path)
    assert len(list(tmp_path.rglob("shop.dump"))) == 4


def test_a_database_that_is_written_to_is_left_for_another_time(tmp_path: Path) -> None:
    for day in range(2):
        store_backup(tmp_path, ago(days=day))
    with Repository(str(tmp_path)).lock("db1-5432", "shop", purpose="backup"):
        with pytest.raises(PruneError, match="nothing was removed"):
            run(tmp_path)
        assert len(stored(tmp_path)) == 2
        assert run(tmp_path, check=True).changed
    assert run(tmp_path).changed


def test_a_removal_that_dies_is_finished_by_the_next_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day in range(4):
        store_backup(tmp_path, ago(days=day))
    calls = []
    real = os.unlink

    def dying(path: Any, **arguments: Any) -> None:
        calls.append(path)
        if len(calls) == 4:
            raise OSError(5, "Input/output error")
        real(path, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", dying)
        with pytest.raises(StorageError):
            run(tmp_path)
    assert len(stored(tmp_path)) >= 1
    assert backup_id("logical", NOW) in {one[2] for one in stored(tmp_path)}
    run(tmp_path)
    assert len(stored(tmp_path)) == 1
    left = {path.name for path in (tmp_path / "db1-5432" / "shop").iterdir()}
    assert left == {backup_id("logical", NOW), CATALOGUE_NAME}


_AGES = st.lists(st.integers(0, 800), min_size=1, max_size=12, unique=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.dictionaries(st.sampled_from(["shop", "forum", "crm"]), _AGES, min_size=1),
    policy=st.builds(
        RetentionPolicy,
        last=st.integers(0, 3),
        daily=st.integers(0, 3),
        monthly=st.integers(1, 4),
        window=st.none() | st.floats(0, 86400 * 90),
    ),
)
def test_no_database_is_judged_by_the_backups_of_another(
    tmp_path_factory: pytest.TempPathFactory, ages: dict[str, list[int]], policy: RetentionPolicy
) -> None:
    together = tmp_path_factory.mktemp("together")
    for database, days in ages.items():
        for day in days:
            store_backup(together, ago(days=day), database=database)
    run(together, policy)
    for database, days in ages.items():
        alone = tmp_path_factory.mktemp("alone")
        for day in days:
            store_backup(alone, ago(days=day), database=database)
        run(alone, policy)
        assert stored(alone) == {one for one in stored(together) if one[1] == database}
        assert stored(alone)


def test_logs_stay_where_something_could_not_be_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("dbfleet.prune.prune_logs", lambda _repository, cluster, **_more: asked.append(cluster))
    for cluster in ("a", "b"):
        for day in range(2):
            store_backup(tmp_path, ago(days=day), cluster=cluster)
    run(tmp_path, check=True)
    assert asked == ["a", "b"]
    asked.clear()
    run(tmp_path, check=True, keep_logs=True)
    run(tmp_path, check=True, cluster="a", database="shop")
    assert asked == []
    manifest = next((tmp_path / "a" / "shop").glob("*/manifest.json"))
    manifest.write_bytes(manifest.read_bytes()[:-10])
    with pytest.raises(PruneError):
        run(tmp_path)
    assert asked == ["b"]
