# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The server's side of the MySQL protocol, as far as a replica needs it: login, small answers, a stream of events.

Written after the protocol's documentation; what replicas ask was read off MySQL 5.7 and 9.7 and MariaDB 10.5 to 11.8.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import socket
import ssl
import struct
import typing as t

from ...errors import ConnectError

COM_QUIT, COM_QUERY, COM_PING, COM_BINLOG_DUMP, COM_REGISTER, COM_SET_OPTION, COM_DUMP_GTID = (
    0x01, 0x03, 0x0E, 0x12, 0x15, 0x1B, 0x1E,
)  # fmt: skip
NATIVE, SHA2 = "mysql_native_password", "caching_sha2_password"
_LONGEST_PACKET = 0xFFFFFF
#: No client has a reason to send more.
_LONGEST_COMMAND = 1 << 20
_LONG_PASSWORD, _LONG_FLAG, _WITH_DATABASE, _PROTOCOL_41, _TRANSACTIONS = 0x1, 0x4, 0x8, 0x200, 0x2000
_SECURE, _PLUGIN_AUTH = 0x8000, 0x80000
_TLS = 0x800
#: What a client sends before TLS begins: the first part of a login.
_TLS_REQUEST = 32
_CAPABILITIES = _LONG_PASSWORD | _LONG_FLAG | _WITH_DATABASE | _PROTOCOL_41 | _TRANSACTIONS | _SECURE | _PLUGIN_AUTH
_UTF8 = 33
_AUTOCOMMIT = 2
_VAR_STRING = 0xFD
_ACCESS_DENIED = 1045
_NONCE = 20
_FAST_AUTH_DONE = b"\x01\x03"


class LoginRefused(ConnectError):
    """Somebody connected who does not know the password."""


