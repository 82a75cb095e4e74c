# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object storage that fails: what can be retried is, what cannot fails cleanly, and whatever a killed job leaves is
swept by the next one."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dbfleet.errors import StorageError
from dbfleet.repository import s3_client
from dbfleet.repository.layout import MANIFEST_NAME
from dbfleet.repository.manifest import render_manifest
from dbfleet.repository.publication import Publication
from dbfleet.repository.repository import Repository
from dbfleet.repository.s3_client import S3Client
from dbfleet.repository.s3_location import S3Location
from dbfleet.repository.s3_storage import S3Storage
from tests.integration.repository.faulty_proxy import (
    BUSY,
    ERROR,
    FAULTS,
    PASS,
    SILENCE,
    TORN_AFTER,
    TORN_ANSWER,
    TORN_BEFORE,
    faulty_proxy,
    now_and_then,
)
from tests.integration.repository.stores import ACCESS, Store, running_store
from tests.unit.repository.samples import make_manifest, write_backup

CONTENT = random.Random(6).randbytes((5 << 20) + 1)
OLD, NEW = "20260102T030405Z-logical", "20260103T030405Z-logical"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with running_store("moto", tmp_path_factory.mktemp("moto")) as running:
        yield running


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "SILENT_SECONDS", 1)
    s3_client._connection.cache_clear()
    monkeypatch.setattr(s3_client, "_pause", lambda _attempt: 0.01)
    # The library's own pauses.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda _self, _context: 0.01)


def write(url: str, identity: str) -> None:
    repository = Repository(url, ACCESS)
    repository.initialise()
    with repository.lock("db1-5432", "shop", purpose="test") as lock:
        repository.sweep("db1-5432", "shop")
        write_locked(repository, identity)
        lock.check()


def write_locked(repository: Repository, identity: str) -> None:
    staged = repository.begin("db1-5432", "shop", identity)
    publication = Publication(staged, manifest_path=MANIFEST_NAME)
    try:
        write_backup(publication, CONTENT)
        publication.publish(render_manifest(make_manifest(id=identity, files=publication.records())))
    except BaseException:
        publication.abandon()
        raise


def check_whole(url: str, *identities: str) -> None:
    """Exactly these backups are there, each with its content, and nothing else."""
    repository = Repository(url, ACCESS)
    assert [entry.manifest.id for entry in repository.entries()] == list(identities)
    for entry in repository.entries():
        source = repository.storage.open(f"{entry.folder}/shop.dump")
        assert b"".join(iter(lambda opened=source: opened.read(1 << 20), b"")) == CONTENT
        source.close()


@pytest.mark.parametrize("fault", [ERROR, BUSY, TORN_BEFORE, TORN_ANSWER, SILENCE])
def test_one_kind_of_fault_again_and_again(store: Store, fault: str) -> None:
    share = 0.05 if fault == SILENCE else 0.25
    with faulty_proxy(store.endpoint, now_and_then(1, share, fault)) as proxy:
        url = store.url(endpoint=proxy.endpoint, more="&part_size=5MiB")
        write(url, OLD)
        check_whole(url, OLD)
        assert any(choice == fault for _method, _path, choice in proxy.seen)


@pytest.mark.parametrize("seed", range(2))
def test_faults_of_all_kinds(store: Store, seed: int) -> None:
    """An answer that is lost may make a job fail that was done; never does it leave half of one."""
    with faulty_proxy(store.endpoint, now_and_then(seed, 0.1, *FAULTS)) as proxy:
        url = store.url(endpoint=proxy.endpoint, more="&part_size=5MiB")
        direct = url.replace(proxy.endpoint, store.endpoint)
        try:
            write(url, OLD)
        except StorageError:
            Repository(direct, ACCESS).sweep("db1-5432", "shop")
        found = [entry.manifest.id for entry in Repository(direct, ACCESS).entries()]
        check_whole(direct, *found)
        write(direct, NEW)
        check_whole(direct, *found, NEW)


def test_a_lost_answer_to_the_last_request_of_an_upload(store: Store) -> None:
    lost: list[str] = []

    def choose(method: str, path: str) -> str:
        if method == "POST" and "uploadId=" in path and not lost:
            lost.append(path)
            return TORN_AFTER
        return PASS

    with faulty_proxy(store.endpoint, choose) as proxy:
        url = store.url(endpoint=proxy.endpoint, more="&part_size=5MiB")
        write(url, OLD)
        check_whole(url, OLD)
    assert len(lost) == 1


