# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import StorageError
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.publication import Publication
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.digest import DigestingFile
from dbfleet.streams.encryption import Encryption


def begin(folder: Path) -> Publication:
    return Publication(LocalStorage(str(folder)).begin("shop/backup"), manifest_path="manifest.json")


def test_files_are_recorded_as_they_are_stored(tmp_path: Path) -> None:
    publication = begin(tmp_path)
    assert publication.can_patch
    for path, content in (("b/2.dat", b"two"), ("a.dat", b""), ("b/1.dat", b"one" * 1000)):
        file = publication.create(path)
        for start in range(0, len(content), 7):
            file.write(memoryview(content)[start : start + 7])
        file.close()
    publication.publish(b"{}")
    folder = tmp_path / "shop" / "backup"
    assert [record.path for record in publication.records()] == ["a.dat", "b/1.dat", "b/2.dat"]
    for record in publication.records():
        stored = (folder / record.path).read_bytes()
        assert (record.size, record.sha256) == (len(stored), hashlib.sha256(stored).hexdigest())
    assert (folder / "manifest.json").read_bytes() == b"{}"


def test_a_file_tells_the_digest_of_what_it_stores(tmp_path: Path) -> None:
    publication = begin(tmp_path)
    file = publication.create("a.dat")
    assert isinstance(file, DigestingFile)
    assert file.digest_so_far() == hashlib.sha256().hexdigest()
    file.write(b"one")
    assert file.digest_so_far() == hashlib.sha256(b"one").hexdigest()
    file.write(b"two")
    file.close()
    assert file.digest_so_far() == hashlib.sha256(b"onetwo").hexdigest() == publication.records()[0].sha256
    other = publication.create("b.dat", patched=True)
    assert isinstance(other, DigestingFile)
    other.write(b"one")
    with pytest.raises(StorageError, match=r"b\.dat is patched"):
        other.digest_so_far()
    other.abort()
    encrypted = Publication(
        LocalStorage(str(tmp_path)).begin("shop/other"),
        manifest_path="manifest.json",
        encryption=Encryption((Identity.generate().recipient,)),
    )
    hidden = encrypted.create("a.dat")
    assert not isinstance(hidden, DigestingFile)
    hidden.abort()


@given(
    st.binary(min_size=1, max_size=100),
    st.lists(st.tuples(st.integers(0, 99), st.binary(min_size=1, max_size=20)), max_size=3),
    st.booleans(),
)
def test_a_patched_file_is_recorded_as_it_is_stored(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, patches: list[tuple[int, bytes]], announced: bool
) -> None:
    folder = tmp_path_factory.mktemp("patched")
    publication = begin(folder)
    file = publication.create("shop.dump", patched=announced)
    file.write(content)
    expected = bytearray(content)
    for offset, data in patches:
        start = min(offset, len(content) - 1)
        piece = data[: len(content) - start]
        file.patch(start, piece)
        expected[start : start + len(piece)] = piece
    file.close()
    publication.publish(b"{}")
    stored = (folder / "shop" / "backup" / "shop.dump").read_bytes()
    assert stored == bytes(expected)
    assert publication.records()[0].sha256 == hashlib.sha256(stored).hexdigest()


def test_every_file_is_synced_before_anything_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: set[int] = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.add(os.fstat(descriptor).st_ino))
    publication = begin(tmp_path)
    for path, size in {"toc.dat": 10, "data/1.dat": 0, "data/2.dat": (1 << 20) - 1, "data/3.dat": 2 << 20}.items():
        file = publication.create(path)
        file.write(bytes(size))
        file.close()
    real = os.rename
    checked: list[str] = []

    def rename(source: str, target: str) -> None:
        for path in Path(source).rglob("*"):
            assert path.stat().st_ino in synced
            checked.append(path.name)
        real(source, target)

    monkeypatch.setattr(os, "rename", rename)
    publication.publish(b"{}")
    assert sorted(checked) == ["1.dat", "2.dat", "3.dat", "data", "manifest.json", "toc.dat"]


def test_an_unfinished_file_is_never_published(tmp_path: Path) -> None:
    publication = begin(tmp_path)
    publication.create("one").close()
    publication.create("two").write(b"half")
    with pytest.raises(StorageError, match="not finished"):
        publication.records()
    publication.abandon()
    assert os.listdir(tmp_path / "shop") == []


def test_two_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    publication = begin(tmp_path)
    publication.create("one").close()
    with pytest.raises(StorageError, match="File exists"):
        publication.create("one")
    with pytest.raises(StorageError):
        publication.create("one/two")
    publication.create("manifest.json").close()
    with pytest.raises(StorageError, match="File exists"):
        publication.publish(b"{}")
    publication.abandon()


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x", "", "a//b"])
def test_an_engine_s_path_stays_inside(tmp_path: Path, path: str) -> None:
    with pytest.raises(StorageError):
        begin(tmp_path).create(path)


def test_abandoning_closes_what_is_open(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    publication = begin(tmp_path)
    for index in range(5):
        publication.create(f"{index}").write(b"x")
    publication.abandon()
    publication.abandon()
    assert set(os.listdir("/proc/self/fd")) == before
