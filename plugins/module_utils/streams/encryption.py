# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Encryption as streams, in the format of age (https://age-encryption.org/v1): the genuine program opens what is
written here, and what it writes is read here.

After the header come chunks of 64 KiB, each sealed by ChaCha20-Poly1305 under a nonce that counts them and marks the
last one: a chunk that is altered, missing, moved or cut off is noticed. Chunks can be opened in any order, so an
encrypted file can be read from anywhere, as a restore of an archive by several processes does.
"""

from __future__ import annotations

import os
import typing as t

from .. import drivers
from ..errors import CorruptArtifactError, StorageError
from ..lazy_dataclass import dataclass
from .age_header import MAGIC, PAYLOAD_NONCE_BYTES, new_file_key, payload_key, read_header, render_header
from .age_keys import Identity, Recipient
from .base import Buffer, ByteSink, read_exactly

SUFFIX = ".age"
CHUNK_BYTES = 1 << 16

_TAG_BYTES = 16
_SEALED_BYTES = CHUNK_BYTES + _TAG_BYTES
# Sinks and sources below have a cost for each call, so several chunks go at once; after a seek it begins with few.
_CHUNKS_AT_ONCE = 16
_LAST = b"\x01"
_NOT_LAST = b"\x00"


class SeekableBytes(t.Protocol):
    """What encrypted bytes are read from."""

    def read(self, size: int) -> bytes: ...

    def seek(self, offset: int) -> None: ...

    def tell(self) -> int: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Encryption:
    """To whom new files are encrypted.

    :param recipients: none for files that are not encrypted.
    """

    recipients: tuple[Recipient, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.recipients)

    @property
    def suffix(self) -> str:
        """What the name of an encrypted file ends with; empty without encryption."""
        return SUFFIX if self else ""

    def check_available(self) -> None:
        """Fail now rather than in the middle when what is needed is missing.

        :raises DriverMissingError: it is.
        """
        if self:
            drivers.chacha20_poly1305(bytes(32))
            drivers.cryptography_x25519()

    def sink(self, inner: ByteSink) -> ByteSink:
        """``inner`` with encryption in front of it, or ``inner`` itself without recipients."""
        return EncryptSink(inner, self.recipients) if self else inner


NOT_ENCRYPTED = Encryption()


def is_encrypted(beginning: bytes) -> bool:
    """Whether a file that begins so was encrypted by age."""
    return beginning.startswith(MAGIC)


class EncryptSink:
    """Encrypts what is written and passes it on.

    :param recipients: whose identities will open it.
    :raises DriverMissingError: the package for it is missing.
    """

    def __init__(self, inner: ByteSink, recipients: t.Sequence[Recipient]) -> None:
        self._inner = inner
        file_key, nonce = new_file_key(), os.urandom(PAYLOAD_NONCE_BYTES)
        self._seal = drivers.chacha20_poly1305(payload_key(file_key, nonce)).encrypt
        self._count = 0
        self._pending = bytearray()
        self._finished = False
        inner.write(render_header(file_key, recipients) + nonce)

    def write(self, data: Buffer) -> None:
        self._check_open()
        self._pending += data
        # The last chunk, whole or not, is sealed otherwise, so one always waits.
        whole = (len(self._pending) - 1) // CHUNK_BYTES
        if whole >= _CHUNKS_AT_ONCE:
            self._pass_on(whole)

    def close(self) -> None:
        self._check_open()
        self._finished = True
        self._pass_on(max(0, len(self._pending) - 1) // CHUNK_BYTES)
        self._inner.write(self._seal(_nonce(self._count, _LAST), bytes(self._pending), None))
        self._pending.clear()
        self._inner.close()

    def abort(self) -> None:
        self._finished = True
        self._inner.abort()

    def _pass_on(self, whole: int) -> None:
        if not whole:
            return
        sealed = []
        for start in range(0, whole * CHUNK_BYTES, CHUNK_BYTES):
            # Older versions of the package take nothing but bytes.
            chunk = bytes(self._pending[start : start + CHUNK_BYTES])
            sealed.append(self._seal(_nonce(self._count, _NOT_LAST), chunk, None))
            self._count += 1
        del self._pending[: whole * CHUNK_BYTES]
        self._inner.write(b"".join(sealed))

    def _check_open(self) -> None:
        if self._finished:
            raise StorageError("the stream was closed or aborted before; nothing more can be written")


class DecryptSource:
    """The decrypted bytes of a source, from anywhere in it.

    :param inner: positioned at its start; closed with this one.
    :param name: the file's name, for error messages.
    :raises IdentityError: no identity opens it.
    :raises CorruptArtifactError: it is no such file, or its header was altered.
    """

    def __init__(self, inner: SeekableBytes, identities: t.Sequence[Identity], *, name: str) -> None:
        self._inner = inner
        self._name = name
        header = read_header(inner, name=name)
        file_key = header.file_key(identities, name=name)
        inner.seek(header.size)
        nonce = read_exactly(inner, PAYLOAD_NONCE_BYTES)
        if len(nonce) < PAYLOAD_NONCE_BYTES:
            raise self._damaged("it is truncated")
        self._open = drivers.chacha20_poly1305(payload_key(file_key, nonce)).decrypt
        self._payload = header.size + PAYLOAD_NONCE_BYTES
        self._error: CorruptArtifactError | None = None
        # Decrypted bytes that were not read yet, and where in the file they begin.
        self._plain = b""
        self._start = 0
        self._position = 0
        # Encrypted bytes that were read, and the number of the chunk that they begin with.
        self._sealed = b""
        self._next = 0
        self._ended = False
        self._at_once = 1

    def read(self, size: int) -> bytes:
        if self._error is not None:
            # A damaged stream stays damaged: a second read must not look like its end.
            raise self._error
        offset = self._position - self._start
        if offset >= len(self._plain):
            if self._ended or not self._fill():
                return b""
            offset = self._position - self._start
        data = self._plain[offset : offset + size]
        self._position += len(data)
        return data

    def seek(self, offset: int) -> None:
        if not self._start <= offset <= self._start + len(self._plain):
            chunk = offset // CHUNK_BYTES
            if chunk != self._next:
                self._inner.seek(self._payload + chunk * _SEALED_BYTES)
                self._sealed, self._next, self._at_once = b"", chunk, 1
            self._plain, self._start, self._ended = b"", chunk * CHUNK_BYTES, False
        self._position = offset

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._inner.close()

    def _fill(self) -> bool:
        """Decrypt the chunks at the position, if there are any."""
        self._start += len(self._plain)
        self._plain = b""
        try:
            self._plain = self._next_chunks()
        except CorruptArtifactError as error:
            self._error = error
            raise
        self._at_once = min(2 * self._at_once, _CHUNKS_AT_ONCE)
        return self._position < self._start + len(self._plain)

    def _next_chunks(self) -> bytes:
        # One byte more than is wanted tells whether the last of them is the last of all.
        wanted = self._at_once * _SEALED_BYTES + 1 - len(self._sealed)
        sealed = self._sealed + read_exactly(self._inner, wanted)
        self._ended = len(sealed) <= self._at_once * _SEALED_BYTES
        if not sealed:
            return self._confirmed_end()
        count = (len(sealed) + _SEALED_BYTES - 1) // _SEALED_BYTES if self._ended else self._at_once
        opened = []
        for index in range(count):
            is_last = self._ended and index == count - 1
            chunk = sealed[index * _SEALED_BYTES : (index + 1) * _SEALED_BYTES]
            opened.append(self._opened(self._next, chunk, is_last=is_last))
            self._next += 1
        self._sealed = sealed[count * _SEALED_BYTES :]
        return b"".join(opened)

    def _confirmed_end(self) -> bytes:
        """Nothing, once it is sure that the chunk before this place is the last one: the file may be cut off here."""
        if not self._next:
            raise self._damaged("it is truncated")
        self._inner.seek(self._payload + (self._next - 1) * _SEALED_BYTES)
        before = read_exactly(self._inner, _SEALED_BYTES)
        if not before:
            raise self._damaged("it is shorter than its content says")
        self._opened(self._next - 1, before, is_last=True)
        return b""

    def _opened(self, number: int, chunk: bytes, *, is_last: bool) -> bytes:
        if len(chunk) <= _TAG_BYTES and (number or len(chunk) < _TAG_BYTES):
            raise self._damaged("it is truncated")
        try:
            return t.cast(bytes, self._open(_nonce(number, _LAST if is_last else _NOT_LAST), chunk, None))
        except drivers.invalid_tag():
            cause = "it is truncated or altered" if is_last else "it was altered"
            raise self._damaged(f"{cause} (chunk {number} of {CHUNK_BYTES} bytes)") from None

    def _damaged(self, cause: str) -> CorruptArtifactError:
        return CorruptArtifactError(
            f"cannot decrypt {self._name}: {cause}", hint="use another backup; this one is damaged", path=self._name
        )


def _nonce(number: int, last: bytes) -> bytes:
    return number.to_bytes(11, "big") + last
