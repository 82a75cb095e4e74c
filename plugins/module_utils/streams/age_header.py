# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The header of an age file: the file's key, once for every recipient, and a MAC over all of it.

Written and read as https://age-encryption.org/v1 says; what is read is untrusted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import typing as t

from .. import drivers
from ..errors import CorruptArtifactError, IdentityError
from ..lazy_dataclass import dataclass
from .age_keys import Identity, Recipient, public_bytes
from .base import ByteSource, read_exactly

MAGIC = b"age-encryption.org/v1\n"
ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
FILE_KEY_BYTES = 16
PAYLOAD_NONCE_BYTES = 16

_X25519 = "X25519"
_PASSPHRASE = "scrypt"
_WRAP_INFO = b"age-encryption.org/v1/X25519"
_LINE_LENGTH = 64
_SHARE_BYTES = 32
_WRAPPED_BYTES = FILE_KEY_BYTES + 16
_MAC_BYTES = 32
_NONCE = bytes(12)
_LARGEST_LINE = 4096
_MOST_LINES = 10_000


@dataclass(frozen=True)
class _Stanza:
    """The file's key for one recipient."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True)
class AgeHeader:
    """A header that was read.

    :param size: its bytes; the payload's nonce comes after it.
    """

    stanzas: tuple[_Stanza, ...]
    signed: bytes
    mac: bytes
    size: int

    def file_key(self, identities: t.Sequence[Identity], *, name: str) -> bytes:
        """The file's key.

        :raises IdentityError: no identity is one of the recipients.
        :raises CorruptArtifactError: the header was altered.
        """
        for identity in identities:
            for stanza in self.stanzas:
                key = _unwrap(stanza, identity) if stanza.kind == _X25519 else None
                if key is None:
                    continue
                if not hmac.compare_digest(_mac(key, self.signed), self.mac):
                    raise CorruptArtifactError(f"the header of {name} was altered (its MAC does not match)", path=name)
                return key
        if any(stanza.kind == _PASSPHRASE for stanza in self.stanzas):
            raise IdentityError(
                f"{name} is encrypted with a passphrase, not to a recipient",
                hint="decrypt it with the age program first",
            )
        kinds = sorted({stanza.kind for stanza in self.stanzas} - {_X25519})
        other = f"; it has recipients of other kinds: {', '.join(kinds[:5])}" if kinds else ""
        raise IdentityError(
            f"{name} is encrypted to {len(self.stanzas)} recipients, and no identity given is one of them{other}",
            hint="give the identity that belongs to a recipient of this backup",
        )


def render_header(file_key: bytes, recipients: t.Sequence[Recipient]) -> bytes:
    """A header for a new file."""
    lines = [MAGIC]
    for recipient in recipients:
        share, wrapped = _wrap(file_key, recipient)
        lines.append(f"-> {_X25519} {_encoded(share)}\n{_encoded(wrapped)}\n".encode())
    signed = b"".join(lines) + b"---"
    return signed + f" {_encoded(_mac(file_key, signed))}\n".encode()


def read_header(source: ByteSource, *, name: str) -> AgeHeader:
    """The header of the file that ``source`` is at the beginning of. More than the header may be read.

    :raises CorruptArtifactError: it is no header of version 1, or a damaged one.
    """
    try:
        return _parse(_Lines(source))
    except _BadHeader as error:
        raise CorruptArtifactError(
            f"{name} is not a file that age encrypted, or is damaged: {error}",
            hint="files in age's text form (armor) have to be decrypted with the age program first"
            if error.is_armor
            else "",
            path=name,
        ) from None


def new_file_key() -> bytes:
    return os.urandom(FILE_KEY_BYTES)


def payload_key(file_key: bytes, nonce: bytes) -> bytes:
    """The key of the payload's chunks."""
    return _hkdf(file_key, nonce, b"payload")


class _BadHeader(Exception):
    is_armor = False


