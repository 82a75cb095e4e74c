# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Archived binlogs in a repository: whatever an archiver was killed at, nothing that counts is lost or doubled."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dbfleet.errors import CorruptArtifactError, DbfleetError, IdentityError
from dbfleet.mysql.binlog.archive_record import Sealed, render
from dbfleet.mysql.binlog.archive_repository import (
    RepositoryLog,
    log_names,
    read_log,
    read_tail,
    stored_binlog,
    stored_tail,
)
from dbfleet.mysql.binlog.archive_tail import TAIL_NAME, StoredTail
from dbfleet.mysql.binlog.binlog_file import StoredBinlog
from dbfleet.mysql.binlog.file_facts import FileFacts
from dbfleet.repository.access import Access
from dbfleet.repository.local import LocalStorage
from dbfleet.repository.storage import Storage
from dbfleet.streams.age_keys import Identity
from dbfleet.streams.compression import Compression
from dbfleet.streams.encryption import NOT_ENCRYPTED, Encryption

LOG = "shop/%binlogs/server-1-20261122T031407Z"
SERVER = {"address": "db1:3306", "server_id": "1", "dbms": "mariadb", "version": "11.8"}
NAME = "binlog.000007"
IDENTITY = Identity.generate()
ACCESS = Access(identity=IDENTITY.text)
TO_IDENTITY = Encryption((IDENTITY.recipient,))
FORMS = [
    ("none", NOT_ENCRYPTED),
    ("gzip:6", NOT_ENCRYPTED),
    ("zstd:3", NOT_ENCRYPTED),
    ("lz4", NOT_ENCRYPTED),
    ("gzip:6", TO_IDENTITY),
    ("none", TO_IDENTITY),
]


def log_of(storage: Storage, method: str = "gzip:6", encryption: Encryption = NOT_ENCRYPTED) -> RepositoryLog:
    return RepositoryLog(storage, LOG, SERVER, Compression.parse(method), encryption)


def content(binlog: StoredBinlog) -> bytes:
    with contextlib.closing(binlog.open()) as source:
        return b"".join(iter(lambda: source.read(1 << 16), b""))


def take(tail: StoredTail, data: bytes) -> None:
    """In two pieces, of which the first is gone when it returns."""
    first = bytearray(data[: len(data) // 2])
    tail.write([memoryview(first), data[len(first) :]], len(data))
    first[:] = bytes(len(first))


def sealed(facts: FileFacts, tail: StoredTail) -> Sealed:
    return Sealed(
        file=facts.name,
        size=tail.size,
        sha256=tail.hexdigest(),
        server=SERVER,
        created=0,
        first_time=1,
        last_time=2,
        transactions=0,
        gtids_before="",
        gtids_after="",
        next_file="binlog.000008",
        ended_by="rotate",
        made=1,
    )


def begun(log: RepositoryLog) -> tuple[FileFacts, StoredTail]:
    facts = FileFacts(NAME)
    facts.gtids_before = ""
    tail = log.begin(facts)
    assert isinstance(tail, StoredTail)
    return facts, tail


def resumed(log: RepositoryLog) -> tuple[FileFacts, StoredTail]:
    found = log.resume()
    assert found is not None
    facts, tail = found
    assert isinstance(tail, StoredTail)
    return facts, tail


@pytest.mark.parametrize(("method", "encryption"), FORMS)
def test_a_binlog_in_several_runs(tmp_path: Path, method: str, encryption: Encryption) -> None:
    storage = LocalStorage(str(tmp_path))
    rng = random.Random(7)
    log = log_of(storage, method, encryption)
    facts, tail = begun(log)
    expected = b"\xfebin"
    for size in (10, 300_000, 5, 1_500_000, 20, 9_000_000, 3):
        data = rng.randbytes(size // 2) * 2
        take(tail, data)
        expected += data
        assert tail.is_full == (size == 9_000_000)
        tail.sync(facts)
        record = read_tail(storage, LOG)
        assert record is not None
        assert record.size == len(expected) == tail.size
        assert content(stored_tail(storage, LOG, record, ACCESS)) == expected
        if size in (5, 20):
            # Killed with something in memory, and begun again.
            take(tail, b"lost")
            facts, tail = resumed(log_of(storage, method, encryption))
            assert tail.size == len(expected)
    log.seal(tail, sealed(facts, tail))
    (found,) = read_log(storage, LOG)
    assert read_tail(storage, LOG) is None
    assert content(stored_binlog(storage, LOG, found, ACCESS)) == expected
    assert found.sha256 == ("" if encryption else hashlib.sha256(expected).hexdigest())
    for each in found.stored:
        raw = (tmp_path / LOG / NAME / each.name).read_bytes()
        assert (len(raw), hashlib.sha256(raw).hexdigest()) == (each.size, each.sha256)
        assert each.name.endswith(Compression.parse(method).suffix + encryption.suffix) or encryption
    assert (len(found.stored) == 1) == (not encryption)
    if encryption:
        with pytest.raises(IdentityError):
            content(stored_binlog(storage, LOG, found, Access(identity=Identity.generate().text)))


def test_another_compression_begins_with_the_next_file(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    facts, tail = begun(log_of(storage, "zstd:3"))
    take(tail, b"a" * 2_000_000)
    tail.sync(facts)
    other = log_of(storage, "gzip:6")
    facts, tail = resumed(other)
    take(tail, b"b" * 2_000_000)
    tail.sync(facts)
    other.seal(tail, sealed(facts, tail))
    (found,) = read_log(storage, LOG)
    assert [each.name for each in found.stored] == [f"{NAME}.zst"]
    assert content(stored_binlog(storage, LOG, found)) == b"\xfebin" + b"a" * 2_000_000 + b"b" * 2_000_000


class Killed(BaseException):
    """The process is gone."""


class FragileStorage(LocalStorage):
    """A storage whose user dies before a certain change of it."""

    def __init__(self, root: str, left: int) -> None:
        super().__init__(root)
        self.left = left

    def _change(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def write_small(self, path: str, data: bytes) -> None:
        self._change()
        super().write_small(path, data)

    def remove(self, folder: str) -> None:
        self._change()
        super().remove(folder)

    def begin(self, folder: str):  # type: ignore[no-untyped-def]
        self._change()
        return super().begin(folder)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 50, 400_000, 1_200_000]), min_size=1, max_size=5),
    kills=st.lists(st.integers(0, 6), max_size=4),
    form=st.sampled_from([FORMS[0], FORMS[2], FORMS[4]]),
)
def test_killed_at_any_moment(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], kills: list[int], form: tuple[str, Encryption]
) -> None:
    root = str(tmp_path_factory.mktemp("repository"))
    whole = b"".join(bytes([number]) * size for number, size in enumerate(sizes, 1))
    for kill in [*kills, 10**6]:
        storage = FragileStorage(root, kill)
        with contextlib.suppress(Killed):
            log = log_of(storage, *form)
            log.sweep()
            if read_log(storage, LOG):
                break
            found = log.resume()
            facts, tail = begun(log) if found is None else found  # type: ignore[misc]
            # What is stored is a beginning of it, and what is missing comes again.
            assert tail.size <= len(whole) + 4
            for number, size in enumerate(sizes, 1):
                end = 4 + sum(sizes[:number])
                if end > tail.size:
                    take(tail, bytes([number]) * (min(size, end - tail.size)))
                    tail.sync(facts)
            log.seal(tail, sealed(facts, tail))  # type: ignore[arg-type]
    storage = LocalStorage(root)
    log_of(storage, *form).sweep()
    (record,) = read_log(storage, LOG)
    assert content(stored_binlog(storage, LOG, record, ACCESS)) == b"\xfebin" + whole
    assert storage.folders(LOG) == [NAME]


