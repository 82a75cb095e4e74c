# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of real databases into object storage by the command, and back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.streams.age_keys import Identity
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.repository.stores import KEY, SECRET, Store, running_store
from tests.integration.test_cli import DATABASES, Outcome, command, environment

FORMATS = [
    ("postgresql", ["custom"]),
    ("postgresql", ["directory", "--jobs", "2"]),
    ("postgresql", ["tar"]),
    ("mariadb", ["plain"]),
    ("mariadb", ["directory", "--jobs", "2"]),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store("seaweedfs", tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world(request.param, request.getfixturevalue(DATABASES[request.param])) as made:
        yield made


@pytest.fixture
def target(world: World) -> Iterator[str]:
    name = f"{world.name}_restored"
    yield name
    world.drop(name)


def dbfleet(*words: object, world: World | None = None) -> Outcome:
    credentials = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "HOME": os.devnull}
    done = subprocess.run(
        command(*words),
        env={**environment(world), **credentials},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    return Outcome(done.returncode, done.stdout, done.stderr)


def backup(world: World, *words: object) -> Outcome:
    return dbfleet("backup", world.dbms, *world.connection(), *words, "--json", world=world)


@pytest.mark.parametrize(("world", "words"), FORMATS, indirect=["world"])
def test_every_format(world: World, words: list[str], target: str, store: Store) -> None:
    url = store.url()
    made = backup(world, "--database", world.name, "--repository", url, "--cluster", "c", "--format", *words)
    assert made.code == 0, made.err
    summary = made.data["backup"]
    assert summary["rows"] == ROWS
    assert summary["path"] == f"{url.partition('?')[0]}/c/{world.name}/{summary['id']}"
    young = backup(world, "--database", world.name, "--repository", url, "--cluster", "c", "--max-age", "1h",
                   "--format", *words)  # fmt: skip
    assert young.data["changed"] is False

    listed = dbfleet("info", url, "--json")
    assert [one["id"] for one in listed.data["backups"]] == [summary["id"]]
    arguments = ["--repository", url, "--create", "--jobs", 2, "--json"]
    restored = dbfleet("restore", world.dbms, *world.connection(), "--database", target, *arguments, world=world)
    assert restored.code == 0, restored.err
    assert restored.data["restore"]["rows"] == ROWS
    assert world.content(target) == world.content(world.name)
    again = backup(world, "--database", world.name, "--repository", url, "--cluster", "c", "--format", *words)
    assert again.code == 0, again.err
    pruned = dbfleet("prune", url, "--keep-last", "1", "--json")
    assert pruned.code == 0, pruned.err
    assert [one["id"] for one in dbfleet("info", url, "--json").data["backups"]] == [again.data["backup"]["id"]]
    assert not [key for key in store.keys(url) if summary["id"] in key or "lock" in key]


@pytest.mark.parametrize("world", DATABASES, indirect=True)
def test_a_whole_server(world: World, store: Store) -> None:
    url = store.url()
    only = [word for name in sorted(world.databases() - {world.name}) for word in ("--exclude-database", name)]
    made = backup(world, "--all-databases", *only, "--repository", url, "--cluster", "c")
    assert made.code == 0, made.err
    found = dbfleet("info", url, "--json").data
    assert [(one["id"], one["missing"]) for one in found["sets"]] == [(made.data["set"], [])]
    words = ["restore", world.dbms, *world.connection(), "--globals-only", "--repository", url, "--check", "--json"]
    done = dbfleet(*words, world=world)
    assert done.code == 0, done.err


@pytest.mark.parametrize("world", DATABASES, indirect=True)
def test_a_copy_goes_there_and_comes_back(world: World, target: str, store: Store, tmp_path: Path) -> None:
    url, key = store.url(), Identity.generate()
    (tmp_path / "key").write_text(key.text)
    words = ["--database", world.name, "--repository", tmp_path / "r", "--cluster", "c", "--copy-to", url]
    made = backup(world, *words, "--encrypt-to", key.recipient.text, "--max-age", "1h")
    assert made.code == 0, made.err
    assert [one["changed"] for one in made.data["copies"]] == [True]
    again = backup(world, *words, "--encrypt-to", key.recipient.text, "--max-age", "1h")
    assert (again.data["changed"], [one["changed"] for one in again.data["copies"]]) == (False, [False])
    back = dbfleet("copy", url, "--copy-to", tmp_path / "back", "--json")
    assert back.code == 0, back.err
    where = ["--repository", tmp_path / "back", "--create", "--identity-file", tmp_path / "key"]
    restored = dbfleet("restore", world.dbms, *world.connection(), "--database", target, *where, world=world)
    assert restored.code == 0, restored.err
    assert world.content(target) == world.content(world.name)
    (tmp_path / "file").write_text("in the way")
    failed = backup(world, *words[:-1], tmp_path / "file", "--max-age", "0")
    assert (failed.code, failed.data["error"]["kind"]) == (1, "storage")
    assert len(dbfleet("info", tmp_path / "r", "--json").data["backups"]) == 1


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_what_does_not_go(world: World, store: Store, tmp_path: Path) -> None:
    for words in (
        ["--dest", store.url()],
        ["--repository", "s3://user:pass@bucket/x"],
        ["--repository", "gs://bucket/x"],
    ):
        refused = backup(world, "--database", world.name, *words)
        assert (refused.code, refused.data["error"]["kind"]) == (2, "usage"), refused.err
        assert "pass" not in refused.out.replace("password", "")
    lost = dbfleet("info", "s3://bucket/x?endpoint=http://127.0.0.1:9", "--json")
    assert lost.data["error"]["kind"] == "storage"


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_local_repositories_need_no_package(world: World, tmp_path: Path) -> None:
    (tmp_path / "botocore.py").write_text("raise ImportError")
    program = ["-c", "import sys; from dbfleet.cli.main import main; sys.exit(main())"]
    for repository, code in ((str(tmp_path / "r"), 0), ("s3://bucket/x", 1)):
        words = ["backup", "postgresql", *world.connection(), "--database", world.name, "--repository", repository]
        done = subprocess.run(
            [sys.executable, *program, *words],
            env={**environment(world), "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stderr
    assert "the Python package botocore is needed for repositories in object storage" in done.stderr
    assert "pip install 'boto3'" in done.stderr
