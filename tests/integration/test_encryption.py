# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted backups by the command, with the genuine age program on the other side."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import servers
from tests.integration.doors import World, files_below, filled_world
from tests.integration.test_cli import DATABASES, Outcome, backup, dbfleet, restore

ARTIFACTS = {
    "postgresql": [["custom"], ["directory", "--jobs", "2"], ["tar"], ["plain"], ["plain", "--compress", "zstd"]],
    "mariadb": [["plain"], ["directory", "--jobs", "2"], ["plain", "--compress", "gzip"]],
}
FORMATS = [(dbms, words) for dbms, formats in ARTIFACTS.items() for words in formats]
FEW_FORMATS = [("postgresql", ["custom"]), ("postgresql", ["directory", "--jobs", "2"]), ("mariadb", ["plain"])]


@dataclasses.dataclass(frozen=True)
class Key:
    file: Path
    recipient: str
    identity: str


def made_key(path: Path) -> Key:
    servers.client("age-keygen").run(None, "-o", path)
    recipient = servers.client("age-keygen").run(None, "-y", path).stdout.decode().strip()
    return Key(path, recipient, path.read_text().splitlines()[-1])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Key, Key, Key]:
    """Two recipients, and somebody else."""
    folder = tmp_path_factory.mktemp("keys")
    first, second, other = (made_key(folder / name) for name in ("first", "second", "other"))
    return first, second, other


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world(request.param, request.getfixturevalue(DATABASES[request.param])) as made:
        yield made


@pytest.fixture
def target(world: World) -> Iterator[str]:
    name = f"{world.name}_restored"
    yield name
    world.drop(name)


def encrypted(world: World, keys: tuple[Key, ...], *words: object) -> Outcome:
    recipients = [word for key in keys[:2] for word in ("--encrypt-to", key.recipient)]
    outcome = backup(world, *recipients, *words, "--json")
    assert outcome.code == 0, outcome.err
    return outcome


def content_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("world", "words"), FORMATS, indirect=["world"])
def test_every_format(world: World, words: list[str], target: str, keys: tuple[Key, Key, Key], tmp_path: Path) -> None:
    first, second, other = keys
    repository = tmp_path / "repository"
    made = encrypted(world, keys, "--repository", repository, "--format", *words).data["backup"]
    assert made["encryption"] == "age"
    assert made["recipients"] == [first.recipient, second.recipient]
    assert all(path.endswith(".age") for path in made["checksums"])
    assert not any(secret in content_of(repository) for secret in ("顧客".encode(), b"CREATE TABLE", b"PGDMP"))

    # Without an identity it can be listed, and nothing else.
    assert dbfleet("info", repository, "--backup", "latest", "--json").data["backup"]["checksums"] == made["checksums"]
    refused = restore(world, target, "--repository", repository, "--create", "--json")
    assert (refused.code, refused.data["error"]["kind"]) == (1, "identity")
    assert "no identity is given" in refused.data["error"]["message"]
    wrong = restore(world, target, "--repository", repository, "--create", "--identity-file", other.file, "--json")
    assert (wrong.code, wrong.data["error"]["kind"]) == (1, "identity")
    assert target not in world.databases()

    # A script is run statement by statement.
    jobs = () if "plain" in words and world.dbms == "postgresql" else ("--jobs", 2)
    restored = restore(world, target, "--repository", repository, "--create", "--identity-file", second.file, *jobs)
    assert restored.code == 0, restored.err
    assert world.content(target) == world.content(world.name)


@pytest.mark.parametrize(("world", "words"), FEW_FORMATS, indirect=["world"])
def test_the_age_program_opens_ours(world: World, words: list[str], keys: tuple[Key, Key, Key], tmp_path: Path) -> None:
    dest = tmp_path / "shop"
    encrypted(world, keys, "--dest", dest, "--format", *words)
    plain = tmp_path / "plain"
    assert backup(world, "--dest", plain, "--format", *words).code == 0
    stored = sorted(path for path in (dest, *dest.rglob("*")) if path.is_file())
    clear = sorted(path for path in (plain, *plain.rglob("*")) if path.is_file())
    assert [f"{path.relative_to(plain)}" for path in clear] == [
        str(path.relative_to(dest)).removesuffix(".age") for path in stored
    ]
    for key in keys[:2]:
        for path, same in zip(stored, clear):
            opened = servers.client("age").run(None, "-d", "-i", key.file, path).stdout
            # Headers hold the time of the backup.
            assert abs(len(opened) - same.stat().st_size) < 200
            assert opened[:5] == same.read_bytes()[:5]