class InterruptedStorage(LocalStorage):
    """One that an interrupt reaches once, before or after it has stored something."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.left = -1
        self.is_after = False

    def write_small(self, path: str, data: bytes) -> None:
        self.left -= 1
        if not self.left and not self.is_after:
            raise KeyboardInterrupt
        super().write_small(path, data)
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize(("method", "encryption"), FORMS)
@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("before", [[], [b"first"], [b"first", bytes(1 << 20)]])
def test_an_interrupt_while_a_piece_is_stored_loses_nothing(
    tmp_path: Path, method: str, encryption: Encryption, is_after: bool, number: int, before: list[bytes]
) -> None:
    storage = InterruptedStorage(str(tmp_path))
    log = log_of(storage, method, encryption)
    facts, tail = begun(log)
    whole = b"\xfebin"
    for piece in before:
        take(tail, piece)
        whole += piece
        tail.sync(facts)
    take(tail, b"last")
    whole += b"last"
    storage.left, storage.is_after = number, is_after
    with pytest.raises(KeyboardInterrupt):
        tail.sync(facts)
    # What an archiver does in the end, and the next one.
    tail.sync(facts)
    tail.close()
    record = read_tail(storage, LOG)
    assert record is not None
    assert record.size == len(whole)
    assert content(stored_tail(storage, LOG, record, ACCESS)) == whole
    _facts, again = resumed(log)
    assert again.size == len(whole)


def test_a_file_of_which_nothing_is_stored_is_begun_anew(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    log = log_of(storage)
    facts, tail = begun(log)
    tail.sync(facts)
    record = read_tail(storage, LOG)
    assert record is not None
    # So an earlier version left it when it was interrupted.
    path = f"{LOG}/{NAME}.part/{TAIL_NAME}"
    storage.write_small(path, render(dataclasses.replace(record, stored=())))
    _facts, again = resumed(log)
    assert again.size == 4
    again.sync(facts)
    found = read_tail(storage, LOG)
    assert found is not None
    assert content(stored_tail(storage, LOG, found)) == b"\xfebin"


def test_what_was_changed_is_noticed(tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path))
    log = log_of(storage, "none")
    facts, tail = begun(log)
    take(tail, b"x" * 1000)
    tail.sync(facts)
    log.seal(tail, sealed(facts, tail))
    (record,) = read_log(storage, LOG)
    stored = tmp_path / LOG / NAME / record.stored[0].name
    data = stored.read_bytes()
    for wrong in (data[:-1], data[:500] + b"y" + data[501:]):
        stored.write_bytes(wrong)
        with pytest.raises(CorruptArtifactError, match="shorter|not what was archived"):
            content(stored_binlog(storage, LOG, record))
    stored.unlink()
    with pytest.raises(CorruptArtifactError, match="missing"):
        content(stored_binlog(storage, LOG, record))
    manifest = tmp_path / LOG / NAME / "manifest.json"
    fields = json.loads(manifest.read_bytes())
    fields["size"] += 1
    manifest.write_text(json.dumps(fields))
    with pytest.raises(DbfleetError, match="changed"):
        read_log(storage, LOG)


def test_only_logs_are_logs(tmp_path: Path) -> None:
    for name in ("server-1-20261122T031407Z", "b-20261121T031407Z", "lost+found", ".lock-x-1", "server-2"):
        (tmp_path / "c" / name).mkdir(parents=True)
    found = log_names(LocalStorage(str(tmp_path)), "c")
    assert found == ["b-20261121T031407Z", "server-1-20261122T031407Z"]