class Channel:
    """One connection with a client.

    :param connection: accepted, with the timeout that is to hold.
    :param tls: nothing but TLS is spoken, before anything else is said.
    """

    def __init__(self, connection: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self._socket = connection
        self._tls = tls
        self._sequence = 0

    def greet(self, version: str, plugin: str, user: str, password: str) -> None:
        """Log the client in.

        :raises LoginRefused: its name or password is another.
        :raises OSError, ConnectError: the connection was lost.
        """
        # Neither zero, which would end it, nor anything that some client takes for text.
        nonce = bytes(secrets.choice(range(0x21, 0x7F)) for _byte in range(_NONCE))
        capabilities = _CAPABILITIES | (_TLS if self._tls is not None else 0)
        self._send(
            b"\x0a" + version.encode("ascii", "replace") + b"\0" + struct.pack("<I", 1) + nonce[:8] + b"\0"
            + struct.pack("<HBHH", capabilities & 0xFFFF, _UTF8, _AUTOCOMMIT, capabilities >> 16)
            + bytes([_NONCE + 1]) + bytes(10) + nonce[8:] + b"\0" + plugin.encode() + b"\0"
        )  # fmt: skip
        if self._tls is not None:
            self._begin_tls(self._tls)
        given, answer, its_plugin = _login(self._receive())
        if its_plugin != plugin:
            self._send(b"\xfe" + plugin.encode() + b"\0" + nonce + b"\0")
            answer = self._receive()
        expected = _SCRAMBLES[plugin](password.encode(), nonce)
        if not (hmac.compare_digest(given.encode(), user.encode()) and hmac.compare_digest(answer, expected)):
            self.error(_ACCESS_DENIED, "28000", "Access denied")
            raise LoginRefused("somebody connected to the replication source with another name or password")
        if plugin == SHA2:
            self._send(_FAST_AUTH_DONE)
        self.ok()

    def command(self) -> tuple[int, bytes]:
        """The client's next command, with what it says.

        :raises OSError, ConnectError: the connection was lost.
        """
        self._sequence = 0
        packet = self._receive()
        return packet[0], packet[1:]

    def ok(self) -> None:
        self._send(b"\0\0\0" + struct.pack("<HH", _AUTOCOMMIT, 0))

    def error(self, number: int, state: str, message: str) -> None:
        self._send(b"\xff" + struct.pack("<H", number) + b"#" + state.encode() + message.encode())

    def rows(self, names: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> None:
        """A result of text."""
        self._send(bytes([len(names)]))
        for name in names:
            parts = b"".join(map(_text, ("def", "", "", "", name, name)))
            self._send(parts + b"\x0c" + struct.pack("<HIBHBH", _UTF8, 1024, _VAR_STRING, 0, 0, 0))
        self._end_of_rows()
        for row in rows:
            self._send(b"".join(map(_text, row)))
        self._end_of_rows()

    def framed(self, payload: bytes) -> bytes:
        """A packet as it goes over the wire, or several where it is too long for one."""
        if len(payload) < _LONGEST_PACKET:
            sequence, self._sequence = self._sequence, (self._sequence + 1) & 0xFF
            return struct.pack("<I", len(payload) | sequence << 24) + payload
        parts = []
        while True:
            piece, payload = payload[:_LONGEST_PACKET], payload[_LONGEST_PACKET:]
            parts += [struct.pack("<I", len(piece) | self._sequence << 24), piece]
            self._sequence = (self._sequence + 1) & 0xFF
            if len(piece) < _LONGEST_PACKET:
                return b"".join(parts)

    def set_timeout(self, seconds: float) -> None:
        """How long a read or a write may take from here on."""
        self._socket.settimeout(seconds)

    def write(self, data: bytes | bytearray) -> None:
        """Send what was framed."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Cut the connection, also under a thread that is reading or writing."""
        try:
            # The connection's own: that of TLS would first let the other thread go on without encryption.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        except OSError:
            # It is closed already.
            return
        finally:
            self._socket.close()

    def _begin_tls(self, context: ssl.SSLContext) -> None:
        """Encrypt, as the client has to ask for.

        :raises LoginRefused: it does not.
        """
        packet = self._receive()
        if len(packet) != _TLS_REQUEST or not int.from_bytes(packet[:4], "little") & _TLS:
            self.error(_ACCESS_DENIED, "28000", "Access denied: TLS is required")
            raise LoginRefused("somebody connected to the replication source without TLS")
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def _end_of_rows(self) -> None:
        self._send(b"\xfe" + struct.pack("<HH", 0, _AUTOCOMMIT))

    def _send(self, payload: bytes) -> None:
        self.write(self.framed(payload))

    def _receive(self) -> bytes:
        head = self._exactly(4)
        size = int.from_bytes(head[:3], "little")
        if not 0 < size <= _LONGEST_COMMAND:
            raise ConnectError(f"a client of the replication source sent a packet of {size} bytes")
        self._sequence = (head[3] + 1) & 0xFF
        return self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            piece = self._socket.recv(size)
            if not piece:
                raise ConnectError("the client of the replication source closed its connection")
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)


def _login(packet: bytes) -> tuple[str, bytes, str]:
    """User, answer to the nonce, and plugin of a client's login.

    :raises ConnectError: it is none, or asks for TLS.
    """
    if len(packet) < 33:
        raise ConnectError("a client of the replication source sent no login")
    (capabilities,) = struct.unpack_from("<I", packet)
    user, _zero, rest = packet[32:].partition(b"\0")
    size = rest[0] if rest else 0
    answer, rest = rest[1 : 1 + size], rest[1 + size :]
    if capabilities & _WITH_DATABASE:
        rest = rest.partition(b"\0")[2]
    plugin = rest.partition(b"\0")[0] if capabilities & _PLUGIN_AUTH else NATIVE.encode()
    return user.decode("utf-8", "replace"), answer, plugin.decode("ascii", "replace")


def _text(value: str) -> bytes:
    raw = value.encode("utf-8")
    return bytes([len(raw)]) + raw if len(raw) < 0xFB else b"\xfc" + struct.pack("<H", len(raw)) + raw


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(left ^ right for left, right in zip(one, other))


def _native(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha1(password, usedforsecurity=False).digest()
    twice = hashlib.sha1(once, usedforsecurity=False).digest()
    return _xor(once, hashlib.sha1(nonce + twice, usedforsecurity=False).digest())


def _sha2(password: bytes, nonce: bytes) -> bytes:
    once = hashlib.sha256(password).digest()
    twice = hashlib.sha256(once).digest()
    return _xor(once, hashlib.sha256(twice + nonce).digest())


_SCRAMBLES: dict[str, t.Callable[[bytes, bytes], bytes]] = {NATIVE: _native, SHA2: _sha2}
