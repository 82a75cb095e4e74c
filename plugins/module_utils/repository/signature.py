# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Signatures of manifests (Ed25519): who has the public key sees that a backup was made by who has the private one.

A checksum tells of damage; somebody who may write to a repository can put another backup with a right checksum in the
place of one. What is signed is the manifest's text with an empty signature and without its checksum; the files are in
there by their SHA-256, the backup by its cluster, database and id.
"""

from __future__ import annotations

import base64
import binascii
import functools
import typing as t

from .. import drivers
from ..errors import CorruptArtifactError, UsageError
from ..streams.file import storage_error
from .sealed import sealed_text

_PURPOSE = b"dbfleet manifest\n"
_LARGEST_KEY = 1 << 16
_FIELD = b'\n "signature": "'


def require_signing_key(path: str) -> None:
    """Fail now rather than when all is written.

    :raises UsageError, StorageError, DriverMissingError: the key cannot be used.
    """
    _private_key(path)


def signature_of(unsigned: bytes, path: str) -> str:
    """The signature of a manifest that was rendered without one, in base64.

    :param path: of the private key, as ``openssl genpkey -algorithm ed25519`` writes it.
    :raises UsageError, StorageError, DriverMissingError: the key cannot be used.
    """
    return base64.b64encode(_private_key(path).sign(_PURPOSE + sealed_text(unsigned))).decode()


def check_signature(data: bytes, signature: str, path: str, *, name: str) -> None:
    """Make sure that a manifest was signed with the private key of a public one.

    :param data: the manifest's bytes, which were parsed.
    :param path: of the public key, as ``openssl pkey -pubout`` writes it.
    :raises CorruptArtifactError: it was not.
    :raises UsageError, StorageError, DriverMissingError: the key cannot be used.
    """
    key = _public_key(path)
    if not signature:
        raise CorruptArtifactError(
            f"the manifest {name} is not signed, and a signature is asked for",
            hint="do not trust this backup; or leave verify_key out for backups from before signing began",
            path=name,
        )
    # The fields of the manifest itself are indented by one; a name in there cannot hold a line feed.
    field = _FIELD + signature.encode("ascii", "replace") + b'"'
    unsigned = sealed_text(data).replace(field, _FIELD + b'"')
    try:
        key.verify(base64.b64decode(signature, validate=True), _PURPOSE + unsigned)
    except (drivers.invalid_signature(), binascii.Error, ValueError):
        raise CorruptArtifactError(
            f"the manifest {name} was not signed with the key that belongs to {path}",
            hint="do not trust this backup: somebody else made it, or changed it",
            path=name,
        ) from None


def _private_key(path: str) -> t.Any:
    found = _load(path, "load_pem_private_key", password=None)
    if not isinstance(found, drivers.cryptography_ed25519().Ed25519PrivateKey):
        raise _no_key(path, "a private Ed25519 key", "openssl genpkey -algorithm ed25519 -out KEY")
    return found


def _public_key(path: str) -> t.Any:
    found = _load(path, "load_pem_public_key")
    if not isinstance(found, drivers.cryptography_ed25519().Ed25519PublicKey):
        raise _no_key(path, "a public Ed25519 key", "openssl pkey -in KEY -pubout -out PUBLIC")
    return found


@functools.lru_cache(maxsize=8)
def _load(path: str, loader: str, **arguments: t.Any) -> t.Any:
    """The key in a file, ``None`` for anything else; a repository may hold very many manifests."""
    serialization = drivers.cryptography_serialization()
    try:
        with open(path, "rb") as file:
            data = file.read(_LARGEST_KEY)
    except OSError as error:
        raise storage_error("read the key", path, error) from error
    try:
        return getattr(serialization, loader)(data, **arguments)
    except (ValueError, TypeError, drivers.unsupported_algorithm()):
        # A TypeError tells of a key that is encrypted itself.
        return None


def _no_key(path: str, what: str, command: str) -> UsageError:
    return UsageError(f"{path} is not {what} in PEM form without a passphrase", hint=f"make one: {command}")
