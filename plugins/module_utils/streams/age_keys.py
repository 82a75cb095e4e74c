# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The keys of age (https://age-encryption.org/v1): recipients ``age1…``, which are public, and identities
``AGE-SECRET-KEY-1…``, which are secret. Both are X25519 keys in the text form of BIP 173 (Bech32).
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing as t

from .. import drivers
from ..errors import IdentityError, UsageError
from ..lazy_dataclass import dataclass

_RECIPIENT_PREFIX = "age"
_IDENTITY_PREFIX = "age-secret-key-"
_KEY_BYTES = 32
_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


@dataclass(frozen=True)
class Recipient:
    """Whom a file can be encrypted to.

    :param key: the X25519 public key.
    """

    key: bytes

    @classmethod
    def parse(cls, text: str) -> Recipient:
        """Read ``age1…``.

        :raises UsageError: it is not such a recipient.
        """
        key = _decode(text, _RECIPIENT_PREFIX)
        if key is None or text != text.lower():
            raise UsageError(f"{_shown(text)} is not an age recipient", hint=_recipient_hint(text))
        return cls(key)

    @property
    def text(self) -> str:
        return _encode(_RECIPIENT_PREFIX, self.key)


@dataclass(frozen=True)
class Identity:
    """What opens the files that were encrypted to its recipient.

    :param key: the X25519 private key; never shown.
    """

    key: bytes = dataclasses.field(repr=False)

    @classmethod
    def generate(cls) -> Identity:
        """A new one."""
        return cls(os.urandom(_KEY_BYTES))

    @property
    def recipient(self) -> Recipient:
        private = drivers.cryptography_x25519().X25519PrivateKey.from_private_bytes(self.key)
        return Recipient(public_bytes(private))

    @property
    def text(self) -> str:
        """The identity as it is kept; a secret."""
        return _encode(_IDENTITY_PREFIX, self.key).upper()


def public_bytes(private: t.Any) -> bytes:
    """The public half of a private key of the cryptography package."""
    serialization = drivers.cryptography_serialization()
    raw = serialization.Encoding.Raw, serialization.PublicFormat.Raw
    return t.cast(bytes, private.public_key().public_bytes(*raw))


def parse_recipients(texts: t.Iterable[str]) -> tuple[Recipient, ...]:
    """Recipients in their order, each once.

    :raises UsageError: one of the texts is none.
    """
    return tuple(dict.fromkeys(Recipient.parse(text.strip()) for text in texts))


def parse_identities(text: str, *, name: str) -> tuple[Identity, ...]:
    """The identities in a text as ``age-keygen`` writes it: one a line, and comments.

    :param name: what to call the text in errors, which never show anything of it.
    :raises IdentityError: a line is something else, or there is none.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        key = _decode(line, _IDENTITY_PREFIX)
        if key is None:
            raise IdentityError(f"line {number} of {name} is not an age identity", hint=_identity_hint(line))
        found.append(Identity(key))
    if not found:
        raise IdentityError(f"there is no age identity in {name}", hint="age-keygen makes one: AGE-SECRET-KEY-1…")
    return tuple(found)


def _recipient_hint(text: str) -> str:
    if text.upper().startswith("AGE-SECRET-KEY-"):
        return "this is the secret identity; take its public recipient: age-keygen -y FILE. Make a new one if it leaked"
    if text.startswith("ssh-"):
        return "SSH keys are not supported; make a key with age-keygen and take its public age1…"
    if re.match(r"age1(pq|tag|tagpq|[a-z0-9]+)1", text):
        return "only X25519 recipients are supported, as age-keygen makes them: age1… with 62 characters"
    return "recipients begin with age1 and have 62 characters; age-keygen makes an identity and shows its recipient"


def _identity_hint(line: str) -> str:
    if "-----BEGIN" in line or line.startswith("age-encryption.org/"):
        return "SSH keys and identities that are encrypted themselves are not supported; give an AGE-SECRET-KEY-1…"
    return "identities begin with AGE-SECRET-KEY-1, as age-keygen writes them; plugins are not supported"


def _shown(text: str) -> str:
    """A recipient for a message; what could be an identity instead is a secret."""
    return "the text given" if text.upper().startswith("AGE-") else repr(text)


def _decode(text: str, prefix: str) -> bytes | None:
    """The key in a Bech32 text, ``None`` where it is none with this prefix."""
    if text not in (text.lower(), text.upper()):
        return None
    head, _separator, tail = text.lower().rpartition("1")
    if head != prefix or any(character not in _ALPHABET for character in tail):
        return None
    values = [_ALPHABET.index(character) for character in tail]
    if len(values) <= _CHECKSUM_LENGTH or _polymod([*_expanded(prefix), *values]) != 1:
        return None
    data = _regrouped(values[:-_CHECKSUM_LENGTH], 5, 8)
    return data if data is not None and len(data) == _KEY_BYTES else None


def _encode(prefix: str, data: bytes) -> str:
    values = list(_padded(data))
    checksum = _polymod([*_expanded(prefix), *values, *[0] * _CHECKSUM_LENGTH]) ^ 1
    values += [checksum >> 5 * (5 - index) & 31 for index in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1" + "".join(_ALPHABET[value] for value in values)


def _polymod(values: t.Iterable[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for index, generator in enumerate(_GENERATOR):
            checksum ^= generator if top >> index & 1 else 0
    return checksum


def _expanded(prefix: str) -> list[int]:
    return [*(ord(letter) >> 5 for letter in prefix), 0, *(ord(letter) & 31 for letter in prefix)]


def _regrouped(values: t.Sequence[int], width: int, wanted: int) -> bytes | None:
    """Groups of 5 bits as bytes; ``None`` where the padding is not what an encoder writes."""
    number, bits, found = 0, 0, bytearray()
    for value in values:
        number, bits = number << width | value, bits + width
        if bits >= wanted:
            bits -= wanted
            found.append(number >> bits)
            number &= (1 << bits) - 1
    return bytes(found) if bits < width and not number else None


def _padded(data: bytes) -> t.Iterator[int]:
    number, bits = 0, 0
    for byte in data:
        number, bits = number << 8 | byte, bits + 8
        while bits >= 5:
            bits -= 5
            yield number >> bits & 31
    if bits:
        yield number << 5 - bits & 31
