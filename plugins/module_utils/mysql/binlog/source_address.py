# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""Where the replication source of a replay listens, and how what it sends is encrypted.

Over a network it is TLS with a certificate that the target verifies, or nothing: who could pretend to be this host
would write into the target what he likes.
"""

from __future__ import annotations

import ssl

from ...errors import UsageError
from ...lazy_dataclass import dataclass

LOOPBACK = "127.0.0.1"
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class SourceAddress:
    """Where a target finds the source.

    :param host: a name or an address of this host, under which the target reaches it; the source listens there only.
    :param port: 0 for any that is free.
    :param certificate: a PEM file of this host that is good for ``host``, with what leads to its authority; empty for
        no TLS, which is for the host itself.
    :param key: the certificate's private key, a PEM file without a passphrase.
    :param authority: a PEM file on the target's host, readable for the server, by which it verifies the certificate.
    """

    host: str = LOOPBACK
    port: int = 0
    certificate: str = ""
    key: str = ""
    authority: str = ""

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS is spoken, and nothing else."""
        return bool(self.certificate)

    def context(self) -> ssl.SSLContext | None:
        """The server's side of TLS; ``None`` for none.

        :raises UsageError: certificate and key cannot be used.
        """
        if not self.certificate:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key, password=self._passphrase)
        except OSError as error:
            raise UsageError(
                f"{self.certificate} and {self.key} cannot be used as certificate and key: {error}",
                hint="both are PEM files, readable for this user, and belong together",
            ) from error
        return context

    def _passphrase(self) -> str:
        raise UsageError(f"{self.key} is encrypted with a passphrase", hint="name a private key without one")


HERE = SourceAddress()


def source_address(address: str, *, certificate: str, key: str, authority: str) -> SourceAddress:
    """What was asked for, where it is possible.

    :param address: ``host``, ``host:port``, or ``[address]:port`` for IPv6.
    :raises UsageError: it is not, or something is missing.
    """
    files = {"certificate": certificate, "private key": key, "authority on the target's host": authority}
    missing = [what for what, name in files.items() if not name]
    if not address and len(missing) == len(files):
        return HERE
    if not address or missing:
        what = "the address of this host" if not address else f"the {' and the '.join(missing)}"
        raise UsageError(
            f"a replica on another host needs {what}, too",
            hint="name this host's address, its certificate and private key, and the target's file of authorities",
        )
    return SourceAddress(*_host_and_port(address), certificate, key, authority)


def _host_and_port(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        host, colon, port = address, "", ""
    elif not colon or (":" in host and not host.startswith("[")):
        # A name alone, or an IPv6 address without a port.
        host, colon, port = address, "", ""
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not host or (colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= _HIGHEST_PORT)):
        raise UsageError(f"{address!r} is no address", hint="write host, host:port or [address]:port")
    return host, int(port) if colon else 0
