# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encrypted and signed backups in object storage through the modules; secrets show up nowhere."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.streams.age_keys import Identity
from tests.integration.doors import ROWS, World, filled_world
from tests.integration.playbooks import Playbooks
from tests.integration.repository.stores import KEY, SECRET, Store, running_store
from tests.integration.test_cli import DATABASES
from tests.integration.test_modules import backup, info, restore


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store("moto", tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    with filled_world("postgresql", request.getfixturevalue(DATABASES["postgresql"])) as made:
        yield made


@pytest.fixture
def target(world: World) -> Iterator[str]:
    name = f"{world.name}_restored"
    yield name
    world.drop(name)


def test_all_of_it(world: World, target: str, playbooks: Playbooks, store: Store, tmp_path: Path) -> None:
    url, identity, other = store.url(), Identity.generate(), Identity.generate()
    keys = tmp_path / "sign.key", tmp_path / "verify.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(keys[0])], check=True)
    subprocess.run(["openssl", "pkey", "-in", str(keys[0]), "-pubout", "-out", str(keys[1])], check=True)
    place = {"repository": url, "s3_access_key": KEY, "s3_secret_key": SECRET}
    copy = str(tmp_path / "copy")
    played = playbooks.play(
        backup(world, **place, encrypt_to=[identity.recipient.text], sign_key=str(keys[0]), copy_to=copy, cluster="c"),
        info(**place, verify_key=str(keys[1])),
        restore(world, target, **place, create=True, identity=other.text),
        restore(world, target, **place, create=True, identity=identity.text, verify_key=str(keys[1])),
        restore(world, target, repository=copy, force=True, verify_key=str(keys[0])),
        options=["-vvv", "--diff"],
    )
    made, listed, wrong, restored, no_key = played.results
    assert made["changed"] is True, played.output
    assert (made["backup"]["encryption"], made["backup"]["recipients"]) == ("age", [identity.recipient.text])
    assert [one["copied_to"] for one in made["copies"]] == [f"{copy}/c/{world.name}/{made['backup']['id']}"]
    assert [one["id"] for one in listed["backups"]] == [made["backup"]["id"]]
    assert (wrong["failed"], wrong["error"]["kind"]) == (True, "identity")
    assert restored["restore"]["rows"] == ROWS, played.output
    assert world.content(target) == world.content(world.name)
    assert (no_key["failed"], no_key["error"]["kind"]) == (True, "usage")
    for secret in (identity.text, other.text, SECRET, world.password):
        assert secret not in played.output