class _Lines:
    """The lines of a header, of which all bytes are counted and kept."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._pending = b""
        self._left = _MOST_LINES
        self.taken = bytearray()

    def next(self) -> str:
        while b"\n" not in self._pending:
            data = read_exactly(self._source, _LARGEST_LINE) if len(self._pending) <= _LARGEST_LINE else b""
            if not data:
                raise _BadHeader("its header does not end")
            self._pending += data
        line, _newline, self._pending = self._pending.partition(b"\n")
        self._left -= 1
        if self._left < 0 or len(line) > _LARGEST_LINE:
            raise _BadHeader("its header is too large")
        self.taken += line + b"\n"
        try:
            return line.decode("ascii")
        except UnicodeDecodeError:
            raise _BadHeader("its header is not text") from None


def _parse(lines: _Lines) -> AgeHeader:
    first = lines.next()
    if f"{first}\n".encode() != MAGIC:
        error = _BadHeader("it does not begin with a header of version 1")
        error.is_armor = first.startswith(ARMOR.decode())
        raise error
    stanzas = []
    while True:
        line = lines.next()
        if line.startswith("---"):
            break
        stanzas.append(_stanza(line, lines))
    if not line.startswith("--- "):
        raise _BadHeader("its header has no MAC")
    mac = _decoded(line[4:])
    if len(mac) != _MAC_BYTES or not stanzas:
        raise _BadHeader("its header has no recipients or no MAC")
    if len(stanzas) > 1 and any(stanza.kind == _PASSPHRASE for stanza in stanzas):
        raise _BadHeader("a passphrase does not go with other recipients")
    size = len(lines.taken)
    return AgeHeader(tuple(stanzas), bytes(lines.taken[: size - len(line) - 1]) + b"---", mac, size)


def _stanza(line: str, lines: _Lines) -> _Stanza:
    arguments = line.split(" ")
    printable = all(argument and all("!" <= letter <= "~" for letter in argument) for argument in arguments)
    if arguments[0] != "->" or len(arguments) < 2 or not printable:
        raise _BadHeader("a line of its header is not that of a recipient")
    body = bytearray()
    while True:
        encoded = lines.next()
        if len(encoded) > _LINE_LENGTH:
            raise _BadHeader("a line of its header is too long")
        body += _decoded(encoded)
        if len(encoded) < _LINE_LENGTH:
            break
    stanza = _Stanza(arguments[1], tuple(arguments[2:]), bytes(body))
    if stanza.kind == _X25519 and (
        len(stanza.arguments) != 1
        or len(_decoded(stanza.arguments[0])) != _SHARE_BYTES
        or len(stanza.body) != _WRAPPED_BYTES
    ):
        raise _BadHeader("a recipient in its header has a wrong size")
    return stanza


def _wrap(file_key: bytes, recipient: Recipient) -> tuple[bytes, bytes]:
    x25519 = drivers.cryptography_x25519()
    ephemeral = x25519.X25519PrivateKey.generate()
    share = public_bytes(ephemeral)
    secret = ephemeral.exchange(x25519.X25519PublicKey.from_public_bytes(recipient.key))
    key = _hkdf(secret, share + recipient.key, _WRAP_INFO)
    return share, t.cast(bytes, drivers.chacha20_poly1305(key).encrypt(_NONCE, file_key, None))


def _unwrap(stanza: _Stanza, identity: Identity) -> bytes | None:
    """The file's key, ``None`` where it is for another recipient."""
    x25519 = drivers.cryptography_x25519()
    share = _decoded(stanza.arguments[0])
    private = x25519.X25519PrivateKey.from_private_bytes(identity.key)
    try:
        # A share of small order gives a secret of zeros, which anybody knows; the package refuses it.
        secret = private.exchange(x25519.X25519PublicKey.from_public_bytes(share))
    except ValueError:
        raise _bad_share() from None
    key = _hkdf(secret, share + identity.recipient.key, _WRAP_INFO)
    try:
        return t.cast(bytes, drivers.chacha20_poly1305(key).decrypt(_NONCE, stanza.body, None))
    except drivers.invalid_tag():
        return None


def _bad_share() -> CorruptArtifactError:
    return CorruptArtifactError("a recipient in the header of an encrypted file has a key that is none")


def _mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.new(_hkdf(file_key, b"", b"header"), signed, hashlib.sha256).digest()


def _hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF (RFC 5869) with SHA-256, 32 bytes: one round of its expansion."""
    extracted = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Base64 without padding, in the one form that an encoder writes."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise _BadHeader("its header holds bad base64") from None
    if _encoded(data) != text:
        raise _BadHeader("its header holds base64 in another form")
    return data
