# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbfleet import backup as backup_module
from dbfleet import restore as restore_module
from dbfleet.backup import BackupRequest, Destination, backup
from dbfleet.errors import (
    CorruptArtifactError,
    NotFoundError,
    RestoreError,
    StorageError,
    TargetNotEmptyError,
    UsageError,
)
from dbfleet.interfaces import RestoreContents
from dbfleet.mysql.options import ConnectionOptions as MysqlConnectionOptions
from dbfleet.mysql.options import RestoreOptions as MysqlRestoreOptions
from dbfleet.postgresql.options import BackupOptions, ConnectionOptions, RestoreOptions
from dbfleet.progress import Progress
from dbfleet.repository.records import TableRecord
from dbfleet.restore import Origin, RestoreRequest, RestoreResult, restore
from tests.unit.repository.samples import tree
from tests.unit.small_engine import SERVER, SHOP, SmallSource, SmallTarget

OPTIONS = RestoreOptions(connection=ConnectionOptions(), database="copy")
Run = Callable[..., RestoreResult]


@pytest.fixture(autouse=True)
def _no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a restore job with an engine of the test."""

    def run(
        origin: Origin, target: SmallTarget | None = None, *, options: Any = OPTIONS, check: bool = False
    ) -> RestoreResult:
        used = target or SmallTarget()
        monkeypatch.setattr(restore_module, "_target", lambda _options, _globals: used)
        return restore(RestoreRequest(options, origin, check=check), Progress())

    return run


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[Destination], None]:
    def make(destination: Destination) -> None:
        monkeypatch.setattr(backup_module, "_source", lambda _options: SmallSource())
        options = BackupOptions(connection=ConnectionOptions(), database="shop")
        backup(BackupRequest(options, destination), Progress())

    return make


@pytest.fixture(params=["repository", "dest"])
def origin(request: pytest.FixtureRequest, tmp_path: Path, make: Callable[[Destination], None]) -> Origin:
    """Where a backup of the shop is."""
    if request.param == "repository":
        make(Destination(repository=str(tmp_path / "repository"), cluster="main"))
        return Origin(repository=str(tmp_path / "repository"))
    make(Destination(dest=str(tmp_path / "my.dump")))
    return Origin(source=str(tmp_path / "my.dump"))


def artifact_of(origin: Origin) -> Path:
    if origin.source:
        return Path(origin.source)
    (path,) = Path(origin.repository).rglob("shop.dump")
    return path


def test_a_restore(run: Run, origin: Origin) -> None:
    target = SmallTarget()
    result = run(origin, target)
    assert target.database == SHOP
    assert target.calls == ["verify", "plan", "restore", "close"]
    said = json.loads(json.dumps(result.to_dict()))["restore"]
    assert result.changed
    assert (said["database"], said["rows"], said["objects"]) == ("copy", 3, {"table": 3})
    assert said["backup"]["database"] == "shop"
    assert said["verified"] == "checksums and structure"
    assert said["source"] == str(artifact_of(origin))
    assert {table["name"]: table["rows"] for table in said["tables"]} == {"orders": 2, "customers": 1, "empty": 0}
    assert "table public.orders" in result.diff["after"]


def test_check_mode_verifies_everything_and_changes_nothing(run: Run, origin: Origin, tmp_path: Path) -> None:
    before = tree(tmp_path)
    target = SmallTarget()
    result = run(origin, target, check=True)
    assert target.calls == ["verify", "plan", "close"]
    assert target.database == {}
    assert tree(tmp_path) == before
    assert result.changed
    assert [table["name"] for table in result.restore["tables"]] == list(SHOP)
    assert result.restore["rows"] == 0
    damage(artifact_of(origin), 20)
    with pytest.raises(CorruptArtifactError):
        run(origin, check=True)


def damage(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("check", [False, True])
def test_every_damaged_byte_is_found_before_anything_is_changed(run: Run, origin: Origin, check: bool) -> None:
    path = artifact_of(origin)
    for position in range(path.stat().st_size):
        damage(path, position)
        target = SmallTarget()
        with pytest.raises(CorruptArtifactError, match="is not what was backed up: other content") as caught:
            run(origin, target, check=check)
        # Without check, it is looked through, and where nothing is found planned, while it is read for its digests.
        assert target.calls in ([["close"]] if check else [["verify", "close"], ["verify", "plan", "close"]])
        assert target.database == {}
        assert caught.value.hint
        assert caught.value.context["expected_sha256"] != caught.value.context["found_sha256"]
        damage(path, position)
    run(origin)


@pytest.mark.parametrize("change", ["shorter", "longer", "empty", "missing"])
def test_a_file_of_another_size_is_found(run: Run, origin: Origin, change: str) -> None:
    path = artifact_of(origin)
    data = path.read_bytes()
    new = {"shorter": data[:-1], "longer": data + b"\n", "empty": b""}
    target = SmallTarget()
    if change == "missing":
        path.unlink()
        error, text = (NotFoundError, "there is no file") if origin.source else (CorruptArtifactError, "is missing")
        with pytest.raises(error, match=text):
            run(origin, target)
    else:
        path.write_bytes(new[change])
        with pytest.raises(CorruptArtifactError, match=f"{len(new[change])} bytes instead of {len(data)}"):
            run(origin, target)
    assert "plan" not in target.calls


def test_a_file_that_became_a_link_is_not_followed(
    run: Run, tmp_path: Path, make: Callable[[Destination], None]
) -> None:
    make(Destination(repository=str(tmp_path / "r"), cluster="main"))
    origin = Origin(repository=str(tmp_path / "r"))
    path = artifact_of(origin)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="is a link"):
        run(origin)


def test_a_damaged_manifest_stops_the_restore(run: Run, origin: Origin, tmp_path: Path) -> None:
    (manifest,) = tmp_path.rglob("*manifest.json")
    damage(manifest, 40)
    target = SmallTarget()
    with pytest.raises(CorruptArtifactError, match="manifest"):
        run(origin, target)
    assert target.database == {}


def test_a_foreign_artifact_is_verified_by_the_engine_alone(run: Run, origin: Origin, tmp_path: Path) -> None:
    path = artifact_of(origin)
    path.rename(tmp_path / "foreign.dump")
    target = SmallTarget()
    result = run(Origin(source=str(tmp_path / "foreign.dump")), target)
    assert target.database == SHOP
    assert result.restore["verified"] == "structure (there is no manifest)"
    assert "backup" not in result.restore


@pytest.mark.parametrize("dbms", ["mysql", "mariadb"])
def test_another_kind_of_server_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dbms: str
) -> None:
    server = dataclasses.replace(SERVER, dbms=dbms)
    monkeypatch.setattr(backup_module, "_source", lambda _options: SmallSource(server=server))
    options = BackupOptions(connection=ConnectionOptions(), database="shop")
    backup(BackupRequest(options, Destination(dest=str(tmp_path / "my"))), Progress())
    origin = Origin(source=str(tmp_path / "my"))
    target = SmallTarget()
    with pytest.raises(UsageError, match=f"is of {dbms}, the target is postgresql"):
        run(origin, target)
    assert target.calls == ["close"]
    mysql = MysqlRestoreOptions(connection=MysqlConnectionOptions(), database="copy")
    assert run(origin, options=mysql).changed, "MySQL and MariaDB read each other's scripts"


def test_a_postgresql_backup_is_not_for_mysql(run: Run, origin: Origin) -> None:
    mysql = MysqlRestoreOptions(connection=MysqlConnectionOptions(), database="copy")
    with pytest.raises(UsageError, match="the target is mysql or mariadb"):
        run(origin, options=mysql)


def without(name: str) -> Callable[[RestoreContents], RestoreContents]:
    return lambda done: dataclasses.replace(done, tables=tuple(table for table in done.tables if table.name != name))


def with_change(**changes: Any) -> Callable[[RestoreContents], RestoreContents]:
    def change(table: TableRecord) -> TableRecord:
        return dataclasses.replace(table, **changes) if table.name == "orders" else table

    return lambda done: dataclasses.replace(done, tables=tuple(change(table) for table in done.tables))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (without("orders"), "public.orders: missing"),
        (with_change(rows=1), "public.orders: 1 rows instead of 2"),
        (with_change(sha256="0" * 64), "public.orders: other data"),
        (lambda done: dataclasses.replace(done, tables=()), "public.orders: missing; public.customers: missing"),
    ],
)
def test_what_was_restored_is_compared_with_the_manifest(
    run: Run, origin: Origin, change: Callable[[RestoreContents], RestoreContents], cause: str
) -> None:
    with pytest.raises(RestoreError, match=cause) as caught:
        run(origin, SmallTarget(change=change))
    assert caught.value.hint
    assert caught.value.context["failed"]


def test_digests_that_were_not_computed_are_not_compared(run: Run, origin: Origin) -> None:
    assert run(origin, SmallTarget(change=with_change(sha256=""))).changed


def test_what_the_engine_refuses_is_refused(run: Run, origin: Origin) -> None:
    target = SmallTarget(database={"old": []})
    with pytest.raises(TargetNotEmptyError):
        run(origin, target)
    assert target.calls == ["verify", "plan", "close"]


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (dataclasses.replace(OPTIONS, create=True, clean=True), "create and clean exclude each other"),
        (dataclasses.replace(OPTIONS, create=True, clean=True, force=True), "create and clean and force"),
        (dataclasses.replace(OPTIONS, database=""), "needs the name of the target"),
    ],
)
def test_options_that_exclude_each_other(run: Run, origin: Origin, options: RestoreOptions, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        run(origin, options=options)


@pytest.mark.parametrize("origin", [Origin(), Origin(repository="/a", source="/b")])
def test_exactly_one_origin(run: Run, origin: Origin) -> None:
    with pytest.raises(UsageError, match="exactly one"):
        run(origin)


def test_the_backup_is_chosen(run: Run, tmp_path: Path, make: Callable[[Destination], None]) -> None:
    for cluster in ("main", "spare"):
        make(Destination(repository=str(tmp_path / "r"), cluster=cluster))
    with pytest.raises(UsageError, match="shop in main, shop in spare"):
        run(Origin(repository=str(tmp_path / "r")))
    chosen = run(Origin(repository=str(tmp_path / "r"), cluster="spare")).restore["backup"]
    assert chosen["cluster"] == "spare"
    by_id = Origin(repository=str(tmp_path / "r"), cluster="main", database="shop", backup=chosen["id"])
    if os.path.exists(tmp_path / "r" / "main" / "shop" / chosen["id"]):
        assert run(by_id).restore["backup"]["cluster"] == "main"
    for wrong in (
        Origin(repository=str(tmp_path / "r"), backup="20000101T000000Z-logical"),
        Origin(repository=str(tmp_path / "r"), database="crm"),
        Origin(repository=str(tmp_path / "none")),
        Origin(source=str(tmp_path / "none")),
    ):
        with pytest.raises(NotFoundError):
            run(wrong)
