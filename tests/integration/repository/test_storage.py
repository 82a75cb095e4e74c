# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage interface keeps its promises on every backend."""

from __future__ import annotations

import dataclasses
import pickle
import random
import time
from collections.abc import Iterator

import pytest

from dbfleet.errors import LockedError, NotFoundError, StorageError, UsageError
from dbfleet.repository.access import Access
from dbfleet.repository.layout import MANIFEST_NAME
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.lock import RepositoryLock
from dbfleet.repository.place import RepositoryPlace
from dbfleet.repository.publication import Publication
from dbfleet.repository.repository import Repository
from dbfleet.repository.s3_location import S3Location
from dbfleet.repository.s3_storage import S3Storage
from dbfleet.repository.storage import Storage
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.encryption import Encryption
from tests.integration.repository.stores import ACCESS, BUCKET, KINDS, SECRET, Store, running_store
from tests.unit.repository.samples import CONTENT, make_manifest, write_backup

FOLDER = "db1-5432/%globals/20260102T030405Z-logical"
LARGE = random.Random(5).randbytes((19 << 20) + 5)


@pytest.fixture(scope="module", params=["local", *KINDS])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store | None]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "local":
        yield None
        return
    with running_store(request.param, folder) as store:
        yield store


@pytest.fixture
def url(backend: Store | None, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("local")) if backend is None else backend.url(more="&part_size=5MiB")


@pytest.fixture
def storage(url: str, backend: Store | None) -> Storage:
    return LocalStorage(url) if backend is None else S3Storage(url, ACCESS)


def test_small_files(storage: Storage) -> None:
    names = ("a", "a b+c", "%globals", "ü~é'\"", ".lock-0123")
    for name in names:
        assert storage.read_small(f"x/{name}", 10) is None
        storage.write_small(f"x/{name}", b"one")
        storage.write_small(f"x/{name}", name.encode())
        assert storage.read_small(f"x/{name}", 100) == name.encode()
        assert storage.size(f"x/{name}") == len(name.encode())
    storage.write_small("x/deep/er/file", b"")
    assert storage.read_small("x/deep/er/file", 0) == b""
    assert storage.files("x", "") == sorted(names)
    assert storage.files("x", "a") == ["a", "a b+c"]
    assert storage.files("x/deep", "") == []
    assert storage.folders("x") == ["deep"]
    assert storage.folders("") == ["x"]
    assert storage.folders("nowhere") == []
    assert storage.files("nowhere", "") == []
    assert storage.sizes("x/deep") == {"er/file": 0}
    with pytest.raises(StorageError, match="larger than the 2 bytes"):
        storage.read_small("x/a b+c", 2)
    storage.remove_small("x/a")
    storage.remove_small("x/a")
    assert storage.size("x/a") is None
    storage.remove("x")
    storage.remove("x")
    assert storage.sizes("") == {}
    for path in ("", "/a", "a/../b", "a//b", "."):
        with pytest.raises(StorageError, match="is not a path inside|cannot|is a link"):
            storage.write_small(path, b"")


def test_times(storage: Storage) -> None:
    assert storage.modified("f") is None
    assert storage.touch("f") is False
    assert storage.read_small("f", 10) is None
    storage.write_small("f", b"content")
    before = storage.modified("f")
    assert before is not None
    time.sleep(1.1)
    assert storage.touch("f") is True
    after = storage.modified("f")
    assert after is not None
    assert 0.9 < after - before < 60
    assert storage.read_small("f", 10) == b"content"


