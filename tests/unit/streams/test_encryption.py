# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import pickle
import random

import pyrage
import pytest

from dbfleet.errors import CorruptArtifactError, IdentityError, StorageError, UsageError
from dbfleet.streams.age_header import MAGIC
from dbfleet.streams.age_keys import Identity, Recipient, parse_identities, parse_recipients
from dbfleet.streams.encryption import CHUNK_BYTES, DecryptSource, Encryption, EncryptSink, is_encrypted

SIZES = (
    0,
    1,
    1000,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    16 * CHUNK_BYTES,
    17 * CHUNK_BYTES,
    40 * CHUNK_BYTES + 7,
)


class Kept:
    def __init__(self) -> None:
        self.data = b""
        self.state = "open"

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"


def encrypted(data: bytes, *identities: Identity, piece: int = 10_000) -> bytes:
    kept = Kept()
    sink = EncryptSink(kept, [identity.recipient for identity in identities])
    for start in range(0, len(data), piece):
        sink.write(memoryview(data)[start : start + piece])
    sink.close()
    assert kept.state == "closed"
    return kept.data


def opened(stored: bytes, *identities: Identity) -> DecryptSource:
    return DecryptSource(io.BytesIO(stored), identities, name="the file")


def read_all(source: DecryptSource, piece: int = 50_000) -> bytes:
    parts = iter(lambda: source.read(piece), b"")
    return b"".join(parts)


@pytest.fixture(scope="module")
def identity() -> Identity:
    return Identity.generate()


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_encrypted_comes_back(identity: Identity, size: int) -> None:
    data = content(size)
    for piece in (7001, 1 << 20):
        stored = encrypted(data, identity, piece=piece)
        assert is_encrypted(stored)
        assert read_all(opened(stored, identity)) == data


@pytest.mark.parametrize("size", SIZES)
def test_another_implementation_agrees(identity: Identity, size: int) -> None:
    data = content(size)
    theirs = pyrage.x25519.Identity.from_str(identity.text)
    assert pyrage.decrypt(encrypted(data, identity), [theirs]) == data
    assert read_all(opened(pyrage.encrypt(data, [theirs.to_public()]), identity)) == data


def test_keys_have_the_text_of_the_other_implementation(identity: Identity) -> None:
    theirs = pyrage.x25519.Identity.generate()
    assert str(pyrage.x25519.Identity.from_str(identity.text).to_public()) == identity.recipient.text
    assert parse_identities(f"# created: x\n\n{theirs}\n", name="f")[0].recipient.text == str(theirs.to_public())
    assert Recipient.parse(identity.recipient.text) == identity.recipient
    assert pickle.loads(pickle.dumps(identity)) == identity
    assert identity.text not in repr(identity)
    assert repr(identity.key) not in repr(identity)


def test_every_recipient_opens_it(identity: Identity) -> None:
    others = [Identity.generate() for _number in range(20)]
    stored = encrypted(b"data", *others, identity)
    for one in (others[0], others[-1], identity):
        assert read_all(opened(stored, Identity.generate(), one)) == b"data"
    with pytest.raises(IdentityError, match="encrypted to 21 recipients, and no identity given is one of them"):
        opened(stored, Identity.generate())
    with pytest.raises(IdentityError):
        opened(stored)


def test_no_two_files_are_alike(identity: Identity) -> None:
    first, second = encrypted(bytes(100), identity), encrypted(bytes(100), identity)
    assert first[len(MAGIC) :] != second[len(MAGIC) :]
    assert bytes(20) not in first


