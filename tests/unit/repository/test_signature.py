# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signed manifests: what was signed with another key, or not at all, or is something else, does not count."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from dbfleet.errors import CorruptArtifactError, StorageError, UsageError
from dbfleet.repository.access import Access
from dbfleet.repository.artifact import open_artifact, open_backup
from dbfleet.repository.layout import MANIFEST_NAME
from dbfleet.repository.manifest import parse_manifest
from dbfleet.repository.place import DestinationPlace, RepositoryPlace
from dbfleet.repository.publication import Publication
from dbfleet.repository.repository import Repository
from dbfleet.repository.sealed import seal
from dbfleet.repository.signature import require_signing_key
from tests.unit.repository.samples import make_manifest, write_backup

ID = "20260102T030405Z-logical"
PEM = serialization.Encoding.PEM


def make_key(folder: Path, name: str) -> tuple[str, str]:
    key = ed25519.Ed25519PrivateKey.generate()
    private, public = folder / f"{name}.key", folder / f"{name}.pub"
    private.write_bytes(key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    return str(private), str(public)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[tuple[str, str], tuple[str, str]]:
    return make_key(tmp_path, "one"), make_key(tmp_path, "two")


def publish(publication: Publication, **changes: object) -> None:
    write_backup(publication)
    manifest = make_manifest(files=publication.records(), **changes)
    contents = dataclasses.replace(manifest.contents, artifact=publication.artifact_path("shop.dump"))
    _signed, rendered = publication.rendered(dataclasses.replace(manifest, contents=contents))
    publication.publish(rendered)


def in_repository(location: Path, sign_key: str, **changes: object) -> Path:
    place = RepositoryPlace(str(location), cluster="db1-5432", database="shop", sign_key=sign_key)
    Repository(str(location)).initialise()
    publish(place.begin(ID), **changes)
    return location / "db1-5432" / "shop" / ID / MANIFEST_NAME


def test_the_right_key_and_another(tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]]) -> None:
    (private, public), (_other, other_public) = keys
    path = in_repository(tmp_path / "r", private)
    location = str(tmp_path / "r")
    assert open_backup(location, "latest", access=Access(verify_key=public)).manifest is not None
    assert open_artifact(str(path.parent), Access(verify_key=public)).manifest is not None
    assert open_backup(location, "latest").manifest is not None
    with pytest.raises(CorruptArtifactError, match="was not signed with the key that belongs to"):
        open_backup(location, "latest", access=Access(verify_key=other_public))
    with pytest.raises(CorruptArtifactError, match="was not signed with the key that belongs to"):
        open_artifact(str(path.parent), Access(verify_key=other_public))
    # The list that makes looking quicker is not believed instead.
    Repository(location).catalogue("db1-5432/shop").refresh()
    for key, found in ((public, [ID]), (other_public, [])):
        catalogue = Repository(location, Access(verify_key=key)).catalogue("db1-5432/shop")
        assert [one.manifest.id for one in catalogue.backups(lambda _error: None)] == found


def test_a_plain_destination(tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]]) -> None:
    (private, public), (_other, other_public) = keys
    place = DestinationPlace(
        str(tmp_path / "my"), artifact="shop.dump", cluster="db1-5432", database="shop", sign_key=private
    )
    publish(place.begin(ID))
    opened = open_artifact(str(tmp_path / "my"), Access(verify_key=public))
    assert opened.manifest is not None
    assert opened.manifest.signature
    with pytest.raises(CorruptArtifactError, match="was not signed"):
        open_artifact(str(tmp_path / "my"), Access(verify_key=other_public))
    (tmp_path / "my.manifest.json").unlink()
    with pytest.raises(CorruptArtifactError, match="has no manifest, and a signature is asked for"):
        open_artifact(str(tmp_path / "my"), Access(verify_key=public))


def test_what_is_not_signed(tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]]) -> None:
    in_repository(tmp_path / "r", "")
    with pytest.raises(CorruptArtifactError, match="is not signed, and a signature is asked for"):
        open_backup(str(tmp_path / "r"), "latest", access=Access(verify_key=keys[0][1]))


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: dataclasses.replace(manifest, duration=2.5),
        lambda manifest: dataclasses.replace(manifest, started_at="2027-01-02T03:04:05+00:00"),
        lambda manifest: dataclasses.replace(
            manifest, files=tuple(dataclasses.replace(one, sha256="0" * 64) for one in manifest.files)
        ),
        lambda manifest: dataclasses.replace(manifest, signature=manifest.signature[:-4] + "AAA="),
        lambda manifest: dataclasses.replace(manifest, signature="nonsense"),
        lambda manifest: dataclasses.replace(manifest, signature='"\n'),
        lambda manifest: dataclasses.replace(manifest, warnings=(manifest.signature,), signature=""),
    ],
)
def test_what_was_changed_and_sealed_again(
    tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]], change: Callable[[object], object]
) -> None:
    (private, public), _other = keys
    path = in_repository(tmp_path / "r", private)
    manifest = parse_manifest(path.read_bytes(), name="m")
    path.write_bytes(seal({"manifest_version": 1, **vars(change(manifest))}))
    assert open_backup(str(tmp_path / "r"), "latest").manifest is not None, "its checksum is right"
    with pytest.raises(CorruptArtifactError, match="signed"):
        open_backup(str(tmp_path / "r"), "latest", access=Access(verify_key=public))


def test_the_backup_of_another_database(tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]]) -> None:
    (private, public), _other = keys
    path = in_repository(tmp_path / "r", private)
    other = tmp_path / "r" / "db1-5432" / "forum" / ID
    shutil.copytree(path.parent, other)
    with pytest.raises(CorruptArtifactError, match="is of another backup"):
        open_backup(str(tmp_path / "r"), ID, database="forum", access=Access(verify_key=public))


def test_keys_that_are_none(tmp_path: Path, keys: tuple[tuple[str, str], tuple[str, str]]) -> None:
    (private, public), _other = keys
    require_signing_key(private)
    elliptic = ec.generate_private_key(ec.SECP256R1())
    locked = serialization.BestAvailableEncryption(b"secret")
    format_ = serialization.PrivateFormat.PKCS8
    (tmp_path / "elliptic").write_bytes(elliptic.private_bytes(PEM, format_, serialization.NoEncryption()))
    (tmp_path / "locked").write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, format_, locked))
    (tmp_path / "text").write_text("something")
    for name in ("elliptic", "locked", "text", Path(public).name):
        with pytest.raises(UsageError, match="is not a private Ed25519 key") as caught:
            require_signing_key(str(tmp_path / name))
        assert "openssl genpkey" in caught.value.hint
    with pytest.raises(StorageError, match="cannot read the key"):
        require_signing_key(str(tmp_path / "none"))
    in_repository(tmp_path / "r", private)
    with pytest.raises(UsageError, match="is not a public Ed25519 key"):
        open_backup(str(tmp_path / "r"), "latest", access=Access(verify_key=private))