@pytest.mark.parametrize(("world", "words"), FEW_FORMATS, indirect=["world"])
def test_ours_opens_what_the_age_program_encrypted(
    world: World, words: list[str], target: str, keys: tuple[Key, Key, Key], tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    assert backup(world, "--dest", plain, "--format", *words).code == 0
    theirs = tmp_path / "theirs"
    for path in [path for path in (plain, *plain.rglob("*")) if path.is_file()]:
        name = Path(f"{theirs / path.relative_to(plain)}.age") if plain.is_dir() else theirs
        name.parent.mkdir(exist_ok=True)
        servers.client("age").run(None, "-r", keys[0].recipient, "-o", name, path)
    refused = restore(world, target, "--source", theirs, "--create", "--json")
    assert (refused.code, refused.data["error"]["kind"]) == (1, "identity")
    restored = restore(world, target, "--source", theirs, "--create", "--identity-file", keys[0].file)
    assert restored.code == 0, restored.err
    assert world.content(target) == world.content(world.name)


@pytest.mark.parametrize("world", DATABASES, indirect=True)
def test_a_whole_server(world: World, keys: tuple[Key, Key, Key], tmp_path: Path) -> None:
    recipient = ["--encrypt-to", keys[0].recipient]
    only = [word for name in sorted(world.databases() - {world.name}) for word in ("--exclude-database", name)]
    made = dbfleet(
        "backup", world.dbms, *world.connection(), "--all-databases", *only, *recipient,
        "--repository", tmp_path, "--cluster", "c", "--json", world=world,
    )  # fmt: skip
    assert made.code == 0, made.err
    assert {one["encryption"] for one in made.data["backups"]} == {"age"}
    assert world.user.encode() not in content_of(tmp_path)
    words = [
        "restore",
        world.dbms,
        *world.connection(),
        "--globals-only",
        "--repository",
        tmp_path,
        "--check",
        "--json",
    ]
    assert dbfleet(*words, world=world).data["error"]["kind"] == "identity"
    done = dbfleet(*words, "--identity-file", keys[0].file, world=world)
    assert done.code == 0, done.err


@pytest.mark.parametrize("world", DATABASES, indirect=True)
def test_damage_is_found_before_anything_changes(
    world: World, target: str, keys: tuple[Key, Key, Key], tmp_path: Path
) -> None:
    dest = tmp_path / "shop.backup"
    encrypted(world, keys, "--dest", dest, "--format", "plain")
    stored = dest.read_bytes()
    manifest = Path(f"{dest}.manifest.json")
    sealed = manifest.read_bytes()
    for damaged in (stored[:-1], stored[: len(stored) // 2], stored[:-20] + b"x" + stored[-19:]):
        dest.write_bytes(damaged)
        for manifest_too in (True, False):
            if not manifest_too:
                manifest.unlink()
            words = ["--source", dest, "--create", "--identity-file", keys[0].file, "--json"]
            outcome = restore(world, target, *words)
            assert outcome.code != 0
            assert outcome.data["error"]["kind"] in ("corrupt", "usage"), outcome.data
            assert target not in world.databases()
        manifest.write_bytes(sealed)


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_what_cannot_be_encrypted_is_not_written(world: World, keys: tuple[Key, Key, Key], tmp_path: Path) -> None:
    for recipient in ("age1nonsense", keys[0].identity, "ssh-ed25519 AAAA"):
        refused = backup(world, "--encrypt-to", recipient, "--repository", tmp_path / "r", "--json")
        assert (refused.code, refused.data["error"]["kind"]) == (2, "usage")
        assert keys[0].identity not in refused.out + refused.err
    assert files_below(tmp_path) == {}


@pytest.mark.parametrize("world", ["postgresql"], indirect=True)
def test_an_identity_from_the_environment(
    world: World, target: str, keys: tuple[Key, Key, Key], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encrypted(world, keys, "--dest", tmp_path / "shop.dump")
    # The tests' own environment is cleaned of it, so the command is asked through its functions.
    from dbfleet.repository.access import Access
    from dbfleet.repository.artifact import open_artifact

    artifact = open_artifact(str(tmp_path / "shop.dump"))
    for name, value in (
        ("DBFLEET_AGE_IDENTITY", keys[1].identity),
        ("DBFLEET_AGE_IDENTITY_FILE", str(keys[0].file)),
    ):
        monkeypatch.setenv(name, value)
        artifact.require_identity()
        monkeypatch.delenv(name)
    open_artifact(str(tmp_path / "shop.dump"), Access(identity=keys[0].identity)).require_identity()
    listed = dbfleet("info", tmp_path / "shop.dump", "--list", "--identity-file", keys[0].file)
    assert listed.code == 0, listed.err
    assert "orders" in listed.out