def test_a_storage_that_stays_away_ends_the_job(store: Store) -> None:
    def choose(method: str, path: str) -> str:
        return BUSY if method == "PUT" and "partNumber" in path else PASS

    with faulty_proxy(store.endpoint, choose) as proxy:
        url = store.url(endpoint=proxy.endpoint, more="&part_size=5MiB")
        with pytest.raises(StorageError, match="refused to upload part .*SlowDown"):
            write(url, OLD)
        assert list(Repository(url, ACCESS).entries()) == []
        assert [key for key in store.keys(url) if "logical" in key] == []
        assert uploads_below(url) == []


def test_other_content_than_was_sent_is_noticed(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real = S3Client.call

    def altered(self: S3Client, operation: str, key: str | None, **arguments: Any) -> Mapping[str, Any]:
        if operation in ("put_object", "upload_part") and key is not None and "shop.dump" in key:
            # As if it had happened between the digest and the wire, on a way that nobody checks.
            arguments.pop("ContentMD5")
            arguments["Body"] = b"x" + arguments["Body"][1:]
        return real(self, operation, key, **arguments)

    monkeypatch.setattr(S3Client, "call", altered)
    with pytest.raises(StorageError, match="stored with other content than was sent"):
        write(store.url(), OLD)


def uploads_below(url: str) -> list[tuple[str, str]]:
    """Uploads that were begun and not finished; other tests may have left some elsewhere in the bucket."""
    return S3Storage(url, ACCESS)._client.uploads(S3Location.parse(url).prefix)


class Killed(BaseException):
    """The process is gone: nothing of it runs any more."""


class KilledAt:
    """Lets requests through, but not the one of a number, nor those after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.count = 0
        self._real = S3Client.call
        self._number = number
        outer = self

        def call(self: S3Client, operation: str, key: str | None, **arguments: Any) -> Mapping[str, Any]:
            return outer.call(self, operation, key, **arguments)

        monkeypatch.setattr(S3Client, "call", call)

    def call(self, client: S3Client, operation: str, key: str | None, **arguments: Any) -> Mapping[str, Any]:
        self.count += 1
        if self.count >= self._number:
            raise Killed
        return self._real(client, operation, key, **arguments)


def test_a_job_that_is_killed_before_any_request(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    url = store.url(more="&part_size=5MiB")
    write(url, OLD)
    repository = Repository(url, ACCESS)
    with monkeypatch.context() as patched:
        counted = KilledAt(patched, 10_000)
        write_locked(repository, NEW)
    repository.storage.remove(f"db1-5432/shop/{NEW}")
    assert counted.count > 8
    outcomes = []
    for number in range(1, counted.count + 1):
        with monkeypatch.context() as patched, pytest.raises(Killed):
            KilledAt(patched, number)
            write_locked(repository, NEW)
            # The marker is removed after all is done, and if it cannot be, no harm is done.
            raise Killed
        found = [entry.manifest.id for entry in repository.entries()]
        outcomes.append(found)
        repository.sweep("db1-5432", "shop")
        check_whole(url, *found)
        left = [key for key in store.keys(url) if NEW in key and not key.endswith(".unfinished")]
        whole = [f"db1-5432/shop/{NEW}/{name}" for name in (MANIFEST_NAME, "shop.dump")]
        assert left == (whole if NEW in found else [])
        repository.storage.remove(f"db1-5432/shop/{NEW}")
    # Nothing is to be seen of it before the last requests, and all from then on.
    assert outcomes == sorted(outcomes, key=len)
    assert {len(found) for found in outcomes} == {1, 2}
    assert uploads_below(url) == []
    assert [key for key in store.keys(url) if NEW in key] == []


def test_what_changes_while_it_is_read_is_an_error(store: Store) -> None:
    storage = S3Storage(store.url(), ACCESS)
    storage.write_small("f", CONTENT)
    source = storage.open("f")
    assert source.read(5) == CONTENT[:5]
    storage.write_small("f", CONTENT[::-1])
    source.seek(4 << 20)
    with pytest.raises(StorageError, match="refused to get object"):
        source.read(5)
    source.close()


def test_credentials_are_in_no_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = dataclasses.replace(ACCESS, s3_secret_key="very-secret-indeed")
    monkeypatch.setattr(s3_client, "CONNECT_SECONDS", 1)
    for url in ("s3://bb/x?endpoint=http://127.0.0.1:9", store.url().replace("backups", "no-such-bucket")):
        with pytest.raises(StorageError) as caught:
            S3Storage(url, secret).write_small("x", b"")
        assert caught.value.hint
        assert "very-secret" not in f"{caught.value!r} {caught.value} {caught.value.context}"
