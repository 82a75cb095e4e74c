# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Throw-away certificates: one authority, a server certificate for this machine, a client certificate."""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # The command line runs on a bare Python as long as nobody asks for TLS.
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

_VALID = datetime.timedelta(days=7)


@dataclass(frozen=True)
class TLSFiles:
    """PEM files in one folder; keys have mode 0600."""

    folder: Path

    @property
    def ca_cert(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def server_cert(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    @property
    def client_cert(self) -> Path:
        return self.folder / "client.crt"

    @property
    def client_key(self) -> Path:
        return self.folder / "client.key"


def make_certificates(
    folder: Path, *, hosts: Sequence[str] = ("localhost", "127.0.0.1"), client_name: str = "dbfleet"
) -> TLSFiles:
    """Fill ``folder`` with a new authority and two certificates signed by it.

    :param hosts: names and addresses the server certificate is good for; the first one is its common name.
    :param client_name: the common name of the client certificate.
    """
    from cryptography.hazmat.primitives import serialization

    folder.mkdir(parents=True, exist_ok=True)
    files = TLSFiles(folder)
    authority = f"dbfleet test authority {os.urandom(4).hex()}"
    ca_key = _new_key()
    _write_certificate(files.ca_cert, _certificate(authority, ca_key, authority, ca_key, is_authority=True))
    for cert, key_file, name, subjects in (
        (files.server_cert, files.server_key, hosts[0], hosts),
        (files.client_cert, files.client_key, client_name, ()),
    ):
        key = _new_key()
        _write_certificate(cert, _certificate(name, key, authority, ca_key, subjects=subjects))
        # The traditional form is the only one that every server here reads.
        form = serialization.PrivateFormat.TraditionalOpenSSL
        pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        _write(key_file, pem, 0o600)
    return files


def _new_key() -> rsa.RSAPrivateKey:
    """RSA: the TLS library inside the oldest server build knows it for certain."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(
    subject: str,
    key: rsa.RSAPrivateKey,
    issuer: str,
    issuer_key: rsa.RSAPrivateKey,
    *,
    is_authority: bool = False,
    subjects: Sequence[str] = (),
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if is_authority:
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
            data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    if subjects:
        builder = builder.add_extension(x509.SubjectAlternativeName([_general_name(name) for name in subjects]), False)
    return builder.sign(issuer_key, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    from cryptography.hazmat.primitives import serialization

    _write(path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