@pytest.mark.parametrize("size", [0, 100, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_it_is_read_from_anywhere(identity: Identity, size: int) -> None:
    data = content(size)
    source = opened(encrypted(data, identity), identity)
    chance = random.Random(1)
    for _number in range(300):
        offset = chance.choice((0, size, chance.randint(0, size), CHUNK_BYTES * chance.randint(0, 3)))
        if offset > size:
            continue
        source.seek(offset)
        assert source.tell() == offset
        wanted = chance.choice((1, 100, CHUNK_BYTES, 3 * CHUNK_BYTES))
        data_read = source.read(wanted)
        assert data_read == data[offset : offset + len(data_read)]
        assert data_read or offset == size
        assert source.tell() == offset + len(data_read)
    source.seek(0)
    assert read_all(source) == data


def test_a_flipped_bit_is_noticed_wherever_it_is(identity: Identity) -> None:
    data = content(3 * CHUNK_BYTES + 10)
    stored = encrypted(data, identity)
    header = stored.index(b"\n--- ") + 60
    chance = random.Random(2)
    for position in (*range(header), *(chance.randrange(header, len(stored)) for _number in range(200))):
        altered = bytearray(stored)
        altered[position] ^= 1 << chance.randrange(8)
        with pytest.raises((CorruptArtifactError, IdentityError)):
            read_all(opened(bytes(altered), identity))


def test_a_cut_is_noticed_wherever_it_is(identity: Identity) -> None:
    stored = encrypted(content(3 * CHUNK_BYTES), identity)
    payload = len(stored) - 3 * (CHUNK_BYTES + 16)
    ends = [payload + chunk * (CHUNK_BYTES + 16) + more for chunk in range(3) for more in (-1, 0, 1, 15, 16, 17)]
    for end in (*range(0, payload, 7), *ends, len(stored) - 1):
        with pytest.raises((CorruptArtifactError, IdentityError)):
            read_all(opened(stored[:end], identity))
    for more in (b"x", bytes(16), stored[payload : payload + CHUNK_BYTES + 16]):
        with pytest.raises(CorruptArtifactError):
            read_all(opened(stored + more, identity))


def test_chunks_in_another_order_are_noticed(identity: Identity) -> None:
    stored = encrypted(content(4 * CHUNK_BYTES), identity)
    sealed = CHUNK_BYTES + 16
    payload = len(stored) - 4 * sealed
    chunks = [stored[payload + index * sealed : payload + (index + 1) * sealed] for index in range(4)]
    for order in ((1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2), (0, 1, 3), (0, 0, 1, 2, 3), (3,)):
        with pytest.raises(CorruptArtifactError, match="altered|truncated"):
            read_all(opened(stored[:payload] + b"".join(chunks[index] for index in order), identity))


def test_a_cut_is_noticed_after_going_to_the_end_of_it(identity: Identity) -> None:
    stored = encrypted(content(3 * CHUNK_BYTES), identity)[: -(CHUNK_BYTES + 16)]
    source = opened(stored, identity)
    source.seek(2 * CHUNK_BYTES)
    with pytest.raises(CorruptArtifactError, match="truncated"):
        source.read(1)
    source.seek(0)
    with pytest.raises(CorruptArtifactError, match="truncated"):
        source.read(1)
    beyond = opened(stored, identity)
    beyond.seek(9 * CHUNK_BYTES)
    with pytest.raises(CorruptArtifactError, match="shorter than its content says"):
        beyond.read(1)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"PGDMP",
        b"age-encryption.org/v2\n-> X25519 x\n",
        b"-----BEGIN AGE ENCRYPTED FILE-----\n",
        MAGIC,
        MAGIC + b"-> X25519 AAAA\n\n--- AAAA\n",
        MAGIC + b"-> X25519\n" * 20_000,
        MAGIC + b"x" * 100_000,
        MAGIC + b"--- " + b"A" * 43 + b"\n",
        MAGIC + b"-> X25519 \xff\n",
    ],
)
def test_what_is_no_encrypted_file(identity: Identity, text: bytes) -> None:
    with pytest.raises(CorruptArtifactError, match="the file is not a file that age encrypted, or is damaged"):
        opened(text, identity)


def test_a_passphrase_is_named(identity: Identity) -> None:
    with pytest.raises(IdentityError, match="encrypted with a passphrase"):
        opened(pyrage.passphrase.encrypt(b"data", "secret"), identity)


def test_a_recipient_that_is_none(identity: Identity) -> None:
    good = identity.recipient.text
    for text in (
        "",
        "age1",
        good[:-1],
        good + "q",
        good.replace("age1", "age2"),
        good[:10] + "b" + good[11:],
        "x" * 62,
    ):
        with pytest.raises(UsageError, match="is not an age recipient"):
            Recipient.parse(text)
    with pytest.raises(UsageError) as caught:
        Recipient.parse(identity.text)
    assert identity.text not in str(caught.value)
    assert "this is the secret identity" in caught.value.hint
    with pytest.raises(UsageError, match="SSH keys are not supported"):
        Recipient.parse("ssh-ed25519 AAAA")
    for position in range(4, len(good)):
        changed = good[:position] + ("q" if good[position] != "q" else "p") + good[position + 1 :]
        with pytest.raises(UsageError):
            Recipient.parse(changed)
    assert parse_recipients([good, f" {good} "]) == (identity.recipient,)


def test_identities_that_are_none(identity: Identity) -> None:
    for text in ("", "# nothing\n", "AGE-SECRET-KEY-1QQQ", identity.recipient.text, "AGE-PLUGIN-YUBIKEY-1QQQ"):
        with pytest.raises(IdentityError) as caught:
            parse_identities(text, name="the file")
        assert "QQQ" not in str(caught.value)
    with pytest.raises(IdentityError, match="line 2 of the file"):
        parse_identities(f"{identity.text}\nsomething", name="the file")


def test_a_sink_is_finished_once(identity: Identity) -> None:
    kept = Kept()
    sink = EncryptSink(kept, [identity.recipient])
    sink.write(b"data")
    sink.abort()
    assert kept.state == "aborted"
    with pytest.raises(StorageError, match="closed or aborted"):
        sink.write(b"data")
    with pytest.raises(StorageError, match="closed or aborted"):
        sink.close()
    with pytest.raises(CorruptArtifactError):
        read_all(opened(kept.data, identity))


def test_without_recipients_nothing_changes(identity: Identity) -> None:
    kept = Kept()
    assert Encryption().sink(kept) is kept
    assert not Encryption()
    assert Encryption().suffix == ""
    assert Encryption((identity.recipient,)).suffix == ".age"