def test_large_files(storage: Storage) -> None:
    for path, content in (("small", b"x"), ("empty", b""), ("large", LARGE), ("parts", LARGE[: 10 << 20])):
        file = storage.create(f"d/{path}")
        for start in range(0, len(content), 300_000):
            file.write(memoryview(content)[start : start + 300_000])
        if path == "large":
            assert storage.size("d/large") is None, "nothing is to be seen before it is closed"
        file.close()
        assert storage.size(f"d/{path}") == len(content)
        source = storage.open(f"d/{path}")
        found = b"".join(iter(lambda opened=source: opened.read(200_000), b""))
        assert found == content
        for offset in (0, len(content) // 2, max(0, len(content) - 1), len(content), 3):
            source.seek(offset)
            assert source.tell() == offset
            data = source.read(10)
            assert data == content[offset : offset + len(data)]
            assert data or offset >= len(content)
        source.close()
    assert storage.sizes("d") == {"empty": 0, "large": len(LARGE), "parts": 10 << 20, "small": 1}
    gone = storage.create("d/gone")
    gone.write(LARGE[: 12 << 20])
    gone.abort()
    assert storage.size("d/gone") is None
    with pytest.raises(NotFoundError):
        storage.open("d/gone")


def test_a_folder_is_published_whole(storage: Storage, backend: Store | None) -> None:
    staged = pickle.loads(pickle.dumps(storage.begin(FOLDER)))
    for path, content in (("shop/one", b"1"), ("two", LARGE[: 6 << 20])):
        file = staged.create(path)
        file.write(content)
        file.close()
    part = staged.create_temporary("part")
    part.write(b"part")
    part.close()
    opened = staged.open("part")
    assert opened.read(10) == b"part"
    opened.close()
    staged.remove("part")
    assert storage.size(f"{FOLDER}/{MANIFEST_NAME}") is None
    manifest = staged.create(MANIFEST_NAME)
    manifest.write(b"{}")
    manifest.close()
    assert storage.size(f"{FOLDER}/{MANIFEST_NAME}") is None
    staged.publish()
    assert storage.sizes(FOLDER) == {"manifest.json": 2, "shop/one": 1, "two": 6 << 20}
    if backend is not None:
        with pytest.raises(StorageError, match="it is there already"):
            storage.begin(FOLDER)
    storage.remove(FOLDER)
    assert storage.sizes("") == {}


def test_what_is_abandoned_leaves_nothing(storage: Storage, backend: Store | None) -> None:
    staged = storage.begin(FOLDER)
    done, running = staged.create("done"), staged.create("running")
    done.write(b"x")
    done.close()
    running.write(LARGE)
    staged.abandon()
    running.abort()
    staged.abandon()
    assert storage.sizes("") == {}
    if backend is not None:
        prefix = S3Location.parse(storage.location).prefix
        assert S3Storage(storage.location, ACCESS)._client.uploads(prefix) == []


def test_a_repository(url: str, backend: Store | None) -> None:
    identity = Identity.generate()
    access = dataclasses.replace(ACCESS, identity=identity.text)
    place = RepositoryPlace(
        url, cluster="a/b %", database="shop", access=access, encryption=Encryption((identity.recipient,))
    )
    repository = Repository(url, access)
    for day in ("02", "03"):
        identifier = f"202601{day}T030405Z-logical"
        with place.lock(purpose="test") as lock:
            assert place.sweep() == []
            with pytest.raises(LockedError), place.lock(purpose="other"):
                pass
            publication = place.begin(identifier)
            write_backup(publication, LARGE[: 6 << 20])
            publish(publication, identifier)
            lock.check()
    assert [entry.manifest.id for entry in repository.entries()] == [
        f"202601{day}T030405Z-logical" for day in ("02", "03")
    ]
    newest = place.newest_good(pytest.fail)
    assert newest is not None
    assert newest.id == "20260103T030405Z-logical"
    assert repository.find("latest").url == f"{repository.storage.url('')}/a%2Fb%20%25/shop/20260103T030405Z-logical"
    assert place.describe().count("\n") == 2
    repository.storage.remove("a%2Fb%20%25/shop/20260103T030405Z-logical")
    assert repository.find("latest").manifest.id == "20260102T030405Z-logical"
    if backend is not None:
        left = [key for key in backend.keys(url) if "/.lock" in key]
        assert left == [], "locks are gone"


def publish(publication: Publication, identifier: str) -> None:
    from dbfleet.repository.manifest import render_manifest

    manifest = make_manifest(
        id=identifier, cluster="a/b %", files=publication.records(), encryption=publication.encryption
    )
    contents = dataclasses.replace(manifest.contents, artifact=publication.artifact_path("shop.dump"))
    publication.publish(render_manifest(dataclasses.replace(manifest, contents=contents)))


def test_a_job_that_slept_publishes_nothing(storage: Storage) -> None:
    asleep = storage.begin(FOLDER)
    file = asleep.create("file")
    file.write(b"x")
    file.close()
    folder = FOLDER.rpartition("/")[0]
    for name in storage.folders(folder):
        storage.remove(f"{folder}/{name}")
    storage.abandon_uploads(folder)
    with pytest.raises(StorageError):
        manifest = asleep.create(MANIFEST_NAME)
        manifest.write(b"{}")
        manifest.close()
        asleep.publish()
    assert storage.size(f"{FOLDER}/{MANIFEST_NAME}") is None


def test_one_of_many_gets_the_lock(storage: Storage) -> None:
    with RepositoryLock(storage, "a/.lock", purpose="first") as first:
        for _number in range(3):
            with (
                pytest.raises(LockedError, match="another job holds the lock"),
                RepositoryLock(storage, "a/.lock", purpose="next"),
            ):
                pass
        first.check()
    with RepositoryLock(storage, "a/.lock", purpose="later"):
        assert len(storage.files("a", ".lock-")) == 1
    assert storage.files("a", "") == []


def test_what_is_refused_names_the_way_out(backend: Store | None, url: str) -> None:
    if backend is None:
        with pytest.raises(UsageError):
            S3Location.parse("s3://user:password@bucket/x")
        return
    if backend.kind != "seaweedfs":
        # That one makes the bucket.
        nobody = S3Storage(url.replace(f"//{BUCKET}/", "//no-such-bucket/"), ACCESS)
        with pytest.raises(StorageError) as caught:
            nobody.write_small("x", b"")
        assert caught.value.hint
    if backend.kind != "moto":
        wrong = S3Storage(url, Access(s3_access_key=ACCESS.s3_access_key, s3_secret_key="other-secret"))
        with pytest.raises(StorageError, match="refused to put object") as caught:
            wrong.write_small("x", b"")
        assert "other-secret" not in str(caught.value)
        assert SECRET not in str(caught.value)
        assert "credentials" in caught.value.hint
    assert CONTENT not in repr(ACCESS).encode()
    assert SECRET not in repr(ACCESS)
